"""`powsim compare` as a person types it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from sim.errors import UserError
from sim.metrics.measures import MEASURES
from sim.studies.commands import compare
from sim.studies.folders import read_sweep

app = typer.Typer()
app.command()(compare)


@pytest.fixture
def folders(make, tmp_path: Path) -> tuple[Path, Path]:
    """Two sweeps' folders; the second one's values are larger by 0.05."""
    noise = np.random.default_rng(1).normal(size=(4, 12))
    found = []
    for number, name in enumerate(("before", "after")):
        points = {(x,): 0.4 + 0.05 * noise[0] + 0.05 * number + 0.001 * noise[1 + number] for x in (2, 4)}
        made = make(points, ("network.topology.degree",))
        (tmp_path / name).mkdir()
        made.runs.assign(nonces_valid=1.0).to_parquet(tmp_path / name / "runs.parquet")
        found.append(tmp_path / name)
    return found[0], found[1]


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None:
        raise done.exception
    return done.output


def test_columns_are_told_apart(folders) -> None:
    sweep = read_sweep(folders[0])
    assert sweep.axes == ("network.topology.degree",)
    assert sweep.measures == ("nonces_valid", "success_rate")
    assert [name for name in MEASURES if name in sweep.measures] == list(sweep.measures)


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
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "runs.parquet").write_text("no table")
    for arguments, message in [
        ((tmp_path / "nowhere",), "not the folder of a finished sweep: no runs.parquet in it"),
        ((tmp_path / "broken",), "cannot be read"),
        ((*folders, "--baseline", 1), "it goes with one folder, not with two"),
        ((folders[0], "--measure", "success"), 'Did you mean "success_rate"'),
        ((folders[0], "--baseline", 9), "has no point 9; its points are 0, 1"),
    ]:
        with pytest.raises(UserError, match=message):
            call(*arguments)
