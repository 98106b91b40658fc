"""Sweeps beside their bars: ratios inside one run are asserted, seconds are printed (`make bench`)."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sim.execution.loop import Loop, Workers
from sim.execution.plan import Plan
from sim.execution.store import FinishedRun, create, read_journal
from sim.execution.sweep_file import Sweep, load_sweep_file
from sim.execution.table import write_tables
from sim.execution.where import open_local
from sim.execution.worker import Order
from sim.files.lock import Claim
from sim.metrics.measures import run_measures

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parent.parent.parent
BASE = (ROOT / "tests" / "data" / "small.yaml").read_text()

MODULE = """
import time
from sim.execution.worker import Outcome

def execute_chunk(chunk, order):
    return [run(spec) for spec in chunk]

def run(spec):
    started = time.process_time()
    while time.process_time() - started < {seconds}:
        sum(range(1000))
    return Outcome(spec.run_id, wall_seconds={seconds}, machine="here")
"""


IDLE = """
from sim.execution.worker import Outcome
from sim.metrics.measures import run_measures

def execute_chunk(chunk, order):
    measures = dict.fromkeys(run_measures.names(), 0.123456789012345)
    return [Outcome(spec.run_id, measures, machine="here") for spec in chunk]
"""


def make_busy(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Any:
    """A function for workers whose runs need so much of a processor's time and do nothing."""
    name = f"busy_{str(seconds).replace('.', '_')}"
    (folder / f"{name}.py").write_text(MODULE.format(seconds=seconds))
    monkeypatch.syspath_prepend(folder)
    return __import__(name).execute_chunk


def make_sweep(folder: Path, n: int) -> Sweep:
    file = folder / f"{n}.yaml"
    file.write_text(f"{BASE}sweep: {{grid: {{difficulty.max_step: [1.5, 2]}}, replications: {n // 2}}}\n")
    return load_sweep_file(file)


def time_sweep(sweep: Sweep, folder: Path, workers: Workers, execute: Any) -> float:
    """Seconds of wall time for all runs; starting the workers, a second or two each, is not counted."""
    folder.mkdir()
    store = create(Claim(folder), sweep.text, {})
    order = Order("v", ())
    for warm_up in ((time.sleep, 0.5), (execute, (), order)):  # processes, then what they import, once a worker
        for future in [workers.executor.submit(*warm_up) for _ in range(workers.count())]:
            future.result()
    plan = Plan(sweep, order)
    arguments: dict[str, Any] = {"order": order, "report": lambda tally: None}
    started = time.perf_counter()
    assert len(Loop(workers, plan, store, execute=execute, **arguments).run([])) == plan.n_runs
    seconds = time.perf_counter() - started
    store.close()
    return seconds


def show(title: str, rows: Sequence[tuple[str, str]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"  {name:<64} {value}")


def test_local_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long, short, n_short = make_busy(tmp_path, monkeypatch, 1.0), make_busy(tmp_path, monkeypatch, 0.1), 60
    sweep, seconds = make_sweep(tmp_path, 10), {}
    for n_workers in (1, 2):
        with open_local(n_workers) as workers:
            seconds[n_workers] = time_sweep(sweep, tmp_path / str(n_workers), workers, long)
    with open_local(1) as workers:
        small = time_sweep(make_sweep(tmp_path, n_short), tmp_path / "small", workers, short)
    speed_up, stretch = seconds[1] / seconds[2], small / n_short / 0.1
    rows = [
        ("2 workers / 1 worker, throughput on 1 s runs (bar: 1.85)", f"{speed_up:.2f}"),
        ("overhead a run on 0.1 s runs (bar: 5 ms)", f"{(stretch - 1) * 100:.2f} ms"),
    ]
    show("local workers, once they have started", rows)
    assert speed_up >= 1.85
    assert stretch <= 1.05


def test_dask_beside_local_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    from sim.execution.cluster import open_scheduler

    execute, sweep = make_busy(tmp_path, monkeypatch, 1.0), make_sweep(tmp_path, 10)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "protocol": "tcp"}
    with (
        distributed.LocalCluster(**options) as cluster,
        open_scheduler(cluster.scheduler_address, None, lambda text: None) as workers,
    ):
        dask = time_sweep(sweep, tmp_path / "dask", workers, execute)
    with open_local(2) as workers:
        local = time_sweep(sweep, tmp_path / "local", workers, execute)
    show("dask, 2 workers", [("dask / local, wall time on 1 s runs (bar: 1.10)", f"{dask / local:.2f}")])
    assert dask / local <= 1.10


def test_scan_of_10000_finished_runs(tmp_path: Path) -> None:
    sweep, folder = make_sweep(tmp_path, 10_000), tmp_path / "out"
    folder.mkdir()
    store = create(Claim(folder), sweep.text, {})
    measures = dict.fromkeys(run_measures.names(), 0.123456789012345)
    for spec in Plan(sweep, Order("v", ())).start([]):
        identity = (spec.run_id, spec.point, spec.replication, spec.seed)
        store.append(
            [FinishedRun(*identity, measures, None, 1.0, "machine", 1, "2026-01-01T00:00:00+00:00")], {spec.run_id: {}}
        )
    started = time.perf_counter()
    rows = read_journal(folder)
    assert Plan(sweep, Order("v", ())).start(rows) == []
    scan = time.perf_counter() - started
    started = time.perf_counter()
    write_tables(folder, sweep, rows, run_measures.names())
    write = time.perf_counter() - started
    store.close()
    (tmp_path / "idle.py").write_text(IDLE)
    megabytes = measure_live_memory(tmp_path / "10000.yaml", tmp_path / "live", tmp_path)
    lines = [
        ("resume scans them (bar: 3 s)", f"{scan:.2f} s"),
        ("both tables written", f"{write:.2f} s"),
        ("largest memory of a program that runs them (bar: 400 MB)", f"{megabytes:.0f} MB"),
    ]
    show("10000 finished runs", lines)
    assert megabytes <= 400


def measure_live_memory(file: Path, folder: Path, module: Path) -> float:
    """Megabytes at the largest of a program that runs the whole sweep with one worker, whose runs do nothing.

    Not `ru_maxrss`: a program inherits that of the process that started it, and this one may be large.
    """
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sim.execution.where import open_local\n"
        "from sim.execution.loop import Loop\n"
        "from sim.execution.plan import Plan\n"
        "from sim.execution.store import create\n"
        "from sim.files.lock import Claim\n"
        "from sim.execution.table import write_tables\n"
        "from sim.execution.worker import Order\n"
        "from sim.metrics.measures import run_measures\n"
        "from sim.execution.sweep_file import load_sweep_file\n"
        "if __name__ == '__main__':\n"
        "    from idle import execute_chunk\n"
        "    sweep, folder = load_sweep_file(sys.argv[1]), Path(sys.argv[2])\n"
        "    order = Order('v', ())\n"
        "    store, plan = create(Claim(folder), sweep.text, {}), Plan(sweep, order)\n"
        "    with open_local(1) as workers:\n"
        "        report = lambda tally: None\n"
        "        loop = Loop(workers, plan, store, order=order, report=report, execute=execute_chunk)\n"
        "        rows = loop.run([])\n"
        "    assert len(rows) == plan.n_runs\n"
        "    write_tables(folder, sweep, rows, run_measures.names())\n"
        "    status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "    print(int(status['VmHWM'].split()[0]) * 1024 / 1e6)\n"
    )
    program = module / "program.py"
    program.write_text(code)
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{module}"}
    command = [sys.executable, str(program), str(file), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)
