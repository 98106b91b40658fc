"""Region tables: the package's own and a user's, read by one reader that tells every mistake at its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

import sim
from sim.cli import app
from sim.errors import ScenarioError, UserError
from sim.execution.sweep_file import load_sweep_file
from sim.network.standalone import measure_delays
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario
from sim.scenario.schema import NetworkConfig, Scenario
from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Member
from sim.topologies.regions_data import load_region_table, region_table_names
from sim.topologies.table_file import parse_table

TABLE = """\
source: a test
regions: [HOME, AWAY]
latency_ms:
  - [5, 80]
  - [80, 10]
upload_bits_per_second: [20000000, 8000000]
download_bits_per_second: [100000000, 50000000]
shares: [0.25, 0.75]
"""
SCENARIO = """\
name: own
epochs: 2
network: {topology: {kind: full_mesh, data: mine.yaml, jitter: 0}}
hosts:
  - {name: a, count: 2, gpus: H100-SXM, region: HOME}
  - {name: b, gpus: H100-SXM, region: {HOME: 0.5, AWAY: 0.5}}
"""
MEMBERS = [Member("a-0", "HOME"), Member("b-0", "AWAY"), Member("c-0", "AWAY")]


def write(folder: Path, table: str | None = TABLE, scenario: str = SCENARIO) -> Path:
    if table is not None:
        (folder / "mine.yaml").write_text(table)
    (folder / "x.yaml").write_text(scenario)
    return folder / "x.yaml"


def mistakes(folder: Path, table: str | None = TABLE, scenario: str = SCENARIO) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(folder, table, scenario))
    return [str(mistake).replace(f"{folder}/", "") for mistake in caught.value.mistakes]


def test_simblock_tables() -> None:
    assert region_table_names() == ("simblock-2015", "simblock-2019")
    table = load_region_table("simblock-2019")
    assert table.names == ("NORTH_AMERICA", "EUROPE", "SOUTH_AMERICA", "ASIA_PACIFIC", "JAPAN", "AUSTRALIA")
    assert table.latency("EUROPE", "JAPAN") == table.latency("JAPAN", "EUROPE") == 0.252
    assert table.upload("EUROPE") == 20_700_000.0
    assert table.download("NORTH_AMERICA") == 52_000_000.0
    assert "Apache-2.0" in table.source
    assert load_region_table("simblock-2015").latency("EUROPE", "EUROPE") == 0.012


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r'unknown region table "simblock-2018"\. Did you mean "simblock-2019"\?'):
        load_region_table("simblock-2018")
    with pytest.raises(UserError, match=r'unknown region "EUROP"\. Did you mean "EUROPE"\?'):
        load_region_table("simblock-2019").latency("EUROP", "JAPAN")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  - [80, 10]\n", "", ["3:1: latency_ms: 1 instead of 2 rows, one for each region"]),
        ("  - [80, 10]\n", "  - [80, 10]\n  - [1, 2]\n", ["3:1: latency_ms: 3 instead of 2 rows, one for each region"]),
        ("[80, 10]", "[80]", ["5:5: latency_ms.1: 1 instead of 2 values, one for each region"]),
        ("[80, 10]", "[80, 10, 1]", ["5:5: latency_ms.1: 3 instead of 2 values, one for each region"]),
        ("[80, 10]", "80", ["5:5: latency_ms.1: must be a list, not 80"]),
        ("[80, 10]", "[81, 10]", ["5:6: latency_ms.1.0: 81 must be latency_ms.0.1, 80: latency is alike both ways"]),
        ("[80, 10]", "[80, -10]", ["5:10: latency_ms.1.1: -10 must be more than 0"]),
        ("[80, 10]", "[80, 0]", ["5:10: latency_ms.1.1: 0 must be more than 0"]),
        ("[80, 10]", "[80, 1e9]", ["5:10: latency_ms.1.1: 1000000000.0 must be at most 3600000"]),
        ("[80, 10]", "[80, .inf]", ["5:10: latency_ms.1.1: must be a finite number, not inf"]),
        ("[80, 10]", "[80, .nan]", ["5:10: latency_ms.1.1: must be a finite number, not nan"]),
        ("[80, 10]", "[80, ]", ["5:5: latency_ms.1: 1 instead of 2 values, one for each region"]),
        ("[80, 10]", "[80, null]", ["5:10: latency_ms.1.1: must be a number, not nothing"]),
        ("[80, 10]", "[80, true]", ["5:10: latency_ms.1.1: must be a number, not true"]),
        (
            "[80, 10]",
            "[80, 10 ms]",
            ['5:10: latency_ms.1.1: must be a number, not "10 ms" (without quotes or unit)'],
        ),
        (
            "8000000]",
            "8 Mbit/s]",
            ['6:36: upload_bits_per_second.1: must be a number, not "8 Mbit/s" (without quotes or unit)'],
        ),
        (", 8000000]", "]", ["6:1: upload_bits_per_second: 1 instead of 2 values, one for each region"]),
        ("[100000000, 50000000]", "fast", ['7:1: download_bits_per_second: must be a list, not "fast"']),
        ("0.75]", "0.7]", ["8:1: shares: the shares must sum to 1, not 0.95"]),
        ("0.75]", "1.5]", ["8:1: shares: the shares must sum to 1, not 1.75", "8:16: shares.1: 1.5 must be at most 1"]),
        ("[HOME, AWAY]", "[HOME, HOME]", ['2:17: regions.1: "HOME" is already regions.0']),
        ("[HOME, AWAY]", "[HOME, 3]", ["2:17: regions.1: must be text, not 3"]),
        ("[HOME, AWAY]", "[HOME, '']", ["2:17: regions.1: must have at least 1 character"]),
        ("[HOME, AWAY]", "[]", ["2:1: regions: must have at least 1 item"]),
        ("regions: [HOME, AWAY]\n", "", ["1:1: regions: is missing; this key is required"]),
        ("shares: [0.25, 0.75]\n", "", ["1:1: shares: is missing; this key is required"]),
        ("source: a test", "source: 3", ["1:1: source: must be text, not 3"]),
        (
            "source: ",
            "sauce: ",
            [
                '1:1: sauce: unknown key. Did you mean "source"? Known: download_bits_per_second, latency_ms, licence, '
                "name, regions, shares, source, upload_bits_per_second."
            ],
        ),
        (
            "source: ",
            "shares: [1]\nsource: ",
            [
                "1:1: shares: 1 instead of 2 values, one for each region",
                "9:1: shares: this key is already given in line 1",
            ],
        ),
        ("source: a", "source: !!str a", ["1:9: the tag "]),
        ("[80, 10]", "[80, 10", ["6:23: not valid YAML: "]),
        (TABLE, "", ["1:1: the file is empty; a region table is a mapping"]),
        (TABLE, "- 1\n", ["1:1: a region table is a mapping with the keys name, source, licence, regions, latency_ms"]),
        (TABLE, "a: 1\n---\nb: 2\n", ['2:1: a region table is one YAML document; this "---" starts another']),
    ],
)
def test_every_mistake_has_its_line_and_column(tmp_path: Path, old: str, new: str, found: list[str]) -> None:
    assert old in TABLE
    told = mistakes(tmp_path, TABLE.replace(old, new))
    assert len(told) == len(found), told
    for line, start in zip(told, found, strict=True):
        assert line.startswith(f"mine.yaml:{start}")


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    table = TABLE.replace("[80, 10]", "[81, -10]").replace("8000000]", "x]").replace("shares: ", "share: ")
    told = mistakes(tmp_path, table, SCENARIO.replace("name: own", "name: 1").replace("jitter: 0", "jitter: -1"))
    assert [": ".join(line.split(": ")[:2]) for line in told] == [
        "mine.yaml:1:1: shares",
        "x.yaml:1:1: name",
        "x.yaml:3:56: network.topology.jitter",
        "mine.yaml:5:6: latency_ms.1.0",
        "mine.yaml:5:10: latency_ms.1.1",
        "mine.yaml:6:36: upload_bits_per_second.1",
        "mine.yaml:8:1: share",
    ]
    assert 'unknown key. Did you mean "shares"?' in told[-1]


def test_files_that_are_no_table_are_told_where_they_are_named(tmp_path: Path) -> None:
    where = "x.yaml:3:39: network.topology.data: "
    (tmp_path / "nine.yaml").write_text(TABLE)
    (told,) = mistakes(tmp_path, None)
    assert told == f'{where}mine.yaml: there is no such file. Did you mean "nine.yaml"? Known: nine.yaml, x.yaml.'
    (tmp_path / "mine.yaml").mkdir()
    (told,) = mistakes(tmp_path, None)
    assert told.startswith(f"{where}mine.yaml: is a folder, not a region table file.")
    (told,) = mistakes(tmp_path, None, SCENARIO.replace("mine.yaml", "mine"))
    assert told == (
        f'{where}unknown region table "mine". Known: simblock-2015, simblock-2019. '
        "A table of your own is a file *.yaml."
    )
    (tmp_path / "mine.yaml").rmdir()
    (tmp_path / "mine.yaml").write_bytes(b"regions: [\xff]")
    (told,) = mistakes(tmp_path, None)
    assert told == "mine.yaml:1:11: byte 0xff is not UTF-8; a region table is YAML text in UTF-8"


@pytest.mark.parametrize("command", ["check", "run"])
def test_exit_status_2(tmp_path: Path, command: str) -> None:
    file = write(tmp_path, TABLE.replace("[80, 10]", "[80]"))
    with pytest.raises(
        UserError, match=r"mine.yaml:5:5: latency_ms.1: 1 instead of 2 values, one for each region"
    ) as caught:
        CliRunner().invoke(app, [command, str(file)], catch_exceptions=False)
    assert caught.value.exit_status == 2


def test_hosts_stand_in_the_regions_of_the_table(tmp_path: Path) -> None:
    where = 'unknown region "{}". Did you mean "{}"? Known: AWAY, HOME.'
    wrong = SCENARIO.replace("region: HOME", "region: HOMME").replace("AWAY: 0.5", "AWEY: 0.5")
    assert mistakes(tmp_path, TABLE, wrong) == [
        f"x.yaml:5:41: hosts.0.region: {where.format('HOMME', 'HOME')}",
        f"x.yaml:6:51: hosts.1.region.AWEY: {where.format('AWEY', 'AWAY')}",
    ]
    for told in mistakes(tmp_path, TABLE, SCENARIO.replace("mine.yaml", "simblock-2015")):
        assert "Known: ASIA_PACIFIC, AUSTRALIA" in told


def test_whoever_reads_the_result_finds_the_table_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = load_scenario(write(tmp_path))
    assert scenario.network.topology.data == str(tmp_path / "mine.yaml")
    assert parse_scenario(dump_scenario(scenario)) == scenario
    inner = tmp_path / "sweeps"
    inner.mkdir()
    values = "[mine.yaml, simblock-2019]"
    (inner / "s.yaml").write_text(f"scenario: ../x.yaml\nsweep: {{grid: {{network.topology.data: {values}}}}}\n")
    with pytest.raises(ScenarioError, match=r"s.yaml:2:40: network.topology.data: .*mine.yaml: there is no such file"):
        load_sweep_file(inner / "s.yaml")
    (inner / "s.yaml").write_text("scenario: ../x.yaml\nsweep: {grid: {network.topology.jitter: [0.0, 0.1]}}\n")
    points = load_sweep_file(inner / "s.yaml").points
    for point in points:
        assert (tmp_path / "mine.yaml").samefile(json.loads(point.scenario_json)["network"]["topology"]["data"])
    monkeypatch.chdir(tmp_path)
    by_option = load_scenario(tmp_path / "x.yaml", overrides=["network.topology.data=mine.yaml"])
    assert by_option == scenario == parse_scenario(SCENARIO)


def test_a_table_that_changes_is_read_anew(tmp_path: Path) -> None:
    file = str(tmp_path / "mine.yaml")
    write(tmp_path)
    assert load_region_table(file).latency("HOME", "AWAY") == 0.08
    write(tmp_path, TABLE.replace("80", "90"))
    assert load_region_table(file).latency("HOME", "AWAY") == 0.09


def test_a_scenario_made_in_python_tells_a_wrong_table_too(tmp_path: Path) -> None:
    write(tmp_path, TABLE.replace("[80, 10]", "[81, -10]"))
    spec = {"kind": "full_mesh", "data": str(tmp_path / "mine.yaml")}
    hosts = [{"name": "a", "gpus": "H100-SXM", "region": "HOME"}]
    with pytest.raises(ValidationError, match=r"mine.yaml:5:6: latency_ms.1.0: 81 must be"):
        Scenario.model_validate({"name": "x", "epochs": 1, "network": {"topology": spec}, "hosts": hosts})


def test_every_topology_follows_the_table(topology_spec: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path)
    spec = {**topology_spec, "data": str(tmp_path / "mine.yaml"), "jitter": 0.0}
    pairs = [("a-0", "b-0"), ("b-0", "c-0")]
    if spec["kind"] == "edges":
        spec["links"] = [{"between": pair} for pair in pairs]
    if spec["kind"] == "file":
        (tmp_path / "links.txt").write_text("\n".join(map(" ".join, pairs)))
        spec["path"] = str(tmp_path / "links.txt")
    graph = topologies.build(spec).build(MEMBERS, Streams(1))
    for sender, receiver, link in graph.edges(data=True):
        ends = {sender, receiver}
        assert link["latency_seconds"] == (0.08 if "a-0" in ends else 0.01)
        assert link["bandwidth_bits_per_second"] == (20e6 if sender == "a-0" else 8e6)


numbers = st.floats(1e-3, 1e5)


@given(numbers, numbers, numbers, st.floats(1.0, 1e12), st.floats(1.0, 1e12), st.integers(1, 10**6))
def test_delays_are_latency_plus_size_over_bandwidth(
    home_ms: float, between_ms: float, away_ms: float, upload: float, download: float, size_bytes: int
) -> None:
    """On a full mesh of two hosts nothing queues and there is one way only: both tiers, to a part in 1e12."""
    table = {
        "regions": ["HOME", "AWAY"],
        "latency_ms": [[home_ms, between_ms], [between_ms, away_ms]],
        "upload_bits_per_second": [upload, 1.0],
        "download_bits_per_second": [1.0, download],
        "shares": [0.5, 0.5],
    }
    read = parse_table(json.dumps(table), "t.yaml")  # what people write reaches the simulator bit for bit
    assert read.model_dump(mode="json", include=set(table)) == table
    members = MEMBERS[:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim.topologies.regions_data.read_source", lambda *_: json.dumps(table))
        graph = topologies.build({"kind": "full_mesh", "data": "t.yaml", "jitter": 0.0}).build(members, Streams(1))
    expected = between_ms / 1e3 + 8 * size_bytes / min(upload, download)
    for tier in ("paths", "events"):
        ((delay,),) = measure_delays(graph, NetworkConfig(tier=tier), [(0.0, "a-0", size_bytes)], seed=1)
        assert delay == pytest.approx(expected, rel=1e-12)


def test_a_run_over_ones_own_table(tmp_path: Path) -> None:
    """Two hosts, 80 ms apart, and no time for bytes: every message of the run takes 80 ms."""
    table = TABLE.replace("20000000, 8000000", "1e15, 1e15").replace("100000000, 50000000", "1e15, 1e15")
    scenario = """\
name: own
epochs: 1
protocol: {epoch_length: 30, poc_stage_duration: 6, poc_validation_duration: 6, validation_sample_size: 10}
work: {kind: sphere, params: tiny, rate_factor: 0.05, startup: 3.4 s}
network: {topology: {kind: full_mesh, data: mine.yaml, jitter: 0}}
hosts:
  - {name: a, gpus: 4 x H100-SXM, region: HOME}
  - {name: b, gpus: 4 x H100-SXM, region: AWAY}
"""
    for latency, upper in ((80, 10 ** (-26 / 24)), (8000, 10 ** (22 / 24))):
        file = write(tmp_path, table.replace("80", str(latency)), scenario)
        delays = sim.run(file).frames["propagation"]
        assert delays["deliveries"].sum() > 30
        assert delays["delay_upper_seconds"].tolist() == pytest.approx([upper] * len(delays))
