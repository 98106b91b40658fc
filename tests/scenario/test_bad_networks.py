"""Networks, windows, blocks and faults that cannot be meant: refused, or doubted once, each at its line and column."""

from pathlib import Path

import pytest

from sim import load_scenario, run
from sim.cli import app
from sim.errors import ScenarioError
from sim.figures.blocks import plot_blocks

ROOT = Path(__file__).parent.parent.parent
HOSTS = """\
hosts:
  - {name: a, count: 2, gpus: H100-SXM, region: EUROPE}
  - {name: b, gpus: H100-SXM, region: JAPAN}
"""


def write(folder: Path, section: str, hosts: str = HOSTS) -> Path:
    file = folder / "x.yaml"
    file.write_text(f"name: t\nepochs: 2\n{section}\n{hosts}")
    return file


def faults(*listed: str) -> str:
    return f"faults: [{', '.join(listed)}]"


def told(file: Path) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    return [str(mistake).removeprefix(f"{file}:") for mistake in caught.value.mistakes]


PARTITION = "{kind: partition, at: 30 s, lasts: 60 s, groups: [a, b]}"
AT_ONCE = (
    "would be down by faults.0 and on a side of the partition faults.1 at once; let one end before the other begins"
)
LEAST = "must be at least 2440 B: the header takes 2000 B, the registration of the largest host 440 B"
REFUSED = [
    (
        "network: {topology: {kind: edges, links: [{between: [a-0, a-1]}]}}",
        "3:35: network.topology.links: the network is in pieces when the hosts of epoch 1 have joined: from a-0 no way",
    ),
    (
        faults("{kind: crash, at: 1 s, hosts: a-3}"),
        '3:33: faults.0.hosts: no host, host group or region is called "a-3"',
    ),
    (faults("{kind: crash, at: 10 s, lasts: 60 s, hosts: a-0}", PARTITION), f'3:60: faults.1: "a-0" {AT_ONCE}'),
    (faults("{kind: crash, at: 1 s, hosts: a, share: 1}", PARTITION), f'3:54: faults.1: "a-0" and 1 more {AT_ONCE}'),
    ("protocol: {poc_stage_duration: 0}", "3:12: protocol.poc_stage_duration: 0 must be at least 1"),
    ("protocol: {poc_validation_duration: 0}", "3:12: protocol.poc_validation_duration: 0 must be at least 1"),
    ("protocol: {epoch_length: 0}", "3:12: protocol.epoch_length: 0 must be at least 1"),
    ("protocol: {block_max_bytes: 0 B}", '3:12: protocol.block_max_bytes: "0 B" must be more than 0'),
    ("protocol: {block_max_bytes: 2439 B}", f"3:12: protocol.block_max_bytes: 2439 B {LEAST}"),
    ("protocol: {block_max_bytes: 2.4 kB}", f"3:12: protocol.block_max_bytes: 2400 B {LEAST}"),
    ("consensus: {timeout_propose: 0 s}", '3:13: consensus.timeout_propose: "0 s" must be more than 0'),
    ("mempool: {ttl_blocks: 0}", "3:11: mempool.ttl_blocks: 0 must be at least 1"),
    (faults("{kind: crash, at: 100 s, lasts: -50 s}"), '3:35: faults.0.lasts: "-50 s" must not be negative'),
    (
        faults("{kind: churn, mean_up: -1 min, mean_down: 1 s}"),
        '3:24: faults.0.mean_up: "-1 min" must not be negative',
    ),
]


@pytest.mark.parametrize(("section", "message"), REFUSED)
def test_refused_with_one_message(tmp_path: Path, section: str, message: str) -> None:
    (found,) = told(write(tmp_path, section))
    assert found.startswith(message)


def test_a_block_takes_the_registration_of_the_largest_host(tmp_path: Path) -> None:
    """300 + 100 + 40 for each of 10 ML nodes, and 2000 of the header."""
    nodes = HOSTS.replace("gpus: H100-SXM, region: JAPAN", f"gpus: [{', '.join(['H100-SXM'] * 10)}], region: JAPAN")
    assert load_scenario(write(tmp_path, "protocol: {block_max_bytes: 2800 B}", nodes))
    (found,) = told(write(tmp_path, "protocol: {block_max_bytes: 2799 B}", nodes))
    assert (
        "2799 B must be at least 2800 B: the header takes 2000 B, the registration of the largest host 800 B" in found
    )


DOUBTED = [
    ("protocol: {poc_exchange_duration: 0}", "3:12: protocol.poc_exchange_duration: 0: proof batches count up to the"),
    (
        faults("{kind: crash, at: 1 h, hosts: a-0}"),
        "3:24: faults.0.at: 3600 s is after the end of the run, which takes ",
    ),
    (faults("{kind: partition, at: 1 s, groups: [[a, JAPAN]]}"), "3:37: faults.0.groups: all hosts stand on this one"),
    (faults("{kind: partition, at: 1 s, shares: [1]}"), "3:37: faults.0.shares: all hosts stand on this one side"),
    (
        "protocol: {version: v0.2.6, confirmation_alpha: 0}",
        "3:29: protocol.confirmation_alpha: 0 switches the test off: a member that shows nothing in a confirmation",
    ),
    (
        "protocol: {confirmation_alpha: 0, upgrades: [{epoch: 2, version: v0.2.5}]}",
        "3:12: protocol.confirmation_alpha: 0 switches the test off: ",
    ),
    (
        "protocol: {version: v0.2.6, upgrades: [{epoch: 2, version: v0.2.6, confirmation_alpha: 0}]}",
        "3:68: protocol.upgrades.0.confirmation_alpha: 0 switches the test off: ",
    ),
    (
        "protocol: {epoch_length: 300, version: v0.2.8, upgrades: [{epoch: 2, version: v0.2.12}]}",
        "3:12: protocol.epoch_length: an epoch of 300 blocks leaves no room for a confirmation in v0.2.12, which ",
    ),
]


@pytest.mark.parametrize(("section", "message"), DOUBTED)
def test_doubted_once_and_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str, message: str
) -> None:
    file = write(tmp_path, section)
    assert app(["check", str(file)], standalone_mode=False) is None
    said = capsys.readouterr()
    assert "fine: t" in said.out
    (line,) = said.err.splitlines()
    assert line.startswith(f"warning: {file}:{message}")


@pytest.mark.parametrize(
    "section",
    [
        "protocol: {poc_exchange_duration: 1}",
        faults("{kind: crash, at: 800 s, hosts: a-0}"),  # 3 epochs of 40 blocks of 5.6 s, and a quarter: 840 s
        faults("{kind: partition, at: 1 s, groups: [[a-0, JAPAN]]}"),
        faults("{kind: partition, at: 1 s, groups: [a, b]}"),
        faults("{kind: partition, at: 1 s, shares: [0.5]}"),
        "protocol: {confirmation_alpha: 0}",  # nothing is confirmed in v0.2.0
        "protocol: {version: v0.2.6, confirmation_alpha: 0, rules: {confirmations_per_epoch: 0}}",
        "protocol: {version: v0.2.6, confirmation_alpha: 0.7}",
        "protocol: {version: v0.2.12, epoch_length: 300, rules: {confirmation_safety_blocks: 1}}",
    ],
)
def test_nothing_to_doubt(tmp_path: Path, capsys: pytest.CaptureFixture[str], section: str) -> None:
    app(["check", str(write(tmp_path, section))], standalone_mode=False)
    assert capsys.readouterr().err == ""


def test_a_doubt_about_an_option_names_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    option = "protocol.poc_exchange_duration=0"
    app(["check", str(write(tmp_path, "seed: 3")), "--set", option], standalone_mode=False)
    assert f"warning: --set {option}: protocol.poc_exchange_duration: 0: proof" in capsys.readouterr().err


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda file: file.stem)
def test_nothing_is_doubted_about_our_own_scenarios(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["check", str(file)], standalone_mode=False)
    assert capsys.readouterr().err == ""


def test_a_fault_that_never_comes_needs_no_legend(tmp_path: Path) -> None:
    """matplotlib warns of a legend without entries, and warnings are errors here."""
    sphere = faults("{kind: crash, at: 1 d, hosts: a-0}") + "\nwork: {kind: sphere, params: tiny, rate_factor: 0.05}"
    result = run(write(tmp_path, sphere))
    assert any("the run ended before fault 0" in warning for warning in result.summary["warnings"])
    plot_blocks(result)


def test_a_chain_that_halts_before_its_first_block_says_when(tmp_path: Path) -> None:
    sphere = faults("{kind: crash, at: 0 s}") + "\nwork: {kind: sphere, params: tiny, rate_factor: 0.05}"
    (warning,) = run(write(tmp_path, sphere)).summary["warnings"]
    assert warning.startswith("the chain halted after block 0, at 0 s, and was given up: no round can end")
