"""The height that validators are agreeing on: entries, proposed blocks, their arrivals, and the outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import numpy as np

from sim.protocol.blocks.state import Block
from sim.protocol.consensus.rounds import (
    NO_ROUND,
    Floats,
    Period,
    Round,
    RoundOutcome,
    Timeouts,
    compute_arrivals,
    compute_height,
    compute_quorum_seconds,
    select_valid_round,
)
from sim.protocol.consensus.validators import select_proposer


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
        self.blocks: list[Block | None] = []
        """The block that each round proposed; None where its proposer did not."""
        self.is_overdue = False
        """The first proposer is late: others may enter and leave its round without it."""
        self.arrivals: list[dict[str, float]] = []
        """Round -> host, validator or not -> when it has that block, so far as is known."""
        self._places = {address: place for place, address in enumerate(powers)}
        self._powers = np.array(list(powers.values()), dtype=np.int64)
        self._timeouts = timeouts
        self._periods = [Period(-math.inf, vote_delays_seconds)]
        self._entries = np.full(len(powers), np.inf)
        self._rounds: list[Round] = []
        self._outcomes: list[RoundOutcome] = []
        self._known_seconds = -math.inf
        self._proposers, self.priorities = _order_proposers(priorities, powers)
        self.proposer = next(self._proposers)
        """The proposer of the next round."""

    # Events, as they come in

    def admit(self, address: str, seconds: float) -> bool:
        """A validator enters the height; returns whether that may matter before the next proposal."""
        place = self._places.get(address)
        if place is None:
            return False
        self._entries[place] = min(seconds, self._entries[place])
        return bool(self._rounds) or self.is_overdue or address == self.proposer

    def add_round(self, block: Block | None, valid_round: int = NO_ROUND) -> None:
        """The next round's proposer proposes a new block, that of `valid_round` again, or none (`block` is None)."""
        value = len(self._rounds) if valid_round == NO_ROUND else self._rounds[valid_round].value
        self._rounds.append(Round(value, valid_round, np.full(len(self._entries), np.inf)))
        self.blocks.append(block)
        self.arrivals.append({})
        self.proposer = next(self._proposers)

    def note_arrivals(self, round_index: int, seconds: Iterable[tuple[str, float]]) -> bool:
        """Hosts have, or will have, a round's block; returns whether more than 2/3 of all power has it then."""
        known, has_block = self.arrivals[round_index], self._rounds[round_index].proposal_seconds
        for address, at in seconds:
            known[address] = min(at, known.get(address, math.inf))
            place = self._places.get(address)
            if place is not None:
                has_block[place] = known[address]
        return 3 * int(self._powers[has_block < np.inf].sum()) > 2 * int(self._powers.sum())

    def replace_arrivals(self, round_index: int, now_seconds: float, seconds: Iterable[tuple[str, float]]) -> None:
        """Links have changed: blocks that had not arrived by now arrive at these times instead."""
        known, has_block = self.arrivals[round_index], self._rounds[round_index].proposal_seconds
        for address, at in seconds:
            if known.get(address, math.inf) > now_seconds:
                known[address] = at
                if (place := self._places.get(address)) is not None:
                    has_block[place] = at

    def change_links(self, now_seconds: float, vote_delays_seconds: Floats) -> None:
        """Votes that have not arrived are sent again over the links as they are now."""
        self._periods.append(Period(now_seconds, vote_delays_seconds))
        self._outcomes = []

    # Their outcome

    def evaluate(self, now_seconds: float) -> None:
        """Compute all rounds' outcomes from the arrivals up to now.

        An outcome is final up to `now_seconds`: later arrivals can only change events after it.
        """
        self._outcomes = self._compute(self._rounds)
        # Validators may enter the next round before anything is proposed in it: when the last round lets them go on, or
        # when the first proposer is overdue. That round is computed too, as one without a proposal, so that its
        # proposer's entry (`proposal_seconds`) and its end by timeout (`skip_seconds`) are known. It is no part of
        # `_rounds` until `add_round` says what it proposes.
        is_open = bool(self._rounds) and bool((self._outcomes[-1].next_entry_seconds < np.inf).any())
        if is_open or (self.is_overdue and not self._rounds):
            waiting = Round(len(self._rounds), NO_ROUND, np.full(len(self._entries), np.inf))
            self._outcomes = self._compute([*self._rounds, waiting])
        self._known_seconds = now_seconds

    @property
    def decision_seconds(self) -> float:
        """When the first validator decides."""
        return min((float(outcome.decision_seconds.min()) for outcome in self._outcomes), default=math.inf)

    @property
    def deciding_round(self) -> int:
        """The round whose block is decided on first."""
        return min(range(len(self._rounds)), key=lambda index: self._outcomes[index].decision_seconds.min())

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
        past = self._outcomes[: len(self._rounds)]
        return select_valid_round(past, self._places[self.proposer], now_seconds)

    def compute_commits(self, round_index: int, vote_delays_seconds: Floats) -> Floats:
        """Return when each host, a row of the delays, has precommits of more than 2/3 for a round's block."""
        outcome = self._outcomes[round_index]
        arrivals = compute_arrivals(outcome.precommit_seconds, [Period(-math.inf, vote_delays_seconds)])
        return compute_quorum_seconds(arrivals, self._powers, outcome.is_locked)

    def _compute(self, rounds: list[Round]) -> list[RoundOutcome]:
        known = (self._outcomes, self._known_seconds)
        return compute_height(self._entries, rounds, self._powers, self._periods, self._timeouts, *known)


def _order_proposers(priorities: Mapping[str, int], powers: Mapping[str, int]) -> tuple[Iterator[str], dict[str, int]]:
    """Return the proposers of rounds 0, 1, …, and the priorities of the next height: one turn on."""
    first, after = select_proposer(priorities, powers)

    def later() -> Iterator[str]:
        current = after
        while True:
            proposer, current = select_proposer(current, powers)
            yield proposer

    return chain([first], later()), after
