"""Readings of confirmations with several models, and what they leave of a weight (network 2.9, 2.11, 2.12)."""

from fractions import Fraction

import pytest

from sim.protocol.blocks.params import EpochParams
from sim.protocol.proofs.confirmation import (
    compute_confirmed_part,
    compute_event,
    compute_ratio,
    compute_trigger_heights,
    is_upgrade_near,
)
from sim.protocol.proofs.confirmation_readings import ENOUGH, Reading, read_member, weigh_models

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
    assert event == (5002, 5002 + 34, 5002 + 40, 5002 + 39 + 239, 5002 + 39 + 240)


@pytest.mark.parametrize(
    ("height", "upgrades", "window", "is_near"),
    [
        (999, [1500], 500, False),
        (1000, [1500], 500, True),
        (2000, [1500], 500, True),
        (2001, [1500], 500, False),
        (2001, [90, 1501], 500, True),
        (1500, [1500], 0, False),
        (11_500, [1500], 10_000, True),
        (1500, [], 500, False),
    ],
)
def test_upgrades_keep_confirmations_away(height: int, upgrades: list[int], window: int, is_near: bool) -> None:
    assert is_upgrade_near(height, upgrades, window) is is_near


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
