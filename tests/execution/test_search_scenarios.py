"""`powsim search` over scenarios: known optima, bounds, failures told, nothing lost, the same twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from pow.sphere import hit_probability, r_target_for
from sim.errors import ScenarioError, UserError
from sim.execution.store import read_journal
from sim.race.lab_file import load_lab
from sim.scenario.load import load_scenario
from sim.studies.asking import find_start
from sim.studies.domains import Domain, check_limits, make_domain
from sim.studies.lab import run_lab
from sim.studies.search import SearchResult, count_steps, load_search_result, run_search
from sim.studies.search_file import Search, load_search
from sim.studies.subjects import CHECK, derive_seed

DIM = 8192  # of the vectors whose distances devtest's kernel measures
BASE = """\
name: mini
seed: 5
epochs: 1
protocol: {epoch_length: 20, poc_stage_duration: 5, poc_validation_duration: 5, validation_sample_size: 5}
work: {kind: sphere, params: devtest, rate_factor: 0.01375, startup: 3 s}
network: {topology: {kind: full_mesh}}
hosts:
  - {name: a, count: 2, gpus: 1 x H100-SXM, region: EUROPE}
  - {name: b, gpus: 1 x H100-SXM, region: EUROPE}
difficulty: fixed
"""
SEARCH = """\
search:
  parameters:
    protocol.r_target: {low: 1.40, high: 1.41}
  objective: {measure: success_rate_exact, towards: 0.1}
  replications: 2
  trials: 12
  batch: 6
  finalists: 2
"""


def load(folder: Path, section: str = SEARCH, base: str = BASE) -> Search:
    file = folder / "mini.yaml"
    file.write_text(base + section)
    return load_search(file)


def run(search: Search, out: Path, *, n_workers: int = 0, **more: Any) -> SearchResult:
    steps: list[str] = []
    result = run_search(search, out=out, root=out.parent, n_workers=n_workers, report=steps.append, **more)
    assert len(steps) == count_steps(search)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def result(folder: Path) -> SearchResult:
    return run(load(folder), folder / "out")


def read(result: SearchResult) -> list[bytes]:
    names = ("trials.parquet", "finalists.parquet", "summary.json", "winner.yaml", "search.yaml")
    return [(result.folder / name).read_bytes() for name in names]


def test_the_r_target_that_theory_names_is_found(result: SearchResult) -> None:
    """`success_rate_exact` depends on r_target alone, so that the optimum is the inverse of the exact law."""
    trials = result.tables["trials"]
    for row in trials.to_dict("records"):
        exact = hit_probability(row["parameters.protocol.r_target"], DIM)
        assert row["success_rate_exact"] == pytest.approx(exact, rel=1e-9)
        assert row["objective"] == pytest.approx(abs(exact - 0.1), abs=1e-9)
    found = result.summary["winner"]["parameters"]["protocol.r_target"]
    assert found == pytest.approx(r_target_for(0.1, DIM), abs=7e-4)
    assert result.summary["winner"]["objective"] == pytest.approx(trials["objective"].min(), rel=1e-9)


def test_the_winner_is_a_scenario(result: SearchResult) -> None:
    scenario = load_scenario(result.folder / "winner.yaml")
    assert scenario.protocol.r_target == result.summary["winner"]["parameters"]["protocol.r_target"]
    assert result.summary["against"]["parameters"] == {"protocol.r_target": None}  # the version's own
    assert result.summary["difference"] is not None


def test_a_trial_is_worth_what_a_sweep_says(result: SearchResult, folder: Path) -> None:
    """A sweep with the trial's value and seed has the same random numbers; finalists meet others."""
    row = result.tables["trials"].iloc[3]
    sweep = f"sweep: {{grid: {{protocol.r_target: [{row['parameters.protocol.r_target']}]}}, replications: 2}}\n"
    (folder / "sweep.yaml").write_text(BASE + sweep)
    runs = sim.sweep(folder / "sweep.yaml", workers=0, out=folder / "sweep").runs
    assert row["success_rate"] == pytest.approx(runs["success_rate"].mean(), rel=1e-12)
    seeds = {row.seed for row in read_journal(result.folder)}
    assert set(runs["seed"]) < seeds
    assert len(seeds) == 3 * 2  # search, choice and check, two replications each


def test_the_same_twice_whatever_the_number_of_workers(result: SearchResult, folder: Path) -> None:
    assert read(run(load(folder), folder / "again", n_workers=2)) == read(result)


@pytest.mark.parametrize("n_runs", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 20))])
def test_nothing_finished_is_lost(result: SearchResult, folder: Path, tmp_path: Path, n_runs: int) -> None:
    told: list[str] = []

    def interrupt(step: str) -> None:
        told.append(step)
        if len(told) == n_runs:
            raise KeyboardInterrupt

    out, search = tmp_path / "out", load(folder)
    with pytest.raises(KeyboardInterrupt):
        run_search(search, out=out, root=tmp_path, n_workers=0, report=interrupt)
    assert json.loads((out / "provenance.json").read_text())["status"] == "interrupted"
    n_kept = len(read_journal(out))
    assert n_kept > n_runs / 2  # points that are alike share their runs
    assert read(run(search, out, resume=out)) == read(result)
    lines = [line for file in (out / "journal").glob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(lines) == len(read_journal(out)) == len(read_journal(result.folder))  # no run was done twice


def test_bounds_hold(tmp_path: Path) -> None:
    """As many hits as possible: without a bound the winner is at the end of the range, with it, below the bound."""
    text = SEARCH.replace("towards: 0.1", "goal: maximise").replace("replications: 2", "replications: 1")
    free = run(load(tmp_path, text), tmp_path / "free").summary["winner"]
    bound = text.replace("trials: 12", "trials: 16") + "  constraints: [{measure: success_rate_exact, at_most: 0.15}]\n"
    kept = run(load(tmp_path, bound), tmp_path / "kept").summary["winner"]
    assert free["objective"] == -free["measures"]["success_rate_exact"]
    assert kept["is_kept"]
    assert 0.09 < kept["measures"]["success_rate_exact"] <= 0.15 < free["measures"]["success_rate_exact"]


FAULTY = """\
faults:
  - {kind: partition, at: 60 s, shares: [0.5, 0.5]}
search:
  parameters:
    faults.0.at: {choices: [30 s, 3 h]}
    protocol.epoch_length: {choices: [11, 20]}
    protocol.poc_stage_duration: {choices: [1, 5]}
  objective: {measure: success_rate, goal: maximise}
  constraints: [{measure: claims_accepted, at_least: 1}]
  replications: 1
  trials: 10
  finalists: 4
"""


def test_runs_that_fail_or_halt_are_told_and_lose(tmp_path: Path) -> None:
    """A partition for good halts the chain; 11 blocks have room for an epoch with one block of generation only."""
    found = run(load(tmp_path, FAULTY), tmp_path / "out")
    trials = found.tables["trials"]
    halts = trials["parameters.faults.0.at"] == "30 s"
    is_long = trials["parameters.protocol.poc_stage_duration"] == "5"
    short = (trials["parameters.protocol.epoch_length"] == "11") & is_long
    assert halts.any()
    assert short.any()
    assert (~halts & ~short).any()
    assert trials.loc[halts & ~short, "error"].str.match("1 of 1 runs failed: HaltedError: the chain halted").all()
    assert trials.loc[short, "error"].str.startswith("11 blocks are too few").all()
    assert not trials.loc[trials["error"] != "", "is_kept"].any()
    assert np.isinf(trials.loc[trials["error"] != "", "objective"]).all()
    winner = found.summary["winner"]
    assert winner["parameters"]["faults.0.at"] == "3 h"
    assert (winner["error"], winner["is_kept"]) == ("", True)


def test_a_search_that_finds_nothing_ends_well(tmp_path: Path) -> None:
    text = SEARCH.replace("trials: 12", "trials: 2").replace("replications: 2", "time_limit: 1 ms")
    found = run(load(tmp_path, text), tmp_path / "out")
    assert found.tables["trials"]["error"].str.startswith("4 of 4 runs failed: TimeLimitError").all()
    assert not found.summary["winner"]["is_kept"]
    assert found.summary["difference"] is None
    assert load_search_result(found.folder).summary == found.summary


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("r_target:", "r_taget:", ':13:5: search.parameters.protocol.r_taget: unknown key. Did you mean "r_target"?'),
        ("protocol.r_target:", "hosts.c.count:", ':13:5: search.parameters.hosts.c.count: "hosts" has no item "c"'),
        ("low: 1.40", "low: -1", ":13:25: search.parameters.protocol.r_target.low: -1 must be more than 0"),
        ("high: 1.41", "high: 3", "search.parameters.protocol.r_target.high: 3 must be at most 2"),
        ("{low: 1.40, high: 1.41}", "{low: 1.5, high: 1.41}", "r_target.low: 1.5 must be less than `high`, 1.41"),
        ("{low: 1.40, high: 1.41}", "{choices: [1.4, 7]}", "search.parameters.protocol.r_target.choices.1: 7 must be"),
        ("{low: 1.40, high: 1.41}", "{choices: [1.4, 1.4]}", "choices.1: 1.4 stands here twice"),
        ("{low: 1.40, high: 1.41}", "{choices: [1.4]}", "choices: must have at least 2 items"),
        ("{low: 1.40, high: 1.41}", "{high: 1.41}", "protocol.r_target: needs `low` and `high`, or `choices`"),
        ("{low: 1.40, high: 1.41}", "{lwo: 1.4, high: 1.41}", 'r_target.lwo: unknown key. Did you mean "low"?'),
        ("{low: 1.40, high: 1.41}", "{low: 1 s, high: 2 min}", "both ends need the same unit"),
        ("success_rate_exact", "sucess_rate_exact", 'search.objective.measure: "sucess_rate_exact" is no measure of a'),
        ("success_rate_exact", "settling", 'search.objective.measure: "settling" is no measure of a run'),
        ("towards: 0.1", "towards: 0.1, goal: maximise", "search.objective.towards: a distance should be small"),
        ("towards: 0.1", "curve: step", 'search.objective.curve: no curve is called "step"'),
        ("replications: 2", "replications: 0", "search.replications: 0 must be at least 1"),
        ("  trials: 12", "  trails: 12", 'search.trails: unknown key. Did you mean "trials"?'),
        ("epochs: 1", "epochs: -1", ":3:1: epochs: -1 must be at least 1"),
        ("    protocol.r_target: {low: 1.40, high: 1.41}", "    {}", "search.parameters: must have at least 1 item"),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = BASE + SEARCH
    assert old in text
    file = tmp_path / "mini.yaml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load_search(file)
    assert expected in str(caught.value)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = (BASE + SEARCH).replace("epochs: 1", "epochs: -1").replace("r_target", "r_taget").replace("trials", "trails")
    (tmp_path / "mini.yaml").write_text(text.replace("_exact", "_exakt"))
    with pytest.raises(ScenarioError) as caught:
        load_search(tmp_path / "mini.yaml")
    assert [mistake.line for mistake in caught.value.mistakes] == [3, 13, 14, 16]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "lab.yaml").write_text(LAB)
    return tmp_path


LAB = """\
name: steps
spacing: 10 min
decisions: 60
replications: 4
warm_up: 8
controllers: [proportional, sma]
curves: [constant, {kind: step, time: 4 h}]
"""


def test_a_named_lab_finds_its_files_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of CSV files are seen from the lab, whose own path is seen from the search."""
    monkeypatch.chdir(tmp_path)
    for folder in ("labs", "searches"):
        Path(folder).mkdir()
    Path("labs/compute.csv").write_text("time (h),compute (nonces/s)\n0,100\n1,200\n")
    lab = "name: lab\nspacing: 600 s\ndecisions: 20\ncontrollers: [asert]\ncurves: [{kind: csv, path: compute.csv}]\n"
    Path("labs/lab.yaml").write_text(lab)
    limits = "parameters: {controllers.0.half_life: {low: 1, high: 5}}"
    Path("searches/one.yaml").write_text(f"lab: ../labs/lab.yaml\nsearch: {{{limits}, objective: tracking_error}}\n")
    assert load_search(Path("searches/one.yaml")).domains.keys() == {"controllers.0.half_life"}


def test_a_search_names_its_scenario(files: Path) -> None:
    file = files / "search.yaml"
    file.write_text("scenario: base.yaml\nname: other\nseed: 9\n" + SEARCH)
    search = load_search(file, ["protocol.block_time=6 s", "search.trials=3"], seed=2)
    assert (search.name, search.subject.title, search.subject.seed, search.config.trials) == (
        "other",
        "a scenario",
        2,
        3,
    )
    assert "block_time: 6 s" in search.text
    (files / "whole.yaml").write_text(search.text)
    assert load_search(files / "whole.yaml").text == search.text
    for text, expected in (
        ("scenario: lab.yaml\n" + SEARCH, "lab.yaml must be a scenario"),
        ("lab: base.yaml\n" + SEARCH, "base.yaml must be a lab"),
        ("lab: base.yaml\nscenario: base.yaml\n" + SEARCH, "a scenario or a lab, not both"),
        ("scenario: 3\n" + SEARCH, "must be a file's name, not 3"),
        ("scenario: base.yaml\nepochs: 3\n" + SEARCH, "epochs: unknown key beside `scenario:`"),
    ):
        file.write_text(text)
        with pytest.raises(ScenarioError, match=expected):
            load_search(file)


def test_any_key_of_a_lab_may_vary(files: Path) -> None:
    """Two controllers on curves one of which varies: what is said of the winner is what its lab says."""
    section = (
        "lab: lab.yaml\nname: mildest\nsearch:\n  parameters:\n    curves.1.factor: {low: 1.1, high: 8, scale: log}\n"
        "    controllers.0.max_step: {choices: [1.5, 4.0]}\n"
        "  objective: {measure: tracking_error, curve: step}\n  replications: 8\n  trials: 12\n"
    )
    (files / "search.yaml").write_text(section)
    search = load_search(files / "search.yaml")
    assert (search.subject.title, search.subject.n_replications) == ("proportional, sma", 8)
    found = run(search, files / "out")
    winner = found.summary["winner"]
    assert found.summary["block"] == "winner.yaml"
    assert "sensitivity" not in found.tables
    lab = load_lab(found.folder / "winner.yaml", seed=derive_seed(1, "tune", CHECK))
    assert lab.config.curves[1].factor == winner["parameters"]["curves.1.factor"]
    races = run_lab(lab, out=files / "lab", root=files, report=lambda step: None).races
    on_step = races[races["curve"].str.startswith("step")]
    assert winner["objective"] == pytest.approx(on_step["tracking_error"].mean())


def test_domains_by_hand() -> None:
    whole = make_domain({"low": 2, "high": 64, "scale": "log"})
    assert [whole.place(u) for u in (0.0, 0.6, 0.9999)] == [2, 16, 64]
    assert not make_domain({"low": 2, "high": 64}, is_whole=False).is_whole
    times = make_domain({"low": "4 s", "high": "8 s"})
    assert times.write(times.round(5.12345678)) == "5.123 s"
    assert times.read("5500 ms") == 5.5
    assert times.read("1 min") is None
    assert times.read(5.0) is None
    assert make_domain({"low": 1.40, "high": 1.41}).round(1.4041653) == 1.40417  # a narrow range needs more digits
    labels = make_domain({"choices": ["fixed", {"kind": "sma", "window": 3}, 5]})
    assert [labels.place(u) for u in (0.0, 0.5, 0.99)] == ["fixed", '{"kind": "sma", "window": 3}', "5"]
    assert labels.write('{"kind": "sma", "window": 3}') == {"kind": "sma", "window": 3}
    assert labels.read(5) == "5"
    assert labels.read(6) is None
    assert isinstance(labels, Domain)
    assert [str(problem) for problem in check_limits({"low": 1, "high": "x"})] == [
        'must be a number or a quantity such as "5.6 s", not "x"'
    ]


def test_the_first_trial_is_the_file_as_it_was(folder: Path, tmp_path: Path) -> None:
    assert find_start(load(folder)) is None  # r_target is the version's own there
    given = BASE.replace("validation_sample_size: 5", "validation_sample_size: 5, r_target: 1.402")
    assert find_start(load(tmp_path, base=given)) == {"protocol.r_target": 1.402}


def test_only_the_same_search_goes_on(result: SearchResult, folder: Path, tmp_path: Path) -> None:
    other = load(tmp_path, SEARCH.replace("trials: 12", "trials: 13"))
    with pytest.raises(UserError, match="another search"):
        run(other, tmp_path / "x", resume=result.folder)
    assert pd.read_parquet(result.folder / "trials.parquet").equals(result.tables["trials"])
