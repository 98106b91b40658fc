"""A host in challenges: as the target it computes and commits, as a validator it checks others' segments (2.13).

1. The target's ML nodes compute from the block at which a segment is seeded to its end, through the generation of a
   confirmation too; then they check the others' claims.
2. A validator turns to segments when its checks of the running proof of compute have ended, to one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from sim.nodes.context import Context
from sim.nodes.executor import Executor
from sim.protocol.blocks.challenging import find_segment_end
from sim.protocol.blocks.state import ChainState, get_places_to_check
from sim.protocol.models.challenge import Segment
from sim.protocol.models.challenged import SegmentRun
from sim.protocol.proofs.base import Episode
from sim.protocol.proofs.claimed import split_claim
from sim.strategies import events


class ChallengeDuty:
    """What challenges ask of one host."""

    def __init__(self, context: Context, address: str, executor: Executor, tell: Callable[..., None]) -> None:
        self._context = context
        self._address = address
        self._executor = executor
        self._tell = tell
        self._process: simpy.Process | None = None

    @property
    def is_running(self) -> bool:
        """The host computes, or should, in a segment of its own."""
        return self._executor.outbox.slices.is_open

    def follow(self, state: ChainState) -> None:
        """Act after a block: compute, commit, or stop."""
        segment = self._find_own(state)
        if segment is None:
            self._stop(state)
            return
        production, slices = self._executor.production, self._executor.outbox.slices
        rules = self._context.params.rules_at(state.schedule.index)
        planned = segment.plan(find_segment_end(state, rules), self._context.params.challenges)
        if production.start_height != segment.start or not slices.is_open:
            slices.open(segment.start)
            production.open(state, self._describe(state, segment, planned))
            node_ids = tuple(node.node_id for node in production.dispatched)
            self._tell(events.SegmentOpened, epoch=state.effective.index, node_ids=node_ids)
        production.start()
        slices.commit(state.height, planned)

    def _find_own(self, state: ChainState) -> SegmentRun | None:
        challenge = state.challenges.get(self._address)
        if challenge is None or not challenge.is_running or challenge.segment is None:
            return None
        return challenge.segment if challenge.segment.seed_hash else None

    def _describe(self, state: ChainState, segment: SegmentRun, planned: Segment) -> Episode:
        rules = self._context.params.rules_at(state.schedule.index)
        announced = min(planned.end, segment.start + planned.params.challenge_slice_blocks)
        return Episode(
            epoch_index=state.effective.index,
            start_height=segment.start,
            block_hash=segment.seed_hash,
            generation_end=announced,
            last_claim=planned.end - 1,
            validation_start=planned.end,
            validation_end=planned.end,
            first_claim=segment.start,
            models={model.name: model for model in rules.models},
            is_confirmation=True,
            is_challenge=True,
        )

    def _stop(self, state: ChainState) -> None:
        """The segment is over: with a confirmation, its ML nodes check the claims of that one."""
        if not self.is_running:
            return
        self._executor.production.stop()
        self._executor.outbox.slices.close()
        if state.running is not None and state.height >= state.running.validation_start:
            self._executor.production.enter(state.running)

    # As a validator

    def open_checks(self, state: ChainState) -> None:
        """Validation starts: segments come after the claims of the proof of compute. Reference: network 2.13."""
        if state.challenges and state.sealed_segments:
            self._process = self._context.env.process(self._check(state.sealed_segments))

    def stop_checks(self) -> None:
        """The window is over, or the host is down."""
        if self._process is not None and self._process.is_alive:
            self._process.interrupt()
        self._process = None

    def _check(self, segments: tuple[ChainState, ...]) -> Generator[Any, object, None]:
        try:
            for seen in segments:
                yield self._context.env.all_of(self._executor.checks)
                if split_claim(seen.proofs.participants[0])[0] != self._address:
                    self._ask(seen)
        except simpy.Interrupt:
            return

    def _ask(self, seen: ChainState) -> None:
        """Ask the agent about one segment as about claims that have become known."""
        claims, executor = seen.claimed_nonces, self._executor
        executor.segment = seen
        self._tell(
            events.ClaimsKnown,
            epoch=seen.episode.epoch_index,
            participants=tuple(claims.participants.tolist()),
            n_claimed=claims.counts,
            duties=get_places_to_check(seen, self._address, executor.production.models),
        )
        executor.segment = None
