"""Heights of an epoch, its stages and its windows, and which epoch a height belongs to (protocol 1.1).

Of an epoch the chain stores (index, P) only. Every other height follows from the *current* lengths, so a change of
parameters acts at once on the epoch that is running. The factors of the wind-downs multiply and truncate as the chain
does: int(0.8 · 6) = 4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import cached_property, lru_cache

from sim.protocol.blocks.params import EpochParams

WIND_DOWN_FACTOR = 0.8


class Stage(StrEnum):
    """The part of an epoch that a height belongs to."""

    GENERATE = "GENERATE"
    GENERATE_WIND_DOWN = "GENERATE_WIND_DOWN"
    VALIDATE = "VALIDATE"
    VALIDATE_WIND_DOWN = "VALIDATE_WIND_DOWN"
    INFERENCE = "INFERENCE"


class Edge(Enum):
    """Heights at which chain or hosts act, in the order in which they act where one block is several of them.

    The chain's acts at them stand in `blocks.epochs.process_epoch`, those of a host in
    `sim.nodes.host.Host.on_block`.
    """

    P = "P", "start", "the epoch opens; the hash of this block is the network seed"
    E = "E", "generation_end", "generation ends"
    V = "V", "validation_start", "validation starts: validators read the batches, once"
    VE = "VE", "validation_end", "last block that takes votes; weights and the next difficulty are decided"
    S = "S", "set_validators", "the new weights and the new difficulty are in force"
    CLAIM = "the claim", "claim", "hosts claim the reward of the epoch before; hosts of the next epoch enter"

    def __init__(self, label: str, height: str, meaning: str) -> None:
        self.label = label
        self.height = height
        """Name of the height in `Schedule`."""
        self.meaning = meaning


@dataclass(frozen=True)
class Schedule:
    """All heights of one epoch. In epoch 0 every height but the next P reads 0. Reference: protocol 1.1.

    Each is computed once, since every host asks for all of them at every block.
    """

    index: int
    start: int
    """P, the block whose hash is the network seed; -epoch_shift for epoch 0."""
    params: EpochParams

    @classmethod
    def of(cls, index: int, params: EpochParams) -> Schedule:
        """Return the heights of epoch `index` >= 0 of a chain whose parameters never changed."""
        return cls(index, index * params.epoch_length - params.epoch_shift, params)

    @cached_property
    def generation_wind_down(self) -> int:
        """From here on no ML node is newly dispatched."""
        return self._at(int(WIND_DOWN_FACTOR * self.params.poc_stage_duration))

    @cached_property
    def generation_end(self) -> int:
        """E: honest ML nodes stop generating."""
        return self._at(self.params.poc_stage_duration)

    @cached_property
    def last_batch(self) -> int:
        """Last height at which a proof batch is taken."""
        return self._at(self.params.poc_stage_duration + self.params.poc_exchange_duration)

    @cached_property
    def validation_start(self) -> int:
        """V: validators read the batches, once."""
        return self._at(self._until_validation)

    @cached_property
    def validation_wind_down(self) -> int:
        """Start of the last fifth of the validation."""
        return self._at(self._until_validation + int(WIND_DOWN_FACTOR * self.params.poc_validation_duration))

    @cached_property
    def validation_end(self) -> int:
        """VE: votes are counted, weights of the epoch are formed."""
        return self._at(self._until_validation + self.params.poc_validation_duration)

    @cached_property
    def set_validators(self) -> int:
        """S: the epoch becomes effective."""
        return self._at(self._until_switch)

    @cached_property
    def claim(self) -> int:
        """First height at which hosts claim the reward of the epoch that just ended."""
        return self._at(self._until_switch + 1)

    @cached_property
    def next_start(self) -> int:
        """P of the next epoch."""
        return self.start + self.params.epoch_length

    @cached_property
    def edges(self) -> dict[Edge, int]:
        """Heights at which chain or hosts act; none in epoch 0."""
        return {edge: getattr(self, edge.height) for edge in Edge} if self.index > 0 else {}

    @cached_property
    def _until_validation(self) -> int:
        return self.params.poc_stage_duration + self.params.poc_validation_delay

    @cached_property
    def _until_switch(self) -> int:
        validation = self._until_validation + self.params.poc_validation_duration
        return validation + self.params.set_new_validators_delay

    def _at(self, n_blocks: int) -> int:
        return self.start + n_blocks if self.index > 0 else 0

    def edges_at(self, height: int) -> tuple[Edge, ...]:
        """Return what a height is, in the order of `Edge`; it is rarely anything, and seldom two at once."""
        return self._edges_by_height.get(height, ())

    @cached_property
    def _edges_by_height(self) -> dict[int, tuple[Edge, ...]]:
        return {height: tuple(e for e, at in self.edges.items() if at == height) for height in self.edges.values()}

    def ends_at(self, height: int) -> bool:
        """Whether a height is the last one before the next P; never in epoch 0, which has no proof of compute."""
        return self.index > 0 and height == self.next_start - 1

    def stage_at(self, height: int) -> Stage:
        """Return the stage of a height in [P, next P). Reference: protocol 1.1, phase function."""
        if not self.start <= height < self.next_start:
            raise ValueError(f"height {height} is outside epoch {self.index}: [{self.start}, {self.next_start})")
        if self.index == 0:
            return Stage.INFERENCE
        if height < self.generation_wind_down:
            return Stage.GENERATE
        if height < self.validation_start:
            return Stage.GENERATE_WIND_DOWN
        if height < self.validation_wind_down:
            return Stage.VALIDATE
        if height < self.validation_end:
            return Stage.VALIDATE_WIND_DOWN
        return Stage.INFERENCE


@lru_cache(maxsize=256)
def get_schedule(index: int, start: int, params: EpochParams) -> Schedule:
    """Return the one `Schedule` of these values, so that its heights are computed once and not at every block."""
    return Schedule(index, start, params)


def find_broken_edge(
    end: int, epoch_at: Callable[[int], EpochParams], changed_at: Iterable[int]
) -> tuple[int, str] | None:
    """Return where and how changed lengths break an epoch, or None where each of its edges comes exactly once.

    Chain and hosts act when a block has exactly the height of an edge. A change that moves an edge behind the current
    block leaves the epoch without it, and one that moves a past edge ahead lets it come again. The blocks are those
    from 1 to before `end`; `changed_at`: the heights at which lengths change. Blocks at which nothing can happen are
    passed over.
    """
    effective, running, seen = Schedule.of(0, epoch_at(0)), Schedule.of(0, epoch_at(0)), set[Edge]()
    changes, height = sorted({at + 1 for at in changed_at} | set(changed_at)), 0
    while True:
        height = _find_next(height, (effective, running), changes)
        if height >= end:
            return None
        effective = replace(effective, params=epoch_at(height))
        try:
            before, running = running, select_epoch(effective, height)
        except ValueError as error:
            return height, str(error)
        if running.index < before.index:
            return height, f"epoch {before.index} turns back into epoch {running.index}"
        seen = seen if running.index == before.index else set()
        now = running.edges_at(height)
        for edge, at in running.edges.items():
            if edge in now and edge in seen:
                return height, f"epoch {running.index} has {edge.label} twice"
            if at < height and edge not in seen:
                return height, f"epoch {running.index} misses {edge.label}"
        seen.update(now)
        if Edge.S in now:
            effective = running


def _find_next(height: int, schedules: Iterable[Schedule], changes: Sequence[int]) -> int:
    """Return the next height at which an edge, the end of an epoch or a change may matter, or the one after such."""
    coming = [changes[place]] if (place := bisect_right(changes, height)) < len(changes) else []
    for schedule in schedules:
        for at in (*schedule.edges.values(), schedule.set_validators, schedule.next_start):
            coming += [each for each in (at, at + 1) if each > height]
    return min(coming, default=height + 1)


def select_epoch(effective: Schedule, height: int) -> Schedule:
    """Return the epoch that a block of this height belongs to, given the effective epoch before the block.

    Effective epoch e holds in (S_e, next P_e); its follower e + 1 starts there and holds up to its S, at which it
    becomes effective itself. Raises ValueError where the height lies beyond: the chain panics there. `effective` holds
    the current parameters, so a change of the epoch's length moves the follower's start.
    Reference: protocol 1.1, NewEpochContextFromEffectiveEpoch.
    """
    if effective.set_validators < height < effective.next_start:
        return effective
    follower = get_schedule(effective.index + 1, effective.next_start, effective.params)
    if height <= follower.set_validators:
        return follower
    raise ValueError(
        f"height {height} is beyond block {follower.set_validators}, at which epoch {follower.index} had to become "
        f"effective after epoch {effective.index}"
    )
