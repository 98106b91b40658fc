"""The exact law as a twin of the kernel: 10 ns a nonce, for networks of any size.

1. Every nonce of a key has one uniform number under a network seed: the share of the sphere that lies nearer. Its true
   distance is the exact law's quantile of it.
2. Every (nonce, numerics) has a normal error of its own; a host measures the true distance plus that error, so that
   equal numerics agree to the bit, as in the kernel. A nonce is valid iff the measured distance < r_target.
3. A nonce that no ML node tried (fabricated) has its distance all the same, from the whole law.
4. A host that leaves layers out adds an error for each (nonce, number of layers), normal too. Reference: kernel 7

Each number belongs to the network seed, the key and the nonce, so that none depends on the order of requests. The
error widens the law of distances by less than 1e-4 of the hit probability, even for bfloat16. Reference: kernel 4, 6
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pow.law import LARGEST_Z, get_law
from pow.params import PowParams, mode_of
from pow.skipping import compute_skipping_rms
from pow.sphere import hit_probability
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.streams import draw_uniforms, get_mixing_seed
from sim.work.base import Produced, Request, Sample, Task, WorkCounts

LARGEST_DISTANCE = 2.0
RMS_ERROR = {
    "f16data_f64compute": 0.0,
    "f16data_f32compute": 2e-8,
    "float32": 2.8e-6,
    "f16data_bf16linears_f32resid": 2.7e-7,
    "float16": 6.9e-6,
    "bfloat16": 5.0e-5,
}
"""Root mean square error of a distance by numerics, measured on devtest. Reference: kernel 6"""


WINDOWS_AHEAD = 16  # periods of the sender that are drawn in one call
MOST_AT_ONCE = 5_000_000  # nonces that are drawn together
FOUND = ("groups", "nonces", "values")
NO_NONCES, NO_VALUES = np.array([], dtype=np.int64), np.array([], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Ahead:
    """Valid nonces of one ML node's turns in [start, stop), with their distances as measured, turn by turn."""

    start: int
    stop: int
    turns: list[int]
    """(n,) ascending"""
    groups: NDArray[np.int64]
    """(n,) index of the GPU group"""
    nonces: NDArray[np.int64]
    values: NDArray[np.float64]

    def pick(self, turns: range, n_tried: int) -> Produced:
        """Return those of some turns, group by group."""
        inside = slice(bisect_left(self.turns, turns.start), bisect_left(self.turns, turns.stop))
        if inside.start == inside.stop:
            return Produced(n_tried, NO_NONCES, NO_VALUES)
        order = self.groups[inside].argsort(kind="stable")
        return Produced(n_tried, self.nonces[inside][order], self.values[inside][order])


class SphereWork(AbstractContextManager["SphereWork", None]):
    """Implements `sim.work.base.Work` by the law alone; no torch, no kernel."""

    def __init__(self, dim: int, params: PowParams | None = None) -> None:
        """`params`: the model of that output dimension, needed where hosts leave layers out."""
        self._dim = dim
        self._params = params
        self._law = get_law(dim)
        self._ahead: dict[str, dict[Task, _Ahead]] = {}
        """Network seed -> valid nonces of ML nodes' next turns."""
        self._invalid: dict[tuple[ClaimedNonces, str], tuple[NDArray[np.bool_], NDArray[np.int64]]] = {}
        """Claims, numerics -> which nonces are found invalid, and how many of each claim."""
        self._n_drawn = self._n_shared = 0

    def __exit__(self, *error: object) -> None:
        self._ahead.clear()
        self._invalid.clear()

    @property
    def counts(self) -> WorkCounts:
        """Totals since the start of the run; a draw stands for a computation."""
        return WorkCounts(self._n_drawn, self._n_shared)

    def announce(self, task: Task, n_turns: int) -> None:
        """Do nothing: each number is drawn when it is asked for."""

    def produce(self, task: Task, turns: range) -> Produced:
        """Draw which are valid, and their distances as measured in the host's own numerics."""
        n_tried = len(task.groups) * len(turns)
        self._n_drawn += n_tried
        return self._look_ahead(task, turns).pick(turns, n_tried) if turns else Produced(0, NO_NONCES, NO_VALUES)

    def _look_ahead(self, task: Task, turns: range) -> _Ahead:
        """Return the valid nonces of an ML node's next turns too: a draw costs little, a call much."""
        known = self._ahead.setdefault(task.block_hash, {})
        ahead = known.get(task)
        if ahead is None or not ahead.start <= turns.start or turns.stop > ahead.stop:
            few = max(len(turns), min(WINDOWS_AHEAD * len(turns), MOST_AT_ONCE // len(task.groups)))
            stop = min(turns.start + few, *map(len, task.groups))
            ahead = known[task] = self._find_all(task, range(turns.start, stop))
        return ahead

    def _find_all(self, task: Task, turns: range) -> _Ahead:
        """Draw many turns in parts, each small enough for memory."""
        step = max(1, MOST_AT_ONCE // len(task.groups))
        parts = [self._find_in(task, turns[first : first + step]) for first in range(0, len(turns), step)]
        if len(parts) == 1:
            return parts[0]
        groups, nonces, values = (np.concatenate([getattr(part, name) for part in parts]) for name in FOUND)
        return _Ahead(turns.start, turns.stop, [turn for part in parts for turn in part.turns], groups, nonces, values)

    def _find_in(self, task: Task, turns: range) -> _Ahead:
        firsts, steps = np.array([(group.start, group.step) for group in task.groups], dtype=np.int64).T
        tried = (firsts + np.multiply.outer(np.arange(turns.start, turns.stop), steps)).ravel()  # turn by turn
        seed, numerics, skipping = (task.block_hash, task.public_key), task.numerics, self._get_skipping_rms(task)
        shares = draw_uniforms(get_mixing_seed("share", *seed), tried)
        # Few nonces lie near enough for an error to carry them in, and only those need a distance: the quantile of the
        # law is the expensive part. The bound is wider by the largest error, so that no valid nonce is missed.
        near = np.flatnonzero(shares < _share_below(task.threshold, numerics, self._dim, 1, skipping))
        measured = self._measure(shares[near], get_mixing_seed("error", numerics, *seed), tried[near], numerics)
        if skipping:
            uniforms = draw_uniforms(get_mixing_seed("skipped layers", task.n_layers or 0, *seed), tried[near])
            measured = np.maximum(measured + skipping * special.ndtri(uniforms), 0.0)
        near, measured = near[measured < task.threshold], measured[measured < task.threshold]
        turn, group = np.divmod(near, len(task.groups))
        return _Ahead(turns.start, turns.stop, (turns.start + turn).tolist(), group, tried[near], measured)

    def _get_skipping_rms(self, task: Task) -> float:
        """Return the error that layers left out add. Raises ValueError for a model of which it is not known."""
        if task.n_layers is None:
            return 0.0
        if self._params is None:
            raise ValueError("layers can be left out of a model only; this law was opened by its dimension alone")
        return compute_skipping_rms(self._params, task.n_layers)

    def distances(self, block_hash: str, dtype: str, requests: Sequence[Request]) -> NDArray[np.float64]:
        """Return the distances that a validator with these numerics measures, float64 (n,)."""
        self._n_drawn += len(requests)
        keys = {key: index for index, key in enumerate(dict.fromkeys(key for key, _ in requests))}
        owners = np.array([keys[key] for key, _ in requests], dtype=np.int64)
        nonces = np.array([nonce for _, nonce in requests], dtype=np.int64)
        share_seeds, error_seeds = _draw_seeds(block_hash, dtype, keys)
        return self._measure(draw_uniforms(share_seeds[owners], nonces), error_seeds[owners], nonces, dtype)

    def count_contradictions(self, claims: ClaimedNonces, sample: Sample) -> NDArray[np.int64]:
        """Look sampled positions up in claims that are re-executed whole, once for all validators.

        Most claims have no invalid nonce: no positions are drawn for them.
        """
        self._n_shared += int(sample.sizes.sum())
        numerics, found = np.array(sample.numerics), np.zeros(len(sample.places), dtype=np.int64)
        for dtype in dict.fromkeys(sample.numerics):
            is_invalid, counts = self._judge(claims, dtype)
            for turn in np.flatnonzero((counts[sample.places] > 0) & (numerics == dtype)).tolist():
                place = sample.places[turn]
                found[turn] = is_invalid[claims.starts[place] + sample.select(int(claims.counts[place]))].sum()
        return found

    def _judge(self, claims: ClaimedNonces, dtype: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which claimed nonces are found invalid in these numerics, bool (n,), and their number by claim."""
        if (claims, dtype) not in self._invalid:
            is_invalid = self._are_invalid(claims, dtype)
            owners = np.repeat(np.arange(len(claims.counts)), claims.counts)[is_invalid]
            self._invalid[claims, dtype] = is_invalid, np.bincount(owners, minlength=len(claims.counts))
        return self._invalid[claims, dtype]

    def _are_invalid(self, claims: ClaimedNonces, dtype: str) -> NDArray[np.bool_]:
        """Re-execute all claims: almost all is decided by shares; distances are drawn within reach of an error."""
        self._n_drawn += len(claims.nonces)
        share_seeds, error_seeds = _draw_seeds(claims.block_hash, dtype, claims.public_keys)
        shares = draw_uniforms(np.repeat(share_seeds, claims.run_lengths), claims.nonces)
        # Beyond the largest error to either side of the threshold the share alone decides.
        invalid = shares > _share_below(claims.threshold, dtype, self._dim, 1)
        close = np.flatnonzero(~invalid & (shares > _share_below(claims.threshold, dtype, self._dim, -1)))
        seeds = np.repeat(error_seeds, claims.run_lengths)[close]
        invalid[close] = self._measure(shares[close], seeds, claims.nonces[close], dtype) > claims.threshold
        return invalid

    def forget(self, block_hash: str) -> None:
        """Free the memory that is held for a network seed."""
        self._ahead.pop(block_hash, None)
        self._invalid = {key: known for key, known in self._invalid.items() if key[0].block_hash != block_hash}

    def describe(self) -> dict[str, Any]:
        """Return settings and totals for the provenance."""
        return {"kind": "sphere", "dim": self._dim, "drawn": self._n_drawn, "shared": self._n_shared}

    def _measure(
        self, shares: NDArray[np.float64], error_seeds: int | NDArray[np.uint64], nonces: NDArray[np.int64], dtype: str
    ) -> NDArray[np.float64]:
        """Return true distances plus the error of these numerics."""
        distances, rms = self._law.distances(shares), _get_rms_error(dtype)
        return distances + rms * special.ndtri(draw_uniforms(error_seeds, nonces)) if rms else distances


def _draw_seeds(block_hash: str, dtype: str, keys: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the seeds of each key's shares and of its errors in these numerics, uint64 (keys,)."""
    shares = [get_mixing_seed("share", block_hash, key) for key in keys]
    errors = [get_mixing_seed("error", dtype, block_hash, key) for key in keys]
    return np.array(shares, dtype=np.uint64), np.array(errors, dtype=np.uint64)


def _get_rms_error(dtype: str) -> float:
    return RMS_ERROR[mode_of(dtype).name]


@lru_cache
def _share_below(r_target: float, dtype: str, dim: int, sign: int, more_rms: float = 0.0) -> float:
    """Return the share of the sphere within r_target and the largest errors (sign -1: less those errors)."""
    reach = r_target + sign * LARGEST_Z * (_get_rms_error(dtype) + more_rms)
    return hit_probability(min(max(reach, 1e-9), LARGEST_DISTANCE), dim) * (1.0 + sign * 1e-9)
