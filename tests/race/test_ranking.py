"""Rankings of a lab: by hand, held against exact shares of resamples, and what they say about chance."""

import math

import numpy as np
import pandas as pd
import pytest

from sim.errors import UserError
from sim.metrics.intervals import compute_paired_interval
from sim.studies.ranking import Ranking, rank
from sim.studies.ranking_tables import describe_ranking, lay_out_ranks

RNG = np.random.default_rng(7)
NOISE = RNG.standard_normal((3, 30))


def make(values: dict[str, dict[str, object]], measure: str = "tracking_error") -> pd.DataFrame:
    """Rows of races from `{curve: {controller: values over replications}}`."""
    parts = [
        pd.DataFrame({"curve": curve, "controller": who, "replication": np.arange(len(found)), measure: found})
        for curve, row in values.items()
        for who, found in ((name, np.asarray(each, dtype=np.float64)) for name, each in row.items())
    ]
    return pd.concat(parts, ignore_index=True)


def get(ranking: Ranking, name: str) -> dict[str, object]:
    return dict(zip(ranking.table["controller"], ranking.table[name], strict=True))


def test_differences_are_paired_and_from_the_baseline() -> None:
    common = 5 * NOISE[0]
    races = make({"x": {"a": common + 1, "b": common + 1.2 + 0.1 * NOISE[1], "c": common + 3 + 0.1 * NOISE[2]}})
    found = rank(races, baseline="b")
    made = compute_paired_interval(common + 1.2 + 0.1 * NOISE[1], common + 3 + 0.1 * NOISE[2])
    row = found.table.set_index("controller").loc["c"]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((made.estimate, made.low, made.high))
    assert get(found, "rank") == {"a": 1, "b": 2, "c": 3}
    assert get(found, "resolved") == {"a": True, "b": False, "c": True}
    assert rank(races).baseline == "a"
    with pytest.raises(UserError, match="Did you mean"):
        rank(make({"x": {"asert": [1.0, 2.0], "sma": [1.0, 2.0]}}), baseline="aser")


def test_those_who_are_not_told_apart_share_a_rank() -> None:
    races = make({"x": {"c": 2 + NOISE[0], "b": 2.01 + NOISE[1], "a": NOISE[2], "d": [9.0] * 30}})
    found = rank(races)
    assert get(found, "rank") == {"a": 1, "c": 2, "b": 2, "d": 4} or get(found, "rank") == {
        "a": 1,
        "b": 2,
        "c": 2,
        "d": 4,
    }
    assert get(found, "is_tied") == {"a": False, "b": True, "c": True, "d": False}


def test_a_sure_but_negligible_difference_makes_no_rank() -> None:
    races = make({"x": {"a": 1 + 0.1 * NOISE[0], "b": 1 + 0.1 * NOISE[0] + 1e-5, "c": 1 + 0.1 * NOISE[0] + 1e-2}})
    assert get(rank(races), "rank") == {"a": 1, "b": 1, "c": 3}


def test_the_more_are_compared_the_more_it_takes() -> None:
    """A difference that excludes 0 at 95 % is no finding among forty."""
    shifts = 0.5 * np.ones(30) + NOISE[1] - NOISE[1].mean()
    two = make({"x": {"a": np.zeros(30), "b": shifts}})
    assert get(rank(two), "resolved")["b"]
    many = make({"x": {"a": np.zeros(30), "b": shifts, **{f"z{k}": np.full(30, 9.0 + k) for k in range(38)}}})
    found = rank(many)
    row = found.table.set_index("controller").loc["b"]
    assert row["low"] > 0
    assert not row["resolved"]
    assert row["rank"] == 1
    assert found.level_together == pytest.approx(1 - 0.05 / 39)
    assert "of 39 differences from a at 95 % each, 2 would exclude 0" in describe_ranking(found, [])[1]


def test_the_order_holds_as_often_as_it_should_over_curves() -> None:
    """Three curves, no chance in them: `a` leads by one curve only, which a resample misses with chance (2 / 3)^3.

    Drawn k times of three, it gives a the lead of 4 k against the 3 - k of the others.
    """
    races = make(
        {"x": {"a": [1] * 6, "b": [5] * 6}, "y": {"a": [2] * 6, "b": [1] * 6}, "z": {"a": [2] * 6, "b": [1] * 6}}
    )
    found = rank(races)
    assert found.order_holds == 1.0
    assert found.order_holds_over_curves == pytest.approx(1 - (2 / 3) ** 3, abs=0.035)
    assert get(found, "rank_holds_over_curves")["a"] == found.order_holds_over_curves
    assert found.pivotal == ("x",)


def test_the_order_holds_as_often_as_it_should_over_replications() -> None:
    """`a` leads `b` in a resample of six that has three of those races at least in which it does: a binomial sum."""
    values = {"a": [0.0] * 6, "b": [1.0, 1.0, 1.0, 1.0, -0.6, -0.6], "c": [50.0] * 6}
    found = rank(make({"x": values}), level=0.5)  # at so low a level they are told apart
    assert get(found, "rank") == {"a": 1, "b": 2, "c": 3}
    lead = sum(math.comb(6, k) * (2 / 3) ** k * (1 / 3) ** (6 - k) for k in range(7) if k > 0.6 * (6 - k))
    assert found.order_holds == pytest.approx(lead, abs=0.035)
    assert get(found, "rank_holds")["c"] == 1.0
    tied = rank(make({"x": values}))
    assert get(tied, "rank") == {"a": 1, "b": 1, "c": 3}
    assert tied.order_holds == 1.0  # a rank that two share is held by both


def test_weights_of_curves() -> None:
    races = make({"x": {"a": [1.0, 1.0], "b": [2.0, 2.0]}, "y": {"a": [5.0, 5.0], "b": [1.0, 1.0]}})
    assert get(rank(races, weights={"x": 3.0}), "estimate") == {"b": 1.75, "a": 2.0}
    assert get(rank(races, weights={"x": 5.0}), "estimate")["a"] == pytest.approx(10 / 6)
    alone = rank(races, weights={"y": 0.0})
    assert get(alone, "estimate") == {"a": 1.0, "b": 2.0}
    assert math.isnan(alone.order_holds_over_curves)
    assert sorted(alone.by_curve["estimate"]) == [1.0, 1.0, 2.0, 5.0]
    with pytest.raises(UserError, match="nothing to rank"):
        rank(races, weights={"x": 0.0, "y": 0.0})
    (over, each) = lay_out_ranks(rank(races, weights={"x": 3.0}))
    assert "weighted mean\nover curves" in over.columns
    assert list(each.columns) == ["controller", "x\nweight 3", "y\nweight 1"]


def test_mean_interval_ranks_by_its_distance_from_one() -> None:
    races = make({"x": {"a": 0.9 + 0.01 * NOISE[0], "b": 1.05 + 0.01 * NOISE[1]}}, "mean_interval")
    found = rank(races, "mean_interval", baseline="b")
    estimates = get(found, "estimate")
    assert estimates["a"] == pytest.approx(1 - races.loc[races["controller"] == "a", "mean_interval"].mean())
    assert get(found, "rank") == {"b": 1, "a": 2}
    row = found.table.set_index("controller").loc["a"]
    assert row["difference"] == pytest.approx(estimates["a"] - estimates["b"])
    assert row["low"] > 0


def test_who_never_settles_is_last() -> None:
    races = make(
        {
            "x": {"a": [1.0] * 8, "b": [*[0.5] * 7, math.nan], "c": [math.nan] * 8},
            "y": {"a": [math.nan] * 8, "b": [math.nan] * 8, "c": [math.nan] * 8},
        },
        "settling",
    )
    found = rank(races, "settling")
    assert get(found, "rank") == {"a": 1, "b": 2, "c": 2}
    assert list(found.weights) == ["x"]
    (table,) = lay_out_ranks(found)
    assert table["x"].tolist() == ["1", "never", "never"]
    assert table.iloc[1, 3] == "unknown"


def test_profit_curves_are_told() -> None:
    found = rank(make({"x": {"a": [1.0, 2.0], "b": [2.0, 3.0]}}))
    assert "rank by steady_loss or interval_sd" in describe_ranking(found, ["x"])[-1]
    assert not any("--rank-by" in line for line in describe_ranking(found, []))
