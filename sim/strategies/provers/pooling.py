"""Results that ML nodes of one host compute under the key of another host of their operator, which claims them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.strategies.actions import ClaimResults, Compute
from sim.strategies.base import View
from sim.strategies.events import ResultsFound


@dataclass(frozen=True, eq=False)
class Parcel:
    """Results on their way to the host under whose key they were computed."""

    proof: int
    """Key of the proof of compute."""
    ready_seconds: float
    """Time from which on that host has them."""
    nonces: NDArray[np.int64]
    values: NDArray[Any]


Parcels = Mapping[str, tuple[Parcel, ...]]
"""Host -> what it has not claimed yet"""


@dataclass(frozen=True, eq=False)
class Pool:
    """Memory of an operator whose hosts compute for each other."""

    addresses: tuple[str, ...]
    parcels: Parcels


def lend_nodes(view: View, addresses: tuple[str, ...], owners: Mapping[int, str]) -> tuple[Compute, ...]:
    """Let ML nodes of a host compute under the keys of others, ML node -> address; no two of the operator meet.

    The chain says how many ML nodes each host of the operator has registered, by which they are numbered in a row.
    """
    hosts, places = view.state.hosts, number_nodes(view, addresses)
    total = sum(len(hosts[host].nodes) for host in addresses if host in hosts)
    return tuple(
        Compute((number,), public_key=hosts[owner].validator_key, place=(places[number], total))
        for number, owner in owners.items()
        if owner in hosts and number in places
    )


def number_nodes(view: View, addresses: tuple[str, ...]) -> dict[int, int]:
    """Return a host's registered ML nodes with their numbers among all of the operator, from 1 on."""
    hosts = view.state.hosts
    if view.address not in hosts:
        return {}
    before = addresses[: addresses.index(view.address)]
    n_before = sum(len(hosts[host].nodes) for host in before if host in hosts)
    return {node.node_id: n_before + place for place, node in enumerate(hosts[view.address].nodes, 1)}


def send_parcel(pool: Pool, owner: str, event: ResultsFound, delay_seconds: float = 0.0) -> Pool:
    """Return the pool with an ML node's results on their way to their owner."""
    running, view = event.view.state.running, event.view
    if running is None:
        return pool
    parcel = Parcel(running.start_height, view.seconds + delay_seconds, event.nonces, event.values)
    return Pool(pool.addresses, {**pool.parcels, owner: (*pool.parcels.get(owner, ()), parcel)})


def claim_parcels(pool: Pool, view: View) -> tuple[Pool, tuple[ClaimResults, ...]]:
    """Return the pool without what a host can claim by now, and its claim; what comes too late is thrown away."""
    running, own = view.state.running, pool.parcels.get(view.address, ())
    others = {host: parcels for host, parcels in pool.parcels.items() if host != view.address}
    if running is None or view.height >= running.last_claim:
        return Pool(pool.addresses, others), ()
    coming = tuple(each for each in own if each.proof == running.start_height and each.ready_seconds > view.seconds)
    ready = [each for each in own if each.proof == running.start_height and each.ready_seconds <= view.seconds]
    pool = Pool(pool.addresses, {**others, view.address: coming} if coming else others)
    if not ready:
        return pool, ()
    nonces = np.concatenate([each.nonces for each in ready])
    values = np.concatenate([each.values for each in ready])
    return pool, (ClaimResults(view.ml_nodes[0].node_id, nonces, values),)
