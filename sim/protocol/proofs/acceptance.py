"""Acceptance of a claim of one model, by votes against the weight of the whole network (network 2.7).

1. At validation start the chain freezes each model's voting powers and the weight of all members.
2. Yes and no count the powers of *this model's* voters, the bar is a share of *all* weight: a model with less than
   half of all weight behind it decides nothing.
3. Where neither side reaches the bar, all guardians that voted must say yes; those without the model count as well.
4. With slots, the same bar holds for drawn slots; a model has as many as its share of all weight.
5. What was generated in slow blocks weighs less: counts are scaled by the stage's real duration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

from pow.seeds import hash_to_number
from sim.protocol.proofs.committee import decide_by_guardians
from sim.protocol.proofs.votes import Claimant, Verdict, find_reason

DEFAULT_BPS = 5000
"""Meant where governance set none."""
WHOLE_BPS = 10_000
BLOCK_S = Fraction("5.41")
"""Seconds a block of the stage is worth."""
FACTOR_PLACES = 16

Powers = Mapping[str, int]
"""Weight, or voting power in a model, by address."""


@dataclass(frozen=True)
class VotingSnapshot:
    """What the chain freezes at validation start."""

    powers: Mapping[str, Powers]
    """By model, then by address; above 0."""
    total: int
    """Weight of all members of the effective epoch."""
    guardians: frozenset[str] = frozenset()
    app_hash: str = ""
    """From which slots are drawn."""


@dataclass(frozen=True)
class VoteBar:
    """What governance sets for votes on claims."""

    threshold_bps: int = DEFAULT_BPS
    """Of all weight, or of all slots; more than this decides. 0 means 5000."""
    n_slots: int = 0
    """0: all members of the model vote by their power."""

    def decide(self, yes: int, no: int, total: int) -> bool | None:
        """True where yes has more than the bar, False where no has, otherwise None."""
        bar = (self.threshold_bps or DEFAULT_BPS) * total
        if WHOLE_BPS * yes > bar:
            return True
        return False if WHOLE_BPS * no > bar else None


@dataclass(frozen=True)
class Ballot:
    """How votes on the claims of one proof of compute count, from validation start on."""

    snapshot: VotingSnapshot
    bar: VoteBar = VoteBar()
    guardians_need_power: bool = False
    """A guardian decides ties in its own models only."""

    def exclude(self, address: str, weight: int) -> Ballot:
        """Return the ballot without one member, whose weight is part of the whole: it neither votes nor counts."""
        seen = self.snapshot
        powers = {model: _without(own, {address}) for model, own in seen.powers.items()}
        rest = replace(seen, powers=powers, total=seen.total - weight, guardians=seen.guardians - {address})
        return replace(self, snapshot=rest)

    def list_heard(self, validator: str) -> list[str]:
        """Return the models on whose claims a validator's vote can count, by its power or as a guardian's."""
        powers = self.snapshot.powers
        return sorted(m for m in powers if powers[m].get(validator) or validator in self.get_able_guardians(m))

    def list_slot_voters(self, address: str, model: str) -> frozenset[str]:
        """Return who holds a slot of a claim, and the guardians that are asked where slots do not decide."""
        held = draw_slots_of_answers(self.snapshot, address, model, self.bar.n_slots)
        return self.get_able_guardians(model) | held.keys()

    def get_able_guardians(self, model: str) -> frozenset[str]:
        """Guardians that are asked where the votes of a model do not decide."""
        guardians = self.snapshot.guardians
        return guardians & self.snapshot.powers.get(model, {}).keys() if self.guardians_need_power else guardians


def take_snapshot(
    weights: Powers,
    stored: Mapping[str, Powers],
    *,
    committers: Mapping[str, Collection[str]] | None = None,
    delegations: Mapping[str, Mapping[str, str]] | None = None,
    removed: Collection[str] = (),
    guardians: Collection[str] = (),
    app_hash: str = "",
) -> VotingSnapshot:
    """Return the powers of every model and the whole weight, at validation start. Reference: network 2.7

    `weights` are those of the effective epoch's members (trusted ones, where the version has them), `stored` the powers
    kept when it was formed, by model. `committers` are the hosts with a commitment, by model, and `delegations` the
    delegates by model and delegator in the snapshot before P: both only matter for models that start; a confirmation
    names neither. Members `removed` meanwhile drop out with their own power, not with what they had delegated.
    """
    powers = {model: _without(kept, removed) for model, kept in stored.items() if any(p > 0 for p in kept.values())}
    for model, hosts in (committers or {}).items():
        if model not in powers:
            started = compute_starting_powers(hosts, weights, (delegations or {}).get(model, {}))
            powers[model] = _without(started, removed)
    total = sum(_without(weights, removed).values())
    return VotingSnapshot(powers, total, frozenset(guardians), app_hash)


def compute_starting_powers(committers: Collection[str], weights: Powers, delegates: Mapping[str, str]) -> Powers:
    """Return the powers of a model that starts: own old weight, and what others delegated to a committer.

    `delegates` is delegator -> delegate; who committed itself delegates nothing. Reference: network 2.7
    """
    powers = {host: weights.get(host, 0) for host in committers}
    for delegator, delegate in delegates.items():
        if delegator not in committers and delegate in powers:
            powers[delegate] += weights.get(delegator, 0)
    return powers


def _without(powers: Powers, removed: Collection[str]) -> dict[str, int]:
    return {who: power for who, power in powers.items() if power > 0 and who not in removed}


def judge_answers(
    claimant: Claimant,
    model: str,
    votes: Mapping[str, bool],
    snapshot: VotingSnapshot,
    bar: VoteBar,
    *,
    guardians_need_power: bool = False,
) -> Verdict:
    """Run the acceptance tests of one (host, model) in the chain's order. Reference: network 2.7

    `votes` is validator -> yes, the first vote of each. `guardians_need_power`: until v0.2.13 a guardian without the
    model decided nothing. A model without voting powers is rejected, without asking guardians.
    """
    powers = snapshot.powers.get(model, {})
    held, total = powers, snapshot.total
    if bar.n_slots:
        held, total = draw_slots_of_answers(snapshot, claimant.address, model, bar.n_slots), bar.n_slots
    yes, no = (sum(power for who, power in held.items() if votes.get(who) is vote) for vote in (True, False))
    opinion = bar.decide(yes, no, total)
    if powers and opinion is None:
        able = snapshot.guardians & powers.keys() if guardians_need_power else snapshot.guardians
        opinion = _ask_guardians([votes[who] for who in able if who in votes])
    return Verdict(claimant.address, find_reason(claimant, bool(votes), opinion), yes, no, total)


def _ask_guardians(votes: Sequence[bool]) -> bool | None:
    return decide_by_guardians(votes.count(True), votes.count(False))


def count_slots(power: int, total: int, n_slots: int) -> int:
    """Return how many of a claim's slots are drawn: the model's share of all weight. The rest abstain."""
    if min(power, total, n_slots) <= 0:
        return 0
    return n_slots if power >= total else n_slots * power // total


def draw_slots_of_answers(snapshot: VotingSnapshot, address: str, model: str, n_slots: int) -> dict[str, int]:
    """Return how many slots of a claim each member holds; those that hold none are left out. Reference: network 2.7"""
    powers = snapshot.powers.get(model, {})
    n_drawn = count_slots(sum(power for power in powers.values() if power > 0), snapshot.total, n_slots)
    return draw_holders(snapshot.app_hash, address, model, powers, n_drawn)


def draw_holders(app_hash: str, address: str, model: str, powers: Powers, n_drawn: int) -> dict[str, int]:
    """Return member -> number of slots it holds, in address order.

    Slot i goes to the first member whose cumulated power exceeds the number that the hash of app hash, address, model
    and i gives, modulo all power. Reference: network 2.7
    """
    members = sorted(who for who, power in powers.items() if power > 0)
    ends = list(accumulate(powers[who] for who in members))
    held = dict.fromkeys(members, 0)
    for slot in range(n_drawn):
        ticket = hash_to_number(f"{app_hash}{address}{model}{slot}") % ends[-1]
        held[members[bisect_right(ends, ticket)]] += 1
    return {who: n for who, n in held.items() if n}


@dataclass(frozen=True)
class RawWeight:
    """What a claim of one model is worth before coefficients."""

    claimed: int
    """Of the acceptance tests; below 1 the claim is rejected."""
    node_weights: Mapping[int, int]
    """By ML node."""


def compute_time_factor(
    n_blocks: int, generation_time_s: float, validation_time_s: float, *, normalizes: bool = True
) -> Fraction:
    """Return the stage's nominal over its real duration, to 16 decimals.

    `n_blocks` are those of the stage and the exchange, the times the stamps of the blocks at which generation and
    validation start, in seconds (fractions are cut). 1 where a stamp is missing (0), where no time passed, or where the
    version does not normalise. Reference: network 2.7
    """
    start_s, end_s = int(generation_time_s), int(validation_time_s)
    if not (normalizes and start_s and end_s and end_s > start_s):
        return Fraction(1)
    return round(BLOCK_S * n_blocks / (end_s - start_s), FACTOR_PLACES)


def compute_raw_weight(distribution: Mapping[int, int], factor: Fraction, preserved: Collection[int] = ()) -> RawWeight:
    """Return the weight of a distribution over ML nodes: trunc(count · factor), node by node.

    Nodes preserved in this episode are struck first, whatever their model. Reference: network 2.7
    """
    counts = {node: count for node, count in distribution.items() if node not in preserved}
    weights = {node: int(count * factor) for node, count in counts.items()}
    return RawWeight(int(sum(counts.values()) * factor), weights)
