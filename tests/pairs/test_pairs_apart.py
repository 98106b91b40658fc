"""Mechanisms that must leave all others alone: with and without one of them, everything else is the same to the bit."""

from typing import Any

import pytest
from laws import check_validations
from mixtures import OPTIONAL, mix, select_mechanisms
from observed import Observed, observe_tree
from replay import replay

SEEDS = (1, 7)
"""Mixtures in which all of them are on, and together every other mechanism."""
TOUCHED = {"clock": ("blocks", "faults"), "summary": ("validations",), "vesting": ("payments",)}


def without(mechanism: str, seed: int) -> dict[str, Any]:
    """The same mixture with one mechanism turned off."""
    tree = mix(seed)
    if mechanism == "clock":
        tree["faults"] = [fault for fault in tree["faults"] if fault["kind"] != "clock_skew"]
    elif mechanism == "summary":
        tree["metrics"] = {"validations": "full"}
    else:
        tree["protocol"]["vesting_epochs"] = 0
    return tree


def test_two_mixtures_turn_everything_on() -> None:
    assert all(TOUCHED.keys() <= select_mechanisms(seed) for seed in SEEDS)
    assert set(OPTIONAL) <= select_mechanisms(SEEDS[0]) | select_mechanisms(SEEDS[1])


@pytest.fixture(scope="module", params=SEEDS)
def mixture(request: pytest.FixtureRequest) -> tuple[int, Observed]:
    """A seed, and the run with everything that it turns on."""
    return request.param, observe_tree(mix(request.param))


@pytest.mark.parametrize("mechanism", sorted(TOUCHED))
def test_everything_else_is_the_same_without_it(mechanism: str, mixture: tuple[int, Observed]) -> None:
    seed, run = mixture
    bare = observe_tree(without(mechanism, seed))
    for name, frame in run.result.frames.items():
        if name not in TOUCHED[mechanism]:
            assert frame.equals(bare.result.frames[name]), name
    check = {"clock": check_timestamps_only, "summary": check_rows_only, "vesting": check_vesting_only}[mechanism]
    check(run, bare)


def check_timestamps_only(run: Observed, bare: Observed) -> None:
    wrong, right = run.result.blocks, bare.result.blocks
    assert wrong.drop(columns="timestamp_seconds").equals(right.drop(columns="timestamp_seconds"))
    assert (wrong["timestamp_seconds"] != right["timestamp_seconds"]).any()
    others = run.result.faults.query("kind != 'clock_skew'")
    assert others.reset_index(drop=True).equals(bare.result.faults)


def check_rows_only(run: Observed, bare: Observed) -> None:
    assert run.result.validations.empty
    assert not bare.result.validations.empty
    check_validations(bare, replay(bare))


def check_vesting_only(run: Observed, bare: Observed) -> None:
    slow, free = run.result.payments, bare.result.payments
    assert (slow["kind"] == "vested").any()
    assert not (free["kind"] == "vested").any()
    columns = ["epoch", "height", "participant", "kind", "amount_ngonka"]
    left = slow.loc[slow["kind"] != "vested", columns].reset_index(drop=True)
    assert left.equals(free[columns])
