"""The early-share guard: a claim that grew too late in its stage makes its validators' votes a "no" (network 2.6).

1. At a third of the stage each validator notes every host's committed count and root, by model.
2. Share: early count / final count. A share below half the median of the model, weighted by voting power, is a miss.
3. The first miss is forgiven, from the second in a row on the vote is "no". Only a passed confirmation ends a row.
4. Early leaves must still be there at the end, unchanged; otherwise the vote is "no" at once.

Each validator keeps its own streaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from sim.protocol.proofs.leaves import Commitment, compute_leaf_seed

EARLY_FRACTION_PPM = 333_333
THRESHOLD_OF_MEDIAN = 0.5
FORGIVEN_MISSES = 1
N_EARLY_LEAVES = 5
_PPM = 1_000_000


class GuardMode(StrEnum):
    """How far a validator lets the guard decide."""

    DISABLED = "disabled"
    OBSERVE = "observe"
    """Streaks are kept, votes do not follow."""
    ENFORCE = "enforce"


class LeafCheck(StrEnum):
    """What became of the early leaves that a validator asked for."""

    KEPT = "kept"
    CHANGED = "changed"
    UNREACHED = "unreached"
    """The early or the final ones could not be fetched."""


class GuardVerdict(StrEnum):
    """What the guard says to a vote."""

    PASS = "pass"
    RETRY = "retry"
    VOTE_NO = "vote no"


@dataclass(frozen=True)
class Streak:
    """What a validator remembers of one (host, model), across regular proofs and confirmations."""

    misses: int = 0
    """In a row."""
    stage_height: int | None = None
    """P or trigger height of the last stage that counted."""
    is_no: bool = False
    """The verdict of that stage."""


@dataclass(frozen=True)
class StageShares:
    """The shares of one model in a stage, as one validator sees them."""

    early_counts: Mapping[str, int]
    """By host; of those that are judged."""
    shares: Mapping[str, float]
    """By host; the distribution."""
    inflated: frozenset[str] = field(default_factory=frozenset)
    """Hosts whose early count is above the final one: outside the distribution, and a miss."""
    median: float | None = None
    """None: nobody in the distribution has voting power, so that there is no guard."""

    @property
    def threshold(self) -> float:
        """Smallest share that passes; 0 without a median."""
        return THRESHOLD_OF_MEDIAN * (self.median or 0.0)

    @cached_property
    def missing(self) -> frozenset[str]:
        """Judged hosts whose share does not pass."""
        judged = self.early_counts if self.median is not None else ()
        return frozenset(host for host in judged if not self.is_met(host))

    def is_judged(self, host: str) -> bool:
        """Tell whether the guard has anything to say about a host."""
        return self.median is not None and (host in self.shares or host in self.inflated)

    def is_met(self, host: str) -> bool:
        """Tell whether a judged host's share passes."""
        return host in self.shares and self.shares[host] >= self.threshold


def find_early_height(
    start: int,
    stage_blocks: int,
    fraction_ppm: int = EARLY_FRACTION_PPM,
    *,
    is_generating: bool = True,
    is_synced: bool = True,
) -> int | None:
    """Return the height whose counts are the early ones, or None where nothing is to be noted.

    `start` is P or the generation start of a confirmation; a third of the stage is rounded to the nearest block. The
    query keeps this height, however late it succeeds. Reference: network 2.6
    """
    if stage_blocks <= 0 or fraction_ppm <= 0 or not (is_generating and is_synced):
        return None
    return start + (fraction_ppm * stage_blocks + _PPM // 2) // _PPM


def measure_shares(early: Mapping[str, Commitment], final: Mapping[str, int], powers: Mapping[str, int]) -> StageShares:
    """Return the shares of one model's hosts and their median, weighted by voting power.

    `early` and `final` are what hosts had committed, by host; `powers` the model's voting powers in the snapshot, so
    that a new host's share weighs nothing. A host without an early commitment has share 0; one with a final count of 0
    or an empty early root is passed over. Reference: network 2.6
    """
    judged = {
        host: early[host].count if host in early else 0
        for host, count in final.items()
        if count > 0 and (host not in early or early[host].root)
    }
    inflated = frozenset(host for host, count in judged.items() if count > final[host])
    shares = {host: count / final[host] for host, count in judged.items() if host not in inflated}
    median = find_weighted_median((share, powers.get(host, 0)) for host, share in shares.items())
    return StageShares(judged, shares, inflated, median)


def find_weighted_median(weighted: Iterable[tuple[float, int]]) -> float | None:
    """Return the first share, ascending, at which twice the weight so far reaches all; None without positive weight.

    `weighted` holds (share, weight).
    """
    ascending = sorted((share, weight) for share, weight in weighted if weight > 0)
    total, held = sum(weight for _, weight in ascending), 0
    for share, weight in ascending:
        held += weight
        if 2 * held >= total:
            return share
    return None


def update_streak(streak: Streak, stage_height: int, *, is_met: bool, is_confirmation: bool) -> Streak:
    """Return the streak after a stage, which counts once: evaluated again it changes nothing. Reference: network 2.6

    A passed regular stage leaves the misses as they are, so that misses stay "in a row" across it.
    """
    if streak.stage_height == stage_height:
        return streak
    if is_met:
        return Streak(0 if is_confirmation else streak.misses, stage_height)
    misses = streak.misses + 1
    return Streak(misses, stage_height, misses > FORGIVEN_MISSES)


def needs_leaves(stage: StageShares, host: str) -> bool:
    """Tell whether a validator asks a host for early leaves: only where there are any."""
    return stage.is_judged(host) and stage.early_counts[host] > 0


def compute_early_seed(validator_key: str, newest_hash: str, stage_height: int, model: str) -> int:
    """Return the seed of the draw of early leaves, another one than that of the sample."""
    return compute_leaf_seed(validator_key, newest_hash, stage_height, f"{model}|early-inclusion")


def compare_leaves(
    early: Sequence[tuple[int, bytes]] | None, final: Mapping[int, bytes] | None, *, are_proved: bool = True
) -> LeafCheck:
    """Compare (nonce, vector) proved under the early root with the vectors in the final tree, by nonce.

    None: they could not be fetched. A proof that fails is a change. Reference: network 2.6
    """
    if early is None or final is None:
        return LeafCheck.UNREACHED
    is_kept = are_proved and all(final.get(nonce) == vector for nonce, vector in early)
    return LeafCheck.KEPT if is_kept else LeafCheck.CHANGED


def judge_early(
    stage: StageShares | None,
    host: str,
    streak: Streak,
    stage_height: int,
    *,
    is_confirmation: bool,
    leaves: LeafCheck | None = None,
    mode: GuardMode = GuardMode.ENFORCE,
) -> tuple[GuardVerdict, Streak]:
    """Return the guard's word on one claim, and the validator's streak after it. Reference: network 2.6

    `stage` is None where the early counts could not be noted: nothing is judged then. `leaves` is None where none were
    asked for. Leaves that changed are a "no" without grace, and no miss [I].
    """
    if mode is GuardMode.DISABLED or stage is None or not stage.is_judged(host):
        return GuardVerdict.PASS, streak
    if leaves is LeafCheck.UNREACHED:
        verdict = GuardVerdict.RETRY
    elif leaves is LeafCheck.CHANGED:
        verdict = GuardVerdict.VOTE_NO
    else:
        streak = update_streak(streak, stage_height, is_met=stage.is_met(host), is_confirmation=is_confirmation)
        verdict = GuardVerdict.VOTE_NO if streak.is_no else GuardVerdict.PASS
    return (verdict if mode is GuardMode.ENFORCE else GuardVerdict.PASS), streak
