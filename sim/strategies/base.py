"""What a strategy is: a pure rule from what a host has received (a View) to what it wants done (an Action).

Only the host executes actions, so that a strategy can neither touch the network nor see what it has not received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.base import ProofScheme


@dataclass(frozen=True)
class ProductionView:
    """What an ML node's sender sees every 5 s. Reference: protocol 3.4."""

    nonces: NDArray[np.int64]
    """(n,) valid ones found since the last look, in the order of their computation."""
    values: NDArray[np.float64]
    """(n,) what was computed for each: with the proof scheme `hits` its distance."""
    proof: ProofScheme
    """The scheme in force, with the rule by which a try counts."""
    threshold: float
    """Of the scheme, as the host knows it."""
    dim: int
    """Dimension of what is computed."""
    n_valid_before: int
    """Valid nonces that it found earlier in the epoch, without those that a failure lost."""
    n_claimed_before: int
    """Nonces it claimed earlier in the epoch."""


@dataclass(frozen=True)
class Claim:
    """Action: claim these nonces with these values (nothing is claimed where there are none)."""

    nonces: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class ValidationView:
    """What a validator knows of the claims that it has re-executed since it last voted; every array is (n,)."""

    participants: NDArray[np.object_]
    """Addresses."""
    is_self: NDArray[np.bool_]
    n_checked: NDArray[np.int64]
    n_invalid: NDArray[np.int64]
    p_values: NDArray[np.float64]
    frauds: NDArray[np.bool_]
    """What the fraud test says."""


SAYS_VALID: Final = 0
SAYS_FRAUD: Final = 1
ABSTAINS: Final = 2
Votes = NDArray[np.int8]
"""Action: (n,) one of SAYS_VALID, SAYS_FRAUD, ABSTAINS for each participant"""


class Strategy(Protocol):
    """Decides what to claim and how to vote."""

    def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
        """Return what to send of the nonces found since the last look."""

    def vote(self, view: ValidationView) -> Votes:
        """Return the votes on all participants of the view, whatever other participants are in it."""
