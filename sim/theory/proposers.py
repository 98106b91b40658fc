"""Proposers in proportion to weight, over whole rounds of the weighted round-robin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from sim.protocol.consensus.validators import select_proposer
from sim.theory.row import Row

SEED = 20260105
N_VALIDATORS, N_ROUNDS = 60, 2
TAIL, LARGEST_WEIGHT = 0.8, 200  # Pareto's exponent; heavy, as the network's weights are
WITHIN_BLOCKS = 1.0


def proposer_rows(quick: bool) -> Iterator[Row]:
    """The heaviest validator's blocks after n · ΣW heights; the error is the largest of all validators'."""
    generator = np.random.default_rng(SEED)
    weights = np.minimum(1.0 + generator.pareto(TAIL, 20 if quick else N_VALIDATORS), LARGEST_WEIGHT).astype(int)
    powers = {f"v{number}": weight for number, weight in enumerate(weights.tolist())}
    n_heights = N_ROUNDS * sum(powers.values())
    blocks = count_blocks(powers, n_heights)
    error = max(abs(blocks[who] - N_ROUNDS * power) for who, power in powers.items())
    heaviest = max(powers, key=lambda who: powers[who])
    label = f"blocks of the heaviest of {len(powers)} in {n_heights}; largest error of any"
    yield Row(label, blocks[heaviest], N_ROUNDS * powers[heaviest], error, WITHIN_BLOCKS)


def count_blocks(powers: Mapping[str, int], n_heights: int) -> Counter[str]:
    """Return how many of the first `n_heights` blocks each validator proposes, starting with equal priorities."""
    blocks: Counter[str] = Counter()
    priorities: dict[str, int] = {}
    for _ in range(n_heights):
        proposer, priorities = select_proposer(priorities, powers)
        blocks[proposer] += 1
    return blocks
