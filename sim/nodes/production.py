"""A host's ML nodes: those in a proof of compute, their tasks and generations, their failures (protocol 1.5)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.nodes.context import Context
from sim.nodes.ml_node import Assignment, Generation, OnResults, WorkDone, report_idle
from sim.protocol.blocks.state import ChainState
from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import Episode
from sim.protocol.proofs.draws import compute_n_nodes
from sim.protocol.switches import Rules
from sim.strategies.actions import Compute
from sim.strategies.base import MLNode
from sim.work.base import Task

is_hash = re.compile(r"[0-9A-F]{64}").fullmatch


class Production:
    """All generations of one host, epoch after epoch."""

    def __init__(
        self,
        context: Context,
        address: str,
        public_key: str,
        ml_nodes: Sequence[MLNode],
        on_results: OnResults,
        after_callbacks: Callable[[Callable[[], None]], None],
    ) -> None:
        """`after_callbacks(then)` calls `then` when no callback of an ML node is under way."""
        self._after_callbacks = after_callbacks
        self._context = context
        self._address = address
        self._public_key = public_key
        self._owned = self.ml_nodes = tuple(ml_nodes)
        self._on_results = on_results
        self.start_height: int | None = None
        """Key of the last proof of compute that the host took part in: its P, or a confirmation's trigger."""
        self.dispatched: tuple[MLNode, ...] = ()
        """Nodes in that proof of compute; preserved ones neither produce nor check. Reference: protocol 5.2."""
        self._epoch = 0
        self._assignment: Assignment | None = None
        self._generations: dict[int, Generation] = {}
        self.failed: frozenset[int] = frozenset()
        """Numbers of the ML nodes that some fault holds down."""
        self._failures: Counter[int] = Counter()
        """ML node -> faults that hold it down."""
        self._early: dict[int, WorkDone] = {}
        """ML node -> what it did before the proof of compute that comes, or has just begun."""

    @property
    def working(self) -> list[MLNode]:
        """Nodes that are in the proof of compute and have not failed."""
        return [node for node in self.dispatched if node.node_id not in self.failed]

    @property
    def models(self) -> list[str]:
        """Language models of the nodes that are in the proof of compute, in order."""
        return sorted({node.model for node in self.dispatched})

    def open(self, state: ChainState, episode: Episode) -> None:
        """Enter a proof of compute, with no task for any node yet; an earlier one that still runs ends."""
        early = self._assignment
        self.stop()
        if early is not None and early.is_early and early.block_hash != episode.block_hash:
            self._context.work.forget(early.block_hash)
        self.enter(episode)
        rules = self._context.params.rules_at(self._epoch)
        preserved = episode.preserved.get(self._address, frozenset())
        if not episode.is_confirmation:
            for node in self.ml_nodes:
                if node.node_id in preserved:
                    self._record_idle(node, state.threshold, is_preserved=True)
        blocks_left = episode.generation_end - state.height
        # By how fast blocks have come; a clock that is wrong by hours must not announce nonces by the million.
        pace = self._context.ledger.compute_interval(state.height)
        self._assignment = Assignment(
            epoch_index=self._epoch,
            block_hash=episode.block_hash,
            public_key=self._public_key,
            threshold=state.threshold,
            n_nodes=compute_n_nodes(
                [node.node_id for node in self.dispatched],
                max(node.node_id for node in self.ml_nodes),
                counts_nodes_handed_out=rules.counts_nodes_handed_out,
            ),
            expected_seconds=blocks_left * min(pace, 2 * self._context.scenario.protocol.block_time),
            scheme=schemes.name_of(rules.proof),
            confirmation_height=episode.start_height if episode.is_confirmation else None,
            share=self._get_share(state, episode),
        )

    def enter(self, episode: Episode) -> None:
        """Take part in a proof of compute with all nodes that it does not pass over, in its validation at least."""
        self._generations = {}
        self.start_height, self._epoch = episode.start_height, episode.epoch_index
        rules = self._context.params.rules_at(self._epoch)
        preserved = episode.preserved.get(self._address, frozenset())
        self.ml_nodes = tuple(node.as_prover(rules) for node in self._owned)
        self.dispatched = tuple(node for node in self.ml_nodes if node.node_id not in preserved)

    def open_early(self, state: ChainState, block_hash: str) -> None:
        """Let ML nodes be given tasks before a proof of compute, under a network seed that is assumed for it.

        Raises ValueError for what is no hash, where a proof is running, or where another seed is assumed already.
        """
        if not is_hash(block_hash):
            raise ValueError(f'"{block_hash}" is no hash of a block: it has 64 hexadecimal digits, in capitals')
        if state.running is not None:
            raise ValueError("a proof of compute is running, so that its network seed is known")
        given, coming = self._assignment, state.schedule.index + 1
        if given is not None and given.is_early and given.epoch_index == coming:
            if given.block_hash != block_hash:
                raise ValueError("its ML nodes compute under another assumed network seed")
            return
        self.stop()  # a host that was down has not heard of the last proof, or of its end
        self._generations, self._epoch = {}, coming
        rules = self._context.params.rules_at(self._epoch)
        self.dispatched = self.ml_nodes = tuple(node.as_prover(rules) for node in self._owned)
        blocks_left, pace = state.schedule.next_start - state.height, self._context.scenario.protocol.block_time
        self._assignment = Assignment(
            epoch_index=self._epoch,
            block_hash=block_hash,
            public_key=self._public_key,
            threshold=state.threshold,
            n_nodes=max(node.node_id for node in self.ml_nodes),
            expected_seconds=blocks_left * pace,
            scheme=schemes.name_of(rules.proof),
            is_early=True,
        )

    def _get_share(self, state: ChainState, episode: Episode) -> float:
        """Part of its rate that the host shows: all of it in the proofs of epochs."""
        if episode.is_challenge:
            return self._context.traffic.get_group_share(self._address)
        end_height = state.confirmation.end_height
        if not episode.is_confirmation or end_height is None:
            return 1.0
        return self._context.traffic.get_share(self._address, end_height)

    def list_hardware(self, rules: Rules) -> tuple[HardwareNode, ...] | None:
        """Return the registration that these rules ask for; None for a host whose ML nodes keep their models."""
        if not (rules.proof.claims_by_model and any(node.follows_base for node in self._owned)):
            return None
        nodes = (node.as_prover(rules) for node in self._owned if node.is_registered)
        return tuple(HardwareNode(node.node_id, node.model) for node in nodes)

    def get_blank(self) -> NDArray[Any]:
        """Return no results at all, in the type and shape that results of the running proof of compute have."""
        given = self._assignment
        if given is None:
            raise ValueError("no generation is running")
        node = self.ml_nodes[0]
        task = Task(
            given.block_hash,
            given.public_key,
            node.dtype,
            (range(0),),
            given.threshold,
            scheme=given.scheme,
            model=node.model,
            stack=node.stack,
        )
        return self._context.work.produce(task, range(0)).values

    def assign(self, action: Compute) -> None:
        """Give nodes their task; raises ValueError for nodes that are not free."""
        if self._assignment is None:
            raise ValueError("no generation is running")
        given = self._assignment
        assignment = replace(
            given,
            public_key=action.public_key or self._public_key,
            share=given.share * action.share,
        )
        for node in self._select(action.node_ids):
            self._generations[node.node_id] = Generation(
                self._context, self._address, node, assignment, action, self._on_results
            )

    def _select(self, node_ids: tuple[int, ...] | None) -> list[MLNode]:
        free = {node.node_id: node for node in self.dispatched if node.node_id not in self._generations}
        if node_ids is None:
            return list(free.values())
        for node_id in node_ids:
            if node_id not in free:
                known = ", ".join(map(str, free)) or "none"
                raise ValueError(f"ML node {node_id} is not free to compute in epoch {self._epoch}; free: {known}")
        return [free[node_id] for node_id in node_ids]

    def get_model(self, node_id: int) -> str:
        """Return the language model of one of the host's ML nodes; of the first where it has no such node."""
        return next((node.model for node in self.ml_nodes if node.node_id == node_id), self.ml_nodes[0].model)

    def note_claimed(self, node_id: int, nonces: Sequence[int] | NDArray[np.int64]) -> None:
        """The host has claimed nonces for one of its nodes."""
        if node_id in self._generations:
            self._generations[node_id].note_claimed(nonces)

    def start(self) -> None:
        """Let all nodes with a task compute that have not failed; those that do already go on."""
        for node_id, generation in self._generations.items():
            if node_id not in self.failed:
                generation.start()

    def pause(self) -> None:
        """Let all nodes break off now: the host crashes."""
        for generation in self._generations.values():
            generation.pause()

    def stop(self) -> None:
        """End the generation of all nodes and record each, idle ones too."""
        if self._assignment is None:
            return
        given, self._assignment = self._assignment, None
        if given.is_early:
            self._stop_early()
            return
        is_recorded = given.confirmation_height is None  # a row is of an epoch's own proof of compute
        for node in self.dispatched:
            generation = self._generations.get(node.node_id)
            if generation is not None:
                generation.stop()
            if generation is not None and is_recorded:
                self._after_callbacks(partial(self._record, generation))
            elif is_recorded:
                self._record_idle(node, given.threshold, is_preserved=False)

    def _stop_early(self) -> None:
        for early in self._generations.values():
            early.stop()
            tried, operations = self._early.get(early.node_id, WorkDone())
            self._early[early.node_id] = WorkDone(tried + early.work.tried, operations + early.work.operations)

    def _record(self, generation: Generation) -> None:
        self._context.recorder.add(generation.describe(self._early.pop(generation.node_id, WorkDone())))

    def _record_idle(self, node: MLNode, threshold: float, *, is_preserved: bool) -> None:
        early = self._early.pop(node.node_id, WorkDone())
        row = report_idle(node, self._address, self._epoch, threshold, is_preserved=is_preserved, early=early)
        self._context.recorder.add(row)

    def fail(self, node_ids: Iterable[int]) -> None:
        """Let ML nodes fail: each breaks off its generation."""
        for node_id in node_ids:
            self._failures[node_id] += 1
            if node_id in self._generations:
                self._generations[node_id].pause()
        self._find_failed()

    def repair(self, node_ids: Iterable[int]) -> None:
        """Undo one failure; an ML node works again once no other holds. It generates from the host's next block on."""
        self._failures.subtract(node_ids)
        self._find_failed()

    def _find_failed(self) -> None:
        self.failed = frozenset(node_id for node_id, n_faults in self._failures.items() if n_faults)
