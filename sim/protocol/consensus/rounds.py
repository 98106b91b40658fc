"""Consensus on one height: rounds of propose, prevote and precommit, as CometBFT runs them.

1. The proposer of a round sends a block. A validator prevotes for it once it has it whole; it prevotes nil where the
   block has not come within the propose timeout, or where it is locked on another one.
2. Prevotes of more than 2/3 of all power for the block make a validator precommit and lock it. More than 2/3 for nil
   make it precommit nil; more than 2/3 for anything start the prevote timeout, at whose end it does so too.
3. A validator that has a block and precommits of more than 2/3 for it, of any round, decides.
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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NO_ROUND = -1
MAX_PASSES = 20
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Powers = NDArray[np.int64]
Ints = NDArray[np.int64]


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

    def get_all(self, index: int) -> tuple[float, float, float]:
        """The three of round `index`."""
        return self.get_propose(index), self.get_prevote(index), self.get_precommit(index)


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
    valid_round: int
    """The round whose 2/3 of prevotes justify proposing it again (CometBFT: POL round); -1 for a new block."""
    proposal_seconds: Floats
    """When each has the whole block; infinity: not yet, or never."""


@dataclass(frozen=True, eq=False)
class RoundOutcome:
    """One round's outcome from the times of arrival; arrays are over validators, in seconds; infinity: not (yet)."""

    proposal_seconds: Floats
    """The arrivals of the block that all else follows from."""
    own_seconds: Floats
    """When each would enter the round by itself."""
    entry_seconds: Floats
    """When each enters it, by itself or pulled by votes."""
    leave_seconds: Floats
    """When each is pulled into a later one."""
    prevoted_seconds: Floats
    """When each has prevotes of more than 2/3 for the block (CometBFT: a polka)."""
    valid_seconds: Floats
    """When each, still in the round, knows that the block may be proposed again."""
    prevote_seconds: Floats
    is_for_block: Bools
    """True for validators that prevote for the block; the others prevote nil."""
    precommit_seconds: Floats
    is_locked: Bools
    """True for validators that precommit the block; the others precommit nil."""
    decision_seconds: Floats
    pull_seconds: Floats
    """When votes of this round pull each into it."""
    next_entry_seconds: Floats
    """When each enters the next round by its own precommit timeout."""

    def follows_from(self, proposal: Round, own_seconds: Floats, leave_seconds: Floats) -> bool:
        """Tell whether this is still the answer, if those of all earlier rounds are."""
        return (
            np.array_equal(self.proposal_seconds, proposal.proposal_seconds)
            and np.array_equal(self.own_seconds, own_seconds)
            and np.array_equal(self.leave_seconds, leave_seconds)
        )


@dataclass(frozen=True, eq=False)
class PastRounds:
    """What still counts of the first rounds of a height, which validators have left; arrays are over validators."""

    n_rounds: int
    own_seconds: Floats
    """When each enters the round after them by itself."""
    locked_rounds: Ints
    """The last one in which each precommitted the block; -1: none."""
    locked_values: Ints
    """The block of that one, as `Round.value`."""
    valid_rounds: Ints
    """The last one whose block each may propose again; -1: none."""
    kept: Mapping[int, tuple[int, Floats]]
    """Those of `valid_rounds`: their block, and when each has prevotes of more than 2/3 for it."""


def leave_behind(
    past: PastRounds | None, rounds: Sequence[Round], outcomes: Sequence[RoundOutcome], now_seconds: float
) -> PastRounds:
    """Return the past with more rounds in it, the next ones; what happens in them after now counts no more."""
    n = len(outcomes[0].entry_seconds)
    none = np.full(n, NO_ROUND, dtype=np.int64)
    locked, values, valid = (
        (none, none, none) if past is None else (past.locked_rounds, past.locked_values, past.valid_rounds)
    )
    first = 0 if past is None else past.n_rounds
    kept = {} if past is None else dict(past.kept)
    for index, (proposal, outcome) in enumerate(zip(rounds, outcomes, strict=True), start=first):
        locked = np.where(outcome.is_locked, index, locked)
        values = np.where(outcome.is_locked, proposal.value, values)
        valid = np.where(outcome.valid_seconds <= now_seconds, index, valid)
        kept[index] = (proposal.value, outcome.prevoted_seconds)
    kept = {index: kept[index] for index in sorted(set(valid.tolist()) - {NO_ROUND})}
    return PastRounds(first + len(rounds), outcomes[-1].next_entry_seconds, locked, values, valid, kept)


def compute_height(
    entry_seconds: Floats,
    rounds: Sequence[Round],
    powers: Powers,
    periods: Sequence[Period],
    timeouts: Timeouts,
    known: Sequence[RoundOutcome] = (),
    known_seconds: float = -np.inf,
    past: PastRounds | None = None,
) -> list[RoundOutcome]:
    """Return the outcome of every round so far of one height; `entry_seconds` says when each enters round 0.

    `known`: an earlier answer for the same height and links, with all arrivals up to `known_seconds`. Its rounds are
    taken over as long as their causes are the same, which is faster and gives the same outcomes. `past`: rounds before
    these, which are not computed again.
    """
    if not rounds:
        return []
    never = np.full(len(powers), np.inf)
    pulls = [_until(np.full(len(powers), known_seconds), outcome.pull_seconds) for outcome in known[: len(rounds)]]
    pulls += [never] * (len(rounds) - len(pulls))
    outcomes: list[RoundOutcome] = []
    for _ in range(MAX_PASSES):
        outcomes, own, is_known = [], entry_seconds if past is None else past.own_seconds, True
        for index, (proposal, leaves) in enumerate(zip(rounds, _find_leaves(pulls, entry_seconds), strict=True)):
            is_known = is_known and index < len(known) and known[index].follows_from(proposal, own, leaves)
            if is_known:
                outcome = known[index]
            else:
                compute = partial(
                    _compute_round, index, proposal, own, leaves, rounds, outcomes, powers, periods, timeouts, past
                )
                outcome = _let_votes_pull(compute, own, entry_seconds) if index or past else compute(own)
            outcomes.append(outcome)
            own = outcome.next_entry_seconds
        known = outcomes
        found = [outcome.pull_seconds for outcome in outcomes]
        if all(np.array_equal(old, new) for old, new in zip(pulls[1:], found[1:], strict=True)):
            break
        pulls = found
    return outcomes


def _let_votes_pull(
    compute: Callable[[Floats], RoundOutcome], own_seconds: Floats, entry_seconds: Floats
) -> RoundOutcome:
    """Let votes of validators that entered a round by themselves pull others into it, and their votes yet others."""
    entries = own_seconds
    for _ in range(MAX_PASSES):
        outcome = compute(entries)
        pulled = np.minimum(own_seconds, np.maximum(outcome.pull_seconds, entry_seconds))
        if np.array_equal(pulled, entries):
            break
        entries = pulled
    return outcome


def _find_leaves(pulls: Sequence[Floats], entry_seconds: Floats) -> list[Floats]:
    """When votes of any later round pull each validator out of each round; it has to enter the height first."""
    leaves = [np.full(len(entry_seconds), np.inf)]
    for pull in reversed(pulls[1:]):
        leaves.append(np.minimum(leaves[-1], np.maximum(pull, entry_seconds)))
    return leaves[::-1]


def _compute_round(
    index: int,
    proposal: Round,
    own_seconds: Floats,
    leaves: Floats,
    rounds: Sequence[Round],
    before: Sequence[RoundOutcome],
    powers: Powers,
    periods: Sequence[Period],
    timeouts: Timeouts,
    past: PastRounds | None,
    entries: Floats,
) -> RoundOutcome:
    first = 0 if past is None else past.n_rounds
    index += first
    # A validator that is pulled on before it enters never votes here.
    entries = _until(leaves, entries)
    everybody = np.ones(len(powers), dtype=bool)
    has_block = proposal.proposal_seconds
    if proposal.valid_round != NO_ROUND:
        place = proposal.valid_round - first
        prevoted = past.kept[proposal.valid_round][1] if past and place < 0 else before[place].prevoted_seconds
        has_block = np.maximum(has_block, prevoted)
    # Each prevotes once: for the block if it comes in time and no lock forbids it, else nil at the deadline.
    deadlines = entries + timeouts.get_propose(index)
    ready = np.maximum(entries, has_block)
    is_for_block = (ready <= deadlines) & _accepts(proposal, rounds, before, past)
    prevotes = _until(leaves, np.minimum(ready, deadlines))
    arrivals = compute_arrivals(prevotes, periods)
    prevoted = compute_quorum_seconds(arrivals, powers, is_for_block)
    nil = compute_quorum_seconds(arrivals, powers, ~is_for_block)
    anything = compute_quorum_seconds(arrivals, powers, everybody) if not is_for_block.all() else prevoted
    # Each precommits once, at the first of these: 2/3 of prevotes for the block that it has, 2/3 for nil, the timeout
    # after 2/3 for anything; never before its own prevote.
    for_block = np.maximum.reduce([prevoted, proposal.proposal_seconds, prevotes])
    for_nil = np.minimum(np.maximum(nil, prevotes), np.maximum(anything, prevotes) + timeouts.get_prevote(index))
    is_locked = for_block <= for_nil
    precommits = _until(leaves, np.minimum(for_block, for_nil))
    # Late precommits are taken out one by one, since each one less can move others' quorums and timeouts.
    while True:
        arrivals = compute_arrivals(precommits, periods)
        commit = compute_quorum_seconds(arrivals, powers, is_locked & (precommits < np.inf))
        any_commit = commit if is_locked.all() else compute_quorum_seconds(arrivals, powers, everybody)
        decisions = np.maximum(proposal.proposal_seconds, commit)
        timeout = np.maximum(any_commit, entries) + timeouts.get_precommit(index)
        # A validator whose timeout has ended is in the next round and does not precommit in this one any more.
        # The earliest timeout goes first: the votes that it follows from are certain.
        is_late = (precommits < np.inf) & (precommits > timeout)
        if not is_late.any():
            break
        precommits[np.argmin(np.where(is_late, timeout, np.inf))] = np.inf
    return RoundOutcome(
        proposal_seconds=proposal.proposal_seconds.copy(),
        own_seconds=own_seconds,
        entry_seconds=entries,
        leave_seconds=leaves,
        prevoted_seconds=prevoted,
        valid_seconds=_until(np.minimum(leaves, timeout), for_block),
        prevote_seconds=prevotes,
        is_for_block=is_for_block,
        precommit_seconds=precommits,
        is_locked=is_locked & (precommits < np.inf),
        decision_seconds=decisions,
        pull_seconds=np.minimum(anything, any_commit),
        next_entry_seconds=np.where(decisions <= timeout, np.inf, timeout),
    )


def _until(leaves: Floats, seconds: Floats) -> Floats:
    """Drop actions of validators in a round that they have left by then: their times become infinity."""
    return np.where(seconds < leaves, seconds, np.inf)


def _accepts(
    proposal: Round, rounds: Sequence[Round], before: Sequence[RoundOutcome], past: PastRounds | None
) -> Bools:
    """True for validators that may prevote the block: without a lock, locked on it, or before its 2/3 of prevotes."""
    accepts = np.ones(len(proposal.proposal_seconds), dtype=bool)
    first = 0 if past is None else past.n_rounds
    if past is not None:
        accepts = (past.locked_values == proposal.value) | (past.locked_rounds <= proposal.valid_round)
        accepts |= past.locked_rounds == NO_ROUND
    for index, outcome in enumerate(before):  # a later lock replaces an earlier one
        is_same = rounds[index].value == proposal.value or proposal.valid_round >= first + index
        accepts = np.where(outcome.is_locked, is_same, accepts)
    return accepts


def compute_arrivals(sent_seconds: Floats, periods: Sequence[Period]) -> Floats:
    """Return when votes sent at these times arrive, (receivers, validators).

    Votes that have not arrived when links change are sent again over the new ones, as validators do while they stay
    at a height.
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
