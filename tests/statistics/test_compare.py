"""What a sweep says, and what two of them say together."""

import dataclasses
import io
from contextlib import redirect_stdout

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim.errors import UserError
from sim.studies.compare import compare, compare_points, summarise_sweep
from sim.studies.sweep_tables import print_comparison, print_summary

AXES = ("network.topology.degree", "difficulty.kind")


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(4, 12))


@pytest.fixture
def sweep(make, noise):
    """Three points that share most of their noise."""
    shared = 0.4 + 0.05 * noise[0]
    points = {(4, "pid"): shared, (8, "pid"): shared + 0.01 + 0.002 * noise[1], (4, "ema"): shared + 0.002 * noise[2]}
    return make(points, AXES, "three")


def test_summary_has_one_row_per_point_and_measure(sweep) -> None:
    summary = summarise_sweep(sweep)
    assert summary[["point", *AXES]].to_numpy().tolist() == [[0, 4, "pid"], [1, 8, "pid"], [2, 4, "ema"]]
    values = sweep.runs.query("point == 1")["success_rate"]
    reference = stats.ttest_1samp(values, 0).confidence_interval()
    row = summary.iloc[1]
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx((values.mean(), *reference))
    assert (row["n"], row["n_missing"], row["method"], row["level"], row["warning"]) == (12, 0, "t", 0.95, "")


def test_order_of_the_rows_changes_nothing(make, noise) -> None:
    """Not even the last bit, and not the bootstrap, which draws by position."""
    skewed = make({(x,): np.exp(noise[x]) for x in range(3)}, ("x",), measure="controller_error")
    shuffled = dataclasses.replace(skewed, runs=skewed.runs.sample(frac=1.0, random_state=3))
    pd.testing.assert_frame_equal(summarise_sweep(shuffled), summarise_sweep(skewed), check_exact=True)
    pd.testing.assert_frame_equal(compare_points(shuffled), compare_points(skewed), check_exact=True)


def test_differences_are_paired_by_replication(sweep) -> None:
    compared = compare_points(sweep)
    a, b = (sweep.runs.query(f"point == {point}")["success_rate"].to_numpy() for point in (0, 1))
    paired = stats.ttest_rel(b, a).confidence_interval()
    unpaired = stats.ttest_ind(b, a, equal_var=False).confidence_interval()
    row = compared.iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((paired.low, paired.high))
    assert row["high"] - row["low"] < (unpaired.high - unpaired.low) / 10
    assert row["gain"] == pytest.approx((a.var(ddof=1) + b.var(ddof=1)) / (b - a).var(ddof=1))
    assert compared["resolved"].tolist() == [True, False]
    assert not unpaired.low > 0  # without the pairs nothing would be resolved


def test_every_measure_has_the_same_interval_of_differences(make, noise) -> None:
    """Also one of an unknown law, whose mean has the studentised bootstrap: compare, labs and searches share it."""
    skewed = make({(x,): np.exp(noise[x]) for x in range(2)}, ("x",), measure="controller_error")
    row, values = (
        compare_points(skewed).iloc[0],
        [skewed.runs.query(f"point == {p}")["controller_error"] for p in (0, 1)],
    )
    expected = stats.ttest_rel(values[1], values[0]).confidence_interval()
    assert (row["method"], row["low"], row["high"]) == ("t", pytest.approx(expected.low), pytest.approx(expected.high))
    assert summarise_sweep(skewed)["method"].iloc[0] == "bootstrap-t"


def test_another_baseline_turns_the_sign(sweep) -> None:
    back = compare_points(sweep, 1).iloc[0]
    assert back["difference"] == pytest.approx(-compare_points(sweep).iloc[0]["difference"])
    assert (back["point"], back["before"]) == (0, pytest.approx(compare_points(sweep).iloc[0]["after"]))


def test_two_sweeps(make, sweep, noise) -> None:
    """Points are matched by their axes' values, in whatever order and number type."""
    runs = sweep.runs.assign(success_rate=sweep.runs["success_rate"] + 0.03)
    runs[AXES[0]] = runs[AXES[0]].astype(float)
    runs["point"] = 2 - runs["point"]
    other = dataclasses.replace(sweep, name="shifted", runs=runs, axes=AXES[::-1])
    compared = compare(sweep, other)
    assert compared[list(AXES)].to_numpy().tolist() == [[4, "pid"], [8, "pid"], [4, "ema"]]
    assert compared["difference"].to_numpy() == pytest.approx(0.03)
    assert compared["resolved"].all()


def test_identical_sweeps_differ_by_nothing(sweep) -> None:
    compared = compare(sweep, sweep)
    assert (compared[["difference", "low", "high"]] == 0).all(axis=None)
    assert not compared["resolved"].any()
    assert set(compared["warning"]) == {"all 12 values are equal"}


def test_axes_whose_values_are_mappings(make, noise) -> None:
    made = make({(0,): noise[0], (1,): noise[1]}, ("difficulty",))
    kinds = {0: {"kind": "fixed"}, 1: {"kind": "proportional", "max_step": 2.0}}
    made = dataclasses.replace(made, runs=made.runs.assign(difficulty=made.runs["point"].map(kinds)))
    assert summarise_sweep(made)["difficulty"].tolist()[0] == '{"kind": "fixed"}'
    assert len(compare(made, made)) == 2


def test_sweeps_without_axes(make, noise) -> None:
    compared = compare(make({(): noise[0]}, name="a"), make({(): noise[0] + 1 + 0.1 * noise[1]}, name="b"))
    assert len(compared) == 1
    assert compared["resolved"].all()


def test_failed_runs_are_left_out_with_a_warning(sweep) -> None:
    runs = sweep.runs.copy()
    runs.loc[(runs["point"] == 1) & (runs["replication"] == 3), "error"] = "ValueError: no"
    runs.loc[(runs["point"] == 1) & (runs["replication"] == 4), "success_rate"] = np.nan
    broken = dataclasses.replace(sweep, runs=runs)
    summary = summarise_sweep(broken).iloc[1]
    assert (summary["n"], summary["n_missing"], summary["warning"]) == (
        10,
        2,
        "of 12 runs 1 failed: the mean is of the others",
    )
    row = compare_points(broken).iloc[0]
    assert (row["n_pairs"], row["n_missing"]) == (10, 2)
    assert row["warning"] == "2 of 12 pairs left out: a run failed, halted or has no value"


def test_a_measure_that_no_run_has(sweep) -> None:
    empty = dataclasses.replace(sweep, runs=sweep.runs.assign(success_rate=None))
    summary, compared = summarise_sweep(empty), compare_points(empty)
    assert summary["n"].tolist() == [0, 0, 0]
    assert set(summary["warning"]) == set(compared["warning"]) == {"no values"}
    assert not compared["resolved"].any()


def test_common_replications_and_points(make, noise) -> None:
    """As after sequential stopping: points have different numbers of runs."""
    uneven = make({(1,): noise[0], (2,): noise[1][:10]}, ("x",), "uneven")
    with pytest.raises(UserError, match="point 0 has 12 replications, point 1 10, 10 of them the same"):
        compare_points(uneven)
    assert compare_points(uneven, common=True)["n_pairs"].tolist() == [10]
    fewer = make({(1,): noise[2]}, ("x",), "fewer")
    with pytest.raises(UserError, match=r"uneven has a point with x = 2, fewer has none \(--common leaves"):
        compare(uneven, fewer)
    with pytest.raises(UserError, match="uneven has a point with x = 2"):
        compare(fewer, uneven)
    assert len(compare(fewer, uneven, common=True)) == 1


def test_refusals(make, sweep, noise) -> None:
    other_axis = make({(1,): noise[0]}, ("epochs",), "other")
    seeds = dataclasses.replace(sweep, name="new seeds", runs=sweep.runs.assign(seed=sweep.runs["seed"] + 1))
    apart = make({(5, "pid"): noise[0]}, AXES, "apart")
    twin = make({(1,): noise[0], (2,): noise[1]}, ("x",), "twin")
    twin = dataclasses.replace(twin, runs=twin.runs.assign(x=1))
    late = dataclasses.replace(sweep, name="late", runs=sweep.runs.assign(replication=sweep.runs["replication"] + 50))
    twice = dataclasses.replace(sweep, runs=pd.concat([sweep.runs, sweep.runs.iloc[:1]]))
    lacking = dataclasses.replace(sweep, runs=sweep.runs.drop(columns=["seed"]))
    for call, message in [
        (lambda: compare(sweep, other_axis), "three varies network.topology.degree, difficulty.kind, other epochs"),
        (lambda: compare(sweep, seeds), "replication 0 has seed 100 in three and 101 in new seeds"),
        (lambda: compare(sweep, apart, common=True), "they have no point in common"),
        (lambda: compare(twin, twin), "point 1 has the same values as an earlier one: x = 1"),
        (lambda: compare(sweep, late, common=True), "three has 12 replications, late 12, 0 of them the same"),
        (lambda: summarise_sweep(twice), "point 0 has replication 0 twice"),
        (lambda: summarise_sweep(lacking), "has no column seed"),
        (lambda: summarise_sweep(dataclasses.replace(sweep, runs=sweep.runs.iloc[:0])), "no finished run"),
        (lambda: summarise_sweep(sweep, measures=["sucess_rate"]), 'Did you mean "success_rate"'),
        (lambda: compare_points(sweep, 7), "three has no point 7; its points are 0, 1, 2"),
        (lambda: compare_points(other_axis), "one point only"),
    ]:
        with pytest.raises(UserError, match=message):
            call()


def printed(show, frame) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        show(frame, title="a title")
    return out.getvalue()


def test_tables(sweep) -> None:
    text = printed(print_summary, summarise_sweep(sweep))
    assert "a title" in text
    assert "95 % interval" in text
    assert "success_rate" in text
    text = printed(print_comparison, compare_points(sweep))
    assert "1 of 2 differences are resolved: their 95 % interval excludes 0." in text
    assert "If nothing differed, about 0.1 would be, by chance" in text
    assert "pairing is worth" in text
    assert "99 % interval" in printed(print_comparison, compare_points(sweep, level=0.99))
    few = dataclasses.replace(sweep, runs=sweep.runs.query("replication < 3"))
    assert "warning: only 3 values: fewer than 10 (3 of 3 rows)" in printed(print_summary, summarise_sweep(few))
