"""PoC Challenge (network 2.13): checks, stakes, slices and payouts by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from sim.protocol.models.challenge import (
    ChallengeEnd,
    ChallengeMoment,
    ChallengePayout,
    ChallengeRefusal,
    Segment,
    SegmentFault,
    Stake,
    compute_stake,
    find_fault,
    find_refusal,
    settle_challenge,
)
from sim.protocol.proofs.slices import spread_samples

MOMENT = ChallengeMoment(
    height=7_000,
    inference_start=400,
    window_start=14_891,
    is_confirming=False,
    open_targets=frozenset("xyz"),
    allowed=frozenset(),
)
STAKE = Stake(1000, 100)


def test_stake() -> None:
    """7891 of 14 491 blocks are left: floor(1000 · 20 / 100 · 7891 / 14 491) = 108, a tenth of it 10."""
    assert compute_stake(20, 100, 1000, MOMENT) == (108, 10)
    assert compute_stake(20, 100, 1000, replace(MOMENT, height=400)) == (200, 20)
    assert compute_stake(20, 0, 1000, MOMENT) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "challenger", "refusal"),
    [
        ({}, "c", None),
        ({"allowed": frozenset("d")}, "c", ChallengeRefusal.NOT_ALLOWED),
        ({"allowed": frozenset("cd")}, "c", None),
        ({}, "t", ChallengeRefusal.OWN),
        ({"height": 399}, "c", ChallengeRefusal.NO_INFERENCE),
        ({"is_confirming": True}, "c", ChallengeRefusal.CONFIRMATION),
        ({"height": 14_591}, "c", None),
        ({"height": 14_592}, "c", ChallengeRefusal.TOO_LATE),
        ({"open_targets": frozenset("wxyz")}, "c", ChallengeRefusal.TOO_MANY),
        ({"open_targets": frozenset("t")}, "c", ChallengeRefusal.CHALLENGED),
    ],
)
def test_refusals(changes: dict[str, object], challenger: str, refusal: ChallengeRefusal | None) -> None:
    assert find_refusal(challenger, "t", STAKE, replace(MOMENT, **changes), is_active=True) is refusal


def test_refusals_of_targets_and_stakes() -> None:
    assert find_refusal("c", "t", STAKE, MOMENT, is_active=False) is ChallengeRefusal.NOT_ACTIVE
    busy = find_refusal("c", "t", STAKE, MOMENT, is_active=True, has_maintenance=True)
    assert busy is ChallengeRefusal.MAINTENANCE
    assert find_refusal("c", "t", Stake(9, 0), MOMENT, is_active=True) is ChallengeRefusal.NO_STAKE


def test_slices() -> None:
    """Slices of 500 blocks; a last one below 300 is not judged, nor is a segment below 300."""
    segment = Segment(1000, 2400)
    assert [segment.find_slice(height) for height in (1000, 1499, 1500, 2399)] == [0, 0, 1, 2]
    assert segment.list_judged_slices() == [(0, 500), (1, 500), (2, 400)]
    assert Segment(1000, 2299).list_judged_slices() == [(0, 500), (1, 500)]
    assert Segment(0, 300).is_judged
    assert not Segment(0, 299).is_judged


@pytest.mark.parametrize(
    ("end", "counts", "fault"),
    [
        (1000, {0: 909, 1: 1818}, None),
        (1000, {0: 908, 1: 1818}, SegmentFault.UNDERWEIGHT),
        (1000, {0: 1000, 1: 1908}, SegmentFault.UNDERWEIGHT),
        (1000, {0: 1000}, SegmentFault.MISSING_COMMIT),
        (799, {0: 1000}, None),
        (299, {}, None),
    ],
)
def test_faults(end: int, counts: dict[int, int], fault: SegmentFault | None) -> None:
    """Two artifacts a block: .909 · 2 · 500 = 909 in each slice; counts are those of the segment so far."""
    assert find_fault(Segment(0, end), counts, Fraction(2)) is fault


def test_samples_are_spread_by_counts() -> None:
    assert spread_samples([100, 100, 200], 200) == [50, 50, 100]
    assert spread_samples([1, 1, 1], 2) == [1, 1, 0]
    assert spread_samples([7, 0, 992], 200) == [1, 0, 199]
    assert spread_samples([5, 10], 200) == [5, 10]


def test_payouts() -> None:
    """R = 1000, the target has 20 of 100: its whole reward is 200, of which the prize takes what was still open."""
    assert settle_challenge(ChallengeEnd.PASSED, Stake(108, 10), 20, 100, 1000) == ChallengePayout(10, 0, 0)
    assert settle_challenge(ChallengeEnd.FAILED, Stake(108, 10), 20, 100, 1000) == ChallengePayout(0, 10, 108)
    assert settle_challenge(ChallengeEnd.FAILED, Stake(300, 30), 20, 100, 1000) == ChallengePayout(0, 30, 200)
    assert settle_challenge(ChallengeEnd.VOID, Stake(108, 10), 20, 100, 1000) == ChallengePayout(0, 10, 0)
