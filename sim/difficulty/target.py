"""The quantity that a controller holds at its setpoint, as the chain can know it (`sim.protocol.blocks.observations`).

Every quantity is turned into n = found / wanted, a number that is 1 at the setpoint and falls as difficulty rises:

- valid nonces of an epoch (the load of the chain): in proportion to compute / difficulty;
- success rate, valid nonces / tries: 1 / difficulty, whatever the compute, so that a setpoint is a difficulty;
- blocks until a quota of valid nonces is on chain: wanted / measured. Starting ML nodes and sending takes time that
  no difficulty saves, so that n answers less than in proportion near the shortest time;
- nonces that a validator recomputes, a sample of each participant's: in proportion while participants have fewer
  nonces than a sample, and from there on it cannot rise.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.difficulty.interval import Interval
from sim.problems import Problem, as_validation_error
from sim.protocol.blocks.state import EpochObservation

FEWEST_NONCES = 0.5
"""An epoch without any valid nonce counts as half of one: difficulty falls, but never to 0."""


class Target(BaseModel):
    """The controlled quantity and its setpoint: one of four, measured from chain state only."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        json_schema_extra={"examples": [{"valid_nonces_per_epoch": 100}]},
    )

    valid_nonces_per_epoch: Annotated[
        int | None, Field(ge=1, le=10**12, description="accepted valid nonces wanted in an epoch")
    ] = None
    success_rate: Annotated[float | None, Field(gt=0.0, le=1.0, description="wanted valid nonces / tries")] = None
    blocks_until_quota: Annotated[
        float | None, Field(gt=0.0, le=1e6, description="wanted blocks from P until `quota` is on chain")
    ] = None
    quota: Annotated[
        int | None, Field(ge=1, le=10**12, description="accepted valid nonces, for `blocks_until_quota`")
    ] = None
    checked_nonces_per_validator: Annotated[
        float | None, Field(gt=0.0, le=1e12, description="nonces that a validator is to recompute in an epoch")
    ] = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        problems, given = [], [name for name in QUANTITIES if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"not {' and '.join(given)}" if given else "and there is none"
            problems.append(Problem((), f"must have one of {', '.join(QUANTITIES)}; {what}"))
        if (self.quota is None) != (self.blocks_until_quota is None):
            name, other = ("quota", "blocks_until_quota")[:: 1 if self.blocks_until_quota else -1]
            problems.append(Problem((), f"{other} needs {name} beside it"))
        if problems:
            raise as_validation_error("target", problems, None)
        return self

    @property
    def quantity(self) -> str:
        """Name of the controlled quantity, as in a scenario."""
        return next(name for name in QUANTITIES if getattr(self, name) is not None)

    @property
    def setpoint(self) -> float:
        """Wanted value of the quantity, in its unit."""
        return float(getattr(self, self.quantity))

    def measure(self, observation: EpochObservation) -> float:
        """Value of the quantity in an epoch, in its unit."""
        return QUANTITIES[self.quantity](observation, self.quota or 1)

    def compute_found(self, observation: EpochObservation) -> float:
        """Found / wanted of an epoch; 0 where nothing was found."""
        measured = self.measure(observation)
        return self.setpoint / measured if self.quota else measured / self.setpoint

    def compute_ratio(self, observation: EpochObservation) -> float:
        """Found / wanted of an epoch, above 0: nothing counts as half a nonce, or as half of the wanted success."""
        fewest = FEWEST_NONCES if self.success_rate else FEWEST_NONCES / self.setpoint
        return self.compute_found(observation) or fewest

    def compute_count(self, observation: EpochObservation) -> float:
        """Nonces on which a measurement rests, above 0: its relative variance is about 1 / count."""
        found = min(observation.valid_nonces, self.quota) if self.quota else observation.valid_nonces
        return max(found, FEWEST_NONCES)


def read_interval(target: Target | None, observation: EpochObservation) -> Interval:
    """Return an epoch as the interval that a controller takes in; without a target found / wanted is 1."""
    return Interval(
        difficulty=observation.difficulty,
        found=target.compute_found(observation) if target else 1.0,
        ratio=target.compute_ratio(observation) if target else 1.0,
        time=1.0,
        count=target.compute_count(observation) if target else max(observation.valid_nonces, FEWEST_NONCES),
        index=observation.epoch_index,
    )


def measure_blocks(observation: EpochObservation, quota: int) -> float:
    """Blocks from P to the one that brings the quota-th nonce; where none does, as long as it would have taken at the
    epoch's pace.
    """
    for n_blocks, total in enumerate(accumulate(observation.arrivals), start=1):
        if total >= quota:
            return float(n_blocks)
    return len(observation.arrivals) * quota / max(sum(observation.arrivals), FEWEST_NONCES)


QUANTITIES: dict[str, Callable[[EpochObservation, int], float]] = {
    "valid_nonces_per_epoch": lambda observation, _: float(observation.valid_nonces),
    "success_rate": lambda observation, _: observation.success_rate,
    "blocks_until_quota": measure_blocks,
    "checked_nonces_per_validator": lambda observation, _: observation.checked_per_validator,
}
"""How each quantity is read from an observation, with the quota where there is one."""
