"""A run in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sim.metrics.frames import REFUSED, Frames, is_rejected
from sim.metrics.statistics import compute_wilson_interval


def summarise(frames: Frames, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return the measures of a whole run as plain JSON values; `warnings` are those of before the run."""
    epochs, participants, transactions = frames["epochs"], frames["participants"], frames["transactions"]
    tried, valid = int(epochs["tried"].sum()), int(epochs["valid"].sum())
    expected = float((epochs["hit_probability"] * epochs["tried"]).sum() / tried) if tried else None
    rejected = participants[is_rejected(participants)]
    return {
        "n_epochs": len(epochs),
        "simulated_seconds": float(epochs["end_seconds"].max()) if len(epochs) else 0.0,
        "nonces_tried": tried,
        "nonces_valid": valid,
        "success_rate": valid / tried if tried else None,
        "success_interval_95": list(compute_wilson_interval(valid, tried)),
        "success_rate_exact": expected,
        "distances_computed": int(epochs["computed"].sum()),
        "distances_shared": int(epochs["shared"].sum()),
        "claims_accepted": int(participants["is_accepted"].sum()),
        "claims_rejected": len(rejected),
        "rejections": [
            {"epoch": int(row.epoch), "participant": row.participant, "strategy": row.strategy, "reason": row.reason}
            for row in rejected.itertuples()
        ],
        "warnings": [
            *warnings,
            *_warn_of_empty_groups(epochs),
            *_warn_of_missed_faults(frames["faults"]),
            *_warn_of_large_transactions(transactions),
        ],
        "difficulty_first": float(epochs["difficulty"].iloc[0]) if len(epochs) else None,
        "difficulty_last": float(epochs["difficulty"].iloc[-1]) if len(epochs) else None,
        "gossip_delay_median_seconds": _median(epochs["gossip_delay_median_seconds"]),
        "transactions_by_fate": {str(k): int(v) for k, v in transactions["fate"].value_counts().sort_index().items()},
    }


def _median(values: pd.Series) -> float | None:
    """Median of the values that are not missing; None without any (a network of one host has no gossip)."""
    known = values.dropna()
    return float(known.median()) if len(known) else None


def _warn_of_large_transactions(transactions: pd.DataFrame) -> list[str]:
    large = transactions[(transactions["fate"] == REFUSED) & transactions["height"].isna()]
    if large.empty:
        return []
    kinds, smallest = ", ".join(sorted(large["kind"].unique())), int(large["size_bytes"].min())
    return [
        f"{len(large)} of {len(transactions)} transactions ({kinds}; {smallest} B and more) are larger than what a "
        "block takes, and mempools refuse them: look at protocol.block_max_bytes"
    ]


def _warn_of_missed_faults(faults: pd.DataFrame) -> list[str]:
    missed = faults[faults["start_seconds"].isna()]
    return [
        f"the run ended before fault {row.fault} ({row.kind} of {row.target}), planned at {row.planned_seconds:g} s"
        for row in missed.itertuples()
    ]


def _warn_of_empty_groups(epochs: pd.DataFrame) -> list[str]:
    empty = epochs[(epochs["claimed_nonces"] > 0) & (epochs["total_weight"] == 0)]
    if empty.empty:
        return []
    epoch, n_accepted = int(empty["epoch"].iloc[0]), int(empty["accepted"].iloc[0])
    after = "from then on the group has no members, so that no later claim can win a vote (protocol 4.6)."
    if n_accepted:
        return [
            f"the power cap left none of the {n_accepted} accepted participants any weight in epoch {epoch}: {after} "
            "Look at `uncapped_weight` in `participants`: equal weights under too small a share, or too many zeros?"
        ]
    return [f"nobody was accepted in epoch {epoch}: {after} Look at the votes in `validations`: was there time enough?"]
