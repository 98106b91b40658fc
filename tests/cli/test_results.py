"""Results folders: saved, loaded, complete or plainly marked as not."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import sim
from sim.errors import UserError
from sim.metrics.columns import FRAMES
from sim.metrics.frames import build_frames
from sim.metrics.recorder import Recorder
from sim.metrics.summary import summarise
from sim.results import Result, open_folder

ROOT = Path(__file__).parent.parent.parent


def test_save_and_load_give_the_same_result(small: Result, tmp_path: Path) -> None:
    loaded = sim.load_result(small.save(tmp_path / "folder"))
    assert loaded.summary == json.loads(json.dumps(small.summary))
    assert loaded.provenance == small.provenance
    assert loaded.scenario_yaml == small.scenario_yaml
    for name, frame in small.frames.items():
        pd.testing.assert_frame_equal(loaded.frames[name], frame)


def test_frames_are_attributes(small: Result) -> None:
    assert small.epochs is small.frames["epochs"]
    with pytest.raises(AttributeError, match="no attribute 'epoch'"):
        _ = small.epoch


def test_summary_agrees_with_the_frames(small: Result) -> None:
    assert small.summary["nonces_tried"] == small.epochs["tried"].sum()
    assert small.summary["claims_accepted"] == small.participants["is_accepted"].sum()
    assert [row["participant"] for row in small.summary["rejections"]] == ["liar-0"] * 3


def test_two_runs_at_the_same_second_get_two_folders(tmp_path: Path) -> None:
    folders = {open_folder("x", "text", None, tmp_path).folder for _ in range(3)}
    assert len(folders) == 3


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make the results folder"):
        open_folder("x", "text", tmp_path / "file" / "below", tmp_path)


def test_a_run_stopped_before_its_first_event_has_empty_frames() -> None:
    frames = build_frames(Recorder())
    assert frames.keys() == FRAMES.keys()
    assert all(len(frame) == 0 for frame in frames.values())
    assert summarise(frames)["nonces_tried"] == 0


def test_ctrl_c_keeps_the_finished_epochs(tmp_path: Path) -> None:
    """Interrupted after the second of many epochs: exit status 130, frames of what was finished."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sim", "run", "tests/data/small.yaml", "--set", "epochs=500", "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2/"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in error
    result = sim.load_result(out)
    assert result.provenance["status"] == "interrupted"
    assert result.epochs["epoch"].tolist()[:2] == [1, 2]
