"""Hosts from a CSV file: the groups that it makes, and each mistake at its line and column, all at once."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.execution.sweep_file import load_sweep_file
from sim.scenario.hosts import MLNodeConfig, describe_gpus
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario
from sim.scenario.schema import Scenario

ROOT = Path(__file__).parent.parent.parent
HEADER = "participant,node,gpu_type,gpu_count,region\n"
SCENARIO = """name: x
epochs: 2
hosts:
  inventory: farm.csv
  gpu_types: {"NVIDIA H100 | 79GB": H100-SXM}
  default_region: {EUROPE: 0.5, JAPAN: 0.5}
"""


def write(folder: Path, rows: str, scenario: str = SCENARIO) -> Path:
    (folder / "farm.csv").write_text(rows)
    (folder / "x.yaml").write_text(scenario)
    return folder / "x.yaml"


def mistakes(folder: Path, rows: str, scenario: str = SCENARIO) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(folder, rows, scenario))
    return [str(mistake).replace(f"{folder}/", "") for mistake in caught.value.mistakes]


ROWS = """# the first comment

A,n1,NVIDIA H100 | 79GB,8,EUROPE
B,n1,"NVIDIA H100 | 79GB", 2 ,
A,n2,L40S,4,
"""


def test_each_participant_becomes_a_host_and_each_line_an_ml_node(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, HEADER + ROWS))
    assert [(group.name, group.count, group.joins) for group in scenario.hosts] == [("A", 1, 1), ("B", 1, 1)]
    assert scenario.hosts[0].gpus == (MLNodeConfig(8, "H100-SXM"), MLNodeConfig(4, "L40S"))
    assert scenario.hosts[1].gpus == (MLNodeConfig(2, "H100-SXM"),)
    assert [group.region for group in scenario.hosts] == ["EUROPE", {"EUROPE": 0.5, "JAPAN": 0.5}]
    assert parse_scenario(dump_scenario(scenario)) == scenario  # the result needs no second file


def test_quotes_and_spaces(tmp_path: Path) -> None:
    scenario = SCENARIO.replace('"NVIDIA H100 | 79GB"', "'the \"big\", one'")
    rows = 'A, n1 , "the ""big"", one" ,8, EUROPE \n'
    (group,) = load_scenario(write(tmp_path, HEADER + rows, scenario)).hosts
    assert (group.gpus, group.region) == ((MLNodeConfig(8, "H100-SXM"),), "EUROPE")


def test_lists_and_inventories_make_equal_scenarios(tmp_path: Path) -> None:
    listed = """name: x
epochs: 2
hosts:
  - {name: A, gpus: [8 x H100-SXM, 4 x L40S], region: EUROPE}
  - {name: B, gpus: 2 x H100-SXM, region: {EUROPE: 0.5, JAPAN: 0.5}}
"""
    assert load_scenario(write(tmp_path, HEADER + ROWS)) == parse_scenario(listed)


def test_what_is_known_of_an_ml_node_besides(tmp_path: Path) -> None:
    header = "participant,node,gpu_type,gpu_count,nonces_per_second,model\n"
    rows = "A,n1,L40S,4,31.50,Qwen3-32B\nA,n2,L40S,4,,QwQ-32B\nB,n1,L40S,4,7,\n"
    scenario = "name: x\nepochs: 2\nhosts: {inventory: farm.csv, default_region: JAPAN, guardians: [B]}\n"
    first, second = load_scenario(write(tmp_path, header + rows, scenario)).hosts
    assert first.gpus == (MLNodeConfig(4, "L40S", 31.5, "Qwen3-32B"), MLNodeConfig(4, "L40S", None, "QwQ-32B"))
    assert second.gpus == (MLNodeConfig(4, "L40S", 7.0),)
    assert (first.guardian, second.guardian) == (False, True)
    rows = "A,n1,L40S,4,0.0,Qwen\nA,n2,L40S,4,1e3,\n"
    found = mistakes(tmp_path, header + rows, scenario.replace("[B]", "[A, C]"))
    assert [line.partition(". Did you mean")[0] for line in found] == [
        'farm.csv:2:13: nonces_per_second must be a number above 0, not "0.0"',
        'farm.csv:2:17: unknown model "Qwen"',
        'farm.csv:3:13: nonces_per_second must be a number above 0, not "1e3"',
        'x.yaml:3:68: hosts.guardians.1: "C" has no line in farm.csv. Known: A.',
    ]


def test_sweeps_and_overrides_know_inventories(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER + ROWS)
    (tmp_path / "s.yaml").write_text("scenario: x.yaml\nsweep: {grid: {work.rate_factor: [0.1, 1]}}\n")
    assert len(load_sweep_file(tmp_path / "s.yaml").points) == 2
    (tmp_path / "other.csv").write_text(HEADER + "C,n1,L40S,4,JAPAN\n")
    overrides = {"hosts.inventory": str(tmp_path / "other.csv"), "hosts.gpu_types": {}}
    assert [group.name for group in load_scenario(file, overrides).hosts] == ["C"]


def test_every_mistake_at_its_cell(tmp_path: Path) -> None:
    rows = """A,n1,NVIDIA H100 | 79GB,8,EUROP
A,n1,H100SXM,8,EUROPE
A,n2,L40S,0,
-B,n1,L40S, "x",JAPAN
C,n1,H100SXM,8
C,n2,"RTX-4090",1,JAPAN
"""
    scenario = SCENARIO.replace("epochs: 2", "epochs: two")
    found = mistakes(tmp_path, HEADER + rows, scenario)
    assert [line.partition(". Did you mean")[0] for line in found] == [
        'x.yaml:2:1: epochs: must be a whole number, not "two"',
        'farm.csv:2:27: hosts.0.region: unknown region "EUROP"',
        'farm.csv:3:3: A has the node "n1" already in line 2',
        'farm.csv:3:6: "H100SXM" (this line) is no GPU profile; name its profile in hosts.gpu_types',
        "farm.csv:3:16: one host, one region: it is EUROP in line 2",
        "farm.csv:4:6: hosts.0.gpus.2: 0 GPUs in one ML node; there must be at least 1",
        'farm.csv:5:1: hosts.1.name: "-B" must start with a letter; up to 63 letters, digits, - and _ may follow',
        'farm.csv:5:13: gpu_count must be a whole number, not "x"',
        "farm.csv:6:1: 4 cells; the header has 5",
        "farm.csv:7:6: hosts.2.gpus: 1 x RTX-4090 can do no work: a group of 1, 2, 4 or 8 GPUs needs at least 38 GiB "
        "together, and each has 24 GiB (protocol 7.2)",
    ]


def test_mistakes_in_the_mapping_of_types(tmp_path: Path) -> None:
    scenario = SCENARIO.replace("H100-SXM}", "H100-SMX, L40: L40S}")
    found = mistakes(tmp_path, HEADER + ROWS, scenario)
    assert [line.partition(" Known:")[0] for line in found] == [
        'x.yaml:5:15: hosts.gpu_types.NVIDIA H100 | 79GB: unknown GPU "H100-SMX". Did you mean "H100-SXM"?',
        'x.yaml:5:47: hosts.gpu_types.L40: no line of farm.csv has this type. Did you mean "L40S"?',
    ]
    found = mistakes(tmp_path, HEADER + ROWS, SCENARIO.replace("gpu_types: {", "gpu_types: {x: 3, "))
    assert found == ["x.yaml:5:15: hosts.gpu_types.x: must be text, not 3"]
    rows = "A,n1,L40,8,JAPAN\nA,n2,L40,8,JAPAN\n"
    (unmapped,) = mistakes(tmp_path, HEADER + rows, SCENARIO.replace(SCENARIO.splitlines()[4] + "\n", ""))
    assert unmapped.startswith(
        'farm.csv:2:6: "L40" (this and 1 more lines) is no GPU profile; name its profile in hosts.'
    )


def test_regions_that_are_not_there(tmp_path: Path) -> None:
    without = SCENARIO.partition("  default_region")[0]
    rows = "A,n1,L40S,4,\nB,n1,L40S,4,JAPAN\nC,n1,L40S,4,\n"
    no_types = without.partition("  gpu_types")[0]
    assert mistakes(tmp_path, HEADER + rows, no_types) == [
        "farm.csv:2:1: A has no region, and there is no hosts.default_region",
        "farm.csv:4:1: C has no region, and there is no hosts.default_region",
    ]
    wrong = mistakes(tmp_path, HEADER + rows, f"{no_types}  default_region: {{EUROPE: 0.5, JAPAN: 0.4}}\n")
    assert wrong == ["x.yaml:5:3: hosts.default_region: the shares must sum to 1, not 0.9"]  # once, not for A and for C
    wrong = mistakes(tmp_path, HEADER + rows, f"{no_types}  default_region: EUROP\n")
    assert len(wrong) == 1
    assert wrong[0].startswith('x.yaml:5:3: hosts.default_region: unknown region "EUROP". Did you mean "EUROPE"?')


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("", ["x.yaml:4:3: hosts.inventory: farm.csv lists no ML node"]),
        (HEADER, ["x.yaml:4:3: hosts.inventory: farm.csv lists no ML node"]),
        ("participant,node\nA,1\n", ["farm.csv:1:1: the header lacks the column gpu_type, gpu_count"]),
        (
            HEADER.replace("region", "node"),
            ['farm.csv:1:37: the column "node" stands twice'],
        ),
        (HEADER + 'A,"n1,L40S,4,JAPAN\n', ["farm.csv:2:3: a quote that is not closed, or stands inside a cell"]),
        (HEADER + 'A,n"1,L40S,4,JAPAN\n', ["farm.csv:2:3: a quote that is not closed, or stands inside a cell"]),
        (HEADER + "A\n", ["farm.csv:2:1: 1 cells; the header has 5"]),
    ],
)
def test_files_that_are_no_inventory(tmp_path: Path, rows: str, expected: list[str]) -> None:
    assert mistakes(tmp_path, rows) == expected


def test_columns_that_nobody_knows(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, HEADER.replace("region", "regoin") + ROWS)
    assert found.startswith('farm.csv:1:37: unknown column "regoin". Did you mean "region"? Known: gpu_count, gpu_type')


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, HEADER + ROWS, SCENARIO.replace("farm.csv", "frm.csv"))
    assert found.startswith("x.yaml:4:3: hosts.inventory: ")
    assert (
        found.endswith('frm.csv there is no such file. Did you mean "farm.csv"? Known: farm.csv.') or "no such" in found
    )
    (found,) = mistakes(tmp_path, HEADER + ROWS, SCENARIO.replace("farm.csv", "."))
    assert "is a folder, not an inventory file" in found
    assert mistakes(tmp_path, "", SCENARIO.replace("  inventory: farm.csv\n", "")) == [
        "x.yaml:3:1: hosts.inventory: is missing; this key is required"
    ]
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(tmp_path, HEADER + ROWS), ["hosts.inventory=there/farm.csv"])
    missing = Path("there/farm.csv").resolve()
    assert str(caught.value).startswith(
        f'--set hosts.inventory=there/farm.csv: hosts.inventory: {missing}: there is no folder "{missing.parent}"'
    )
    linked = SCENARIO.replace("farm.csv", "frm.csv") + (
        "network: {topology: {kind: edges, links: [{between: [A-0, B-0]}]}}\n"
    )
    assert len(mistakes(tmp_path, HEADER + ROWS, linked)) == 1  # who the hosts are is not known: no link is wrong
    unknown, _ = mistakes(tmp_path, "", SCENARIO.replace("inventory: farm.csv", "inventry: farm.csv"))[::-1]
    assert unknown.startswith('x.yaml:4:3: hosts.inventry: unknown key. Did you mean "inventory"?')


@pytest.mark.parametrize("name", ["a\\0b", "x" * 5000])
def test_names_that_no_file_can_have(name: str) -> None:
    text = f'name: x\nepochs: 2\nhosts: {{inventory: "{name}"}}\n'
    with pytest.raises(ScenarioError, match=r"x.yaml:3:9: hosts.inventory: .* cannot be read: "):
        parse_scenario(text, "x.yaml")
    text = "name: x\nepochs: 2\nhosts: [{name: a, gpus: L40S, region: EUROPE}]\n"
    text += f'network: {{topology: {{kind: file, path: "{name}"}}}}\n'
    with pytest.raises(ScenarioError, match=r"x.yaml:4:34: network.topology.path: ") as caught:
        parse_scenario(text, "x.yaml")
    assert len(caught.value.mistakes) == 1


@pytest.mark.slow
def test_as_many_as_a_resolved_scenario_can_hold(tmp_path: Path) -> None:
    def rows(n_participants: int, n_nodes: int) -> str:
        lines = (f"P{p},{n},L40S,1,\n" for p in range(n_participants) for n in range(n_nodes))
        return HEADER + "".join(lines)

    plain = SCENARIO.replace('  gpu_types: {"NVIDIA H100 | 79GB": H100-SXM}\n', "")
    scenario = load_scenario(write(tmp_path, rows(1000, 10), plain))
    (tmp_path / "resolved.yaml").write_text(dump_scenario(scenario))
    assert load_scenario(tmp_path / "resolved.yaml") == scenario
    (found,) = mistakes(tmp_path, rows(1001, 1), plain)
    assert found == "farm.csv:1002:1: 1001 participants, 1001 ML nodes; at most 1000 and 10000"


@pytest.fixture(scope="module")
def september_2026() -> Scenario:
    return load_scenario(ROOT / "scenarios" / "mainnet-2026-09.yaml")


def test_the_live_network_of_september_2026(september_2026: Scenario) -> None:
    """The totals are the source's own: 27 participants, 172 nodes, 673 GPUs, by family as its README counts them."""
    machines = [machine for group in september_2026.hosts for machine in group.gpus]
    gpus = Counter[str]()
    for machine in machines:
        gpus[machine.gpu] += machine.n_gpus
    assert (len(september_2026.hosts), len(machines), sum(gpus.values())) == (27, 172, 673)
    assert gpus == {
        "H100-SXM": 332, "H100-PCIe": 24, "H200": 146, "B200": 20, "B300": 87, "A100-SXM-80": 40, "H20": 8,
        "RTX-PRO-6000": 8, "L4": 8,
    }  # fmt: skip
    assert describe_gpus(september_2026.hosts[0].gpus) == "72 x H100-SXM"
    text = (ROOT / "scenarios" / "inventories" / "epoch403.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    nodes = Counter(row["participant"] for row in rows)
    assert [len(group.gpus) for group in september_2026.hosts] == list(nodes.values())
