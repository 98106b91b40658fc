"""An ML node's generation of nonces in one epoch (protocol 3.2 to 3.4)."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from pow.skipping import GIGA, compute_gflop, get_layers_speedup
from sim.metrics.records import MLNodeFinished
from sim.nodes.context import Context
from sim.protocol.proofs.draws import get_node_ranges
from sim.strategies.actions import Compute
from sim.strategies.base import MLNode
from sim.work.base import Produced, Task

SENDER_PERIOD_SECONDS = 5.0
DIGEST_DIGITS = 16
NO_CLAIM = sha256().hexdigest()[:DIGEST_DIGITS]


@dataclass(frozen=True)
class Assignment:
    """A host's instructions to its ML nodes at dispatch, read from its own chain state."""

    epoch_index: int
    block_hash: str
    public_key: str
    threshold: float
    """By it a result counts. Reference: protocol 8"""
    n_nodes: int
    """Stride of the nonces. Reference: protocol 3.2"""
    expected_seconds: float
    """How long generation should last, by the block time."""
    scheme: str = "hits"
    """Name of the proof scheme in force."""
    confirmation_height: int | None = None
    """Trigger of the confirmation that it is for; None: for the epoch's own proof of compute."""
    share: float = 1.0
    """Part of its rate at which each ML node computes."""
    is_early: bool = False
    """The proof of compute has not begun, and its network seed is assumed."""

    @property
    def stream(self) -> tuple[int | str, ...]:
        """Names the draws of this proof of compute."""
        confirmed = () if self.confirmation_height is None else (self.confirmation_height,)
        return (self.epoch_index, *confirmed, *(("early",) if self.is_early else ()))


class WorkDone(NamedTuple):
    """Work of an ML node on nonces, in a generation or before it."""

    tried: int = 0
    operations: float = 0.0


def report_idle(
    node: MLNode, participant: str, epoch: int, threshold: float, *, is_preserved: bool, early: WorkDone
) -> MLNodeFinished:
    """Return the row of an ML node that generates nothing in an epoch, preserved or not. Reference: protocol 5.2."""
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
        tried_early=early.tried,
        valid=0,
        work_operations=early.operations,
        claimed=0,
        claimed_digest=NO_CLAIM,
        unsent=0,
        lost=0,
        n_nodes=0,
        is_preserved=is_preserved,
    )


class Generation:
    """One ML node's generation in one epoch: a SimPy process that ends when the host stops it.

    A fault may break it off; when it goes on, with another start-up, it takes up the nonces after the last one tried.
    """

    def __init__(
        self,
        context: Context,
        participant: str,
        node: MLNode,
        assignment: Assignment,
        task: Compute,
        on_results: OnResults,
    ) -> None:
        """`on_results(generation, produced)` is called with the sender's period; raises ValueError for a false task."""
        self._env = context.env
        self._work = context.work
        self._startup_seconds = context.scenario.work.startup
        self._participant = participant
        self._node = node
        self.assignment = assignment
        self._on_results = on_results
        self.generator = context.streams.of_a_time("host", participant, "strategy", *assignment.stream, node.node_id)
        """For the draws of a strategy on this node's results."""
        params = context.scenario.work.pow_params
        speedup = 1.0 if task.n_layers is None else get_layers_speedup(params, task.n_layers)
        self._operations = GIGA * compute_gflop(params, task.n_layers)
        """Of a nonce."""
        self._rate = node.group_nonces_per_second * speedup * assignment.share
        self._place = task.place or (node.node_id, assignment.n_nodes)
        self._task = Task(
            block_hash=assignment.block_hash,
            public_key=assignment.public_key,
            numerics=task.numerics or node.dtype,
            groups=get_node_ranges(*self._place, node.n_gpu_groups),
            threshold=assignment.threshold,
            n_layers=task.n_layers,
            scheme=assignment.scheme,
            model=node.model,
            stack=task.stack or node.stack,
        )
        self._start_seconds = self._resumed_seconds = self._end_seconds = math.inf
        self._turns = self._turns_before = 0
        """Nonces that each GPU group has tried, and those before the last break."""
        self._tried = self._valid = self._unsent = self._lost = 0
        self._n_claimed, self._claimed = 0, sha256()
        self._process: simpy.Process | None = None

    @property
    def node_id(self) -> int:
        """Number of the ML node within its host."""
        return self._node.node_id

    @property
    def work(self) -> WorkDone:
        """Its work so far."""
        return WorkDone(self._tried, self._tried * self._operations)

    def note_claimed(self, nonces: Sequence[int] | NDArray[np.int64]) -> None:
        """The host has claimed these nonces for this node; each is below 2^63."""
        self._n_claimed += len(nonces)
        self._claimed.update((nonces if isinstance(nonces, np.ndarray) else array("q", nonces)).tobytes())

    def note_lost(self, n_nonces: int) -> None:
        """The host's API has not heard of valid nonces."""
        self._lost += n_nonces

    def start(self) -> None:
        """Begin, or go on after a break; without effect while it runs."""
        if self._process is None:
            self._process = self._env.process(self._run())

    def pause(self) -> None:
        """Break off now. Results that the sender has not sent yet are lost."""
        if self._process is None:
            return
        if self._process.is_alive:
            self._process.interrupt()
        self._break_off()

    def _break_off(self) -> None:
        self._process = None
        self._unsent += len(self._try_nonces().nonces)
        self._end_seconds = self._env.now
        self._turns_before, self._resumed_seconds = self._turns, math.inf

    def stop(self) -> None:
        """End the generation now. Results that the sender has not sent yet are lost (protocol 3.4)."""
        self.pause()
        self._end_seconds = min(self._end_seconds, self._env.now)

    def describe(self, early: WorkDone) -> MLNodeFinished:
        """Return its row; it is complete when no callback is under way any more.

        `early`: what the ML node did before the proof of compute began.
        """
        end_seconds = self._end_seconds
        given = self.assignment
        idle = report_idle(
            self._node, self._participant, given.epoch_index, given.threshold, is_preserved=False, early=early
        )
        return replace(
            idle,
            nonces_per_second=self._rate * self._node.n_gpu_groups,
            start_seconds=min(self._start_seconds, end_seconds),
            end_seconds=end_seconds,
            tried=self._tried,
            valid=self._valid,
            work_operations=early.operations + self.work.operations,
            claimed=self._n_claimed,
            claimed_digest=self._claimed.hexdigest()[:DIGEST_DIGITS],
            unsent=self._unsent,
            lost=self._lost,
            n_nodes=self._place[1],
        )

    def _run(self) -> Generator[simpy.Event, object, None]:
        try:
            yield self._env.timeout(self._startup_seconds)
            self._resumed_seconds = self._env.now
            if self._start_seconds == math.inf:
                self._start_seconds = self._env.now
                remaining = max(0.0, self.assignment.expected_seconds - self._startup_seconds)
                self._work.announce(self._task, math.floor(remaining * self._rate))
            end_seconds = self._env.now + self.assignment.expected_seconds if self.assignment.is_early else math.inf
            while self._env.now < end_seconds:
                yield self._env.timeout(SENDER_PERIOD_SECONDS)
                self._on_results(self, self._try_nonces())
            self._break_off()
        except simpy.Interrupt:
            return

    def _try_nonces(self) -> Produced:
        """Try the nonces that all GPU groups have finished since the last call."""
        elapsed = max(0.0, self._env.now - self._resumed_seconds)
        finished = math.floor(elapsed * self._rate)
        before, self._turns = self._turns, self._turns_before + finished - finished % self._node.batch_size
        produced = self._work.produce(self._task, range(before, self._turns))
        self._tried += produced.n_tried
        self._valid += len(produced.nonces)
        return produced


OnResults = Callable[[Generation, Produced], None]
