"""The life of a seed as a frame, beside other frames and rows made by hand; estimated and true compute."""

import math

import numpy as np
import pandas as pd
import pytest

from sim.figures.seeds import MOST_HOSTS, plot_seeds
from sim.metrics.columns import FRAMES
from sim.metrics.frames import conform
from sim.metrics.recorder import Recorder
from sim.metrics.records import HostJoined, TransactionIncluded, TransactionSent
from sim.metrics.seeds import build_seeds
from sim.protocol.blocks.records import RewardClaimed, RewardSettled, SeedCommitted
from sim.results import Result


def test_a_seed_agrees_with_its_transactions(small: Result) -> None:
    """Every host sends one transaction with a seed an epoch, and one that claims."""
    sent = small.transactions[small.transactions["kind"] == "SubmitSeed"].rename(columns={"creator": "participant"})
    both = small.seeds.merge(sent, on=["epoch", "participant"], suffixes=("", "_sent"))
    assert len(both) == len(small.seeds) == len(sent) > 15
    for one, other in (
        ("sent_seconds", "created_seconds"),
        ("height", "height_sent"),
        ("known_all_seconds", "delay_max_seconds"),
    ):
        assert (both[one] == both[other]).all(), one
    assert (both["known_half_seconds"] <= both["known_most_seconds"]).all()
    assert (both["known_most_seconds"] <= both["known_all_seconds"]).all()
    claims = small.transactions[small.transactions["kind"] == "ClaimReward"]
    assert set(small.seeds["claim_height"].dropna()) == set(claims["height"].dropna())


def test_fates_agree_with_rewards(small: Result) -> None:
    fates = small.seeds.set_index(["epoch", "participant"])["fate"]
    settled = small.rewards.set_index(["epoch", "participant"])
    last = settled.index.get_level_values("epoch").max()
    for key, fate in fates.items():
        if key not in settled.index:
            assert fate == ("not settled" if key[0] > last else "no member")
        else:
            assert (fate == "claimed") == settled.loc[key, "is_claimed"]


def make_recorder() -> Recorder:
    """Four hosts, two epochs: a and b commit the same, c is never in a block, d comes in epoch 2."""
    recorder = Recorder()
    for name, epoch in (("a", 1), ("b", 1), ("c", 1), ("d", 2)):
        facts = {"host_group": "", "region": "", "strategy": "honest", "gpus": "", "seconds": 0.0}
        recorder.add(HostJoined(epoch=epoch, participant=name, **facts))  # type: ignore[arg-type]
    for name, epoch, commitment in (
        ("a", 1, "X"),
        ("b", 1, "X"),
        ("c", 1, ""),
        ("a", 2, "X"),
        ("b", 2, "Y"),
        ("d", 2, "Z"),
    ):
        tx_id = f"seed/{name}/{epoch}"
        recorder.add(
            TransactionSent(
                tx_id=tx_id,
                kind="SubmitSeed",
                creator=name,
                epoch=epoch,
                size_bytes=1,
                created_seconds=10.0 * epoch,
                expires_height=0,
                is_too_large=False,
            )
        )
        for place, delay in enumerate((0.1, 0.2) if epoch == 1 else (0.1, 0.2, 0.7)):
            recorder.add_delivery(tx_id, f"other {place}", 10.0 * epoch + delay, delay)
        if commitment:
            height = 30 * epoch + 1
            recorder.add(
                SeedCommitted(tx_id=tx_id, epoch=epoch, participant=name, height=height, commitment=commitment)
            )
            recorder.add(
                TransactionIncluded(tx_id=tx_id, height=height, included_seconds=10.0 * epoch + 5, result="accepted")
            )
    for name, epoch, reward in (("a", 1, 7), ("b", 1, 7), ("a", 2, 9), ("b", 2, 0)):
        amounts = {"uncapped_weight": 1, "weight": 1, "remainder_ngonka": 0, "fees_ngonka": 0, "reason": "paid"}
        recorder.add(RewardSettled(epoch=epoch, participant=name, reward_ngonka=reward, **amounts))  # type: ignore[arg-type]
    recorder.add(RewardClaimed(epoch=1, participant="a", height=77))
    return recorder


def test_every_fate_by_hand() -> None:
    seeds = conform("seeds", build_seeds(make_recorder()))
    assert list(seeds.columns) == [column.name for column in FRAMES["seeds"]]
    assert seeds["fate"].tolist() == ["claimed", "burnt", "in no block", "waiting", "unpaid", "no member"]
    assert seeds["is_copied"].tolist() == [True, True, False, False, False, False]
    assert seeds["claim_height"].tolist()[:1] == [77]
    assert seeds["claim_height"].isna().sum() == 5
    assert seeds["height"].isna().tolist() == [False, False, True, False, False, False]
    # In epoch 1 two others, in epoch 2 three: half of three are two.
    assert seeds["known_half_seconds"].tolist() == [0.1] * 3 + [0.2] * 3
    assert seeds["known_most_seconds"].tolist() == [0.2] * 3 + [0.7] * 3


def test_a_share_that_was_never_reached_is_missing() -> None:
    recorder = make_recorder()
    recorder.lose_delivery("seed/a/2", "other 2", 20.0, 0.7)
    seeds = build_seeds(recorder)
    assert seeds["known_half_seconds"][3] == 0.2
    assert math.isnan(seeds["known_most_seconds"][3])


def test_the_figure_shows_an_epoch_with_claims_and_not_too_many_hosts(small: Result) -> None:
    (axes,) = plot_seeds(small).axes
    assert axes.get_title(loc="left").startswith(f"The life of a seed: epoch {small.epochs['epoch'].max() - 1}")
    many = pd.concat([small.seeds.assign(participant=small.seeds["participant"] + str(copy)) for copy in range(20)])
    (axes,) = plot_seeds(Result("name: x", {}, frames={**small.frames, "seeds": many})).axes
    assert len(axes.get_yticks()) == MOST_HOSTS
    assert "40 of" in axes.get_title(loc="left")


def test_true_and_estimated_compute(small: Result) -> None:
    times = small.blocks.set_index("height")["time_seconds"]
    for row in small.epochs.itertuples():
        nodes = small.ml_nodes.query("epoch == @row.epoch and not is_preserved")
        assert row.compute_nonces_per_second == pytest.approx(nodes["nonces_per_second"].sum())
        accepted = small.participants.query("epoch == @row.epoch and is_accepted")
        seconds = times[row.start_height + 6] - times[row.start_height]
        expected = accepted["counted_nonces"].sum() / row.hit_probability / seconds
        assert row.estimated_nonces_per_second == pytest.approx(expected)
        assert row.estimate_error == pytest.approx(expected / nodes["nonces_per_second"].sum() - 1)
    assert np.all(small.epochs["estimate_error"] < 0)  # start-up takes time, and one host is thrown out
