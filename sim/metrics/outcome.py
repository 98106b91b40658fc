"""The outcome of a run: what was decided, without the last bits of the floats behind it.

The trace hash of a run covers distances and times in full, so that another processor or matrix library gives another
one although every nonce, vote, weight and coin is the same. The outcome hash covers the decisions only: the whole
numbers, texts and flags of the frames below. Two runs with one outcome hash decided alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sim.metrics.columns import FRAMES
from sim.protocol.consensus.transactions import SEPARATOR

NO_DECISION = {
    "blocks": ("n_reached", "n_absent"),  # of gossip, not of the chain; missing signatures act through offences
    "ml_nodes": ("tried_early",),  # not the chain's; a hash of hosts that do not is what it was
    "validations": ("model",),  # the order of the rows holds it; without models a hash is what it was
}

DECISIONS: dict[str, tuple[str, ...]] = {
    name: tuple(
        column.name
        for column in FRAMES[name]
        if column.dtype != "float64" and column.name not in NO_DECISION.get(name, ())
    )
    for name in (
        "blocks",
        "ml_nodes",
        "validations",
        "validation_summary",
        "participants",
        "confirmations",
        "inferences",
        "rewards",
        "payments",
    )
}
"""Frame -> its columns that hold decisions, in the order in which the decisions of an epoch fall."""


def compute_outcome_hash(frames: Mapping[str, pd.DataFrame]) -> str:
    """Return the SHA-256 over all decisions in a run's frames, as hex."""
    digest = hashlib.sha256()
    for name, columns in DECISIONS.items():
        for column in columns:
            digest.update(f"{name}.{column}\n".encode() + _encode(frames[name][column]) + b"\n")
    return digest.hexdigest()


def _encode(values: pd.Series) -> bytes:
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_integer_dtype(values):
        return bytes(values.to_numpy(dtype="<i8").tobytes())
    return SEPARATOR.join(values.astype(str)).encode()


@dataclass(frozen=True)
class Parting:
    """The first row of a frame in which two runs decided differently."""

    height: int
    """Block by which it was decided."""
    frame: str
    row: Mapping[str, Any]
    """The decisions in that row of the first run; of the second where the first has no such row."""
    columns: Mapping[str, tuple[Any, Any]]
    """Column -> its two values; None where one run has no such row."""

    @property
    def host(self) -> str:
        """Address of the host that it is about; empty where it is about none."""
        names = (self.row.get(name, "") for name in ("participant", "validator", "proposer"))
        return next((name for name in names if name), "")


def find_partings(one: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame]) -> list[Parting]:
    """Return for each frame that differs its first difference, by height; empty where all decisions are the same."""
    found = [_compare(name, one, other) for name in DECISIONS]
    return sorted((parting for parting in found if parting is not None), key=lambda parting: parting.height)


def _compare(name: str, one: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame]) -> Parting | None:
    columns = list(DECISIONS[name])
    first, second = one[name][columns], other[name][columns]
    n_common = min(len(first), len(second))
    differs = np.zeros(n_common, dtype=bool)
    for column in columns:
        differs |= first[column].to_numpy()[:n_common] != second[column].to_numpy()[:n_common]
    if not differs.any() and len(first) == len(second):
        return None
    place = int(differs.argmax()) if differs.any() else n_common
    rows = [frame.iloc[place].to_dict() if place < len(frame) else {} for frame in (first, second)]
    row, frames = (rows[0], one) if rows[0] else (rows[1], other)
    values = {column: (rows[0].get(column), rows[1].get(column)) for column in columns}
    return Parting(
        _find_height(name, row, frames), name, row, {key: pair for key, pair in values.items() if pair[0] != pair[1]}
    )


def _find_height(name: str, row: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]) -> int:
    """Return the height by which a row was decided, from the row itself or from its epoch's VE.

    An epoch's rewards and requests are settled at VE of the next one. Where the run ended before, it is its last block.
    """
    if "height" in row:
        return int(row["height"])
    decided = frames["difficulty"].set_index("epoch")["height"]
    epoch = int(row["epoch"]) + (name in ("rewards", "inferences"))
    return int(decided.get(epoch, frames["blocks"]["height"].max()))
