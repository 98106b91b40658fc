"""Records -> tidy frames, one row per unit of `columns.ROWS`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from sim.metrics import records
from sim.metrics.columns import DTYPES, FRAMES, NAMES, RECORDS
from sim.metrics.recorder import Recorder
from sim.metrics.seeds import build_seeds
from sim.metrics.statistics import compute_wilson_interval
from sim.protocol.blocks import records as facts
from sim.protocol.blocks.records import Record
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.proofs.votes import Reason

INCLUDED, LATE, REFUSED, EXPIRED, LOST = "included", "late", "refused", "expired", "lost"
BINS_PER_DECADE = 24
Frames = Mapping[str, pd.DataFrame]

_MISSING = {"int64": 0, "bool": False, "float64": float("nan"), "str": Reason.NO_CLAIM.value}
"""What a participant without a claim has, by dtype; its only text is the reason."""

_FIELDS: dict[type[Record], list[tuple[str, str, str]]] = {}
_FATES = {
    str(result): INCLUDED if result is TxResult.ACCEPTED else LATE if result.is_late else REFUSED for result in TxResult
}


def build_frames(recorder: Recorder) -> Frames:
    """Return all frames of a run, with the columns, order and dtypes of `columns.FRAMES`."""
    plain = {name: _table(recorder, kind) for name, kind in RECORDS.items()}
    ml_nodes = plain["ml_nodes"]
    transactions = _build_transactions(recorder)
    participants = _build_participants(recorder)
    blocks = _table(recorder, records.BlockAgreed)
    raw: Frames = {
        **plain,
        "epochs": _build_epochs(recorder, blocks, ml_nodes, participants),
        "participants": participants,
        "blocks": _with_delays(blocks, _name_proposals(blocks), recorder),
        "transactions": transactions,
        "validations": recorder.validations.build_rows(),
        "validation_summary": recorder.validations.build_summary(),
        "rewards": _build_rewards(recorder),
        "seeds": build_seeds(recorder),
        "faults": _build_faults(recorder),
        "propagation": _build_propagation(recorder),
    }
    return {name: conform(name, raw[name]) for name in FRAMES}


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Put a frame into its schema: exactly the columns of `columns.FRAMES[name]`, in order, with their dtypes."""
    return pd.DataFrame({column.name: _cast(frame[column.name], column.dtype) for column in FRAMES[name]})


def _cast(column: pd.Series, dtype: str) -> Any:
    """Return the values; most have their dtype already, and asking for it again takes pandas long."""
    return column.array if column.dtype == dtype else column.astype(dtype).array


def is_rejected(participants: pd.DataFrame) -> pd.Series:
    """Rows of failed claims; a participant without a claim was neither accepted nor rejected."""
    return ~participants["is_accepted"] & (participants["reason"] != Reason.NO_CLAIM)


def _table(recorder: Recorder, kind: type[Record]) -> pd.DataFrame:
    rows = recorder.rows(kind)
    return pd.DataFrame(
        {column: _make_array([getattr(row, name) for row in rows], dtype) for name, column, dtype in _list_fields(kind)}
    )


def _list_fields(kind: type[Record]) -> list[tuple[str, str, str]]:
    """Return name, column and dtype of each field of a record; resolving hints takes long."""
    if kind not in _FIELDS:
        _FIELDS[kind] = [(name, NAMES.get(name, name), DTYPES[plain]) for name, plain in get_type_hints(kind).items()]
    return _FIELDS[kind]


def _make_array(values: list[Any], dtype: str) -> Any:
    """The dtype is named, so that a run that was stopped before the first such record gives an empty table that still
    merges.
    """
    return pd.array(values, dtype=dtype) if dtype == "str" else np.array(values, dtype=dtype)


def _with_delays(frame: pd.DataFrame, message_ids: Sequence[str], recorder: Recorder) -> pd.DataFrame:
    """Add the delays of each message; messages that share their delays are measured once."""
    delays = recorder.delays_seconds
    reached = [(place, delays[message_id]) for place, message_id in enumerate(message_ids) if message_id in delays]
    measured = {id(seconds): (len(seconds), _compute_sorted_median(seconds), seconds[-1]) for _, seconds in reached}
    n_reached = np.zeros(len(message_ids), dtype=np.int64)
    median, largest = np.full((2, len(message_ids)), np.nan)
    for place, seconds in reached:
        n_reached[place], median[place], largest[place] = measured[id(seconds)]
    return frame.assign(n_reached=n_reached, delay_median_seconds=median, delay_max_seconds=largest)


def _compute_sorted_median(seconds: Sequence[float]) -> float:
    """Delays stand in the order of arrival, so that no sort is needed."""
    half = len(seconds) // 2
    return seconds[half] if len(seconds) % 2 else (seconds[half - 1] + seconds[half]) / 2


def _name_proposals(blocks: pd.DataFrame) -> list[str]:
    places = zip(blocks["height"].tolist(), blocks["round"].tolist(), strict=True)
    return [f"block/{height}/{round_index}" for height, round_index in places]


def _build_transactions(recorder: Recorder) -> pd.DataFrame:
    sent = _table(recorder, records.TransactionSent)
    included = _table(recorder, records.TransactionIncluded)
    joined = sent.merge(included, on="tx_id", how="left", validate="one_to_one")
    joined["height"] = joined["height"].astype("Int64")
    last = max((row.height for row in recorder.rows(records.BlockAgreed)), default=0)
    is_expired = joined["expires_height"].between(1, last)
    is_late = joined["tx_id"].isin({row.tx_id for row in recorder.rows(records.TransactionRefused)})
    outside = np.select([joined["is_too_large"], is_late, is_expired], [REFUSED, LATE, EXPIRED], LOST)
    missing = pd.Series(outside, index=joined.index, dtype="object")
    joined["fate"] = (
        joined["result"].map(_FATES).astype("object").fillna(REFUSED).where(joined["height"].notna(), missing)
    )
    joined["inclusion_delay_seconds"] = joined["included_seconds"] - joined["created_seconds"]
    return _with_delays(joined, [row.tx_id for row in recorder.rows(records.TransactionSent)], recorder)


def _build_participants(recorder: Recorder) -> pd.DataFrame:
    """One row for every host in the network in an epoch; one without a claim has zeros and its reason."""
    started = [row.epoch for row in recorder.rows(records.DifficultyDecided)]
    hosts = {row.participant: row for row in recorder.rows(records.HostJoined)}
    keys = sorted((epoch, name) for name, host in hosts.items() for epoch in started if host.epoch <= epoch)
    tried, valid = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    work: dict[tuple[int, str], float] = {}
    for node in recorder.rows(records.MLNodeFinished):
        tried[node.epoch, node.participant] += node.tried
        valid[node.epoch, node.participant] += node.valid
        work[node.epoch, node.participant] = work.get((node.epoch, node.participant), 0.0) + node.work_operations
    found = {
        **_look_up(records.HostJoined, [hosts[name] for _, name in keys]),
        **{"tried": [tried[key] for key in keys], "valid": [valid[key] for key in keys]},
        "work_operations": [work.get(key, 0.0) for key in keys],
    }
    judged = {(row.epoch, row.participant): row for row in recorder.rows(facts.ParticipantJudged)}
    found |= _look_up(facts.ParticipantJudged, [judged.get(key) for key in keys])
    powers = {(row.epoch, row.participant): row for row in recorder.rows(facts.PowerSet)}
    found |= _look_up(facts.PowerSet, [powers.get(key) for key in keys])
    return pd.DataFrame({**found, "epoch": [epoch for epoch, _ in keys], "participant": [name for _, name in keys]})


def _look_up(kind: type[Record], rows: Sequence[Any]) -> dict[str, Any]:
    """Return the columns of records, some of which are missing."""
    return {
        column: _make_array([_MISSING[dtype] if row is None else getattr(row, name) for row in rows], dtype)
        for name, column, dtype in _list_fields(kind)
    }


def _build_epochs(
    recorder: Recorder, blocks: pd.DataFrame, ml_nodes: pd.DataFrame, participants: pd.DataFrame
) -> pd.DataFrame:
    epochs = _table(recorder, facts.EpochStarted).merge(_table(recorder, records.EpochEnded), on="epoch")
    working = ml_nodes[~ml_nodes["is_preserved"]]
    working = working.assign(n_ml_nodes=1, compute_nonces_per_second=working["nonces_per_second"])
    produced = working.groupby("epoch")[["n_ml_nodes", "tried", "valid", "compute_nonces_per_second"]].sum()
    judged = participants.assign(
        accepted=participants["is_accepted"],
        rejected=is_rejected(participants),
        total_weight=participants["weight"],
        counted=participants["counted_nonces"].where(participants["is_accepted"], 0),
    )
    outcome = judged.groupby("epoch")[["claimed_nonces", "accepted", "rejected", "total_weight", "counted"]].sum()
    joined = epochs.join(produced, on="epoch").join(outcome, on="epoch")
    counts = ["n_ml_nodes", "tried", "valid", *outcome.columns]
    joined[counts] = joined[counts].fillna(0).astype("int64")
    times = blocks.set_index("height")["time_seconds"]
    seconds = joined["generation_end_height"].map(times) - joined["start_height"].map(times)
    estimated = joined["counted"] * joined["difficulty"] / seconds
    intervals = [
        compute_wilson_interval(valid, tried) for valid, tried in zip(joined["valid"], joined["tried"], strict=True)
    ]
    return joined.assign(
        start_seconds=joined["start_height"].map(times),
        compute_nonces_per_second=joined["compute_nonces_per_second"].fillna(0.0),
        estimated_nonces_per_second=estimated,
        estimate_error=estimated / joined["compute_nonces_per_second"] - 1,
        success_rate=joined["valid"] / joined["tried"].where(joined["tried"] > 0),
        success_low=[low for low, _ in intervals],
        success_high=[high for _, high in intervals],
        gossip_delay_median_seconds=_median_delays(joined["epoch"], recorder),
    )


def _median_delays(epochs: pd.Series, recorder: Recorder) -> list[float]:
    by_epoch: dict[int, list[array[float]]] = {}
    for row in recorder.rows(records.TransactionSent):
        if row.tx_id in recorder.delays_seconds:
            by_epoch.setdefault(row.epoch, []).append(recorder.delays_seconds[row.tx_id])
    return [_compute_joint_median(by_epoch.get(epoch, [])) for epoch in epochs.tolist()]


def _compute_joint_median(delays: Sequence[array[float]]) -> float:
    """Median over all messages' delays; those that share theirs are held once, and counted."""
    if not delays:
        return float("nan")
    distinct = {id(seconds): seconds for seconds in delays}
    n_messages = Counter(map(id, delays))
    values = np.concatenate([np.asarray(seconds) for seconds in distinct.values()])
    counts = np.repeat([n_messages[key] for key in distinct], [len(seconds) for seconds in distinct.values()])
    order = np.argsort(values)
    ends = np.cumsum(counts[order])
    middle = np.searchsorted(ends, [(ends[-1] - 1) // 2, ends[-1] // 2], side="right")
    return float(values[order[middle]].mean())


def _build_rewards(recorder: Recorder) -> pd.DataFrame:
    claimed = {(row.epoch, row.participant) for row in recorder.rows(facts.RewardClaimed)}
    rows = recorder.rows(facts.RewardSettled)
    return _table(recorder, facts.RewardSettled).assign(
        is_claimed=[(row.epoch, row.participant) in claimed for row in rows]
    )


def _build_faults(recorder: Recorder) -> pd.DataFrame:
    """Beginnings with their ends, in the order of time; faults that never began come last."""
    began = _table(recorder, records.FaultBegan)
    joined = began.merge(_table(recorder, records.FaultEnded), on="number", how="left")
    joined["planned_seconds"] = joined["start_seconds"]
    missed = _table(recorder, records.FaultMissed).reindex(columns=joined.columns)
    missed["n_hosts"] = 0
    return pd.concat([joined, missed]) if len(missed) else joined


def _build_propagation(recorder: Recorder) -> pd.DataFrame:
    found = count_deliveries(recorder, recorder.delays_seconds)
    rows = [
        (kind, 10.0 ** (edge / BINS_PER_DECADE), count)
        for kind, counts in sorted(found.items())
        for edge, count in sorted(counts.items())
    ]
    return pd.DataFrame(rows, columns=[column.name for column in FRAMES["propagation"]])


def count_deliveries(recorder: Recorder, message_ids: Iterable[str]) -> dict[str, Counter[int]]:
    """Return first deliveries by kind of message and bin of delay: of these messages, and of all forgotten ones."""
    kinds = {row.tx_id: row.kind for row in recorder.rows(records.TransactionSent)}
    delays = {message_id: recorder.delays_seconds[message_id] for message_id in message_ids}
    # Messages of one size from one origin share their delays, which are binned once.
    n_messages = Counter((kinds.get(message_id, "Block"), id(seconds)) for message_id, seconds in delays.items())
    binned = {
        key: Counter(_compute_bins(seconds)) for key, seconds in {id(each): each for each in delays.values()}.items()
    }
    found = {kind: Counter(counts) for kind, counts in recorder.settled_deliveries.items()}
    for (kind, key), n in n_messages.items():
        counts = found.setdefault(kind, Counter())
        for edge, count in binned[key].items():
            counts[edge] += n * count
    return found


def _compute_bins(seconds: array[float]) -> list[int]:
    bins: list[int] = np.ceil(np.log10(np.maximum(seconds, 1e-6)) * BINS_PER_DECADE).astype(int).tolist()
    return bins
