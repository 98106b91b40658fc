"""The early-share guard; `powsim theory` has the network's own numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.early_share import (
    GuardMode,
    GuardVerdict,
    LeafCheck,
    StageShares,
    Streak,
    compare_leaves,
    compute_early_seed,
    find_early_height,
    find_weighted_median,
    judge_early,
    measure_shares,
    needs_leaves,
    update_streak,
)
from sim.protocol.proofs.leaves import Commitment, compute_leaf_seed


def commit(**counts: int) -> dict[str, Commitment]:
    return {host: Commitment(count, b"root") for host, count in counts.items()}


@given(st.integers(1, 10**5))
def test_the_early_height_is_the_nearest_block_to_a_third(stage_blocks: int) -> None:
    height = find_early_height(1000, stage_blocks)
    exact = Fraction(333_333, 10**6) * stage_blocks
    assert height is not None
    assert -Fraction(1, 2) < height - 1000 - exact <= Fraction(1, 2)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.9]), st.integers(-2, 5)), max_size=8))
def test_the_median_is_that_of_repeated_shares(weighted: list[tuple[float, int]]) -> None:
    """Each share repeated as often as it weighs: the lower median of the list."""
    repeated = sorted(share for share, weight in weighted for _ in range(weight))
    expected = repeated[(len(repeated) - 1) // 2] if repeated else None
    assert find_weighted_median(weighted) == expected


def test_who_is_in_the_distribution() -> None:
    early = {**commit(normal=30, inflated=101, empty=30, gone=10), "rootless": Commitment(30, b"")}
    final = {"normal": 100, "inflated": 100, "empty": 0, "rootless": 100, "late": 100}
    stage = measure_shares(early, final, {"normal": 1, "inflated": 100, "late": 1})
    assert stage.shares == {"normal": 0.3, "late": 0.0}
    assert stage.inflated == {"inflated"}
    assert stage.median == 0.0
    judged = {host: (stage.is_judged(host), stage.is_met(host)) for host in (*final, "gone", "unknown")}
    nothing = (False, False)
    assert judged == {
        **dict.fromkeys(("empty", "rootless", "gone", "unknown"), nothing),
        "normal": (True, True),
        "late": (True, True),
        "inflated": (True, False),
    }
    assert [host for host in final if needs_leaves(stage, host)] == ["normal", "inflated"]


def test_without_established_power_there_is_no_guard() -> None:
    stage = measure_shares(commit(a=1, b=99), {"a": 100, "b": 100}, {})
    assert stage.median is None
    assert judge(stage, Streak(misses=9)) == (GuardVerdict.PASS, Streak(misses=9))


def judge(stage: StageShares | None, streak: Streak, **more: object) -> tuple[GuardVerdict, Streak]:
    return judge_early(stage, "a", streak, 7, **{"is_confirmation": False, **more})  # type: ignore[arg-type]


LATE = measure_shares(commit(a=5, b=50, c=50), dict.fromkeys("abc", 100), dict.fromkeys("abc", 1))


def test_a_share_of_exactly_half_the_median_passes() -> None:
    stage = measure_shares(commit(a=25, b=50, c=50), dict.fromkeys("abc", 100), dict.fromkeys("abc", 1))
    assert (stage.threshold, stage.is_met("a")) == (0.25, True)
    assert not LATE.is_met("a")


def test_modes() -> None:
    missed = Streak(2, 7, is_no=True)
    assert judge(LATE, Streak(1)) == (GuardVerdict.VOTE_NO, missed)
    assert judge(LATE, Streak(1), mode=GuardMode.OBSERVE) == (GuardVerdict.PASS, missed)
    assert judge(LATE, Streak(1), mode=GuardMode.DISABLED) == (GuardVerdict.PASS, Streak(1))
    assert judge(None, Streak(1)) == (GuardVerdict.PASS, Streak(1))


@pytest.mark.parametrize(
    ("leaves", "verdict"), [(LeafCheck.CHANGED, GuardVerdict.VOTE_NO), (LeafCheck.UNREACHED, GuardVerdict.RETRY)]
)
def test_leaves_come_before_the_streak(leaves: LeafCheck, verdict: GuardVerdict) -> None:
    assert judge(LATE, Streak(), leaves=leaves) == (verdict, Streak())
    assert judge(LATE, Streak(), leaves=LeafCheck.KEPT) == (GuardVerdict.PASS, Streak(1, 7))


def test_leaves_are_kept_only_if_all_are_and_all_are_proved() -> None:
    early = [(1, b"x"), (2, b"y")]
    assert compare_leaves(early, {1: b"x", 2: b"y", 3: b"z"}) is LeafCheck.KEPT
    assert compare_leaves(early, {1: b"x"}) is LeafCheck.CHANGED
    assert compare_leaves(early, {1: b"x", 2: b"y"}, are_proved=False) is LeafCheck.CHANGED
    assert compute_early_seed("k", "H", 1, "m") == compute_leaf_seed("k", "H", 1, "m|early-inclusion")


STAGES = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12)


@given(STAGES)
def test_a_row_of_misses_ends_only_with_a_passed_confirmation(stages: list[tuple[bool, bool]]) -> None:
    """Against a list of all stages: misses since the last passed confirmation."""
    streak, since = Streak(), 0
    for height, (is_met, is_confirmation) in enumerate(stages):
        streak = update_streak(streak, height, is_met=is_met, is_confirmation=is_confirmation)
        assert update_streak(streak, height, is_met=not is_met, is_confirmation=True) == streak
        since = 0 if is_met and is_confirmation else since + (not is_met)
        assert (streak.misses, streak.is_no) == (since, not is_met and since >= 2)
