import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from sim.units import (
    BIT_RATE,
    SIZE,
    TIME,
    BitsPerSecond,
    Bytes,
    QuantityError,
    Seconds,
    format_quantity,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("5.6 s", TIME, 5.6),
        ("150 ms", TIME, 0.15),
        ("10 min", TIME, 600.0),
        ("2 h", TIME, 7200.0),
        ("1 d", TIME, 86400.0),
        (" 1e3s ", TIME, 1000.0),
        ("+.5 min", TIME, 30.0),
        ("0 s", TIME, 0.0),
        ("1 MB", SIZE, 1e6),
        ("1 MiB", SIZE, 1048576.0),
        ("300 B", SIZE, 300.0),
        ("22020096 B", SIZE, 22020096.0),
        ("100 Mbit/s", BIT_RATE, 1e8),
        ("1 Gbit/s", BIT_RATE, 1e9),
        ("20 kbit/s", BIT_RATE, 2e4),
        ("12 MB/s", BIT_RATE, 96e6),
        ("1 KiB/s", BIT_RATE, 8192.0),
    ],
)
def test_quantities(text, dimension, value):
    assert parse_quantity(text, dimension) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "dimension", "message"),
    [
        (5.6, TIME, '5.6 has no unit; write for instance "5.6 s" (units: ms, s, min, h, d)'),
        ("5.6", TIME, '5.6 has no unit; write for instance "5.6 s" (units: ms, s, min, h, d)'),
        (5, SIZE, '5 has no unit; write for instance "5 B"'),
        (math.nan, TIME, "nan is not a time; it must be finite and have a unit"),
        (True, TIME, 'must be a time as text with a unit, for instance "5.6 s"'),
        (None, TIME, 'must be a time as text with a unit, for instance "5.6 s"'),
        ("5 MB", TIME, '"5 MB" is a size, but a time is needed here (units: ms, s, min, h, d)'),
        ("5 Mbit/s", SIZE, '"5 Mbit/s" is a bit rate, but a size is needed here'),
        ("3 sec", TIME, '"3 sec" has the unknown unit "sec". Did you mean "s"? Known: ms, s, min, h, d.'),
        ("1 mb", SIZE, '"1 mb" has the unknown unit "mb". Did you mean "MB"?'),
        ("9 parsec", TIME, '"9 parsec" has the unknown unit "parsec". Known: ms, s, min, h, d.'),
        ("-3 s", TIME, '"-3 s" must not be negative'),
        ("1e999 s", TIME, '"1e999 s" is too large'),
        ("nan s", TIME, '"nan s" is not a time; write for instance "5.6 s"'),
        ("00:10:00", TIME, '"00:10:00" has the unknown unit ":10:00"'),
        ("", TIME, '"" is not a time'),
    ],
)
def test_refusals_say_what_to_write(text, dimension, message):
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text, dimension)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("dimension", [TIME, SIZE, BIT_RATE])
@given(value=st.floats(min_value=0, max_value=1e10))
def test_formatted_quantities_come_back_exactly(dimension, value):
    assert parse_quantity(format_quantity(value, dimension), dimension) == value


@given(st.text())
def test_any_text_is_a_finite_quantity_or_refused(text):
    try:
        value = parse_quantity(text, TIME)
    except QuantityError:
        return
    assert math.isfinite(value)
    assert value >= 0


class _Link(BaseModel):
    latency: Seconds
    size: Bytes
    rate: BitsPerSecond


def test_pydantic_types():
    link = _Link.model_validate({"latency": "150 ms", "size": "1 MB", "rate": "8 Mbit/s"})
    assert (link.latency, link.size, link.rate) == (0.15, 1e6, 8e6)
    assert link.model_dump(mode="json") == {"latency": "0.15 s", "size": "1000000 B", "rate": "8000000 bit/s"}
    with pytest.raises(ValidationError, match="has no unit"):
        _Link.model_validate({"latency": 150, "size": "1 MB", "rate": "8 Mbit/s"})


def test_json_schema_is_text_with_examples():
    schema = TypeAdapter(Seconds).json_schema()
    assert schema["type"] == "string"
    assert "5.6 s" in schema["examples"]
