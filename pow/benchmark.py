"""How fast the kernel is on this machine, beside the limit of its matrix product.

Everything is measured in one call on one machine, so that the shares mean something; the rates themselves hold for the
machine and the minute. Reference: kernel 8
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pow.devices import cpu_batch_size, get_n_cpus
from pow.distances import chord_distances
from pow.fast import FastForward
from pow.inputs import inputs_float32, permutations
from pow.kernel import Kernel
from pow.linear import AUTO, LINEARS, linear_name
from pow.parameters import torch_type
from pow.params import PowParams, mode_of
from pow.sphere import target
from pow.transformer import build

BLOCK_HASH, PUBLIC_KEY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "benchmark"
GIGA = 1e9


@dataclass(frozen=True)
class KernelBenchmark:
    """Figures of one machine; seconds and FLOP are per nonce, on one thread."""

    dtype: str
    linear: str
    n_threads: int
    batch_size: int
    nonces_per_second: float
    """Whole distances, all threads."""
    build_seconds: float
    """A new block hash: pool and views."""
    draw_seconds: float
    forward_seconds: float
    distance_seconds: float
    gflop: float
    forward_gflop_per_second: float
    peak_gflop_per_second: float
    """Fastest matrix product of the feed-forward's shape, one thread."""
    peak_memory_bytes: int
    """Largest resident size of this process so far."""

    @property
    def share_of_peak(self) -> float:
        """Forward pass over the fastest matrix product."""
        return self.forward_gflop_per_second / self.peak_gflop_per_second


def compute_gflop(params: PowParams, n_layers: int | None = None) -> float:
    """Multiplications and additions of one nonce's linear layers, in 10^9; the head sees the last position only.

    `n_layers`: of a host that computes the first layers only.
    """
    layers = params.n_layers if n_layers is None else n_layers
    projections = 2 * params.dim * params.dim + 2 * params.dim * params.kv_dim
    layer = projections + 3 * params.dim * params.hidden_dim
    return 2 * (params.seq_len * layers * layer + params.vocab_size * params.dim) / GIGA


def benchmark(
    params: PowParams, dtype: str = "float32", *, n_threads: int | None = None, seconds: float = 3.0
) -> KernelBenchmark:
    """Measure the kernel on this machine's CPU, about `seconds` per figure. Raises ValueError as `Kernel`."""
    linear, batch_size = linear_name(AUTO, mode_of(dtype).linear), cpu_batch_size(params)
    threads = n_threads or get_n_cpus()
    with Kernel(BLOCK_HASH, params, dtype, batch_size=batch_size, n_threads=threads) as kernel:
        n = batch_size * threads * 2
        whole = measure_seconds(lambda: kernel.distances(PUBLIC_KEY, range(n)), seconds) / n
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        parts = _measure_parts(params, dtype, linear, batch_size, seconds)
        peak = _measure_peak(params, dtype, batch_size, seconds)
    finally:
        torch.set_num_threads(before)
    build_seconds, draw_seconds, forward_seconds, distance_seconds = parts
    gflop = compute_gflop(params)
    return KernelBenchmark(
        dtype=dtype,
        linear=linear,
        n_threads=threads,
        batch_size=batch_size,
        nonces_per_second=1 / whole,
        build_seconds=build_seconds,
        draw_seconds=draw_seconds,
        forward_seconds=forward_seconds,
        distance_seconds=distance_seconds,
        gflop=gflop,
        forward_gflop_per_second=gflop / forward_seconds,
        peak_gflop_per_second=peak,
        peak_memory_bytes=_get_peak_memory_bytes(),
    )


def _measure_parts(
    params: PowParams, dtype: str, linear: str, batch_size: int, seconds: float
) -> tuple[float, float, float, float]:
    start = time.perf_counter()
    model = FastForward(build(BLOCK_HASH, params, dtype), LINEARS[linear])
    build_seconds = time.perf_counter() - start
    nonces = range(batch_size)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        x = inputs_float32(BLOCK_HASH, PUBLIC_KEY, nonces, params)
        return x, permutations(BLOCK_HASH, PUBLIC_KEY, nonces, params.vocab_size)

    x, orders = draw()
    logits, aim = model.last_logits(x).numpy(), target(BLOCK_HASH, params.vocab_size)
    return (
        build_seconds,
        measure_seconds(draw, seconds) / batch_size,
        measure_seconds(lambda: model.last_logits(x), seconds) / batch_size,
        measure_seconds(lambda: chord_distances(logits, aim, orders), seconds) / batch_size,
    )


def _measure_peak(params: PowParams, dtype: str, batch_size: int, seconds: float) -> float:
    data_type = mode_of(dtype).linear
    names = {linear_name(AUTO, data_type), "torch"}
    return max(measure_product(name, params, data_type, batch_size, seconds) for name in names)


def measure_product(name: str, params: PowParams, data_type: str, batch_size: int, seconds: float) -> float:
    """Measure one of `LINEARS` on the feed-forward's shape, in GFLOP/s, with the threads that torch has now."""
    x = torch.ones(batch_size * params.seq_len, params.dim, dtype=torch_type(data_type))
    weight = torch.ones(params.hidden_dim, params.dim, dtype=x.dtype)
    gflop = 2 * x.shape[0] * weight.numel() / GIGA
    with torch.inference_mode():
        return gflop / measure_seconds(partial(LINEARS[name], x, weight), seconds)


def measure_seconds(work: Callable[[], object], seconds: float) -> float:
    """Give the seconds of the fastest repetition within about `seconds`, after one that warms up."""
    work()
    fastest, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        work()
        now = time.perf_counter()
        fastest = min(fastest, now - start)
        if now >= end:
            return fastest


def _get_peak_memory_bytes() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
