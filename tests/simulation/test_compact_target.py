"""Targets as headers hold them: the compact form, rules rounded to it, and every published row of aserti3-2d."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.difficulty import controllers
from sim.difficulty.asert import aserti3_2d
from sim.difficulty.base import Interval, replay
from sim.difficulty.compact_target import CompactTarget, decode_compact, encode_compact, round_target
from sim.difficulty.waiting import Relief, get_waiting_law

RUNS = sorted((Path(__file__).parent.parent / "data" / "asert").glob("run*"))
SPACE, LIMIT, SPACING = 2.0**256, 0xFFFF << 208, 600
CUBIC = 1.4e-4  # by which the published rule's power of 2 may miss the exact one
MANTISSA = 2.0**-15  # the largest loss of a compact target


def read(run: Path) -> tuple[dict[str, int], list[tuple[int, int, int]]]:
    lines = run.read_text().splitlines()
    found = (re.match(r"##\s+(anchor [^:]+): (\S+)", line) for line in lines)
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    header = {match[1]: int(match[2], 0) for match in found if match}
    return header, [(int(row[1]), int(row[2]), int(row[3], 16)) for row in rows]


def as_intervals(run: Path) -> Iterator[Interval]:
    """The rows as a chain's own record: the anchor's interval, then one a row, as long as the timestamps say."""
    header, rows = read(run)
    before, anchor = header["anchor ancestor time"], SPACE / decode_compact(header["anchor nBits"])
    yield Interval(anchor, 1.0, 1.0, (rows[0][1] - SPACING - before) / SPACING, 1.0, header["anchor height"])
    before = rows[0][1] - SPACING
    for height, time, _ in rows:
        yield Interval(anchor, 1.0, 1.0, (time - before) / SPACING, 1.0, height)
        before = time


@dataclass(frozen=True)
class Published:
    """The integer rule inside the wrapper: whole seconds and whole targets, in a float's difficulty."""

    anchor_target: int
    anchor_height: int
    target = None

    def start(self, first: Interval) -> int:
        return 0

    def decide(self, state: int, interval: Interval) -> tuple[int, Any]:
        elapsed = state + round(float(interval.time) * SPACING)
        found = aserti3_2d(self.anchor_target, elapsed, interval.index - self.anchor_height, max_target=LIMIT)
        return elapsed, SPACE / found


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_wrapper_makes_every_published_row(run: Path) -> None:
    """To the bit: 2^256 / D in floats is exact enough for all 24 bits of a compact target."""
    header, rows = read(run)
    rule = CompactTarget(Published(decode_compact(header["anchor nBits"]), header["anchor height"]))
    decided = replay(rule, as_intervals(run))[1:]
    assert [encode_compact(as_target(each)) for each in decided] == [bits for *_, bits in rows]


def as_target(difficulty: Any) -> int:
    """The target of a rounded difficulty: the division may miss it by a float's last bit."""
    target = SPACE / float(difficulty)
    found = int(round_target(target, "compact"))
    assert found == pytest.approx(target, rel=1e-15)
    return found


@pytest.mark.parametrize("run", [run for run in RUNS if run.name in ("run01", "run02", "run06")], ids=lambda r: r.name)
def test_rounded_asert_is_the_published_rule_but_for_its_cubic(run: Path) -> None:
    """Our law is exact where the rows' integer rule has a cubic; targets stay below the limit in these runs."""
    _, rows = read(run)
    spec = {"kind": "asert", "half_life": 288.0, "target": {"valid_nonces_per_epoch": 1}}
    decided = replay(controllers.build({"kind": "compact_target", "rule": spec}), as_intervals(run))[1:]
    for each, (_, _, bits) in zip(decided, rows, strict=True):
        found = as_target(each)
        assert decode_compact(encode_compact(found)) == found  # a compact target it is
        assert found / decode_compact(bits) == pytest.approx(1.0, rel=CUBIC + 2 * MANTISSA)


@given(st.integers(1, 2**256 - 1))
def test_compact_form_by_definition(target: int) -> None:
    """Bytes by hand: the first three are kept, two where the first would be taken for a sign."""
    text = target.to_bytes((target.bit_length() + 7) // 8, "big")
    kept = 2 if text[0] >= 0x80 and len(text) > 2 else 3
    expected = int.from_bytes(text[:kept] + bytes(max(len(text) - kept, 0)), "big")
    assert decode_compact(encode_compact(target)) == expected
    assert round_target(float(expected), "compact") == float(expected)
    float_target = float(target)  # the wrapper's arithmetic: 53 bits
    nearest = decode_compact(encode_compact(int(float_target))) if float_target < SPACE else SPACE
    assert round_target(float_target, "compact") == nearest


def test_bitcoin_headers() -> None:
    """The first target, and two of the limit's neighbours, from the rows' own files."""
    assert decode_compact(0x1D00FFFF) == 0xFFFF * 256**26
    assert encode_compact(0xFFFF * 256**26) == 0x1D00FFFF
    assert [encode_compact(each) for each in (0x7F, 0x80, 0x8000, 0x800000)] == [
        *(0x017F0000, 0x02008000, 0x03008000, 0x04008000)
    ]
    for wrong in (0x1D800000, 0x1D000000, 0x2200FFFF, -1, 2**32, 0x00FFFFFF):
        with pytest.raises(ValueError, match="is no compact target"):
            decode_compact(wrong)
    for wrong in (-1, 2**2040):
        with pytest.raises(ValueError, match="must be at least 0"):
            encode_compact(wrong)


@given(st.floats(1.0, 1e60))
def test_rounding_never_makes_it_harder_to_be_easy(difficulty: float) -> None:
    """Targets are rounded down: D rises, by less than 2^-15; a rounded one stays; rows are rounded as numbers are."""
    rule = controllers.build({"kind": "compact_target", "rule": "fixed"})
    rounded = decide(rule, difficulty)
    assert 1.0 - 1e-14 <= rounded / difficulty < 1.0 + 1.01 * MANTISSA
    assert decide(rule, rounded) == rounded
    assert decide(rule, np.array([difficulty, 7.0]))[0] == rounded


def decide(rule: Any, difficulty: Any) -> Any:
    interval = Interval(difficulty, 1.0, 1.0, np.ones_like(difficulty), 1.0, 1)
    return rule.decide(rule.start(interval), interval)[1]


@pytest.mark.parametrize(("bits", "difficulty"), [(32, 1e6), (16, 300.0), (8, 1.0), (8, 1e9)])
def test_whole_numbers(bits: int, difficulty: float) -> None:
    rule = controllers.build({"kind": "compact_target", "form": "integer", "hash_bits": bits, "rule": "fixed"})
    exact = max(int(Fraction(2**bits) / Fraction(difficulty)), 1)
    assert decide(rule, difficulty) == 2**bits / exact


def test_a_waiting_law_is_rounded_too() -> None:
    pause = {"kind": "minimum_after_pause", "minimum": 1000.0, "rule": "fixed"}
    law = get_waiting_law(controllers.build({"kind": "compact_target", "rule": pause}))
    assert law is not None
    (relief,) = law(controllers.build(pause).start(Interval(1.0, 1.0, 1.0, 1.0, 1.0, 1)), 5000.0)
    assert isinstance(relief, Relief)
    assert relief.difficulty == SPACE / round_target(SPACE / 1000.0, "compact") != 1000.0
    assert get_waiting_law(controllers.build({"kind": "compact_target", "rule": "fixed"})) is None
