"""`powsim lab`: files with every mistake at its place, what a lab leaves, and that it is the same twice."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from sim.errors import ScenarioError, UserError
from sim.race.files import name_all
from sim.race.lab_file import load_lab
from sim.race.measures import RACE_MEASURES
from sim.studies.lab import LabResult, load_lab_result, make_setup, run_lab
from sim.studies.lab_commands import report_lab
from sim.studies.lab_tables import print_lengths
from sim.studies.pasting import Destination, open_destination, write_controller

ROOT = Path(__file__).parent.parent.parent
SMALL = """\
# Small.
name: small
seed: 3
spacing: 10 min
decisions: 150
replications: 12
warm_up: 100
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


def test_the_lab_fills_in_the_target(tmp_path: Path) -> None:
    lab = load_lab(write(tmp_path), ["quota=7"])
    assert lab.config.controllers[0].target.valid_nonces_per_epoch == 7
    assert "target" not in lab.text
    assert "quota: 7" in lab.text
    assert load_lab(write(tmp_path, lab.text)) == lab


def test_races_until_a_horizon(tmp_path: Path) -> None:
    """The table tells decisions where all last as long, and times where all have as many decisions."""
    text = SMALL.replace("decisions: 150", "horizon: 1 d")
    found = run_lab(load_lab(write(tmp_path, text)), out=None, root=tmp_path, report=lambda step: None)
    assert np.allclose(found.races["lasted"], 1.0)
    assert found.races["decisions"].between(50, 400).all()
    assert found.paths["time_seconds"].max() == 86_400.0
    assert found.paths["median"].notna().all()  # no line ends before the others
    assert "decisions of races of 1 d" in print_to_text(found.answers)


def print_to_text(answers: pd.DataFrame) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        print_lengths(answers)
    return out.getvalue()


def test_races_of_as_many_decisions_say_how_long_they_last(result: LabResult) -> None:
    told = print_to_text(result.answers)
    assert "how long races of 150 decisions last, in d" in told
    assert "with `horizon` in place of `decisions` all end together" in told
    row = next(line.split() for line in told.splitlines() if line.startswith("fixed"))
    lasted = result.races[(result.races["controller"] == "fixed") & (result.races["curve"] == "step")]["lasted"]
    assert row[2] == f"{lasted.mean():.4g}"
    even = result.answers.assign(estimate=1.0)
    assert "note" not in print_to_text(even)


def test_races_that_end_before_their_horizon_are_told(result: LabResult) -> None:
    answers = result.answers.copy()
    is_length = answers["measure"] == "lasted"
    answers.loc[is_length, "estimate"] = 1.0
    is_fixed = (answers["controller"] == "fixed") & (answers["curve"] == "step")
    answers.loc[is_fixed & is_length, "estimate"] = 0.25
    answers.loc[is_fixed & (answers["measure"] == "decisions"), "estimate"] = 2400.0
    assert "note: fixed on step ended after 0.25 d, at 2400 decisions, before the horizon" in print_to_text(answers)


def test_each_controller_gets_the_warm_up_that_it_needs(tmp_path: Path) -> None:
    """At least 200 decisions; a window of 500 needs the last of its 500 but for 1 %. One in the file is for all."""
    text = SMALL.replace("warm_up: 100\n", "").replace("window: 20", "window: 500")
    config = load_lab(write(tmp_path, text)).config
    assert [make_setup(config, each).warm_up for each in config.controllers] == [495, 200, 200]
    config = load_lab(write(tmp_path)).config
    assert [make_setup(config, each).warm_up for each in config.controllers] == [100] * 3


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
        (
            "decisions: 150",
            "horizon: 1 h",
            "small.yaml:5:1: horizon: 3600 s hold 6 decisions, one in 600 s; a race",
        ),
        ("decisions: 150", "horizon: 10", "small.yaml:5:1: horizon: 10 has no unit"),
        ("decisions: 150", "horizon: 9e5 d", "small.yaml:5:1: horizon: 7.776e+10 s hold 129600000 decisions"),
        ("seed: 3", "horizon: 2 d", "small.yaml:5:1: decisions: `horizon` sets how long races are; leave one of both"),
        ("window: 20", "window: 500", "small.yaml:7:1: warm_up: 100 decisions are fewer than the 495 in which sma for"),
        ("half_life: 7.0", "half_life: 1e6", "small.yaml:10:5: controllers.1: asert remembers its start for more than"),
        ("warm_up: 100", "warm_up: 900000", "small.yaml:6:1: replications: 900000 decisions of warm-up · 12"),
        ("window: 20", "window: 0", "small.yaml:9:"),
        ("window: 20", "windw: 20", "windw: unknown key"),
        ("- fixed", "- fixt", 'small.yaml:11:5: controllers.2: unknown controller "fixt"'),
        ("- fixed", "- {kind: sma, window: 20}", "small.yaml:11:5: controllers.2: sma window=20 stands here twice"),
        ("window: 20", "target: {valid_nonces_per_epoch: 5}", "controllers.0.target: races have one target"),
        ("- random_walk", "- {kind: sine, period: 1 s}", "small.yaml:15:5: curves.2: steps of"),
        ("- random_walk", "- {kind: csv, path: none.csv}", "none.csv: there is no such file"),
        ("- random_walk", "- 5", "small.yaml:15:5: curves.2: must be the name of a curve"),
        (
            "- random_walk",
            "- {kind: profit_driven, price: {kind: constant, level: -1.0}}",
            ":15:51: curves.2.price.level: -1.0 must be more",
        ),
        ("- random_walk", "- {kind: profit_driven, price: {kind: csv, path: no.csv}}", "no.csv: there is no such file"),
        (
            "- random_walk",
            "- {kind: profit_driven, steady: 0.0}",
            "small.yaml:15:27: curves.2.steady: 0.0 must be more",
        ),
        (
            "- random_walk",
            "- {kind: profit_driven, price: constnt}",
            'price: unknown price "constnt". Did you mean "cons',
        ),
        ("seed: 3", "false_timestamps: {share: 1.5}", "small.yaml:3:20: false_timestamps.share: 1.5 must be"),
        ("seed: 3", "false_timestamps: {share: 0.5, reading: none}", "false_timestamps.reading"),
        ("seed: 3", "small_host: 1.0", "small.yaml:3:1: small_host: 1.0 must be less than 1"),
        ("controllers:", "controlers:", "small.yaml:8:1: controlers: unknown key"),
        (
            "seed: 3",
            "weights: {stp: 2}",
            'small.yaml:3:11: weights.stp: no curve is called "stp". Did you mean "step"?',
        ),
        ("seed: 3", "weights: {step: -1}", "small.yaml:3:11: weights.step: -1 must be at least 0"),
        (
            "seed: 3",
            "weights: {constant: 0, step: 0.0, random_walk: 0}",
            "small.yaml:3:1: weights: at least one curve needs a weight above 0",
        ),
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
        ScenarioError, match=r"small\.yaml:15:5: curves\.2: .*compute\.csv:4:3: compute -1 must be at least 0"
    ):
        load_lab(file)


def test_prices_are_seen_from_the_lab_file(tmp_path: Path) -> None:
    (tmp_path / "price.csv").write_text("time (h),price\n0,5\n2,-9\n1,3\n")
    file = write(
        tmp_path, SMALL.replace("- random_walk", "- {kind: profit_driven, price: {kind: csv, path: price.csv}}")
    )
    with pytest.raises(ScenarioError) as caught:
        load_lab(file)
    told = str(caught.value).splitlines()
    assert ["small.yaml:15:5: curves.2: " in line for line in told] == [True, True]
    assert ["price.csv:3:3: price -9 must" in told[0], "price.csv:4:1: time 1 does not come" in told[1]] == [True, True]


def test_rules_on_logarithms_cannot_read_negative_intervals(tmp_path: Path) -> None:
    text = SMALL.replace("- fixed", "- pid").replace("seed: 3", "false_timestamps: {share: 0.1, reading: raw}")
    with pytest.raises(ScenarioError, match=r"small\.yaml:11:5: controllers\.2: pid has no answer to a negative"):
        load_lab(write(tmp_path, text))
    assert load_lab(write(tmp_path, text.replace("raw", "monotone")))


def test_lies_about_time_do_not_go_with_rules_that_act_on_a_wait(tmp_path: Path) -> None:
    pause = "{kind: minimum_after_pause, rule: {kind: sma, window: 3}}"
    for spec in (pause, f"{{kind: compact_target, rule: {pause}}}"):
        text = SMALL.replace("- fixed", f"- {spec}").replace("seed: 3", "false_timestamps: {share: 0.1}")
        with pytest.raises(ScenarioError, match=r"small\.yaml:11:5: controllers\.2: \w+ acts while a block is awaited"):
            load_lab(write(tmp_path, text))
    text = SMALL.replace("- fixed", "- {kind: compact_target, rule: pid}")
    text = text.replace("seed: 3", "false_timestamps: {share: 0.1, reading: raw}")
    with pytest.raises(ScenarioError, match=r"small\.yaml:11:\d+: controllers\.2\.rule: pid has no answer"):
        load_lab(write(tmp_path, text))


def test_a_wrapped_rule_gets_target_and_memory_too(tmp_path: Path) -> None:
    pause = "- {kind: compact_target, rule: {kind: minimum_after_pause, rule: lwma}}"
    text = SMALL.replace("{kind: sma, window: 20}", "sma").replace(", half_life: 7.0", "").replace("- fixed", pause)
    lab = load_lab(write(tmp_path, text), ["quota=7", "equal_noise=30"])
    inner = lab.config.controllers[2].rule.rule
    assert inner.target.valid_nonces_per_epoch == 7
    assert (
        inner.window
        == load_lab(write(tmp_path, text.replace(pause, "- lwma")), ["equal_noise=30"]).config.controllers[2].window
    )
    assert load_lab(write(tmp_path, lab.text)) == lab
    for wrong, expected in (
        ("rule: {kind: lwma, window: 5}", "controllers.2.rule.rule.window: `equal_noise` sets it"),
        ("rule: {kind: lwma, target: {valid_nonces_per_epoch: 2}}", "controllers.2.rule.rule.target: races have one"),
        ("rule: lwmaa", 'controllers.2.rule.rule: unknown controller "lwmaa". Did you mean "lwma"'),
    ):
        with pytest.raises(ScenarioError) as caught:
            load_lab(write(tmp_path, text.replace("rule: lwma", wrong)), ["equal_noise=30"])
        assert expected in str(caught.value)


def test_a_wrapped_rule_is_pasted_as_a_lab_has_it(tmp_path: Path) -> None:
    """Without the target of the rule inside, which a lab sets; in a network's block with the network's."""
    config = load_lab(write(tmp_path, SMALL.replace("- fixed", "- {kind: compact_target, rule: lwma}"))).config
    pasted = YAML(typ="safe").load(write_controller("found", config.controllers[2], config))
    assert pasted["controllers"] == [
        {"kind": "compact_target", "rule": {"kind": "lwma", "window": 8}, "form": "compact", "hash_bits": 256}
    ]
    document = open_destination(str(ROOT / "tests" / "data" / "setpoints.yaml")).document
    network = Destination("here.yaml", document, config.interval_seconds)
    assert network.carry_over(config.controllers[2], config)["rule"]["target"] == {"valid_nonces_per_epoch": 1}


def test_a_lab_without_compute_at_times(tmp_path: Path) -> None:
    """Nights of 12 h without any, in the tables and in the figure; under `fixed` half of all time is night."""
    text = SMALL.replace("- random_walk", "- {kind: on_off, factor: 0.0, period: 1 d}")
    result = run_lab(
        load_lab(write(tmp_path, text), ["decisions=600"]), out=None, root=tmp_path, report=lambda step: None
    )
    races = result.races[result.races["curve"] == "on_off"]
    assert races["steady_loss"].isna().all()
    assert races["worst_wait"].between(72.0, 90.0).all()
    assert races.loc[races["controller"] == "fixed", "mean_interval"].mean() == pytest.approx(2.0, rel=0.1)
    path = result.paths[(result.paths["curve"] == "on_off") & (result.paths["controller"] == "sma")]
    assert set(path["compute"]) == {0.0, 1.0}
    report_lab(result)


def test_a_short_series_is_told_with_its_place(powsim: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "compute.csv").write_text("time (h),compute (nonces/s)\n0,5\n1,0\n2,9\n")
    file = write(tmp_path, SMALL.replace("- random_walk", "- {kind: csv, path: compute.csv}"))
    for command in ("check", "lab"):
        done = powsim(command, file, "--set", "replications=2", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "warning: small.yaml:15:5: curves.2: " in done.stderr.replace(f"{tmp_path}/", "")
        assert "compute.csv ends after 0.08333 d, a race takes 1.042 d: its last value, 9, holds on" in done.stderr
    assert load_lab(file, ["decisions=20"]).warnings != ()
    assert load_lab(file, ["decisions=20", "spacing=6 min"]).warnings == ()


def test_names_tell_what_differs(tmp_path: Path) -> None:
    text = SMALL.replace(
        "- random_walk", "- {kind: profit_driven, steady: 5.0}\n  - {kind: profit_driven, paid_per: time}"
    )
    names = load_lab(write(tmp_path, text)).curve_names
    assert names[2:] == ("profit_driven steady=5.0", "profit_driven paid_per=time")


def test_names_are_written_as_the_file_has_them(tmp_path: Path) -> None:
    """A plug-in inside a plug-in is named by its kind; no mapping or list of Python is printed."""
    jumps = "{kind: profit_driven, price: {kind: jump_diffusion, volatility: %s, jump_every: 2 d}}"
    text = SMALL.replace("- random_walk", f"- {jumps % 0.01}\n  - {jumps % 0.02}\n  - profit_driven").replace(
        "  - fixed",
        "  - {kind: schedule, steps: [{epoch: 2, difficulty: 5.0}]}\n  - {kind: schedule, steps: []}",
    )
    tree = YAML(typ="safe").load(text)
    assert name_all(tree["curves"])[2:] == [
        "profit_driven price=jump_diffusion price.volatility=0.01",
        "profit_driven price=jump_diffusion price.volatility=0.02",
        "profit_driven",
    ]
    assert name_all(tree["controllers"])[2:] == ["schedule steps=[{epoch: 2, difficulty: 5.0}]", "schedule steps=[]"]
    assert name_all([{"kind": "sma", "window": 3}] * 2) == ["sma window=3"] * 2


def test_a_lab_of_switchers_and_liars(tmp_path: Path) -> None:
    text = SMALL.replace("- random_walk", "- profit_driven").replace("seed: 3", "false_timestamps: {share: 0.1}")
    result = run_lab(load_lab(write(tmp_path, text)), out=None, root=tmp_path, report=lambda step: None)
    is_market = result.races["curve"] == "profit_driven"
    assert result.races["compute_swing"].notna().equals(is_market)
    assert result.races["manipulation_gain"].notna().all()
    path = result.paths[(result.paths["curve"] == "profit_driven") & (result.paths["controller"] == "sma")]
    assert path["compute"].iloc[0] == 1.0
    assert path["compute"].nunique() > 10


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


def test_the_same_twice(result: LabResult, tmp_path: Path) -> None:
    """Another controller before them, and other replications behind them, change nothing but `noise`, whose values are
    shares in the scatter over all replications."""
    text = SMALL.replace("controllers:", "controllers:\n  - wtema").replace("replications: 12", "replications: 14")
    again = run_lab(load_lab(write(tmp_path, text)), out=None, root=tmp_path, report=lambda step: None).races
    again = again[(again["controller"] != "wtema") & (again["replication"] < 12)].reset_index(drop=True)
    assert again.drop(columns="noise").equals(result.races.drop(columns="noise"))
    other = run_lab(load_lab(write(tmp_path), seed=4), out=None, root=tmp_path, report=lambda step: None).races
    assert not other.equals(result.races)


def test_command(powsim: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path)
    arguments = ("--out", "out", "--rank-by", "worst_wait", "--set", "replications=6")
    done = powsim("lab", "small.yaml", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "small: worst_wait, best first" in done.stdout
    assert "curve by curve" in done.stdout
    assert "*: of 2 differences from sma at 95 % each, 0.1 would exclude 0 by chance alone" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 140
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
        (("small.yaml", "--rank-by", "manipulation_gain"), "no measure whose smaller values are better"),
        (
            ("small.yaml", "--baseline", "asrt"),
            'baseline "asrt": no controller here is called so. Did you mean "asert"?',
        ),
        (
            ("small.yaml", "--rank-by", "settling", "--set", "weights.step=0"),
            "no curve here that has a weight has `settling`",
        ),
        (("none.yaml",), "no such file"),
        (("small.yaml", "--set", "spacing=0 s"), "spacing"),
    ):
        done = powsim("lab", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert message in done.stderr
    assert "3 controllers on 3 curves" in powsim("check", "small.yaml", cwd=tmp_path).stdout
    assert not (tmp_path / "results").exists()


def test_every_key_acts(result: LabResult, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        **{"spacing": "5 min", "quota": 2, "decisions": 140, "warm_up": 120, "seed": 5, "small_host": 0.01},
        "false_timestamps": {"share": 0.2},
    }
    weighed = run_lab(load_lab(write(tmp_path), {"weights": {"step": 3.0}}), out=None, root=tmp_path, report=str)
    assert not weighed.rank().table["estimate"].equals(result.rank().table["estimate"])
    for key, value in changes.items():
        found = run_lab(load_lab(write(tmp_path), {key: value}), out=None, root=tmp_path, report=lambda step: None)
        assert not found.races.equals(result.races), key
    properties = YAML(typ="safe").load(SMALL).keys() | {
        "quota",
        "equal_noise",
        "horizon",
        "description",
        "small_host",
        "false_timestamps",
        "weights",
    }
    assert properties == set(load_lab(write(tmp_path)).config.model_dump())


@pytest.mark.parametrize("n_finished", [0, 2, 4])
def test_an_interrupted_lab_keeps_its_finished_races(result: LabResult, tmp_path: Path, n_finished: int) -> None:
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if len(steps) > n_finished:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_lab(load_lab(write(tmp_path)), out=out, root=tmp_path, report=interrupt)
    assert json.loads((out / "provenance.json").read_text())["status"] == "interrupted"
    if not n_finished:
        with pytest.raises(UserError, match="no race was finished"):
            load_lab_result(out)
        return
    kept = load_lab_result(out)
    assert kept.races.equals(result.races.head(12 * n_finished))
    ranked = kept.rank()
    assert list(ranked.weights) == ["constant"]
    assert len(ranked.table) == min(n_finished, 3)
    report_lab(kept)
    assert "<svg" in (out / "report.html").read_text()


def test_a_report_is_drawn_again_to_the_byte(result: LabResult) -> None:
    report_lab(result)
    first = (result.folder / "report.html").read_bytes()
    loaded = load_lab_result(result.folder)
    assert (loaded.name, loaded.rank_by, loaded.baseline) == ("small", "tracking_error", "sma")
    (result.folder / "report.html").unlink()
    report_lab(loaded)
    assert (result.folder / "report.html").read_bytes() == first
