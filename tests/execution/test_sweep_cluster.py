"""Sweeps on a real dask scheduler with two worker processes over TCP on this machine (`make test-cluster`)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("distributed")
pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 90.0


def start(*arguments: object, sources: Path = ROOT) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "distributed.cli.dask_" + str(arguments[0]), *map(str, arguments[1:])]
    environment = {**os.environ, "PYTHONPATH": str(sources)}
    return subprocess.Popen(command, cwd=sources, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(*processes: "subprocess.Popen[bytes]") -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(PATIENCE_SECONDS)


@contextmanager
def scheduler(folder: Path, port: int = 0) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A scheduler on loopback; it writes its address to folder/scheduler.json."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    process = start("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--scheduler-file", file)
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        while not file.exists() or not file.read_text().strip():
            assert time.monotonic() < limit
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"], process
    finally:
        end(process)


@contextmanager
def workers(address: str, n: int, folder: Path, sources: Path = ROOT) -> Iterator["subprocess.Popen[bytes]"]:
    options = (
        "--nthreads",
        1,
        "--nworkers",
        n,
        "--no-dashboard",
        "--local-directory",
        folder / "dask",
        "--death-timeout",
        60,
    )
    process = start("worker", address, *options, sources=sources)
    try:
        yield process
    finally:
        end(process)


def test_same_bytes_with_a_worker_killed_in_the_middle(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with scheduler(tmp_path) as (address, _), workers(address, 2, tmp_path) as nannies:
        program = helpers.start_sweep(mini, "--scheduler", address, "--out", out)
        helpers.wait_for_rows(out, 2)
        os.kill(helpers.worker_pids(nannies.pid)[0], signal.SIGKILL)
        _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 0, errors
    assert "2 workers; dashboard" in errors
    assert (out / "runs.parquet").read_bytes() == mini_bytes


def test_scheduler_killed_then_resumed_on_another(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "scheduler.json"
    with scheduler(tmp_path) as (address, process), workers(address, 2, tmp_path):
        program = helpers.start_sweep(mini, "--scheduler-file", file, "--out", out)
        helpers.wait_for_rows(out, 2)
        process.kill()
        _, errors = program.communicate(timeout=PATIENCE_SECONDS)
        assert program.returncode == 1, errors
        assert "Traceback" not in errors
        assert f"--resume {out}" in errors
    with scheduler(tmp_path) as (address, _), workers(address, 2, tmp_path):
        program = helpers.start_sweep(mini, "--scheduler-file", file, "--resume", out)
        _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 0, errors
    assert (out / "runs.parquet").read_bytes() == mini_bytes


@pytest.mark.parametrize("options", [("--scheduler", "tcp://127.0.0.1:9"), ("--scheduler-file", "file.json")])
def test_unreachable_scheduler_is_told_within_ten_seconds(
    mini: Path, helpers: SimpleNamespace, tmp_path: Path, options: tuple[str, str]
) -> None:
    file = tmp_path / "file.json"
    file.write_text('{"address": "tcp://127.0.0.1:9"}')
    started = time.monotonic()
    program = helpers.start_sweep(
        mini, options[0], options[1].replace("file.json", str(file)), "--out", tmp_path / "out"
    )
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 2
    assert "no scheduler answers there" in errors
    assert "Traceback" not in errors
    assert time.monotonic() - started < 10 + 5, "with the start of the program on a busy machine"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"address": 3}', '{"address": "nowhere"}'])
def test_wrong_scheduler_files(mini: Path, tmp_path: Path, text: str) -> None:
    from sim.errors import UserError
    from sim.execution.driver import WorkerChoice, run_sweep

    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(UserError, match="--scheduler-file"):
        run_sweep(mini, WorkerChoice(scheduler_file=file))


def _copy_changed(folder: Path) -> Path:
    """The project's sources with one line more."""
    for package in ("sim", "pow"):
        shutil.copytree(ROOT / package, folder / "other" / package)
    with (folder / "other" / "sim" / "units.py").open("a") as file:
        file.write("# other\n")
    return folder / "other"


def test_scheduler_without_workers_and_other_versions(mini: Path, tmp_path: Path) -> None:
    from sim.errors import UserError
    from sim.execution import cluster
    from sim.execution.worker import VersionError

    with scheduler(tmp_path) as (address, _):
        monkeypatch = pytest.MonkeyPatch()
        monkeypatch.setattr(cluster, "WORKERS_SECONDS", 1)
        with pytest.raises(UserError, match="has no workers"), cluster.open_scheduler(address, None, print):
            pass
        with workers(address, 1, tmp_path, _copy_changed(tmp_path)):
            monkeypatch.setattr(cluster, "WORKERS_SECONDS", 30)
            with (
                pytest.raises(VersionError, match=r"versions differ: this program is powsim .*, worker tcp://.* has 0"),
                cluster.open_scheduler(address, None, print),
            ):
                pass
        monkeypatch.undo()
