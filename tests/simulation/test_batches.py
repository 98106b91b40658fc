"""Nonces that are finished in batches: how many at once, which are lost at E, and that nothing else changes."""

import math

import pytest

import sim
from sim.nodes.identity import build_ml_nodes
from sim.results import Result
from sim.scenario.load import load_scenario

SMALL = "tests/data/small.yaml"
COMMON = {"work.kind": "sphere", "network.tier": "paths", "epochs": 2}


@pytest.fixture(scope="module")
def smooth() -> Result:
    return sim.run(SMALL, overrides=COMMON)


@pytest.fixture(scope="module")
def real() -> Result:
    return sim.run(SMALL, overrides={**COMMON, "work.batches": "real"})


def test_sizes_are_those_of_the_networks_rule() -> None:
    """Protocol 7.3: H100 about 250 (observed 247), H200 647, two 4090 about 20, 48 GiB 43; times the rates' factor."""
    expected = {"big": [250], "pair": [20, 43], "late": [647]}
    for factor in (1.0, 0.1):
        scenario = load_scenario(SMALL, {"work.batches": "real", "work.rate_factor": factor})
        for group in scenario.hosts:
            if group.name in expected:
                sizes = [node.batch_size for node in build_ml_nodes(group, scenario)]
                assert sizes == [pytest.approx(factor * size, rel=0.02, abs=1.0) for size in expected[group.name]]


def test_whole_batches_and_the_one_that_runs_at_e_is_lost(smooth: Result, real: Result) -> None:
    scenario = load_scenario(SMALL, {"work.batches": "real"})
    sizes = {
        (group.name, node.node_id): node.batch_size
        for group in scenario.hosts
        for node in build_ml_nodes(group, scenario)
    }
    assert sizes["big", 1] == 17
    for row, before in zip(real.ml_nodes.itertuples(), smooth.ml_nodes.itertuples(), strict=True):
        size = sizes[row.participant.split("-")[0], row.node_id]
        turns = (row.end_seconds - row.start_seconds) * row.nonces_per_second / row.n_gpu_groups
        assert row.tried == row.n_gpu_groups * size * math.floor(math.floor(turns) / size)
        assert before.tried - row.tried < size * row.n_gpu_groups
        assert row.valid == row.claimed + row.unsent or row.participant == "liar-0"
    lost = smooth.ml_nodes["tried"].sum() - real.ml_nodes["tried"].sum()
    half = sum(
        sizes[who.split("-")[0], node] / 2
        for who, node in zip(real.ml_nodes["participant"], real.ml_nodes["node_id"], strict=True)
    )
    assert 0 < lost < 3 * half * real.ml_nodes["n_gpu_groups"].max()
