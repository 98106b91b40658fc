"""Measures of cheats, counted a second time row by row, and their values where they are known."""

import math
from collections import defaultdict
from typing import Any

import pandas as pd
import pytest

import sim
from sim.metrics.cheaters import compute_weight_shares
from sim.metrics.frames import Frames
from sim.metrics.measures import run_measures, take_measures
from sim.protocol.proofs.votes import Reason

TWO_LIARS = {
    "name": "liars",
    "seed": 6,
    "epochs": 4,
    "protocol": {"epoch_length": 18, "poc_stage_duration": 5, "poc_validation_duration": 5},
    "work": {"kind": "sphere", "params": "devtest", "startup": "0 s"},
    "network": {"tier": "paths"},
    "hosts": [
        {"name": "other", "count": 4, "gpus": "1 x H100-SXM at 400 nonces/s", "region": "EUROPE"},
        {"name": "half", "gpus": "1 x H100-SXM at 200 nonces/s", "region": "EUROPE"},
        {"name": "small", "gpus": "1 x H100-SXM at 400 nonces/s", "strategy": {"kind": "overclaim", "excess": 0.025}},
        {"name": "large", "gpus": "1 x H100-SXM at 400 nonces/s", "strategy": {"kind": "overclaim", "excess": 0.9}},
    ],
}
for host in TWO_LIARS["hosts"][2:]:
    host["region"] = "EUROPE"


@pytest.fixture(scope="module")
def liars() -> Frames:
    """One liar that is often accepted, one that never is, and honest hosts of two sizes."""
    frames = sim.run(TWO_LIARS).frames
    slashed = {"participant": ["large-0", "other-1"], "kind": "slashed", "amount_ngonka": [10**14, 10**13]}
    return {**frames, "payments": pd.concat([frames["payments"], pd.DataFrame(slashed)])}


def count_again(frames: Frames) -> dict[str, float]:
    """Each measure by a loop over rows, with plain sums."""
    weight, work, coins, paid_work = ([0.0, 0.0] for _ in range(4))
    claimed, shares, verdicts = [0.0, 0.0], {}, dict.fromkeys(Reason, 0)
    epochs = defaultdict(list)
    rewards = {(row.epoch, row.participant): row.reward_ngonka for row in frames["rewards"].itertuples()}
    settled = {epoch for epoch, _ in rewards}
    sides = {row.participant: int(row.strategy != "honest") for row in frames["participants"].itertuples()}
    for row in frames["payments"].itertuples():
        if row.kind == "slashed":
            coins[sides[row.participant]] -= row.amount_ngonka
    for row in frames["participants"].itertuples():
        side = int(row.strategy != "honest")
        verdicts[Reason(row.reason)] += 1
        work[side] += row.work_operations
        weight[side] += row.claimed_weight * row.is_accepted
        claimed[side] += row.claimed_weight
        shares.setdefault(row.epoch, [0, 0])[side] += row.weight
        if side and row.reason != Reason.NO_CLAIM:
            epochs[row.participant].append((row.epoch, row.is_accepted))
        if row.epoch in settled:
            coins[side] += rewards.get((row.epoch, row.participant), 0)
            paid_work[side] += row.work_operations
    delays = []
    for seen in epochs.values():
        rejected = [epoch for epoch, is_accepted in sorted(seen) if not is_accepted]
        delays += [rejected[0] - min(seen)[0]] if rejected else []
    n_claims = sum(verdicts.values()) - verdicts[Reason.NO_CLAIM]
    by_epoch = [theirs / (mine + theirs) for mine, theirs in shares.values() if mine + theirs]
    return {
        "cheater_gain": weight[1] / work[1] / (weight[0] / work[0]),
        "cheater_coins_per_work": coins[1] / paid_work[1] / (coins[0] / paid_work[0]),
        "cheater_weight_share": sum(by_epoch) / len(by_epoch),
        "cheater_weight_share_last": by_epoch[-1],
        "detection_delay_epochs": sum(delays) / len(delays),
        "cheaters_undetected_share": 1 - len(delays) / len(epochs),
        "honest_weight_lost": 1 - weight[0] / claimed[0],
        **{f"rejected_{reason.name.lower()}": verdicts[reason] / n_claims for reason in list(Reason)[1:-1]},
    }


def test_they_agree_with_a_count_row_by_row(liars: Frames) -> None:
    expected = count_again(liars)
    known = take_measures(liars, run_measures.choose(expected))
    assert known.values == pytest.approx(expected)
    assert 0 < known.values["cheater_gain"] < 1, "the run tells something"
    assert 0 < known.values["cheater_coins_per_work"] < 1
    assert known.values["detection_delay_epochs"] == 1, "one at once, one after two epochs"
    assert known.values["rejected_voted_invalid"] > 0


def test_shares_of_events_count_them(liars: Frames) -> None:
    """Their intervals over runs are then those of events."""
    tries = take_measures(liars, run_measures.choose()).tries
    assert tries["cheaters_undetected_share"] == 2
    assert tries["rejected_no_seed"] == len(liars["participants"])


def test_weight_over_time_leaves_out_epochs_without_weight(liars: Frames) -> None:
    participants = liars["participants"].copy()
    whole = compute_weight_shares(participants)
    assert whole.index.tolist() == [1, 2, 3, 4]
    participants.loc[participants["epoch"] == 2, "weight"] = 0
    assert compute_weight_shares(participants).to_dict() == {epoch: whole[epoch] for epoch in (1, 3, 4)}


def take(frames: Frames, name: str, **columns: Any) -> tuple[float, str]:
    """A measure's value and the reason why it is missing, with some columns of `participants` replaced."""
    known = take_measures(
        {**frames, "participants": frames["participants"].assign(**columns)}, run_measures.choose([name])
    )
    return known.values.get(name, math.nan), known.missing.get(name, "")


def test_each_is_missing_for_its_reason(liars: Frames) -> None:
    assert take(liars, "cheater_gain", work_operations=0.0)[1] == "no cheater computed anything"
    assert take(liars, "cheater_gain", is_accepted=False)[1] == "no honest host was paid for real work"
    assert take(liars, "detection_delay_epochs", is_accepted=True)[1] == "no cheater was rejected"
    assert take(liars, "detection_delay_epochs", strategy="honest")[1] == "no cheater claimed anything"
    assert take(liars, "cheaters_undetected_share", is_accepted=True)[0] == 1
    assert take(liars, "cheater_weight_share", weight=0)[1] == "no epoch has weight"
    assert take(liars, "honest_weight_lost", claimed_weight=0)[1] == "no honest host claimed any weight"
    assert take(liars, "honest_weight_lost", is_accepted=False)[0] == 1
    assert take(liars, "rejected_no_quorum", reason=str(Reason.NO_QUORUM))[0] == 1
    assert take(liars, "rejected_no_quorum", reason=str(Reason.NO_CLAIM))[1] == "nobody claimed anything"
