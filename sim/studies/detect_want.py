"""The smallest sample that keeps a promise: so much power at a share invented, so few honest claims lost.

As long as the fraud test asks for the same number of contradicted entries, a larger sample rejects more, invented and
honest claims alike. So each such stretch of sample sizes is halved until its first one with the power is found; where
that one loses too many honest claims, so do all later ones of its stretch, and the next stretch is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from pow.validation import critical_counts
from sim.errors import UserError
from sim.studies.detect import Chances, Design

LARGEST_SAMPLE = 20_000
_NUMBER = r"([0-9.eE+-]+\s*%?)"
_POWER, _FALSE = rf"power\s+{_NUMBER}\s+at\s+{_NUMBER}", rf"false\s+{_NUMBER}"
_WANT = re.compile(rf"\s*(?:{_POWER})?\s*,?\s*(?:{_FALSE})?\s*")


@dataclass(frozen=True)
class Want:
    """What a sample must do."""

    power: float
    """Least chance that a claim with so much invented is not accepted."""
    fabricated: Fraction
    """Share of its entries that were invented."""
    false: float
    """Largest chance that a claim with nothing invented is not accepted."""

    def has_power(self, chances: Chances) -> bool:
        """Tell whether few enough invented claims are accepted."""
        return chances.accepted <= 1.0 - self.power

    def spares_honest(self, chances: Chances) -> bool:
        """Tell whether few enough honest claims are lost."""
        return chances.rejected_honest <= self.false


def parse_want(text: str) -> Want:
    """Return what "power 0.99 at 5 %, false 1e-6" asks for; raises UserError. Either half may be left out."""
    match = _WANT.fullmatch(text)
    if match is None or not any(match.groups()):
        raise UserError(f'--want "{text}": must be written like "power 0.99 at 5 %, false 1e-6"')
    power, fabricated, false = (None if part is None else _parse_share(text, part) for part in match.groups())
    return Want(float(power or 0), fabricated or Fraction(0), 1.0 if false is None else float(false))


def _parse_share(text: str, part: str) -> Fraction:
    try:
        value = Fraction(part.removesuffix("%").strip()) / (100 if part.endswith("%") else 1)
    except ValueError:
        raise UserError(f'--want "{text}": {part} is no number') from None
    if not 0 <= value <= 1:
        raise UserError(f'--want "{text}": {part} must be at least 0 and at most 1')
    return value


def find_sample(design: Design, want: Want) -> tuple[Design, Chances | None]:
    """Return the design with the smallest sample that does what is wanted and its chances; None where none does."""
    asked = replace(design, fabricated=want.fabricated)
    for low, high in _list_stretches(design):
        while low < high:  # the first sample with the power, or the last one of the stretch
            middle = (low + high) // 2
            if want.has_power(replace(asked, sample=middle).compute()):
                high = middle
            else:
                low = middle + 1
        found = replace(asked, sample=low)
        chances = found.compute()
        if want.has_power(chances) and want.spares_honest(chances):
            return found, chances
    return asked, None


def _list_stretches(design: Design) -> Iterator[tuple[int, int]]:
    """Yield first and last of the samples that the fraud test gives the same number, as far as they are looked at."""
    samples = np.arange(1, min(design.claim or LARGEST_SAMPLE, LARGEST_SAMPLE) + 1)
    counts = critical_counts(samples, design.p, design.threshold)
    counts[counts > samples] = 0  # too small for any fraud: one stretch
    ends = np.flatnonzero(np.diff(counts, append=-1)) + 1
    yield from zip((1, *(ends[:-1] + 1).tolist()), ends.tolist(), strict=True)


def say_none(design: Design, want: Want) -> str:
    """Say that no sample does it, of which sizes, and what the largest one would do."""
    largest = min(design.claim or LARGEST_SAMPLE, LARGEST_SAMPLE)
    chances = replace(design, sample=largest, fabricated=want.fabricated).compute()
    return (
        f"no sample of up to {largest} entries has power {want.power:g} at {float(want.fabricated):g} and at most "
        f"{want.false:g} honest claims lost; one of {largest} accepts {chances.accepted:.3g} of the invented claims "
        f"and loses {chances.rejected_honest:.3g} of the honest ones"
    )
