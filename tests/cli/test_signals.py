"""Interrupts of every kind keep what was finished, however often they come; a sign of life wherever a work is long."""

import io
import os
import signal
import time
from contextlib import redirect_stderr
from pathlib import Path

import pytest

import sim
from sim.interrupts import SIGNALS, Received, finishing, receiving
from sim.nodes.agent import Agent
from sim.results import SCENARIO_FILE, Result, write_provenance
from sim.terminal import Heartbeat
from sim.world import World

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_every_signal_keeps_what_was_finished(powsim, tmp_path: Path, monkeypatch, number: int, status: int) -> None:
    """And a second one of any kind while it is saved changes nothing."""
    save, close = Result.save, World._close_epoch

    def save_amid_signals(result: Result, folder: Path) -> Path:
        for each in SIGNALS:
            os.kill(os.getpid(), each)
        return save(result, folder)

    def close_and_die(world: World, schedule: object) -> None:
        close(world, schedule)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(Result, "save", save_amid_signals)
    monkeypatch.setattr(World, "_close_epoch", close_and_die)
    out, before = tmp_path / "out", [signal.getsignal(each) for each in SIGNALS]
    done = powsim("run", SMALL, "--set", "work.kind=sphere", "--out", out)
    for each, handler in zip(SIGNALS, before, strict=True):
        signal.signal(each, handler)
    assert done.returncode == status
    assert f"interrupted; what was finished is in {out}" in done.stderr
    result = sim.load_result(out)
    assert result.provenance["status"] == "interrupted"
    assert result.epochs["epoch"].tolist() == [1]


def test_an_interrupt_that_nothing_outlives_says_no_more(powsim, monkeypatch) -> None:
    monkeypatch.setattr("sim.cli.load_any", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = [signal.getsignal(each) for each in SIGNALS]
    done = powsim("check", SMALL)
    for each, handler in zip(SIGNALS, before, strict=True):
        signal.signal(each, handler)
    assert (done.returncode, done.stderr) == (143, "interrupted\n")


def test_signals_are_put_back_and_ignored_ones_stay_so() -> None:
    usual, before = signal.getsignal(signal.SIGINT), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with receiving():
            os.kill(os.getpid(), signal.SIGHUP)
            with finishing():
                assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is usual
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_in_a_moment_are_one() -> None:
    received = Received()
    with pytest.raises(KeyboardInterrupt):
        received.interrupt(signal.SIGINT, None)
    received.interrupt(signal.SIGTERM, None)
    assert received.exit_status == 130


def test_an_exception_of_a_plug_in_ends_a_run_with_1(powsim, tmp_path: Path, monkeypatch) -> None:
    """The finished part is kept, with the traceback for whoever wrote the plug-in."""
    close = World._close_epoch

    def fail(world: World, schedule: object) -> None:
        close(world, schedule)
        raise ZeroDivisionError("my rule divides by zero")

    monkeypatch.setattr(World, "_close_epoch", fail)
    done = powsim("run", SMALL, "--set", "work.kind=sphere", "--out", tmp_path / "out")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("the run failed after block ")
    assert "ZeroDivisionError: my rule divides by zero" in last
    assert "Traceback" not in done.stderr
    kept = sim.load_result(tmp_path / "out")
    assert kept.provenance["status"] == "failed"
    assert "ZeroDivisionError" in kept.provenance["traceback"][-1]
    monkeypatch.setattr(Agent, "__init__", lambda *_, **__: 1 / 0)
    assert powsim("run", SMALL, "--out", tmp_path / "other").returncode == 1


def test_a_long_silence_is_broken() -> None:
    beat, errors = Heartbeat(line_seconds=0.05), io.StringIO()
    with redirect_stderr(errors), beat.running(lambda seconds: "at work"):
        time.sleep(0.12)
        with beat.telling(lambda: "block 7"):
            time.sleep(0.12)
        with beat.telling(lambda: ""):
            time.sleep(0.12)
    told = errors.getvalue().split()
    assert 1 <= told.count("work") <= 3
    assert 1 <= told.count("7") <= 3


def test_a_stretch_without_blocks_is_told(monkeypatch) -> None:
    from sim.progress import Standing, _StretchTeller

    standing = Standing(61.0, 7, 0)
    tell = _StretchTeller("small", lambda: standing)
    assert tell() == "small: block 7, 1 min 01 s simulated"
    standing = Standing(70.0, 7, 12)
    assert "no other block for 0 s, 12 rounds for the next one so far" in tell()
    assert _StretchTeller("small", lambda: None)() == "small: the network is laid out"


def test_report_of_a_killed_run_says_so(powsim, small: Result, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / SCENARIO_FILE).write_text(small.scenario_yaml)
    write_provenance(folder, {**small.provenance, "status": "running"}, [SCENARIO_FILE])
    done = powsim("report", folder)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "was killed before it was saved" in done.stderr
