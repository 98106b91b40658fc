"""Which tier runs: the rule by hand, what it must not allow, and where a result says it."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from typer.testing import CliRunner

import sim
from sim.blueprint import estimate_bytes_per_second
from sim.cli import app
from sim.errors import ScenarioError
from sim.network.tier import TierChoice, choose_tier, compute_busiest_share
from sim.protocol.versions import LAUNCH
from sim.scenario.load import load_scenario
from sim.scenario.schema import NetworkConfig
from sim.strategies.base import MLNode

SMALL = Path("tests/data/small.yaml").read_text(encoding="utf-8")
QUIET = 5600.0  # bytes per second


def star(upload: float) -> nx.DiGraph:
    graph = nx.star_graph(["hub", "x", "y", "z"]).to_directed()
    nx.set_edge_attributes(graph, 1e9, "bandwidth_bits_per_second")
    nx.set_node_attributes(graph, upload, "upload_bits_per_second")
    return graph


def config(**values: Any) -> NetworkConfig:
    return NetworkConfig.model_validate(values)


def estimate(n_hosts: int = 10, hit_probability: float = 1.0, n_blocks: int = 8, committee: int | None = None) -> float:
    """Hosts of two ML nodes that try 100 nonces/s all together; blocks of 5 s, `n_blocks` of validation."""
    protocol = {"epoch_length": 400, "block_time": "5 s", "poc_validation_duration": n_blocks}
    hosts = [{"name": "h", "count": n_hosts, "gpus": ["1 x H100-SXM", "1 x H100-SXM"], "region": "EUROPE"}]
    tree = {"name": "load", "epochs": 1, "protocol": {**protocol, "validation_committee": committee}, "hosts": hosts}
    node = MLNode(1, "H100-SXM", 1, 1, 50.0 / n_hosts, "float32", "QwQ-32B")
    return estimate_bytes_per_second(load_scenario(tree), {"h": [node, node]}, LAUNCH, hit_probability)


def test_offered_bytes_by_hand() -> None:
    # 4 claims/s of 300 B and 100 nonces/s of 16 B, against 100 votes of 420 B in 40 s and 10 seeds of 440 B in 5 s.
    assert estimate() == QUIET == 2 * (4 * 300 + 100 * 16)
    # Fewer nonces than claims could carry: a claim each; votes are more, or just less.
    assert estimate(hit_probability=0.03) == 2 * 100 * 420 / 40
    assert estimate(hit_probability=0.035) == pytest.approx(2 * 3.5 * 316)
    assert estimate(n_hosts=100) == 2 * 100**2 * 420 / 40
    assert estimate(n_hosts=100, hit_probability=0.01, n_blocks=200) == 2 * 100 * 440 / 5
    assert estimate(n_hosts=100, committee=64) == 2 * 100 * 64 * 420 / 40
    assert estimate(n_hosts=100, committee=200) == 2 * 100**2 * 420 / 40


def test_the_busiest_uplink_by_hand() -> None:
    # The hub passes each message on to two others; the leaves, of one peer, to nobody.
    assert compute_busiest_share(star(8000.0), 50.0) == 50.0 * 8 * 2 / 8000
    graph = star(8000.0)
    del graph.nodes["hub"]["upload_bits_per_second"]
    assert compute_busiest_share(graph, 50.0) == 50.0 * 8 * 2 / 1e9


def test_auto_takes_paths_up_to_five_per_cent() -> None:
    busy = 8 * 2 * QUIET
    assert choose_tier(config(tier="auto"), star(busy / 0.05), QUIET).tier == "paths"
    choice = choose_tier(config(tier="auto"), star(busy / 0.051), QUIET)
    assert choice == TierChoice(
        "auto", "events", "the busiest uplink is expected to be busy for 5.1 % of its busiest stage, more than 5 %"
    )


@pytest.mark.parametrize("values", [{"loss": 0.1}, {"announce_above": "1 kB"}])
def test_only_events_knows_losses_and_announcements(values: dict[str, Any]) -> None:
    assert choose_tier(config(tier="auto", **values), star(1e12), QUIET).tier == "events"
    key = next(iter(values))
    text = SMALL.replace("network: {", f"network: {{tier: paths, {key}: {values[key]}, ")
    with pytest.raises(ScenarioError) as caught:
        sim.scenario.load.parse_scenario(text.replace("epochs: 3", "epochs: x"), "x.yaml")
    assert [str(mistake).split(": ")[1] for mistake in caught.value.mistakes] == ["epochs", f"network.{key}"]
    assert f"x.yaml:7:24: network.{key}: the tier `paths` knows no" in str(caught.value)


def test_a_tier_that_is_named_is_taken() -> None:
    for tier in ("events", "paths"):
        assert choose_tier(config(tier=tier), star(1.0), QUIET) == TierChoice(tier, tier, "the scenario names it")


def test_the_result_says_which_tier_ran(tmp_path: Path) -> None:
    quiet = sim.run("tests/data/small.yaml", overrides={"network.tier": "auto", "epochs": 2})
    facts = quiet.provenance["network"]
    assert (facts["asked"], facts["tier"], facts["hosts"]) == ("auto", "paths", 7)
    paths = sim.run("tests/data/small.yaml", overrides={"network.tier": "paths", "epochs": 2})
    assert paths.provenance["trace_hash"] == quiet.provenance["trace_hash"]
    assert paths.provenance["network"]["graph_sha256"] == facts["graph_sha256"]
    options = ["--set", "network.tier=auto", "--set", "epochs=2", "--out", str(tmp_path / "r")]
    shown = CliRunner().invoke(app, ["run", "tests/data/small.yaml", *options])
    assert f"network: paths; {facts['reason']}" in shown.stdout


def test_both_tiers_tell_the_same_story() -> None:
    """Light load: the same fates and weights, delays within a few per cent; generation may end a nonce earlier."""
    events, paths = (
        sim.run("tests/data/small.yaml", overrides={"network.tier": tier, "work.kind": "sphere"})
        for tier in ("events", "paths")
    )
    assert paths.participants.drop(columns="tried").equals(events.participants.drop(columns="tried"))
    assert (paths.participants["tried"] - events.participants["tried"]).abs().max() <= 1
    assert paths.summary["transactions_by_fate"] == events.summary["transactions_by_fate"]
    medians = [result.summary["gossip_delay_median_seconds"] for result in (events, paths)]
    assert medians[1] == pytest.approx(medians[0], rel=0.03)
