"""Readings of confirmations with several models, and what they leave of a weight (network 2.9, 2.11, 2.12)."""

from dataclasses import replace
from fractions import Fraction

import pytest

from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.running import apply_confirmation, get_trigger_heights
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import Block, ChainState, EpochGroup, genesis_state
from sim.protocol.proofs.confirmation import (
    ConfirmationTally,
    compute_confirmed_part,
    compute_event,
    compute_ratio,
    compute_trigger_heights,
    start_confirmation,
)
from sim.protocol.proofs.confirmation_readings import ENOUGH, Reading, read_member, weigh_models
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

LIVE = EpochParams(15_391, 0, 35, 0, 5, 240, 120, 2)
HALF = Fraction(1, 2)


def test_the_live_trigger_window() -> None:
    """Network 2.11: [P+400, P+14 489], 14 090 blocks, with the switch's delay and 500 blocks to spare."""
    event = LIVE.poc_stage_duration + LIVE.poc_exchange_duration + LIVE.poc_validation_delay
    heights = compute_trigger_heights(400, 15_391, event + LIVE.poc_validation_duration, 2, 120 + 500)
    assert (heights[0], heights[-1], len(heights)) == (400, 14_489, 14_090)


def test_the_heights_of_a_live_event() -> None:
    """Network 2.11, 2.17: the snapshot of voting powers falls 39 blocks after generation starts."""
    event = compute_event(5000, cutoff=2, generation=35, exchange=0, delay=5, validation=240)
    assert event == (5002, 5002 + 34, 5002 + 40, 5002 + 39 + 239, 5002 + 39 + 240, 5002 + 34)
    assert event.validation_start == 5002 + 39


@pytest.mark.parametrize(
    ("preserved", "measured", "expected", "so_far", "after", "is_failed"),
    [(10, 1, 11, 11, 11, False), (1, 10, 11, 11, 11, False), (1, 4, 11, 11, 5, False), (0, 10, 50, 50, 10, True)],
)
def test_readings_of_the_networks_tests(
    preserved: int, measured: int, expected: int, so_far: int, after: int, is_failed: bool
) -> None:
    """Network 2.11: 5 of 11 over 0.909 is 0.500 050, which is not below a half."""
    scales = {"m": Fraction(1)}
    reading = read_member({"m": expected}, {"m": preserved}, {"m": measured}, scales)
    assert reading == Reading(preserved + measured, expected)
    assert min(so_far, reading.shown) == after
    ratio = reading.judge()
    assert ratio is not None
    assert (ratio < HALF) is is_failed


@pytest.mark.parametrize(
    ("shown", "expected", "enough", "ratio"),
    [
        (5, 11, ENOUGH, "0.5000500050005000"),
        (11, 11, ENOUGH, "1"),
        (10, 11, ENOUGH, "1"),
        (909, 2000, ENOUGH, "0.5"),
        (908, 2000, ENOUGH, "0.4994499449944994"),
        (1, 3, Fraction(1), "0.3333333333333333"),
        (0, 7, ENOUGH, "0"),
    ],
)
def test_ratios(shown: int, expected: int, enough: Fraction, ratio: str) -> None:
    """Both quotients have 16 decimals."""
    assert Reading(shown, expected).judge(enough) == compute_ratio(shown, expected, enough) == Fraction(ratio)


def test_nobody_is_judged_where_nothing_was_expected() -> None:
    assert Reading(0, 0).judge() is None


def test_coefficients_weigh_each_model_and_a_missing_one_counts_nowhere() -> None:
    """Network 2.11: a model that is missing in the snapshot lowers what is shown and what is expected."""
    nodes, scales = {"a": 100, "b": 10}, {"a": Fraction("0.3024"), "b": Fraction("2.47")}
    assert weigh_models(nodes, scales) == 30 + 24
    both = read_member(nodes, {"a": 40}, {"a": 60, "b": 5}, scales)
    assert both == Reading(12 + 18 + 12, 54)
    one = read_member(nodes, {"a": 40}, {"a": 60, "b": 5}, {"a": Fraction(1)})
    assert one == Reading(100, 100)


@pytest.mark.parametrize(
    ("weight", "confirmed", "raw_total", "part"),
    [
        (100, 50, 50, 100),
        (100, 0, 50, 0),
        (10, 1, 3, 3),
        (0, 50, 50, 0),
        (100, 50, 0, 0),
        (100, -10, 50, 0),
        (300, 250, 300, 250),
        (200, 1000, 1000, 200),
        (100, 60, 50, 100),
    ],
)
def test_the_confirmed_part_of_a_weight(weight: int, confirmed: int, raw_total: int, part: int) -> None:
    """Network 2.9, 2.12 and the network's own tests; never more than all of it."""
    assert compute_confirmed_part(weight, confirmed, raw_total) == part


PEOPLE = ("a", "b", "c")


def open_params(version: str, **switches: object) -> ProtocolParams:
    book = build_rule_book(version, {}, switches)
    return ProtocolParams(rule_book=book, epoch=EpochParams(), vector_dim=8196)


def confirm(version: str, *events: dict[str, int]) -> ChainState:
    """Epoch 2 of three members of 100 each, after the read-outs of the events."""
    params, nodes = open_params(version), {who: {1: 100} for who in PEOPLE}
    state = replace(
        genesis_state(dict.fromkeys(PEOPLE, 100), params, LAUNCH.r_target),
        schedule=Schedule.of(2, params.epoch),
        effective=EpochGroup(2, 80, dict.fromkeys(PEOPLE, 100), nodes),
        confirmation=start_confirmation(nodes, {}),
    )
    for measured in events:
        block = Block(state.height + 1, "00" * 32, "a", 0.0, (), confirmation=ConfirmationTally(measured))
        state, _ = apply_confirmation(replace(state, height=block.height), block, params)
    return state


@pytest.mark.parametrize(("version", "failed"), [("v0.2.9", {"a", "b"}), ("v0.2.10", {"a"}), ("v0.2.16", {"a"})])
def test_of_what_is_asked_909_in_1000_count_as_all_from_v0_2_10_on(version: str, failed: set[str]) -> None:
    """45 of 100 over 0.909 is 0.495, 46 is 0.506."""
    state = confirm(version, {"a": 45, "b": 46, "c": 100})
    assert set(state.effective.removed) == failed
    assert state.confirmation.weights == {"a": 45, "b": 46, "c": 100}


@pytest.mark.parametrize(("version", "ratio"), [("v0.2.11", "0.6600660066006601"), ("v0.2.12", "1")])
def test_each_event_is_judged_by_itself_from_v0_2_12_on(version: str, ratio: str) -> None:
    """The weight stays the least that was shown: 60."""
    state = confirm(version, {"a": 60, "b": 100, "c": 100}, {"a": 95, "b": 100, "c": 100})
    assert state.confirmation.weights["a"] == 60
    assert state.service.records["a"].confirmed_ratio == Fraction(ratio)


@pytest.mark.parametrize(
    ("version", "lengths", "first", "last"),
    [
        ("v0.2.8", (60, 5, 5, 120, 120, 20), 305, 15_181),
        ("v0.2.9", (60, 5, 5, 480, 120, 2), 665, 14_839),
        ("v0.2.10", (35, 0, 5, 240, 120, 2), 400, 14_939),
        ("v0.2.12", (35, 0, 5, 240, 120, 2), 400, 14_489),
        ("v0.2.16", (35, 0, 5, 240, 120, 2), 400, 14_489),
    ],
)
def test_trigger_windows_by_version(version: str, lengths: tuple[int, ...], first: int, last: int) -> None:
    """Network 2.1, 2.2, 2.11: nothing is kept free until v0.2.9, then the set delay and 50 blocks, then it and 500."""
    epoch = EpochParams(15_391, 0, *lengths)
    heights = get_trigger_heights(Schedule.of(20, epoch), VERSIONS[version])
    start = Schedule.of(20, epoch).start
    assert (heights[0] - start, heights[-1] - start) == (first, last)


@pytest.mark.parametrize(
    ("upgrades", "pause", "n_triggered"), [({2: "v0.2.16"}, 5, 0), ({2: "v0.2.16"}, 4, 1), ({}, 5, 1)]
)
def test_no_confirmation_begins_soon_after_an_upgrade(upgrades: dict[int, str], pause: int, n_triggered: int) -> None:
    """Every block from P + 5 on triggers one; P + 5 is a block after a pause of 4."""
    switches = {"upgrade_pause_blocks": pause, "confirmations_per_epoch": 100, "confirmation_safety_blocks": 0}
    epoch = EpochParams(60, 0, 1, 0, 1, 1, 2)
    params = replace(open_params("v0.2.15"), epoch=epoch, rule_book=build_rule_book("v0.2.15", upgrades, switches))
    schedule = Schedule(2, 100, epoch)
    state = replace(genesis_state({"a": 1}, params, LAUNCH.r_target), height=105, schedule=schedule)
    assert schedule.set_validators == state.height
    state, _ = apply_confirmation(state, Block(105, "00" * 32, "a", 0.0, ()), params)
    assert (state.confirmation.end_height is not None) == n_triggered
