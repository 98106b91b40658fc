"""How fast the kernel is on this machine's processors or cards, beside the limit of its matrix product.

Everything is measured in one call on one machine, so that the shares mean something; the rates themselves hold for the
machine and the minute. Reference: kernel 8
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

import pow.cuda as cuda
from pow.agreement import R_TARGET, compare_distances
from pow.devices import get_n_cpus
from pow.distances import FloatArray, chord_distances
from pow.fast import FastForward
from pow.inputs import inputs_float32, permutations
from pow.kernel import Kernel, place_kernel
from pow.linear import AUTO, LINEARS, linear_name
from pow.parameters import torch_type
from pow.params import PowParams, mode_of
from pow.placement import CPU, Placement
from pow.skipping import GIGA, compute_gflop
from pow.sphere import target
from pow.transformer import build_on

BLOCK_HASH, PUBLIC_KEY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "benchmark"
TRUTH: Final = "f16data_f64compute"
MIN_CARD_BATCHES: Final = 4  # fewer would measure the first draw


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
    peak_memory_bytes: int | None
    """Largest resident size of this process so far; None where the system does not tell (Windows)."""
    cards: tuple[str, ...] = ()
    """The cards that computed; forward, product and memory are the first one's."""
    card_memory_bytes: int | None = None
    """Most memory that tensors took on the first card."""
    loose_nonces_per_second: float | None = None
    """The rate without deterministic settings: TF32 and sums of half precision allowed."""
    n_compared: int | None = None
    """Nonces compared with float64 on the same device."""
    r_target: float | None = None
    rms_error: float | None = None
    """Of a distance, against float64."""
    p_mismatch: float | None = None
    """Chance by the law on the sphere that an accepted nonce is found invalid in float64 at `r_target`."""

    @property
    def share_of_peak(self) -> float:
        """Forward pass over the fastest matrix product."""
        return self.forward_gflop_per_second / self.peak_gflop_per_second


def benchmark(
    params: PowParams,
    dtype: str = "float32",
    *,
    device: str = CPU,
    n_threads: int | None = None,
    seconds: float = 3.0,
    n_compared: int = 0,
) -> KernelBenchmark:
    """Measure the kernel on this machine, about `seconds` per figure. Raises ValueError as `Kernel`.

    `n_compared` nonces are computed again in float64, on the same device.
    """
    threads = n_threads or get_n_cpus()
    if n_compared:
        place_kernel(params, TRUTH, device, None, threads)  # raises before anything is measured
    placement = place_kernel(params, dtype, device, None, threads)
    first = cuda.get_device(placement.cards[0]) if placement.cards else torch.device(CPU)
    linear = linear_name(AUTO, mode_of(dtype).linear, on_card=bool(placement.cards))
    if placement.cards:
        cuda.set_deterministic()
    with one_torch_thread():
        parts = _measure_parts(params, dtype, linear, placement.batch_size, seconds, first)
        peak = _measure_peak(params, dtype, {linear, "torch"}, placement.batch_size, seconds, first)
    build_seconds, draw_seconds, forward_seconds, distance_seconds = parts
    n_batches = 2 * threads
    if placement.cards:
        per_card = int(seconds / (forward_seconds * placement.batch_size))
        n_batches = len(placement.cards) * min(max(per_card, MIN_CARD_BATCHES), 4 * threads + MIN_CARD_BATCHES)
    n = placement.batch_size * n_batches
    rates = _measure_rates(params, dtype, device, placement, threads, n, seconds)
    gflop = compute_gflop(params)
    return KernelBenchmark(
        dtype=dtype,
        linear=linear,
        n_threads=threads,
        batch_size=placement.batch_size,
        nonces_per_second=rates[0],
        build_seconds=build_seconds,
        draw_seconds=draw_seconds,
        forward_seconds=forward_seconds,
        distance_seconds=distance_seconds,
        gflop=gflop,
        forward_gflop_per_second=gflop / forward_seconds,
        peak_gflop_per_second=peak,
        peak_memory_bytes=_get_peak_memory_bytes(),
        cards=tuple(card.name for card in placement.cards),
        card_memory_bytes=cuda.get_peak_bytes(first) if placement.cards else None,
        loose_nonces_per_second=rates[1] if placement.cards else None,
        **(compare_with_float64(params, dtype, device, n_compared, threads) if n_compared else {}),
    )


def _measure_rates(
    params: PowParams, dtype: str, device: str, placement: Placement, threads: int, n: int, seconds: float
) -> list[float]:
    """Give nonces per second of whole distances; on cards also without deterministic settings."""
    rates = []
    with Kernel(BLOCK_HASH, params, dtype, device, batch_size=placement.batch_size, n_threads=threads) as kernel:
        for is_deterministic in (True, False) if placement.cards else (True,):
            if placement.cards:
                cuda.set_deterministic(is_deterministic)
            rates.append(n / measure_seconds(lambda: kernel.distances(PUBLIC_KEY, range(n)), seconds))
    if placement.cards:
        cuda.set_deterministic()
    return rates


def compare_with_float64(
    params: PowParams, dtype: str, device: str, n_nonces: int, n_threads: int | None = None
) -> dict[str, Any]:
    """Measure a distance's error against float64 on the same device, and how often it changes a verdict at r_target."""

    def compute(mode: str) -> FloatArray:  # one model at a time in memory
        with Kernel(BLOCK_HASH, params, mode, device, n_threads=n_threads) as kernel:
            return kernel.distances(PUBLIC_KEY, range(n_nonces))

    found = compare_distances(compute(dtype), compute(TRUTH), params.vocab_size)
    return {
        "n_compared": n_nonces,
        "r_target": R_TARGET,
        "rms_error": found.rms_difference,
        "p_mismatch": found.mismatch_probability,
    }


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch use one thread inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _measure_parts(
    params: PowParams, dtype: str, linear: str, batch_size: int, seconds: float, device: torch.device
) -> tuple[float, float, float, float]:
    start = time.perf_counter()
    model = FastForward(build_on([device], BLOCK_HASH, params, dtype)[0], LINEARS[linear])
    cuda.synchronize(device)
    build_seconds = time.perf_counter() - start
    nonces = range(batch_size)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        x = inputs_float32(BLOCK_HASH, PUBLIC_KEY, nonces, params)
        return x, permutations(BLOCK_HASH, PUBLIC_KEY, nonces, params.vocab_size)

    x, orders = draw()
    logits, aim = model.last_logits(x).cpu().numpy(), target(BLOCK_HASH, params.vocab_size)
    return (
        build_seconds,
        measure_seconds(draw, seconds) / batch_size,
        measure_seconds(lambda: model.last_logits(x).cpu(), seconds) / batch_size,
        measure_seconds(lambda: chord_distances(logits, aim, orders), seconds) / batch_size,
    )


def _measure_peak(
    params: PowParams, dtype: str, names: set[str], batch_size: int, seconds: float, device: torch.device
) -> float:
    data_type = mode_of(dtype).linear
    return max(measure_product(name, params, data_type, batch_size, seconds, device) for name in names)


def measure_product(
    name: str,
    params: PowParams,
    data_type: str,
    batch_size: int,
    seconds: float,
    device: torch.device | str = CPU,
) -> float:
    """Measure one of `LINEARS` on the feed-forward's shape, in GFLOP/s, with the threads that torch has now."""
    x = torch.ones(batch_size * params.seq_len, params.dim, dtype=torch_type(data_type), device=device)
    weight = torch.ones(params.hidden_dim, params.dim, dtype=x.dtype, device=device)
    gflop = 2 * x.shape[0] * weight.numel() / GIGA

    def multiply() -> None:
        LINEARS[name](x, weight)
        cuda.synchronize(x.device)

    with torch.inference_mode():
        return gflop / measure_seconds(multiply, seconds)


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


def _get_peak_memory_bytes() -> int | None:
    if sys.platform == "win32":
        return None
    import resource  # Windows has no such module

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
