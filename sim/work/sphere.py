"""The exact law as a twin of the kernel: O(valid nonces) instead of O(nonces), for networks of any size.

1. Each nonce is valid with the exact hit probability: the gaps between valid ones are geometric, their number binomial.
   A key's nonces are drawn in chunks, whoever tries them, so that ML nodes that overlap find the same ones.
2. Their distances follow the exact law on the sphere below r_target, drawn by inverse transform.
3. A validator with other numerics measures the same nonce with another rounding error: every (nonce, numerics) has its
   own normal error around the true distance, so that equal numerics agree to the bit, as in the kernel.
4. A nonce that nobody found has a distance from the whole law if it was never tried (fabricated), and one above
   r_target if it was.

Every draw belongs to a named stream of the network seed, the key and the nonce, so that no draw depends on who asks
first. Reference: kernel 4, 6
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pow.params import mode_of
from pow.sphere import distance_ppf, hit_probability
from sim.streams import draw_generator
from sim.work.base import Found, Request, WorkCounts

MIN_GAPS = 16
CHUNK = 1024  # nonces whose validity is drawn together
RMS_ERROR = {
    "f16data_f64compute": 0.0,
    "f16data_f32compute": 2e-8,
    "float32": 2.8e-6,
    "f16data_bf16linears_f32resid": 2.7e-7,
    "float16": 6.9e-6,
    "bfloat16": 5.0e-5,
}
"""Root mean square error of a distance by numerics, measured on devtest. Reference: kernel 6"""


class SphereWork:
    """Implements `sim.work.base.Work` by the law alone; no torch, no kernel."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._true: dict[str, dict[Request, float]] = {}
        self._chunks: dict[str, dict[tuple[str, int, float], tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
        self._measured: dict[str, dict[tuple[Request, str], float]] = {}
        self._tried: dict[tuple[str, str], list[tuple[range, float]]] = {}
        """(network seed, public key) -> ranges that were tried, with the hit probability they were tried at."""
        self._n_drawn = self._n_shared = 0

    def __enter__(self) -> SphereWork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._true.clear()

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run; a draw stands for a computation."""
        return WorkCounts(self._n_drawn, self._n_shared)

    def announce(self, block_hash: str, dtype: str, public_key: str, nonces: Sequence[range]) -> None:
        """Nothing to prepare."""

    def find_valid(
        self, block_hash: str, dtype: str, public_key: str, nonces: Sequence[range], r_target: float
    ) -> Found:
        """Draw how many are valid, which, and their distances as measured in the host's own numerics."""
        groups = [group for group in nonces if group]
        hit = hit_probability(r_target, self._dim)
        self._tried.setdefault((block_hash, public_key), []).extend((group, hit) for group in groups)
        self._n_drawn += sum(map(len, groups))
        true = self._true.setdefault(block_hash, {})
        measured = self._measured.setdefault(block_hash, {})
        found: list[tuple[int, float]] = []
        for nonce, drawn in self._find_drawn(block_hash, public_key, groups, r_target):
            request = (public_key, nonce)
            error = self._draw_error(block_hash, dtype, request)
            # What another ML node of the host found before, in its own numerics, keeps its true distance.
            distance = true[request] + error if request in true else drawn
            true.setdefault(request, drawn - error)
            measured[request, dtype] = distance
            if distance < r_target:
                found.append((nonce, distance))
        return Found(np.array([n for n, _ in found], dtype=np.int64), np.array([d for _, d in found], dtype=np.float64))

    def distances(self, block_hash: str, dtype: str, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return what a validator with these numerics measures, float64 (n,)."""
        measured = self._measured.setdefault(block_hash, {})
        new = [request for request in dict.fromkeys(requests) if (request, dtype) not in measured]
        true = self._learn(block_hash, new)
        for request in new:
            measured[request, dtype] = true[request] + self._draw_error(block_hash, dtype, request)
        self._n_drawn += len(new)
        self._n_shared += len(requests) - len(new)
        return np.array([measured[request, dtype] for request in requests], dtype=np.float64)

    def _find_drawn(
        self, block_hash: str, public_key: str, groups: Sequence[range], r_target: float
    ) -> Iterator[tuple[int, float]]:
        """Valid nonces of the groups with their distances, group by group in their order."""
        for group in groups:
            for chunk in range(group[0] // CHUNK, group[-1] // CHUNK + 1):
                nonces, distances = self._draw_chunk(block_hash, public_key, chunk, r_target)
                inside = (nonces >= group.start) & (nonces < group.stop) & ((nonces - group.start) % group.step == 0)
                yield from zip(nonces[inside].tolist(), distances[inside].tolist(), strict=True)

    def _draw_chunk(
        self, block_hash: str, public_key: str, chunk: int, r_target: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Draw which nonces of a key's chunk are valid, once, so that two ML nodes that try one nonce agree on it."""
        drawn = self._chunks.setdefault(block_hash, {})
        name = (public_key, chunk, r_target)
        if name not in drawn:
            generator = draw_generator("found", block_hash, public_key, chunk)
            hit = hit_probability(r_target, self._dim)
            nonces = chunk * CHUNK + _draw_places(generator, CHUNK, hit)
            # 1 - random() lies in (0, 1]: a distance of exactly r_target would not be valid.
            distances = distance_ppf(hit * (1.0 - generator.random(len(nonces))), self._dim)
            drawn[name] = (nonces, np.minimum(distances, np.nextafter(r_target, 0.0)))
        return drawn[name]

    def forget(self, block_hash: str) -> None:
        """Free all distances of a network seed."""
        self._true.pop(block_hash, None)
        self._chunks.pop(block_hash, None)
        self._measured.pop(block_hash, None)
        for key in [key for key in self._tried if key[0] == block_hash]:
            del self._tried[key]

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {"kind": "sphere", "dim": self._dim, "drawn": self._n_drawn, "shared": self._n_shared}

    def _learn(self, block_hash: str, requests: Sequence[Request]) -> dict[Request, float]:
        """Give nonces that nobody found a distance; return all true distances."""
        true = self._true.setdefault(block_hash, {})
        unknown = [request for request in dict.fromkeys(requests) if request not in true]
        if unknown:
            shares = []
            for request in unknown:
                missed = self._get_missed_share(block_hash, request)
                shares.append(1.0 - (1.0 - missed) * draw_generator("unknown", block_hash, *request).random())
            true.update(zip(unknown, distance_ppf(shares, self._dim).tolist(), strict=True))
        return true

    def _get_missed_share(self, block_hash: str, request: Request) -> float:
        """Return the share of the law that a nonce is known to lie beyond: 0 unless it was tried in vain."""
        public_key, nonce = request
        tried = self._tried.get((block_hash, public_key), [])
        return max((hit for group, hit in tried if nonce in group), default=0.0)

    @staticmethod
    def _draw_error(block_hash: str, dtype: str, request: Request) -> float:
        rms = RMS_ERROR[mode_of(dtype).name]
        return rms * float(draw_generator("error", dtype, block_hash, *request).standard_normal()) if rms else 0.0


def _draw_places(generator: np.random.Generator, n_tried: int, hit: float) -> NDArray[np.int64]:
    """Draw which of n tries hit, in ascending order, by the gaps between hits: O(hits), whatever n is."""
    parts, last = [], -1
    while last < n_tried:
        n_gaps = int(1.1 * hit * (n_tried - last)) + MIN_GAPS
        # A gap beyond the end may be cut: it says that nothing more is hit, and cannot overflow the sum.
        gaps = np.minimum(generator.geometric(hit, n_gaps), n_tried + 1)
        parts.append(last + np.cumsum(gaps))
        last = int(parts[-1][-1])
    places = np.concatenate(parts)
    return places[places < n_tried]
