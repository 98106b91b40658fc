"""The outcome hash: over every decision, over no last bit of a float; and where two runs part first."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sim
from sim.metrics.frames import Frames
from sim.metrics.outcome import DECISIONS, compute_outcome_hash, find_partings
from sim.results import Result, load_result
from sim.strategies.actions import Action, ClaimResults
from sim.strategies.events import ResultsFound
from sim.strategies.honest import ANSWERS

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"


def with_cell(frames: Frames, name: str, column: str, value: object, row: int = 0) -> Frames:
    changed = frames[name].copy()
    changed[column] = changed[column].to_numpy(copy=True)
    changed.loc[row, column] = value
    return {**frames, name: changed}


def with_float(frames: Frames, name: str, column: str) -> Frames:
    return {**frames, name: frames[name].assign(**{column: np.nextafter(frames[name][column], np.inf)})}


@pytest.mark.parametrize(
    ("name", "column", "change"),
    [
        ("ml_nodes", "valid", lambda value: value + 1),
        ("ml_nodes", "claimed_digest", lambda value: value[::-1]),
        ("validations", "vote", lambda value: "fraud" if value == "valid" else "valid"),
        ("validations", "n_invalid", lambda value: value + 1),
        ("participants", "weight", lambda value: value + 1),
        ("participants", "is_accepted", lambda value: not value),
        ("payments", "amount_ngonka", lambda value: value + 1),
        ("blocks", "proposer", lambda value: f"not {value}"),
        ("blocks", "height", lambda value: value + 1),
    ],
)
def test_one_other_decision_gives_another_outcome(
    small: Result, name: str, column: str, change: Callable[[object], object]
) -> None:
    row = len(small.frames[name]) // 2
    changed = with_cell(small.frames, name, column, change(small.frames[name][column].iloc[row]), row)
    assert compute_outcome_hash(changed) != small.provenance["outcome_hash"]
    parting = find_partings(small.frames, changed)[0]
    assert (parting.frame, list(parting.columns)) == (name, [column])


@pytest.mark.parametrize(
    ("name", "column"),
    [("blocks", "time_seconds"), ("ml_nodes", "end_seconds"), ("validations", "p_value"), ("epochs", "r_target")],
)
def test_last_bits_are_no_decision(small: Result, name: str, column: str) -> None:
    changed = with_float(small.frames, name, column)
    assert not changed[name][column].equals(small.frames[name][column])
    assert compute_outcome_hash(changed) == small.provenance["outcome_hash"]
    assert find_partings(small.frames, changed) == []


def test_every_frame_with_decisions_counts_and_a_lost_row_too(small: Result) -> None:
    for name in DECISIONS:
        if len(small.frames[name]):
            shorter = {**small.frames, name: small.frames[name].iloc[:-1]}
            assert compute_outcome_hash(shorter) != small.provenance["outcome_hash"], name
            (parting,) = find_partings(small.frames, shorter)
            assert parting.frame == name


def test_one_other_nonce_parts_at_its_host(monkeypatch: pytest.MonkeyPatch, small: Result) -> None:
    """One host claims one nonce in place of another."""
    changed: list[str] = []

    claim = ANSWERS[ResultsFound]

    def answer(event: ResultsFound) -> Action:
        action = claim(event)
        if isinstance(action, ClaimResults) and not changed:
            changed.append(event.view.address)
            action = replace(action, nonces=(action.nonces[0] + 2**40, *action.nonces[1:]))
        return action

    monkeypatch.setitem(ANSWERS, ResultsFound, answer)
    other = sim.run(SMALL)
    assert other.provenance["outcome_hash"] != small.provenance["outcome_hash"]
    first = find_partings(small.frames, other.frames)[0]
    assert (first.frame, first.host, list(first.columns)) == ("ml_nodes", changed[0], ["claimed_digest"])


def test_another_matrix_library_decides_alike(monkeypatch: pytest.MonkeyPatch, small: Result) -> None:
    """NumPy's product gives other last bits of distances, and the same decisions."""
    monkeypatch.setattr("pow.kernel.linear_name", lambda choice, data_type, on_card=False: "numpy")
    other = sim.run(SMALL)
    assert other.provenance["work"]["linear_by_dtype"] == {"float32": "numpy"}
    assert other.provenance["trace_hash"] != small.provenance["trace_hash"]
    assert other.provenance["outcome_hash"] == small.provenance["outcome_hash"]


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="no other instruction set")
def test_another_instruction_set_decides_alike(tmp_path: Path, small: Result) -> None:
    """The same run as a program of its own, on older instructions."""
    older = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
    command = [sys.executable, "-m", "sim", "run", str(SMALL), "--out", str(tmp_path / "old")]
    subprocess.run(command, env={**os.environ, **older}, cwd=ROOT, check=True)
    new, old = small.provenance, load_result(tmp_path / "old")
    assert new["work"]["torch_cpu_capability"] != old.provenance["work"]["torch_cpu_capability"]
    assert new["trace_hash"] != old.provenance["trace_hash"]
    assert new["outcome_hash"] == old.provenance["outcome_hash"] == compute_outcome_hash(old.frames)
