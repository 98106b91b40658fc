"""An ML node: one GPU machine of a host, and its generation of nonces in one epoch (protocol 3.2 to 3.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import simpy

from sim.metrics.records import MLNodeFinished
from sim.nodes.context import Context
from sim.protocol.nonces import get_node_ranges
from sim.protocol.proofs.base import ProofScheme
from sim.strategies.base import Claim, ProductionView, Strategy
from sim.work.base import Produced, Task

SENDER_PERIOD_SECONDS = 5.0


@dataclass(frozen=True)
class MLNode:
    """A GPU machine. `node_id` starts at 1 within its host; a GPU group works as one device (protocol 7.2)."""

    node_id: int
    gpu: str
    n_gpus: int
    n_gpu_groups: int
    group_nonces_per_second: float
    dtype: str
    """Numerics of its GPUs."""
    model: str
    """What it serves between two proofs of compute."""
    is_registered: bool = True
    """The chain knows it as hardware of its host."""

    @property
    def nonces_per_second(self) -> float:
        """Raw rate of all groups together."""
        return self.n_gpu_groups * self.group_nonces_per_second


@dataclass(frozen=True)
class Assignment:
    """What a host tells its ML nodes at dispatch, read from its own chain state."""

    epoch_index: int
    start_height: int
    block_hash: str
    public_key: str
    proof: ProofScheme
    threshold: float
    dim: int
    n_nodes: int
    """Stride of the nonces. Reference: protocol 3.2"""
    expected_seconds: float
    """How long generation should last, by the block time."""


def report_preserved(node: MLNode, participant: str, epoch: int, threshold: float) -> MLNodeFinished:
    """Return the row of an ML node that the proof of compute passes over. Reference: protocol 5.2."""
    return MLNodeFinished(
        epoch=epoch,
        participant=participant,
        node_id=node.node_id,
        gpu=node.gpu,
        n_gpus=node.n_gpus,
        n_gpu_groups=node.n_gpu_groups,
        nonces_per_second=node.nonces_per_second,
        threshold=threshold,
        start_seconds=math.nan,
        end_seconds=math.nan,
        tried=0,
        valid=0,
        claimed=0,
        unsent=0,
        n_nodes=0,
        is_preserved=True,
    )


class Generation:
    """One ML node's generation in one epoch: a SimPy process that ends when the host stops it.

    A fault may break it off; when it goes on, with another start-up, it takes up the nonces after the last one tried.
    """

    def __init__(
        self,
        context: Context,
        node: MLNode,
        assignment: Assignment,
        strategy: Strategy,
        generator: np.random.Generator,
        send: Callable[[MLNode, Claim], None],
    ) -> None:
        self._env = context.env
        self._work = context.work
        self._startup_seconds = context.startup_seconds
        self._node = node
        self._assignment = assignment
        self._strategy = strategy
        self._generator = generator
        self._send = send
        self._task = Task(
            block_hash=assignment.block_hash,
            public_key=assignment.public_key,
            numerics=node.dtype,
            groups=get_node_ranges(node.node_id, assignment.n_nodes, node.n_gpu_groups),
            threshold=assignment.threshold,
        )
        self._start_seconds = self._resumed_seconds = self._end_seconds = math.inf
        self._tried_per_group = self._tried_before = 0
        self._tried = self._valid = self._claimed = self._unsent = 0
        self._process: simpy.Process | None = None

    @property
    def node_id(self) -> int:
        """Number of the ML node within its host."""
        return self._node.node_id

    def start(self) -> None:
        """Begin, or go on after a break; nothing happens while it runs."""
        if self._process is None:
            self._process = self._env.process(self._run())

    def pause(self) -> None:
        """Break off now. What the sender has not sent yet is lost."""
        if self._process is None:
            return
        if self._process.is_alive:
            self._process.interrupt()
        self._process = None
        self._look(is_sending=False)
        self._end_seconds = self._env.now
        self._tried_before, self._resumed_seconds = self._tried_per_group, math.inf

    def stop(self, participant: str) -> MLNodeFinished:
        """End the generation now. What the sender has not sent yet is lost (protocol 3.4)."""
        self.pause()
        end_seconds = min(self._end_seconds, self._env.now)
        return MLNodeFinished(
            epoch=self._assignment.epoch_index,
            participant=participant,
            node_id=self._node.node_id,
            gpu=self._node.gpu,
            n_gpus=self._node.n_gpus,
            n_gpu_groups=self._node.n_gpu_groups,
            nonces_per_second=self._node.nonces_per_second,
            threshold=self._assignment.threshold,
            start_seconds=min(self._start_seconds, end_seconds),
            end_seconds=end_seconds,
            tried=self._tried,
            valid=self._valid,
            claimed=self._claimed,
            unsent=self._unsent,
            n_nodes=self._assignment.n_nodes,
            is_preserved=False,
        )

    def _run(self) -> Generator[simpy.Event, object, None]:
        try:
            yield self._env.timeout(self._startup_seconds)
            self._resumed_seconds = self._env.now
            if self._start_seconds == math.inf:
                self._start_seconds = self._env.now
                self._announce()
            while True:
                yield self._env.timeout(SENDER_PERIOD_SECONDS)
                self._look(is_sending=True)
        except simpy.Interrupt:
            return

    def _look(self, *, is_sending: bool) -> None:
        """Collect what was found since the last look, let the strategy decide, send or drop."""
        produced = self._try_nonces()
        n_valid = len(produced.nonces)
        if is_sending:
            claim = self._strategy.claim(self._view(produced), self._generator)
            self._claimed += len(claim.nonces)
            if claim.nonces:
                self._send(self._node, claim)
        else:
            self._unsent += n_valid
        self._tried += produced.n_tried
        self._valid += n_valid

    def _view(self, produced: Produced) -> ProductionView:
        assignment = self._assignment
        return ProductionView(
            nonces=produced.nonces,
            values=produced.values,
            proof=assignment.proof,
            threshold=assignment.threshold,
            dim=assignment.dim,
            n_valid_before=self._valid - self._unsent,  # a failure lost the others
            n_claimed_before=self._claimed,
        )

    def _try_nonces(self) -> Produced:
        """Try what all GPU groups have finished since the last look."""
        elapsed = max(0.0, self._env.now - self._resumed_seconds)
        before, self._tried_per_group = (
            self._tried_per_group,
            self._tried_before + math.floor(elapsed * self._node.group_nonces_per_second),
        )
        return self._work.produce(self._task, range(before, self._tried_per_group))

    def _announce(self) -> None:
        remaining = max(0.0, self._assignment.expected_seconds - self._startup_seconds)
        n_expected = math.floor(remaining * self._node.group_nonces_per_second)
        self._work.announce(self._task, n_expected)
