"""Rules that act while a block is awaited: exact waits, shared luck, the laws of the chains that have them."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.difficulty import controllers
from sim.difficulty.base import Interval, replay
from sim.difficulty.waiting import Relief
from sim.economy import curves
from sim.economy.base import Steps
from sim.race.compute import SteppedCompute
from sim.race.rig import Race, Setup, lay_out, run_race
from sim.race.waiting import await_quota

SETUP = Setup(600.0, n_decisions=500, n_replications=40, warm_up=10)
ONE = {"target": {"valid_nonces_per_epoch": 1}}


def race(spec: dict[str, Any], curve: Any = "constant", setup: Setup = SETUP) -> Race:
    return run_race(controllers.build(spec), lay_out(curves.build(curve), setup), setup)


def pause(rule: Any = "fixed", **parameters: Any) -> dict[str, Any]:
    return {"kind": "minimum_after_pause", "rule": rule, **parameters}


@pytest.mark.parametrize(("after", "minimum"), [(0.5, 6e3), (2.0, 6e3), (1.0, 5.9e4)])
def test_waits_follow_the_law_in_two_parts(after: float, minimum: float) -> None:
    """100 nonces/s, difficulty 6e4: the rate 1 until `after`, then 6e4 / minimum. Kolmogorov-Smirnov, level 1e-3."""
    mu = 6e4 / minimum
    found = race(pause(after=after, minimum=minimum)).time_ratio.ravel()

    def reach(wait: np.ndarray) -> np.ndarray:
        return -np.expm1(-np.minimum(wait, after) - mu * np.maximum(wait - after, 0.0))

    assert stats.kstest(found, reach).pvalue > 1e-3
    exact = -math.expm1(-after) + math.exp(-after) / mu
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / math.sqrt(found.size))


@pytest.mark.parametrize("quota", [1, 7])
def test_luck_is_shared_with_rules_that_only_wait(quota: int) -> None:
    """What ends before the pause takes as long as without the rule; a pause that never comes changes nothing."""
    setup = replace(SETUP, quota=quota)
    plain, eased = race({"kind": "fixed"}, setup=setup), race(pause(after=1.5, minimum=600.0), setup=setup)
    is_early = eased.time_ratio < 1.5
    assert 0 < is_early.mean() < 1
    assert eased.time_ratio[is_early] == pytest.approx(plain.time_ratio[is_early], rel=1e-9)
    assert (eased.time_ratio[~is_early] < plain.time_ratio[~is_early]).all()
    never = race(pause(after=1e6, minimum=1.0), setup=setup)
    assert never.time_ratio == pytest.approx(plain.time_ratio, rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_law_on_any_curve_is_exact(data: st.DataObject) -> None:
    """A second implementation: walk from change to change of compute and difficulty, and use up the work."""
    lengths = data.draw(st.lists(st.floats(0.1, 20.0), min_size=1, max_size=8))
    values = [5.0, *(data.draw(st.sampled_from([0.0, 0.5, 3.0, 40.0])) for _ in lengths[1:]), 2.0]
    steps = Steps(np.concatenate([[0.0], np.cumsum(lengths)]), np.array(values))
    reliefs = data.draw(st.lists(st.tuples(st.floats(-1.0, 20.0), st.floats(0.5, 30.0)), max_size=5))
    compute, now = SteppedCompute([steps, steps]), 0.0
    law = [Relief(after, np.array([lowered, lowered])) for after, lowered in reliefs]
    for work in data.draw(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=6)):
        tries, found_at = await_quota(np.full(2, work), np.full(2, 10.0), law, compute.count_tries)
        took = compute.advance(tries)
        end, difficulty = walk(steps, now, work, [(now + max(after, 0.0), low) for after, low in reliefs])
        assert took == pytest.approx([end - now] * 2, rel=1e-9, abs=1e-9)
        if min((abs(end - now - max(after, 0.0)) for after, _ in reliefs), default=1.0) > 1e-6:
            assert found_at.tolist() == [difficulty] * 2
        now = end


def walk(steps: Steps, start: float, work: float, reliefs: list[tuple[float, float]]) -> tuple[float, float]:
    """When the hazard's sum reaches `work`, and the difficulty then."""
    moments = sorted({start, math.inf, *(t for t in steps.times if t > start), *(t for t, _ in reliefs if t > start)})
    for begin, end in itertools.pairwise(moments):
        rate = steps.values[np.searchsorted(steps.times, begin, side="right") - 1]
        difficulty = min([10.0, *(low for moment, low in reliefs if moment <= begin)])
        if rate > 0 and work <= rate / difficulty * (end - begin):
            return begin + work * difficulty / rate, difficulty
        work -= rate / difficulty * (end - begin) if rate > 0 else 0.0
    raise AssertionError


def test_reliefs_come_in_any_order() -> None:
    """Rows of several replications, each with an order of its own; by hand: 1, 1 and 3 tries, at 6, 3 and 2."""
    compute = SteppedCompute([Steps(np.array([0.0]), np.array([1.0]))] * 2)
    law = [Relief(np.array([2.0, 1.0]), np.array([2.0, 3.0])), Relief(np.array([1.0, 2.0]), np.array([3.0, 2.0]))]
    for reliefs in (law, law[::-1]):
        tries, found_at = await_quota(np.full(2, 2.0), np.full(2, 6.0), reliefs, compute.count_tries)
        assert tries == pytest.approx([5.0, 5.0])
        assert found_at.tolist() == [2.0, 2.0]


@dataclass(frozen=True)
class Recorder:
    """A law that lets everything be found at once from the start, and notes what `decide` is told."""

    seen: list[Any]
    target = None

    def start(self, first: Interval) -> None:
        return None

    def decide(self, state: None, interval: Interval) -> tuple[None, Any]:
        self.seen.append((interval.index, np.array(interval.difficulty)))
        return None, np.full(4, 6e4)

    @property
    def waiting(self) -> Any:
        return lambda state, difficulty: [Relief(np.array([0.0, 0.0, np.inf, 1.0]), 300.0)]


def test_a_decision_is_told_the_difficulty_at_which_the_block_was_found() -> None:
    recorder = Recorder([])
    setup = replace(SETUP, n_decisions=30, n_replications=4)
    found = run_race(recorder, lay_out(curves.build("constant"), setup), setup)
    told = np.array([difficulty for index, difficulty in recorder.seen if index >= 1])[-30:]
    assert (found.difficulty == 6e4).all()
    assert (told[:, :2] == 300.0).all()
    assert (told[:, 2] == 6e4).all()
    assert (told[:, 3] == np.where(found.time_ratio[:, 3] > 1.0, 300.0, 6e4)).all()


@pytest.mark.parametrize("counts_as", ["own", "minimum"])
def test_what_the_rule_learns_of_a_pause(counts_as: str) -> None:
    """By hand: an average over two intervals, of which the second ended after the pause."""
    spec = pause({"kind": "sma", "window": 2, **ONE}, after=2.0, minimum=50.0, counts_as=counts_as)
    seen = [Interval(100.0, 1.0, 1.0, 1.0, 1.0, 1), Interval(50.0, 1.0, 1.0, 2.5, 1.0, 2)]
    expected = (100 + (100 if counts_as == "own" else 50)) / 3.5
    assert replay(controllers.build(spec), seen)[-1] == pytest.approx(expected)


def test_a_chain_under_the_rule_does_not_stop() -> None:
    """All but a thousandth of the compute leaves: Bitcoin's rule alone waits for its next renewal."""
    rule = {"kind": "epoch_average", "period": 200, **ONE}
    crash, setup = {"kind": "step", "factor": 1e-3, "time": "12 h"}, replace(SETUP, n_decisions=300)
    alone, eased = race(rule, crash, setup), race(pause(rule, after=2.0), crash, setup)
    assert eased.time_ratio.max() < 2.2
    assert alone.time_ratio.max() > 1000
    # Renewals count the times of the pauses, not their difficulty.
    assert np.unique(np.round(eased.difficulty[:, 0], 6)).size == np.unique(eased.difficulty[:, 0]).size == 2


def test_an_emergency_cut_by_hand() -> None:
    """12 h for six blocks, seen by medians of 11: five blocks late, and as long as it stays within the window."""
    controller = controllers.build({"kind": "emergency_cut", **ONE})
    times = [1.0] * 20 + [80.0] + [1.0] * 20
    state, difficulty, cuts = controller.start(Interval(1e6, 1.0, 1.0, 1.0, 1.0, 1)), 1e6, []
    for index, time in enumerate(times, 1):
        state, decided = controller.decide(state, Interval(difficulty, 1.0, 1.0, time, 1.0, index))
        if decided != difficulty:
            assert decided == pytest.approx(0.8 * difficulty)
            cuts.append(index)
        difficulty = decided
    assert cuts == [26, 27, 28, 29, 30, 31]
    renewed = replay(
        controllers.build({"kind": "emergency_cut", "period": 8, **ONE}),
        [Interval(100.0, 1.0, 1.0, 200.0, 1.0, index) for index in range(1, 9)],
    )
    assert renewed == [100.0] * 5 + [80.0] * 2 + [25.0]  # a renewal in a drought is not cut: by 4 at most


def test_a_slow_period_is_adjusted_by_every_further_block() -> None:
    """Period 10, limit 5: the awaited block's difficulty falls by T / N from T = 50 on, and the next one's again."""
    controller = controllers.build({"kind": "slow_epoch", "period": 10, **ONE})
    state = controller.start(Interval(1e4, 1.0, 1.0, 1.0, 1.0, 1))
    state, _ = controller.decide(state, Interval(1e4, 1.0, 1.0, 4.0, 1.0, 1))
    (relief,) = controller.waiting(state, 1e4)
    assert relief.after[0] == 46.0
    assert relief.difficulty[0] == 2e3
    assert relief.difficulty[4] == pytest.approx(1e3)  # T twice as long
    state, decided = controller.decide(state, Interval(2e3, 1.0, 1.0, 48.0, 1.0, 2))
    assert decided == 2e3
    (again,) = controller.waiting(state, decided)
    assert again.after[0] < 0
    assert again.difficulty[0] == 400.0
    assert min(controller.waiting(state, 3.0)[0].difficulty) == 1.0  # where every try is valid


def test_hosts_who_react_are_awaited_too() -> None:
    """Switchers see the difficulty at decisions; in between their compute stays, and the law acts on it."""
    spec = pause({"kind": "wtema", "lifetime": 30.0, **ONE}, after=1.5, minimum=100.0)
    found = race(spec, {"kind": "profit_driven", "switching_time": "5 min"})
    late = found.time_ratio > 1.5
    assert 0 < late.mean() < 0.5
    assert found.time_ratio.max() < 1.5 + 0.5 + 0.2  # lost work of hosts that joined, and 100 tries
    assert np.isfinite(found.difficulty).all()


def test_the_same_twice_and_whatever_runs_beside_it() -> None:
    spec = {"kind": "slow_epoch", "period": 20, **ONE}
    curve = {"kind": "step", "factor": 0.02, "time": "1 d"}
    one, wider = race(spec, curve), race(spec, curve, replace(SETUP, n_replications=45))
    assert np.array_equal(one.time_ratio, race(spec, curve).time_ratio)
    assert np.array_equal(one.time_ratio, wider.time_ratio[:, :40])
