"""Tune files: every mistake at its place, and what a checked one knows."""

from pathlib import Path

import pytest

from sim.difficulty import controllers
from sim.errors import ScenarioError
from sim.studies.search_file import Search, load_search

ROOT = Path(__file__).parent.parent.parent
SMALL = (ROOT / "tests" / "data" / "tune_small.yaml").read_text()


def load(folder: Path, text: str = SMALL) -> Search:
    file = folder / "small.yaml"
    file.write_text(text)
    return load_search(file)


def round_(search: Search, name: str, value: float) -> object:
    return search.domains[name].round(value)


def test_what_a_checked_file_knows(tmp_path: Path) -> None:
    tune = load(tmp_path)
    assert (tune.name, tune.subject.title, tune.subject.weights) == ("small", "pid", {"constant": 1.0, "step": 1.0})
    (controller,) = tune.subject.build(tune.vary({})).controllers
    assert controller.target.valid_nonces_per_epoch == 1
    assert "target" not in tune.text
    assert load(tmp_path, tune.text).text == tune.text
    (built,) = tune.subject.build(tune.vary({"k_i": 0.25})).controllers
    assert built == controllers.build({**controllers.spec_of(controller), "k_i": 0.25})
    load(tmp_path)
    quota = load_search(tmp_path / "small.yaml", ["quota=7"], seed=9, trials=3)
    (controller,) = quota.subject.build(quota.vary({})).controllers
    assert (quota.subject.seed, quota.config.trials, controller.target.valid_nonces_per_epoch) == (9, 3, 7)


def test_values_are_rounded_inside_their_range(tmp_path: Path) -> None:
    tune = load(tmp_path)
    assert round_(tune, "k_i", 0.123456) == 0.1235
    assert round_(tune, "k_i", 0.499999) == 0.5
    assert round_(tune, "k_i", 0.01) == 0.02
    text = SMALL.replace("{kind: pid, k_d: 0.1}", "sma").replace(
        "k_i: {low: 0.02, high: 0.5", "window: {low: 2, high: 9"
    )
    text = text.replace("sensitivity: 8", "sensitivity: 0")
    whole = load(tmp_path, text.replace("  k_p: {low: -0.1, high: 0.3}\n", ""))
    assert whole.domains["window"].is_whole
    assert [round_(whole, "window", value) for value in (2.4, 2.6, 11.0)] == [2, 3, 9]
    assert isinstance(round_(whole, "window", 3.0), int)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "objective: tracking_error",
            "objective: traking_error",
            'small.yaml:12:1: objective.measure: "traking_error" is',
        ),
        ("objective: tracking_error", "objective: traking_error", 'Did you mean "tracking_error"?'),
        (
            "tracking_error",
            "{measure: noise, curve: step}",
            "small.yaml:12:1: objective: the curve step has no `noise`",
        ),
        ("tracking_error", "{measure: noise, goal: 3}", "objective.goal: 3 is not one of the allowed values"),
        ("measure: noise, ", "measure: nois, ", 'small.yaml:14:6: constraints.0.measure: "nois" is no measure'),
        ("curve: step", "curve: stp", 'constraints.1.curve: no curve is called "stp". Did you mean "step"?'),
        (", at_most: 9.0", "", "small.yaml:14:5: constraints.0: needs `at_most` or `at_least`"),
        ("at_least: 0.2", "at_least: 9.5", "constraints.1.at_least: 9.5 is more than `at_most`, 8.0"),
        ("[noise, interval_sd]", "[noise, interval_ds]", "small.yaml:16:16: front.1"),
        ("[noise, interval_sd]", "[noise]", "small.yaml:16:1: front"),
        ("  - constant\n", "", "small.yaml:16:9: front.0: no curve here has `noise`"),
        ("k_p: {low", "kp: {low", 'small.yaml:11:3: parameters.kp: unknown key. Did you mean "k_p"?'),
        ("k_p: {low", "target: {low", "parameters.target.low: races have one target"),
        ("k_d: 0.1", "target: {valid_nonces_per_epoch: 2}", "controller.target: races have one target"),
        ("low: -0.1", "low: 0.3", "small.yaml:11:9: parameters.k_p.low: 0.3 must be less than `high`, 0.3"),
        ("low: 0.02", "low: 0.0", "small.yaml:10:9: parameters.k_i.low: 0.0 must be more than 0 on a log scale"),
        ("low: -0.1", "low: -50", "small.yaml:11:9: parameters.k_p.low: -50 must be at least -10"),
        ("high: 0.3", "high: 50", "parameters.k_p.high: 50 must be at most 10"),
        ("scale: log", "scale: lgo", 'parameters.k_i.scale: "lgo" is not one of the allowed values'),
        ("trials: 6", "trials: 0", "small.yaml:17:1: trials: 0 must be at least 1"),
        ("sensitivity: 8", "sensitivity: 12", "small.yaml:20:1: sensitivity: 12 must be a power of 2"),
        ("kind: pid", "kind: pdi", 'small.yaml:8:14: controller.kind: unknown controller "pdi". Did you mean "pid"?'),
        ("controller:", "controler:", "small.yaml:8:1: controler: unknown key"),
        ("seed: 3", "weights: {constant: 0.0}", "small.yaml:16:9: front.0: no curve here has `noise`"),
        (
            "seed: 3",
            "weights: {stp: 2}",
            'small.yaml:3:11: weights.stp: no curve is called "stp". Did you mean "step"?',
        ),
        (
            "objective: tracking_error",
            "objective: mean_interval",
            "small.yaml:12:1: objective: `mean_interval` is better neither small nor large: needs `towards` (1: no",
        ),
        (
            "tracking_error",
            "{measure: interval_p50, goal: maximise}",
            "`interval_p50` is better neither small nor large",
        ),
        (
            "[noise, interval_sd]",
            "[noise, mean_interval]",
            "small.yaml:16:16: front.1: `mean_interval` is better neither small nor large: a front needs two that are",
        ),
        (
            "seed: 3",
            "against: {kind: sma, window: 5}",
            "small.yaml:3:11: against.kind: is a sma, and the search tunes a pid: a lab compares kinds of rules",
        ),
        ("seed: 3", "against: sma", "small.yaml:3:1: against.kind: is a sma, and the search tunes a pid"),
        ("seed: 3", "against: {kind: pid, k_i: 99.0}", "small.yaml:3:22: against.k_i: 99.0 must be at most 10"),
        ("seed: 3", "against: {kind: pid, ki: 9.0}", 'small.yaml:3:22: against.ki: unknown key. Did you mean "k_i"?'),
        (
            "seed: 3",
            "against: {kind: pidd}",
            'small.yaml:3:11: against.kind: unknown controller "pidd". Did you mean "pid"?',
        ),
        ("seed: 3", "against: 5", "small.yaml:3:1: against: must be the name of a controller"),
        (
            "{kind: step, factor: 0.5, time: 4 h}, {kind: constant, level: 50.0}]",
            "{kind: step, time: 4 h}]",
            "small.yaml:21:16: check_curves.0: is one of `curves`: the search sees it",
        ),
        ("factor: 0.5", "factor: -1.0", "small.yaml:21:29: check_curves.0.factor: -1.0 must be more than 1e-06"),
        (
            "kind: constant, level",
            "kind: constnt, level",
            'small.yaml:21:55: check_curves.1.kind: unknown curve "constnt". Did',
        ),
        ("{kind: constant, level: 50.0}", "{kind: csv, path: none.csv}", "none.csv: there is no such file"),
        (
            "[{kind: step, factor: 0.5, time: 4 h}, {kind: constant, level: 50.0}]",
            "5",
            "small.yaml:21:1: check_curves: must be a list",
        ),
        ("seed: 3", "paste_into: none.yaml", "small.yaml:3:1: paste_into: "),
        ("- constant", "- constnt", 'small.yaml:23:5: curves.0: unknown curve "constnt"'),
        ("replications: 4", "replications: 900000000", "replications"),
        ("decisions: 60", "decisions: 900000", ""),
    ],
)
def test_mistakes_have_their_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new)
    if not expected:
        text, expected = text.replace("replications: 4", "replications: 4000"), "900000 decisions · 4000 replications"
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("kind: pid", "kind: pdi").replace("low: -0.1", "low: 0.4").replace("6", "0")
    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, text.replace("at_most: 9.0", "atmost: 9.0").replace("tracking_error", "noice"))
    assert {8, 11, 12, 14, 17} <= {mistake.line for mistake in caught.value.mistakes}
    with pytest.raises(ScenarioError, match="such a file is a mapping with the keys name"):
        load(tmp_path, "- a\n- b\n")


def test_whole_numbers_have_whole_ends(tmp_path: Path) -> None:
    text = SMALL.replace("{kind: pid, k_d: 0.1}", "sma").replace(
        "k_i: {low: 0.02, high: 0.5", "window: {low: 2.5, high: 9"
    )
    with pytest.raises(ScenarioError, match=r"parameters\.window\.low: must be a whole number"):
        load(tmp_path, text.replace("  k_p: {low: -0.1, high: 0.3}\n", ""))


def test_a_measure_is_sought_on_every_curve() -> None:
    """What a curve has is seen in a race, so that no table of curves and measures can be wrong."""
    tune = load_search(ROOT / "scenarios" / "difficulty" / "tune-asert.yaml")
    have = tune.subject.find_measures(tune.subject.build(tune.vary({})))
    assert [("noise" in each, "settling" in each, "tracking_error" in each) for each in have] == [
        (True, False, True),
        (False, True, True),
        (False, False, True),
    ]
    assert set().union(*have) <= set(tune.subject.measures)
