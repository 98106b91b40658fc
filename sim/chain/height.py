"""The height that validators are agreeing on: entries, proposed blocks, their arrivals, and the outcome."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from sim.chain.stalling import MOST_ROUNDS, PATIENCE_ROUNDS, Novelty, are_growing, tell_stall
from sim.protocol.blocks.state import Block
from sim.protocol.consensus.rounds import (
    NO_ROUND,
    Floats,
    PastRounds,
    Period,
    Round,
    RoundOutcome,
    Timeouts,
    compute_arrivals,
    compute_height,
    compute_quorum_seconds,
    leave_behind,
    select_valid_round,
)
from sim.protocol.consensus.validators import select_proposer

OPEN_ROUNDS = 10
"""So many of the last rounds are computed; what happens in earlier ones, which validators have left, counts no more."""


class HeightState:
    """Collects times of arrival and lets `compute_height` derive entries, votes and decisions from them."""

    def __init__(
        self,
        number: int,
        powers: Mapping[str, int],
        priorities: Mapping[str, int],
        timeouts: Timeouts,
        vote_delays_seconds: Floats,
    ) -> None:
        self.number = number
        self.validators = tuple(powers)
        self.n_rounds = 0
        self.blocks: dict[int, Block | None] = {}
        """The block that each round proposed, those long past excepted; None where its proposer did not."""
        self._is_overdue = False
        self.arrivals: dict[int, dict[str, float]] = {}
        """Round -> host, validator or not -> when it has that block, so far as is known."""
        self._places = {address: place for place, address in enumerate(powers)}
        self._powers = np.array(list(powers.values()), dtype=np.int64)
        self._timeouts = timeouts
        self._periods = [Period(-math.inf, vote_delays_seconds)]
        self._entries = np.full(len(powers), np.inf)
        self._past: PastRounds | None = None
        self._rounds: list[Round] = []
        """Those after `_past`; `_outcomes` are theirs."""
        self._outcomes: list[RoundOutcome] = []
        self._novelty = Novelty(len(powers))
        self._round_proposers: dict[int, int] = {}
        """Round -> place of its proposer, for the rounds that `_novelty` has not seen."""
        self._known_seconds = -math.inf
        self._is_known = False
        """Nothing has come in since the outcomes were computed."""
        self.double_signers: set[str] = set()
        self._proposers, self.priorities = _order_proposers(priorities, powers)
        self.proposer = next(self._proposers)
        """The proposer of the next round."""

    @property
    def is_overdue(self) -> bool:
        """The first proposer is late: others may enter and leave its round without it."""
        return self._is_overdue

    def is_validator(self, address: str) -> bool:
        """Tell whether a host votes on this height."""
        return address in self._places

    # Events, as they come in

    def note_overdue(self, is_overdue: bool) -> None:
        """Say whether the first proposer is late."""
        self._is_overdue, self._is_known = is_overdue, False

    def admit(self, address: str, seconds: float) -> bool:
        """A validator enters the height; returns whether that may matter before the next proposal."""
        place = self._places.get(address)
        if place is None:
            return False
        self._entries[place] = min(seconds, self._entries[place])
        self._is_known = False
        return self.n_rounds > 0 or self.is_overdue or address == self.proposer

    def add_round(self, block: Block | None, valid_round: int = NO_ROUND) -> None:
        """The next round's proposer proposes a new block, that of `valid_round` again, or none (`block` is None)."""
        value = self.n_rounds if valid_round == NO_ROUND else self._get_value(valid_round)
        self._note_novelty(self.n_rounds - 2)
        self._rounds.append(Round(value, valid_round, np.full(len(self._entries), np.inf)))
        self.blocks[self.n_rounds] = block
        self.arrivals[self.n_rounds] = {}
        self._round_proposers[self.n_rounds] = self._places[self.proposer]
        self.n_rounds += 1
        self._is_known = False
        self.proposer = next(self._proposers)

    def note_arrivals(self, round_index: int, seconds: Iterable[tuple[str, float]]) -> bool:
        """Hosts have, or will have, a round's block; returns whether more than 2/3 of all power has it then."""
        if round_index not in self.arrivals:
            return False
        known, has_block = self.arrivals[round_index], self._open_proposal(round_index)
        for address, at in seconds:
            known[address] = min(at, known.get(address, math.inf))
            place = self._places.get(address)
            if place is not None:
                has_block[place] = known[address]
        return 3 * int(self._powers[has_block < np.inf].sum()) > 2 * int(self._powers.sum())

    def replace_arrivals(self, round_index: int, now_seconds: float, seconds: Iterable[tuple[str, float]]) -> None:
        """Links have changed: blocks that had not arrived by now arrive at these times instead."""
        known, has_block = self.arrivals[round_index], self._open_proposal(round_index)
        for address, at in seconds:
            if known.get(address, math.inf) > now_seconds:
                known[address] = at
                if (place := self._places.get(address)) is not None:
                    has_block[place] = at

    def change_links(self, now_seconds: float, vote_delays_seconds: Floats) -> None:
        """Votes that have not arrived are sent again over the links as they are now."""
        self._periods.append(Period(now_seconds, vote_delays_seconds))
        entries = self._entries if self._past is None else self._past.own_seconds
        while len(self._periods) > 1 and self._periods[1].start_seconds <= entries.min():
            del self._periods[0]  # no vote that counts was sent while it lasted
        self._outcomes, self._is_known = [], False

    # Their outcome

    def evaluate(self, now_seconds: float) -> None:
        """Compute all rounds' outcomes from the arrivals up to now.

        An outcome is final up to `now_seconds`: later arrivals can only change events after it.
        """
        if self._is_known:
            return
        # Validators may enter the next round before anything is proposed in it: when the last round lets them go on, or
        # when the first proposer is overdue. That round is computed too, as one without a proposal, so that its
        # proposer's entry (`proposal_seconds`) and its end by timeout (`skip_seconds`) are known. It is no part of
        # `_rounds` until `add_round` says what it proposes.
        waiting = Round(self.n_rounds, NO_ROUND, np.full(len(self._entries), np.inf))
        if len(self._outcomes) <= len(self._rounds):  # else it was open, and stays so
            self._outcomes = self._compute(self._rounds)
        is_open = bool(self._rounds) and bool((self._outcomes[len(self._rounds) - 1].next_entry_seconds < np.inf).any())
        if is_open or (self.is_overdue and not self._rounds):
            self._outcomes = self._compute([*self._rounds, waiting])
        self._leave_behind(now_seconds)
        self._known_seconds, self._is_known = now_seconds, True

    @property
    def decision_seconds(self) -> float:
        """When the first validator decides."""
        return min((float(outcome.decision_seconds.min()) for outcome in self._outcomes), default=math.inf)

    @property
    def deciding_round(self) -> int:
        """The round whose block is decided on first."""
        return self._first + min(
            range(len(self._rounds)), key=lambda index: self._outcomes[index].decision_seconds.min()
        )

    @property
    def proposal_seconds(self) -> float:
        """When the proposer of the next round enters it."""
        # Round 0 is entered at the height's start, which `admit` has noted. A later round is entered as the outcome of
        # the waiting round says; without one, the last round keeps all validators.
        place = self._places[self.proposer]
        if not self._rounds:
            return float(self._entries[place])
        if len(self._outcomes) == len(self._rounds):
            return math.inf
        return float(self._outcomes[-1].entry_seconds[place])

    @property
    def skip_seconds(self) -> float:
        """When the first validator leaves the next round although its proposer proposed no block."""
        is_open = len(self._outcomes) > len(self._rounds)
        return float(self._outcomes[-1].next_entry_seconds.min()) if is_open else math.inf

    def get_valid_round(self, now_seconds: float) -> int:
        """Return the round whose block the next proposer has to propose again; -1: none."""
        place, past = self._places[self.proposer], self._outcomes[: len(self._rounds)]
        found = select_valid_round(past, place, now_seconds)
        if found != NO_ROUND:
            return self._first + found
        return NO_ROUND if self._past is None else int(self._past.valid_rounds[place])

    def tell_stall(self, *, may_change: bool) -> str:
        """Say why the height is given up; empty where it is not. `may_change`: something from outside is to come."""
        n_without = self._novelty.n_rounds_without
        is_hopeless = not may_change and not are_growing(self._timeouts, self.n_rounds - 1)
        if n_without < PATIENCE_ROUNDS or not (is_hopeless or n_without >= MOST_ROUNDS):
            return ""
        if self.decision_seconds < math.inf:
            return ""
        outcome = self._outcomes[max(0, len(self._rounds) - 2)]
        ways = outcome.proposal_seconds - outcome.proposal_seconds.min(initial=math.inf)
        slowest = float(ways[np.isfinite(ways)].max(initial=0.0))
        return tell_stall(self.number, self.n_rounds, n_without, self._timeouts, slowest)

    def compute_commits(self, round_index: int, vote_delays_seconds: Floats) -> Floats:
        """Return when each host, a row of the delays, has precommits of more than 2/3 for a round's block."""
        outcome = self._outcomes[round_index - self._first]
        arrivals = compute_arrivals(outcome.precommit_seconds, [Period(-math.inf, vote_delays_seconds)])
        return compute_quorum_seconds(arrivals, self._powers, outcome.is_locked)

    def list_absent(self, round_index: int, vote_delays_seconds: Floats, now_seconds: float) -> tuple[str, ...]:
        """Return the validators whose precommits for a round's block have not reached a host by now.

        `vote_delays_seconds` is (1, validators), to that host. What came in since the decision counts too.
        """
        self.evaluate(now_seconds)
        outcome = self._outcomes[round_index - self._first]
        (arrivals,) = compute_arrivals(outcome.precommit_seconds, [Period(-math.inf, vote_delays_seconds)])
        has_signed = outcome.is_locked & (arrivals <= now_seconds)
        return () if has_signed.all() else tuple(itertools.compress(self.validators, ~has_signed))

    def _compute(self, rounds: list[Round]) -> list[RoundOutcome]:
        known = (self._outcomes, self._known_seconds, self._past)
        return compute_height(self._entries, rounds, self._powers, self._periods, self._timeouts, *known)

    # Rounds long past

    @property
    def _first(self) -> int:
        """The number of the first round in `_rounds`."""
        return 0 if self._past is None else self._past.n_rounds

    def _get_value(self, round_index: int) -> int:
        if round_index >= self._first or self._past is None:
            return self._rounds[round_index - self._first].value
        return self._past.kept[round_index][0]

    def _open_proposal(self, round_index: int) -> Floats:
        """Return the arrivals of a round's block, to be changed; those of a round long past change no outcome."""
        self._is_known = False
        if round_index < self._first:
            return np.full(len(self._entries), np.inf)
        return self._rounds[round_index - self._first].proposal_seconds

    def _leave_behind(self, now_seconds: float) -> None:
        """Keep the cost of a round the same however many there were: leave those behind that decide nothing."""
        n = max(0, len(self._rounds) - OPEN_ROUNDS)
        for index, outcome in enumerate(self._outcomes[:n]):
            if 3 * int(self._powers[outcome.is_locked].sum()) > 2 * int(self._powers.sum()):
                n = index  # it still decides, once its block and the precommits are with somebody
                break
        if n == 0:
            return
        self._past = leave_behind(self._past, self._rounds[:n], self._outcomes[:n], now_seconds)
        self._rounds, self._outcomes = self._rounds[n:], self._outcomes[n:]
        for index in [index for index in self.blocks if index < self._first and index not in self._past.kept]:
            del self.blocks[index], self.arrivals[index]

    def _note_novelty(self, round_index: int) -> None:
        """Look at a round whose successor has ended: what arrives now is too late for it."""
        place = round_index - self._first
        if 0 <= place < min(len(self._rounds), len(self._outcomes)):
            proposer = self._round_proposers.pop(round_index)
            self._novelty.note(round_index, proposer, self._outcomes[place], self._periods, self._timeouts)


def _order_proposers(priorities: Mapping[str, int], powers: Mapping[str, int]) -> tuple[Iterator[str], dict[str, int]]:
    """Return the proposers of rounds 0, 1, …, and the priorities of the next height: one turn on."""
    first, after = select_proposer(priorities, powers)

    def later() -> Iterator[str]:
        current = after
        while True:
            proposer, current = select_proposer(current, powers)
            yield proposer

    return itertools.chain([first], later()), after
