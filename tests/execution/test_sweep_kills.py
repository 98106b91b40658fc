"""The program as a person starts it: killed, interrupted, refused, resumed."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import sim
from sim.execution.driver import describe_sweep
from sim.execution.store import create
from sim.execution.sweep_file import load_sweep_file
from sim.files.lock import Claim
from sim.files.sums import read_checked_json, write_checked_json
from sim.metrics.measures import run_measures

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 180.0  # far above what it takes: a busy machine fails no test


def test_worker_killed_in_the_middle(mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = helpers.start_sweep(mini, "--out", out, "--workers", 2)
    helpers.wait_for_rows(out, 2)
    os.kill(helpers.worker_pids(program.pid)[0], signal.SIGKILL)
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 0, errors
    assert (out / "runs.parquet").read_bytes() == mini_bytes


def kill_at(program: "subprocess.Popen[str]", seconds: float, helpers: SimpleNamespace) -> None:
    """Kill the program so long after its start; its workers end by themselves."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and program.poll() is None:
        time.sleep(0.005)
    workers = helpers.worker_pids(program.pid) if program.poll() is None else []
    program.kill()
    program.communicate()
    limit = time.monotonic() + PATIENCE_SECONDS
    while not all(helpers.has_ended(pid) for pid in workers):
        assert time.monotonic() < limit, "a worker outlives its program"
        time.sleep(0.01)


@pytest.mark.parametrize("n_kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_at_random_moments(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, tmp_path: Path, n_kills: int
) -> None:
    """From its start to after its first runs a program is killed again and again; one more ends the sweep."""
    out, draw = tmp_path / "out", random.Random(1)
    program = helpers.start_sweep(mini, "--out", out, "--workers", 2)
    started = time.monotonic()
    helpers.wait_for_rows(out, 1)
    first_row_seconds = time.monotonic() - started
    kill_at(program, 0, helpers)
    n_on_disk = [helpers.count_rows(out)]
    for _ in range(n_kills - 1):
        program = helpers.start_sweep(mini, "--resume", out, "--workers", 2)
        kill_at(program, draw.uniform(0.1, 1.2) * first_row_seconds, helpers)
        n_on_disk.append(helpers.count_rows(out) if (out / "journal").exists() else 12)
    assert n_on_disk == sorted(n_on_disk), "a kill loses nothing that was finished"
    program = helpers.start_sweep(mini, "--resume", out, "--workers", 1)
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 0, errors
    assert (out / "runs.parquet").read_bytes() == mini_bytes


@pytest.mark.parametrize("left", [[], [".lock"], [".lock", "provenance.json"], [".lock", ".sweep.yaml.part"]])
def test_killed_before_the_sweep_stood_in_its_folder(
    mini: Path, mini_bytes: bytes, tmp_path: Path, left: list[str]
) -> None:
    """Nothing has run yet, so the same command begins anew."""
    out = tmp_path / "out"
    out.mkdir()
    for name in left:
        (out / name).write_text("")
    sim.sweep(mini, workers=0, out=out)
    assert (out / "runs.parquet").read_bytes() == mini_bytes


@pytest.fixture(scope="module")
def interrupted(helpers: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that an interrupted program left, for all tests to copy."""
    folder = tmp_path_factory.mktemp("interrupted")
    out = folder / "out"
    program = helpers.start_sweep(helpers.write_sweep(folder), "--out", out, "--workers", 1)
    helpers.wait_for_rows(out, 2)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert program.returncode == 130, errors
    assert "Traceback" not in errors
    assert f"--resume {out}" in errors
    return out


@pytest.fixture
def unfinished(interrupted: Path, tmp_path: Path) -> Path:
    return shutil.copytree(interrupted, tmp_path / "out")


def test_interrupted_then_resumed(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, unfinished: Path, tmp_path: Path
) -> None:
    part = sim.load_sweep(unfinished)
    assert not part.is_finished
    assert 2 <= len(part.runs) < 12
    torn = next((unfinished / "journal").glob("*.jsonl"))
    torn.write_bytes(torn.read_bytes() + b'{"run_id": "half a li')
    program = helpers.start_sweep(mini, "--resume", unfinished, "--workers", 2)
    assert program.communicate(timeout=PATIENCE_SECONDS)[1] is not None
    assert (unfinished / "runs.parquet").read_bytes() == mini_bytes
    assert not (unfinished / "journal").exists()
    again = sim.sweep(mini, resume=unfinished)
    assert again.is_finished
    assert (unfinished / "runs.parquet").read_bytes() == mini_bytes


def test_kept_frames_survive_kills(mini: Path, helpers: SimpleNamespace, tmp_path: Path) -> None:
    """Killed while runs end, then read, then resumed: the frames have the same bytes as if nothing had happened."""
    mini.write_text(mini.read_text() + "  keep: [epochs, blocks]\n  measures: [nonces_valid]\n")
    whole, out = sim.sweep(mini, workers=0, out=tmp_path / "whole"), tmp_path / "out"
    program = helpers.start_sweep(mini, "--out", out, "--workers", 1)
    helpers.wait_for_rows(out, 2)
    kill_at(program, 0, helpers)
    part = sim.load_sweep(out)
    finished = part.runs.set_index(["point", "replication"]).index
    assert not part.is_finished
    assert list(part.epochs.set_index(["point", "replication"]).index) == list(finished)
    rows = whole.blocks.set_index(["point", "replication"]).loc[finished].reset_index()
    pd.testing.assert_frame_equal(part.blocks, rows)
    torn = next((out / "journal").glob("*.parquet"))
    torn.with_name(f".{torn.name}.part").write_bytes(torn.read_bytes()[:100])
    sim.sweep(mini, workers=0, resume=out)
    assert not (out / "journal").exists()
    for name in ("epochs", "blocks"):
        assert (out / "frames" / f"{name}.parquet").read_bytes() == (
            tmp_path / "whole" / "frames" / f"{name}.parquet"
        ).read_bytes()
    assert (out / "runs.parquet").read_bytes() == (tmp_path / "whole" / "runs.parquet").read_bytes()


def test_a_full_disk_while_frames_are_kept_loses_no_run(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is never on disk before its frames are."""
    mini.write_text(mini.read_text() + "  keep: [transactions]\n  measures: [nonces_valid]\n")
    out, written = tmp_path / "out", []

    def write(path: Path, data: bytes) -> None:
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("sim.execution.store._write_synced", write)
        with pytest.raises(OSError, match="No space left"):
            sim.sweep(mini, workers=0, out=out)
    part = sim.load_sweep(out)
    assert 1 <= len(part.runs) <= 4, "rows of one chunk are written together, after all their frames"
    assert len(part.transactions.groupby(["point", "replication"])) == len(part.runs)
    done = sim.sweep(mini, workers=0, resume=out)
    assert len(done.transactions.groupby(["point", "replication"])) == 12


def test_failed_runs_keep_no_frames(mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.execution import worker

    honest = worker.simulate

    def fail_at_times(scenario: Any, *rest: Any) -> Any:
        if scenario.work.rate_factor == 0.02 or scenario.epochs == 2:
            raise RuntimeError("no luck")
        return honest(scenario, *rest)

    monkeypatch.setattr(worker, "simulate", fail_at_times)
    some = sim.sweep(mini, workers=0, keep=["epochs"], out=tmp_path / "some")
    assert some.runs["error"].notna().sum() == 6
    assert some.epochs["point"].unique().tolist() == [0, 1]
    for arguments in ({"out": tmp_path / "none"}, {}):
        source = mini if arguments else sim.run(mini, point=0).scenario
        none = sim.sweep(source, workers=0, grid={"epochs": [2]}, replications=2, keep=["epochs"], **arguments)
        assert none.runs["error"].notna().all()
        assert none.epochs.empty


def test_what_was_finished_is_not_done_again(mini: Path, unfinished: Path) -> None:
    before = sim.load_sweep(unfinished).timings.set_index("run_id")["ended_utc"]
    after = sim.sweep(mini, workers=0, resume=unfinished).timings.set_index("run_id")["ended_utc"]
    pd.testing.assert_series_equal(after.loc[before.index], before)


def check_refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what the program said."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def test_changed_sweep_and_changed_code_are_refused_with_the_difference(
    mini: Path, powsim: Callable[..., Any], unfinished: Path
) -> None:
    same = mini.read_text()
    mini.write_text(same.replace("replications: 3", "replications: 6").replace("count: 2", "count: 3"))
    errors = check_refusal(powsim("sweep", mini, "--resume", unfinished))
    for line in ("-  replications: 3", "+  replications: 6", "-  count: 2", "+  count: 3"):
        assert line in errors
    mini.write_text(same)
    provenance = unfinished / "provenance.json"
    made = read_checked_json(provenance)
    write_checked_json(provenance, {**made, "source_version": "0.0.1+src.abc"})
    errors = check_refusal(powsim("sweep", mini, "--resume", unfinished))
    assert "-source_version: 0.0.1+src.abc" in errors
    assert f"+source_version: {made['source_version']}" in errors


def test_second_program_on_one_folder_is_refused(
    mini: Path, mini_bytes: bytes, helpers: SimpleNamespace, powsim: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    sweep = load_sweep_file(mini)
    first = create(Claim(out), sweep.text, describe_sweep(sweep, run_measures.choose()))
    second = helpers.start_sweep(mini, "--resume", out)
    printed, told = second.communicate(timeout=PATIENCE_SECONDS)
    errors = check_refusal(subprocess.CompletedProcess(second.args, second.returncode, printed, told))
    assert f"process {os.getpid()} on " in errors
    assert "already" in check_refusal(powsim("sweep", mini, "--out", out))
    first.close()
    sim.sweep(mini, workers=0, resume=out)
    assert (out / "runs.parquet").read_bytes() == mini_bytes


def test_full_disk_ends_the_program_and_nothing_is_lost(
    mini: Path, mini_bytes: bytes, tmp_path: Path, helpers: SimpleNamespace
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sim", "sweep", str(mini), "--out", str(out), "--workers", "1"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.copytree(out, tmp_path / "copy")
    for folder in (out, tmp_path / "copy"):  # a folder may be moved
        sim.sweep(mini, workers=0, resume=folder)
        assert (folder / "runs.parquet").read_bytes() == mini_bytes


def test_dry_run_counts_and_writes_nothing(mini: Path, powsim: Callable[..., Any]) -> None:
    done = powsim("sweep", mini, "--dry-run", "--workers", 2)
    assert done.returncode == 0
    assert "4 points, 12 runs" in done.stdout
    assert "work.rate_factor" in done.stdout
    assert "on 2 workers" in done.stdout
    assert [path.name for path in mini.parent.iterdir()] == ["mini.yaml"]
