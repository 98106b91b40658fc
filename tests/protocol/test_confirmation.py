"""Confirmation of weights inside an epoch (protocol 6.7)."""

import hashlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.blocks.params import EpochParams
from sim.protocol.blocks.running import get_trigger_heights
from sim.protocol.blocks.stages import Schedule
from sim.protocol.proofs.confirmation import (
    Confirmation,
    close_event,
    compute_event,
    compute_ratio,
    compute_trigger_heights,
    is_triggered,
    read_event,
    start_confirmation,
)
from sim.protocol.versions import VERSIONS

MAIN_NET = EpochParams(15_391, 0, 60, 5, 5, 120, 120, 80)


def name_hash(text: str) -> str:
    """A block's hash: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest().upper()


@pytest.mark.parametrize(("cutoff", "last", "n_blocks"), [(80, 15_121, 14_817), (20, 15_181, 14_877)])
def test_main_net_trigger_window(cutoff: int, last: int, n_blocks: int) -> None:
    """Protocol 6.7 with the heights of 1.1 after proposal 3, and with the cutoff of proposal 17: 14 817 and 14 877."""
    lengths = EpochParams(15_391, 0, 60, 5, 5, 120, 120, cutoff)
    heights = get_trigger_heights(Schedule(2, 100_000, lengths), VERSIONS["v0.2.6"])
    assert (heights[0], heights[-1], len(heights)) == (100_305, 100_000 + last, n_blocks)


def test_a_short_epoch_has_no_trigger_window() -> None:
    assert not compute_trigger_heights(305, 500, 190, 80)
    assert compute_trigger_heights(10, 100, 20, 5) == range(10, 76)


@pytest.mark.parametrize(("cutoff", "grace"), [(80, 80), (20, 20), (1, 1), (0, 1)])
def test_the_heights_of_an_event(cutoff: int, grace: int) -> None:
    """Protocol 6.7: G = h + 80; batches land in [G + 1, G + 64], votes in [G + 70, G + 188], read-out at G + 189."""
    event = compute_event(1000, cutoff=cutoff, generation=60, exchange=5, delay=5, validation=120)
    start = 1000 + grace
    assert event == (start, start + 64, start + 70, start + 188, start + 189, start + 59)
    assert event.validation_start == start + 69


def test_an_event_ends_before_the_next_epoch() -> None:
    """The last trigger's read-out is a block before the next P."""
    last = get_trigger_heights(Schedule(2, 0, MAIN_NET), VERSIONS["v0.2.6"])[-1]
    assert compute_event(last, cutoff=80, generation=60, exchange=5, delay=5, validation=120).read_out == 15_390


def test_once_an_epoch_on_average() -> None:
    """2 000 epochs of 100 blocks: events have variance 0.99 an epoch, sd 44.5; bound 4 sd, error level 6e-5."""
    heights = range(1000, 1100)
    n_events = sum(is_triggered(h, name_hash(f"{epoch}/{h}"), heights, 1) for epoch in range(2000) for h in heights)
    assert abs(n_events - 2000) < 4 * 44.5


def test_the_number_that_triggers() -> None:
    """A second implementation: the hash's first 16 digits as a signed number, the text, the next hash over 2^64 - 1."""
    heights = range(5, 2005)
    for height in heights:
        block_hash = name_hash(str(height))
        seed = int(block_hash[:16], 16)
        seed -= 2**64 if seed >= 2**63 else 0
        digest = hashlib.sha256(f"{seed}:confirmation_poc_trigger_{height}".encode()).digest()
        expected = int(digest.hex()[:16], 16) * len(heights) < 300 * (2**64 - 1)
        assert is_triggered(height, block_hash, heights, 300) is expected


def test_trigger_chance_and_its_window() -> None:
    """At an expectation of the window's length every block triggers, outside of it none."""
    heights = range(10, 20)
    always = [h for h in range(30) if is_triggered(h, name_hash(str(h)), heights, 10)]
    assert always == list(heights)
    never = [h for h in range(30) if is_triggered(h, name_hash(str(h)), heights, 0)]
    assert never == []
    assert not is_triggered(10, "00" * 32, range(10, 10), 1)


def test_confirmation_weight_starts_as_what_is_not_preserved() -> None:
    """Protocol 6.7; an id of another participant's node preserves nothing."""
    nodes = {"a": {1: 5, 2: 7}, "b": {1: 11}}
    assert start_confirmation(nodes, {"a": {1}, "c": {1}}).weights == {"a": 7, "b": 11}


def confirm(started: Confirmation, measured: dict[str, int], zero: bool) -> Confirmation:
    return close_event(started, read_event(started, measured, absence_counts_as_zero=zero), pause_end=7)


def test_weight_becomes_the_smaller_of_current_and_measured() -> None:
    """Protocol 6.7, and the fix of v0.2.6 in protocol 0; the ratio is that of the smallest weight so far."""
    started = Confirmation({"a": 10, "b": 10, "c": 10}, {"a": 10, "b": 10, "c": 10}, end_height=3)
    for zero, c_after in ((True, 0), (False, 10)):
        once = confirm(started, {"a": 8, "b": 12}, zero)
        assert once == Confirmation(started.initial, {"a": 8, "b": 10, "c": c_after}, None, 7)
        twice = confirm(once, {"a": 9, "b": 5, "c": 10}, zero)
        assert twice.weights == {"a": 8, "b": 5, "c": c_after}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 100)), max_size=6), st.booleans())
def test_events_in_any_order_leave_the_least_weight(events: list[dict[str, int]], zero: bool) -> None:
    initial = {"a": 50, "b": 70, "c": 0}
    forward = backward = Confirmation(initial, initial)
    for event in events:
        forward = confirm(forward, event, zero)
    for event in reversed(events):
        backward = confirm(backward, event, zero)
    least = {who: min([weight, *(e.get(who, 0 if zero else 10**9) for e in events)]) for who, weight in initial.items()}
    assert forward.weights == backward.weights == least


@pytest.mark.parametrize(
    ("confirmed", "initial", "ratio"),
    [
        *[(1, 2, "0.5"), (2, 3, "0.6666666666666667"), (1, 3, "0.3333333333333333"), (0, 7, "0"), (5, 5, "1")],
        *[(0, 0, "1"), (4_999_999, 10_000_000, "0.4999999")],
    ],
)
def test_the_ratio_has_16_decimals_and_is_1_where_nothing_is_to_be_confirmed(
    confirmed: int, initial: int, ratio: str
) -> None:
    """Protocol 6.7."""
    assert compute_ratio(confirmed, initial) == Fraction(ratio)
