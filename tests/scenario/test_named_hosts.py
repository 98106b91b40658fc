"""Links of named hosts, from the scenario or from a file; regions by share. Mistakes at their places, all at once."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.execution.sweep_file import load_sweep_file
from sim.nodes.identity import name_hosts
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario
from sim.streams import Streams
from sim.topologies.base import Member

HOSTS = """
hosts:
  - {name: a, count: 2, gpus: H100-SXM, region: EUROPE}
  - {name: b, gpus: H100-SXM, region: JAPAN, joins: 2}
"""
HEAD = "name: small\nepochs: 2\n"


def explicit(links: str) -> str:
    return f"{HEAD}network:\n  topology:\n    kind: edges\n    links:\n{links}{HOSTS}"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_given_latency_and_bandwidth_win_over_the_table() -> None:
    text = explicit(
        "      - {between: [a-0, a-1], latency: 20 ms, bandwidth: 100 Mbit/s}\n      - between: [b-0, a-1]\n"
    )
    topology = parse_scenario(text).network.topology
    graph = topology.build([Member("a-0", "EUROPE"), Member("a-1", "EUROPE"), Member("b-0", "JAPAN")], Streams(1))
    assert graph.number_of_edges() == 4
    for edge in (("a-0", "a-1"), ("a-1", "a-0")):
        assert graph.edges[edge] == {"latency_seconds": 0.02, "bandwidth_bits_per_second": 1e8}
    assert graph.edges["a-1", "b-0"]["latency_seconds"] == pytest.approx(0.252, rel=0.5)
    assert graph.edges["a-1", "b-0"]["bandwidth_bits_per_second"] == 20_700_000
    uploads = nx.get_node_attributes(graph, "upload_bits_per_second")
    assert uploads == {"a-0": 1e8, "a-1": 1e8, "b-0": 10_200_000}  # nobody is slower than its fastest link
    assert parse_scenario(dump_scenario(parse_scenario(text))) == parse_scenario(text)


def test_every_wrong_link_is_told() -> None:
    links = """
      - {between: [a-0, a-2]}
      - {between: [a-0, a-0]}
      - {between: [a-1, a-0], latency: 20}
      - {between: [a-0, a-1], bandwidth: 0 bit/s, width: 3}
      - {between: [a-0]}
"""
    found = mistakes(explicit(links))
    assert [line.split(": ")[:2] for line in found] == [
        ["x.yaml:10:31", "network.topology.links.2.latency"],
        ["x.yaml:11:31", "network.topology.links.3.bandwidth"],
        ["x.yaml:11:51", "network.topology.links.3.width"],
        ["x.yaml:12:10", "network.topology.links.4.between.1"],
    ]
    found = mistakes(explicit(links.partition("      - {between: [a-1, a-0], latency")[0]))
    assert found == [
        'x.yaml:8:25: network.topology.links.0.between.1: there is no host "a-2". Did you mean "a-1"? '
        "Known: a-0, a-1, b-0.",
        'x.yaml:9:10: network.topology.links.1.between: "a-0" is linked to itself',
    ]
    twice = "      - {between: [a-0, a-1]}\n      - {between: [a-1, a-0]}\n"
    assert mistakes(explicit(twice)) == [
        'x.yaml:8:10: network.topology.links.1.between: "a-1" and "a-0" are already linked by links.0'
    ]


def test_pieces_are_told_at_the_epoch_that_they_appear_in() -> None:
    (found,) = mistakes(explicit("      - {between: [a-0, a-1]}\n"))
    assert found == (
        "x.yaml:6:5: network.topology.links: the network is in pieces when the hosts of epoch 2 have joined: from a-0 "
        "no way leads to b-0 (1 of 3 hosts)"
    )
    late_bridge = "      - {between: [a-0, b-0]}\n      - {between: [a-1, b-0]}\n"
    (found,) = mistakes(explicit(late_bridge))
    assert "hosts of epoch 1 have joined: from a-0 no way leads to a-1 (1 of 2 hosts)" in found
    assert parse_scenario(explicit(late_bridge).replace(", joins: 2", ""))


def write(folder: Path, topology_path: str) -> Path:
    file = folder / "x.yaml"
    file.write_text(f"{HEAD}network:\n  topology: {{kind: file, path: {topology_path}}}{HOSTS}")
    return file


def file_mistake(file: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (mistake,) = caught.value.mistakes
    return str(mistake)


@pytest.mark.parametrize("name", ["links.graphml", "links.txt"])
def test_a_file_lies_beside_its_scenario(tmp_path: Path, name: str) -> None:
    graph = nx.Graph([("a-0", "a-1", {"latency_seconds": 0.5}), ("a-1", "b-0", {"bandwidth_bits_per_second": 1e6})])
    (nx.write_graphml if name.endswith("graphml") else nx.write_edgelist)(graph, tmp_path / name)
    scenario = load_scenario(write(tmp_path, name))
    members = [Member("a-0", "EUROPE"), Member("a-1", "EUROPE"), Member("b-0", "JAPAN")]
    built = scenario.network.topology.build(members, Streams(1))
    assert built.edges["a-1", "a-0"]["latency_seconds"] == 0.5
    assert built.edges["b-0", "a-1"]["bandwidth_bits_per_second"] == 1e6
    assert parse_scenario(dump_scenario(scenario)) == scenario  # whoever reads the result finds the file again


def test_a_file_is_found_by_sweeps_and_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "sweeps"
    inner.mkdir()
    (tmp_path / "links.txt").write_text("a-0 a-1\na-1 b-0\n")
    (inner / "s.yaml").write_text("scenario: ../x.yaml\nsweep: {grid: {epochs: [2, 3]}}\n")
    write(tmp_path, "links.txt")
    assert len(load_sweep_file(inner / "s.yaml").points) == 2
    monkeypatch.chdir(tmp_path)
    assert parse_scenario((tmp_path / "x.yaml").read_text()).network.topology.path == str(tmp_path / "links.txt")


def test_files_that_are_no_graph_of_these_hosts(tmp_path: Path) -> None:
    file, links = write(tmp_path, "links.txt"), tmp_path / "links.txt"
    where = f"{file}:4:26: network.topology.path: "
    assert file_mistake(file) == f'{where}there is no such file: "{links}"'
    links.write_text("a-0 a-1 3\n")
    assert file_mistake(file).startswith(f'{where}"{links}" is no graph that networkx can read: ')
    links.write_text("a-0 a-1\na-1 c-0\n")
    assert file_mistake(file).startswith(f'{where}{links}: there is no host "c-0". Did you mean "')
    links.write_text("a-0 a-1\n")
    assert "the network is in pieces when the hosts of epoch 2" in file_mistake(file)
    links.write_text('a-0 a-1 {"latency_seconds": -1}\na-1 b-0\n')
    assert file_mistake(file).endswith("link a-0 - a-1: latency_seconds must be a number, at least 0, not -1")
    write(tmp_path, ".")
    assert "is a folder, not a file" in file_mistake(file)
    links.with_suffix(".graphml").write_text("<graphml")
    write(tmp_path, "links.graphml")
    assert "is no graph that networkx can read" in file_mistake(file)


def shares(text: str) -> str:
    return f"{HEAD}hosts:\n  - {{name: a, count: 400, gpus: H100-SXM, region: {text}}}\n"


def regions_of(text: str, **overrides: object) -> list[str]:
    scenario = parse_scenario(text, overrides=overrides)
    return [identity.region for identity in name_hosts(scenario, Streams(scenario.seed))]


def test_regions_by_share() -> None:
    """400 draws at 0.25: standard error 0.022; bound 4 of them."""
    text = shares("{EUROPE: 0.25, JAPAN: 0.75}")
    drawn = regions_of(text)
    assert np.mean(np.array(drawn) == "EUROPE") == pytest.approx(0.25, abs=0.087)
    assert set(drawn) == {"EUROPE", "JAPAN"}
    assert regions_of(text.replace("count: 400", "count: 401"))[:400] == drawn  # a host more changes no other
    before = text.replace(
        "  - {name: a", "  - {name: z, count: 3, gpus: L40S, region: {EUROPE: 0.5, JAPAN: 0.5}}\n  - {name: a"
    )
    assert regions_of(before)[3:] == drawn
    assert regions_of(text, seed=2) != drawn
    assert regions_of(shares("{JAPAN: 0.75, EUROPE: 0.25}")) == drawn
    assert regions_of(shares("{JAPAN: 1.0}")) == ["JAPAN"] * 400


def test_wrong_shares() -> None:
    where = "x.yaml:4:43: hosts.0.region: "
    assert mistakes(shares("{EUROPE: 0.5, JAPAN: 0.4}")) == [f"{where}the shares must sum to 1, not 0.9"]
    assert mistakes(shares("{}")) == [f"{where}the shares must sum to 1, not 0"]
    total, unknown = mistakes(shares("{EUROP: 0.5, JAPAN: 0.4}"))
    assert total == f"{where}the shares must sum to 1, not 0.9"
    assert unknown.startswith(
        'x.yaml:4:52: hosts.0.region.EUROP: unknown region "EUROP". Did you mean "EUROPE"? Known:'
    )
    negative, text = mistakes(shares("{EUROPE: -0.5, JAPAN: half}"))
    what = "must be a number, more than 0 and at most 1"
    assert negative == f"x.yaml:4:52: hosts.0.region.EUROPE: {what}, not -0.5"
    assert text == f'x.yaml:4:66: hosts.0.region.JAPAN: {what}, not "half"'
    assert mistakes(shares("3")) == [f"{where}must be a region, or shares like {{EUROPE: 0.6, JAPAN: 0.4}}, not 3"]


def test_a_host_whose_links_all_have_a_bandwidth_uploads_at_the_fastest_of_them() -> None:
    text = explicit(
        "      - {between: [a-0, a-1], bandwidth: 10 kbit/s}\n      - {between: [b-0, a-1], bandwidth: 4 kbit/s}\n"
    )
    topology = parse_scenario(text).network.topology
    graph = topology.build([Member("a-0", "EUROPE"), Member("a-1", "EUROPE"), Member("b-0", "JAPAN")], Streams(1))
    assert nx.get_node_attributes(graph, "upload_bits_per_second") == {"a-0": 1e4, "a-1": 1e4, "b-0": 4e3}
