"""The chance that a claim is accepted by the votes of many validators, exactly.

1. Validators weigh the same. Silent ones abstain, colluding ones say yes to everything; both are exact shares of the
   voting power. Of K validators the K · (1 − silent − colluding) others, to the nearest, at least one, check and say
   what they find; they share the rest of the power equally.
2. A claim is accepted where yes holds more than the majority of *all* power, so that silence acts as no. Guardians,
   who may decide where neither side has it, are left out.
3. With slots each slot goes to one validator by voting power, several may go to one, and slots are counted instead.

Reference: protocol 4.6, 4.9
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import stats

from pow.detection import Opinions, compute_tails, round_half_up

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Electorate:
    """Who votes on a claim, and how much of all votes must say yes."""

    n_validators: int = 1
    """All of them. With slots 0 means so many that no two slots go to one of them."""
    silent: Fraction = Fraction(0)
    """Share of the voting power that abstains."""
    colluding: Fraction = Fraction(0)
    """Share of the voting power that says yes to everything."""
    n_slots: int = 0
    """Slots of a claim; 0: all validators vote by their power."""
    majority: Fraction = Fraction(1, 2)
    """Share of all power, or of all slots, above which yes is accepted."""

    def __post_init__(self) -> None:
        """Raise ValueError for shares that leave no validator that checks, and for votes of nobody."""
        if self.checking <= 0 or min(self.silent, self.colluding) < 0:
            raise ValueError(f"silent {self.silent} and colluding {self.colluding}: shares must sum below 1")
        if self.n_validators < (0 if self.n_slots else 1) or self.n_slots < 0:
            raise ValueError(f"{self.n_validators} validators and {self.n_slots} slots: nobody votes")

    @property
    def checking(self) -> Fraction:
        """Share of the voting power of validators that check."""
        return 1 - self.silent - self.colluding

    @property
    def n_checking(self) -> int:
        """How many validators check."""
        return max(1, round_half_up(self.n_validators * self.checking))


def compute_acceptance(opinions: Opinions, electorate: Electorate) -> tuple[float, float]:
    """Give the chances that a claim is accepted and that it is not, each with its own digits."""
    accepted, rejected = _decide_by_slots(opinions, electorate) if electorate.n_slots else _decide(opinions, electorate)
    return float(opinions.weights @ accepted), float(opinions.weights @ rejected)


def _decide(opinions: Opinions, electorate: Electorate) -> tuple[Floats, Floats]:
    """Give both chances by case, (cases,): enough of the checking validators must say yes."""
    n, missing = electorate.n_checking, electorate.majority - electorate.colluding
    needed = min(missing * n // electorate.checking + 1, n + 1)
    return compute_tails(n, max(0, needed), opinions.yes, opinions.no)


def _decide_by_slots(opinions: Opinions, electorate: Electorate) -> tuple[Floats, Floats]:
    n_slots, sure, checking = electorate.n_slots, float(electorate.colluding), float(electorate.checking)
    needed = int(electorate.majority * n_slots) + 1
    if not electorate.n_validators:
        no = float(electorate.silent) + checking * opinions.no
        return compute_tails(n_slots, needed, sure + checking * opinions.yes, no)
    n = electorate.n_checking
    n_yes = np.arange(n + 1)
    share = checking / n
    no_share = float(electorate.silent) + share * (n - n_yes)
    accepted, rejected = compute_tails(n_slots, needed, sure + share * n_yes, no_share)
    chances = _spread_votes(n, opinions)
    return chances @ accepted, chances @ rejected


def _spread_votes(n: int, opinions: Opinions) -> Floats:
    """Give the chances that 0, 1, ... n of the checking validators say yes, (cases, n + 1)."""
    n_yes, yes, no = np.arange(n + 1), opinions.yes[:, np.newaxis], opinions.no[:, np.newaxis]
    by_yes, by_no = stats.binom.pmf(n_yes, n, yes), stats.binom.pmf(n - n_yes, n, no)
    return np.asarray(np.where(yes < no, by_yes, by_no))
