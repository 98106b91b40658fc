"""The network: floods against Dijkstra, queues, losses and distances against their formulas."""

from __future__ import annotations

import math
from collections.abc import Iterator

import networkx as nx
import numpy as np
import numpy.typing as npt

from sim.network.standalone import measure_delays
from sim.scenario.schema import NetworkConfig
from sim.streams import Streams
from sim.theory.row import Z_BOUND, Row
from sim.topologies.base import Member
from sim.topologies.random_regular import RandomRegular

SEED = 20260103
BYTES = 1_000
SUM_ERROR = 1e-9  # seconds; the order of additions differs
LOAD, SERVICE_SECONDS, N_BATCHES = 0.5, 1.0, 100
LOSS, TIMEOUT_SECONDS = 0.3, 2.0
DEGREE, DISTANCE_ERROR = 8, 0.01  # the Gompertz law holds for large networks


def network_rows(quick: bool) -> Iterator[Row]:
    """Arrivals, M/D/1, repetition and distances of random regular networks."""
    yield from _arrival_rows(100 if quick else 1000)
    yield _queue_row(400 if quick else 4000)
    yield _loss_row(4_000 if quick else 40_000)
    yield from _distance_rows(1000 if quick else 10_000)


def _build(n: int, jitter: float = 0.3) -> nx.DiGraph:
    members = [Member(f"h{i}", ("EUROPE", "JAPAN", "AUSTRALIA")[i % 3]) for i in range(n)]
    return RandomRegular(degree=DEGREE, jitter=jitter).build(members, Streams(SEED))


def _arrival_rows(n: int) -> Iterator[Row]:
    """Both tiers beside networkx's own Dijkstra on a network whose uplinks never wait."""
    graph = _build(n)
    nx.set_node_attributes(graph, math.inf, "upload_bits_per_second")
    for _, _, data in graph.edges(data=True):
        data["seconds"] = data["latency_seconds"] + 8 * BYTES / data["bandwidth_bits_per_second"]
    theory = sorted(nx.single_source_dijkstra_path_length(graph, "h0", weight="seconds").values())[1:]
    for tier in ("events", "paths"):
        config = NetworkConfig.model_validate({"tier": tier})
        ours = sorted(measure_delays(graph, config, [(0.0, "h0", BYTES)], SEED)[0])
        error = max(abs(a - b) for a, b in zip(ours, theory, strict=True))
        label = f"last arrival of a flood over {n} hosts, tier {tier}; largest error"
        yield Row(label, ours[-1], theory[-1], error, SUM_ERROR)


def _link(**config: object) -> tuple[nx.DiGraph, NetworkConfig]:
    """One link whose transfers take SERVICE_SECONDS."""
    graph = nx.DiGraph()
    graph.add_edge("a", "b", latency_seconds=0.0, bandwidth_bits_per_second=8 * BYTES / SERVICE_SECONDS)
    graph.add_edge("b", "a", latency_seconds=0.0, bandwidth_bits_per_second=8 * BYTES / SERVICE_SECONDS)
    return graph, NetworkConfig.model_validate(config)


def _queue_row(batch: int) -> Row:
    """M/D/1: Poisson messages of one size wait load / (2 (1 - load)) transfer times on average (Pollaczek)."""
    n = N_BATCHES * batch
    starts = np.cumsum(np.random.default_rng(SEED).exponential(SERVICE_SECONDS / LOAD, n))
    graph, config = _link()
    delays = measure_delays(graph, config, ((float(start), "a", BYTES) for start in starts), SEED)
    waits = np.array([delay[0] for delay in delays]) - SERVICE_SECONDS
    theory = SERVICE_SECONDS * LOAD / (2.0 * (1.0 - LOAD))
    means = waits.reshape(N_BATCHES, batch).mean(axis=1)  # neighbours wait together, batches hardly do
    return Row(f"waiting time of {n} messages at an uplink, load {LOAD} (M/D/1), s", *_score(means, theory))


def _loss_row(n: int) -> Row:
    """A lost transfer is repeated: a geometric number of timeouts more."""
    graph, config = _link(loss=LOSS, retry_timeout=f"{TIMEOUT_SECONDS} s")
    graph.nodes["a"]["upload_bits_per_second"] = math.inf
    delays = measure_delays(graph, config, ((0.0, "a", BYTES) for _ in range(n)), SEED)
    more = np.array([delay[0] for delay in delays]) - SERVICE_SECONDS
    theory = TIMEOUT_SECONDS * LOSS / (1.0 - LOSS)
    return Row(f"delay of {n} transfers by losses of {LOSS:.0%}, s", *_score(more, theory))


def _score(sample: npt.NDArray[np.float64], theory: float) -> tuple[float, float, float, float]:
    mean, error = float(sample.mean()), float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return mean, theory, (mean - theory) / error, Z_BOUND


def _distance_rows(n: int) -> Iterator[Row]:
    """Degree and mean distance, in hops, of a random regular network."""
    graph = _build(n, jitter=0.0)
    degrees = [degree for _, degree in graph.out_degree]
    wrong = sum(degree != DEGREE for degree in degrees)
    yield Row(f"peers of {n} hosts, random_regular; wrong ones", sum(degrees) / n, DEGREE, wrong, 0.0)
    hops = [sum(nx.single_source_shortest_path_length(graph, f"h{i}").values()) / (n - 1) for i in range(20)]
    ours, theory = sum(hops) / len(hops), compute_mean_distance(n, DEGREE)
    yield Row(
        f"mean distance of {n} hosts, random_regular, relative", ours, theory, ours / theory - 1.0, DISTANCE_ERROR
    )


def compute_mean_distance(n: int, degree: int) -> float:
    """Return the mean distance in hops of two hosts in a large random regular network.

    P(distance > l) = exp(-d ((d - 1)^l - 1) / ((d - 2) n)) for l hops (Nitzan, Katzav, Kuehn, Biham 2016).
    """
    tails = (math.exp(-degree * ((degree - 1) ** hops - 1) / ((degree - 2) * n)) for hops in range(64))
    return sum(tails)
