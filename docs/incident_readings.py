"""The curves that incidents are read from, one function each, see `incidents`.

Each takes the result of a run and returns values by epoch, or by host or group where it says so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.results import Result

PAGE = 100
PLACES, PLACE_NAMES = [0, 50, PAGE, 10_000], ["1 to 50", "51 to 100", "from 101 on"]
PAID = ["reward_ngonka", "weight"]
IN_TIME, ACCEPTED = "checks in time", "claims accepted"


def _group(rows: pd.DataFrame) -> pd.Series:
    """The host group of each row's participant."""
    return rows.participant.str.replace(r"-\d+$", "", regex=True)


def _share(part: pd.Series, whole: pd.Series | float) -> pd.Series:
    """Percent, row by row; of nothing it is 0."""
    found: pd.Series = 100.0 * part / whole
    return found.replace([np.inf, -np.inf], np.nan).fillna(0.0)


def read_accepted(result: Result, group: str = "") -> pd.Series:
    """Claims accepted, of those of a group's hosts: % by epoch."""
    rows = result.participants
    rows = rows[rows.participant.str.startswith(group) & (rows.claimed_nonces > 0)]
    return 100.0 * rows.groupby("epoch").is_accepted.mean()


def read_window(result: Result) -> pd.Series:
    """Checks that ended in time, and claims accepted: % by name."""
    is_late = (result.validations.vote == "out of time").mean()
    return pd.Series({IN_TIME: 100.0 * (1.0 - is_late), ACCEPTED: read_accepted(result).mean()})


def read_ballot(result: Result, epoch: int) -> pd.Series:
    """Weight that says yes on a claim, of all weight, and claims accepted: % by name, of one epoch."""
    rows = result.participants[(result.participants.epoch == epoch) & (result.participants.claimed_nonces > 0)]
    said = _share(rows.valid_vote_weight, rows.total_vote_weight).mean()
    return pd.Series({"weight that says yes": said, ACCEPTED: 100.0 * rows.is_accepted.mean()})


def read_page(result: Result) -> pd.Series:
    """Pay per weight of members by their place in the order of addresses, in percent of that of the first hundred."""
    rows = _read_paid(result).sort_values("participant")
    place = rows.groupby("epoch").cumcount()
    sums = rows.groupby(pd.cut(place, PLACES, right=False, labels=PLACE_NAMES), observed=True)[PAID].sum()
    first = rows[place < PAGE][PAID].sum()
    return _share(sums.reward_ngonka / sums.weight, first.reward_ngonka / first.weight).rename(index=str)


def read_pay(result: Result, who: str, others: str) -> pd.Series:
    """Pay per weight of one group, in percent of that of another: by settled epoch from 2 on."""
    rows = _read_paid(result)
    return _compare_pay(rows, _group(rows) == who, _group(rows) == others).loc[2:]


def _read_paid(result: Result) -> pd.DataFrame:
    """Members of settled epochs with their weight when the epoch was formed, and their reward; 0 where it has none."""
    rows = result.participants[["epoch", "participant", "weight"]]
    paid = result.rewards[["epoch", "participant", "reward_ngonka"]]
    rows = rows[rows.epoch.isin(paid.epoch) & (rows.weight > 0)]
    return rows.merge(paid, how="left", on=["epoch", "participant"]).fillna({"reward_ngonka": 0})


def _compare_pay(rows: pd.DataFrame, is_one: pd.Series, is_other: pd.Series) -> pd.Series:
    sums = [rows[chosen].groupby("epoch")[PAID].sum() for chosen in (is_one, is_other)]
    one, other = (found.reward_ngonka / found.weight for found in sums)
    return _share(one, other)


def read_counted_twice(result: Result) -> pd.Series:
    """Nonces that count, per hundred different ones: by epoch."""
    sums = result.participants.groupby("epoch")[["counted_nonces", "distinct_nonces"]].sum()
    return _share(sums.counted_nonces, sums.distinct_nonces)


def read_weight_of_work(result: Result) -> pd.Series:
    """Claimed weight per nonce tried, in percent of that of the first version's epochs: by epoch."""
    sums = result.participants.groupby("epoch")[["claimed_weight", "tried"]].sum()
    is_before = (result.epochs.set_index("epoch").version == result.epochs.version.iloc[0]).reindex(sums.index)
    before = sums[is_before].sum()
    return _share(sums.claimed_weight / sums.tried, before.claimed_weight / before.tried)


def read_unproven(result: Result) -> pd.Series:
    """Weight of preserved ML nodes, of all weight before the cap: % by epoch from 2 on."""
    sums = result.participants.groupby("epoch")[["preserved_weight", "uncapped_weight"]].sum()
    return _share(sums.preserved_weight, sums.uncapped_weight).loc[2:]


def read_kept_slots(result: Result) -> pd.Series:
    """Preserved ML nodes that were preserved in the proof before too: % by epoch, from the second that has some on."""
    slots = result.ml_nodes[result.ml_nodes.is_preserved]
    held = {(row.epoch, row.participant, row.node_id) for row in slots.itertuples()}
    is_kept = pd.Series([(e - 1, who, node) in held for e, who, node in sorted(held)], dtype=float)
    epochs = pd.Series([epoch for epoch, _, _ in sorted(held)], name="epoch")
    return 100.0 * is_kept.groupby(epochs).mean().iloc[1:]


def read_slots(result: Result) -> pd.Series:
    """Proofs that an ML node of each host skipped: % by host, from the first epoch with preserved nodes on."""
    nodes = result.ml_nodes
    nodes = nodes[nodes.epoch >= nodes[nodes.is_preserved].epoch.min()]
    return 100.0 * nodes.groupby("participant").is_preserved.mean()


def read_votes(result: Result, who: str) -> pd.Series:
    """A group's share of the power over blocks: % by epoch from 2 on."""
    rows = result.participants
    mine = rows[_group(rows) == who].groupby("epoch").consensus_power.sum()
    return _share(mine, rows.groupby("epoch").consensus_power.sum()).loc[2:]


def read_capped(result: Result) -> pd.Series:
    """Weight after the cap, of that before it: % by epoch; 0 where a group without members accepts nobody."""
    sums = result.participants.groupby("epoch")[["weight", "activated_weight"]].sum()
    return _share(sums.weight, sums.activated_weight)


def read_gain(result: Result, who: str, others: str) -> pd.Series:
    """Accepted weight per operation of one group's GPUs, in percent of that of another: by epoch."""
    rows = result.participants
    rows = rows.assign(accepted=rows.claimed_weight.where(rows.is_accepted, 0))
    sums = [
        rows[_group(rows) == each].groupby("epoch")[["accepted", "work_operations"]].sum() for each in (who, others)
    ]
    one, other = (found.accepted / found.work_operations for found in sums)
    return _share(one, other)


def read_idle_members(result: Result) -> pd.Series:
    """Members whose GPUs have computed nothing for the proof, none of whose ML nodes is preserved: % by epoch."""
    rows = result.participants[result.participants.is_member]
    return 100.0 * ((rows.work_operations == 0) & (rows.preserved_weight == 0)).groupby(rows.epoch).mean()


def read_scaled(result: Result) -> pd.Series:
    """Claimed weight of a counted nonce, in percent of what the scale says: by host group."""
    sums = result.participants.groupby(_group(result.participants))[["claimed_weight", "counted_nonces"]].sum()
    sums = sums.loc[sorted(sums.index, key=lambda name: int(name.rsplit("-", 1)[-1]))]
    return _share(sums.claimed_weight, 2.5 * sums.counted_nonces)
