"""What a strategy is: a pure rule from what a host has received (a View) to what it wants done (an Action).

Only the host executes actions, so that a strategy can neither touch the network nor see what it has not received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pow.validation import FraudTest


@dataclass(frozen=True)
class ProductionView:
    """What an ML node's sender sees every 5 s. Reference: protocol 3.4."""

    nonces: NDArray[np.int64]
    """(n,) valid ones found since the last look, in the order of their computation."""
    distances: NDArray[np.float64]
    """(n,) their distances, below r_target."""
    r_target: float
    dim: int
    """Dimension of the sphere."""
    n_valid_before: int
    """Valid nonces this ML node found earlier in the epoch."""
    n_claimed_before: int
    """Nonces it claimed earlier in the epoch."""


@dataclass(frozen=True)
class Claim:
    """Action: send these nonces with these distances as one proof batch (nothing is sent where there are none)."""

    nonces: tuple[int, ...]
    distances: tuple[float, ...]


@dataclass(frozen=True)
class ValidationView:
    """What a validator knows of one participant after re-execution."""

    participant: str
    is_self: bool
    test: FraudTest


@dataclass(frozen=True)
class Vote:
    """Action: tell the chain whether the participant's claim is a fraud."""

    is_fraud: bool


class Strategy(Protocol):
    """Decides what to claim and how to vote."""

    def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
        """Return what to send of the nonces found since the last look."""

    def vote(self, view: ValidationView) -> Vote | None:
        """Return the vote on a participant, None to abstain."""
