"""Validators that sign nothing or twice: time that a silent turn costs, the share that halts, coins (protocol 6.5)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from sim.chain.consensus import VOTE_BYTES
from sim.results import Result
from sim.runner import run
from sim.theory.consensus import BITS_PER_SECOND, INTERVAL_SECONDS, LATENCY_SECONDS, SUM_ERROR, compute_block_seconds
from sim.theory.row import Row

N_VALIDATORS = 7
PROPOSE_SECONDS, PRECOMMIT_SECONDS = 3.0, 1.0
DEPOSIT_NGONKA = 999
NAMES = ("v", "mute")


def signature_rows(_quick: bool) -> Iterator[Row]:
    """Yield the time of a height whose turn is a silent one's, who halts the chain, and what two signatures cost."""
    blocks = _run("silent", 1).blocks
    seconds = np.diff(blocks.loc[blocks["epoch"] == 0, "time_seconds"])
    rounds = blocks.loc[blocks["epoch"] == 0, "round"].to_numpy()[1:]
    error = float(np.abs(seconds - compute_seconds() - rounds * compute_silent_turn_seconds()).max())
    label = f"silent: mean time of {len(seconds)} heights, 1 of {N_VALIDATORS} silent, s; largest error"
    theory = compute_seconds() + compute_silent_turn_seconds() * rounds.mean()
    yield Row(label, float(seconds.mean()), theory, error, SUM_ERROR)
    turns = len(rounds) // N_VALIDATORS * N_VALIDATORS
    yield Row.exact(f"silent: rounds that fail in {turns} heights", int(rounds[:turns].sum()), turns // N_VALIDATORS)
    for n_silent in (2, 3):
        halts = _run("silent", n_silent, epochs=1).provenance["status"] == "halted"
        share = f"{n_silent} of {N_VALIDATORS} silent"
        yield Row.exact(f"silent: the chain halts, {share}", int(halts), int(3 * n_silent >= N_VALIDATORS))
    (offence,) = _run("double_sign", 1).frames["offences"].to_dict("records")
    yield Row.exact("double_sign: ngonka slashed", offence["slashed_ngonka"], DEPOSIT_NGONKA * 5 // 100)


def compute_seconds() -> float:
    """Seconds of a height where all goes well, in the tier `paths`."""
    return compute_block_seconds(queues=False)


def compute_silent_turn_seconds() -> float:
    """Seconds of a round without a proposal: its timeout, two votes for nothing, and the timeout after them."""
    way = LATENCY_SECONDS + 8 * VOTE_BYTES / BITS_PER_SECOND
    return PROPOSE_SECONDS + 2 * way + PRECOMMIT_SECONDS


def _run(strategy: str, count: int, epochs: int = 1) -> Result:
    return run(_describe_scenario(strategy, count, epochs), seed=1)


def _describe_scenario(strategy: str, count: int, epochs: int) -> dict[str, Any]:
    """Seven equal validators over equal links, some of which follow the strategy."""
    counts = {"v": N_VALIDATORS - count, "mute": count}
    names = [f"{name}-{number}" for name in NAMES for number in range(counts[name])]
    link = {"latency": f"{LATENCY_SECONDS} s", "bandwidth": f"{BITS_PER_SECOND:.0f} bit/s"}
    host = {"gpus": "1 x H100-SXM", "region": "EUROPE", "collateral_ngonka": DEPOSIT_NGONKA}
    return {
        "name": "signatures",
        "epochs": epochs,
        "protocol": {
            "epoch_length": 40,
            "poc_stage_duration": 6,
            "poc_validation_duration": 6,
            "validation_sample_size": 20,
            "block_time": f"{INTERVAL_SECONDS} s",
        },
        "work": {"kind": "sphere", "params": "tiny", "rate_factor": 0.05, "startup": "3 s"},
        "network": {
            "tier": "paths",
            "topology": {
                "kind": "edges",
                "links": [{"between": list(pair), **link} for pair in itertools.combinations(names, 2)],
            },
        },
        "hosts": [
            {"name": "v", "count": counts["v"], **host},
            {"name": "mute", "count": counts["mute"], **host, "strategy": strategy},
        ],
    }
