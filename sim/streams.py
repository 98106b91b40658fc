"""Named random streams: one seed, any number of independent generators, each found by its name.

A stream depends on the run's seed and its own name only. Adding a host or changing the controller therefore leaves
every other stream as it was, and two variants of a scenario share their random numbers (common random numbers).
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from pow.seeds import generator, hash_to_number

N_HASHES = 2  # 512 bits of entropy in every stream
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # SplitMix64: step of its counter, then the two multipliers of its mixing
MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
DROPPED_BITS = np.uint64(11)


Name = str | int


def draw_generator(*name: Name) -> np.random.Generator:
    """Return a fresh generator of that name. JSON keeps ("a", "b") apart from ("a/b",) and 1 apart from "1"."""
    return generator(json.dumps(name), N_HASHES)


def get_mixing_seed(*name: Name) -> int:
    """Return the 64-bit seed of that name for `draw_uniforms`."""
    return hash_to_number(json.dumps(name))


def draw_uniforms(seeds: int | NDArray[np.uint64], indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return number `index` of the sequence of each seed, uniform in (0, 1), 53 bits each: float64 (n,).

    A number belongs to its index, whatever the order of the questions, and costs 10 ns. `seeds` is one seed or one
    per index. The sequence is SplitMix64's. Reference: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
    generators", section 5.
    """
    x = (indices.astype(np.uint64) + np.uint64(1)) * GOLDEN + np.asarray(seeds, dtype=np.uint64)
    x = (x ^ (x >> SHIFTS[0])) * MIX[0]
    x = (x ^ (x >> SHIFTS[1])) * MIX[1]
    x ^= x >> SHIFTS[2]
    return ((x >> DROPPED_BITS).astype(np.float64) + 0.5) * 2.0**-53


class Streams:
    """`streams("network", "latency", "a", "b")` is always the same generator object within one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[tuple[Name, ...], np.random.Generator] = {}
        self._passing: list[dict[tuple[Name, ...], np.random.Generator]] = [{}, {}, {}]
        """Generators of a time, by the epoch of their last use, the last one first."""

    def __call__(self, *name: Name) -> np.random.Generator:
        """Return the generator of that name, continuing where its last draw left it."""
        found = self._generators.get(name)
        if found is None:
            found = self._generators[name] = draw_generator(self.seed, *name)
        return found

    def of_a_time(self, *name: Name) -> np.random.Generator:
        """Return the generator of a name that tells an epoch or a height: it is kept while it is in use."""
        now = self._passing[0]
        if name not in now:
            earlier = (each.pop(name) for each in self._passing[1:] if name in each)
            now[name] = next(earlier, None) or draw_generator(self.seed, *name)
        return now[name]

    def forget_unused(self) -> None:
        """Forget the generators of a time that were not used in this epoch and the two before it."""
        self._passing = [{}, *self._passing[:-1]]
