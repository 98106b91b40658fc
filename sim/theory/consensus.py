"""Consensus: the time between blocks beside its formula."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from sim.chain.consensus import VOTE_BYTES
from sim.protocol.consensus.transactions import HEADER_BYTES
from sim.runner import run
from sim.theory.row import Row

N_VALIDATORS = 7
INTERVAL_SECONDS, LATENCY_SECONDS, BITS_PER_SECOND = 2.0, 0.1, 1e8
SUM_ERROR = 1e-9  # seconds; the order of additions differs


def consensus_rows(quick: bool) -> Iterator[Row]:
    """A full mesh of equal links, before any host sends a transaction, in both tiers."""
    for tier in ("events",) if quick else ("events", "paths"):
        theory = compute_block_seconds(queues=tier == "events")
        blocks = run(_describe_scenario(tier)).frames["blocks"]
        seconds = np.diff(blocks.loc[blocks["epoch"] == 0, "time_seconds"])
        error = float(np.abs(seconds - theory).max())
        label = f"time of {len(seconds)} blocks, {N_VALIDATORS} validators, tier {tier}, s; largest error"
        yield Row(label, float(seconds.mean()), theory, error, SUM_ERROR)


def compute_block_seconds(*, queues: bool) -> float:
    """Target interval, then a block and two votes, one after the other, over links of equal latency.

    More than 2/3 of equal validators have to have the block; where uploads queue, the last of them gets it last.
    """
    sizes = (HEADER_BYTES, VOTE_BYTES, VOTE_BYTES)
    others = 2 * N_VALIDATORS // 3  # with the proposer itself more than 2/3
    waiting = (others - 1) * 8 * HEADER_BYTES / BITS_PER_SECOND if queues else 0.0
    return INTERVAL_SECONDS + waiting + sum(LATENCY_SECONDS + 8 * size / BITS_PER_SECOND for size in sizes)


def _describe_scenario(tier: str) -> dict[str, object]:
    names = [f"v-{number}" for number in range(N_VALIDATORS)]
    link = {"latency": f"{LATENCY_SECONDS} s", "bandwidth": f"{BITS_PER_SECOND:.0f} bit/s"}
    links = [{"between": pair, **link} for pair in itertools.combinations(names, 2)]
    stages = {"epoch_length": 40, "poc_stage_duration": 6, "poc_validation_duration": 6}
    return {
        "name": "equal-links",
        "epochs": 1,
        "protocol": {**stages, "validation_sample_size": 20, "block_time": f"{INTERVAL_SECONDS} s"},
        "work": {"kind": "sphere", "params": "tiny", "rate_factor": 0.05, "startup": "3 s"},
        "network": {"tier": tier, "topology": {"kind": "edges", "links": links}},
        "hosts": [{"name": "v", "count": N_VALIDATORS, "gpus": "1 x H100-SXM", "region": "EUROPE"}],
    }
