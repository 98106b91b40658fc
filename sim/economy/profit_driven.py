"""Compute that follows profit: hosts that stay, hosts that join by degrees, hosts that switch as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.difficulty.windows import MovingSum
from sim.economy import curves, prices
from sim.economy.base import Compute, Floats, Market, Offer, Price
from sim.economy.price_paths import ConstantPrice
from sim.registry import PluginOf
from sim.units import Seconds

HOUR_SECONDS = 3600.0
ONE = ConstantPrice()

Margin = Annotated[float, Field(gt=0.0, lt=1.0)]


class ProfitDrivenState(NamedTuple):
    """Memory of `profit_driven`."""

    money: MovingSum
    """Cost and revenue of the window, a row each; the revenue of `paid_per: nonce` counts as 1."""
    on_their_way: tuple[Floats, ...]
    """Means that have been seen and are not acted on yet, the oldest first."""
    are_greedy_here: NDArray[np.bool_]
    """Greedy hosts are where they went when the mean last lay outside their margin."""


@curves.register("profit_driven")
@dataclass(frozen=True)
class ProfitDriven:
    """Hosts who look at cost / revenue before every interval, averaged over the last `window` intervals.

    Law, with the difficulty D that they saw: c = D · cost / (3600 s · reward · price), cost / revenue of a try; c̄ the
    mean of the last `window` values, `delay` intervals ago. `steady` hosts always stay. Of the `variable` ones a share
    mines that falls along a straight line, from all at c̄ = 1 - variable_margin to none at 1 + variable_margin. The
    `greedy` ones join together at c̄ ≤ 1 - greedy_margin and leave together at c̄ ≥ 1 + greedy_margin. `paid_per: time`
    has a fixed pot per time, of `reward` for each wanted nonce's time, split by nonces found: a nonce earns by the time
    t / wanted time that it took, and c̄ is the window's cost over its revenue, Σ D over Σ t · price. Chance is in both;
    a window of n nonces looks n / (n - 1) times as dear on average as mining is. A race begins where steady and
    variable hosts are in balance, with the greedy ones away. Compute stays as it is until the next decision; what joins
    loses `switching_time` of work. Source: the three classes of the study kyuupichan/difficulty, mining.py (2017).
    """

    steady: Annotated[float, Field(gt=0.0, le=1e30, description="nonces per second of hosts who always mine")] = 60.0
    variable: Annotated[Compute, Field(description="nonces per second of hosts who join by degrees")] = 80.0
    variable_margin: Annotated[Margin, Field(description="all of them mine below 1 - this, none above 1 + this")] = 0.15
    greedy: Annotated[Compute, Field(description="nonces per second of hosts who switch as one")] = 100.0
    greedy_margin: Annotated[
        Margin, Field(description="they join below 1 - this and leave above 1 + this: what a switch must gain")
    ] = 0.1
    window: Annotated[int, Field(ge=1, le=10_000, description="decisions that are averaged")] = 6
    delay: Annotated[int, Field(ge=0, le=10_000, description="decisions until something seen is acted on")] = 1
    switching_time: Annotated[Seconds, Field(ge=0.0, description="time that compute loses when it joins")] = 0.0
    reward: Annotated[float, Field(gt=0.0, le=1e12, description="coins per valid nonce")] = 1.0
    paid_per: Annotated[
        Literal["nonce", "time"],
        Field(description="nonce: each valid nonce earns the reward; time: found ones share what wanted ones would"),
    ] = "nonce"
    cost: Annotated[
        float,
        Field(gt=0.0, le=1e12, description="money that 1 nonce/s costs in an hour, or would earn elsewhere"),
    ] = 0.06
    price: Annotated[Price, PluginOf(prices), Field(description="money per coin over time")] = ONE

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Market:
        """Return these hosts and their price."""
        return Market(self.price.lay_out(horizon_seconds, generator), self)

    def find_warnings(self, race_seconds: float) -> Iterator[str]:
        """Yield those of the price."""
        if (find := getattr(self.price, "find_warnings", None)) is not None:
            yield from find(race_seconds)

    def compute_cost(self, tries_per_nonce: float | Floats, price: Floats) -> Floats:
        """Return cost / revenue of mining; 1 is break-even, less is profit."""
        return tries_per_nonce * (self.cost / (HOUR_SECONDS * self.reward)) / price

    def first_compute(self, price: Floats, spacing_seconds: float) -> Floats:
        """Return the compute at which steady and variable hosts make the right difficulty for themselves."""
        slope = self.variable / (2 * self.variable_margin)
        cost_of_one = self.compute_cost(spacing_seconds, price)
        balance = (self.steady + slope * (1 + self.variable_margin)) / (1 + slope * cost_of_one)
        return np.clip(balance, self.steady, self.steady + self.variable)

    def start(self, first: Offer) -> ProfitDrivenState:
        """Let the race's beginning stand for all before."""
        paid, money = self._pay(first), MovingSum(self.window)
        for _ in range(self.window):
            money = money.push(paid)
        cost = paid[0] / paid[1]
        return ProfitDrivenState(money, (cost,) * self.delay, 1.0 - cost >= self.greedy_margin)

    def respond(self, state: ProfitDrivenState, offer: Offer) -> tuple[ProfitDrivenState, Floats]:
        """Add the compute of variable and greedy hosts to that of the steady ones."""
        money = state.money.push(self._pay(offer))
        spent, earned = money.total
        cost, *on_their_way = *state.on_their_way, spent / earned
        slope = self.variable / (2.0 * self.variable_margin)
        joined = np.minimum(np.maximum((1.0 + self.variable_margin - cost) * slope, 0.0), self.variable)
        is_cheap, is_dear = 1.0 - cost >= self.greedy_margin, cost - 1.0 >= self.greedy_margin
        are_here = (state.are_greedy_here | is_cheap) & ~is_dear
        return ProfitDrivenState(money, tuple(on_their_way), are_here), self.steady + joined + self.greedy * are_here

    def _pay(self, offer: Offer) -> Floats:
        """Return cost and revenue of one nonce, (2, replications)."""
        if self.paid_per == "nonce":
            return np.array([self.compute_cost(offer.difficulty, offer.price), np.ones_like(offer.price)])
        return np.array([self.compute_cost(offer.work, np.ones_like(offer.price)), offer.price * offer.time])
