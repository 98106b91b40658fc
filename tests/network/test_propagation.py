"""Propagation beside measured days: the data are as published, and each condition acts as it says."""

import dataclasses
import math

import networkx as nx
import numpy as np
import pytest

from sim.theory import propagation
from sim.theory.propagation import (
    BLOCK,
    DEGREE,
    PERCENTILES,
    TRANSACTION,
    PropagationConditions,
    build_network,
    compute_measured,
    compute_percentiles,
    load_measured_days,
    propagation_rows,
)
from sim.topologies.regions_data import load_region_table

SMALL = {"n_hosts": 60, "n_messages": 5}


def test_the_measured_days() -> None:
    days = {(day.date, day.kind): day for day in load_measured_days()}
    assert len(days) == 4
    assert days["2014-03-24", "block"].seconds == (3.3, 6.4, 13.5, 25.0)
    assert days["2014-11-17", "tx"].seconds == (0.798, 1.388, 3.267, 4.872)
    assert all(day.source.startswith("http://bitcoinstats.com/network/propagation/2014/") for day in days.values())
    assert compute_measured("block")[0] == pytest.approx(math.sqrt(3.3 * 4.063))


def test_a_message_that_takes_no_time_follows_the_table() -> None:
    """One byte, sent at once: the latencies of shortest paths, by another implementation."""
    conditions = PropagationConditions(size_bytes=1, hop_validation_seconds=0.0, is_announced=False)
    graph = build_network(conditions, 40)
    theory = sorted(
        seconds
        for _, row in nx.all_pairs_dijkstra_path_length(graph, weight="latency_seconds")
        for seconds in row.values()
        if seconds
    )
    ours = compute_percentiles(conditions, n_hosts=40, n_messages=40)
    assert ours == pytest.approx(np.percentile(theory, PERCENTILES), abs=1e-4)  # the byte's own time


def test_hosts_stand_by_the_shares_of_the_table() -> None:
    graph = build_network(BLOCK, 400)
    table = load_region_table(BLOCK.data)
    assert {degree for _, degree in graph.out_degree} == {DEGREE}
    assert all(node["upload_bits_per_second"] == table.upload(node["region"]) for node in graph.nodes.values())
    for region, share in zip(table.names, table.shares, strict=True):
        n = sum(node["region"] == region for node in graph.nodes.values())
        assert abs(n - 400 * share) <= 4 * math.sqrt(400 * share * (1 - share))


@pytest.mark.parametrize(
    "changes",
    [
        {"size_bytes": 250_000},
        {"hop_validation_seconds": 0.0},
        {"data": "simblock-2019"},
    ],
)
def test_every_percentile_falls_with_what_is_lighter(changes: dict[str, object]) -> None:
    heavy = compute_percentiles(BLOCK, **SMALL)
    light = compute_percentiles(dataclasses.replace(BLOCK, **changes), **SMALL)
    assert all(a < b for a, b in zip(light, heavy, strict=True))


def test_announcements_cost_latencies_and_slow_uplinks_make_the_tail() -> None:
    pushed = compute_percentiles(dataclasses.replace(TRANSACTION, is_announced=False), **SMALL)
    announced = compute_percentiles(TRANSACTION, **SMALL)
    assert all(1.5 < b / a < 5 for a, b in zip(pushed, announced, strict=True))
    alike = compute_percentiles(BLOCK, **SMALL)
    spread = compute_percentiles(dataclasses.replace(BLOCK, upload_spread=2.0), **SMALL)
    assert spread[-1] / spread[0] > 1.5 * alike[-1] / alike[0]
    patient = dataclasses.replace(BLOCK, upload_spread=2.0, retry_seconds=5.0)
    assert compute_percentiles(patient, **SMALL) != spread


def test_rows_report_the_ratio_and_fail_nobody() -> None:
    rows = list(propagation_rows(True))
    assert len(rows) == len(propagation.KINDS) * len(propagation.TABLES) * len(PERCENTILES)
    for row in rows:
        assert row.score == row.ours / row.theory
        assert row.passed
        assert row.verdict == "reported"
        assert 1 / 15 < row.score < 3  # far away from any defect of a factor of a thousand
