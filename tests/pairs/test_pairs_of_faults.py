"""A fault and what it meets: votes, joins, rewards, numerics, other faults. Small networks, one pair a test."""

from itertools import pairwise
from typing import Any

import pytest
from laws import check_all, check_coins
from observed import SMALL, Observed, observe_small

import sim

TIERS = ("events", "paths")
SAID = ("valid_vote_weight", "invalid_vote_weight")
P2, CLAIM2 = 60, 76
"""Heights of the start of epoch 2 and of the claims in it."""


def seconds_at(run: Observed, height: int) -> float:
    """When a block was agreed."""
    return float(run.block_frame.loc[height, "time_seconds"])


def sent_by(run: Observed, host: str, kind: str) -> Any:
    """Transactions of one kind that a host created."""
    return run.result.transactions.query("creator == @host and kind == @kind")


@pytest.fixture(scope="module")
def usual() -> Observed:
    """The small network with nothing wrong, three epochs."""
    return observe_small()


# Joins


@pytest.mark.parametrize("tier", TIERS)
def test_who_joins_behind_a_cut_enters_when_it_ends(tier: str) -> None:
    """joins x partition: nothing reaches the newcomer before, and it takes part from the next P on."""
    run = observe_small(
        {"kind": "partition", "at": "250 s", "lasts": "90 s", "groups": ["late"]}, network__tier=tier, epochs=2
    )
    assert 250.0 < seconds_at(run, 46) < 300.0  # it joins in the middle
    assert min(seconds for seconds, _ in run.applied["late-0"]) > 340.0
    (registered,) = sent_by(run, "late-0", "RegisterHost")["created_seconds"]
    assert registered > 340.0
    rows = run.result.participants.query("participant == 'late-0' and epoch == 2")
    assert rows["weight"].item() > 0
    check_all(run)


@pytest.mark.parametrize("seconds", [395.0, 500.0])
def test_a_chain_halts_within_an_epoch_of_another_version(seconds: float, usual: Observed) -> None:
    """joins x upgrades x crash: no VE, or one after which a newcomer enters; the frame `epochs` lacks that epoch."""
    assert seconds_at(usual, P2 + 2) < 395.0 < seconds_at(usual, P2 + 6) < seconds_at(usual, CLAIM2 + 2) < 500.0
    run = observe_small(
        {"kind": "crash", "at": f"{seconds} s", "lasts": "10 d", "hosts": ["big", "pair", "liar"]},
        hosts__late__joins=3,
        protocol__upgrades=[{"epoch": 2, "version": "v0.2.6"}],
    )
    assert run.result.epochs["epoch"].tolist() == [1]
    assert bool(run.applied["late-0"]) == (seconds == 500.0)
    check_all(run)


@pytest.mark.parametrize("tier", TIERS)
def test_who_crashes_while_it_joins_registers_once(tier: str, usual: Observed) -> None:
    """joins x crash: the state is on its way, or has just come, when the newcomer goes down."""
    entered = seconds_at(usual, 46)
    for after in (0.3, 6.5):
        run = observe_small(
            {"kind": "crash", "at": f"{entered + after} s", "lasts": "30 s", "hosts": "late-0"},
            network__tier=tier,
            epochs=2,
        )
        registered = sent_by(run, "late-0", "RegisterHost")
        assert len(registered) == 1
        assert (registered["fate"] == "included").all()
        assert run.result.participants.query("participant == 'late-0' and epoch == 2")["weight"].item() > 0
        check_all(run)


def test_a_newcomer_holds_no_slot_before_it_has_weight() -> None:
    """joins x committee: it is judged in the epoch in which it enters, and judges from the next one on."""
    run = observe_small(protocol__validation_committee=12, difficulty="fixed", work__rate_factor=0.2)
    checks = run.result.validations
    assert "late-0" in set(checks.query("epoch == 2")["participant"])
    assert "late-0" not in set(checks.query("epoch == 2")["validator"])
    assert "late-0" in set(checks.query("epoch == 3")["validator"])
    check_all(run)


# Votes


@pytest.mark.parametrize("tier", TIERS)
def test_who_catches_up_after_v_checks_the_claims_that_v_knew(tier: str) -> None:
    """partition x validation: full blocks take batches after V too, which no validator looks at."""
    cut = {"kind": "partition", "at": "226 s", "lasts": "22 s", "groups": ["pair-0"]}
    full = {"protocol__poc_exchange_duration": 5, "protocol__block_max_bytes": "5 kB", "epochs": 2}
    run = observe_small(cut, **full, network__tier=tier)
    (first, _) = check_all(run)
    opened = seconds_at(run, first.opening)
    assert 226.0 < opened < 248.0
    assert not any(opened < seconds < 248.0 for seconds, _ in run.applied["pair-0"])
    assert any(height > first.opening for height, _ in first.batches)
    checks = run.result.validations.query("validator == 'pair-0' and epoch == 1")
    assert (checks["n_checked"] > 0).any()


# Rewards


def test_a_reward_whose_claim_was_slept_through_is_burnt(usual: Observed) -> None:
    """crash x vesting: who is down at the claim loses exactly its own reward, and nobody else's changes hands."""
    start, end = seconds_at(usual, CLAIM2 - 1) - 3.0, seconds_at(usual, CLAIM2 + 1) + 3.0
    run = observe_small({"kind": "crash", "at": f"{start} s", "lasts": f"{end - start} s", "hosts": "big-0"})
    assert sent_by(run, "big-0", "ClaimReward").query("epoch == 2").empty
    mine = run.result.rewards.query("participant == 'big-0' and epoch == 1")
    burnt = run.result.payments.query("kind == 'burnt'")
    assert burnt["participant"].tolist() == ["big-0"]
    assert burnt["amount_ngonka"].item() == (mine["reward_ngonka"] + mine["fees_ngonka"]).item() > 0
    check_coins(run)
    others = run.result.payments.query("kind == 'claim' and epoch == 2")
    assert set(others["participant"]) == set(usual.result.rewards.query("epoch == 1")["participant"]) - {"big-0"}


@pytest.mark.parametrize("tier", TIERS)
def test_who_was_cut_off_at_the_claim_claims_once_and_late(tier: str, usual: Observed) -> None:
    """partition x vesting: the host acts on the blocks that it missed, and is paid what waited for it."""
    start, end = seconds_at(usual, CLAIM2 - 1) - 3.0, seconds_at(usual, CLAIM2 + 3)
    run = observe_small(
        {"kind": "partition", "at": f"{start} s", "lasts": f"{end - start} s", "groups": ["big-0"]}, network__tier=tier
    )
    claims = sent_by(run, "big-0", "ClaimReward").query("epoch == 2")
    assert len(claims) == 1
    assert claims["created_seconds"].item() > end
    paid = run.result.payments.query("kind == 'claim' and participant == 'big-0' and epoch == 2")
    mine = run.result.rewards.query("participant == 'big-0' and epoch == 1")
    assert paid["amount_ngonka"].tolist() == (mine["reward_ngonka"] + mine["fees_ngonka"]).tolist()
    check_all(run)


# Consensus


@pytest.mark.parametrize("is_guardian", [False, True])
def test_without_its_guardian_a_young_network_halts(is_guardian: bool) -> None:
    """guardians x partition: a guardian holds 34.2 % of consensus, whatever its weight; the others then lack 2/3."""
    run = observe_small(
        {"kind": "partition", "at": "320 s", "lasts": "100 s", "groups": ["pair"]},
        hosts__pair__count=1,
        hosts__pair__guardian=is_guardian,
        epochs=2,
    )
    during = run.result.blocks["time_seconds"].between(330.0, 420.0).sum()
    assert (during == 0) == is_guardian
    assert during == 0 or during > 8
    weights = run.result.participants.query("epoch == 1").set_index("participant")["weight"]
    assert 3 * weights["pair-0"] < weights.sum()
    check_all(run)


@pytest.mark.parametrize("tier", TIERS)
def test_a_block_that_is_proposed_again_during_a_fault_is_agreed_once(tier: str) -> None:
    """reproposal x crash, partition, links: rounds fail for want of time, of proposers and of ways.

    A block that is proposed again keeps the timestamp of its first round, and so is older than any of one round.
    """
    run = observe_small(
        {"kind": "latency", "at": "0 s", "factor": 2.0},
        {"kind": "crash", "at": "190 s", "lasts": "20 s", "hosts": "big-0"},
        {"kind": "partition", "at": "250 s", "lasts": "20 s", "groups": ["pair"]},
        network__tier=tier,
        epochs=2,
        consensus={
            "timeout_propose": "0.6 s",
            "timeout_prevote": "20 ms",
            "timeout_precommit": "5 ms",
            "timeout_delta": "30 ms",
        },
    )
    blocks = run.result.blocks
    age, is_first = blocks["time_seconds"] - blocks["timestamp_seconds"], blocks["round"] == 0
    assert (age[~is_first] > age[is_first].max()).sum() >= 3
    assert run.result.provenance["status"] == "finished"
    check_all(run)


# ML nodes


def test_an_overclaimer_fabricates_by_what_it_sent_not_by_what_a_failure_lost() -> None:
    """ml_node x overclaim: valid nonces that were lost unsent count for nothing."""
    started = 186.0 + 3.4
    for after in (11.0, 13.0):
        run = observe_small(
            {"kind": "ml_node", "at": f"{started + after} s", "lasts": "1 s", "hosts": "liar"}, epochs=2
        )
        (row,) = run.result.ml_nodes.query("participant == 'liar-0' and epoch == 1").itertuples()
        n_sent = row.valid - row.unsent
        assert row.unsent > 0
        assert n_sent > 0
        assert row.claimed == n_sent + int(0.3 * n_sent)


def test_cheaters_of_one_operator_count_apart_what_each_has_sent() -> None:
    """operators x overclaim x ml_node: one memory for two cheaters, of which one fails, changes no claim."""
    fault = {"kind": "ml_node", "at": "200 s", "lasts": "2 s", "hosts": "liar-0"}
    apart, together = (
        observe_small(fault, hosts__liar__count=2, hosts__liar__operator=operator, epochs=2).result.ml_nodes
        for operator in (None, "house")
    )
    cheaters = apart[apart["participant"].str.startswith("liar")]
    assert (cheaters["claimed"] > cheaters["valid"] - cheaters["unsent"]).all()
    assert apart.equals(together)


def test_a_failure_of_the_only_node_that_is_not_preserved_leaves_nobody_to_check() -> None:
    """ml_node x preserved x validation: a preserved node serves on and checks nothing, whatever else fails."""
    fast = {"hosts__pair__count": 1, "protocol__validation_sample_size": 8}
    run = observe_small(**fast)
    rows = run.result.ml_nodes.query("participant == 'pair-0' and epoch == 3")
    (working,) = rows.loc[~rows["is_preserved"], "node_id"]
    mine = run.result.validations.query("validator == 'pair-0' and epoch == 3 and n_checked > 0").sort_values("seconds")
    assert len(mine) > 3
    rate = rows.loc[rows["node_id"] == working, "nonces_per_second"].item()
    for (_, before), (_, after) in pairwise(mine.iterrows()):
        assert after["seconds"] - before["seconds"] == pytest.approx(after["n_checked"] / rate)
    failed = observe_small({"kind": "ml_node", "at": "560 s", "hosts": "pair", "node": int(working)}, **fast)
    assert failed.result.validations.query("validator == 'pair-0' and epoch == 3").empty
    kept = failed.result.participants.query("participant == 'pair-0' and epoch == 3")["preserved_weight"].item()
    assert kept > 0
    check_all(failed)


def test_the_slots_of_a_member_that_is_down_abstain() -> None:
    """committee x crash: it goes down in the middle of its checks; its slots of the other claims are silent."""
    fault = {"kind": "crash", "at": "415 s", "lasts": "60 s", "hosts": "big-0"}
    usual, run = (observe_small(*faults, protocol__validation_committee=8, epochs=2) for faults in ([], [fault]))
    mine = run.result.validations.query("validator == 'big-0' and epoch == 2")
    assert set(mine["vote"]) == {"valid", "out of time"}
    unchecked = mine.loc[mine["vote"] == "out of time", "participant"]
    before, after = (
        each.result.participants.query("epoch == 2").set_index("participant").loc[unchecked, [*SAID]].sum(axis=1)
        for each in (usual, run)
    )
    assert (after < before).all()
    check_all(run)


# Clocks


def test_a_clock_that_is_wrong_by_an_hour_announces_no_more_nonces_than_two_block_times_allow() -> None:
    """clock x work: hosts tell the kernel how many nonces to expect by the pace of blocks, which a clock falsifies."""
    fault = {"kind": "clock_skew", "at": "330 s", "lasts": "30 s", "hosts": "big", "offset": "1 h"}
    one = {"epochs": 2, "hosts.pair.count": 1, "hosts.big.count": 2}
    right, wrong = (sim.run(SMALL, overrides={**one, "faults": faults}) for faults in ([], [fault]))
    assert wrong.blocks["timestamp_seconds"].max() > 3600
    computed, usual = (run.epochs.set_index("epoch")["computed"] for run in (wrong, right))
    assert computed[1] == usual[1]
    assert usual[2] < computed[2] < 2.5 * usual[2]
