"""The early-share guard of 2026 (network 2.6, 2.17, 2.19)."""

from __future__ import annotations

from collections.abc import Iterator

from sim.protocol.proofs.early_share import (
    GuardVerdict,
    LeafCheck,
    Streak,
    compare_leaves,
    find_early_height,
    find_weighted_median,
    judge_early,
    measure_shares,
    needs_leaves,
    update_streak,
)
from sim.protocol.proofs.leaves import Commitment
from sim.theory.row import Row

HEIGHTS = ((5002, 30, 5012), (1000, 100, 1033), (1000, 720, 1240), (1000, 99_999, 34_333))
"""Start of generation, blocks of the stage, height of the early counts."""
NO_CAPTURE = (
    ("stage 0", find_early_height(1000, 0)),
    ("fraction 0", find_early_height(1000, 100, fraction_ppm=0)),
    ("validation phase", find_early_height(1000, 100, is_generating=False)),
    ("not synced", find_early_height(1000, 100, is_synced=False)),
)
MEDIANS: tuple[tuple[tuple[tuple[float, int], ...], float | None], ...] = (
    (((0.8, 5), (0.2, 10)), 0.2),
    (((0.9, 5), (0.1, 5)), 0.1),
    (((0.42, 10),), 0.42),
    ((), None),
)
"""(share, weight), their weighted median."""


def early_share_rows() -> Iterator[Row]:
    """Yield heights, medians, streaks and verdicts of the guard."""
    for start, stage_blocks, height in HEIGHTS:
        case = f"start {start}, stage {stage_blocks}"
        yield Row.exact(f"network of 2026: early height, {case}", find_early_height(start, stage_blocks), height)
    for case, none in NO_CAPTURE:
        yield Row.exact(f"network of 2026: no early counts, {case}", none, None)
    for weighted, median in MEDIANS:
        yield Row.exact(f"network of 2026: median of {weighted}", find_weighted_median(weighted), median)
    yield from _stage_rows()
    yield from _streak_rows()
    yield from _leaf_rows()


def _stage_rows() -> Iterator[Row]:
    early = {"a": Commitment(10, b"root"), "b": Commitment(90, b"root")}
    stage = measure_shares(early, dict.fromkeys("abc", 100), dict.fromkeys("abc", 10))
    yield Row.exact("network of 2026: guard, shares .1, .9, 0: median", stage.median, 0.1)
    yield Row.exact("network of 2026: guard, shares .1, .9, 0: threshold", stage.threshold, 0.05)
    passed, streak = judge_early(stage, "a", Streak(), 1000, is_confirmation=True, leaves=LeafCheck.KEPT)
    yield Row.exact("network of 2026: guard, share .1 passes", (passed, streak.misses), (GuardVerdict.PASS, 0))
    missed, _ = judge_early(stage, "c", Streak(misses=1), 1000, is_confirmation=True)
    yield Row.exact("network of 2026: guard, share 0 after a miss", missed, GuardVerdict.VOTE_NO)
    asked = [host for host in "abc" if needs_leaves(stage, host)]
    yield Row.exact("network of 2026: guard, asked for leaves", asked, ["a", "b"])
    unnoted, _ = judge_early(None, "c", Streak(misses=1), 1000, is_confirmation=True)
    yield Row.exact("network of 2026: guard, stage not captured", unnoted, GuardVerdict.PASS)
    shares = {"x": Commitment(33, b"root"), "y": Commitment(30, b"root"), "z": Commitment(10, b"root")}
    worked = measure_shares(shares, dict.fromkeys("xyz", 100), {"x": 50, "y": 30, "z": 20})
    found = (worked.median, worked.threshold, [host for host in "xyz" if not worked.is_met(host)])
    yield Row.exact("network of 2026: guard, shares .33, .30, .10", found, (0.3, 0.15, ["z"]))


def _streak_rows() -> Iterator[Row]:
    passed = update_streak(Streak(misses=1), 1, is_met=True, is_confirmation=False)
    second = update_streak(passed, 2, is_met=False, is_confirmation=False)
    found = (passed.misses, second.misses, second.is_no)
    yield Row.exact("network of 2026: streak 1, a regular pass, a miss", found, (1, 2, True))
    confirmed = update_streak(second, 3, is_met=True, is_confirmation=True)
    yield Row.exact("network of 2026: streak 2, a passed confirmation", confirmed.misses, 0)
    first = update_streak(Streak(), 1, is_met=False, is_confirmation=False)
    yield Row.exact("network of 2026: streak 0, a miss", (first.misses, first.is_no), (1, False))
    for misses, is_no in ((1, False), (2, True)):
        once = update_streak(Streak(misses=misses - 1), 7, is_met=False, is_confirmation=False)
        again = update_streak(once, 7, is_met=False, is_confirmation=False)
        found_again = [(streak.misses, streak.is_no) for streak in (once, again)]
        yield Row.exact(f"network of 2026: miss {misses} evaluated twice", found_again, [(misses, is_no)] * 2)


def _leaf_rows() -> Iterator[Row]:
    early = [(7, b"vector")]
    checks = (
        ("same nonce and vector", compare_leaves(early, {7: b"vector"}), LeafCheck.KEPT, GuardVerdict.PASS),
        ("other vector", compare_leaves(early, {7: b"other"}), LeafCheck.CHANGED, GuardVerdict.VOTE_NO),
        ("early ones time out", compare_leaves(None, {7: b"vector"}), LeafCheck.UNREACHED, GuardVerdict.RETRY),
        ("final ones time out", compare_leaves(early, None), LeafCheck.UNREACHED, GuardVerdict.RETRY),
    )
    stage = measure_shares({"a": Commitment(50, b"root")}, {"a": 100}, {"a": 1})
    for case, check, expected, verdict in checks:
        judged, _ = judge_early(stage, "a", Streak(), 1, is_confirmation=False, leaves=check)
        yield Row.exact(f"network of 2026: early leaves, {case}", (check, judged), (expected, verdict))
    alone = measure_shares({"a": Commitment(50, b"root")}, {"a": 100, "b": 100}, {"a": 1})
    judged, _ = judge_early(alone, "b", Streak(misses=1), 1, is_confirmation=False)
    found = (needs_leaves(alone, "b"), judged)
    yield Row.exact("network of 2026: early leaves, early count 0", found, (False, GuardVerdict.VOTE_NO))
