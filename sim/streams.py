"""Named random streams: one seed, any number of independent generators, each found by its name.

A stream depends on the run's seed and its own name only. Adding a host or changing the controller therefore leaves
every other stream as it was, and two variants of a scenario share their random numbers (common random numbers).
"""

from __future__ import annotations

import json

import numpy as np

from pow.seeds import generator

N_HASHES = 2  # 512 bits of entropy in every stream


Name = str | int


def draw_generator(*name: Name) -> np.random.Generator:
    """Return a fresh generator of that name. JSON keeps ("a", "b") apart from ("a/b",) and 1 apart from "1"."""
    return generator(json.dumps(name), N_HASHES)


class Streams:
    """`streams("network", "latency", "a", "b")` is always the same generator object within one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generators: dict[tuple[Name, ...], np.random.Generator] = {}

    def __call__(self, *name: Name) -> np.random.Generator:
        """Return the generator of that name, continuing where its last draw left it."""
        found = self._generators.get(name)
        if found is None:
            found = self._generators[name] = draw_generator(self.seed, *name)
        return found
