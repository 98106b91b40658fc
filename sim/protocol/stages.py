"""Heights of an epoch, its stages and its windows (protocol 1.1).

Every height follows from (index, P) and the epoch's lengths; nothing else is stored. The factors of the wind-downs
multiply and truncate as the chain does: int(0.8 · 6) = 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sim.protocol.params import EpochParams

WIND_DOWN_FACTOR = 0.8


class Stage(StrEnum):
    """The part of an epoch that a height belongs to."""

    GENERATE = "GENERATE"
    GENERATE_WIND_DOWN = "GENERATE_WIND_DOWN"
    VALIDATE = "VALIDATE"
    VALIDATE_WIND_DOWN = "VALIDATE_WIND_DOWN"
    INFERENCE = "INFERENCE"


def compute_start_height(index: int, params: EpochParams) -> int:
    """P of epoch `index` >= 1; epoch 0 ends where epoch 1 starts. Reference: protocol 1.1."""
    return index * params.epoch_length - params.epoch_shift


@dataclass(frozen=True)
class Schedule:
    """All heights of one epoch. Reference: protocol 1.1."""

    index: int
    start: int
    """P, the block whose hash is the network seed."""
    params: EpochParams

    @classmethod
    def of(cls, index: int, params: EpochParams) -> Schedule:
        """Return the heights of epoch `index` >= 1."""
        return cls(index, compute_start_height(index, params), params)

    @property
    def generation_wind_down(self) -> int:
        """From here on no ML node is newly dispatched."""
        return self.start + int(WIND_DOWN_FACTOR * self.params.poc_stage_duration)

    @property
    def generation_end(self) -> int:
        """E: honest ML nodes stop generating."""
        return self.start + self.params.poc_stage_duration

    @property
    def last_batch(self) -> int:
        """Last height at which a proof batch is taken."""
        return self.generation_end + self.params.poc_exchange_duration

    @property
    def validation_start(self) -> int:
        """V: validators read the batches, once."""
        return self.generation_end + self.params.poc_validation_delay

    @property
    def validation_wind_down(self) -> int:
        """Start of the last fifth of the validation."""
        return self.validation_start + int(WIND_DOWN_FACTOR * self.params.poc_validation_duration)

    @property
    def validation_end(self) -> int:
        """VE: votes are counted, weights of the epoch are formed."""
        return self.validation_start + self.params.poc_validation_duration

    @property
    def set_validators(self) -> int:
        """S: the epoch becomes effective."""
        return self.validation_end + self.params.set_new_validators_delay

    @property
    def claim(self) -> int:
        """First height at which hosts claim the reward of the epoch that just ended."""
        return self.set_validators + 1

    @property
    def next_start(self) -> int:
        """P of the next epoch."""
        return self.start + self.params.epoch_length

    def stage_at(self, height: int) -> Stage:
        """Return the stage of a height in [P, next P). Reference: protocol 1.1, phase function."""
        if not self.start <= height < self.next_start:
            raise ValueError(f"height {height} is outside epoch {self.index}: [{self.start}, {self.next_start})")
        if height < self.generation_wind_down:
            return Stage.GENERATE
        if height < self.validation_start:
            return Stage.GENERATE_WIND_DOWN
        if height < self.validation_wind_down:
            return Stage.VALIDATE
        if height < self.validation_end:
            return Stage.VALIDATE_WIND_DOWN
        return Stage.INFERENCE

    def accepts_batch(self, height: int) -> bool:
        """Window of proof batches, both ends included, the opening block P excluded."""
        return self.start + 1 <= height <= self.last_batch

    def accepts_validation(self, height: int) -> bool:
        """Window of validations, both ends included, the opening block V excluded."""
        return self.validation_start + 1 <= height <= self.validation_end
