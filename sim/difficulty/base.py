"""What a controller is: a pure rule from finished epochs to the next difficulty.

Controllers act on difficulty = 1 / hit probability, never on r_target: 0.23 % of r_target is a factor 2.5 in
difficulty (kernel 4). The live network has no such rule: a controller is a what-if (protocol 8).

They see intervals: the difficulty in force, n = found / wanted, and t = time taken / time that it should take. In the
full network an interval is an epoch, t = 1 and n is random. In the race rig it ends with a block or a quota of nonces,
n = 1 and t is random. Every rule is written in both, so that one rule serves both.

Most look at one number per interval, the *ideal* difficulty D · n / t: the one that would have met the setpoint. Under
constant compute it is constant but for chance, whatever the difficulty in force was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from sim.protocol.state import EpochObservation

FEWEST_NONCES = 0.5
"""An epoch without any valid nonce counts as half of one: difficulty falls, but never to 0."""


class Target(BaseModel):
    """The controlled quantity and its setpoint, measured from chain state only."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    valid_nonces_per_epoch: Annotated[
        int, Field(ge=1, description="accepted valid nonces wanted in an epoch", examples=[100])
    ]

    @property
    def setpoint(self) -> float:
        """Wanted value of the measured quantity."""
        return float(self.valid_nonces_per_epoch)

    def compute_ratio(self, observation: EpochObservation) -> float:
        """Found / wanted of an epoch, above 0."""
        return max(observation.valid_nonces, FEWEST_NONCES) / self.valid_nonces_per_epoch

    def compute_work(self, observation: EpochObservation) -> float:
        """Work found in an interval, in units that a wanted interval takes: difficulty in force · found / wanted."""
        return observation.difficulty * self.compute_ratio(observation)

    def compute_speed(self, observation: EpochObservation) -> float:
        """How many times as fast as wanted nonces were found: n / t."""
        return self.compute_ratio(observation) / observation.time_ratio

    def compute_ideal(self, observation: EpochObservation) -> float:
        """Difficulty that would have met the setpoint in an interval: D · n / t."""
        return observation.difficulty * self.compute_speed(observation)


Window = Annotated[int, Field(ge=1, le=100_000, description="epochs that count")]


class Controller(Protocol):
    """Decides once per epoch, at VE; the chain puts the decision in force at S."""

    @property
    def setpoint(self) -> float | None:
        """Wanted value of the measured quantity; None where nothing is controlled."""

    def next_difficulty(self, history: Sequence[EpochObservation]) -> float:
        """Return the difficulty of the next epoch; `history` ends with the epoch that just closed."""
