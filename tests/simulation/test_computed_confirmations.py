"""Confirmations in which hosts compute, in a run of v0.2.16 (network 2.11, 2.17)."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest

import sim
from sim import runner
from sim.nodes.agent import Agent
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.versions import VERSIONS
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.strategies.actions import ClaimResults, ShowWeight
from sim.strategies.base import Identity
from sim.strategies.events import ConfirmationOpened, ResultsFound
from sim.world import build_world

MODEL, NOTHING = "MiniMax-M2.7", "confirmed_share: 0.0"
TEXT = f"""
name: confirming
epochs: 3
seed: 3
protocol:
  version: v0.2.16
  models: [{{name: {MODEL}, distance_threshold: 0.75, coefficient: 1, is_initial: true}}]
  epoch_length: 75
  poc_stage_duration: 14
  poc_exchange_duration: 0
  poc_validation_delay: 2
  poc_validation_duration: 12
  set_new_validators_delay: 2
  inference_validation_cutoff: 2
  block_time: 5.4 s
  validation_sample_size: 40
  vesting_epochs: 0
  collateral_grace_epochs: 0
  collateral_per_weight_unit: 1
  rules: {{confirmation_safety_blocks: 1, confirmations_per_epoch: 100, moves_coefficients: false}}
work: {{kind: sphere, startup: 5 s}}
hosts:
  - {{name: one, count: 3, gpus: 8 x H200 at 20 nonces/s for {MODEL}, region: EUROPE, collateral_ngonka: 5000}}
  - name: two
    count: 2
    gpus: [8 x H200 at 20 nonces/s for {MODEL}, 8 x H200 at 20 nonces/s for {MODEL}]
    region: EUROPE
    collateral_ngonka: 5000
  - {{name: part, gpus: 8 x H200 at 20 nonces/s for {MODEL}, region: EUROPE, confirmed_share: 0.7}}
  - {{name: rented, gpus: 8 x H200 at 20 nonces/s for {MODEL}, region: EUROPE, collateral_ngonka: 5000, {NOTHING}}}
  - {{name: shows, gpus: 8 x H200 at 20 nonces/s for {MODEL}, region: EUROPE, collateral_ngonka: 5000}}
  - {{name: lies, gpus: 8 x H200 at 20 nonces/s for {MODEL}, region: EUROPE, collateral_ngonka: 5000}}
"""


@dataclass(frozen=True)
class ShowsSixTenths:
    """Shows 0.6 of its weight by an action."""

    events: ClassVar = (ConfirmationOpened,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: Any, generator: np.random.Generator) -> Any:
        return None, (ShowWeight(0.6),)


@dataclass(frozen=True)
class LiesInConfirmations:
    """Proves honestly, but invents all its answers in confirmations."""

    events: ClassVar = (ResultsFound,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: ResultsFound, generator: np.random.Generator) -> Any:
        is_asked = event.view.state.episode.is_confirmation
        values = np.full(len(event.nonces), -1, dtype=event.values.dtype) if is_asked else event.values
        return None, (ClaimResults(event.node_id, event.nonces, values),)


STRATEGIES = {"shows-0": ShowsSixTenths(), "lies-0": LiesInConfirmations()}


@dataclass(frozen=True)
class Run:
    result: Result
    states: list[ChainState]
    blocks: list[Block]

    def weights(self, who: str) -> list[tuple[int, int, int, bool]]:
        """(before, measured, after, whether it failed) at each event of epoch 2."""
        rows = self.result.confirmations.query("epoch == 2 and participant == @who")
        return list(rows[["weight_before", "measured", "weight_after", "is_failed"]].itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def run() -> Run:
    patch = pytest.MonkeyPatch()
    original = Agent.__init__

    def build(self: Agent, given: Any, name: str, identity: Identity, **more: Any) -> None:
        (address,) = identity.addresses
        original(self, STRATEGIES.get(address, given), name, identity, **more)

    worlds = []

    def keep(*given: Any) -> Any:
        worlds.append(build_world(*given))
        return worlds[0]

    patch.setattr(Agent, "__init__", build)
    patch.setattr(runner, "build_world", keep)
    result = sim.run(parse_scenario(TEXT))
    patch.undo()
    ledger = worlds[0].context.ledger
    heights = range(1, ledger.height + 1)
    return Run(result, [ledger.get_state(h) for h in heights], [ledger.get_block(h) for h in heights])


def test_honest_hosts_show_all_but_the_first_block_of_it(run: Run) -> None:
    """A confirmation computes a block less than a proof of 14 blocks, but the snapshot is a block nearer too."""
    for who in ("one-0", "one-1", "one-2", "two-0", "two-1"):
        for before, measured, after, is_failed in run.weights(who):
            assert 0.9 * before < measured < 1.03 * before
            assert after == min(before, measured)
            assert not is_failed


def test_a_share_is_shown_by_the_rate_of_the_ml_nodes(run: Run) -> None:
    """From 0.4545 on nobody fails; `confirmed_share` and the action of a strategy act alike."""
    (whole, *_), (part, *_), (shown, *_) = (run.weights(who) for who in ("one-0", "part-0", "shows-0"))
    assert part[1] / whole[1] == pytest.approx(0.7, abs=0.02)
    assert shown[1] / whole[1] == pytest.approx(0.6, abs=0.02)
    assert not part[3]
    assert not shown[3]


def test_who_shows_nothing_or_lies_fails_once_and_leaves_the_group(run: Run) -> None:
    for who in ("rented-0", "lies-0"):
        ((before, measured, after, is_failed),) = run.weights(who)
        assert (measured, after, is_failed) == (0, 0, True)
        reward = run.result.rewards.query("epoch == 2 and participant == @who").iloc[0]
        assert (reward["reward_ngonka"], reward["reason"]) == (0, "failed a confirmation")
        # A tenth of 0.8 ngonka a unit of weight, though 5000 are there; governance has it.
        taken = run.result.payments.query("participant == @who and kind == 'slashed' and epoch == 2")["amount_ngonka"]
        assert taken.tolist() == [-(-8 * before // 10) // 10]
        given = run.result.payments.query("participant == @who and kind == 'governance' and epoch == 2")
        assert taken.tolist() == given["amount_ngonka"].tolist()


def test_each_event_has_its_seed_its_key_and_its_preserved_nodes(run: Run) -> None:
    """The hash of the block before generation seeds it; nodes that it preserves are no dispatched ones."""
    opened = [
        (state, run.blocks[state.height - 2])
        for state in run.states
        if (episode := state.running) is not None and episode.is_confirmation and state.height == episode.opening
    ]
    assert len({state.episode.start_height for state, _ in opened}) == len(opened) >= 2
    for state, before in opened:
        assert state.episode.block_hash == before.block_hash
        assert state.episode.start_height == state.height - 2
        assert state.episode.start_seconds == run.blocks[state.height - 1].time_seconds
        assert not state.proofs.participants
    assert all(state.episode.preserved for state, _ in opened)


def test_preserved_nodes_are_read_without_work(run: Run) -> None:
    """Their hosts show what they have from the epoch's own proof, and what their other nodes have proved."""
    ends = [
        (state, after)
        for state, after in zip(run.states, run.states[1:], strict=False)
        if state.confirmation_run is not None and after.confirmation_run is None
    ]
    for state, after in ends:
        counted = state.proofs.count_claims(VERSIONS["v0.2.16"], state.episode)
        read = run.result.confirmations.query(f"height == {after.height}").set_index("participant")["measured"]
        for who, nodes in state.episode.preserved.items():
            kept = sum(state.effective.node_weights[who][node] for node in nodes)
            claim = counted.get(f"{who} {MODEL}", CountedClaim())
            assert read[who] == kept + claim.weight
            assert not nodes & claim.node_weights.keys()
    assert sum(len(state.episode.preserved) for state, _ in ends) > 0


def test_rewards_follow_the_least_that_was_shown_and_so_does_trust(run: Run) -> None:
    """Network 2.12 and 2.9.7, with 1 as coefficient: raw weight is the epoch's weight but for collateral."""
    last = run.result.confirmations.query("epoch == 2").groupby("participant")["weight_after"].last()
    rewards = run.result.rewards.query("epoch == 2").set_index("participant")
    ((state),) = [state for state in run.states if state.effective.index == 2 and state.next_group][:1]
    for who, confirmed in last.items():
        weight, raw = state.effective.weights[who], state.effective.raw_totals[who]
        expected = 0 if who in state.effective.removed else int(Fraction(weight * confirmed, raw))
        assert rewards.loc[who, "uncapped_weight"] == expected
        assert state.next_group is not None
        assert state.next_group.formed is not None
        assert state.next_group.formed.cap_weights[who] == min(state.next_group.weights[who], expected)
