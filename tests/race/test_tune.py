"""`powsim tune`: the same twice, held to labs and to theory, honest about luck, and nothing lost."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.difficulty.matching import match_noise
from sim.errors import UserError
from sim.race.lab_file import load_lab
from sim.studies.asking import find_start
from sim.studies.lab import run_lab
from sim.studies.search import TABLES, SearchResult, count_steps, load_search_result, run_search
from sim.studies.search_commands import report_search
from sim.studies.search_file import Search, load_search
from sim.studies.subjects import CHECK, CHOICE, SEARCH, derive_seed

ROOT = Path(__file__).parent.parent.parent
SMALL = (ROOT / "tests" / "data" / "tune_small.yaml").read_text()
SHARED = SMALL[: SMALL.index("controller:")] + SMALL[SMALL.index("\ncurves:") :]  # what a lab has as well
MADE = [name for name in TABLES if name != "ablation"]
"""Tables of a search that puts no value back."""


def load(folder: Path, text: str = SMALL) -> Search:
    file = folder / "small.yaml"
    file.write_text(text)
    return load_search(file)


def run(tune: Search, out: Path, *, n_workers: int = 1, **more: Any) -> SearchResult:
    steps: list[str] = []
    result = run_search(tune, out=out, root=out.parent, n_workers=n_workers, report=steps.append, **more)
    assert len(steps) == count_steps(tune)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune")


@pytest.fixture(scope="module")
def result(folder: Path) -> SearchResult:
    return run(load(folder), folder / "out")


def read(result: SearchResult) -> list[bytes]:
    names = [*(f"{name}.parquet" for name in MADE), "summary.json", "controller.yaml"]
    return [(result.folder / name).read_bytes() for name in names]


def test_the_same_twice_whatever_the_number_of_workers(result: SearchResult, folder: Path) -> None:
    assert read(run(load(folder), folder / "workers", n_workers=2)) == read(result)
    assert json.loads((result.folder / "provenance.json").read_text())["status"] == "finished"


def test_what_a_search_leaves(result: SearchResult) -> None:
    trials = result.tables["trials"]
    assert len(trials) == 6
    assert trials["trial"].tolist() == list(range(6))
    assert trials["parameters.k_i"].between(0.02, 0.5).all()
    assert trials["parameters.k_p"].between(-0.1, 0.3).all()
    assert (trials["excess.0"] == trials["noise"] - 9.0).all()
    assert len(result.tables["points"]) == 8 * 4
    assert len(result.tables["finalists"]) == 2
    loaded = load_search_result(result.folder)
    assert loaded.summary == result.summary
    assert all(loaded.tables[name].equals(result.tables[name]) for name in MADE)


def test_the_first_trial_is_the_controller_as_it_was(result: SearchResult, folder: Path) -> None:
    first = result.tables["trials"].iloc[0]
    assert (first["parameters.k_i"], first["parameters.k_p"]) == (0.5, 0.2)  # pid's defaults
    assert find_start(load(folder, SMALL.replace("high: 0.5, scale", "high: 0.4, scale"))) is None


def test_a_trial_is_worth_what_a_lab_says(result: SearchResult, folder: Path) -> None:
    """A lab with the trial's parameters and seed has the same random numbers."""
    row = result.tables["trials"].iloc[4]
    parameters = f"k_d: 0.1, k_i: {row['parameters.k_i']}, k_p: {row['parameters.k_p']}"
    (folder / "lab.yaml").write_text(f"{SHARED}controllers:\n  - {{kind: pid, {parameters}}}\n")
    lab = run_lab(load_lab(folder / "lab.yaml"), out=folder / "lab", root=folder, report=lambda step: None)
    means = lab.races.groupby("curve", sort=False).mean(numeric_only=True)
    assert means["tracking_error"].mean() == pytest.approx(row["objective"], rel=1e-12)
    assert means.loc["constant", "noise"] == pytest.approx(row["noise"], rel=1e-12)
    assert 0.2 - means.loc["step", "mean_interval"] == pytest.approx(row["excess.1"], rel=1e-12)


def test_luck_is_left_behind(result: SearchResult, folder: Path) -> None:
    """The winner's value comes from random numbers that neither ranked nor chose it."""
    seeds = [derive_seed(3, "tune", purpose) for purpose in (SEARCH, CHOICE, CHECK)]
    assert seeds[0] == 3
    assert len(set(seeds)) == 3
    finalists, winner = result.tables["finalists"], result.summary["winner"]
    assert finalists["choice"].min() == finalists.loc[finalists["is_winner"], "choice"].item()
    spec = f"{{kind: pid, k_d: 0.1, {', '.join(f'{name}: {value}' for name, value in winner['parameters'].items())}}}"
    (folder / "check.yaml").write_text(f"{SHARED}controllers:\n  - {spec}\n  - {{kind: pid, k_d: 0.1}}\n")
    lab = run_lab(load_lab(folder / "check.yaml", seed=seeds[2]), out=None, root=folder, report=lambda step: None)
    cells = lab.races.pivot_table(index="replication", columns="controller", values="tracking_error", sort=False)
    before, after = cells.iloc[:, 1], cells.iloc[:, 0]
    assert winner["objective"] == pytest.approx(after.mean(), rel=1e-12)
    assert result.summary["against"]["objective"] == pytest.approx(before.mean(), rel=1e-12)
    assert result.summary["difference"]["estimate"] == pytest.approx((after - before).mean(), rel=1e-9)
    assert result.summary["difference"]["low"] < result.summary["difference"]["high"]


def test_the_half_life_that_theory_names_is_found(tmp_path: Path) -> None:
    """`match_noise`: as quiet as an average over 40 intervals of 50 nonces, for which the law is that of the docs."""
    wanted = 1.0 / math.sqrt(40 * 50)
    text = SMALL.replace("decisions: 60", "decisions: 400").replace("replications: 4", "replications: 24\nquota: 50")
    text = text.replace("{kind: pid, k_d: 0.1}", "asert").replace(
        "k_i: {low: 0.02, high: 0.5", "half_life: {low: 2, high: 90"
    )
    text = text.replace("  k_p: {low: -0.1, high: 0.3}\n", "").replace("[noise, interval_sd]", "[noise, worst_wait]")
    text = text.replace("tracking_error", f"{{measure: noise, towards: {wanted}}}").replace("trials: 6", "trials: 24")
    found = run(load(tmp_path, text.replace("sensitivity: 8", "sensitivity: 0")), tmp_path / "out")
    _, expected = match_noise("asert", 40, 50) or ("", 0.0)
    assert found.summary["winner"]["parameters"]["half_life"] == pytest.approx(expected, rel=0.08)
    assert found.summary["winner"]["measures"]["noise"] == pytest.approx(wanted, rel=0.05)
    assert "sensitivity" not in found.tables


def test_constraints_bind(tmp_path: Path) -> None:
    """Smallest settling: as fast as the noise allows. Without the constraint, the winner is noisier."""
    text = (ROOT / "scenarios" / "difficulty" / "tune-pid.yaml").read_text()
    text = text.replace("sensitivity: 128", "sensitivity: 0").replace("decisions: 400", "decisions: 150")
    text = text.replace("paste_into: ../baseline.yaml\n", "")
    bound = run(load(tmp_path, text), tmp_path / "bound").summary["winner"]
    free = run(load(tmp_path, text.replace("at_most: 0.08", "at_most: 8.0")), tmp_path / "free").summary["winner"]
    assert bound["is_kept"]
    assert 0.05 < bound["measures"]["noise"] <= 0.08 < free["measures"]["noise"]
    assert free["objective"] < bound["objective"]


def test_the_controller_is_one_of_a_lab(result: SearchResult, folder: Path) -> None:
    block = YAML(typ="safe", pure=True).load((result.folder / "controller.yaml").read_text())
    (controller,) = load_lab({**YAML(typ="safe", pure=True).load(SHARED), **block}).config.controllers
    assert controller.k_i == result.summary["winner"]["parameters"]["k_i"]
    assert controller.k_d == 0.1
    assert not (result.folder / "difficulty.yaml").exists()


def interrupt_after(n_points: int) -> Any:
    told: list[str] = []

    def report(step: str) -> None:
        told.append(step)
        if len(told) == n_points:
            raise KeyboardInterrupt

    return report


@pytest.mark.parametrize("n_points", [5, 7, 20])
def test_nothing_finished_is_lost(result: SearchResult, folder: Path, tmp_path: Path, n_points: int) -> None:
    out, tune = tmp_path / "out", load(folder)
    with pytest.raises(KeyboardInterrupt):
        run_search(tune, out=out, root=tmp_path, n_workers=1, report=interrupt_after(n_points))
    kept = load_search_result(out)
    assert json.loads((out / "provenance.json").read_text())["status"] == "interrupted"
    assert kept.tables["trials"].equals(result.tables["trials"].head(4 if n_points == 5 else 6))
    again = run(tune, out, resume=out)
    assert read(again) == read(result)


def test_only_the_same_search_goes_on(result: SearchResult, folder: Path, tmp_path: Path) -> None:
    other = load(folder, SMALL.replace("seed: 3", "seed: 4"))
    with pytest.raises(UserError, match="another search"):
        run(other, tmp_path, resume=result.folder)
    with pytest.raises(UserError, match="not the results folder of a search"):
        run(load(folder), tmp_path, resume=tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "search.yaml").write_text(load(folder).text)
    result.tables["trials"].assign(**{"parameters.k_i": 0.3}).to_parquet(copy / "trials.parquet")
    with pytest.raises(UserError, match="another version"):
        run(load(folder), tmp_path, resume=copy)
    with pytest.raises(UserError, match="not the results folder of a search"):
        load_search_result(tmp_path)


CHANGES: dict[str, tuple[str, str]] = {
    "seed": ("seed: 3", "seed: 4"),
    "quota": ("spacing:", "quota: 2\nspacing:"),
    "decisions": ("decisions: 60", "decisions: 61"),
    "replications": ("replications: 4", "replications: 5"),
    "warm_up": ("warm_up: 300", "warm_up: 310"),
    "spacing": ("10 min", "20 min"),
    "controller": ("k_d: 0.1", "k_d: 0.2"),
    "parameters": ("high: 0.3", "high: 0.35"),
    "scale": (", scale: log", ""),
    "objective": ("objective: tracking_error", "objective: worst_wait"),
    "towards": ("objective: tracking_error", "objective: {measure: tracking_error, towards: 0.5}"),
    "curve": ("objective: tracking_error", "objective: {measure: tracking_error, curve: step}"),
    "constraints": ("at_most: 9.0", "at_most: 0.1"),
    "at_least": ("at_least: 0.2", "at_least: 7.0"),
    "trials": ("trials: 6", "trials: 7"),
    "batch": ("batch: 4", "batch: 3"),
    "finalists": ("finalists: 2", "finalists: 3"),
    "sensitivity": ("sensitivity: 8", "sensitivity: 16"),
    "check_curves": ("factor: 0.5", "factor: 0.6"),
    "against": ("seed: 3", "seed: 3\nagainst: {kind: pid, k_i: 0.3}"),
    "front": ("interval_sd]", "worst_wait]"),
    "curves": ("time: 4 h", "time: 3 h"),
    "weights": ("seed: 3", "seed: 3\nweights: {step: 2.0}"),
}


QUICK = SMALL.replace("sensitivity: 8", "sensitivity: 0")  # which takes most of a search's time


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    folder = tmp_path_factory.mktemp("quick")
    return run(load(folder, QUICK), folder / "out")


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_acts(result: SearchResult, quick: SearchResult, tmp_path: Path, key: str) -> None:
    reference, text = (result, SMALL) if key == "sensitivity" else (quick, QUICK)
    if key == "batch":  # the first ten trials are random
        text = QUICK.replace("trials: 6", "trials: 16")
        reference = run(load(tmp_path, text), tmp_path / "reference")
    changed = run(load(tmp_path, text.replace(*CHANGES[key])), tmp_path / "out")
    assert any(not changed.tables[name].equals(reference.tables[name]) for name in reference.tables)


def test_another_objective_is_another_search(result: SearchResult, folder: Path, tmp_path: Path) -> None:
    """The answers steer the questions, once the first ten random ones are asked: one wants quiet, the other noise."""
    long = SMALL.replace("trials: 6", "trials: 20").replace("sensitivity: 8", "sensitivity: 0")
    one = run(load(tmp_path, long), tmp_path / "one").tables["trials"]
    other = run(
        load(tmp_path, long.replace("tracking_error", "{measure: noise, towards: 0.5}")), tmp_path / "other"
    ).tables["trials"]
    is_same = one["parameters.k_i"] == other["parameters.k_i"]
    assert is_same.head(8).all()
    assert not is_same.tail(4).any()


def test_a_constraint_steers_the_search(tmp_path: Path) -> None:
    """Where most of the range is too noisy, a search that knows it asks for more points that are not."""
    long = SMALL.replace("trials: 6", "trials: 40").replace("sensitivity: 8", "sensitivity: 0")
    long = long.replace("objective: tracking_error", "objective: {measure: noise, towards: 0.5}")
    noise = []
    for bound in ("9.0", "0.25"):
        text = long.replace("at_most: 9.0", f"at_most: {bound}")
        noise.append(run(load(tmp_path, text), tmp_path / bound).tables["trials"]["noise"].tail(24))
    assert (noise[1] <= 0.25).mean() > (noise[0] <= 0.25).mean() + 0.3


def test_ctrl_c(tmp_path: Path) -> None:
    """The program as a person starts it, with workers: one line, exit status 130, finished batches on disk."""
    (tmp_path / "small.yaml").write_text(SMALL.replace("trials: 6", "trials: 9000"))
    command = [sys.executable, "-m", "sim", "tune", "small.yaml", "--out", "out", "--workers", "2"]
    reset = (
        "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", reset, *command], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while program.poll() is None and not (tmp_path / "out" / "trials.parquet").exists():
        time.sleep(0.1)
    program.send_signal(signal.SIGINT)
    stdout, stderr = program.communicate(timeout=60)
    assert (program.returncode, stdout) == (130, "")
    assert stderr == "interrupted; what was finished is in out\n"
    kept = load_search_result(tmp_path / "out")
    assert len(kept.tables["trials"]) >= 4
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["status"] == "interrupted"
    report_search(kept)
    assert "the search did not come to its end" in (tmp_path / "out" / "report.html").read_text()


def test_command(powsim: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    arguments = ("--out", "out", "--trials", "5", "--seed", "8", "--workers", "0")
    done = powsim("tune", "small.yaml", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "small: pid, tracking_error, smaller is better" in done.stdout
    assert "5 trials in out" in done.stdout
    assert (tmp_path / "out" / "controller.yaml").read_text() in done.stdout
    assert "tracking_error on fresh random numbers, curve by curve" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 140
    out = tmp_path / "out"
    drawn = {file: file.read_bytes() for file in (out / "report.html", *(out / "figures").iterdir())}
    assert {file.stem for file in drawn} == {"report", "search", "parameters", "front", "sensitivity"}
    assert powsim("report", "out", cwd=tmp_path).returncode == 0
    assert {file: file.read_bytes() for file in drawn} == drawn
    assert "6 trials of pid, varied: k_i, k_p" in powsim("check", "--tune", "small.yaml", cwd=tmp_path).stdout
    for arguments, message in (
        (("small.yaml", "--out", "out"), "exists already"),
        (("small.yaml", "--trials", "0"), "greater than or equal to 1"),
        (("small.yaml", "--set", "objective=nois"), 'Did you mean "noise"?'),
    ):
        done = powsim("tune", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert message in done.stderr
    assert not (tmp_path / "results").exists()
