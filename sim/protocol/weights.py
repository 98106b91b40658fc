"""Weight: what a participant claimed, what is left under the power cap (protocol 5.1, 5.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sim.protocol.versions import Rules

SMALL_NETWORK_LIMITS = {2: 0.50, 3: 0.40}


def count_nonces(batches: Iterable[tuple[int, ...]], rules: Rules) -> int:
    """Nonces that count among one participant's batches: all of them in v0.2.0, distinct ones later."""
    if rules.counts_duplicates:
        return sum(len(nonces) for nonces in batches)
    return len({nonce for nonces in batches for nonce in nonces})


def compute_claimed_weight(n_nonces: int, rules: Rules) -> int:
    """Weight of so many counted nonces, truncated. Reference: protocol 5.1."""
    return math.floor(n_nonces * rules.weight_scale)


def compute_power_cap(weights: Iterable[int], percentage: float) -> int | None:
    """Return the largest weight that the cap leaves, or None where it does not bind. Reference: protocol 5.3.

    Walks up the sorted weights: the first one that exceeds its allowed share of (those below it + itself for all
    above) fixes the cap.
    """
    ascending = sorted(weights)
    n = len(ascending)
    if n <= 1 or percentage == 0:
        return None
    limit = max(percentage, SMALL_NETWORK_LIMITS.get(n, 0.0))
    below = 0
    for k, weight in enumerate(ascending):
        if weight > limit * (below + weight * (n - k)):
            denominator = 1.0 - limit * (n - k)
            return weight if denominator <= 0 else math.trunc(limit * below / denominator)
        below += weight
    return None


def cap_weights(weights: Mapping[str, int], percentage: float) -> dict[str, int]:
    """Apply the power cap to everybody: min(weight, cap)."""
    cap = compute_power_cap(weights.values(), percentage)
    return {address: weight if cap is None else min(weight, cap) for address, weight in weights.items()}
