"""`powsim compare` as a person types it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import sim
from sim.errors import UserError
from sim.studies.compare_commands import compare

SCENARIOS = Path(__file__).parent.parent.parent / "scenarios"
app = typer.Typer()
app.command()(compare)


def write_folder(folder: Path, axes: tuple[str, ...], runs: pd.DataFrame) -> Path:
    """The folder of a finished sweep, by an older version of the code: its file is no sweep of today's."""
    folder.mkdir()
    (folder / "sweep.yaml").write_text("name: old\nrenamed_since: 1\n")
    (folder / "provenance.json").write_text(json.dumps({"name": "old", "axes": axes}))
    runs.to_parquet(folder / "runs.parquet")
    runs[["run_id"]].to_parquet(folder / "timings.parquet")
    return folder


@pytest.fixture
def folders(make, tmp_path: Path) -> tuple[Path, Path]:
    """Two sweeps' folders; the second one's values are larger by 0.05."""
    noise = np.random.default_rng(1).normal(size=(4, 12))
    found = []
    for number, name in enumerate(("before", "after")):
        points = {(x,): 0.4 + 0.05 * noise[0] + 0.05 * number + 0.001 * noise[1 + number] for x in (2, 4)}
        made = make(points, ("network.topology.degree",))
        found.append(write_folder(tmp_path / name, made.axes, made.runs.assign(nonces_valid=1.0)))
    return found[0], found[1]


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_columns_are_told_apart(folders) -> None:
    sweep = sim.load_sweep(folders[0])
    assert sweep.axes == ("network.topology.degree",)
    assert tuple(sweep.measures) == ("nonces_valid", "success_rate")


def test_two_sweeps(folders, tmp_path: Path) -> None:
    output = call(*folders, "--csv", tmp_path / "table.csv")
    assert "2 of 4 differences are resolved" in output
    table = pd.read_csv(tmp_path / "table.csv").query("measure == 'success_rate'")
    assert table["difference"].to_numpy() == pytest.approx(0.05, abs=0.002)
    assert table["resolved"].all()


def test_points_of_one_sweep(folders) -> None:
    output = call(folders[0], "--baseline", 1, "--measure", "success_rate", "--level", 0.99)
    assert "differences from point 1" in output
    assert "0 of 1 differences are resolved: their 99 % interval excludes 0" in output


def test_bad_input(folders, tmp_path: Path) -> None:
    broken = write_folder(tmp_path / "broken", (), pd.DataFrame({"run_id": ["a"]}))
    unfinished = write_folder(tmp_path / "unfinished", (), pd.DataFrame({"run_id": ["a"]}))
    (broken / "runs.parquet").write_text("no table")
    (unfinished / "runs.parquet").unlink()
    (unfinished / "sweep.yaml").write_text((SCENARIOS / "sweeps" / "sample-size.yaml").read_text())
    for arguments, message in [
        ((tmp_path / "nowhere",), r"not the folder of a sweep: no sweep\.yaml in it"),
        ((broken,), r"runs\.parquet: is damaged: no Parquet file that can be read"),
        ((unfinished,), "the sweep is not finished; `powsim sweep FILE --resume"),
        ((*folders, "--baseline", 1), "it goes with one folder, not with two"),
        ((folders[0], "--measure", "success"), 'Did you mean "success_rate"'),
        ((folders[0], "--baseline", 9), "has no point 9; its points are 0, 1"),
    ]:
        with pytest.raises(UserError, match=message):
            call(*arguments)
