"""`powsim lab`: files with every mistake at its place, what a lab leaves, and that it is the same twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from sim.errors import ScenarioError, UserError
from sim.metrics.intervals import compute_paired_interval
from sim.race.measures import RACE_MEASURES
from sim.scenario.lab import LAB_KEY, load_lab
from sim.scenario.sweep import load_any
from sim.studies.lab import LabResult, rank, run_lab

ROOT = Path(__file__).parent.parent.parent
SMALL = """\
# Small.
name: small
seed: 3
spacing: 10 min
decisions: 150
replications: 12
warm_up: 20
controllers:
  - {kind: sma, window: 20}
  - {kind: asert, half_life: 7.0}
  - fixed
curves:
  - constant
  - {kind: step, time: 4 h}
  - random_walk
"""


def write(folder: Path, text: str = SMALL) -> Path:
    file = folder / "small.yaml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> LabResult:
    folder = tmp_path_factory.mktemp("lab")
    steps: list[str] = []
    made = run_lab(load_lab(write(folder)), out=folder / "out", root=folder, report=steps.append)
    assert steps[:2] == ["constant: sma", "constant: asert"]
    assert len(steps) == 9
    return made


def test_the_example_file_is_fine() -> None:
    for file in sorted((ROOT / "scenarios" / "difficulty").glob("*.yaml")):
        if f"\n{LAB_KEY}:" not in file.read_text():
            continue  # a scenario
        lab = load_lab(file)
        assert lab.name == file.stem
        assert file.read_text().startswith("# "), f"{file}: `powsim list` shows the first comment line"
        assert load_any(file, (), None) == lab


def test_the_lab_fills_in_the_target(tmp_path: Path) -> None:
    lab = load_lab(write(tmp_path), ["quota=7"])
    assert lab.config.controllers[0].target.valid_nonces_per_epoch == 7
    assert "target" not in lab.text
    assert "quota: 7" in lab.text
    assert load_lab(write(tmp_path, lab.text)) == lab


def test_equal_noise_sets_memories(tmp_path: Path) -> None:
    text = SMALL.replace("{kind: sma, window: 20}", "sma").replace(", half_life: 7.0", "")
    sma, asert, _ = load_lab(write(tmp_path, text), ["equal_noise=30"]).config.controllers
    assert sma.window == 30
    assert asert.half_life == pytest.approx(np.log(2) * 31 / 2)
    with pytest.raises(ScenarioError, match=r"small\.yaml:9:.*`equal_noise` sets it, to 30"):
        load_lab(write(tmp_path), ["equal_noise=30"])


def test_names_tell_plugins_of_one_kind_apart(tmp_path: Path) -> None:
    lab = load_lab(write(tmp_path, SMALL.replace("  - fixed", "  - {kind: sma, window: 30}")))
    assert lab.controller_names == ("sma window=20", "asert", "sma window=30")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("seed: 3", "sed: 3", "small.yaml:3:1: sed: unknown key"),
        ("spacing: 10 min", "spacing: 600", "small.yaml:4:1: spacing: 600 has no unit"),
        ("spacing: 10 min", "spacing: 0 s", "small.yaml:4:1: spacing"),
        ("decisions: 150", "decisions: 3", "small.yaml:5:1: decisions"),
        ("replications: 12", "replications: 90000", "small.yaml:5:1: decisions: 150 decisions · 90000 replications"),
        ("half_life: 7.0", "half_life: 0.0", "small.yaml:10:"),
        ("window: 20", "window: 0", "small.yaml:9:"),
        ("window: 20", "windw: 20", "windw: unknown key"),
        ("- fixed", "- fixt", 'small.yaml:11:5: controllers.2: unknown controller "fixt"'),
        ("- fixed", "- {kind: sma, window: 20}", "small.yaml:11:5: controllers.2: sma window=20 stands here twice"),
        ("window: 20", "target: {valid_nonces_per_epoch: 5}", "controllers.0.target: a lab has one target"),
        ("- random_walk", "- {kind: sine, period: 1 s}", "small.yaml:15:5: curves.2: steps of"),
        ("- random_walk", "- {kind: csv, path: none.csv}", "none.csv: cannot be read"),
        ("- random_walk", "- 5", "small.yaml:15:5: curves.2: must be the name of a curve"),
        ("controllers:", "controlers:", "small.yaml:8:1: controlers: unknown key"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SMALL
    with pytest.raises(ScenarioError) as caught:
        load_lab(write(tmp_path, SMALL.replace(old, new)))
    assert expected in str(caught.value)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = (
        SMALL.replace("half_life: 7.0", "half_life: -1.0").replace("- random_walk", "- randomwalk").replace("150", "x")
    )
    with pytest.raises(ScenarioError) as caught:
        load_lab(write(tmp_path, text))
    assert [mistake.line for mistake in caught.value.mistakes] == [5, 10, 15]


def test_csv_is_seen_from_the_lab_file(tmp_path: Path) -> None:
    (tmp_path / "compute.csv").write_text("time (h),compute (nonces/s)\n0,5\n2,9\n3,-1\n")
    file = write(tmp_path, SMALL.replace("- random_walk", "- {kind: csv, path: compute.csv}"))
    with pytest.raises(
        ScenarioError, match=r"small\.yaml:15:5: curves\.2: .*compute\.csv:4: compute -1 must be above 0"
    ):
        load_lab(file)


def test_what_a_lab_leaves(result: LabResult) -> None:
    races = result.races
    assert len(races) == 3 * 3 * 12
    assert list(races.columns) == ["curve", "controller", "replication", *RACE_MEASURES]
    is_constant, is_step = races["curve"] == "constant", races["curve"] == "step"
    assert races["noise"].notna().equals(is_constant)
    assert races.loc[~is_step, "settling"].isna().all()
    assert races.loc[is_step & (races["controller"] != "fixed"), "settling"].notna().all()
    assert pd.read_parquet(result.folder / "races.parquet").equals(races)
    assert load_lab(result.folder / "lab.yaml").name == "small"
    assert json.loads((result.folder / "provenance.json").read_text())["status"] == "finished"
    fixed = result.answers[(result.answers["controller"] == "fixed") & (result.answers["measure"] == "settling")]
    assert fixed["warning"].tolist() == ["12 of 12 races end before they have a value"]


def test_an_interrupted_lab_says_so(tmp_path: Path) -> None:
    def interrupt(step: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_lab(load_lab(write(tmp_path)), out=tmp_path / "out", root=tmp_path, report=interrupt)
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["status"] == "failed"


def test_ranking_is_paired(result: LabResult) -> None:
    ranked = rank(result.races)
    assert ranked["tracking_error"].is_monotonic_increasing
    means = result.races.groupby(["controller", "replication"])["tracking_error"].mean()
    expected = compute_paired_interval(means["sma"].to_numpy(), means["asert"].to_numpy())
    row = ranked.set_index("controller").loc["asert"]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(
        (expected.estimate, expected.low, expected.high)
    )
    with pytest.raises(UserError, match="noise"):
        rank(result.races, "noise")


def test_the_same_twice(result: LabResult, tmp_path: Path) -> None:
    """Another controller before them, and other replications behind them, change nothing."""
    text = SMALL.replace("controllers:", "controllers:\n  - wtema").replace("replications: 12", "replications: 14")
    again = run_lab(load_lab(write(tmp_path, text)), out=None, root=tmp_path, report=lambda step: None).races
    again = again[(again["controller"] != "wtema") & (again["replication"] < 12)].reset_index(drop=True)
    assert again.equals(result.races)
    other = run_lab(load_lab(write(tmp_path), seed=4), out=None, root=tmp_path, report=lambda step: None).races
    assert not other.equals(result.races)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sim", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_command(tmp_path: Path) -> None:
    write(tmp_path)
    done = run(tmp_path, "lab", "small.yaml", "--out", "out", "--rank-by", "worst_wait", "--set", "replications=6")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "small: worst_wait, best first" in done.stdout
    assert "9 races in out" in done.stdout
    names = {file.name for file in (tmp_path / "out").iterdir()}
    tables = {"races.parquet", "answers.parquet", "paths.parquet"}
    assert names == {"lab.yaml", "provenance.json", "report.html", "figures", *tables}
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<svg") == 1
    assert "random_walk" in page
    for arguments, message in (
        (("small.yaml", "--out", "out"), "exists already"),
        (("small.yaml", "--rank-by", "noise"), "no measure whose smaller values are better"),
        (("none.yaml",), "no such file"),
        (("small.yaml", "--set", "spacing=0 s"), "spacing"),
    ):
        done = run(tmp_path, "lab", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert message in done.stderr
    assert "3 controllers on 3 curves" in run(tmp_path, "check", "small.yaml").stdout
    assert not (tmp_path / "results").exists()


def test_every_key_acts(result: LabResult, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"spacing": "5 min", "quota": 2, "decisions": 140, "warm_up": 30, "seed": 5}
    for key, value in changes.items():
        found = run_lab(load_lab(write(tmp_path), {key: value}), out=None, root=tmp_path, report=lambda step: None)
        assert not found.races.equals(result.races), key
    properties = YAML(typ="safe").load(SMALL).keys() | {"quota", "equal_noise", "description"}
    assert properties == set(load_lab(write(tmp_path)).config.model_dump())
