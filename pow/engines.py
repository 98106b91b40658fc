"""Engines compute the batches of a kernel: on the processors, or on cards for which the processors draw.

Reference: kernel 4, 5
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from threading import Event
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from pow.distances import FloatArray, Forward, Request, chord_distances
from pow.draws import draw_batch
from pow.params import PowParams

Batch = Sequence[Request]
FloatInputs = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
In = TypeVar("In")
Drawn = TypeVar("Drawn")
Out = TypeVar("Out", bound=npt.NDArray[Any])
Result = TypeVar("Result", bound=npt.NDArray[Any], covariant=True)


class Job(Protocol[Result]):
    """The work on batches before and after a model's forward pass, (batch_size, ...) each."""

    def draw(self, batch: Batch) -> tuple[FloatInputs, Any]:
        """Draw the inputs of a full batch, and whatever else `measure` needs for it."""

    def run(self, model: Any, inputs: FloatInputs) -> torch.Tensor:
        """Run the model."""

    def measure(self, found: npt.NDArray[Any], drawn: Any, n: int) -> Result:
        """Turn the model's output into the results of the batch's first n requests, (n, ...)."""


@dataclass(frozen=True, eq=False)
class DistanceJob:
    """Distances of nonces from the target of one block hash. Reference: kernel 4"""

    block_hash: str
    params: PowParams
    target: FloatArray
    batch_size: int

    def draw(self, batch: Batch) -> tuple[FloatInputs, IntArray]:
        """Draw inputs (batch_size, T, D) and permutations (batch_size, V)."""
        return draw_batch(self.block_hash, self.params, batch, self.batch_size)

    def run(self, model: Forward, inputs: FloatInputs) -> torch.Tensor:
        """Give the logits, (batch_size, V)."""
        return model.last_logits(inputs)

    def measure(self, found: npt.NDArray[Any], drawn: IntArray, n: int) -> FloatArray:
        """Give the distances, float64 (n,)."""
        return chord_distances(found, self.target, drawn)[:n]


class CpuEngine(Generic[Out]):
    """Each batch is drawn, run and measured by one of `n_threads` workers: while one draws, another multiplies."""

    def __init__(self, model: Any, job: Job[Out], n_threads: int, torch_threads: int) -> None:
        self._model, self._job, self._torch_threads = model, job, torch_threads
        self._workers = ThreadPoolExecutor(n_threads)
        self._torch_threads_before = torch.get_num_threads()

    def compute(self, batches: Sequence[Batch]) -> list[Out]:
        """Compute all batches, each one's results in their order."""
        return list(self._workers.map(self._compute, batches))

    def close(self) -> None:
        """End the workers."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._torch_threads_before)

    def _compute(self, batch: Batch) -> Out:
        torch.set_num_threads(self._torch_threads)  # of this worker; a part of it is global, hence again each time
        x, drawn = self._job.draw(batch)
        return self._job.measure(self._job.run(self._model, x).cpu().numpy(), drawn, len(batch))


class CardEngine(Generic[Out]):
    """Batches go to the cards in turn; `n_threads` threads draw them in advance and measure afterwards.

    One thread a card feeds it. Each drawing thread has a batch in hand and one more lies ready for each card, not
    more: draws of all batches might not fit into memory.
    """

    def __init__(self, models: Sequence[Any], job: Job[Out], n_threads: int) -> None:
        self._models, self._job = models, job
        self._n_ahead = -(-n_threads // len(models)) + 1
        self._threads = ThreadPoolExecutor(n_threads)
        self._feeders = ThreadPoolExecutor(len(models))
        self._is_closed = False

    def compute(self, batches: Sequence[Batch]) -> list[Out]:
        """Compute all batches, each one's results in their order.

        An error in any thread ends all and is raised here; RuntimeError if the engine is closed meanwhile.
        """
        n_cards, stop = len(self._models), Event()
        shares = [batches[first::n_cards] for first in range(n_cards)]
        try:
            by_card = list(self._feeders.map(self._feed, self._models, shares, [stop] * n_cards))
        except (CancelledError, RuntimeError):
            if self._is_closed:
                raise RuntimeError("the kernel is closed; it computes no more") from None
            raise
        finally:
            stop.set()
        # Card k has the batches k, k + n_cards, …, in this order.
        return [by_card[place % n_cards][place // n_cards].result() for place in range(len(batches))]

    def close(self) -> None:
        """End the threads; a computation in another thread ends with a RuntimeError there."""
        self._is_closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._feeders.shutdown(wait=True, cancel_futures=True)

    def _feed(self, model: Any, batches: Sequence[Batch], stop: Event) -> list[Future[Out]]:
        measured: list[Future[Out]] = []
        try:
            with closing(draw_ahead(self._threads, self._job.draw, batches, self._n_ahead)) as all_drawn:
                for batch, (x, drawn) in zip(batches, all_drawn, strict=True):
                    if stop.is_set():  # another card failed, or the caller has stopped waiting
                        break
                    found = self._job.run(model, x).cpu().numpy()
                    measured.append(self._threads.submit(self._job.measure, found, drawn, len(batch)))
            wait(measured)
        except BaseException:
            stop.set()
            raise
        return measured


def draw_ahead(
    threads: Executor, draw: Callable[[In], Drawn], items: Sequence[In], n_ahead: int
) -> Generator[Drawn, None, None]:
    """Give draw(item) of every item in order; the threads draw at most `n_ahead` items beyond the one handed out.

    An error of `draw` is raised when its item's turn comes; items not yet begun are then left out.
    """
    waiting: deque[Future[Drawn]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(draw, item))
            if len(waiting) > n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
