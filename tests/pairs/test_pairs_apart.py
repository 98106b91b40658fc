"""Mechanisms that must leave all others alone: without them everything else is the same to the bit."""

from typing import Any

import pytest
from laws import check_validations
from mixtures import ALONE_SEEDS, OPTIONAL, mix, select_mechanisms
from observed import observe_tree
from replay import replay
from table import ALONE, ROWS

# Mechanism -> the frame that it changes; clocks also have rows of their own in `faults`. Honest hosts remember nothing,
# and cheaters count by host, so that a shared memory changes nothing.
TOUCHED = {"clock": "blocks", "summary": "validations", "vesting": "payments", "operators": ""}
MOVED = ["epoch", "height", "participant", "kind", "amount_ngonka"]


def mix_without(seed: int) -> dict[str, Any]:
    """The same mixture with right clocks, all rows of validations, coins free at once, an operator for each host."""
    tree = mix(seed)
    for host in tree["hosts"]:
        host.pop("operator", None)
    tree["faults"] = [fault for fault in tree["faults"] if fault["kind"] != "clock_skew"]
    tree["metrics"] = {"validations": "full"}
    tree["protocol"]["vesting_epochs"] = 0
    return tree


def test_two_mixtures_turn_everything_on() -> None:
    on = [select_mechanisms(seed) for seed in ALONE_SEEDS]
    assert TOUCHED.keys() == {name for name, row in ROWS.items() if row.rest == ALONE} <= on[0] & on[1]
    assert set(OPTIONAL) <= on[0] | on[1]


@pytest.mark.parametrize("seed", ALONE_SEEDS)
def test_everything_else_is_the_same_without_clocks_summary_vesting_and_operators(seed: int) -> None:
    run, bare = observe_tree(mix(seed)), observe_tree(mix_without(seed))
    for name, frame in run.result.frames.items():
        if name not in {*TOUCHED.values(), "faults", "offences"}:
            assert frame.equals(bare.result.frames[name]), name
    offences, bare_ones = (each.result.frames["offences"].drop(columns="jailed_until_seconds") for each in (run, bare))
    assert offences.equals(bare_ones)  # the end of a time in jail is told by blocks, whose clocks differ

    wrong, right = run.result.blocks, bare.result.blocks
    assert wrong.drop(columns="timestamp_seconds").equals(right.drop(columns="timestamp_seconds"))
    assert (wrong["timestamp_seconds"] != right["timestamp_seconds"]).any()
    others = run.result.faults.query("kind != 'clock_skew'")
    assert others.reset_index(drop=True).equals(bare.result.faults)

    assert run.result.validations.empty
    assert not bare.result.validations.empty
    check_validations(bare, replay(bare))

    slow, free = run.result.payments, bare.result.payments
    assert (slow["kind"] == "vested").any()
    assert not (free["kind"] == "vested").any()
    assert slow.loc[slow["kind"] != "vested", MOVED].reset_index(drop=True).equals(free[MOVED])
