"""No number of a scenario, however large or small, ends in anything but an answer or a message with its bound."""

import random
from functools import partial

import pytest
from every_number import BASE, list_numbers, put

import sim
from sim.errors import ScenarioError
from sim.execution.worker import TimeLimitError, call_limited
from sim.scenario.load import load_scenario
from sim.scenario.warnings import find_warnings

N_DRAWN = 40
CHECK_SECONDS, RUN_SECONDS = 20.0, 5.0


def try_number(tree: dict, run_seconds: float) -> None:
    """Check a scenario, and run it where it passes: what takes long may, but not with an error or without end."""
    try:
        scenario = call_limited(CHECK_SECONDS, lambda: load_scenario(tree))
    except ScenarioError:
        return
    try:
        call_limited(run_seconds, lambda: sim.run(scenario))
    except TimeLimitError:
        return


@pytest.fixture(scope="module")
def imported() -> None:
    """A limit that falls into an import leaves half a module."""
    for kind in ("kernel", "sphere"):
        sim.run(put(BASE, ("work", "kind"), kind), overrides={"epochs": 1})


@pytest.mark.usefixtures("imported")
def test_some_numbers() -> None:
    """A sample, drawn once; `make test-slow` tries all of them."""
    cases = list_numbers()
    assert len(cases) > 1000
    for name, tree in random.Random(20).sample(cases, N_DRAWN):
        try:
            try_number(tree, 0.3)
        except Exception as error:
            raise AssertionError(name) from error


@pytest.mark.slow
@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize("part", range(10))
def test_all_numbers(part: int) -> None:
    for name, tree in list_numbers()[part::10]:
        try:
            try_number(tree, RUN_SECONDS)
        except Exception as error:
            raise AssertionError(name) from error


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("work", "rate_factor"), 1e7, "in one generation; there may be at most 2e+08"),
        (("work", "rate_factor"), 1e18, "in one generation; there may be at most 2e+08"),
        (("protocol", "changes"), [{"height": 10**13, "epoch_length": 30}], "must be at most 1000000000000"),
        (("protocol", "epoch_length"), 10**9, "must be at most 1000000"),
        (("protocol", "r_target"), 1e-300, "is met by no try"),
        (("protocol", "block_time"), "1e30 s", "is too large: a time is at most 1e+12 s"),
        (("protocol", "block_time"), "1e-30 s", "must be at least 0.001"),
        (("protocol", "validation_sample_size"), 10**30, "must be at most 1000000"),
        (("epochs",), 10**30, "must be at most 1000000"),
    ],
)
def test_the_bound_is_told(path: tuple, value: object, told: str) -> None:
    with pytest.raises(ScenarioError, match=r".") as caught:
        load_scenario(put(BASE, path, value))
    assert told in str(caught.value)


def test_a_change_far_away_is_checked_at_once() -> None:
    """Whole epochs in between are passed over: what breaks an epoch does so a billion blocks later as well."""
    length, change = BASE["protocol"]["epoch_length"], {"poc_validation_duration": 9}
    within = 5 + 2 + 8  # generation, delay, validation: VE, which comes twice where it moves after it
    for far in (10, 10**8):
        fine = put(BASE, ("protocol", "changes"), [{"height": far * length + 2, **change}])
        assert call_limited(CHECK_SECONDS, partial(load_scenario, fine)).protocol.changes[0].height == far * length + 2
        broken = put(BASE, ("protocol", "changes"), [{"height": far * length + within + 1, **change}])
        with pytest.raises(ScenarioError, match=f"has VE twice at block {far * length + within + 1}"):
            load_scenario(broken)


def test_lengths_of_nothing_and_changes_are_no_defect() -> None:
    tree = put(put(BASE, ("protocol", "epoch_length"), 0), ("protocol", "changes"), [{"height": 5, "epoch_length": 30}])
    with pytest.raises(ScenarioError, match="epoch_length: 0 must be at least 1"):
        load_scenario(tree)


@pytest.mark.parametrize(
    ("path", "value", "doubt"),
    [
        (("protocol", "validation_sample_size"), 5000, "5000 is more than any host claims"),
        (("protocol", "rules"), {"confirmations_per_epoch": 2}, "fits into an epoch of 24 blocks: one ends at 33 at"),
        (("consensus",), {"timeout_propose": "1 ms", "timeout_delta": "0 s"}, "may be shorter than the way"),
    ],
)
def test_what_says_nothing_is_doubted(path: tuple, value: object, doubt: str) -> None:
    assert [str(each) for each in find_warnings(load_scenario(BASE))] == []
    (found,) = find_warnings(load_scenario(put(BASE, path, value)))
    assert doubt in str(found)
    assert found.loc[: len(path)] == path
