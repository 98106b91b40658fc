"""Weight per GPU when rules changed in 2026, seen on chain, beside what the rules and a reference rate give (2.1, 3.2).

Epoch 159 was the first under proof of compute v2: 48 of its 60 blocks of generation counted, times .262. From epoch 176
on there were 35 blocks, times .3593, and the time factor. Reference rates are those of one machine at its best, so the
rows are reported, not judged; the cards of a host were also busy otherwise.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from importlib.resources import files

from sim.theory.row import Row

DATA = files("sim.theory") / "data" / "network_2026" / "gpu_weight_changes.csv"
BLOCK_S = 5.45
REFERENCE = {"A100-SXM4-80GB": 480 / 4, "B200": 1984 / 2, "H100-80GB-HBM3": 1248 / 4, "H200": 1408 / 4}
"""Nonces per minute and GPU of Qwen3-235B."""
FIRST, SHORTER = 159, 176
TIME_FACTOR = 5.41 * 35 / (40 * BLOCK_S)
WEIGHT_PER_NONCE = {FIRST: (48, 0.262), SHORTER: (35, 0.3593 * TIME_FACTOR)}
"""Epoch -> blocks that count, weight of a nonce in them."""


def gpu_weight_rows() -> Iterator[Row]:
    """Yield, for each change, the weight per GPU after it; for the second also what the time factor took."""
    for row in csv.DictReader(DATA.read_text(encoding="utf-8").splitlines()):
        gpu, epoch = row["gpu"], int(row["to_epoch"])
        before, after = (float(row[f"weight_per_gpu_{when}"]) for when in ("before", "after"))
        if gpu in REFERENCE:
            ours = compute_weight_per_gpu(epoch, REFERENCE[gpu])
            yield _report(f"weight per {gpu} in epoch {epoch}, by reference rate", ours, after)
        if epoch == SHORTER:
            yield _report(
                f"weight per {gpu}, epoch {epoch} over {epoch - 1}, by time factor", TIME_FACTOR, after / before
            )


def compute_weight_per_gpu(epoch: int, nonces_per_minute: float) -> float:
    """Return what a GPU weighs that computes all the time at this rate."""
    n_blocks, worth = WEIGHT_PER_NONCE[epoch]
    return nonces_per_minute * n_blocks * BLOCK_S / 60 * worth


def _report(quantity: str, ours: float, seen: float) -> Row:
    return Row(f"network of 2026: {quantity}", ours, seen, ours / seen, math.inf)
