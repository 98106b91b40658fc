"""How fast blocks and small messages spread, beside two measured days of the Bitcoin network.

1. Hosts stand in regions by the shares of a table of Bitcoin's nodes; each has `DEGREE` peers.
2. One message after another starts at a random host, without any other on its way (tier `events`).
3. The delays of all messages to all other hosts, taken together, have percentiles.
4. The measured percentiles are of times after the first sight of a message, by one observer with many peers.

The rows report ratios. They owe no agreement: software, sizes and uplinks of 2014 are not in the tables.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files

import networkx as nx
import numpy as np

from sim.network.standalone import measure_delays
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams
from sim.theory.row import Row
from sim.topologies.base import Member
from sim.topologies.random_regular import RandomRegular
from sim.topologies.regions_data import load_region_table

SEED = 20260104
PERCENTILES = (50, 75, 90, 95)
DEGREE = 8
PAUSE_SECONDS = 100_000.0  # between two messages: every copy of the one before has arrived
TABLES = ("simblock-2015", "simblock-2019")
Percentiles = tuple[float, ...]


@dataclass(frozen=True)
class PropagationConditions:
    """A message and the causes of its delay. Sizes in bytes, times in seconds."""

    size_bytes: int
    hop_validation_seconds: float
    """Time for which every host checks the message before it announces it [assumed]."""
    is_announced: bool = True
    """Announce, request, deliver, as Bitcoin did in 2014 with everything."""
    data: str = TABLES[0]
    upload_spread: float = 0.0
    """Log-normal sigma of a host's upload rate around its region's, the median."""
    retry_seconds: float = 120.0
    """From a request to the next announcer's turn [assumed]: two minutes, as in Bitcoin's software of 2014."""


BLOCK = PropagationConditions(size_bytes=500_000, hop_validation_seconds=0.25)
TRANSACTION = PropagationConditions(size_bytes=400, hop_validation_seconds=0.005)
KINDS = {"block": BLOCK, "tx": TRANSACTION}


@dataclass(frozen=True)
class MeasuredDay:
    """Percentiles of one kind of message on one day."""

    date: str
    kind: str
    seconds: Percentiles
    source: str


def load_measured_days() -> tuple[MeasuredDay, ...]:
    """Return the measured percentiles, those of `PERCENTILES` in their order, in seconds."""
    text = (files(__package__) / "data" / "bitcoin-propagation-2014.csv").read_text(encoding="utf-8")
    return tuple(
        MeasuredDay(row["date"], row["kind"], tuple(float(row[f"p{p}_s"]) for p in PERCENTILES), row["source"])
        for row in csv.DictReader(text.splitlines())
    )


def compute_measured(kind: str) -> Percentiles:
    """Return the geometric mean of the measured days at every percentile, in seconds."""
    days = [day.seconds for day in load_measured_days() if day.kind == kind]
    return tuple(math.exp(sum(map(math.log, column)) / len(column)) for column in zip(*days, strict=True))


def compute_percentiles(conditions: PropagationConditions, *, n_hosts: int, n_messages: int) -> Percentiles:
    """Return the percentiles of the delay, in seconds, over all messages and hosts other than the origin."""
    graph = build_network(conditions, n_hosts)
    config = NetworkConfig.model_validate(
        {
            "tier": "events",
            "announce_above": "0 B" if conditions.is_announced else None,
            "hop_validation": f"{conditions.hop_validation_seconds} s",
            "retry_timeout": f"{conditions.retry_seconds} s",
        }
    )
    origins = Streams(SEED)("propagation", "origins").choice(list(graph), n_messages, replace=False).tolist()
    sent = [(number * PAUSE_SECONDS, origin, conditions.size_bytes) for number, origin in enumerate(origins)]
    delays = np.concatenate(measure_delays(graph, config, sent, SEED))
    return tuple(np.percentile(delays, PERCENTILES).tolist())


def build_network(conditions: PropagationConditions, n_hosts: int) -> nx.DiGraph:
    """Return hosts in regions by the table's shares, with `DEGREE` peers each and upload rates of their own."""
    table, streams = load_region_table(conditions.data), Streams(SEED)
    regions = streams("propagation", "regions").choice(table.names, n_hosts, p=table.shares).tolist()
    members = [Member(f"h{number}", region) for number, region in enumerate(regions)]
    graph = RandomRegular(degree=DEGREE, data=conditions.data).build(members, streams)
    factors = streams("propagation", "uploads").lognormal(0.0, conditions.upload_spread, n_hosts).tolist()
    for host, factor in zip(graph, factors, strict=True):
        node = graph.nodes[host]
        node["upload_bits_per_second"] *= factor
        for link in graph[host].values():
            link["bandwidth_bits_per_second"] = min(link["bandwidth_bits_per_second"], node["upload_bits_per_second"])
    return graph


def propagation_rows(quick: bool) -> Iterator[Row]:
    """Ours over measured at every percentile: reported, not judged."""
    n_hosts, n_messages = (100, 10) if quick else (400, 40)
    for kind, conditions in KINDS.items():
        measured = compute_measured(kind)
        what = (
            f"{conditions.size_bytes // 1000} kB block" if kind == "block" else f"{conditions.size_bytes} B transaction"
        )
        for data in TABLES:
            ours = compute_percentiles(replace(conditions, data=data), n_hosts=n_hosts, n_messages=n_messages)
            for percentile, seconds, theory in zip(PERCENTILES, ours, measured, strict=True):
                label = f"{what}, {n_hosts} hosts, {data}, p{percentile}, s; ours / measured"
                yield Row(label, seconds, theory, seconds / theory, math.inf)
