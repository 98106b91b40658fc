"""Sweeps on this machine: the same table as without any executor, and runs that fail."""

import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sim
from sim.errors import UserError
from sim.execution.loop import Loop, RunTally
from sim.execution.plan import Plan
from sim.execution.pool import LocalPool
from sim.execution.store import FinishedRun, create
from sim.execution.sweep_file import derive_seed, load_sweep_file
from sim.execution.table import shorten_mappings
from sim.execution.where import open_local
from sim.execution.worker import Order, TimeLimitError, call_limited
from sim.files.lock import Claim
from sim.metrics.measures import run_measures
from sim.provenance import get_source_version

AXES = ("work.rate_factor", "protocol.validation_sample_size")


def test_sweep_is_what_its_runs_are_one_by_one(mini: Path, mini_bytes: bytes, tmp_path: Path) -> None:
    """In whatever order: `mini_bytes` is made without workers, from the last run to the first."""
    result = sim.sweep(mini, workers=2, out=tmp_path / "out")
    assert (tmp_path / "out" / "runs.parquet").read_bytes() == mini_bytes
    assert result.name == "mini"
    assert result.axes == AXES
    assert tuple(result.measures) == run_measures.names()
    identity, names = ("run_id", "point", "replication", "seed"), run_measures.names()
    shares = [f"{name}.events" for name in names if f"{name}.events" in result.runs]
    assert "transactions_late_share.events" in shares
    assert list(result.runs.columns) == [*identity, *AXES, *names, *shares, "status", "error", "trace_hash"]
    assert len(result.runs) == 12
    assert result.runs["run_id"].is_unique
    assert result.runs["error"].isna().all()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("missing.parquet", "provenance.json", "runs.parquet", "sweep.yaml", "timings.parquet")
    ]
    alone = sim.run(
        _without_sweep(mini),
        seed=derive_seed(5, 2),
        overrides={AXES[0]: 0.02, AXES[1]: 2},
    )
    row = result.runs.query("point == 2 and replication == 2").iloc[0]
    assert row["trace_hash"] == alone.provenance["trace_hash"]
    assert row["nonces_valid"] == alone.summary["nonces_valid"]
    assert row["gossip_delay_median_seconds"] == alone.summary["gossip_delay_median_seconds"]
    assert set(result.timings["run_id"]) == set(result.runs["run_id"])
    assert (result.timings["wall_seconds"] > 0).all()


def _without_sweep(mini: Path) -> Path:
    file = mini.with_name("alone.yaml")
    file.write_text(mini.read_text().partition("sweep:")[0])
    return file


def test_points_with_common_numbers_differ_less_than_replications(mini: Path, tmp_path: Path) -> None:
    runs = sim.sweep(mini, workers=0, out=tmp_path / "out").runs
    valid = runs.pivot(index="replication", columns="point", values="nonces_valid")
    assert (valid[0] == valid[1]).all(), "the sample size changes no draw of the generation"
    assert valid[0].nunique() > 1


def test_axes_become_columns_of_one_type(helpers: SimpleNamespace, tmp_path: Path) -> None:
    section = "sweep:\n  zip: {protocol.block_time: [5 s, 100 ms], difficulty: [fixed, {kind: fixed, r_target: 1.4}],"
    section += " protocol.r_target: [null, 1.4]}\n"
    scenario = helpers.write_sweep(tmp_path, "").read_text()
    file = helpers.write_sweep(tmp_path, section.replace("{kind: fixed, r_target: 1.4}", "{kind: fixed}"), scenario)
    runs = sim.sweep(file, workers=0, out=tmp_path / "out").runs
    assert runs["protocol.block_time"].tolist() == [5.0, 0.1]
    assert runs["difficulty"].tolist() == ["fixed", '{"kind": "fixed"}']
    assert runs["protocol.r_target"].tolist() == ["null", "1.4"]


def test_mappings_are_shown_by_what_differs() -> None:
    import pandas as pd

    values = [
        '{"kind": "sma", "window": 5, "target": {"valid": 9}}',
        '{"kind": "sma", "window": 6, "target": {"valid": 9}}',
        "fixed",
    ]
    shown = shorten_mappings(pd.DataFrame({"difficulty": values, "epochs": [1, 2, 2]}), ["difficulty", "epochs"])
    assert shown["difficulty"].tolist() == ["sma window=5", "sma window=6", "fixed"]
    assert shown["epochs"].tolist() == [1, 2, 2]
    alone = shorten_mappings(pd.DataFrame({"difficulty": values[:1]}), ["difficulty"])
    assert alone["difficulty"].tolist() == ["sma window=5 target.valid=9"]


def test_a_run_that_takes_too_long_is_a_row_with_its_error(helpers: SimpleNamespace, tmp_path: Path) -> None:
    section = "sweep: {grid: {epochs: [1, 100000]}, time_limit: 3 s}\n"
    runs = sim.sweep(helpers.write_sweep(tmp_path, section), workers=0, out=tmp_path / "out").runs
    assert runs["error"].isna().tolist() == [True, False]
    assert runs["error"][1] == "TimeLimitError: took longer than the time limit of 3 s"
    assert np.isnan(runs["nonces_valid"][1])


def test_the_limit_hits_its_own_run_only() -> None:
    for _ in range(200):
        with suppress(TimeLimitError):
            call_limited(0.002, lambda: time.sleep(0.0019))
        sum(range(1000))  # a late one would arrive here
    assert call_limited(5, lambda: call_limited(None, lambda: 7)) == 7
    watching = [thread for thread in threading.enumerate() if "(watch)" in thread.name]
    for thread in watching:
        thread.join(timeout=5)
        assert not thread.is_alive(), "it would send an error into whatever runs then"


def test_a_limit_that_is_swallowed_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops errors in finalisers: a run went on without a limit, or the worker waited for its error for good."""
    monkeypatch.setattr("sim.execution.worker.AGAIN_SECONDS", 0.02)

    def swallow_two() -> None:
        n_swallowed = 0
        while n_swallowed < 2:
            try:
                time.sleep(0.001)
            except TimeLimitError:
                n_swallowed += 1

    with pytest.raises(TimeLimitError):
        call_limited(0.02, swallow_two)


def run_loop(file: Path, folder: Path, module: str, n_workers: int = 2) -> tuple[list[FinishedRun], list[RunTally]]:
    """The loop with another function than `execute_chunk` in its workers."""
    sweep, version = load_sweep_file(file), get_source_version()
    tallies: list[RunTally] = []
    folder.mkdir()
    store = create(Claim(folder), sweep.text, {})
    with open_local(n_workers) as workers:
        execute = __import__(module).execute_chunk
        order = Order(version, run_measures.choose())
        rows = Loop(workers, Plan(sweep, order), store, order=order, report=tallies.append, execute=execute).run([])
    store.close()
    return rows, tallies


MODULE = """
import os, signal
from sim.execution.worker import execute_chunk as honest

def execute_chunk(chunk, order):
    for spec in chunk:
        {act}
    return honest(chunk, order)
"""


def write_module(folder: Path, name: str, act: str) -> str:
    (folder / f"{name}.py").write_text(MODULE.format(act=act))
    return name


def test_a_run_that_kills_its_worker_three_times_is_a_row_with_its_error(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    log = tmp_path / "deaths"
    act = f"if spec.point == 1 and spec.replication == 2: open({str(log)!r}, 'a').write('x'); os.kill(os.getpid(), 9)"
    rows, tallies = run_loop(mini, tmp_path / "out", write_module(tmp_path, "deadly", act))
    errors = {(row.point, row.replication): row.error for row in rows if row.error is not None}
    assert errors == {(1, 2): "WorkerDied: its worker process died 3 times"}
    assert len(rows) == 12
    assert 3 <= len(log.read_text()) <= 4, "once more where it died in a chunk of several"
    assert tallies[-1] == RunTally(12, 1, 0, 12, 12)


def test_runs_of_a_worker_that_died_once_are_done_again(
    mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    died = tmp_path / "died"
    act = f"if spec.replication == 1 and not os.path.exists({str(died)!r}): "
    act += f"open({str(died)!r}, 'w'); os.kill(os.getpid(), 9)"
    rows, _ = run_loop(mini, tmp_path / "out", write_module(tmp_path, "mortal", act), n_workers=1)
    assert died.exists()
    assert len({row.run_id for row in rows}) == 12
    assert all(row.error is None for row in rows)


def test_a_run_that_raises_is_a_row_with_its_error(mini: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.execution import worker

    def fail(*_: object) -> None:
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(worker, "simulate", fail)
    (spec, *_) = sim_specs(mini)
    outcome = worker.execute(spec, Order("v", ()))
    assert outcome.error == "ZeroDivisionError: nothing to divide by"
    assert outcome.measures == {}


def sim_specs(mini: Path) -> list[object]:
    return Plan(load_sweep_file(mini), Order("v", ())).start([])


def test_workers_with_other_code_are_refused() -> None:
    from sim.execution.worker import VersionError, execute_chunk

    with pytest.raises(VersionError, match=r"versions differ: this program is 9\.9, the worker on .* has 0"):
        execute_chunk([], Order("9.9", ()))


def test_a_dead_lane_is_rebuilt_and_others_do_not_notice() -> None:
    pool = LocalPool(2)
    sleeping, dying = pool.submit(time.sleep, 1.0), pool.submit(os._exit, 3)
    with pytest.raises(BrokenExecutor):
        dying.result(timeout=20)
    assert pool.submit(abs, -3).result(timeout=20) == 3
    sleeping.result(timeout=20)
    pool.shutdown()


def test_workers_end_with_a_pool_that_does_not_wait(helpers: SimpleNamespace) -> None:
    pool = LocalPool(1)
    pid = pool.submit(os.getpid).result(timeout=20)
    pool.submit(time.sleep, 60)
    pool.shutdown(wait=False)
    for _ in range(100):
        if helpers.has_ended(pid):
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the worker goes on")


@pytest.mark.slow
def test_until_adds_the_same_replications_whatever_the_number_of_workers(
    helpers: SimpleNamespace, tmp_path: Path
) -> None:
    section = "sweep:\n  grid: {work.rate_factor: [0.003, 0.03]}\n"
    section += "  until: {measure: success_rate, half_width: 0.008, max_runs: 14}\n"
    file = helpers.write_sweep(tmp_path, section)
    tables = {sim.sweep(file, workers=n, out=tmp_path / str(n)).runs.to_csv() for n in (1, 2)}
    counts = sim.load_sweep(tmp_path / "1").runs.groupby("point").size().tolist()
    assert len(tables) == 1
    assert counts[0] == 14 > counts[1] >= 10, "the point with few nonces is known less well"


def test_wrong_choices_are_told(mini: Path, tmp_path: Path) -> None:
    for wrong, words in (
        ({"workers": -1}, "must be 0"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "choose one"),
        ({"out": "a", "resume": "b"}, "choose one"),
        ({"resume": tmp_path}, "not the folder of a sweep"),
    ):
        with pytest.raises(UserError, match=words):
            sim.sweep(mini, **wrong)
    with pytest.raises(UserError, match="not the folder of a sweep"):
        sim.load_sweep(tmp_path)
