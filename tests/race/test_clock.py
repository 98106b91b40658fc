"""False timestamps: by hand, beside a slow second clock, and what they do to races."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.difficulty import controllers
from sim.economy import curves
from sim.economy.timestamps import FalseTimestamps
from sim.race.clock import SHORTEST, FalseClock, draw_liars
from sim.race.measures import measure_race
from sim.race.rig import Race, Setup, lay_out, run_race

SETUP = Setup(600.0, n_decisions=1500, n_replications=20, warm_up=50)


def lies(share: float = 0.3, **parameters: Any) -> FalseTimestamps:
    return FalseTimestamps(**{"share": share, "most_ahead": "2 h", **parameters})


def rows(values: list[float]) -> Iterator[np.ndarray]:
    """The clock looks at the first row for its shape alone."""
    yield from (np.array([value]) for value in [0.0, *values])


def read(false: FalseTimestamps, is_false: list[bool], times: list[float], interval: float = 600.0) -> list[float]:
    clock = FalseClock(false, interval, rows([0.0 if each else 0.999 for each in is_false]))
    return [float(clock.read(np.array([time]))[0]) for time in times]


def read_slowly(false: FalseTimestamps, is_false: list[bool], times: list[float], interval: float) -> list[float]:
    """A second implementation, in seconds and with the whole history."""
    claims, now, seen, latest = [-number * interval for number in range(false.median_of)][::-1], 0.0, [], 0.0
    for lie, time in zip(is_false, times, strict=True):
        now += time * interval
        lowest = float(np.median(claims[-false.median_of :])) + 1.0
        wanted = now if not lie else now + false.most_ahead if false.claim == "ahead" else -math.inf
        before = claims[-1]
        claims.append(max(wanted, lowest))
        after = max(latest, claims[-1])
        passed = after - latest if false.reading == "monotone" else claims[-1] - before
        latest = after
        if false.reading != "raw" or abs(passed) < SHORTEST * interval:
            passed = max(passed, SHORTEST * interval)
        seen.append(passed / interval)
    return seen


def test_by_hand() -> None:
    """Every interval takes 600 s; the second timestamp is two hours early."""
    is_false, times = [False, True, False, False], [1.0] * 4
    assert read(lies(reading="raw"), is_false, times) == pytest.approx([1, 13, -11, 1])
    assert read(lies(reading="floored"), is_false, times) == pytest.approx([1, 13, 0, 1], abs=1e-8)
    assert read(lies(reading="monotone"), is_false, times) == pytest.approx([1, 13, 0, 0], abs=1e-8)
    # Behind: one second after the median of 11, which is 5 intervals old, and 4 after the first.
    back = read(lies(reading="raw", claim="behind"), [True, False], times[:2])
    assert back == pytest.approx([-5 + 1 / 600, 2 + 5 - 1 / 600])


@settings(deadline=None)
@given(
    st.sampled_from(["raw", "monotone", "floored"]),
    st.sampled_from(["ahead", "behind"]),
    st.lists(st.tuples(st.booleans(), st.floats(0.001, 9.0)), min_size=1, max_size=40),
    st.sampled_from([1, 2, 5, 11]),
    st.sampled_from([10.0, 600.0, 86_400.0]),
)
def test_beside_a_slow_clock(
    reading: Any, claim: Any, steps: list[tuple[bool, float]], median_of: int, interval: float
) -> None:
    false, (is_false, times) = lies(reading=reading, claim=claim, median_of=median_of), zip(*steps, strict=True)
    expected = read_slowly(false, list(is_false), list(times), interval)
    assert read(false, list(is_false), list(times), interval) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def race(kind: str, setup: Setup, curve: Any = "constant", **parameters: Any) -> Race:
    built = controllers.build({"kind": kind, **parameters, "target": {"valid_nonces_per_epoch": 1}})
    return run_race(built, lay_out(curves.build(curve), setup), setup)


def manipulate(kind: str, false: FalseTimestamps, **parameters: Any) -> dict[str, float]:
    setup = replace(SETUP, false_timestamps=false)
    steps = lay_out(curves.build("constant"), setup)
    found = measure_race(race(kind, setup, **parameters), steps, None, setup, race(kind, SETUP, **parameters))
    return {name: float(values.mean()) for name, values in found.items()}


def test_no_lies_change_nothing() -> None:
    honest = race("asert", SETUP, half_life=20.0)
    for reading in ("raw", "monotone", "floored"):
        told = race("asert", replace(SETUP, false_timestamps=lies(0.0, reading=reading)), half_life=20.0)
        # Honest clocks move up by a second where blocks come so fast that the median overtakes them: never here.
        assert told.time_ratio == pytest.approx(honest.time_ratio, rel=1e-6)


@pytest.mark.parametrize("claim", ["ahead", "behind"])
def test_asert_keeps_its_mean(claim: Any) -> None:
    """Four of ten timestamps are false: nothing gained over 1500 blocks but what the last claim is off, 12 of them."""
    for reading in ("raw", "monotone"):
        found = manipulate("asert", lies(0.4, claim=claim, reading=reading), half_life=100.0)
        assert abs(found["manipulation_gain"]) < 12 / 1500
        assert found["noise"] > manipulate("asert", lies(0.0), half_life=100.0)["noise"]


def test_a_floor_can_be_milked() -> None:
    """Each lie ahead adds time that never passed: intervals shrink, difficulty falls, for asert as for ema."""
    for kind, parameters in (("asert", {"half_life": 100.0}), ("ema", {"lifetime": 144.0})):
        found = manipulate(kind, lies(0.2, reading="floored"), **parameters)
        assert found["manipulation_gain"] > 0.5
        assert found["manipulation_bias"] < -0.4


def test_gain_and_bias_by_hand() -> None:
    two, one = np.full((4, 2), 2.0), np.ones((4, 2))
    fast, slow = Race(one, one, 0.5 * one, one), Race(two, one, one, one)
    found = measure_race(fast, lay_out(curves.build("constant"), replace(SETUP, n_replications=2)), None, SETUP, slow)
    assert found["manipulation_gain"].tolist() == [1.0, 1.0]
    assert found["manipulation_bias"] == pytest.approx([-math.log(2)] * 2)


def test_a_window_without_length_keeps_the_difficulty() -> None:
    """Two raw timestamps may lie anyhow: numbers come out, and no difficulty runs away."""
    found = race("sma", replace(SETUP, false_timestamps=lies(0.4, reading="raw")), window=2)
    assert np.isfinite(found.time_ratio).all()
    assert found.difficulty.min() > 6e4 / 1e4


def test_every_parameter_acts() -> None:
    usual = race("asert", replace(SETUP, false_timestamps=lies(reading="raw")))
    others = {"share": 0.1, "claim": "behind", "most_ahead": "10 min", "reading": "floored"}
    for name, other in others.items():
        changed = race("asert", replace(SETUP, false_timestamps=lies(**{"reading": "raw", name: other})))
        assert not np.array_equal(changed.time_ratio, usual.time_ratio), name
    narrow, wide = (lies(claim="behind", median_of=n, reading="raw") for n in (3, 11))
    assert read(narrow, [True] * 9, [1.0] * 9) != read(wide, [True] * 9, [1.0] * 9)


def test_liars_have_a_stream_of_their_own() -> None:
    rows, wider = draw_liars(1, 3, 10), draw_liars(1, 5, 10)
    for _ in range(25):  # longer than what is drawn at once
        assert np.array_equal(next(rows), next(wider)[:3])


@pytest.mark.parametrize("wrong", [{"share": 1.0}, {"share": -0.1}, {"reading": "none"}, {"median_of": 0}])
def test_what_is_no_lie_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        lies(**wrong)
