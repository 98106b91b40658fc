"""`powsim diff` and `powsim run --expect`: the same decisions, or where they part."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sim.results import Result, list_data, read_provenance, write_provenance

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def with_cell(folder: Path, to: Path, name: str, row: int, column: str, value: object) -> Path:
    """Copy a results folder and change one cell of one frame."""
    shutil.copytree(folder, to)
    frame = pd.read_parquet(to / f"{name}.parquet")
    frame.loc[row, column] = value
    frame.to_parquet(to / f"{name}.parquet", index=False)
    write_provenance(to, read_provenance(to), list_data(to))
    return to


def test_two_copies_decide_alike(powsim: Command, small: Result, tmp_path: Path) -> None:
    folder = small.save(tmp_path / "a")
    done = powsim("diff", str(folder), str(folder))
    assert done.returncode == 0
    assert done.stdout == "every decision is the same, and so is every time and distance\n"


def test_the_first_parting_is_named_with_height_host_and_values(powsim: Command, small: Result, tmp_path: Path) -> None:
    folder = small.save(tmp_path / "a")
    before = int(small.participants.loc[3, "weight"])
    other = with_cell(folder, tmp_path / "b", "participants", 3, "weight", before + 5)
    other = with_cell(other, tmp_path / "c", "payments", len(small.payments) - 1, "amount_ngonka", 7)
    done = powsim("diff", str(folder), str(other))
    assert done.returncode == 4
    first, second = done.stdout.splitlines()
    epoch, who = small.participants.loc[3, "epoch"], small.participants.loc[3, "participant"]
    height = small.difficulty.set_index("epoch")["height"][epoch]
    assert first.startswith(f"decisions part first by block {height}, epoch {epoch}, {who}: participants, weight")
    assert first.endswith(f"weight {before} and {before + 5}")
    assert second.startswith(f"then by block {small.payments['height'].iloc[-1]}")


def test_another_scenario_and_a_missing_frame_are_told(powsim: Command, small: Result, tmp_path: Path) -> None:
    folder = small.save(tmp_path / "a")
    other = Path(shutil.copytree(folder, tmp_path / "b"))
    text = (other / "scenario.yaml").read_text()
    (other / "scenario.yaml").write_text(text.replace("seed: ", "seed: 1"))
    write_provenance(other, read_provenance(other), list_data(other))
    assert powsim("diff", str(folder), str(other)).stdout.startswith("the two folders hold different scenarios")
    (other / "payments.parquet").unlink()
    done = powsim("diff", str(folder), str(other))
    assert done.returncode == 2
    assert "payments.parquet" in done.stderr


def test_expect_ends_with_4_where_the_outcome_differs(powsim: Command, tmp_path: Path) -> None:
    arguments = ("run", str(SMALL), "--set", "epochs=2", "--set", "work.kind=sphere", "--out")
    assert powsim(*arguments, str(tmp_path / "a")).returncode == 0
    outcome = json.loads((tmp_path / "a" / "provenance.json").read_text())["outcome_hash"]
    assert powsim(*arguments, str(tmp_path / "b"), "--expect", outcome[:16]).returncode == 0
    done = powsim(*arguments, str(tmp_path / "c"), "--expect", outcome, "--seed", "9")
    assert done.returncode == 4
    assert outcome in done.stderr
    assert (tmp_path / "c" / "report.html").is_file()  # what was run is kept


@pytest.mark.parametrize("text", ["", "abc", "xyz01234", "0" * 65])
def test_expect_takes_a_hash_only(powsim: Command, tmp_path: Path, text: str) -> None:
    done = powsim("run", str(SMALL), "--out", str(tmp_path / "a"), "--expect", text)
    assert done.returncode == 2
    assert "--expect" in done.stderr
    assert not (tmp_path / "a").exists()
