"""Coefficients of models (mechanisms 1.2, 1.3): each numbered step by hand, then a second implementation."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.models.coefficients import (
    ModelState,
    ModelTerms,
    StepRule,
    compute_effective,
    compute_next_states,
    dilute,
    move_coefficient,
    round_stored,
    weigh,
)

F = Fraction
RULE = StepRule()
TERMS = ModelTerms(low=F("0.5"), high=F("0.8"), target=F("0.3333"), difficulty=F("2.668169014084"))
RESTING = F("0.025")


def move(state: ModelState, share: F, terms: ModelTerms = TERMS) -> ModelState:
    return move_coefficient(state, terms, share * 1000, F(1000), RULE)


def test_step_1_a_model_without_terms_has_no_state_and_comes_back_as_new() -> None:
    terms = {"base": ModelTerms(F(1), F(1), F(1))}
    states = {"base": ModelState(F(1), RESTING), "gone": ModelState(F("0.7"), F("0.05"), 1)}
    after = compute_next_states(states, terms, {"base": 10, "gone": 90}, RULE)
    assert after.keys() == {"base"}
    assert weigh({"base": 3, "gone": 5}, compute_effective(after, terms, {"base": 10, "gone": 90})) == 3
    again = compute_next_states(after, {**terms, "gone": TERMS}, {"base": 10}, RULE)
    assert again["gone"] == ModelState(TERMS.low, RESTING)


def test_step_1_shares_are_those_of_enabled_models() -> None:
    """A disabled model's nonces are in no total: the base has all of it, and rests."""
    terms = {"base": ModelTerms(F("0.5"), F(2), F(1))}
    after = compute_next_states({"base": ModelState(F(1), F("0.05"), 1)}, terms, {"base": 10, "gone": 90}, RULE)
    assert after["base"] == ModelState(F(1), RESTING)


def test_step_2_a_new_model_starts_at_its_floor_and_is_not_adjusted() -> None:
    after = compute_next_states({}, {"new": TERMS}, {"new": 0}, RULE)
    assert after == {"new": ModelState(F("0.5"), F("0.025"), 0)}


def test_step_2_without_earlier_totals_nothing_is_adjusted() -> None:
    states = {"old": ModelState(F("0.62"), RESTING)}
    assert compute_next_states(states, {"old": TERMS}, None, RULE) == states


@pytest.mark.parametrize(("carried", "clamped"), [("0.4", "0.5"), ("0.62", "0.62"), ("0.9", "0.8")])
def test_step_3_narrowed_bounds_act_at_once_inside_the_zone(carried: str, clamped: str) -> None:
    assert move(ModelState(F(carried), F("0.05"), 1), TERMS.target) == ModelState(F(clamped), RESTING)


def test_step_3_comes_before_step_8() -> None:
    """0.9 is clamped to 0.8, then moved to 0.76: not 0.9 · 0.95, clamped."""
    assert move(ModelState(F("0.9"), RESTING), F("0.9")).coefficient == F("0.76")


def test_step_4_the_target_0_lies_at_the_floor() -> None:
    unwanted = ModelTerms(F("0.5"), F("0.8"), F(0))
    assert move(ModelState(F("0.62"), F("0.05"), -1), F("0.9"), unwanted) == ModelState(F("0.5"), RESTING)


@pytest.mark.parametrize(
    ("share", "rests"),
    [("0.2833", True), ("0.28329999", False), ("0.3833", True), ("0.38330001", False), ("0.3333", True)],
)
def test_step_5_the_zone_includes_its_bounds(share: str, rests: bool) -> None:
    after = move(ModelState(F("0.62"), F("0.05"), 1), F(share))
    assert (after == ModelState(F("0.62"), RESTING)) == rests


def test_step_5_is_exact_for_huge_totals() -> None:
    """One nonce in 10^24 more than the zone holds: no float sees it."""
    terms, total = ModelTerms(F("0.5"), F("0.8"), F("0.3333")), 10**24
    at_bound = total * 3833 // 10_000
    state = ModelState(F("0.62"), RESTING)
    for work, direction in ((at_bound, 0), (at_bound + 1, -1)):
        assert move_coefficient(state, terms, F(work), F(total), RULE).direction == direction


@pytest.mark.parametrize(
    ("share", "step"), [("0.0099", "0.25"), ("0.01", "0.05"), ("0.2", "0.05"), ("0.99", "0.05"), ("0", "0.25")]
)
def test_step_6_below_1_percent_the_ceiling_is_higher(share: str, step: str) -> None:
    assert move(ModelState(F("0.5"), F("0.2"), 1), F(share)).step == F(step)


def test_step_6_a_network_without_work_has_shares_of_0() -> None:
    after = move_coefficient(ModelState(F("0.5"), F("0.2"), 1), TERMS, F(0), F(0), RULE)
    assert after == ModelState(F("0.625"), F("0.25"), 1)


def test_step_7_the_first_step_is_whole_reversals_halve_and_the_floor_holds() -> None:
    state, steps = ModelState(F("0.6"), RESTING), []
    for share in ("0.1", "0.1", "0.9", "0.1", "0.9", "0.1", "0.9", "0.9", "0.3333", "0.9"):
        state = move(state, F(share))
        steps.append((state.step, state.direction))
    expected = [
        ("0.05", 1),
        ("0.05", 1),
        ("0.025", -1),
        ("0.0125", 1),
        ("0.00625", -1),
        ("0.005", 1),
        ("0.005", -1),
        ("0.01", -1),
        ("0.025", 0),
        ("0.05", -1),
    ]
    assert steps == [(F(step), direction) for step, direction in expected]


def test_step_7_a_bootstrapped_model_doubles_up_to_a_quarter_and_falls_back_at_once() -> None:
    state, steps = ModelState(F("0.5"), RESTING), []
    for share in ("0", "0", "0", "0", "0.02", "0.9"):
        state = move(state, F(share), ModelTerms(F("0.1"), F(10), F("0.3333")))
        steps.append(state.step)
    assert steps == [F("0.05"), F("0.1"), F("0.2"), F("0.25"), F("0.05"), F("0.025")]


def test_step_8_the_state_moves_where_the_clamp_leaves_the_coefficient() -> None:
    pinned = ModelTerms(F("0.3024"), F("0.3024"), F("0.3334"))
    after = move(ModelState(F("0.3024"), RESTING), F("0.76"), pinned)
    assert after == ModelState(F("0.3024"), F("0.05"), -1)


def test_18_places_half_to_even() -> None:
    assert round_stored(F(5, 10**19)) == 0
    assert round_stored(F(15, 10**19)) == F(2, 10**18)
    assert round_stored(F(1, 3)) == F(333333333333333333, 10**18)
    once = move(ModelState(F(777777777777777777, 10**18), RESTING), F(0)).coefficient
    assert once == F("0.8")
    free = ModelTerms(F(0), F(10), F("0.3333"))
    assert move(ModelState(F(777777777777777777, 10**18), RESTING), F("0.9"), free).coefficient == F(
        738888888888888888, 10**18
    )


def test_dilution_pays_the_floor_for_the_excess() -> None:
    """Mechanisms 1.3: twice the target, so that half is paid 0.8 and half 0.5."""
    assert dilute(F("0.8"), F("0.5"), F("0.3"), F("0.6")) == F("0.65")
    assert dilute(0.8, 0.5, 0.3, 0.3) == 0.8
    assert dilute(F("0.8"), F("0.5"), F("0.3"), F(0)) == F("0.8")
    assert dilute(F("0.8"), F("0.5"), F(0), F("0.1")) == F("0.5")


def test_dilution_starts_at_the_target_the_zone_ends_later() -> None:
    terms = {"base": ModelTerms(F(1), F(1), F("0.6")), "other": ModelTerms(F("0.5"), F("0.8"), F("0.4"))}
    states = {"base": ModelState(F(1), RESTING), "other": ModelState(F("0.8"), RESTING)}
    totals = {"base": 56, "other": 44}
    assert compute_next_states(states, terms, totals, RULE) == states
    assert compute_effective(states, terms, totals)["other"] == round_stored(F("0.5") + F("0.3") * F(40, 44))
    assert weigh({"base": 2, "other": 0}, compute_effective(states, terms, totals)) == 2


def naive(state: ModelState, terms: ModelTerms, share: Decimal, is_empty: bool, context: Context) -> ModelState:
    """Mechanisms 1.2, steps 3 to 8, with decimals, divisions and no fraction: a second reading of the page."""
    c, s, p = _decimal(state.coefficient), _decimal(state.step), state.direction
    low, high, target = (_decimal(part) for part in (terms.low, terms.high, terms.target))
    if c < low:
        c = low
    if c > high:
        c = high
    rest = Decimal("0.025")
    if target == 0:
        return _state(low, rest, 0)
    e = context.subtract(target, share)
    if abs(e) <= Decimal("0.05"):
        return _state(c, rest, 0)
    d = 1 if e > 0 else -1
    ceiling = Decimal("0.25") if share < Decimal("0.01") or is_empty else Decimal("0.05")
    s = min(context.multiply(s, Decimal(2)), ceiling) if p == 0 or p == d else s / 2
    if p == -d:
        s = min(max(s, Decimal("0.005")), ceiling)
    c = context.multiply(c, context.add(Decimal(1), d * s)).quantize(Decimal(1).scaleb(-18), ROUND_HALF_EVEN, context)
    return _state(min(max(c, low), high), s, d)


def _decimal(value: Fraction) -> Decimal:
    return Context(prec=80).divide(Decimal(value.numerator), Decimal(value.denominator))


def _state(c: Decimal, s: Decimal, p: int) -> ModelState:
    return ModelState(Fraction(c), Fraction(s), p)


PRICES = st.decimals("0.001", "3", places=18).map(Fraction)
PARTS = st.integers(0, 10_000).map(lambda bp: F(bp, 10_000))


@given(
    st.lists(st.lists(st.integers(0, 10**9), min_size=3, max_size=3), min_size=1, max_size=12),
    st.lists(st.tuples(PRICES, PRICES, PRICES), min_size=3, max_size=3),
    PARTS,
    st.sampled_from(["1", "2.668169014084", "0.25"]),
)
def test_against_the_second_implementation(
    epochs: list[list[int]], prices: list[tuple[F, F, F]], part: F, difficulty: str
) -> None:
    """Any totals, corridors and targets: the same states, epoch by epoch."""
    models, context = ["a", "b", "c"], Context(prec=120)
    targets = dict(zip(models, [part, (1 - part) / 2, (1 - part) / 2], strict=True))
    terms: Mapping[str, ModelTerms] = {
        model: ModelTerms(min(pair[:2]), max(pair[:2]), targets[model], F(difficulty) if model == "b" else F(1))
        for model, pair in zip(models, prices, strict=True)
    }
    states = {model: ModelState(pair[2], RESTING) for model, pair in zip(models, prices, strict=True)}
    second = dict(states)
    for counts in epochs:
        totals = dict(zip(models, counts, strict=True))
        states = compute_next_states(states, terms, totals, RULE)
        work = {model: context.multiply(_decimal(terms[model].difficulty), Decimal(totals[model])) for model in models}
        total = sum(work.values(), Decimal(0))
        for model in models:
            share = context.divide(work[model], total) if total else Decimal(0)
            second[model] = naive(second[model], terms[model], share, not total, context)
        assert states == second
        for model in models:
            state, term = states[model], terms[model]
            assert term.low <= state.coefficient <= term.high
            assert RULE.floor <= state.step <= RULE.bootstrap_ceiling
        check_dilution(states, terms, totals)


def check_dilution(
    states: Mapping[str, ModelState], terms: Mapping[str, ModelTerms], totals: Mapping[str, int]
) -> None:
    """What is paid in all is c for the work up to the target and the floor for the rest: the definition, by totals."""
    effective = compute_effective(states, terms, totals)
    total = sum(terms[model].difficulty * totals[model] for model in terms)
    for model, term in terms.items():
        work = term.difficulty * totals[model]
        wanted = min(work, term.target * total)
        paid = wanted * states[model].coefficient + (work - wanted) * term.low
        assert abs(effective[model] * work - paid) <= work / 10**18
        assert term.low <= effective[model] <= states[model].coefficient
