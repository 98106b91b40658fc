"""Requests and confirmations that hosts do not simulate are drawn as the scenario says (docs/limits.md)."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from sim.chain.traffic import InferenceTraffic
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import ChainState, EpochGroup, HostRecord, genesis_state
from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.proofs.confirmation import start_confirmation
from sim.protocol.service.inferences import InferenceTally, compute_tokens_per_window
from sim.protocol.versions import LAUNCH, build_rule_book
from sim.scenario.load import load_scenario
from sim.streams import Streams

PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)
N = 10_000
Rates = dict[str, float]


def state_with(weights: dict[str, int], model: str = "QwQ-32B") -> ChainState:
    genesis = genesis_state({"a": 1}, PARAMS, LAUNCH.r_target)
    return replace(
        genesis,
        schedule=Schedule.of(1, PARAMS.epoch),
        effective=EpochGroup(1, 40, weights),
        hosts={who: HostRecord("key", (HardwareNode(1, model),)) for who in weights},
        confirmation=replace(start_confirmation({"a-0": {1: 10}, "b-0": {1: 9}}, {}), end_height=70),
    )


def open_traffic(n_requests: int, **rates: Rates) -> InferenceTraffic:
    """Hosts by their names, with the rates in which they differ from an honest one."""
    scenario = load_scenario(
        {
            "name": "traffic",
            "epochs": 1,
            "protocol": {"block_time": "5 s"},
            "inference": {"requests_per_epoch": n_requests, "tokens_per_request": 1000},
            "hosts": [{"name": name, "gpus": "1 x H100-SXM", "region": "EUROPE", **own} for name, own in rates.items()],
        }
    )
    return InferenceTraffic(scenario, PARAMS, Streams(1))


def draw(rates: dict[str, Rates], weights: dict[str, int], n_requests: int = N) -> InferenceTally:
    tally = open_traffic(n_requests, **rates).draw_inferences(state_with(weights), 79)
    assert tally is not None
    return tally


def is_near(count: int, expected: float, share: float) -> bool:
    """Within 4 standard deviations of a binomial count; error level 6e-5."""
    return abs(count - expected) <= 4 * math.sqrt(expected * (1 - share))


def test_requests_go_to_members_by_weight_and_fail_at_their_rates() -> None:
    tally = draw({"a": {"miss_rate": 0.3, "invalid_rate": 0.2, "skip_rate": 0.1}, "b": {}}, {"a-0": 3, "b-0": 1})
    mine = [inference for inference in tally.inferences if inference.executor == "a-0"]
    assert len(tally.inferences) == N
    assert is_near(len(mine), 0.75 * N, 0.75)
    assert is_near(sum(inference.is_missed for inference in mine), 0.3 * len(mine), 0.3)
    assert is_near(sum(not inference.is_valid for inference in mine), 0.2 * len(mine), 0.2)
    assert is_near(len(tally.skipped["a-0"]), 0.1 * N, 0.1)
    assert "b-0" not in tally.skipped
    assert all(i.is_valid and not i.is_missed for i in tally.inferences if i.executor == "b-0")
    assert len({inference.inference_id for inference in tally.inferences}) == N


def test_requests_fall_between_the_switch_and_the_next_start() -> None:
    heights = [inference.created_height for inference in draw({"a": {}}, {"a-0": 1}).inferences]
    assert (min(heights), max(heights)) == (59, 79)
    assert heights == sorted(heights)


def test_one_hosts_rates_leave_the_others_draws_as_they_were() -> None:
    """Common random numbers: only the changed host's outcomes differ."""
    same, weights = {"miss_rate": 0.5, "invalid_rate": 0.1}, {"a-0": 1, "b-0": 1}
    one, other = draw({"a": {}, "b": same}, weights), draw({"a": {"miss_rate": 0.9}, "b": same}, weights)
    assert [i for i in one.inferences if i.executor == "b-0"] == [i for i in other.inferences if i.executor == "b-0"]
    assert one.inferences != other.inferences


@pytest.mark.parametrize(("n_requests", "height"), [(0, 79), (N, 78), (N, 80)])
def test_only_the_last_block_of_an_epoch_carries_requests_if_there_are_any(n_requests: int, height: int) -> None:
    assert open_traffic(n_requests, a={}).draw_inferences(state_with({"a-0": 1}), height) is None


def test_a_model_that_governance_does_not_know_gets_no_requests() -> None:
    tally = open_traffic(N, a={}).draw_inferences(state_with({"a-0": 1}, "other"), 79)
    assert tally is not None
    assert tally.inferences == ()


def test_tokens_come_evenly_over_the_epoch() -> None:
    """40 blocks of 5 s are 200 s; a window of 60 s sees three tenths of the epoch's tokens of finished requests."""
    tally = draw({"a": {}}, {"a-0": 1}, n_requests=100)
    assert tally.tokens_per_window == {"QwQ-32B": 30_000}
    assert compute_tokens_per_window(7, 4.0, 60) == int(Fraction(7 * 60, 4))


def test_a_confirmation_shows_a_share_of_the_weight_or_nothing() -> None:
    traffic = open_traffic(0, a={"confirmed_share": 0.75}, b={"confirmed_share": 0.0})
    shown = traffic.draw_confirmation(state_with({"a-0": 1}), 70)
    assert shown is not None
    assert shown.measured == {"a-0": 7}
    assert traffic.draw_confirmation(state_with({"a-0": 1}), 69) is None
