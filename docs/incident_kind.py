"""What an incident is to the page and to the tests, see `incidents`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

Label = int | str
"""An epoch, or the name of a host or of a group."""


@dataclass(frozen=True)
class Incident:
    """One curve of a run, and where on it the harm is measured."""

    label: str
    """The curve's quantity with its unit: title of the figure."""
    trace: Callable[[Any], pd.Series]
    """From the result of a run to the curve: values by epoch, or by name."""
    at: tuple[Label, ...] = ()
    """Where the curve is read: a mean over these; none: over all of it."""
    published: tuple[float | None, float | None] = (None, None)
    """The same quantity as the network told it, as it was and repaired; None where it did not."""
    n_seeds: int = 6
    """Runs of each file, from seed 1 on: six is the least that an effect without any spread needs."""

    def measure(self, curves: pd.DataFrame) -> pd.Series:
        """Return the harm of each run, by its seed; `curves` has a column a run."""
        return (curves.loc[list(self.at)] if self.at else curves).mean()

    @property
    def quantity(self) -> str:
        """The quantity that is measured; of a curve with several names, which of them."""
        named = f"{self.at[0]} to {self.at[-1]}" if len(self.at) > 1 else "".join(map(str, self.at))
        return f"{self.label}: {named}" if self.at and isinstance(self.at[0], str) else self.label

    def write_published(self) -> str:
        """Return what was published, or a dash."""
        told = ("" if value is None else f"{value:.3g}" for value in self.published)
        return " → ".join(filter(None, told)) or "–"


@dataclass(frozen=True)
class Twins:
    """The curves of both files of an incident: rows are epochs or names, columns seeds."""

    harmed: pd.DataFrame
    fixed: pd.DataFrame
