"""Strategies are pure agents: what they answer to example events."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pow.sphere import distance_cdf, hit_probability
from pow.validation import fraud_test
from sim.nodes.agent import Agent, is_equal
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import Block, ChainState, genesis_state
from sim.protocol.proofs.draws import UNTRIED_FROM
from sim.protocol.versions import build_rule_book
from sim.strategies import events, strategies
from sim.strategies.actions import (
    Check,
    ClaimResults,
    CollectReward,
    CommitSeed,
    Compute,
    Join,
    Propose,
    Vote,
)
from sim.strategies.base import Event, Identity, MLNode, View
from sim.strategies.honest import Honest
from sim.strategies.provers.late_burst import LateBurst
from sim.strategies.provers.overclaim import Overclaim
from sim.strategies.provers.rent_for_poc import RentForPoc

R_TARGET, DIM = 1.4013564660458173, 8192
PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=DIM)
NODE = MLNode(1, "H100-SXM", 4, 1, 10.0, "float16", "QwQ-32B")
IDENTITY = Identity("me", ("me",))


def view(state: ChainState | None = None) -> View:
    state = state or genesis_state({"me": 1, "other": 1}, PARAMS)
    return View("me", 100.0, state, PARAMS, (NODE,), frozenset(), tuple)


def results(distances: list[float], epoch: int = 1) -> events.ResultsFound:
    nonces = np.arange(1, len(distances) + 1)
    return events.ResultsFound(view(), epoch, 1, 50, nonces, np.array(distances), R_TARGET)


def checks(n_contradicted: list[int], names: list[str] | None = None, epoch: int = 1) -> events.ChecksDone:
    """Samples of 100 nonces."""
    n_checked, found = np.full(len(n_contradicted), 100), np.array(n_contradicted)
    test = fraud_test(n_checked, found)
    who = tuple(names or [f"host-{place}" for place in range(len(found))])
    return events.ChecksDone(view(), epoch, who, n_checked, found, test.p_values, test.frauds)


def example_events() -> list[Event]:
    """One epoch of a host, each kind of event once or more."""
    names, block = ("me", "other"), Block(5, "AA", "other", 25.0, ())
    return [
        events.EpochOpened(view(), 1, "AA"),
        events.GenerationOpened(view(), 1, (1,)),
        results([1.39, 1.40]),
        results([]),
        events.GenerationEnded(view(), 1),
        events.BlockApplied(view(), block),
        events.ProposalDue(view(), 6, lambda number: f"{number:064X}"),
        events.ClaimsKnown(view(), 1, names, np.array([7, 9]), np.array([0, 1])),
        checks([0, 50], list(names)),
        events.ConfirmationOpened(view(), 1, 40, 9),
        events.PricesChanged(view(), {"QwQ-32B": 3}),
        events.RewardDue(view(), 1, 1000),
        events.EpochOpened(view(), 2, "BB"),
        events.EpochOpened(view(), 3, "CC", is_away=True),
    ]


def test_contract(strategy_spec: object) -> None:
    """Pure on a whole epoch of events: the same twice, memory never changed in place, claims that can be sent."""
    strategy = strategies.build(strategy_spec)
    answers: list[list[Any]] = [[], []]
    for given in answers:
        agent = Agent(strategy, "x", IDENTITY, is_rehearsed=True)
        for number, event in enumerate(example_events()):
            given.append(agent.ask(event, np.random.default_rng(number)))
    assert is_equal(*answers)
    for claim in (action for actions in answers[0] for action in actions if isinstance(action, ClaimResults)):
        assert len(claim.nonces) == len(claim.values)
        assert all(0 <= value <= R_TARGET for value in claim.values)  # the chain refuses negative distances only


def test_votes_do_not_depend_on_who_else_was_checked_in_the_same_period(strategy_spec: object) -> None:
    generator = np.random.default_rng(3)
    found, names = generator.integers(0, 8, 100).tolist(), [*(f"host-{n}" for n in range(99)), "me"]
    votes = vote(strategies.build(strategy_spec), found, names)
    assert [vote(strategies.build(strategy_spec), [n], [who])[0] for n, who in zip(found, names, strict=True)] == votes


def vote(strategy: Any, found: list[int], names: list[str]) -> list[bool]:
    (action,) = Agent(strategy, "x", IDENTITY).ask(checks(found, names), np.random.default_rng(1))
    assert action.participants == tuple(names)
    return action.frauds.tolist()


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.EpochOpened(view(), 4, "AA"), CommitSeed(4)),
        (events.EpochOpened(view(), 4, "AA", is_away=True), Join()),
        (events.GenerationOpened(view(), 1, (1,)), Compute()),
        (results([1.39, 1.40]), ClaimResults(1, np.array([1, 2]), np.array([1.39, 1.40]))),
        (results([]), ClaimResults(1, np.array([], np.int64), np.array([]))),
        (events.ClaimsKnown(view(), 1, ("me",), np.array([7]), np.array([0])), Check()),
        (events.RewardDue(view(), 3, 10), CollectReward(3)),
    ],
)
def test_honest_answers(event: Event, expected: object) -> None:
    assert is_equal(Honest().react(None, event, np.random.default_rng(1)), (None, (expected,)))


def test_honest_votes_by_the_test() -> None:
    assert vote(Honest(), [0, 50, 50], ["a", "b", "me"]) == [False, True, True]


def test_an_event_that_a_strategy_does_not_name_is_answered_honestly() -> None:
    agent = Agent(Overclaim(excess=0.3), "overclaim", IDENTITY)
    assert agent.ask(events.GenerationOpened(view(), 1, (1,)), np.random.default_rng(1)) == (Compute(),)
    assert agent.ask(events.EpochOpened(view(), 1, "AA"), np.random.default_rng(1)) == (CommitSeed(1),)
    assert agent.ask(events.BlockApplied(view(), Block(1, "AA", "me", 0.0, ())), np.random.default_rng(1)) == ()
    assert not agent.wants(events.BlockApplied)


def test_overclaim_keeps_its_excess_over_many_batches_and_begins_anew_in_each_epoch() -> None:
    agent, generator = Agent(Overclaim(excess=0.3), "overclaim", IDENTITY), np.random.default_rng(1)
    for epoch in (1, 2):
        agent.ask(events.EpochOpened(view(), epoch, "AA"), generator)
        claims = [agent.ask(results([1.39], epoch), generator)[0] for _ in range(100)]
        assert sum(len(claim.nonces) for claim in claims) == 130


def test_fabricated_distances_follow_the_law_of_valid_ones() -> None:
    """KS test of 3 000 fabricated distances against the conditional law, error level 1e-4."""
    strategy = Overclaim(excess=3000.0)
    (claim,) = strategy.react(strategy.start(IDENTITY), results([1.39]), np.random.default_rng(2))[1]
    assert min(claim.nonces[1:]) >= UNTRIED_FROM
    h = hit_probability(R_TARGET, DIM)
    test = stats.ks_1samp(np.array(claim.values[1:]), lambda r: distance_cdf(r, DIM) / h)
    assert test.pvalue > 1e-4


def test_overclaim_votes_for_itself() -> None:
    assert vote(Overclaim(excess=0.3), [50, 50, 0], ["me", "b", "c"]) == [False, True, False]


def test_equality_of_answers_looks_into_arrays() -> None:
    """The rehearsal compares with it; arrays inside actions have no truth value of their own."""
    votes = [Vote(("a", "b"), np.array(frauds)) for frauds in ([True, False], [True, False], [True, True])]
    assert is_equal((1, {"x": votes[0]}), (1, {"x": votes[1]}))
    assert not is_equal(votes[0], votes[2])
    assert not is_equal([Propose(("a",))], [Propose(None)])
    assert not is_equal((1,), [1])
    assert is_equal(np.array([np.nan]), np.array([np.nan]))


def proof(height: int, start: int = 100, *, is_confirmation: bool = False) -> Any:
    """The state at a height of a proof of compute with 20 blocks of generation; as much of it as strategies read."""
    running = SimpleNamespace(
        start_height=start, opening=start + 1, generation_end=start + 20, is_confirmation=is_confirmation
    )
    return SimpleNamespace(height=height, running=running)


def test_rented_nodes_compute_while_the_rent_lasts() -> None:
    def ask(strategy: RentForPoc, epoch: int, *, is_confirmation: bool = False) -> object:
        opened = events.GenerationOpened(view(proof(101, is_confirmation=is_confirmation)), epoch, (1, 2, 4))
        return strategy.react(None, opened, np.random.default_rng(1))[1][0].node_ids

    kept, returned = RentForPoc(own=2, first_epoch=3, epochs=2), RentForPoc(own=2, first_epoch=3, keeps=False)
    assert [ask(kept, epoch) for epoch in (2, 3, 4, 5)] == [(1, 2), (1, 2, 4), (1, 2, 4), (1, 2)]
    assert ask(kept, 3, is_confirmation=True) == (1, 2, 4)
    assert [ask(returned, 3), ask(returned, 3, is_confirmation=True)] == [(1, 2, 4), (1, 2)]


def test_who_starts_late_waits_for_its_part_of_the_stage() -> None:
    agent, generator = Agent(LateBurst(wait=0.25), "late_burst", IDENTITY), np.random.default_rng(1)
    block = Block(1, "AA", "me", 0.0, ())
    assert agent.ask(events.GenerationOpened(view(proof(101)), 1, (1,)), generator) == ()
    told = [agent.ask(events.BlockApplied(view(proof(height)), block), generator) for height in range(101, 108)]
    assert told == [()] * 5 + [(Compute(),)] + [()]  # 5 blocks of 20 after block 101
    # The wait of one proof of compute is not that of another, which a host may have slept into.
    agent.ask(events.GenerationOpened(view(proof(101)), 1, (1,)), generator)
    assert agent.ask(events.BlockApplied(view(proof(210, start=200)), block), generator) == ()


def test_who_is_slow_by_chance_is_so_in_that_share_of_proofs() -> None:
    strategy, generator = LateBurst(wait=0.5, chance=0.3), np.random.default_rng(1)
    opened = events.GenerationOpened(view(proof(101)), 1, (1,))
    late = sum(strategy.react({}, opened, generator)[1] == () for _ in range(1000))
    assert stats.binomtest(late, 1000, 0.3).pvalue > 1e-4


@pytest.mark.parametrize("name", sorted(set(strategies.names()) - {"honest"}))
def test_every_cheat_says_what_it_needs_beyond_an_honest_host(name: str) -> None:
    if strategies.get(name).__module__.startswith("sim."):
        assert strategies.get(name).needs
