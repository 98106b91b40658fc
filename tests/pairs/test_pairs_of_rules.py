"""Two rules of the chain at once: versions, lengths, committees, preserved nodes, confirmations, money."""

from fractions import Fraction

import pytest
from laws import check_all, check_coins
from observed import Observed, observe_small

from sim.protocol.versions import WHAT_IFS

SHORT = {"protocol__epoch_length": 20, "protocol__poc_stage_duration": 5}
"""P 20, V 27, VE 33, S 34, claim 35, next P 40."""
FARM = {"hosts__big__gpus": ["1 x H100-SXM"] * 3, "work__rate_factor": 0.1}


# Versions and lengths


def test_preserved_nodes_are_chosen_by_the_old_rules_and_keep_their_old_weight() -> None:
    """upgrades x preserved: chosen at VE of epoch 3 under v0.2.2, kept in epoch 4 under v0.2.6 (scale 2.5)."""
    upgrades = [{"epoch": 4, "version": "v0.2.6"}]
    run = observe_small(**SHORT, **FARM, epochs=5, protocol__version="v0.2.2", protocol__upgrades=upgrades)
    preserved = run.result.ml_nodes.query("is_preserved")
    assert set(preserved.query("epoch == 4").groupby("participant").size()) == {1}  # half of three and of two nodes
    assert set(preserved.query("epoch == 4")["participant"]) == {"big-0", "big-1", "big-2", "pair-0", "pair-1"}
    assert 0 < len(preserved.query("epoch == 5")) < 5  # a tenth of the weight
    epochs = check_all(run)
    before = {(who, node): w for who, row in epochs[2].rows.items() for node, w in row["node_weights"].items()}
    kept = {
        who: sum(before[who, node] for node in rows["node_id"])
        for who, rows in preserved.query("epoch == 4").groupby("participant")
    }
    frame = run.result.participants.query("epoch == 4").set_index("participant")
    assert frame.loc[list(kept), "preserved_weight"].to_dict() == kept
    fresh = frame.loc[list(kept), "counted_nonces"]
    assert (frame.loc[list(kept), "claimed_weight"] > 2 * fresh).all()


@pytest.mark.parametrize("committee", [None, 5])
def test_all_what_ifs_at_once_keep_every_law(committee: int | None) -> None:
    """upgrades x preserved x service: repairs that the network discussed, before and after v0.2.5."""
    on = {name: off is False or 0.5 for name, off in WHAT_IFS.items()}
    run = observe_small(
        **SHORT,
        **FARM,
        epochs=5,
        hosts__pair__miss_rate=0.5,
        protocol__version="v0.2.4",
        protocol__validation_committee=committee,
        protocol__upgrades=[{"epoch": 4, "version": "v0.2.5"}],
        protocol__rules={**on, "confirmations_per_epoch": 10.0},
        inference__price_grace_epochs=0,
        inference__requests_per_epoch=200,
    )
    epochs = check_all(run)
    assert any(row.get("next_preserved") for row in epochs[-2].rows.values())
    assert {row["total_vote_weight"] for epoch in epochs[1:] for row in epoch.rows.values()} - {0, 5}  # own part is out


def test_an_upgrade_brings_its_radius_and_the_controller_goes_on_from_it() -> None:
    """upgrades x controllers: the decision at VE of epoch 1 never comes into force, that of epoch 2 does."""
    run = observe_small(**SHORT, protocol__upgrades=[{"epoch": 2, "version": "v0.2.6"}])
    radii = run.result.epochs.set_index("epoch")["r_target"]
    decided = run.result.difficulty.set_index("epoch")
    assert radii[2] == 1.398077 != decided.loc[1, "next_r_target"]
    assert radii[3] == pytest.approx(decided.loc[2, "next_r_target"])
    assert decided.loc[2, "difficulty"] == pytest.approx(run.result.epochs.set_index("epoch").loc[2, "difficulty"])
    assert decided["next_difficulty"].iloc[1] / decided["difficulty"].iloc[1] <= 2.0 + 1e-9
    check_all(run)


def test_a_committee_is_drawn_at_v_wherever_a_change_moves_it() -> None:
    """lengths x committee: V of epoch 1 moves from block 38 to block 40 while the epoch runs."""
    run = observe_small(
        protocol__validation_committee=3, protocol__changes=[{"height": 33, "poc_validation_delay": 4}], epochs=2
    )
    epochs = check_all(run)
    assert [epoch.opening - epoch.start for epoch in epochs] == [10, 10]
    assert epochs[0].opening == 40
    state = run.state_after(40)
    assert state.upcoming.committee.block_hash == epochs[0].committee_hash
    assert len({row["total_vote_weight"] for row in epochs[0].rows.values()} - {3}) == 0


def test_votes_count_up_to_the_end_that_a_change_moves_while_they_are_sent() -> None:
    """lengths x validation: VE of epoch 1 moves from block 44 to block 50; the slow go on checking, and are heard."""
    slow = {"protocol__validation_sample_size": 200, "work__rate_factor": 0.03, "epochs": 2}
    usual = observe_small(**slow)
    longer = observe_small(**slow, protocol__changes=[{"height": 42, "poc_validation_duration": 12}])
    n_heard = [int(run.result.participants.query("epoch == 1")["valid_vote_weight"].sum()) for run in (usual, longer)]
    assert n_heard[1] > n_heard[0]
    last = max(height for height, _ in check_all(longer)[0].votes)
    assert 44 < last <= 50
    check_all(usual)


def test_a_change_of_lengths_moves_the_claim_and_nobody_claims_twice() -> None:
    """lengths x vesting: S and the claim of epoch 2 move by three blocks, after rewards were settled."""
    run = observe_small(
        **SHORT, protocol__vesting_epochs=2, protocol__changes=[{"height": 53, "set_new_validators_delay": 4}]
    )
    claims = run.result.transactions.query("kind == 'ClaimReward' and epoch == 2")
    assert claims["height"].min() == 40 + 5 + 2 + 6 + 4 + 2  # the block after the one that lets hosts claim
    assert not claims["creator"].duplicated().any()
    check_all(run)


# Confirmations


def confirming(epoch_length: int, **changes: object) -> Observed:
    """Confirmations as often as they fit into an epoch; one host shows half of its weight, one nothing."""
    return observe_small(
        **{
            **FARM,
            "protocol__epoch_length": epoch_length,
            "protocol__version": "v0.2.6",
            "protocol__rules": {"confirmations_per_epoch": 100.0, "preserved_share": 0.2},
            "protocol__confirmation_alpha": 0.4,
            "hosts__big__confirmed_share": 0.5,
            "hosts__late__joins": 1,
            "hosts__late__gpus": ["1 x H200", "1 x H200"],  # of one the other may be preserved
            "hosts__late__confirmed_share": 0.0,
            "hosts__liar__strategy": "honest",
            "difficulty": "fixed",
            **changes,
        }
    )


def test_two_confirmations_in_one_epoch_take_no_more_than_one() -> None:
    """confirmations x confirmations: the second asks for the same share of the weight at S, not of what is left."""
    run = confirming(60, epochs=3)
    rows = run.result.confirmations.query("epoch == 2")
    assert rows["height"].nunique() == 2
    first, second = (part.set_index("participant") for _, part in rows.groupby("height"))
    assert first.loc["big-0", "weight_after"] == first.loc["big-0", "weight_before"] // 2 > 0
    assert (second["weight_after"] == first["weight_after"]).all()
    assert (second["weight_before"] == first["weight_after"]).all()
    assert first.loc["late-0", "is_failed"]
    assert not second["is_failed"].any()  # it has failed already
    rewards = run.result.rewards.query("epoch == 2").set_index("participant")
    assert rewards.loc["late-0", "reason"] == "failed a confirmation"
    check_all(run)


def test_preserved_nodes_are_paid_for_what_they_need_not_confirm() -> None:
    """confirmations x preserved: half of the weight that is not preserved is confirmed, all of the rest counts."""
    run = confirming(40)
    people = run.result.participants.set_index(["epoch", "participant"])
    rewards = run.result.rewards.query("epoch == 2").set_index("participant")
    n_seen = 0
    for who in ("big-0", "big-1", "big-2"):
        kept = people.loc[(3, who), "preserved_weight"]
        whole = people.loc[(2, who), "uncapped_weight"]
        assert rewards.loc[who, "uncapped_weight"] == kept + (whole - kept) // 2
        n_seen += 0 < kept < whole
    assert n_seen > 0
    check_all(run)


def test_who_fails_a_confirmation_gets_no_more_requests_and_no_fees() -> None:
    """confirmations x service, collateral: late-0 is INACTIVE from the read-out on, a tenth of its deposit is gone."""
    run = confirming(
        60,
        epochs=3,
        inference__requests_per_epoch=400,
        inference__price_grace_epochs=0,
        hosts__late__collateral_ngonka=1000,
    )
    failed = run.result.confirmations.query("epoch == 2 and is_failed")
    assert failed["participant"].tolist() == ["late-0"]
    read_out = int(failed["height"].item())
    (tally,) = [b.inferences for b in run.blocks if b.inferences and b.inferences.epoch_index == 2]
    heights = [each.created_height for each in tally.inferences if each.executor == "late-0"]
    early = sum(height <= read_out for height in heights)
    assert 0 < early < len(heights)
    row = run.result.inferences.query("epoch == 2 and participant == 'late-0'").iloc[0]
    assert (row["requests"], row["status"]) == (early, "INACTIVE")
    assert row["fees_ngonka"] > 0
    reward = run.result.rewards.query("epoch == 2 and participant == 'late-0'").iloc[0]
    assert (reward["reward_ngonka"], reward["fees_ngonka"]) == (0, 0)
    slashed = run.result.payments.query("kind == 'slashed' and participant == 'late-0'")
    assert slashed.iloc[0][["height", "amount_ngonka", "reason"]].tolist() == [read_out, 100, "INACTIVE"]
    check_all(run)


def test_a_confirmation_ends_where_it_was_to_end_when_lengths_change_under_it() -> None:
    """confirmations x lengths: triggered at S, it ends 16 blocks later, whatever a change in between says."""
    change = {"protocol__changes": [{"height": 110, "poc_validation_duration": 7}]}
    heights = [
        sorted(set(run.result.confirmations["height"]))
        for run in (confirming(40, epochs=2), confirming(40, epochs=2, **change))
    ]
    assert heights == [[111], [111]]


# Money

WRONG = {"hosts__pair__invalid_rate": 0.6, "hosts__pair__miss_rate": 0.3, "inference__requests_per_epoch": 150}


def test_slashing_takes_collateral_and_nothing_that_waits_for_a_claim() -> None:
    """collateral x vesting: without collateral the same run moves the same coins, but for those that are slashed."""
    deposit = 987_654_321
    service = {**SHORT, **WRONG, "protocol__vesting_epochs": 2, "epochs": 4}
    with_it, without = (observe_small(**service, hosts__pair__collateral_ngonka=amount) for amount in (deposit, 0))
    paid, bare = with_it.result.payments, without.result.payments
    slashed = paid.query("kind == 'slashed'")
    assert paid[paid["kind"] != "slashed"].reset_index(drop=True).equals(bare)
    assert {"INVALID", "downtime"} <= set(slashed["reason"])
    for who, mine in slashed.groupby("participant"):
        left = deposit
        for row in mine.itertuples():
            share = Fraction(1, 5) if row.reason == "INVALID" else Fraction(1, 10)
            assert row.amount_ngonka == int(left * share), who
            left -= row.amount_ngonka
        assert with_it.last_state.deposits[who].active == left
    check_coins(with_it)
    assert with_it.result.participants.equals(without.result.participants)


def test_slashed_collateral_activates_less_weight_at_the_same_end_of_validation() -> None:
    """collateral x service: VE slashes first and forms weights then, with what is left."""
    run = observe_small(
        **SHORT,
        **WRONG,
        epochs=3,
        hosts__pair__collateral_ngonka=150,
        protocol__collateral_grace_epochs=1,
        protocol__collateral_per_weight_unit=30.0,
    )
    slashed = run.result.payments.query("kind == 'slashed' and participant == 'pair-0'")
    row = run.result.participants.query("participant == 'pair-0' and epoch == 2")
    left = 150 - slashed[slashed["height"] <= 53]["amount_ngonka"].sum()
    assert (slashed["height"] == 53).any()
    weight = int(row["uncapped_weight"].item())
    assert row["activated_weight"].item() == int(
        Fraction(weight, 5) + min(Fraction(4 * weight, 5), Fraction(int(left), 30))
    )
    assert row["activated_weight"].item() < weight
    check_all(run)


# Mempools


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_what_a_minority_sends_does_not_expire_by_blocks_that_it_cannot_see(tier: str) -> None:
    """mempool x partition: a host counts the blocks that it has applied; behind a cut there are none."""
    late = {"protocol__poc_exchange_duration": 6, "epochs": 2, "network__tier": tier, "mempool__ttl_blocks": 2}
    cut = {"kind": "partition", "at": "372 s", "lasts": "25 s", "groups": ["pair"]}
    run = observe_small(cut, **late, hosts__pair__count=1)
    assert run.result.blocks["time_seconds"].between(374.0, 396.0).sum() > 2
    sent = run.result.transactions.query("kind == 'SubmitProofBatch' and creator.str.startswith('pair')")
    cut_off = sent[sent["created_seconds"].between(374.0, 396.0)]
    assert len(cut_off) >= 2
    assert (cut_off["included_seconds"] > 397.0).all()
    assert (cut_off["fate"] == "included").all()
    check_all(run)
