"""Prices (protocol 6.6)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.pricing import PricingParams, compute_next_price, compute_utilization, update_prices

UTILIZATIONS = st.fractions(0, 3, max_denominator=10_000)


@pytest.mark.parametrize(
    ("price", "utilization", "after"),
    [
        *[(100, "0.4", 100), (100, "0.5", 100), (100, "0.6", 100)],
        *[(100, "0.79", 100), (100, "0.8", 101), (100, "1", 102), (100, "9", 102)],
        *[(100, "0.399", 99), (100, "0.2", 99), (100, "0", 98)],
        *[(10_000, "0.3", 9950), (10_000, "0.7", 10_050), (10_000, "1.0", 10_200), (10_000, "5", 10_200)],
        *[(50, "1", 51), (49, "9", 49), (2, "0", 1), (1, "0", 1)],
    ],
)
def test_price_steps(price: int, utilization: str, after: int) -> None:
    """Protocol 6.6: stable zone, both slopes, the clamp, truncation, the minimum."""
    assert compute_next_price(price, Fraction(utilization)) == after


def test_utilization_counts_a_minute_of_capacity() -> None:
    """Protocol 6.6: tokens / (capacity · 60), 1000 tokens/s where the capacity is zero."""
    assert compute_utilization(30_000, 1000) == Fraction(1, 2)
    assert compute_utilization(30_000, 0) == Fraction(1, 2)
    assert compute_utilization(30_000, 250) == 2


def test_epochs_of_a_price() -> None:
    """Protocol 6.6: free before 90, 100 at 90, dynamic after; models do not see each other."""
    capacities = {"busy": 10, "idle": 10, "steady": 10}
    tokens = {"busy": 6000, "steady": 300}
    free = update_prices({}, tokens, capacities, 89)
    assert free == {"busy": 0, "idle": 0, "steady": 0}
    base = update_prices(free, tokens, capacities, 90)
    assert base == {"busy": 100, "idle": 100, "steady": 100}
    assert update_prices(base, tokens, capacities, 91) == {"busy": 102, "idle": 98, "steady": 100}
    assert update_prices({"busy": 1000}, tokens, {"busy": 10, "new": 10}, 91) == {"busy": 1020, "new": 98}
    assert update_prices({"idle": 10**6}, {}, {"idle": 10}, 91) == {"idle": 980_000}


@given(st.integers(1, 10**6), st.integers(0, 3000))
def test_a_step_in_integers(price: int, permille: int) -> None:
    """The cases of protocol 6.6 for u in thousandths: the factor has 20 000 as its denominator."""
    if permille < 400:
        factor = max(19_600, 20_000 - (400 - permille))
    elif permille > 600:
        factor = min(20_400, 20_000 + (permille - 600))
    else:
        factor = 20_000
    assert compute_next_price(price, Fraction(permille, 1000)) == max(1, price * factor // 20_000)


@given(st.integers(1, 49), st.lists(UTILIZATIONS, max_size=60))
def test_a_price_below_fifty_never_rises(price: int, utilizations: list[Fraction]) -> None:
    """Protocol 6.6: the truncation trap."""
    for utilization in utilizations:
        after = compute_next_price(price, utilization)
        assert after <= price
        price = after


@pytest.mark.parametrize(
    ("price", "utilization", "after"),
    [
        *[(49, "0.61", 50), (1, "1", 2), (49, "0.6", 49), (100, "0.79", 101), (100, "0.8", 101), (100, "1", 102)],
        *[(50, "0.4", 50), (50, "0.3", 49), (2, "0", 1), (10**6, "1", 10**6)],
    ],
)
def test_what_if_rises_are_rounded_up(price: int, utilization: str, after: int) -> None:
    """A step up is at least 1, so that no price is trapped; falls are truncated as before."""
    assert compute_next_price(price, Fraction(utilization), rounds_rises_up=True) == after


@given(st.integers(0, 10**6), UTILIZATIONS)
def test_rounding_up_changes_rises_only_and_by_one_at_most(price: int, utilization: Fraction) -> None:
    before = compute_next_price(price, utilization)
    after = compute_next_price(price, utilization, rounds_rises_up=True)
    assert after - before in ((0, 1) if utilization > Fraction(3, 5) else (0,))


@given(st.integers(50, 10**6))
def test_from_fifty_on_a_full_model_gets_dearer(price: int) -> None:
    assert compute_next_price(price, Fraction(1)) > price


def test_pricing_parameters() -> None:
    params = PricingParams(
        price_grace_epochs=5, grace_price=3, base_price=20, min_price=10, largest_price_step=Fraction(1, 2),
        price_elasticity=Fraction(1), stable_from=Fraction(3, 10), stable_to=Fraction(7, 10),
        utilization_window=10.0, default_capacity=1,
    )  # fmt: skip
    assert update_prices({}, {}, {"m": 1}, 4, params=params) == {"m": 3}
    assert update_prices({}, {}, {"m": 1}, 5, params=params) == {"m": 20}
    assert update_prices({}, {"m": 8}, {"m": 0}, 6, params=params) == {"m": 22}
    assert update_prices({}, {"m": 7}, {"m": 0}, 6, params=params) == {"m": 20}
    assert update_prices({}, {"m": 3}, {"m": 0}, 6, params=params) == {"m": 20}
    assert update_prices({"m": 100}, {"m": 90}, {"m": 1}, 6, params=params) == {"m": 150}
    assert update_prices({"m": 12}, {}, {"m": 1}, 6, params=params) == {"m": 10}
