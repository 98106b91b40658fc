"""The price of a token, per model and block (protocol 6.6). Exact fractions, so that truncation falls as written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from sim.units import Seconds

_Price = Field(ge=0, le=10**9)
_Share = Field(ge=0, le=1)


@dataclass(frozen=True)
class PricingParams:
    """The chain's parameters of dynamic prices; main-net values. Reference: protocol 6.6, 10.

    Where an annotation holds a sentence, the field is a key of a scenario's `inference`.
    """

    price_grace_epochs: Annotated[
        int, Field(ge=0, le=1_000_000), "last of the epochs that are free or have a fixed price"
    ] = 90
    grace_price: Annotated[int, _Price, "ngonka per token before that epoch"] = 0
    base_price: Annotated[int, _Price, "ngonka per token in that epoch, and where a model's dynamic price starts"] = 100
    min_price: Annotated[int, _Price, "ngonka per token below which no dynamic price falls"] = 1
    max_price: Annotated[
        int, _Price, "ngonka per token above which no dynamic price rises; the simulator's own bound"
    ] = 10**6
    """[I]: traffic does not shrink when prices rise, and 2 % a block grow for ever."""
    stable_from: Annotated[Fraction, Field(ge=0, le=1000), "utilization below which the price falls"] = Fraction(2, 5)
    stable_to: Annotated[Fraction, Field(ge=0, le=1000), "utilization above which the price rises"] = Fraction(3, 5)
    price_elasticity: Annotated[
        Fraction, Field(ge=0, le=1000), "change of the price a block, as a share, per unit of utilization beyond them"
    ] = Fraction(1, 20)
    largest_price_step: Annotated[Fraction, _Share, "largest change of the price a block, as a share"] = Fraction(1, 50)
    utilization_window: Annotated[
        Seconds, Field(gt=0), "time over which the chain counts tokens for the utilization"
    ] = 60.0
    default_capacity: int = 1000
    """Tokens per second of a model whose group has no weight; no key, since nobody asks such a model here."""


MAINNET_PRICING = PricingParams()


def compute_utilization(n_tokens: int, capacity: int, *, params: PricingParams = MAINNET_PRICING) -> Fraction:
    """Tokens of the last window over the capacity of the model's group, `capacity` tokens per second.

    Reference: protocol 6.6.
    """
    return n_tokens / ((capacity or params.default_capacity) * Fraction(params.utilization_window))


def compute_next_price(
    price: int, utilization: Fraction, *, params: PricingParams = MAINNET_PRICING, rounds_rises_up: bool = False
) -> int:
    """One block's step: down below the stable zone, up above it, by at most 2 %, truncated, at least the minimum.

    Truncation traps a price below 50: 2 % of it is less than 1. With `rounds_rises_up` a step up is at least 1.
    Reference: protocol 6.6.
    """
    below = min(Fraction(0), utilization - params.stable_from)
    above = max(Fraction(0), utilization - params.stable_to)
    step = params.price_elasticity * (below + above)
    wanted = price * (1 + max(-params.largest_price_step, min(params.largest_price_step, step)))
    reached = math.ceil(wanted) if rounds_rises_up and wanted > price else math.trunc(wanted)
    return min(params.max_price, max(params.min_price, reached))


def update_prices(
    prices: Mapping[str, int],
    n_tokens: Mapping[str, int],
    capacities: Mapping[str, int],
    epoch_index: int,
    *,
    params: PricingParams = MAINNET_PRICING,
    rounds_rises_up: bool = False,
) -> dict[str, int]:
    """Prices after a block for each model in `capacities`; a model without a price starts at the base price [I].

    Free during grace, the base price in its last epoch, dynamic afterwards. Reference: protocol 6.6.
    """
    if epoch_index < params.price_grace_epochs:
        return dict.fromkeys(capacities, params.grace_price)
    if epoch_index == params.price_grace_epochs:
        return dict.fromkeys(capacities, params.base_price)
    return {
        model: compute_next_price(
            prices.get(model, params.base_price),
            compute_utilization(n_tokens.get(model, 0), capacity, params=params),
            params=params,
            rounds_rises_up=rounds_rises_up,
        )
        for model, capacity in capacities.items()
    }
