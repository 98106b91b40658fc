"""The fast path: the same distances as `distances`, in batches of fixed shape on several threads.

1. One model per block hash, its parameters views of one pool; nothing is copied or rebuilt.
2. Requests, (public key, nonce) pairs of any hosts, are cut into batches of `batch_size`; the last one is
   filled up, so that every product has the same shape and a distance depends on its own pair only.
3. Each batch is drawn, run and measured by one of `n_threads` workers: while one draws, another multiplies.
4. A worker uses one torch thread, so that bits do not depend on how many workers there are. A model so large that a
   batch is one nonce may use all torch threads instead (`torch_threads`), at the price of bits that depend on them.

Reference: kernel 4, 5, 8
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

import numpy as np
import torch

from pow.devices import check_memory, cpu_batch_size, get_n_cpus
from pow.distances import FloatArray, Request, batch_distances, cut_batches
from pow.fast import FastForward
from pow.linear import AUTO, LINEARS, linear_name
from pow.params import PowParams, mode_of
from pow.sphere import target
from pow.transformer import build

CPU: Final = "cpu"


class Kernel:
    """Distances of nonces under one block hash. A context manager, or closed by `close`: it owns threads.

    `device` is "cpu". `batch_size` is chosen from the model's size unless given; `n_threads` are the processors unless
    given. `linear` names a product of `pow.linear.LINEARS`, "auto" takes the machine's fastest by a fixed rule.
    `n_layers` and `unit_gains` as in `transformer.build`. Raises ValueError for anything it cannot do, before any work.
    """

    def __init__(
        self,
        block_hash: str,
        params: PowParams,
        dtype: str = "float16",
        device: str = CPU,
        *,
        batch_size: int | None = None,
        n_threads: int | None = None,
        torch_threads: int = 1,
        linear: str = AUTO,
        n_layers: int | None = None,
        unit_gains: bool = False,
    ) -> None:
        if device != CPU:
            raise ValueError(f"unknown device {device!r}; known is {CPU!r}")
        for name, value in (("batch_size", batch_size), ("n_threads", n_threads), ("torch_threads", torch_threads)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        self.linear = linear_name(linear, mode_of(dtype).linear)
        self.params = params
        self.batch_size = batch_size or cpu_batch_size(params)
        self.n_threads = n_threads or get_n_cpus()
        self.torch_threads = torch_threads
        check_memory(params, dtype, self.n_threads)
        self._model = FastForward(
            build(block_hash, params, dtype, n_layers=n_layers, unit_gains=unit_gains), LINEARS[self.linear]
        )
        self._target = target(block_hash, params.vocab_size)
        self._executor = ThreadPoolExecutor(self.n_threads)
        self._torch_threads_before = torch.get_num_threads()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads; the kernel cannot be used any more."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._torch_threads_before)

    def distances(self, public_key: str, nonces: Sequence[int]) -> FloatArray:
        """Compute the distances of one host's nonces, float64 (n,). Errors as `distances_of`."""
        return self.distances_of([(public_key, nonce) for nonce in nonces])

    def distances_of(self, requests: Sequence[Request]) -> FloatArray:
        """Compute the distances of (public key, nonce) pairs, float64 (n,).

        Raises ValueError if there is none or a nonce is outside [0, 2^63).
        """
        if not requests:
            raise ValueError("there are no nonces; at least one is needed")
        batches = cut_batches(requests, self.batch_size)
        return np.concatenate(list(self._executor.map(self._compute, batches)))

    def _compute(self, batch: Sequence[Request]) -> FloatArray:
        torch.set_num_threads(self.torch_threads)  # of this worker; a part of it is global, hence again each time
        return batch_distances(self._model, self._target, batch, self.batch_size)
