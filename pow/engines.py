"""Engines compute the batches of a kernel: on the processors, or on cards for which the processors draw.

Reference: kernel 4, 5
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from threading import Event
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from pow.distances import FloatArray, Forward, Request, chord_distances, model_distances
from pow.draws import draw_batch

Batch = Sequence[Request]
FloatInputs = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
In = TypeVar("In")
Out = TypeVar("Out")


class CpuEngine:
    """Each batch is drawn, run and measured by one of `n_threads` workers: while one draws, another multiplies."""

    def __init__(self, model: Forward, target: FloatArray, batch_size: int, n_threads: int, torch_threads: int) -> None:
        self._model, self._target = model, target
        self._batch_size, self._torch_threads = batch_size, torch_threads
        self._workers = ThreadPoolExecutor(n_threads)
        self._torch_threads_before = torch.get_num_threads()

    def compute(self, batches: Sequence[Batch]) -> FloatArray:
        """Compute all batches, float64 (n,) in their order."""
        return np.concatenate(list(self._workers.map(self._compute, batches)))

    def close(self) -> None:
        """End the workers."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._torch_threads_before)

    def _compute(self, batch: Batch) -> FloatArray:
        torch.set_num_threads(self._torch_threads)  # of this worker; a part of it is global, hence again each time
        x, orders = draw_batch(self._model.block_hash, self._model.params, batch, self._batch_size)
        return model_distances(self._model, self._target, x, orders)[: len(batch)]


class CardEngine:
    """Batches go to the cards in turn; `n_threads` threads draw them in advance and measure the distances afterwards.

    One thread a card feeds it. Each drawing thread has a batch in hand and one more lies ready for each card, not
    more: draws of all batches might not fit into memory.
    """

    def __init__(self, models: Sequence[Forward], target: FloatArray, batch_size: int, n_threads: int) -> None:
        self._models, self._target, self._batch_size = models, target, batch_size
        self._n_ahead = -(-n_threads // len(models)) + 1
        self._threads = ThreadPoolExecutor(n_threads)
        self._feeders = ThreadPoolExecutor(len(models))
        self._is_closed = False

    def compute(self, batches: Sequence[Batch]) -> FloatArray:
        """Compute all batches, float64 (n,) in their order.

        An error in any thread ends all and is raised here; RuntimeError if the engine is closed meanwhile.
        """
        n_cards, stop = len(self._models), Event()
        shares = [batches[first::n_cards] for first in range(n_cards)]
        found: list[FloatArray] = [np.empty(0)] * len(batches)
        try:
            by_card = list(self._feeders.map(self._feed, self._models, shares, [stop] * n_cards))
        except (CancelledError, RuntimeError):
            if self._is_closed:
                raise RuntimeError("the kernel is closed; it computes no more distances") from None
            raise
        finally:
            stop.set()
        for first, measured in enumerate(by_card):
            found[first::n_cards] = [future.result() for future in measured]
        return np.concatenate(found)

    def close(self) -> None:
        """End the threads; a computation in another thread ends with a RuntimeError there."""
        self._is_closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._feeders.shutdown(wait=True, cancel_futures=True)

    def _feed(self, model: Forward, batches: Sequence[Batch], stop: Event) -> list[Future[FloatArray]]:
        measured: list[Future[FloatArray]] = []
        try:
            with closing(draw_ahead(self._threads, self._draw, batches, self._n_ahead)) as drawn:
                for batch, (x, orders) in zip(batches, drawn, strict=True):
                    if stop.is_set():  # another card failed, or the caller has stopped waiting
                        break
                    logits = model.last_logits(x).cpu().numpy()
                    measured.append(self._threads.submit(self._measure, logits, orders, len(batch)))
            wait(measured)
        except BaseException:
            stop.set()
            raise
        return measured

    def _draw(self, batch: Batch) -> tuple[FloatInputs, IntArray]:
        model = self._models[0]
        return draw_batch(model.block_hash, model.params, batch, self._batch_size)

    def _measure(self, logits: npt.NDArray[np.floating], orders: IntArray, n: int) -> FloatArray:
        return chord_distances(logits, self._target, orders)[:n]


def draw_ahead(
    threads: Executor, draw: Callable[[In], Out], items: Sequence[In], n_ahead: int
) -> Generator[Out, None, None]:
    """Give draw(item) of every item in order; the threads draw at most `n_ahead` items beyond the one handed out.

    An error of `draw` is raised when its item's turn comes; items not yet begun are then left out.
    """
    waiting: deque[Future[Out]] = deque()
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
