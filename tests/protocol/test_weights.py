"""Counted nonces, weights and the power cap (protocol 5.1, 5.3)."""

import math
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.sphere import hit_probability
from sim.protocol.proofs.weights import (
    CountedBatch,
    NodeId,
    cap_by_full_weight,
    cap_weights,
    compute_power_cap,
    count_batches,
    get_limit,
    merge_by_addition,
    merge_by_node,
    spread_evenly,
    weigh_batches,
)
from sim.protocol.versions import VERSIONS


@pytest.mark.parametrize(
    ("weights", "percentage", "cap"),
    [
        ([1000, 2000, 4000, 8000], 0.30, 2250),
        ([1000, 2000, 4000, 8000], 0.25, 1000),
        ([1000, 2000, 4000, 8000, 9000], 0.25, 3000),
        ([10, 20], 0.25, 10),
        ([10, 20, 100], 0.25, 20),
        ([1, 2, 3, 4, 100, 200], 0.25, 5),
        ([100] * 4, 0.25, None),
        ([0, 0, 0, 0, 10], 0.25, 0),
        ([100] * 4, 0.20, 0),
        ([7], 0.25, None),
        ([], 0.25, None),
        ([1, 100], 0.0, None),
        ([1, 100], None, None),
    ],
)
def test_golden_caps(weights: list[int], percentage: float | None, cap: int | None) -> None:
    assert compute_power_cap(weights, percentage) == cap


@pytest.mark.parametrize(
    ("weights", "after"),
    [
        ([1000, 2000, 4000, 8000], [1000, 2000, 2250, 2250]),
        ([1000], [1000]),
        ([1000, 2000, 7000], [1000, 2000, 2000]),
        ([1000, 2000, 1000], [1000, 1333, 1000]),
        ([100, 200, 300, 400], [100, 200, 225, 225]),
        ([10, 10, 10, 970], [10, 10, 10, 12]),
        ([1, 1, 1, 97], [1, 1, 1, 1]),
        ([10] * 9 + [900], [10] * 9 + [38]),
        ([700, 200, 100], [200, 200, 100]),
        ([250, 150], [150, 150]),
        ([700, 100], [100, 100]),
    ],
)
def test_the_cap_of_30_percent(weights: list[int], after: list[int]) -> None:
    """Protocol 5.3: worked cases of the network's tests and of its rule, for the epoch from v0.2.5 on and rewards."""
    named = {str(place): weight for place, weight in enumerate(weights)}
    for positive_only in (False, True):
        assert list(cap_weights(named, 0.30, positive_only=positive_only).values()) == after


@pytest.mark.parametrize(
    ("weights", "percentage", "before", "after"),
    [
        ([0, 0, 0, 0, 10], 0.25, [0, 0, 0, 0, 0], [0, 0, 0, 0, 10]),
        ([0, 5, 7], 0.30, [0, 0, 0], [0, 5, 5]),
        ([0, 10_238, 34_658, 36_806], 0.30, [0, 0, 0, 0], [0, 10_238, 20_476, 20_476]),
        ([100] * 4, 0.20, [0] * 4, [100] * 4),
    ],
)
def test_what_if_the_cap_is_over_positive_weights_only(
    weights: list[int], percentage: float, before: list[int], after: list[int]
) -> None:
    """#1394: members without weight no longer count, and a cap of 0 is not applied; first and third: published."""
    named = {str(place): weight for place, weight in enumerate(weights)}
    assert list(cap_weights(named, percentage).values()) == before
    assert list(cap_weights(named, percentage, positive_only=True).values()) == after


@pytest.mark.parametrize(
    ("n", "limit"), [(1, Fraction(3, 10)), (2, Fraction(1, 2)), (3, Fraction(2, 5)), (4, Fraction(3, 10))]
)
def test_small_networks_have_larger_limits(n: int, limit: Fraction) -> None:
    assert get_limit(n, 0.30) == limit
    assert get_limit(n, 0.60) == Fraction(3, 5)


def test_what_if_rewards_are_capped_by_full_weight() -> None:
    """#1372: 30 % of what stood before confirmations, 1000 here; two hosts with weight may have half of it each."""
    assert cap_by_full_weight({"a": 320, "b": 100, "c": 100, "d": 100}, 0.30, 1000)["a"] == 300
    assert cap_by_full_weight({"a": 250, "b": 5, "c": 5, "d": 5}, 0.30, 1000)["a"] == 250
    assert cap_by_full_weight({"a": 600, "b": 10, "c": 0}, 0.30, 1000) == {"a": 500, "b": 10, "c": 0}
    assert cap_by_full_weight({"a": 600, "b": 0}, 0.30, 1000) == {"a": 600, "b": 0}
    assert cap_by_full_weight({"a": 600, "b": 10}, 0.0, 1000) == {"a": 600, "b": 10}
    assert cap_by_full_weight({"a": 333, "b": 9, "c": 9, "d": 9}, 0.30, 999)["a"] == 299


LISTS = st.lists(st.integers(0, 10**9), min_size=5, max_size=40)


@given(LISTS, st.sampled_from([0.2, 0.25, 0.3, 0.5]))
def test_cap_laws(weights: list[int], percentage: float) -> None:
    named = {str(i): weight for i, weight in enumerate(weights)}
    capped = cap_weights(named, percentage)
    assert all(capped[name] <= weight for name, weight in named.items())
    total = sum(capped.values())
    # Truncating the cap by less than 1 raises the largest share by less than 1 / total.
    assert all(weight <= percentage * total + 1 for weight in capped.values())


def naive_cap(weights: list[int], percentage: float) -> int | None:
    """A second implementation from the text, in whole percents: the first k above its share of T fixes the cap."""
    p, n = sorted(weights), len(weights)
    if n < 2 or percentage == 0:
        return None
    share = round(100 * {2: max(percentage, 0.5), 3: max(percentage, 0.4)}.get(n, percentage))
    for k in range(n):
        total = sum(p[:k]) + p[k] * (n - k)
        if 100 * p[k] > share * total:
            rest = 100 - share * (n - k)
            return p[k] if rest <= 0 else share * sum(p[:k]) // rest
    return None


@given(st.lists(st.integers(0, 10**6), max_size=30), st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0]))
def test_the_cap_against_a_naive_one(weights: list[int], percentage: float) -> None:
    assert compute_power_cap(weights, percentage) == naive_cap(weights, percentage)


def decimal_cap(weights: list[int], text: str, positive_only: bool) -> int | None:
    """A third one in decimals, with quotients of 16 places, as the chain reckons; small networks apart."""
    with localcontext(prec=60):
        p = sorted(w for w in weights if w > 0 or not positive_only)
        share, below = Decimal(text), Decimal(0)
        for k, w in enumerate(p):
            above = len(p) - k
            if w > share * (below + w * above):
                rest = 1 - share * above
                places = Decimal(1).scaleb(-16)
                cap = w if rest <= 0 else int((share * below / rest).quantize(places, ROUND_HALF_EVEN))
                return None if positive_only and cap == 0 else cap
            below += w
    return None


@given(
    st.lists(st.integers(0, 10**9), min_size=4, max_size=30),
    st.sampled_from(["0.25", "0.3", "0.123456789", "0.07"]),
    st.booleans(),
)
def test_the_cap_against_one_in_decimals(weights: list[int], share: str, positive_only: bool) -> None:
    if positive_only and sum(w > 0 for w in weights) < 4:
        return
    found = compute_power_cap(weights, float(share), positive_only=positive_only)
    assert found == decimal_cap(weights, share, positive_only)


@given(LISTS, st.sampled_from([0.2, 0.25, 0.3, 0.5]), st.randoms(use_true_random=False))
def test_the_cap_ignores_the_order(weights: list[int], percentage: float, random: Random) -> None:
    shuffled = random.sample(weights, len(weights))
    assert compute_power_cap(shuffled, percentage) == compute_power_cap(weights, percentage)


@given(LISTS, st.sampled_from([0.2, 0.25, 0.3, 0.5]))
def test_capping_twice_is_capping_once_but_for_truncation(weights: list[int], percentage: float) -> None:
    """The cap is truncated to an integer, so that a second pass may take off what the first left above the share."""
    once = cap_weights({str(i): weight for i, weight in enumerate(weights)}, percentage)
    twice = cap_weights(once, percentage)
    largest, total = max(once.values()), sum(once.values())
    if largest <= percentage * total:
        assert twice == once
    else:
        assert largest - percentage * total < 1


def test_an_exact_cap_is_idempotent() -> None:
    for weights, percentage in [([1000, 2000, 4000, 8000], 0.30), ([1000, 2000, 4000, 8000, 9000], 0.25)]:
        once = cap_weights({str(i): weight for i, weight in enumerate(weights)}, percentage)
        assert cap_weights(once, percentage) == once


BATCHES = [(1, (1, 2, 3)), (2, (3, 4)), (1, (1, 1, 5))]


def test_duplicates_count_only_at_launch() -> None:
    """From v0.2.2 a nonce counts once per participant, for the node of the first stored batch (protocol 5.1)."""
    assert count_batches(BATCHES, counts_duplicates=True) == [(1, 3), (2, 2), (1, 3)]
    assert count_batches(BATCHES, counts_duplicates=False) == [(1, 3), (2, 1), (1, 1)]
    assert count_batches(BATCHES[::-1], counts_duplicates=False) == [(1, 2), (2, 2), (1, 1)]


def test_the_scale_of_v0_2_6_truncates_every_batch() -> None:
    """Protocol 5.1: batches of 3, 2 and 1 new nonces weigh 7 + 5 + 2 = 14, not 15."""
    scale = VERSIONS["v0.2.6"].weight_scale
    batches = count_batches([(1, (1, 2, 3)), (1, (4, 5)), (1, (6, 5))], counts_duplicates=False)
    assert [n for _, n in batches] == [3, 2, 1]
    assert weigh_batches(batches, scale) == {1: 14}
    assert weigh_batches(batches, scale, truncates_by_node=True) == {1: 15}
    assert weigh_batches(batches, VERSIONS["v0.2.5"].weight_scale) == {1: 6}
    apart = count_batches([(1, (1, 2, 3)), (2, (3, 4)), (1, (5, 6)), (None, (7,))], counts_duplicates=False)
    assert weigh_batches(apart, scale) == {1: 7 + 5, 2: 2, None: 2}
    assert weigh_batches(apart, scale, truncates_by_node=True) == {1: 12, 2: 2, None: 2}


LISTED = st.lists(
    st.tuples(st.sampled_from([None, 1, 2]), st.lists(st.integers(0, 30), min_size=1, max_size=9).map(tuple)),
    max_size=12,
)


@given(LISTED, st.booleans(), st.sampled_from([(1, 1), (5, 2), (11, 10), (1, 3)]))
def test_weights_against_a_walk_nonce_by_nonce(
    listed: list[tuple[int | None, tuple[int, ...]]], counts_duplicates: bool, scale: tuple[int, int]
) -> None:
    """A second implementation: a batch's counted nonces one by one, then whole units taken out of the product."""
    numerator, denominator = scale
    expected: dict[int | None, int] = {}
    seen: list[int] = []
    for node, nonces in listed:
        product = 0
        for nonce in nonces:
            if counts_duplicates or nonce not in seen:
                product += numerator
            seen.append(nonce)
        whole = 0
        while product >= denominator:
            product -= denominator
            whole += 1
        expected[node] = expected.get(node, 0) + whole
    counted = count_batches(listed, counts_duplicates=counts_duplicates)
    assert weigh_batches(counted, Fraction(numerator, denominator)) == expected


@pytest.mark.parametrize(("mean", "percent"), [(0.5, 12.6), (1, 8.65), (2, 4.9), (6, 1.7), (20, 0.5)])
def test_weak_ml_nodes_are_underpaid(mean: float, percent: float) -> None:
    """Protocol 5.1: a batch every 5 s holds a Poisson count; odd ones lose half a unit of weight."""
    counts = range(200)
    chances = [math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in counts]
    scale = VERSIONS["v0.2.6"].weight_scale
    kept = sum(p * weigh_batches([CountedBatch(1, n)], scale)[1] for n, p in zip(counts, chances, strict=True))
    assert 100 * (1 - kept / (float(scale) * mean)) == pytest.approx(percent, abs=0.05)


def test_the_scale_makes_up_for_rarer_nonces() -> None:
    """Protocol 5.1: h fell from 5.06 % to 2.00 %, a ratio of 2.536."""
    before, after = (hit_probability(VERSIONS[name].proof.threshold, 8196) for name in ("v0.2.5", "v0.2.6"))
    ratio = before / after
    assert ratio == pytest.approx(2.536, abs=5e-4)
    assert ratio == pytest.approx(float(VERSIONS["v0.2.6"].weight_scale), rel=0.015)


def test_legacy_distribution_gives_the_remainder_twice() -> None:
    """Protocol 5.1: node weights may sum to total + remainder, while the participant's weight is untouched."""
    assert spread_evenly(11, [1, 2, 3]) == {1: 5, 2: 5, 3: 3}
    assert spread_evenly(12, [1, 2, 3]) == {1: 4, 2: 4, 3: 4}
    assert spread_evenly(7, []) == {}
    merged = merge_by_addition(11, {}, {1, 2, 3})
    assert (merged.weight, sum(merged.node_weights.values())) == (11, 13)


@given(st.integers(0, 10**9), st.integers(1, 20))
def test_legacy_distribution_sums_to_total_plus_remainder(total: int, n_nodes: int) -> None:
    shares = spread_evenly(total, range(n_nodes))
    assert sum(shares.values()) == total + total % n_nodes


def test_launch_adds_preserved_weight_as_a_number() -> None:
    """Fresh weight goes to the nodes that are not preserved, whoever produced it (protocol 5.1)."""
    merged = merge_by_addition(10, {2: 50}, {1, 2, 3})
    assert merged.weight == 60
    assert merged.node_weights == {1: 5, 2: 50, 3: 5}
    assert merge_by_addition(0, {2: 50}, {1, 2}).weight == 50
    assert merge_by_addition(10, {1: 50}, {1}).node_weights == {1: 50}  # the chain divides by zero here [I]


def test_later_versions_sum_over_distinct_registered_nodes() -> None:
    """Node 9 is not registered, None has no name; node 2 is preserved and keeps its old weight only (protocol 5.1)."""
    merged = merge_by_node({1: 10, 2: 7, 9: 4, None: 3}, {2: 50}, {1, 2})
    assert merged.weight == 60
    assert merged.node_weights == {1: 10, 2: 50}
    assert merged.dropped == 7 + 4 + 3


NODE_WEIGHTS = st.dictionaries(st.integers(1, 8), st.integers(0, 1000), max_size=8)


@given(NODE_WEIGHTS, NODE_WEIGHTS, st.sets(st.integers(1, 8)))
def test_merging_by_node_loses_nothing_unseen(
    fresh: dict[int, int], preserved: dict[int, int], admitted: set[int]
) -> None:
    merged = merge_by_node(dict[NodeId, int](fresh), preserved, admitted)
    assert merged.weight == sum(merged.node_weights.values())
    assert merged.weight + merged.dropped == sum(fresh.values()) + sum(preserved.values())
    assert set(merged.node_weights) <= admitted
