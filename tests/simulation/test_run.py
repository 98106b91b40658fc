"""A whole small run: its frames agree with each other, with the rules and with theory."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim
from sim.metrics.columns import FRAMES
from sim.results import Result
from sim.scenario.load import load_scenario

ERROR_LEVEL = 1e-4  # each statistical assertion fails by chance with this probability on a fresh seed
Z = float(stats.norm.isf(ERROR_LEVEL / 2))


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_frames_have_exactly_their_schema(small: Result, name: str) -> None:
    frame = small.frames[name]
    assert [(c, str(t)) for c, t in frame.dtypes.items()] == [(c.name, c.dtype) for c in FRAMES[name]]
    # none before v0.2.5, v0.2.9, v0.2.12 and v0.2.16
    later = ("confirmations", "claims", "groups", "challenges", "segments")
    assert len(frame) > 0 or name in ("faults", "offences", *later)


def test_success_rate_agrees_with_the_exact_law(small: Result) -> None:
    """About 1 700 tries an epoch; the bound is two-sided at ERROR_LEVEL per epoch."""
    for row in small.epochs.itertuples():
        expected = row.tried * row.hit_probability
        assert abs(row.valid - expected) < Z * math.sqrt(expected * (1 - row.hit_probability))


def test_difficulty_is_one_over_hit_probability(small: Result) -> None:
    assert np.allclose(small.epochs["difficulty"] * small.epochs["hit_probability"], 1.0, rtol=1e-9)


def test_controller_decisions_are_in_force_one_epoch_later(small: Result) -> None:
    decided, epochs = small.difficulty.set_index("epoch"), small.epochs.set_index("epoch")
    for epoch in (2, 3):
        assert epochs.loc[epoch, "difficulty"] == decided.loc[epoch - 1, "next_difficulty"]
        assert epochs.loc[epoch, "r_target"] == decided.loc[epoch - 1, "next_r_target"]
    for row in small.difficulty.itertuples():
        ratio = min(max(row.measured / row.setpoint, 0.5), 2.0)
        assert row.next_difficulty == pytest.approx(max(1.0, row.difficulty * ratio), rel=1e-12)


def test_ml_nodes_produce_at_their_rate(small: Result) -> None:
    """Whole nonces per GPU group between start and stop, never more."""
    for row in small.ml_nodes[~small.ml_nodes["is_preserved"]].itertuples():
        per_group = row.nonces_per_second / row.n_gpu_groups
        done = math.floor((row.end_seconds - row.start_seconds) * per_group)
        assert row.tried == done * row.n_gpu_groups


def test_honest_nodes_send_what_they_found_or_lose_it(small: Result) -> None:
    honest = small.participants[small.participants["strategy"] == "honest"]["participant"].unique()
    nodes = small.ml_nodes[small.ml_nodes["participant"].isin(honest)]
    assert (nodes["valid"] == nodes["claimed"] + nodes["unsent"]).all()
    liar = small.ml_nodes[small.ml_nodes["participant"] == "liar-0"]
    found = liar["valid"] - liar["unsent"]
    assert (liar["claimed"] == found + np.floor(0.3 * found)).all()


def test_every_epochs_totals_are_sums_of_its_parts(small: Result) -> None:
    epochs = small.epochs.set_index("epoch")
    nodes, participants = small.ml_nodes.groupby("epoch"), small.participants.groupby("epoch")
    assert (epochs["tried"] == nodes["tried"].sum()).all()
    assert (epochs["valid"] == participants["valid"].sum()).all()
    assert (epochs["total_weight"] == participants["weight"].sum()).all()
    assert (epochs["claimed_nonces"] == nodes["claimed"].sum()).all()  # no batch was late in this scenario
    measured = small.participants[small.participants["is_accepted"]].groupby("epoch")["counted_nonces"].sum()
    assert (small.difficulty.set_index("epoch")["measured"] == measured).all()


def test_the_cheater_is_caught_and_nobody_else(small: Result) -> None:
    rejected = small.participants[~small.participants["is_accepted"]]
    assert set(rejected["participant"]) == {"liar-0"}
    assert set(rejected["epoch"]) == {1, 2, 3}
    votes = small.validations
    assert set(votes[votes["vote"] == "fraud"]["participant"]) == {"liar-0"}
    assert (votes[(votes["participant"] == "liar-0") & (votes["validator"] == "liar-0")]["vote"] != "fraud").all()


def test_votes_add_up_to_the_previous_weights(small: Result) -> None:
    weights = {(row.epoch, row.participant): row.weight for row in small.participants.itertuples()}
    members = small.participants[small.participants["epoch"] == 1]["participant"]
    weights |= {(0, participant): 1 for participant in members}
    cast = small.validations[small.validations["vote"].isin(["valid", "fraud"])]
    for row in small.participants.itertuples():
        mine = cast[(cast["epoch"] == row.epoch) & (cast["participant"] == row.participant)]
        for vote, total in (("valid", row.valid_vote_weight), ("fraud", row.invalid_vote_weight)):
            voters = mine[mine["vote"] == vote]["validator"]
            assert total == sum(weights.get((row.epoch - 1, voter), 0) for voter in voters)


def test_rewards_pay_out_the_emission(small: Result) -> None:
    paid = small.rewards.groupby("epoch")["reward_ngonka"].sum()
    assert paid.to_dict() == {1: 323_000 * 10**9, 2: math.trunc(323_000e9 * math.exp(-0.000475))}
    assert small.rewards["is_claimed"].all()
    keys = ["epoch", "participant"]
    both = small.rewards.merge(small.participants, on=keys, suffixes=("", "_in_epoch"), validate="one_to_one")
    assert len(both) == len(small.rewards)
    assert (both["weight"] == both["weight_in_epoch"]).all()


def test_transactions_have_one_fate_each(small: Result) -> None:
    transactions = small.transactions
    assert transactions["tx_id"].is_unique
    included = transactions[transactions["height"].notna()]
    assert (included["inclusion_delay_seconds"] >= 0).all()
    counts = included["height"].astype("int64").value_counts()
    blocks = small.blocks.set_index("height")["n_transactions"]
    assert blocks[blocks > 0].to_dict() == counts.to_dict()
    seeds = transactions[transactions["kind"] == "SubmitSeed"]
    assert seeds.groupby("epoch").size().to_dict() == {1: 6, 2: 7, 3: 7}


def test_gossip_reaches_everybody(small: Result) -> None:
    n_others = small.participants.groupby("epoch").size() - 1
    for row in small.transactions.itertuples():  # a registration travels before its sender's first epoch
        assert row.n_reached == n_others[row.epoch + (row.kind == "RegisterHost")]
    assert (
        small.propagation["deliveries"].sum() == small.transactions["n_reached"].sum() + small.blocks["n_reached"].sum()
    )


def test_blocks_come_after_the_target_interval_and_a_round(small: Result) -> None:
    blocks = small.blocks
    assert blocks["height"].tolist() == list(range(1, 120))
    assert (blocks["round"] == 0).all()
    seconds = np.diff(blocks["time_seconds"])
    # Three messages one after the other, each slower than within a region and faster than round the world.
    assert ((seconds > 5.6 + 3 * 0.01) & (seconds < 5.6 + 3 * 0.5)).all()
    assert blocks["block_hash"].is_unique


def test_each_distance_is_computed_once(small: Result) -> None:
    """Re-execution by many validators is shared: far more answers than computations for sampled nonces."""
    checked = small.validations.groupby("epoch")["n_checked"].sum()
    epochs = small.epochs.set_index("epoch")
    assert ((epochs["computed"] + epochs["shared"]) <= epochs["tried"] + checked + 200).all()
    assert (epochs["computed"] - epochs["tried"] < 0.05 * epochs["tried"]).all()
    assert (epochs["shared"] > 0).all()


def test_late_host_takes_part_from_its_epoch_on(small: Result) -> None:
    late = small.participants[small.participants["participant"] == "late-0"]
    assert late["epoch"].tolist() == [2, 3]
    assert (late["tried"] > 0).all()
    assert late["is_accepted"].all()


def test_the_version_switch_acts() -> None:
    """v0.2.6 multiplies each batch by 2.5, so that an odd one loses half a unit, and lowers r_target."""
    overrides = {"protocol.version": "v0.2.6", "epochs": 2, "difficulty": "fixed"}
    result = sim.run("tests/data/small.yaml", overrides=overrides)
    accepted = result.participants[result.participants["is_accepted"]]
    per_nonce = accepted["claimed_weight"] / accepted["counted_nonces"]
    assert per_nonce.between(2.0, 2.5).all()
    assert per_nonce.mean() > 2.4
    assert (result.epochs["r_target"] == 1.398077).all()


def test_a_scenario_object_runs_with_seed_and_overrides() -> None:
    scenario = load_scenario("tests/data/small.yaml", {"epochs": 2})
    first, second = (sim.run(scenario, seed=seed, overrides={"difficulty": "fixed"}) for seed in (7, 8))
    assert first.provenance["seed"] == 7
    assert first.provenance["trace_hash"] != second.provenance["trace_hash"]
    assert first.difficulty["setpoint"].isna().all()


def test_common_random_numbers() -> None:
    """Another controller leaves network seeds, latencies and the first epoch as they were."""
    base, other = (
        sim.run("tests/data/small.yaml", overrides={"epochs": 2, **o}) for o in ({}, {"difficulty": "fixed"})
    )
    pd.testing.assert_series_equal(base.blocks["block_hash"], other.blocks["block_hash"])
    pd.testing.assert_frame_equal(base.ml_nodes.query("epoch == 1"), other.ml_nodes.query("epoch == 1"))
