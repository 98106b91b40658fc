"""Missed validations at the claim (protocol 2.1, items 6 to 8)."""

import hashlib
import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.draws import compute_hash_uniform
from sim.protocol.service.due_validations import (
    FinishedInference,
    compute_draw_probability,
    compute_min_average,
    compute_reputation,
    is_drawn,
    select_due_validations,
)
from sim.protocol.service.inferences import EpochInferences, Service, validated_enough
from sim.protocol.switches import Rules
from sim.protocol.versions import VERSIONS


@pytest.mark.parametrize(
    ("n_requests", "average"),
    [(10**6, 0.01), (10_000, 0.01), (7_500, 0.03), (5_000, 0.05), (2_550, 0.525), (101, 1 - 0.95 / 4900), (100, 1.0)],
)
def test_min_average(n_requests: int, average: float) -> None:
    """Protocol 2.1.7."""
    assert compute_min_average(n_requests) == pytest.approx(average, rel=1e-12)


@given(st.integers(0, 20_000))
def test_min_average_falls_without_a_jump(n_requests: int) -> None:
    step = compute_min_average(n_requests) - compute_min_average(n_requests + 1)
    assert 0 <= step < 0.95 / 4900 + 1e-12


@pytest.mark.parametrize(
    ("epochs", "reputation"),
    [
        ([], 0),
        ([(0, 100)] * 3, 10),
        ([(0, 100)] * 10, 33),
        ([(0, 100)] * 30, 100),
        ([(0, 100)] * 40, 100),
        ([(1, 100)] * 30, 100),
        ([(2, 100)] * 30, 98),
        ([(50, 100)] * 30, 50),
        ([(0, 0)] * 30, 100),
        ([(300, 100)] * 5, 0),
    ],
)
def test_reputation(epochs: list[tuple[int, int]], reputation: int) -> None:
    """Protocol 2.1.8: 10 of 30 truncate to 33; a fraction of exactly 0.01 costs nothing."""
    assert compute_reputation(epochs) == reputation


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 100)), max_size=50))
def test_reputation_against_a_naive_one(epochs: list[tuple[int, int]]) -> None:
    credit = Fraction(0)
    for missed, inferences in epochs:
        credit += 1
        if 100 * missed > inferences:
            credit -= Fraction(missed, inferences)
    expected = 100 if credit > 30 else 0 if credit <= 0 else 100 * Fraction(math.floor(credit / 30 * 100), 100)
    assert compute_reputation(epochs) == expected


@pytest.mark.parametrize(
    ("weights", "average", "reputation", "probability"),
    [
        ((10, 20, 120), 0.01, 100, 0.001),
        ((10, 20, 120), 0.01, 0, 0.1),
        ((10, 20, 120), 0.2, 50, 0.06),
        ((100, 20, 120), 1.0, 0, 1.0),
        ((0, 20, 120), 1.0, 0, 0.0),
        ((1, 20, 21), 0.25, 100, 0.25),
    ],
)
def test_draw_probability(weights: tuple[int, int, int], average: float, reputation: int, probability: float) -> None:
    """Protocol 2.1.6: target · w_validator / (W_model - w_executor)."""
    assert compute_draw_probability(*weights, average, reputation) == pytest.approx(probability, rel=1e-12)


def test_draw_probability_needs_other_weight_and_stays_below_one() -> None:
    with pytest.raises(ValueError, match="weight 20 must exceed its executor's weight 20"):
        compute_draw_probability(0, 20, 20, 0.01, 50)
    assert compute_draw_probability(200, 20, 120, 1.0, 0) == 1.0


def test_hash_uniform_is_what_sha256_says() -> None:
    """Protocol 2.1.6: first 8 bytes over 2^64 - 1."""
    first = int(hashlib.sha256(b"7:inference").hexdigest()[:16], 16)
    assert compute_hash_uniform("7:inference") == first / 18_446_744_073_709_551_615
    assert is_drawn(7, "inference", 1.0)
    assert not is_drawn(7, "inference", first / 2**64)


def test_draws_follow_their_probability() -> None:
    """20 000 draws at 0.3: standard deviation 64.8; bound 4 of them, error level 6e-5."""
    n_drawn = sum(is_drawn(1, str(i), 0.3) for i in range(20_000))
    assert abs(n_drawn - 6000) < 4 * 64.8


def inference(name: str, executor: str = "e", height: int = 10, **weights: int) -> FinishedInference:
    return FinishedInference(name, executor, weights or {"e": 10, "v": 10}, height, min_average=1.0)


def test_who_is_exempt_from_a_draw() -> None:
    """Protocol 2.1.6: with v the only other member every draw has probability 1."""
    inferences = [
        inference("drawn"),
        inference("own", executor="v"),
        inference("validator does not serve", e=10, x=10),
        inference("executor does not serve", v=10, x=10),
        inference("at the cut-off", height=20),
        inference("before the cut-off", height=19),
    ]
    due = {
        has_node: select_due_validations(inferences, "v", 1, 100, cutoff_height=20, has_node_during_poc=has_node)
        for has_node in (True, False)
    }
    assert due[False] == ["drawn", "before the cut-off"]
    assert due[True] == ["drawn", "at the cut-off", "before the cut-off"]


def test_due_validations_follow_seed_weight_and_reputation() -> None:
    inferences = [FinishedInference(str(i), "e", {"e": 5, "v": 10, "x": 90}, 0, min_average=0.01) for i in range(2000)]
    due = select_due_validations(inferences, "v", 3, 0, cutoff_height=1, has_node_during_poc=False)
    assert due == [str(i) for i in range(2000) if compute_hash_uniform(f"3:{i}") < 0.1]
    half = select_due_validations(inferences, "v", 3, 50, cutoff_height=1, has_node_during_poc=False)
    assert half == [str(i) for i in range(2000) if compute_hash_uniform(f"3:{i}") < 0.0505]


@pytest.mark.parametrize(
    ("rules", "n_skipped", "is_enough"),
    [
        *[(VERSIONS["v0.2.0"], 0, True), (VERSIONS["v0.2.0"], 1, False)],
        *[(VERSIONS["v0.2.2"], 16, True), (VERSIONS["v0.2.2"], 17, False)],
        *[(VERSIONS["v0.2.6"], 45, True), (replace(VERSIONS["v0.2.2"], miss_probability=0.0), 100, True)],
    ],
)
def test_one_missing_validation_blocks_a_claim_only_at_launch(rules: Rules, n_skipped: int, is_enough: bool) -> None:
    """Protocol 2.1.6: all in v0.2.0; then the table of 6.3, 100:16."""
    finished = tuple(inference(str(i)) for i in range(100))
    skipped = {"v": frozenset([*map(str, range(n_skipped)), "not due"])}
    service = Service(epochs={1: EpochInferences(finished, skipped)})
    made = validated_enough(service, "v", 1, 7, rules, cutoff_height=20, has_node_during_poc=False)
    assert made is is_enough
    assert validated_enough(Service(), "v", 1, 7, rules, cutoff_height=20, has_node_during_poc=False)
