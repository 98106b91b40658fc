"""Confirmation of weights inside an epoch (protocol 6.7)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.confirmation import (
    Confirmation,
    close_event,
    compute_trigger_heights,
    is_triggered,
    start_confirmation,
)


def test_main_net_trigger_window() -> None:
    """Protocol 6.7 with the heights of 1.1 after proposal 3: S = P + 305, next P = P + 15 391, event 185 blocks."""
    heights = compute_trigger_heights(305, 15_391, 185, 80)
    assert (heights[0], heights[-1]) == (305, 15_391 - 80 - 185)
    assert not compute_trigger_heights(305, 500, 185, 80)
    assert compute_trigger_heights(10, 100, 20, 5) == range(10, 76)


def test_once_an_epoch_on_average() -> None:
    """2 000 epochs of 100 blocks: events have variance 0.99 an epoch, sd 44.5; bound 4 sd, error level 6e-5."""
    heights = range(1000, 1100)
    n_events = sum(is_triggered(h, f"{epoch}/{h}", heights, 1) for epoch in range(2000) for h in heights)
    assert abs(n_events - 2000) < 4 * 44.5


def test_trigger_chance_and_its_window() -> None:
    """At an expectation of the window's length every block triggers, outside of it none."""
    heights = range(10, 20)
    always = [h for h in range(30) if is_triggered(h, str(h), heights, 10)]
    assert always == list(heights)
    never = [h for h in range(30) if is_triggered(h, str(h), heights, 0)]
    assert never == []
    assert not is_triggered(10, "hash", range(10, 10), 1)


def test_confirmation_weight_starts_as_what_is_not_preserved() -> None:
    """Protocol 6.7; an id of another participant's node preserves nothing."""
    nodes = {"a": {1: 5, 2: 7}, "b": {1: 11}}
    assert start_confirmation(nodes, {"a": {1}, "c": {1}}).weights == {"a": 7, "b": 11}


def test_an_event_shrinks_weights_and_jails_whoever_shows_too_little() -> None:
    """Protocol 6.7 with alpha 0.70: 7 of 10 fails, 8 of 10 does not; nothing to confirm is no failure."""
    started = start_confirmation({"a": {1: 10}, "b": {1: 10, 2: 5}, "c": {1: 10}, "d": {1: 3}}, {"b": {2}, "d": {1}})
    assert started.weights == {"a": 10, "b": 10, "c": 10, "d": 0}
    measured = {"a": 7, "b": 8, "d": 0}
    for zero, weights, jailed in [(True, 0, {"a", "c"}), (False, 10, {"a"})]:
        closed = close_event(started, measured, absence_counts_as_zero=zero, threshold=Fraction(7, 10))
        assert closed.weights == {"a": 7, "b": 8, "c": weights, "d": 0}
        assert closed.jailed == jailed


def confirm(current: dict[str, int], measured: dict[str, int], zero: bool) -> dict[str, int]:
    started = Confirmation(current, current)
    return dict(close_event(started, measured, absence_counts_as_zero=zero, threshold=Fraction(0)).weights)


def test_weight_becomes_the_smaller_of_current_and_measured() -> None:
    """Protocol 6.7, and the fix of v0.2.6 in protocol 0."""
    current = {"a": 10, "b": 10, "c": 10}
    measured = {"a": 8, "b": 12}
    assert confirm(current, measured, True) == {"a": 8, "b": 10, "c": 0}
    assert confirm(current, measured, False) == {"a": 8, "b": 10, "c": 10}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 100)), max_size=6), st.booleans())
def test_events_in_any_order_leave_the_least_weight(events: list[dict[str, int]], zero: bool) -> None:
    initial = {"a": 50, "b": 70, "c": 0}
    forward, backward = initial, initial
    for event in events:
        forward = confirm(forward, event, zero)
    for event in reversed(events):
        backward = confirm(backward, event, zero)
    least = {who: min([weight, *(e.get(who, 0 if zero else 10**9) for e in events)]) for who, weight in initial.items()}
    assert forward == backward == least


@pytest.mark.parametrize(
    ("measured", "initial", "threshold", "slashed"),
    [
        *[(700, 1000, "0.7", True), (701, 1000, "0.7", False), (500, 1000, "0.5", True), (501, 1000, "0.5", False)],
        *[(0, 1000, "0", True), (1, 1000, "0", False), (0, 1, "0", True), (0, 0, "0.7", False)],
    ],
)
def test_jailed_at_most_alpha_of_the_initial_weight(measured: int, initial: int, threshold: str, slashed: bool) -> None:
    """Protocol 6.7: alpha 0.70 in the document, 0.5 in 2026, 0 by default; the weight of now does not matter."""
    started = Confirmation({"a": initial}, {"a": 0})
    closed = close_event(started, {"a": measured}, absence_counts_as_zero=True, threshold=Fraction(threshold))
    assert bool(closed.jailed) is slashed
