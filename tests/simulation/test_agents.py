"""Agents: what a strategy may answer, what no host could do, and what only the rules forbid."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import sim
from sim.errors import ScenarioError
from sim.nodes.agent import Agent, StrategyError
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.scenario.schema import Scenario
from sim.strategies import events, strategies
from sim.strategies.actions import (
    AddCollateral,
    Check,
    ClaimResults,
    CollectReward,
    CommitSeed,
    Compute,
    Delegate,
    Propose,
    RegisterHardware,
    ShowWeight,
    Vote,
    WithdrawCollateral,
)
from sim.strategies.base import Identity

TEXT = """
name: agents
epochs: 3
protocol: {epoch_length: 24, poc_stage_duration: 5, poc_validation_duration: 8, r_target: 1.41, vesting_epochs: 0}
work: {kind: sphere, params: tiny}
hosts:
  - {name: farm, count: 3, gpus: [1 x H100-SXM, 1 x H100-SXM], region: EUROPE, collateral_ngonka: 100}
  - {name: odd, gpus: 1 x H100-SXM, region: JAPAN, collateral_ngonka: 100}
"""


@dataclass(frozen=True)
class Scripted:
    """Answers one kind of event with a function of memory, event and generator; a class made for each test."""

    events: ClassVar = ()

    def start(self, identity: Identity) -> Any:
        return ()

    def react(self, memory: Any, event: Any, generator: np.random.Generator) -> Any:
        raise NotImplementedError


def script(kind: type, answer: Any, *kinds: type) -> Any:
    """Return a strategy that answers with `answer(memory, event, generator)`."""

    class Script(Scripted):
        events = (kind, *kinds)

        def react(self, memory: Any, event: Any, generator: np.random.Generator) -> Any:
            return answer(memory, event, generator)

    return Script()


def load(**changes: Any) -> Scenario:
    return parse_scenario(TEXT, overrides=changes)


def run(strategy: Any, monkeypatch: pytest.MonkeyPatch, scenario: Scenario | None = None, **options: Any) -> Result:
    """Run with a strategy for the host `odd-0` in the place of what the scenario says."""
    original = Agent.__init__

    def build(self: Agent, given: Any, name: str, identity: Identity, **more: Any) -> None:
        is_odd = identity.addresses == ("odd-0",)
        original(self, strategy if is_odd else given, "scripted" if is_odd else name, identity, **{**more, **options})

    monkeypatch.setattr(Agent, "__init__", build)
    return sim.run(scenario or load())


# What is no answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "react returned None; it must return (memory, actions)"),
        ((1, [CommitSeed(1)]), "the actions are [CommitSeed(epoch=1, seed=None)]; they must be a tuple"),
        ((1, ("vote",)), "'vote' is no action. Known: CommitSeed, Compute"),
        ((1, (CommitSeed(1),) * 1_000_000), "1000000 actions at one EpochOpened; at most 1000"),
    ],
)
def test_an_answer_that_is_none_names_strategy_host_epoch_and_height(
    answer: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = script(events.EpochOpened, lambda memory, event, generator: answer)
    with pytest.raises(StrategyError) as caught:
        run(strategy, monkeypatch)
    assert str(caught.value).startswith("strategy scripted, host odd-0, epoch 1, height 24: ")
    assert message in str(caught.value)
    assert caught.value.exit_status == 1


def test_an_exception_in_a_strategy_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = script(events.EpochOpened, lambda memory, event, generator: 1 / 0)
    with pytest.raises(StrategyError, match=r"host odd-0, epoch 1, height 24: ZeroDivisionError at EpochOpened"):
        run(strategy, monkeypatch)


# What no host could do

IMPOSSIBLE: dict[str, tuple[type, Any, str]] = {
    "another's node": (events.GenerationOpened, lambda e: Compute(node_ids=(7,)), "ML node 7 is not free to compute"),
    "no place": (events.GenerationOpened, lambda e: Compute(place=(1, 0)), "n_nodes is 0"),
    "a seed that is known": (
        events.GenerationOpened,
        lambda e: Compute(block_hash="0" * 64),
        "its network seed is known",
    ),
    "no hash": (events.RewardDue, lambda e: Compute(block_hash="soon"), '"soon" is no hash of a block'),
    "too many layers": (events.GenerationOpened, lambda e: Compute(n_layers=99), "n_layers is 99"),
    "more than its hardware": (events.GenerationOpened, lambda e: Compute(share=1.5), "above 0 and at most 1"),
    "nothing at all": (events.GenerationOpened, lambda e: Compute(share=0.0), "cannot compute at 0 of its rate"),
    "unknown numerics": (events.GenerationOpened, lambda e: Compute(numerics="float7"), "float7"),
    "values are missing": (
        events.ResultsFound,
        lambda e: ClaimResults(1, (1, 2), (1.0,)),
        "2 nonces are claimed with 1",
    ),
    "a negative nonce": (events.ResultsFound, lambda e: ClaimResults(1, (-1,), (1.0,)), "-1"),
    "unknown claim": (events.ClaimsKnown, lambda e: Check(("nobody",)), '"nobody" has no claim'),
    "too early": (events.EpochOpened, lambda e: Check(), "from block V to block VE"),
    "not received": (events.ProposalDue, lambda e: Propose(("made-up",)), '"made-up" is not pending'),
    "not its turn": (events.EpochOpened, lambda e: Propose(), "not its turn"),
    "no such seed": (events.EpochOpened, lambda e: CollectReward(99), "no seed of epoch 99"),
    "a seed too large": (events.EpochOpened, lambda e: CommitSeed(1, 2**63), "from 0 to 2^63 - 1"),
    "no coins": (events.EpochOpened, lambda e: AddCollateral(0), "at least 1"),
    "no confirmation": (events.EpochOpened, lambda e: ShowWeight(1.0), "no confirmation is running"),
    "votes are missing": (
        events.ClaimsKnown,
        lambda e: Vote(("odd-0",), np.zeros(2, dtype=bool)),
        "1 participants have 2",
    ),
}


@pytest.mark.parametrize("name", sorted(IMPOSSIBLE))
def test_what_no_host_could_do_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, act, message = IMPOSSIBLE[name]
    strategy = script(kind, lambda memory, event, generator: (memory, (act(event),)))
    with pytest.raises(StrategyError) as caught:
        run(strategy, monkeypatch)
    assert "strategy scripted, host odd-0, epoch " in str(caught.value)
    assert message in str(caught.value)


# What the rules forbid is sent, and the chain answers

FORBIDDEN: dict[str, tuple[type, Any, str, str]] = {
    "coins it has not": (events.EpochOpened, lambda e: AddCollateral(10**17), "DepositCollateral", "not enough coins"),
    "collateral it has not": (
        events.EpochOpened,
        lambda e: WithdrawCollateral(101),
        "ReleaseCollateral",
        "not enough collateral",
    ),
    "delegation before v0.2.12": (
        events.EpochOpened,
        lambda e: Delegate("QwQ-32B", "farm-0"),
        "DelegatePower",
        "unknown message",
    ),
    "a seed for an epoch that never was": (events.EpochOpened, lambda e: CommitSeed(0), "SubmitSeed", "epoch below 1"),
    "a vote after its window": (
        events.RewardDue,
        lambda e: Vote(("odd-0",), np.zeros(1, dtype=bool)),
        "SubmitValidation",
        "no upcoming epoch",
    ),
}


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_what_the_rules_forbid_is_sent_and_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, act, message, reason = FORBIDDEN[name]
    extra = (CollectReward,) if kind is events.RewardDue else ()
    strategy = script(kind, lambda memory, event, generator: (memory, (act(event), *(a(event.epoch) for a in extra))))
    sent = run(strategy, monkeypatch).transactions
    refused = sent[(sent["creator"] == "odd-0") & (sent["kind"] == message) & (sent["result"] == reason)]
    assert len(refused) > 0


# Actions that work


def test_collateral_moves_between_balance_and_deposit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it earned in epoch 1 is deposited in part; half of that is taken back and is free an epoch later."""
    seen = []

    def answer(memory: Any, event: Any, generator: Any) -> Any:
        view = event.view
        seen.append((event.epoch, view.balance_ngonka, view.collateral_ngonka))
        if view.balance_ngonka >= 1000 and view.collateral_ngonka == 100:
            return memory, (CommitSeed(event.epoch), AddCollateral(1000))
        if view.collateral_ngonka == 1100:
            return memory, (CommitSeed(event.epoch), WithdrawCollateral(500))
        return memory, None

    result = run(script(events.EpochOpened, answer), monkeypatch, load(epochs=7))
    balances = {epoch: (balance, deposit) for epoch, balance, deposit in seen}
    deposits = [deposit for _, deposit in balances.values()]
    assert deposits[0] == 100
    assert 1100 in deposits
    assert deposits[-1] == 600
    paid = result.payments[result.payments["participant"] == "odd-0"].groupby("kind")["amount_ngonka"].sum()
    assert paid["deposited"] == 1000
    assert paid["released"] == 500
    earned = paid["claim"] - 1000 + 500
    state_balance = balances[max(balances)][0]
    assert state_balance <= earned


def test_registered_hardware_is_what_the_host_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """From v0.2.2 on only registered nodes that serve a governance model give weight."""
    strategy = script(
        events.EpochOpened, lambda memory, e, g: (memory, (CommitSeed(e.epoch), RegisterHardware(((1, "other"),))))
    )
    result = run(strategy, monkeypatch, load(**{"protocol.version": "v0.2.2"}))
    odd = result.participants[result.participants["participant"] == "odd-0"]
    assert (odd["claimed_nonces"] > 0).all()
    assert (odd["weight"] == 0).all()


def test_a_proposer_may_leave_transactions_out_and_choose_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(memory: Any, event: Any, generator: Any) -> Any:
        hashes = [event.get_hash(number) for number in range(20)]
        assert len(set(hashes)) == 20
        assert hashes == [event.get_hash(number) for number in range(20)]
        return memory, (Propose((), hashes.index(min(hashes))),)

    result = run(script(events.ProposalDue, answer), monkeypatch)
    own = result.blocks[result.blocks["proposer"] == "odd-0"]
    assert len(own) >= 5
    assert (own["n_transactions"] == 0).all()
    others = result.blocks[result.blocks["proposer"] != "odd-0"]
    assert own["block_hash"].max() < others["block_hash"].max()
    assert (own["block_hash"].str.slice(0, 1) <= "5").all()  # the least of 20 is above 6/16 once in 10^4


def test_another_seed_and_another_order_of_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(memory: Any, event: Any, generator: Any) -> Any:
        if isinstance(event, events.EpochOpened):
            return memory, (CommitSeed(event.epoch, 5),)
        return memory, (Check(("odd-0", "farm-2"), sample_size=3),)

    result = run(script(events.EpochOpened, answer, events.ClaimsKnown), monkeypatch)
    checks = result.validations[result.validations["validator"] == "odd-0"]
    assert list(checks["participant"]) == ["odd-0", "farm-2"] * 3
    assert (checks["n_checked"] == 3).all()
    assert len(result.rewards[result.rewards["participant"] == "odd-0"]) > 0
    assert result.participants[result.participants["participant"] == "odd-0"]["is_member"].all()


def test_one_nodes_results_may_be_computed_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nonces that were computed under another's key are wrong under the own one."""
    foreign = script(events.GenerationOpened, lambda memory, event, generator: (memory, (Compute(public_key="ab"),)))
    judged = run(foreign, monkeypatch).participants
    odd = judged[judged["participant"] == "odd-0"]
    assert set(odd["reason"]) == {"voted invalid"}


def test_nodes_without_a_task_stay_idle_and_a_late_start_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(memory: Any, event: Any, generator: Any) -> Any:
        if isinstance(event, events.GenerationOpened):
            return event.epoch, ()
        if memory == 2 and event.block.height == event.view.state.schedule.start + 2:
            return 0, (Compute(),)
        return memory, ()

    nodes = run(script(events.GenerationOpened, answer, events.BlockApplied), monkeypatch).ml_nodes
    odd, farm = nodes[nodes["participant"] == "odd-0"], nodes[nodes["participant"] == "farm-0"]
    assert list(odd["tried"] > 0) == [False, True, False]
    assert odd["tried"].max() < farm["tried"].max()


# Memory


def test_hosts_of_one_operator_share_one_memory_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []

    class Counting(Scripted):
        events = (events.EpochOpened,)

        def start(self, identity: Identity) -> Any:
            starts.append((identity.operator, identity.addresses))
            return 0

        def react(self, memory: Any, event: Any, generator: Any) -> Any:
            seen.append((event.view.address, memory))
            return memory + 1, None

    seen: list[tuple[str, int]] = []
    original = Agent.__init__
    monkeypatch.setattr(Agent, "__init__", lambda self, given, *rest, **more: original(self, Counting(), *rest, **more))
    sim.run(load(**{"hosts.0.operator": "acme", "epochs": 1}))
    assert sorted(starts) == [("acme", ("farm-0", "farm-1", "farm-2")), ("odd-0", ("odd-0",))]
    assert sorted(memory for who, memory in seen if who != "odd-0") == [0, 1, 2]
    assert [memory for who, memory in seen if who == "odd-0"] == [0]


def test_an_operators_groups_have_one_strategy() -> None:
    changes = {
        "hosts.0.operator": "acme",
        "hosts.1.operator": "acme",
        "hosts.1.strategy": {"kind": "overclaim", "excess": 1},
    }
    with pytest.raises(ScenarioError) as caught:
        load(**changes)
    assert 'hosts.1.strategy: hosts of the operator "acme" share one strategy' in str(caught.value)


# Purity


def test_a_strategy_that_is_not_pure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    moody = script(events.EpochOpened, lambda memory, event, generator: (random.random(), None))
    with pytest.raises(StrategyError, match="two equal EpochOpened gave two memories"):
        run(moody, monkeypatch, is_rehearsed=True)


def test_a_memory_that_is_changed_in_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hoarder(Scripted):
        events = (events.EpochOpened,)

        def start(self, identity: Identity) -> Any:
            return []

        def react(self, memory: Any, event: Any, generator: Any) -> Any:
            memory.append(event.epoch)
            return memory, None

    with pytest.raises(StrategyError, match="it changed its memory in place at EpochOpened"):
        run(Hoarder(), monkeypatch, is_rehearsed=True)


def test_a_rehearsal_gives_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load(**{"hosts.1.strategy": {"kind": "overclaim", "excess": 0.4}})
    plain = sim.run(scenario)
    original = Agent.__init__
    monkeypatch.setattr(Agent, "__init__", lambda self, *rest, **more: original(self, *rest, is_rehearsed=True))
    assert sim.run(scenario).provenance["trace_hash"] == plain.provenance["trace_hash"]


# From the command line


@dataclass(frozen=True)
class LateFault(Scripted):
    """Does something impossible in its second epoch."""

    events: ClassVar = (events.EpochOpened,)

    def start(self, identity: Identity) -> int:
        return 0

    def react(self, memory: int, event: Any, generator: np.random.Generator) -> Any:
        return memory + 1, ("nonsense",) if event.epoch == 2 else None


@pytest.fixture
def late_fault() -> Iterator[str]:
    """A scenario with a strategy that only this test knows."""
    strategies.register("late_fault")(LateFault)
    yield f"{TEXT.rstrip()[:-1]}, strategy: late_fault}}"
    strategies._plugins.pop("late_fault")
    strategies._adapters.pop("late_fault", None)


def test_what_was_finished_before_a_strategy_failed_is_kept(powsim: Any, late_fault: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(late_fault, encoding="utf-8")
    done = powsim("run", "s.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "strategy late_fault, host odd-0, epoch 2, height 48: 'nonsense' is no action." in done.stderr
    assert "Traceback" not in done.stderr
    kept = sim.load_result(tmp_path / "out")
    assert kept.provenance["status"] == "failed"
    assert kept.epochs["epoch"].tolist()[0] == 1
    assert kept.participants["is_accepted"].any()


def test_check_asks_every_strategy_twice(powsim: Any, late_fault: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(TEXT, encoding="utf-8")
    done = powsim("check", "s.yaml", "--strategies", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "every answer in two epochs was the same" in done.stdout
    (tmp_path / "s.yaml").write_text(late_fault, encoding="utf-8")
    done = powsim("check", "s.yaml", "--strategies", cwd=tmp_path)
    assert done.returncode == 1
    assert "is no action" in done.stderr
