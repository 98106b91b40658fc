"""Emission of an epoch and its distribution, in ngonka, integers throughout (protocol 6.1, 6.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping

NGONKA_PER_GNK = 10**9
INITIAL_EPOCH_REWARD = 323_000 * NGONKA_PER_GNK
DECAY_RATE = -0.000475
SUPPLY_CAP = 680_000_000 * NGONKA_PER_GNK


def compute_epoch_reward(epoch_index: int, paid_before: int) -> int:
    """R(e) = trunc(R0 · exp(-0.000475 · (e - 1))), cut to what the supply cap leaves. Reference: protocol 6.1."""
    emission = math.trunc(INITIAL_EPOCH_REWARD * math.exp(DECAY_RATE * (epoch_index - 1)))
    return max(0, min(emission, SUPPLY_CAP - paid_before))


def split_reward(weights: Mapping[str, int], amount: int) -> dict[str, int]:
    """Share `amount` by weight, floored; the remainder goes to the first address with a positive share.

    Nobody is paid where all weights are zero. Reference: protocol 6.2.
    """
    total = sum(weights.values())
    if total <= 0:
        return dict.fromkeys(sorted(weights), 0)
    shares = {address: weight * amount // total for address, weight in sorted(weights.items())}
    remainder = amount - sum(shares.values())
    first = next((address for address, share in shares.items() if share > 0), None)
    if first is not None:
        shares[first] += remainder
    return shares
