"""Cheats by names and hardware: many keys for one farm, one key for many, many hosts for tiny claims (protocol 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats

from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT, get_participants, make_row, measure_gain

P_MISMATCH, FRAUD_P = 5e-4, 1e-7
SHORT = NETWORK | {"epochs": 1}
TINY: dict[str, Any] = {f"hosts.{SUSPECT}.count": 4, f"hosts.{SUSPECT}.gpus": "1 x H100-SXM at 10 nonces/s"}
"""Claims of about a dozen nonces; too slow to check those of others, which are the majority."""
N_NODES, OTHERS = 6, 5
NODES = ["1 x H100-SXM at 1000 nonces/s"] * N_NODES
WITHIN = 1e-3


def name_rows(_quick: bool) -> Iterator[Row]:
    """Yield the weight of three names, of outsourced work, and of tiny claims that no test refutes."""
    yield from _sybil_rows()
    yield _outsource_row()
    yield _split_row()


def _sybil_rows() -> Iterator[Row]:
    """Six of eleven ML nodes: one name is cut to a quarter of all weight, three names carry all of it."""
    suspect = {"name": SUSPECT, "region": "EUROPE", "gpus": NODES}
    shell = {"name": "shell", "count": 2, "region": "EUROPE", "gpus": "1 x H100-SXM at 1 nonces/s"}
    others = NETWORK["hosts"][:1]
    ring = [host | {"strategy": "sybil", "operator": "ring"} for host in (suspect, shell)]
    for label, hosts, theory in (
        ("a farm of 6/11 of all compute under one name", [suspect], 0.25),
        ("a farm of 6/11 of all compute under three names", ring, N_NODES / (N_NODES + OTHERS)),
    ):
        network = SHORT | {"hosts": [*others, *hosts]}
        shares = np.array([_compute_share(network, seed) for seed in range(1, 4)])
        yield make_row(f"share of weight, {label} (sybil)", shares, theory)


def _compute_share(network: dict[str, Any], seed: int) -> float:
    participants = get_participants(network, {}, seed)
    mine = participants.loc[participants["host_group"] != "other", "weight"]
    return float(mine.sum() / participants["weight"].sum())


def _outsource_row() -> Row:
    """Of the five times that an ML node tells its results, those of others come 10 s later: four of them in time."""
    ring = {f"hosts.{SUSPECT}.count": 3, f"hosts.{SUSPECT}.operator": "ring"}
    gain = measure_gain({"kind": "outsource", "delay": 10.0}, range(1, 5), network=SHORT, common=ring)
    return make_row("gain of outsource, 10 s late, two of three ML nodes others'", gain.by_seed, (1 + 2 * 4 / 5) / 3)


def _split_row() -> Row:
    """A claim of v found takes the most f invented with P(Bin(v + f, p) >= f) not below the fraud threshold."""
    seeds = range(1, 5)
    gain = measure_gain("split_small", seeds, network=SHORT, common=TINY)
    found = np.concatenate([_list_found(seed) for seed in seeds])
    theory = sum(map(_count_forgiven, found.tolist())) / found.sum() + 1.0
    ours = float(gain.weight.sum() / gain.honest_weight.sum())
    return Row.absolute("weight of split_small, claims of about a dozen nonces", ours, float(theory), WITHIN)


def _list_found(seed: int) -> Any:
    participants = get_participants(SHORT, TINY, seed)
    return participants.loc[participants["host_group"] == SUSPECT, "claimed_nonces"].to_numpy()


def _count_forgiven(n_found: int) -> int:
    if not n_found:
        return 0
    return max(f for f in range(n_found + 4) if stats.binom.sf(f - 1, n_found + f, P_MISMATCH) >= FRAUD_P)
