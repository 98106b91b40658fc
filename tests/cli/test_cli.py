"""The command: exit statuses, messages for people, nothing half-written."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.metrics.columns import FRAMES

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"
SWEEP = ROOT / "scenarios" / "sweeps" / "sample-size.yaml"
HELP_CPU_SECONDS = 0.4
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def start(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; the fixture `powsim` calls it in this one, which is quicker."""
    command = [sys.executable, "-m", "sim", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def bad(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    return file


GOOD_HOSTS = "hosts: [{name: a, gpus: 1 x H100-SXM, region: EUROPE}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\nepochs: 2\nepohcs: 3\n" + GOOD_HOSTS, ":3:1: epohcs"),
        ("name: x\nepochs: 2\nprotocol: {block_time: 5 MB}\n" + GOOD_HOSTS, ":3:12: protocol.block_time"),
        ("name: x\nepochs: 2\nprotocol: {block_time: 5.6}\n" + GOOD_HOSTS, ":3:12: protocol.block_time"),
        ("name: x\nepochs: 2\nhosts: []\n", ":3:1: hosts"),
        ("name: x\nepochs: 2\nhosts: [{name: a, gpus: 1 x H100-SXM, region: EUROPE, count: -3}]\n", "count"),
        ("name: x\nepochs: 2\nhosts: [{name: a, gpus: 1 x H1000, region: EUROPE}]\n", "H100"),
        ("name: x\nepochs: 2\ndifficulty: {kind: proportonal}\n" + GOOD_HOSTS, "proportional"),
        ("{{{", "bad.yaml:"),
    ],
)
def test_bad_scenarios_end_with_2_and_leave_nothing(powsim: Command, tmp_path: Path, text: str, expected: str) -> None:
    file = bad(tmp_path, text)
    for command in ("run", "check"):
        done = powsim(command, str(file), cwd=tmp_path)
        assert done.returncode == 2
        assert expected in done.stderr
        assert str(file) in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_all_mistakes_at_once(powsim: Command, tmp_path: Path) -> None:
    file = bad(
        tmp_path,
        "name: x\nepochs: -1\nprotocol: {block_time: 5, epoch_lenght: 3}\n"
        "hosts:\n  - {name: a, gpus: 1 x H1000, region: EUROPE}\n  - {name: a, count: 0, gpus: 2 x L4, region: MARS}\n",
    )
    done = powsim("check", str(file))
    assert done.returncode == 2
    for path in (
        "epochs",
        "block_time",
        "epoch_lenght",
        "hosts.0.gpus",
        "hosts.1.name",
        "hosts.1.count",
        "hosts.1.region",
    ):
        assert path in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["missing", "directory", "large", "binary", "empty"])
def test_files_that_are_no_scenarios(powsim: Command, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.yaml"
    if kind == "directory":
        file.mkdir()
    elif kind == "large":
        with file.open("wb") as handle:
            handle.truncate(50_000_000)
    elif kind == "binary":
        file.write_bytes(bytes(range(256)))
    elif kind == "empty":
        file.write_text("")
    done = powsim("run", str(file), cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(file) in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_bad_override_names_itself(powsim: Command) -> None:
    done = powsim("run", str(SMALL), "--set", "hosts.0.cuont=3")
    assert done.returncode == 2
    assert "--set hosts.0.cuont=3" in done.stderr
    assert "count" in done.stderr


def test_unknown_options_end_with_2(powsim: Command) -> None:
    assert powsim("run", str(SMALL), "--sede", "1").returncode == 2
    assert start("fly").returncode == 2


def test_a_process_says_what_a_call_says(powsim: Command, tmp_path: Path) -> None:
    """Where a file has mistakes, is missing, and is fine."""
    file = bad(tmp_path, "name: x\nepochs: 0\nepohcs: 3\n" + GOOD_HOSTS)
    for arguments in (("run", str(file)), ("run", "none.yaml"), ("check", str(SMALL))):
        process, called = start(*arguments, cwd=tmp_path), powsim(*arguments, cwd=tmp_path)
        assert process.returncode == called.returncode
        assert (process.stdout, process.stderr) == (called.stdout, called.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_run_leaves_a_results_folder_and_never_overwrites(powsim: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = powsim("run", str(SMALL), "--set", "epochs=2", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stderr
    assert "liar-0 (overclaim)" in done.stdout
    names = {path.name for path in out.iterdir()}
    assert names == {f"{frame}.parquet" for frame in FRAMES} | {
        "scenario.yaml", "provenance.json", "summary.json", "figures", "report.html",
    }  # fmt: skip
    assert {path.name for path in (out / "figures").iterdir()} == {
        "blocks.png",
        "success_rate.png", "weights.png", "difficulty.png", "propagation.png", "seeds.png",
    }  # fmt: skip
    assert json.loads((out / "provenance.json").read_text())["status"] == "finished"
    again = powsim("run", str(SMALL), "--out", str(out))
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    page = powsim("report", str(out))
    assert page.returncode == 0
    assert page.stdout.strip() == str(out / "report.html")


def test_the_resolved_scenario_runs_to_the_same_trace(powsim: Command, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert powsim("run", str(SMALL), "--set", "epochs=2", "--out", str(first)).returncode == 0
    assert powsim("run", str(first / "scenario.yaml"), "--out", str(second)).returncode == 0
    traces = [json.loads((out / "provenance.json").read_text())["trace_hash"] for out in (first, second)]
    assert traces[0] == traces[1]


def test_report_of_no_results_folder(powsim: Command, tmp_path: Path) -> None:
    done = powsim("report", str(tmp_path))
    assert done.returncode == 2
    assert "not a results folder" in done.stderr


def test_check_schema_and_list(powsim: Command) -> None:
    done = powsim("check", str(SMALL))
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 hosts in 4 groups" in done.stdout
    done = powsim("check", str(SWEEP), "--set", "sweep.replications=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 points, varied: protocol.validation_sample_size, protocol.fraud_threshold" in done.stdout
    assert json.loads(powsim("schema").stdout)["title"] == "Scenario"
    assert json.loads(powsim("schema", "--sweep").stdout)["title"] == "Sweep"
    listing = powsim("list").stdout
    for name in ("proportional", "overclaim", "regions", "H100-SXM", "scenarios/baseline.yaml"):
        assert name in listing
    assert "overclaim" not in powsim("list", "gpus").stdout


def test_mistakes_in_a_sweep_are_told_by_check(powsim: Command, tmp_path: Path) -> None:
    text = SWEEP.read_text().replace("fraud_threshold:", "fraud_treshold:")
    done = powsim("check", str(bad(tmp_path, text + "  until: {measure: rate, half_width: 0.1, max_runs: 20}\n")))
    assert done.returncode == 2
    assert 'bad.yaml:22:11: sweep.until.measure: unknown measure "rate"' in done.stderr
    assert 'bad.yaml:19:5: protocol.fraud_treshold: unknown key. Did you mean "fraud_threshold"' in done.stderr


def test_importing_the_command_loads_no_torch() -> None:
    code = "import sim.cli, sys; assert not {'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_help_is_quick() -> None:
    """CPU time, not wall time: the least of three, so that a busy machine does not matter."""
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert start("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(used) < HELP_CPU_SECONDS
