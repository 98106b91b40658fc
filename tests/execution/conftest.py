"""A sweep whose runs take a tenth of a second, and its table made without any executor."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sim.execution.plan import Plan
from sim.execution.store import FinishedRun
from sim.execution.sweep_file import load_sweep_file
from sim.execution.table import write_tables
from sim.execution.worker import Order, execute
from sim.metrics.measures import run_measures
from sim.provenance import get_source_version

PATIENCE_SECONDS = 180.0  # far above what it takes: a busy machine fails no test
ROOT = Path(__file__).parent.parent.parent
MINI = """\
# Two hosts on the exact law.
name: mini
seed: 5
epochs: 1
protocol: {epoch_length: 30, poc_stage_duration: 6, poc_validation_duration: 6, validation_sample_size: 5}
work: {kind: sphere, params: devtest, rate_factor: 0.01, startup: 3 s}
network: {topology: {kind: full_mesh}}
hosts:
  - {name: a, count: 2, gpus: 8 x H100-SXM, region: EUROPE}
difficulty: {kind: proportional, target: {valid_nonces_per_epoch: 40}, max_step: 2.0}
"""
SWEEP = """\
sweep:
  grid: {work.rate_factor: [0.01, 0.02], protocol.validation_sample_size: [2, 5]}
  replications: 3
"""


def write_sweep(folder: Path, section: str = SWEEP, scenario: str = MINI) -> Path:
    file = folder / "mini.yaml"
    file.write_text(scenario + section)
    return file


def start_sweep(file: Path, *arguments: object) -> subprocess.Popen[str]:
    """The program as a person starts it, with pipes."""
    command = [sys.executable, "-m", "sim", "sweep", str(file), *(str(argument) for argument in arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def count_rows(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (folder / "journal").glob("*.jsonl"))


def wait_for_rows(folder: Path, n: int) -> None:
    """Wait until so many runs are on disk."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if count_rows(folder) >= n:
            return
        time.sleep(0.01)
    pytest.fail(f"fewer than {n} runs on disk")


def worker_pids(program: int) -> list[int]:
    """Processes below a program that execute tasks."""
    found = []
    for task in Path(f"/proc/{program}/task").glob("*/children"):
        for pid in task.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def make_table(file: Path, folder: Path) -> bytes:
    """`runs.parquet` of a sweep computed here, one run after the other, in the opposite order."""
    sweep, order = load_sweep_file(file), Order(get_source_version(), run_measures.choose())
    rows = []
    for spec in reversed(Plan(sweep, order).start([])):
        outcome = execute(spec, order)
        identity = (spec.run_id, spec.point, spec.replication, spec.seed)
        rest = (outcome.missing, outcome.trace_hash)
        known = {"status": outcome.status, "tries": outcome.tries}
        rows.append(FinishedRun(*identity, outcome.measures, outcome.error, 0.0, "", 1, "", *rest, **known))
    folder.mkdir(exist_ok=True)
    write_tables(folder, sweep, rows, run_measures.names())
    return (folder / "runs.parquet").read_bytes()


@pytest.fixture(scope="module")
def helpers() -> Iterator[SimpleNamespace]:
    """The functions above (test modules cannot import this file); programs end with the module, even a failed one."""
    programs = []

    def start(file: Path, *arguments: object) -> subprocess.Popen[str]:
        programs.append(start_sweep(file, *arguments))
        return programs[-1]

    yield SimpleNamespace(
        write_sweep=write_sweep,
        start_sweep=start,
        count_rows=count_rows,
        wait_for_rows=wait_for_rows,
        worker_pids=worker_pids,
        has_ended=has_ended,
    )
    for program in programs:
        program.kill()
        program.communicate()


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    """A sweep of four points, three runs each."""
    return write_sweep(tmp_path)


@pytest.fixture(scope="session")
def mini_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of `mini`, made without any executor: sweeps must leave the same bytes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return make_table(write_sweep(folder), folder / "out")
