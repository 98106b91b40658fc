"""Consensus on one height: rounds of propose, prevote and precommit, as CometBFT runs them.

1. The proposer of a round sends a block. A validator prevotes for it once it has it whole; it prevotes nil where the
   block has not come within the propose timeout, or where it is locked on another one.
2. Prevotes of more than 2/3 of all power for the block make a validator precommit and lock it. More than 2/3 for nil
   make it precommit nil; more than 2/3 for anything start the prevote timeout, at whose end it does so too.
3. Whoever has a block and precommits of more than 2/3 for it, of whatever round, decides.
4. Precommits of more than 2/3 for anything start the precommit timeout, at whose end the next round begins. Votes of
   more than 2/3 in a later round pull a validator there at once.
5. A proposer that has seen prevotes of more than 2/3 for a block proposes that one again.

All of this follows from times of arrival, one vector a kind of vote, without a message per vote. What the functions
say of times up to t does not depend on arrivals after t: they may be asked while a proposal is still on its way, with
infinity for what has not arrived yet, and everything up to now is final.

Reference: Buchman, Kwon, Milosevic, "The latest gossip on BFT consensus" (arXiv 1807.04938), algorithm 1; CometBFT
specification, "Consensus". As there, an honest validator votes once a round and kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NO_ROUND = -1
MAX_PASSES = 20
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Powers = NDArray[np.int64]


@dataclass(frozen=True)
class Timeouts:
    """CometBFT's, in seconds; each round adds `delta_seconds` to all of them."""

    propose_seconds: float = 3.0
    prevote_seconds: float = 1.0
    precommit_seconds: float = 1.0
    delta_seconds: float = 0.5

    def get_propose(self, index: int) -> float:
        """How long a validator waits for the block of round `index`."""
        return self.propose_seconds + index * self.delta_seconds

    def get_prevote(self, index: int) -> float:
        """How long it waits for one block's 2/3 after it has 2/3 of prevotes."""
        return self.prevote_seconds + index * self.delta_seconds

    def get_precommit(self, index: int) -> float:
        """How long it waits for a decision after it has 2/3 of precommits."""
        return self.precommit_seconds + index * self.delta_seconds


@dataclass(frozen=True, eq=False)
class Period:
    """A time during which links stay as they are."""

    start_seconds: float
    delays_seconds: Floats
    """(receivers, validators): how long a vote takes; infinity where there is no way."""


@dataclass(frozen=True, eq=False)
class Round:
    """One round's proposal. Arrays are over validators."""

    value: int
    """Which block: the round that proposed it first."""
    pol_round: int
    """The round whose 2/3 of prevotes justify proposing it again; -1 for a new block."""
    proposal_seconds: Floats
    """When each has the whole block; infinity: not yet, or never."""


@dataclass(frozen=True, eq=False)
class RoundOutcome:
    """What follows from the times of arrival, over validators, in seconds; infinity: not (yet)."""

    entry_seconds: Floats
    """When each enters the round."""
    polka_seconds: Floats
    """When each has prevotes of more than 2/3 for the block."""
    valid_seconds: Floats
    """When each, still in the round, knows that the block may be proposed again."""
    precommit_seconds: Floats
    is_locked: Bools
    """Who precommits the block; the others precommit nil."""
    decision_seconds: Floats
    pull_seconds: Floats
    """When votes of this round pull each into it."""
    next_entry_seconds: Floats
    """When each enters the next round by its own precommit timeout."""


def compute_height(
    entry_seconds: Floats,
    rounds: Sequence[Round],
    powers: Powers,
    periods: Sequence[Period],
    timeouts: Timeouts,
) -> list[RoundOutcome]:
    """Return the outcome of every round so far of one height; `entry_seconds` says when each enters round 0."""
    never = np.full(len(powers), np.inf)
    pulls = [never] * len(rounds)
    outcomes: list[RoundOutcome] = []
    for _ in range(MAX_PASSES):
        outcomes, entries = [], entry_seconds
        for index, proposal in enumerate(rounds):
            leaves = np.maximum(np.minimum.reduce([never, *pulls[index + 1 :]]), entry_seconds)
            entries = np.minimum(entries, np.maximum(pulls[index], entry_seconds))
            entries = np.where(entries < leaves, entries, np.inf)
            outcome = _compute_round(index, proposal, entries, leaves, rounds, outcomes, powers, periods, timeouts)
            outcomes.append(outcome)
            entries = outcome.next_entry_seconds
        found = [outcome.pull_seconds for outcome in outcomes]
        if all(np.array_equal(old, new) for old, new in zip(pulls[1:], found[1:], strict=True)):
            break
        pulls = [never, *found[1:]]
    return outcomes


def _compute_round(
    index: int,
    proposal: Round,
    entries: Floats,
    leaves: Floats,
    rounds: Sequence[Round],
    before: Sequence[RoundOutcome],
    powers: Powers,
    periods: Sequence[Period],
    timeouts: Timeouts,
) -> RoundOutcome:
    everybody = np.ones(len(powers), dtype=bool)
    has_block = proposal.proposal_seconds
    if proposal.pol_round != NO_ROUND:
        has_block = np.maximum(has_block, before[proposal.pol_round].polka_seconds)
    deadlines = entries + timeouts.get_propose(index)
    ready = np.maximum(entries, has_block)
    is_for_block = (ready <= deadlines) & _accepts(proposal, rounds, before)
    prevotes = _until(leaves, np.minimum(ready, deadlines))
    arrivals = compute_arrivals(prevotes, periods)
    polka = compute_quorum_seconds(arrivals, powers, is_for_block)
    nil = compute_quorum_seconds(arrivals, powers, ~is_for_block)
    anything = compute_quorum_seconds(arrivals, powers, everybody) if not is_for_block.all() else polka
    for_block = np.maximum.reduce([polka, proposal.proposal_seconds, prevotes])
    for_nil = np.minimum(np.maximum(nil, prevotes), np.maximum(anything, prevotes) + timeouts.get_prevote(index))
    is_locked = for_block <= for_nil
    precommits = _until(leaves, np.minimum(for_block, for_nil))
    while True:
        arrivals = compute_arrivals(precommits, periods)
        commit = compute_quorum_seconds(arrivals, powers, is_locked & (precommits < np.inf))
        any_commit = commit if is_locked.all() else compute_quorum_seconds(arrivals, powers, everybody)
        decisions = np.maximum(proposal.proposal_seconds, commit)
        timeout = np.maximum(any_commit, entries) + timeouts.get_precommit(index)
        # Whoever's timeout has ended is in the next round and precommits nothing in this one any more.
        # One at a time, the earliest timeout first: the votes that it follows from are certain.
        is_late = (precommits < np.inf) & (precommits > timeout)
        if not is_late.any():
            break
        precommits[np.argmin(np.where(is_late, timeout, np.inf))] = np.inf
    return RoundOutcome(
        entry_seconds=entries,
        polka_seconds=polka,
        valid_seconds=_until(np.minimum(leaves, timeout), for_block),
        precommit_seconds=precommits,
        is_locked=is_locked & (precommits < np.inf),
        decision_seconds=decisions,
        pull_seconds=np.minimum(anything, any_commit),
        next_entry_seconds=np.where(decisions <= timeout, np.inf, timeout),
    )


def _until(leaves: Floats, seconds: Floats) -> Floats:
    """Drop what a validator would do in a round that it has left by then."""
    return np.where(seconds < leaves, seconds, np.inf)


def _accepts(proposal: Round, rounds: Sequence[Round], before: Sequence[RoundOutcome]) -> Bools:
    """Who may prevote the block: whoever is not locked, or on this very block, or before its 2/3 of prevotes."""
    accepts = np.ones(len(proposal.proposal_seconds), dtype=bool)
    for index, outcome in enumerate(before):  # a later lock replaces an earlier one
        is_same = rounds[index].value == proposal.value or proposal.pol_round >= index
        accepts = np.where(outcome.is_locked, is_same, accepts)
    return accepts


def compute_arrivals(sent_seconds: Floats, periods: Sequence[Period]) -> Floats:
    """Return when votes sent at these times arrive, (receivers, validators).

    What has not arrived when links change is sent again over the new ones, as validators do while they stay at a
    height.
    """
    *earlier, last = periods
    arrivals = np.maximum(sent_seconds, last.start_seconds) + last.delays_seconds
    for period, following in zip(reversed(earlier), reversed([b for _, b in pairwise(periods)]), strict=True):
        found = np.maximum(sent_seconds, period.start_seconds) + period.delays_seconds
        arrivals = np.where(found < following.start_seconds, found, arrivals)
    return arrivals


def compute_quorum_seconds(arrivals_seconds: Floats, powers: Powers, is_counted: Bools) -> Floats:
    """Return when each receiver has counted votes of more than 2/3 of all power; infinity: never.

    `arrivals_seconds` is (receivers, validators).
    """
    total = int(powers.sum())
    if 3 * int(powers[is_counted].sum()) <= 2 * total:
        return np.full(len(arrivals_seconds), np.inf)
    seconds = np.where(is_counted, arrivals_seconds, np.inf)
    order = np.argsort(seconds, axis=1)
    places = np.argmax(3 * np.cumsum(powers[order], axis=1) > 2 * total, axis=1)
    rows = np.arange(len(seconds))
    found: Floats = seconds[rows, order[rows, places]]
    return found


def select_valid_round(outcomes: Sequence[RoundOutcome], validator: int, now_seconds: float) -> int:
    """Return the last round whose block a validator has to propose again; -1: none, it may propose a new one."""
    valid = [index for index, outcome in enumerate(outcomes) if outcome.valid_seconds[validator] <= now_seconds]
    return valid[-1] if valid else NO_ROUND
