"""What a search says of its winner: on curves that it never saw, beside a rival of one's own, and where it goes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from ruamel.yaml import YAML

from sim.errors import ScenarioError
from sim.figures.search_report import draw_search
from sim.metrics.intervals import compute_mean_interval, compute_paired_interval
from sim.race.lab_file import load_lab
from sim.scenario.load import load_scenario
from sim.studies.domains import make_domain
from sim.studies.lab import run_lab
from sim.studies.search import SearchResult, count_steps, run_search
from sim.studies.search_file import Search, load_search
from sim.studies.search_tables import list_warnings, print_search
from sim.studies.subjects import CHECK, SEARCH, derive_seed

ROOT = Path(__file__).parent.parent.parent
SMALL = (ROOT / "tests" / "data" / "tune_small.yaml").read_text()
SCENARIO = ROOT / "tests" / "data" / "small.yaml"  # its epoch: 30 blocks of 5.6 s
RIVAL = "against: {kind: pid, k_d: 0.1, k_i: 0.3, k_p: 0.1}\n"
ONE = """\
name: one
seed: 3
spacing: 5.6 s
decisions: 60
replications: 6
controller: asert
parameters:
  half_life: {low: 2.0, high: 400.0, scale: log}
objective: tracking_error
trials: 6
curves: [constant, {kind: step, time: 5 min}]
"""


def load(folder: Path, text: str) -> Search:
    file = folder / "small.yaml"
    file.write_text(text)
    return load_search(file)


def run(search: Search, out: Path) -> SearchResult:
    steps: list[str] = []
    result = run_search(search, out=out, root=out.parent, n_workers=1, report=steps.append)
    assert len(steps) == count_steps(search)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checks")


@pytest.fixture(scope="module")
def result(folder: Path) -> SearchResult:
    return run(load(folder, RIVAL + SMALL), folder / "out")


def race(result: SearchResult, folder: Path, purpose: str, curves: list[Any]) -> pd.DataFrame:
    """Races of the winner and of the rival in a lab of these curves."""
    base = YAML(typ="safe", pure=True).load(SMALL)
    winner = {"kind": "pid", "k_d": 0.1, **result.summary["winner"]["parameters"]}
    rivals = [winner, {"kind": "pid", "k_d": 0.1, "k_i": 0.3, "k_p": 0.1}]
    shared = {key: base[key] for key in ("name", "spacing", "decisions", "replications", "warm_up")}
    lab = load_lab({**shared, "seed": derive_seed(3, "tune", purpose), "controllers": rivals, "curves": curves})
    made = run_lab(lab, out=None, root=folder, report=lambda step: None).races
    return made.assign(who=np.where(made["controller"] == made["controller"].iloc[0], "winner", "against"))


def test_the_winner_is_held_against_the_rival_of_ones_choice(result: SearchResult, folder: Path) -> None:
    base = YAML(typ="safe", pure=True).load(SMALL)
    races = race(result, folder, CHECK, base["curves"])
    cells = races.pivot_table(index="replication", columns="who", values="tracking_error")
    facts = result.summary
    assert facts["rival"] == "against"
    assert facts["against"]["parameters"] == {"k_i": 0.3, "k_p": 0.1}
    assert facts["against"]["objective"] == pytest.approx(cells["against"].mean(), rel=1e-12)
    made = compute_paired_interval(cells["against"], cells["winner"])
    assert (facts["difference"]["low"], facts["difference"]["high"]) == pytest.approx((made.low, made.high))


def test_the_winner_is_checked_on_curves_that_the_search_never_saw(result: SearchResult, folder: Path) -> None:
    base = YAML(typ="safe", pure=True).load(SMALL)
    races = race(result, folder, CHECK, [*base["curves"], *base["check_curves"]])
    means = races.groupby(["curve", "who"], sort=False)["tracking_error"].mean().unstack()
    checks = result.tables["checks"]
    assert checks["curve"].tolist() == ["constant", "step", "all of them", "step", "constant", "all of them"]
    assert checks["is_seen"].tolist() == [True] * 3 + [False] * 3
    alone = checks[checks["curve"] != "all of them"]
    for who in ("winner", "against"):
        assert alone[who].tolist() == pytest.approx(means[who].tolist(), rel=1e-12)
        assert checks[who].iloc[5] == pytest.approx(means[who].iloc[2:].mean(), rel=1e-12)
    step = races[races["curve"] == "step factor=0.5"].pivot(index="replication", columns="who", values="tracking_error")
    made = compute_paired_interval(step["against"], step["winner"])
    assert (checks["low"].iloc[3], checks["high"].iloc[3]) == pytest.approx((made.low, made.high))


def test_check_curves_have_the_measure(tmp_path: Path) -> None:
    text = SMALL.replace("objective: tracking_error", "objective: noise").replace(
        ", {kind: constant, level: 50.0}]", "]"
    )
    expected = r"small\.yaml:21:1: check_curves: no curve here has `noise`, the objective\. Known: decisions"
    with pytest.raises(ScenarioError, match=expected):
        load(tmp_path, text)


def test_check_curves_steer_nothing(result: SearchResult, folder: Path, tmp_path: Path) -> None:
    text = RIVAL + SMALL.replace(
        "{kind: step, factor: 0.5, time: 4 h}, {kind: constant, level: 50.0}", "{kind: sine, period: 3 h}"
    )
    other = run(load(tmp_path, text), tmp_path / "out")
    for name in ("trials", "points", "finalists", "front", "marks"):
        assert other.tables[name].equals(result.tables[name])
    assert not other.tables["checks"].equals(result.tables["checks"])


def test_the_marks_stand_among_the_numbers_of_the_front(result: SearchResult, folder: Path) -> None:
    """Winner, rival and front meet the random numbers of the search; bars are intervals over its replications."""
    marks = result.tables["marks"].set_index("who")
    base = YAML(typ="safe", pure=True).load(SMALL)
    races = race(result, folder, SEARCH, base["curves"])
    for who in ("winner", "against"):
        mine = races[races["who"] == who]
        noise = mine.loc[mine["curve"] == "constant", "noise"]
        assert marks.loc[who, "noise"] == pytest.approx(noise.mean(), rel=1e-12)
        assert marks.loc[who, "half_width.noise"] == pytest.approx(compute_mean_interval(noise).half_width, rel=1e-9)
        spread = mine.groupby("replication")["interval_sd"].mean()
        assert marks.loc[who, "half_width.interval_sd"] == pytest.approx(compute_mean_interval(spread).half_width)
    everything = pd.concat([result.tables["trials"], result.tables["points"]])
    assert marks.loc["winner", "noise"] in set(everything["noise"])
    axes = draw_search(result.summary, result.tables)["front"].axes[0]
    (star,) = [box for box in axes.containers if box.get_label() == "winner"]
    assert star.lines[0].get_xdata()[0] == marks.loc["winner", "noise"]
    assert {box.get_label() for box in axes.containers} == {"front", "winner", "against"}
    assert all(len(box.lines[2]) == 2 for box in axes.containers)  # bars of both measures


def test_a_rival_without_the_measures_of_the_front_is_told(result: SearchResult) -> None:
    marks = result.tables["marks"].assign(
        interval_sd=lambda table: table["interval_sd"].where(table["who"] == "winner")
    )
    figure = draw_search(result.summary, {**result.tables, "marks": marks})["front"]
    FigureCanvasAgg(figure).draw()
    assert "against (no interval_sd: not here)" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_winner_at_the_end_of_its_range_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ONE.replace("high: 400.0", "high: 4.0").replace("tracking_error", "noise")
    text = text.replace("controller: asert", "controller: {kind: asert, half_life: 4.0}")  # where the search starts
    found = run(load(tmp_path, text), tmp_path / "out")
    value = found.summary["winner"]["parameters"]["half_life"]
    line = (
        f"half_life = {value} of the winner lies at the high end of its range, 2.0 to 4.0: what is best may lie beyond"
    )
    assert list_warnings(found.summary) == [line]
    print_search(found)
    assert f"warning: {line}" in capsys.readouterr().out


def test_ends_of_ranges() -> None:
    linear, log = make_domain({"low": 0.0, "high": 10.0}), make_domain({"low": 1.0, "high": 100.0, "scale": "log"})
    assert [linear.find_end(x) for x in (0.0, 0.49, 0.6, 9.4, 9.6, 10.0)] == ["low", "low", "", "", "high", "high"]
    assert [log.find_end(x) for x in (1.2, 1.3, 75.0, 85.0)] == ["low", "", "", "high"]
    whole = make_domain({"low": 1, "high": 9})
    assert [whole.find_end(x) for x in (1, 2, 9)] == ["low", "", "high"]
    assert make_domain({"choices": ["a", "b"]}).find_end("a") == ""


def test_all_of_the_variance_is_due_to_the_only_parameter(tmp_path: Path) -> None:
    search = load(tmp_path, ONE)
    assert search.n_base_points == 0
    found = run(search, tmp_path / "out")
    assert "sensitivity" not in found.tables
    assert "points" not in found.tables
    asked = run(load(tmp_path, ONE + "sensitivity: 8\n"), tmp_path / "asked").tables["sensitivity"]
    assert asked.drop(columns=["measure", "parameter"]).to_numpy().tolist() == [[1.0] * 6]
    assert "sensitivity" not in run(load(tmp_path, ONE + "sensitivity: 0\n"), tmp_path / "none").tables


def paste(folder: Path, text: str, **changes: object) -> tuple[SearchResult, Path]:
    """The result of a search whose winner goes into the small scenario."""
    scenario = folder / "network.yaml"
    scenario.write_text(SCENARIO.read_text())
    result = run(load(folder, f"{text}paste_into: network.yaml\n"), folder / "out")
    return result, scenario


def test_a_block_of_the_networks_epochs(tmp_path: Path) -> None:
    """30 nonces of 5.6 s an interval are an epoch of 168 s: the numbers stay as they are."""
    text = SMALL.replace("spacing: 10 min", "spacing: 5.6 s\nquota: 30").replace("time: 4 h", "time: 30 min")
    result, scenario = paste(tmp_path, text)
    block = YAML(typ="safe", pure=True).load((result.folder / "difficulty.yaml").read_text())
    assert block["difficulty"]["target"] == {"valid_nonces_per_epoch": 30}
    assert block["difficulty"]["k_i"] == result.summary["winner"]["parameters"]["k_i"]
    assert load_scenario(scenario, block).difficulty.k_i == block["difficulty"]["k_i"]
    assert "168 s each" in (result.folder / "difficulty.yaml").read_text()


def test_blocks_are_no_epochs(tmp_path: Path) -> None:
    """A search that decides each 5.6 s counts in blocks; 30 of them are an epoch."""
    text = ONE.replace("low: 2.0", "low: 90.0").replace("objective: tracking_error", "objective: noise")
    result, scenario = paste(tmp_path, text)
    found = result.summary["winner"]["parameters"]["half_life"]
    block = YAML(typ="safe", pure=True).load((result.folder / "difficulty.yaml").read_text())["difficulty"]
    assert block["half_life"] == pytest.approx(found / 30, rel=1e-3)
    assert block["target"] == {"valid_nonces_per_epoch": 30}
    assert load_scenario(scenario, {"difficulty": block}).difficulty.half_life == block["half_life"]


def test_a_memory_shorter_than_an_epoch_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, scenario = paste(tmp_path, ONE.replace("high: 400.0", "high: 25.0"))
    found = result.summary["winner"]["parameters"]["half_life"]
    assert result.summary["block"] == "controller.yaml"
    assert result.summary["refusal"] == (
        f"no block for {scenario}: an epoch there lasts 168 s, an interval here 5.6 s: half_life {found:g} would be "
        f"{found / 30:.3g} epochs, and a rule that decides once an epoch has no memory shorter than one"
    )
    print_search(result)
    assert result.summary["refusal"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "",
            "",
            r"small\.yaml:\d+:1: paste_into: an epoch there lasts 168 s, an interval here 600 s, and what pid does per",
        ),
        ("spacing: 10 min", "spacing: 0.00056 s\nquota: 300000", r"small\.yaml:\d+:1: paste_into: .*300000"),
    ],
)
def test_a_network_that_takes_no_such_rule_is_told_at_once(tmp_path: Path, old: str, new: str, expected: str) -> None:
    (tmp_path / "network.yaml").write_text(SCENARIO.read_text())
    text = SMALL.replace(old, new).replace("time: 4 h", "time: 30 min")
    with pytest.raises(ScenarioError, match=expected):
        load(tmp_path, f"{text}paste_into: network.yaml\n")


def test_a_scenario_has_neither_curves_nor_a_place_to_paste(tmp_path: Path) -> None:
    section = "search: {parameters: {work.rate_factor: {low: 0.1, high: 1.0}}, objective: success_rate, trials: 2,\n"
    for key, told in (
        ("check_curves: [constant]", "a scenario has no curves"),
        ("paste_into: x.yaml", "the winner is"),
    ):
        with pytest.raises(ScenarioError, match=rf"small\.yaml:\d+:3: search\.{key.split(':')[0]}: {told}"):
            load(tmp_path, f"{SCENARIO.read_text()}{section}  {key}}}\n")


def test_a_scenario_is_held_against_other_values(tmp_path: Path) -> None:
    section = "search:\n  parameters: {work.rate_factor: {low: 0.1, high: 1.0}}\n  objective: success_rate\n  against: "
    search = load(tmp_path, f"{SCENARIO.read_text()}{section}{{work.rate_factor: 0.7, epochs: 2}}\n")
    assert search.rival.values == {"work.rate_factor": 0.7}
    assert load_scenario(SCENARIO).epochs != 2
    assert '"epochs":2' in search.subject.build(search.rival.document)
    with pytest.raises(ScenarioError, match=r"small\.yaml:\d+:\d+: search\.against\.epochs: -2 must be at least 1"):
        load(tmp_path, f"{SCENARIO.read_text()}{section}{{epochs: -2}}\n")
    with pytest.raises(ScenarioError, match=r'search\.against\.epoch: .*Did you mean "epochs"'):
        load(tmp_path, f"{SCENARIO.read_text()}{section}{{epoch: 2}}\n")
