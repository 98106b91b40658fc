"""What a strategy is: a pure rule from what a host has received (a View) to what it wants done (an Action).

Only the host executes actions, so that a strategy can neither touch the network nor see what it has not received.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pow.validation import FraudTest
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
    """Valid nonces this ML node found earlier in the epoch."""
    n_claimed_before: int
    """Nonces it claimed earlier in the epoch."""


@dataclass(frozen=True)
class Claim:
    """Action: claim these nonces with these values (nothing is claimed where there are none)."""

    nonces: tuple[int, ...]
    values: tuple[float, ...]


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


@dataclass(frozen=True, eq=False)
class ValidationsView:
    """What a validator knows of all its participants after re-execution; every array is (n,)."""

    participants: tuple[str, ...]
    is_self: NDArray[np.bool_]
    n_checked: NDArray[np.int64]
    n_invalid: NDArray[np.int64]
    p_values: NDArray[np.float64]
    frauds: NDArray[np.bool_]

    def get_one(self, place: int) -> ValidationView:
        """Return the view of one participant."""
        counts = int(self.n_checked[place]), int(self.n_invalid[place])
        test = FraudTest(*counts, float(self.p_values[place]), bool(self.frauds[place]))
        return ValidationView(self.participants[place], bool(self.is_self[place]), test)


SAYS_VALID: Final = 0
SAYS_FRAUD: Final = 1
ABSTAINS: Final = 2
Votes = NDArray[np.int8]
"""(n,) one of SAYS_VALID, SAYS_FRAUD, ABSTAINS for each participant"""


class Strategy(Protocol):
    """Decides what to claim and how to vote."""

    def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
        """Return what to send of the nonces found since the last look."""

    def vote(self, view: ValidationView) -> Vote | None:
        """Return the vote on a participant, None to abstain."""


@runtime_checkable
class VotesOnAll(Protocol):
    """What a strategy may offer besides `vote`, so that large networks need no call per participant."""

    def vote_on_all(self, view: ValidationsView) -> Votes:
        """Return what `vote` says on each participant."""


def vote_on_all(strategy: Strategy, view: ValidationsView) -> Votes:
    """Return the strategy's votes on all participants, by its own array form or by asking it once for each."""
    if isinstance(strategy, VotesOnAll):
        return strategy.vote_on_all(view)
    votes = (strategy.vote(view.get_one(place)) for place in range(len(view.participants)))
    return np.array([ABSTAINS if vote is None else int(vote.is_fraud) for vote in votes], dtype=np.int8)
