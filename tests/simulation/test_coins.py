"""No coin is made or lost in a whole run: on the chain's last state, and again from the frames alone (protocol 6)."""

from typing import Any

import pytest

import sim
from sim.protocol.blocks.state import ChainState
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.work.sphere import SphereWork
from sim.world import build_world

TEXT = """
name: coins
epochs: 9
protocol:
  upgrades: [{epoch: 3, version: v0.2.2}, {epoch: 5, version: v0.2.5}, {epoch: 7, version: v0.2.6}]
  vesting_epochs: 3
  collateral_grace_epochs: 5
work: {kind: sphere, rate_factor: 0.275}
inference: {requests_per_epoch: 300, price_grace_epochs: 1}
hosts:
  - {name: farm, count: 3, gpus: [1 x H100-SXM, 1 x H100-SXM, 1 x A100-SXM-80], region: EUROPE, collateral_ngonka: 9999}
  - {name: lazy, gpus: 1 x H100-SXM, region: EUROPE, miss_rate: 0.6, collateral_ngonka: 5000}
  - {name: wrong, gpus: 1 x H200, region: JAPAN, invalid_rate: 0.5, collateral_ngonka: 5000}
  - {name: skips, gpus: 1 x H200, region: JAPAN, skip_rate: 0.8}
  - {name: rented, gpus: 1 x H200, region: JAPAN, confirmed_share: 0.0}
"""
LATER = TEXT.replace("v0.2.6}]", "v0.2.8}]\n  rules: {leaves_slashes_to_governance: true}")

BADLY_SIGNED = TEXT.replace("skip_rate: 0.8", "skip_rate: 0.8, collateral_ngonka: 777, strategy: double_sign").replace(
    "miss_rate: 0.6", "miss_rate: 0.6, strategy: silent"
)


def run_world(text: str) -> tuple[ChainState, int]:
    scenario = parse_scenario(text)
    with SphereWork(scenario.work.pow_params.vocab_size) as work:
        world = build_world(scenario, work, lambda ended: None)
        world.run()
        deposited = sum(deposit.total for deposit in world.context.ledger.get_state(0).deposits.values())
        return world.context.ledger.get_state(world.context.ledger.height), deposited


@pytest.mark.parametrize(
    "text", [TEXT, LATER, BADLY_SIGNED], ids=["until v0.2.6", "governance has the rest", "signed badly"]
)
def test_the_last_state_holds_every_coin(text: str) -> None:
    """Minted + paid by users + deposited = owned + vesting + waiting + burnt + left + slashed + governance's + held."""
    state, deposited = run_world(text)
    waiting = sum(record.amount for record in state.settled.values())
    vesting = sum(map(sum, state.vesting.values()))
    owned = sum(state.balances.values())
    spent = owned + vesting + waiting + state.burnt + state.left + state.slashed + state.governance
    assert state.emitted + state.fees + deposited == spent + sum(each.total for each in state.deposits.values())
    assert min(owned, vesting, waiting, state.burnt, state.fees, state.slashed) > 0
    assert (state.governance > 0) is (text == LATER)


@pytest.fixture(scope="module")
def result() -> Result:
    return sim.run(parse_scenario(TEXT))


def sums(result: Result, *by: str) -> Any:
    return result.payments.groupby(list(by))["amount_ngonka"].sum()


def test_the_frames_hold_every_coin(result: Result) -> None:
    kinds = sums(result, "kind").to_dict()
    fees = int(result.inferences["fees_ngonka"].sum())
    settled_fees = int(result.inferences[result.inferences["epoch"] < 9]["fees_ngonka"].sum())
    emission = sum(result.payments[result.payments["kind"].isin(["reward", "remainder"])]["amount_ngonka"])
    assert emission == result.rewards["reward_ngonka"].sum()
    assert kinds["fee"] == result.rewards["fees_ngonka"].sum() <= settled_fees <= fees
    into = kinds["reward"] + kinds["remainder"] + kinds["fee"]
    assert into - kinds["claim"] - kinds["burnt"] >= 0  # still waiting
    assert kinds["vested"] <= kinds["claim"]
    state, _ = run_world(TEXT)
    assert into + kinds.get("left", 0) == state.emitted + settled_fees
    assert kinds["burnt"] == state.burnt
    assert kinds["slashed"] == state.slashed
    waiting = sum(record.amount for record in state.settled.values())
    assert into == kinds["claim"] + kinds["burnt"] + waiting
    assert kinds["claim"] == kinds["vested"] + sum(map(sum, state.vesting.values()))


def test_every_payment_has_its_reason(result: Result) -> None:
    reasons = {(row.kind, row.reason) for row in result.payments.itertuples()}
    assert {kind for kind, _ in reasons} >= {"reward", "remainder", "fee", "claim", "vested", "burnt", "slashed"}
    assert ("slashed", "INVALID") in reasons
    assert ("slashed", "downtime") in reasons
    assert all(reason for _, reason in reasons)
    assert (result.payments["amount_ngonka"] > 0).all()


def test_every_kind_of_conduct_leaves_its_mark(result: Result) -> None:
    reasons = result.rewards.groupby("participant")["reason"].agg(set)
    assert "missed too many requests" in reasons["lazy-0"]
    assert "INVALID" in reasons["wrong-0"]
    assert reasons["farm-0"] == {"paid"}
    claims = result.transactions[result.transactions["kind"] == "ClaimReward"].groupby("creator")
    assert "refused" in set(claims["fate"].get_group("skips-0"))
    assert "missed too many validations" in set(claims["result"].get_group("skips-0"))
    assert set(claims["fate"].get_group("farm-0")) == {"included"}
