"""Blocks that leave out or sort messages: who waits for how long, by the turns of proposers (protocol 1.1, 5.4)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pandas as pd

from sim.metrics.frames import Frames
from sim.protocol.consensus.transactions import HEADER_BYTES
from sim.protocol.consensus.validators import select_proposer
from sim.runner import run
from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT

OTHER = "other"
SEED = 1
EPOCH_1 = {
    "epochs": 1,
    "protocol.epoch_length": 24,
    "protocol.poc_stage_duration": 8,
    "protocol.poc_validation_duration": 6,
}
"""At genesis all weigh the same, so that turns follow from the addresses alone; they fall among the batches."""
RING = 3
ROOM_BYTES = 16_000
SMALL_BLOCKS = {"protocol.block_max_bytes": f"{HEADER_BYTES + ROOM_BYTES} B"}
"""Room for about three of the batches of 7 hosts that come in a block's time."""
WAY_SECONDS = 0.5
"""Longer than any message takes to a proposer."""


def proposal_rows(_quick: bool) -> Iterator[Row]:
    """Yield how many messages a censor delays and by how many blocks at most, and what comes first in sorted blocks."""
    honest = _run({})
    for n_censors in (1, RING):
        yield from _censor_rows(n_censors, honest if n_censors == 1 else _run({f"hosts.{SUSPECT}.count": RING}))
    yield _reorder_row()


def _run(overrides: dict[str, Any]) -> Frames:
    return run(NETWORK, overrides=EPOCH_1 | overrides, seed=SEED).frames


def _censor_rows(n_censors: int, honest: Frames) -> Iterator[Row]:
    """Messages that its blocks held in the honest run wait, all others do not; the longest wait is its longest run."""
    spec = {"kind": "censor", "victims": [OTHER], "subjects": ["seeds", "claims", "votes", "rewards"]}
    censored = _run({f"hosts.{SUSPECT}.count": n_censors, f"hosts.{SUSPECT}.strategy": spec})
    heights = _match(honest, censored)
    is_due = heights["height_honest"].map(honest["blocks"].set_index("height")["proposer"]).str.startswith(SUSPECT)
    waits = heights["height"] - heights["height_honest"]
    label = f"censor, {n_censors} of {n_censors + 5} proposers: messages that wait"
    yield Row.exact(label, int((waits > 0).sum()), int(is_due.sum()))
    longest = find_longest_run(n_censors)
    yield Row.exact(
        f"censor, {n_censors} of {n_censors + 5} proposers: blocks of the longest wait", waits.max(), longest
    )


def _match(honest: Frames, other: Frames) -> pd.DataFrame:
    """Messages of others that both runs included, with both heights."""
    victims = honest["transactions"].query("creator.str.startswith(@OTHER)").dropna(subset="height")
    return other["transactions"].dropna(subset="height").merge(victims, on="tx_id", suffixes=("", "_honest"))


def find_longest_run(n_censors: int, n_others: int = 5) -> int:
    """Return the most blocks in a row that hosts of equal power propose, by the weighted round-robin."""
    powers = {**{f"{OTHER}-{k}": 1 for k in range(n_others)}, **{f"{SUSPECT}-{k}": 1 for k in range(n_censors)}}
    priorities: dict[str, int] = {}
    turns = []
    for _ in range(2 * len(powers)):
        who, priorities = select_proposer(priorities, powers)
        turns.append(who.startswith(SUSPECT))
    return max(len(list(same)) for is_censor, same in groupby(turns) if is_censor)


def _reorder_row() -> Row:
    """Full blocks: what its operator's hosts have sent goes first, as much of it as there is room for."""
    house = {f"hosts.{SUSPECT}.{key}": value for key, value in (("operator", "house"), ("count", 2))}
    frames = _run({**house, **SMALL_BLOCKS, f"hosts.{SUSPECT}.strategy": {"kind": "reorder", "rivals": [OTHER]}})
    sent = frames["transactions"].query("creator.str.startswith(@SUSPECT)")
    n_taken = n_fitting = 0
    for block in frames["blocks"].query("proposer.str.startswith(@SUSPECT)").itertuples():
        is_known = sent["created_seconds"] < block.timestamp_seconds - WAY_SECONDS
        waiting = sent[is_known & (sent["height"].isna() | (sent["height"] >= block.height))]
        n_taken += int((waiting["height"] == block.height).sum())
        n_fitting += int((waiting.sort_values("created_seconds")["size_bytes"].cumsum() <= ROOM_BYTES).sum())
    return Row.exact("reorder: own messages in its own blocks, and those of the waiting that fit", n_taken, n_fitting)
