"""The price of a token, per model and block (protocol 6.6). Exact fractions, so that truncation falls as written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class PricingParams:
    """The chain's parameters of dynamic prices; main-net values. Reference: protocol 6.6, 10."""

    grace_end_epoch: int = 90
    grace_price: int = 0
    base_price: int = 100
    """ngonka per token, as all prices here."""
    min_price: int = 1
    max_price: int = 10**6
    """The simulator's own bound [I]: its traffic does not shrink when prices rise, and 2 % a block grow for ever."""
    stable_from: Fraction = Fraction(2, 5)
    stable_to: Fraction = Fraction(3, 5)
    elasticity: Fraction = Fraction(1, 20)
    largest_step: Fraction = Fraction(1, 50)
    window_seconds: int = 60
    default_capacity: int = 1000
    """Tokens per second of a model whose group has no weight."""


MAINNET_PRICING = PricingParams()


def compute_utilization(n_tokens: int, capacity: int, *, params: PricingParams = MAINNET_PRICING) -> Fraction:
    """Tokens of the last window over the capacity of the model's group, `capacity` tokens per second.

    Reference: protocol 6.6.
    """
    return Fraction(n_tokens, (capacity or params.default_capacity) * params.window_seconds)


def compute_next_price(price: int, utilization: Fraction, *, params: PricingParams = MAINNET_PRICING) -> int:
    """One block's step: down below the stable zone, up above it, by at most 2 %, truncated, at least the minimum.

    Truncation traps a price below 50: 2 % of it is less than 1. Reference: protocol 6.6.
    """
    below = min(Fraction(0), utilization - params.stable_from)
    above = max(Fraction(0), utilization - params.stable_to)
    step = params.elasticity * (below + above)
    factor = 1 + max(-params.largest_step, min(params.largest_step, step))
    return min(params.max_price, max(params.min_price, math.trunc(price * factor)))


def update_prices(
    prices: Mapping[str, int],
    n_tokens: Mapping[str, int],
    capacities: Mapping[str, int],
    epoch_index: int,
    *,
    params: PricingParams = MAINNET_PRICING,
) -> dict[str, int]:
    """Prices after a block for each model in `capacities`; a model without a price starts at the base price [I].

    Free during grace, the base price in its last epoch, dynamic afterwards. Reference: protocol 6.6.
    """
    if epoch_index < params.grace_end_epoch:
        return dict.fromkeys(capacities, params.grace_price)
    if epoch_index == params.grace_end_epoch:
        return dict.fromkeys(capacities, params.base_price)
    return {
        model: compute_next_price(
            prices.get(model, params.base_price),
            compute_utilization(n_tokens.get(model, 0), capacity, params=params),
            params=params,
        )
        for model, capacity in capacities.items()
    }
