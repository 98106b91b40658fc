"""Whether a height is given up: many rounds in a row that bring nothing new, with time-outs that no longer grow."""

from __future__ import annotations

import numpy as np

from sim.protocol.consensus.rounds import (
    Bools,
    Floats,
    Period,
    RoundOutcome,
    Timeouts,
    compute_arrivals,
)

PATIENCE_ROUNDS = 30
LEAST_GROWTH = 1e-2  # of a time-out in that many rounds: with less, time-outs no longer grow
MOST_ROUNDS = 3_000  # without anything new, whatever may still come


class Novelty:
    """Counts the rounds of one height since one brought something that no earlier one had.

    A vote or a proposal of one validator is new at another where it arrives while that one is still in the round, and
    none of its kind has done so before. Late arrivals decide nothing, and so they are not new.
    """

    def __init__(self, n_validators: int) -> None:
        self._seen = np.zeros((5, n_validators, n_validators), dtype=bool)
        self.n_rounds_without = 0

    def note(self, index: int, proposer: int, outcome: RoundOutcome, periods: list[Period], timeouts: Timeouts) -> None:
        """Take note of a round that has ended; `proposer` is the place of its proposer among the validators."""
        found = np.zeros_like(self._seen)
        found[0, :, proposer] = outcome.proposal_seconds <= outcome.entry_seconds + timeouts.get_propose(index)
        found[1], found[2] = _split(_arrive(outcome.prevote_seconds, outcome, periods), outcome.is_for_block)
        found[3], found[4] = _split(_arrive(outcome.precommit_seconds, outcome, periods), outcome.is_locked)
        is_new = bool((found & ~self._seen).any())
        self._seen |= found
        self.n_rounds_without = 0 if is_new else self.n_rounds_without + 1


def _arrive(sent_seconds: Floats, outcome: RoundOutcome, periods: list[Period]) -> Bools:
    """Tell which votes, (receivers, validators), arrive while the receiver is in the round."""
    arrivals = compute_arrivals(sent_seconds, periods)
    until = np.minimum(outcome.leave_seconds, outcome.next_entry_seconds)
    found: Bools = (arrivals <= until[:, np.newaxis]) & (arrivals < np.inf)
    return found


def _split(arrived: Bools, is_for_block: Bools) -> tuple[Bools, Bools]:
    return arrived & is_for_block, arrived & ~is_for_block


def are_growing(timeouts: Timeouts, index: int) -> bool:
    """Whether the time-outs of round `index` are still notably longer than those of `PATIENCE_ROUNDS` before."""
    growth = PATIENCE_ROUNDS * timeouts.delta_seconds
    return growth > LEAST_GROWTH * min(timeouts.get_all(index))


def tell_stall(height: int, n_rounds: int, n_without: int, timeouts: Timeouts, slowest_seconds: float) -> str:
    """Say why a height is given up; `slowest_seconds`: how long the last proposal took to the last validator."""
    lengths = (f"{seconds:.4g} s" for seconds in timeouts.get_all(n_rounds - 1))
    told = ", ".join(
        f"{name} {length}" for name, length in zip(("propose", "prevote", "precommit"), lengths, strict=True)
    )
    way = f"; a block takes up to {slowest_seconds:.4g} s" if 0 < slowest_seconds < np.inf else ""
    return (
        f"in {n_without} of the {n_rounds} rounds of block {height} no vote and no proposal arrived in time that an "
        f"earlier round lacked, and time-outs no longer grow ({told}{way})"
    )
