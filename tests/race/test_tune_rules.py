"""The pure parts of a search: values, ranking, front, sensitivities."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.studies.aims import compute_excess, compute_objective, compute_values
from sim.studies.front import find_front
from sim.studies.points import judge, rank_trials
from sim.studies.search_file import Search, load_search
from sim.studies.search_schema import Aim, Constraint, Objective
from sim.studies.sensitivity import compute_sensitivity, design_points
from sim.studies.subjects import Scores

SMALL = (Path(__file__).parent.parent / "data" / "tune_small.yaml").read_text()


def load(folder: Path, text: str = SMALL) -> Search:
    file = folder / "small.yaml"
    file.write_text(text)
    return load_search(file)


def test_values_by_hand() -> None:
    curves = [{"a": np.array([1.0, 3.0])}, {"a": np.array([5.0, 5.0]), "b": np.array([7.0, np.nan])}]
    names = {"one": 1.0, "two": 1.0}
    assert compute_values(Aim(measure="a"), Scores(curves), names, 2).tolist() == [3.0, 4.0]
    assert compute_values(Aim(measure="a", curve="one"), Scores(curves), names, 2).tolist() == [1.0, 3.0]
    assert np.isnan(compute_values(Aim(measure="a"), Scores(curves, "1 of 2 runs failed"), names, 2)).all()
    assert compute_values(Aim(measure="a"), Scores(curves), {"one": 3.0, "two": 1.0}, 2).tolist() == [2.0, 3.5]
    nothing = {"one": 0.0, "two": 1.0}
    assert compute_values(Aim(measure="a"), Scores(curves), nothing, 2).tolist() == [5.0, 5.0]
    assert compute_values(Aim(measure="a", curve="one"), Scores(curves), nothing, 2).tolist() == [1.0, 3.0]
    values = np.array([3.0, 4.0])
    assert compute_objective(Objective(measure="a"), values) == 3.5
    assert compute_objective(Objective(measure="a", towards=5.0), values) == 1.5
    assert compute_objective(Objective(measure="a", goal="maximise"), values) == -3.5
    assert compute_objective(Objective(measure="b", goal="maximise"), curves[1]["b"]) == math.inf
    assert compute_objective(Objective(measure="b"), curves[1]["b"]) == math.inf
    assert compute_excess(Constraint(measure="a", at_most=3.0), values) == 0.5
    assert compute_excess(Constraint(measure="a", at_least=3.0), values) == -0.5
    assert compute_excess(Constraint(measure="a", at_least=3.0, at_most=3.25), values) == 0.25
    assert compute_excess(Constraint(measure="b", at_most=9.0), curves[1]["b"]) == math.inf


def test_a_controller_that_never_settles_keeps_nothing(tmp_path: Path) -> None:
    tune = load(tmp_path, SMALL.replace("objective: tracking_error", "objective: settling"))
    values = {name: np.array([0.5, 0.5]) for name in ("noise", "mean_interval")}
    row = judge(tune, {"k_i": 0.1}, Scores([values, {**values, "settling": np.array([3.0, np.nan])}]))
    assert (row["objective"], row["is_kept"]) == (math.inf, False)
    assert judge(tune, {}, Scores([values, {**values, "settling": np.array([3.0, 4.0])}]))["is_kept"] is True


def test_ranking_by_hand() -> None:
    columns = ["trial", "parameters.x", "objective", "excess.0", "is_kept"]
    rows = [
        (0, 1.0, 5.0, -1.0, True),
        (1, 2.0, 1.0, 0.2, False),
        (2, 3.0, 4.0, 0.0, True),
        (3, 3.0, 4.0, 0.0, True),  # the same point
        (4, 4.0, 2.0, 0.1, False),
        (5, 5.0, math.inf, -1.0, False),
    ]
    assert rank_trials(pd.DataFrame(rows, columns=columns))["trial"].tolist() == [2, 0, 5, 4, 1]


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(POINTS)
def test_front_by_brute_force(points: list[tuple[int, int]]) -> None:
    beaten = {
        p for p in points for q in points if q != p and q[0] <= p[0] and q[1] <= p[1]
    }  # different, and worse nowhere
    first, second = (np.array([p[axis] for p in points], dtype=float) for axis in (0, 1))
    found = find_front(first, second)
    assert [points[position] for position in found] == sorted(set(points) - beaten)
    assert all(points.index(points[position]) == position for position in found)


def test_no_front_holds_what_is_unknown() -> None:
    assert find_front(np.array([1.0, math.nan, 3.0]), np.array([math.inf, 0.0, 1.0])).tolist() == [2]


def ishigami(x: np.ndarray) -> np.ndarray:
    a, b, c = (math.pi * (2 * x - 1)).T
    found: np.ndarray = np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
    return found


def test_sensitivity_of_the_ishigami_function() -> None:
    """Exact indices of I. Sobol, Y. Levitan (1999) for a = 7, b = 0.1; the last parameter acts with the first alone."""
    from scipy.stats import qmc

    both = qmc.Sobol(6, rng=np.random.default_rng(5)).random_base2(11)
    first, second = np.hsplit(both, 2)
    mixed = [np.where(np.arange(3) == column, second, first) for column in range(3)]
    y = ishigami(np.concatenate([first, second, *mixed]))
    outputs = pd.DataFrame({"y": y, "flat": 1.0, "unknown": np.where(y > 0, y, np.nan)})
    found = compute_sensitivity(outputs, ["a", "b", "c"], seed=1)
    of_y = found[found["measure"] == "y"]
    assert of_y["parameter"].tolist() == ["a", "b", "c"]
    for short, name, exact in (
        ("first", "first_order", (0.3139, 0.4424, 0.0)),
        ("total", "total", (0.5576, 0.4424, 0.2437)),
    ):
        assert of_y[name].tolist() == pytest.approx(exact, abs=0.05)
        assert (of_y[f"{short}_low"] <= np.array(exact)).all()
        assert (of_y[f"{short}_high"] >= np.array(exact)).all()
        assert (of_y[f"{short}_high"] - of_y[f"{short}_low"] < 0.3).all()
    assert found.loc[found["measure"] != "y", "total"].isna().all()
    assert compute_sensitivity(outputs, ["a", "b", "c"], seed=1).equals(found)


def test_the_design_exchanges_one_column_at_a_time(tmp_path: Path) -> None:
    points = pd.DataFrame(design_points(load(tmp_path)))
    first, second, by_k_i, by_k_p = (points[start : start + 8].reset_index(drop=True) for start in range(0, 32, 8))
    assert by_k_i["k_i"].equals(second["k_i"])
    assert by_k_i["k_p"].equals(first["k_p"])
    assert by_k_p["k_i"].equals(first["k_i"])
    assert by_k_p["k_p"].equals(second["k_p"])
    assert first["k_i"].median() == pytest.approx(math.sqrt(0.02 * 0.5), rel=0.3)  # a log scale: its middle
    assert first["k_p"].between(-0.1, 0.3).all()
