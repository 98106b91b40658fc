"""Hosts who follow profit: the law by hand, the twin beside the plug-in, what each parameter does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalogue import PluginError
from sim.difficulty import controllers
from sim.economy import curves
from sim.economy.base import Market, Offer, Steps
from sim.economy.profit_driven import ProfitDriven
from sim.race.market import Levels, MarketCompute
from sim.race.measures import measure_race
from sim.race.rig import Race, Setup, lay_out, run_race

SETUP = Setup(600.0, n_decisions=400, n_replications=5, warm_up=20)
WALK = {"kind": "jump_diffusion", "every": "10 min", "volatility": 0.02, "jump_every": "1 d"}


def hosts(**parameters: Any) -> ProfitDriven:
    made = curves.build({"kind": "profit_driven", **parameters})
    assert isinstance(made, ProfitDriven)
    return made


def race(setup: Setup = SETUP, controller: str = "wtema", **parameters: Any) -> Race:
    built = controllers.build({"kind": controller, "target": {"valid_nonces_per_epoch": setup.quota}})
    return run_race(built, lay_out(hosts(**{"price": WALK, **parameters}), setup), setup)


def offer(price: float, difficulty: float, work: float, time: float = 1.0) -> Offer:
    return Offer(*(np.array([value]) for value in (price, difficulty, work, time)))


def offers(*costs: float) -> list[Offer]:
    """Offers that the default hosts find so dear: break-even is a difficulty of 60 000 at price 1."""
    return [offer(1.0, 60_000.0 * cost, 60_000.0) for cost in costs]


def answer(some: ProfitDriven, seen: Sequence[Offer]) -> float:
    """The compute after the last offer; the first one is that of the race's beginning."""
    state = some.start(seen[0])
    for each in seen:
        state, compute = some.respond(state, each)
    return float(compute[0])


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([1.0], 60 + 40),  # half of the variable ones, greedy ones as at the start: away
        ([0.85], 60 + 80 + 100),
        ([1.15], 60),
        ([1.3], 60),
        ([1.0, 0.89, 1.0], 60 + 40 + 100),  # joined, and still here
        ([1.0, 0.89, 1.11, 1.0], 60 + 40),  # left again
        ([1.06], 60 + 24),
    ],
)
def test_the_law_by_hand(costs: list[float], expected: float) -> None:
    assert answer(hosts(window=1, delay=0), offers(*costs)) == pytest.approx(expected)


def test_hosts_average_and_are_late() -> None:
    seen = offers(1.0, 1.06, 0.94, 1.06, 1.12)
    assert answer(hosts(window=3, delay=0, greedy=0.0), seen) == pytest.approx(60 + 80 * (1.15 - 1.04) / 0.3)
    assert answer(hosts(window=3, delay=2, greedy=0.0), seen) == pytest.approx(60 + 80 * (1.15 - 1.0) / 0.3)
    # the first offer stands for all before
    assert answer(hosts(window=3, delay=4, greedy=0.0), seen) == pytest.approx(100.0)


def test_money_decides() -> None:
    """Reward and price up or cost down by as much is the same; a pot per time looks at work over time."""
    usual = hosts().compute_cost(60_000.0, 1.0)
    assert usual == pytest.approx(1.0)
    assert hosts(reward=2.0).compute_cost(60_000.0, 1.0) == pytest.approx(0.5)
    assert hosts(cost=0.03).compute_cost(60_000.0, 1.0) == pytest.approx(0.5)
    assert hosts().compute_cost(60_000.0, 2.0) == pytest.approx(0.5)
    by_time = hosts(paid_per="time", window=1, delay=0)
    seen = [offer(1.0, 60_000.0 * 1.06, 60_000.0 * 1.06), offer(1.0, 1.0, 60_000.0 * 1.06)]
    assert answer(by_time, seen) == pytest.approx(84.0)
    # twice the work in twice the time is the same compute; a fixed pot makes a nonce dear that came soon
    seen = [offer(1.0, 1.0, 60_000.0), offer(1.0, 1.0, 2 * 60_000.0 * 1.06, 2.0)]
    assert answer(by_time, seen) == pytest.approx(84.0)
    two = hosts(paid_per="time", window=2, delay=0)
    seen = [offer(1.0, 1.0, 60_000.0), offer(1.0, 1.0, 60_000.0, 0.5), offer(1.0, 1.0, 60_000.0, 1.5)]
    assert answer(two, seen) == pytest.approx(100.0)  # cost 2 over revenue 0.5 + 1.5


def test_a_pot_per_time_has_chance_in_it() -> None:
    """Nothing else moves this compute, not even a controller, and no two replications are alike."""
    calm = {"greedy": 0.0, "variable_margin": 0.9, "variable": 10.0, "price": "constant"}
    setup = replace(SETUP, n_replications=4)
    found = run_race(controllers.build("fixed"), lay_out(hosts(paid_per="time", **calm), setup), setup)
    assert np.ptp(found.ideal, axis=0).min() > 0
    assert len(np.unique(found.ideal[100])) == 4


def test_a_short_window_makes_mining_look_dear() -> None:
    """Cost over revenue of 6 nonces is 6 over a Gamma number: 6 / 5 on average; within 4 standard errors of 4 000."""
    some = hosts(paid_per="time", window=6, delay=0, variable=1e6, variable_margin=0.999, greedy=0.0)
    generator = np.random.default_rng(3)
    ones = np.ones(4000)
    offers_ = [Offer(ones, ones, 60_000.0 * 0.1 * ones, generator.exponential(1.0, 4000)) for _ in range(6)]
    state = some.start(Offer(ones, ones, 60_000.0 * 0.1 * ones, ones))
    for each in offers_:
        state, compute = some.respond(state, each)
    costs = 1.999 - (compute - 60.0) / 1e6 * 1.998
    assert costs.mean() == pytest.approx(0.1 * 6 / 5, rel=4 * 0.5 / math.sqrt(4000))


@settings(deadline=None)
@given(st.floats(1, 1000), st.floats(0, 1000), st.floats(0.02, 0.9), st.floats(0.1, 10))
def test_a_race_begins_in_balance(steady: float, variable: float, margin: float, price: float) -> None:
    """With the right difficulty for that compute the variable hosts want just that compute."""
    some = hosts(steady=steady, variable=variable, variable_margin=margin, greedy=0.0, window=1, delay=0)
    first = float(some.first_compute(np.array([price]), 600.0)[0])
    assert answer(some, [offer(price, first * 600.0, first * 600.0)]) == pytest.approx(first, rel=1e-9)


PARAMETERS = st.fixed_dictionaries(
    {
        **{"steady": st.floats(1, 500), "variable": st.floats(0, 500), "greedy": st.floats(0, 500)},
        **{"variable_margin": st.floats(0.01, 0.9), "greedy_margin": st.floats(0.01, 0.9)},
        **{"window": st.integers(1, 12), "delay": st.integers(0, 5), "paid_per": st.sampled_from(["nonce", "time"])},
        **{"reward": st.floats(0.1, 10), "cost": st.floats(0.01, 1)},
    }
)


def answer_slowly(some: ProfitDriven, prices: list[float], tries: list[float], times: list[float]) -> float:
    """A second implementation, from the whole history; the first decision stands for all before."""
    per_try = some.cost / (3600 * some.reward)
    if some.paid_per == "nonce":
        money = [(per_try * each / price, 1.0) for each, price in zip(tries, prices, strict=True)]
    else:
        money = [(per_try * each, price * time) for each, price, time in zip(tries, prices, times, strict=True)]
    padded = [money[0]] * (some.window - 1) + money
    windows = [padded[number : number + some.window] for number in range(len(money))]
    means = [sum(cost for cost, _ in seen) / sum(earned for _, earned in seen) for seen in windows]
    means = means[: max(len(money) - some.delay, 1)]
    share = (1 + some.variable_margin - means[-1]) / (2 * some.variable_margin)
    clear = [mean < 1 for mean in means if abs(mean - 1) >= some.greedy_margin]
    greedy = some.greedy if clear and clear[-1] else 0.0
    return some.steady + some.variable * min(max(share, 0.0), 1.0) + greedy


@settings(deadline=None, max_examples=80)
@given(PARAMETERS, st.integers(0, 2**32))
def test_beside_a_slow_crowd(parameters: dict[str, Any], seed: int) -> None:
    some, generator = hosts(**parameters), np.random.default_rng(seed)
    even = 3600 * some.reward / some.cost
    prices = np.exp(generator.normal(0, 0.1, (40, 2)))
    seen = even * np.exp(generator.normal(0, 0.2, (2, 40, 2)))
    times = generator.exponential(1.0, (40, 2)) + 0.01
    tries = seen[0] if some.paid_per == "nonce" else seen[1]
    state = some.start(Offer(prices[0], seen[0][0], seen[1][0], times[0]))
    for number in range(40):
        state, found = some.respond(state, Offer(prices[number], seen[0][number], seen[1][number], times[number]))
        rows = (each[: number + 1].T.tolist() for each in (prices, tries, times))
        assert found == pytest.approx([answer_slowly(some, *row) for row in zip(*rows, strict=True)], rel=1e-9)


def test_every_parameter_acts() -> None:
    usual = race()
    for name, other in {
        **{"steady": 50.0, "variable": 90.0, "variable_margin": 0.2, "greedy": 50.0, "greedy_margin": 0.05},
        **{"window": 3, "delay": 3, "switching_time": "1 min", "reward": 1.1, "paid_per": "time", "cost": 0.05},
        **{"price": "constant"},
    }.items():
        assert not np.array_equal(race(**{name: other}).time_ratio, usual.time_ratio), name


def test_steady_hosts_alone_are_constant_compute() -> None:
    built = controllers.build({"kind": "sma", "target": {"valid_nonces_per_epoch": 1}})
    alone = run_race(built, lay_out(hosts(variable=0.0, greedy=0.0, price=WALK), SETUP), SETUP)
    constant = run_race(built, lay_out(curves.build({"kind": "constant", "level": 60.0}), SETUP), SETUP)
    assert alone.time_ratio == pytest.approx(constant.time_ratio, rel=1e-12)


def test_replications_share_their_luck_and_prices() -> None:
    longer = race(replace(SETUP, n_decisions=600))
    assert np.array_equal(longer.time_ratio[:400], race().time_ratio)
    assert np.array_equal(race(replace(SETUP, n_replications=7)).time_ratio[:, :5], race().time_ratio)
    assert len(np.unique(race().ideal, axis=1).T) == 5  # every replication has its own price


def test_what_joins_loses_its_switching_time() -> None:
    """By hand: 100 nonces/s join 140 and lose 60 s of work, 6 000 tries; who leaves loses nothing."""
    some = hosts(window=1, delay=0, switching_time="1 min")
    compute = MarketCompute([Market(Steps(np.array([0.0]), np.array([1.0])), some)], 600.0, 1)
    compute.react(np.array([60_000.0 * 0.85]))
    assert compute.rate[0] == pytest.approx(240.0)
    assert compute.advance(np.array([24_000.0]))[0] == pytest.approx((24_000 + 140 * 60) / 240)
    compute.react(np.array([60_000.0 * 1.3]))
    assert compute.advance(np.array([6_000.0]))[0] == pytest.approx(100.0)


@dataclass(frozen=True)
class Stubborn:
    """Hosts of another package: 10 nonces/s, and as many again for every decision until the third."""

    switching_time: float = 0.0

    def first_compute(self, price: np.ndarray, spacing_seconds: float) -> np.ndarray:
        return np.full_like(price, 10.0)

    def start(self, first: Offer) -> int:
        return 1

    def respond(self, state: int, seen: Offer) -> tuple[int, np.ndarray]:
        return state + 1, np.full_like(seen.price, 10.0 * min(state + 1, 4))


def test_other_hosts_run() -> None:
    markets = [Market(Steps(np.array([0.0]), np.array([1.0])), Stubborn())] * SETUP.n_replications
    built = controllers.build("fixed")
    found = run_race(built, markets, SETUP)
    assert found.difficulty[0].tolist() == [6000.0] * 5
    assert (found.ideal[:5, 0] / 600.0).tolist() == [20.0, 30.0, 40.0, 40.0, 40.0]


def test_levels_are_looked_up_at_their_times() -> None:
    paths = [Steps(np.array([0.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0])), Steps(np.array([0.0]), np.array([9.0]))]
    levels = Levels(paths)
    found = [levels.look_up(np.array([now, now])).tolist() for now in (0.0, 4.9, 5.0, 5.5, 1e9)]
    assert found == [[1.0, 9.0], [1.0, 9.0], [2.0, 9.0], [2.0, 9.0], [3.0, 9.0]]


def test_switchers_take_from_steady_hosts() -> None:
    """A price path alone moves everybody; who joins when it is easy earns more per try than who stays."""
    setup = replace(SETUP, n_decisions=3000, n_replications=20)
    calm, wild = (
        measure_race(race(setup, "sma", greedy=greedy), lay_out(hosts(price=WALK), setup), None, setup)
        for greedy in (0.0, 300.0)
    )
    assert wild["steady_loss"].mean() > calm["steady_loss"].mean() + 0.02 > 0.02
    assert wild["compute_swing"].mean() > calm["compute_swing"].mean() > 0.02


@pytest.mark.parametrize(
    "spec",
    [
        {"steady": 0.0},
        {"variable": -1.0},
        {"variable_margin": 1.5},
        {"greedy_margin": 0.0},
        {"window": 0},
        {"cost": 0.0},
        {"paid_per": "block"},
        {"price": {"kind": "constant", "level": -2.0}},
        {"price": "none"},
    ],
)
def test_bad_parameters_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginError):
        curves.build({"kind": "profit_driven", **spec})
