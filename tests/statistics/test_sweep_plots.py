"""Figures of a sweep show what its tables say."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from sim.errors import UserError
from sim.figures.style import house_style, new_figure, save_figure
from sim.figures.sweep_plots import plot_differences, plot_heat_map, plot_measure
from sim.figures.sweep_report import draw_sweep
from sim.studies.compare import compare_points, summarise_sweep

AXES = ("difficulty.kind", "network.topology.degree")
ERROR = "controller_error"


@pytest.fixture
def sweep(make):
    generator = np.random.default_rng(1)
    points = {(kind, n): 1 / n + 0.01 * generator.random(8) for kind in ("pid", "ema") for n in (2, 4, 200)}
    return make(points, AXES, measure=ERROR)


def draw(figure: Figure) -> Figure:
    figure.savefig(io.BytesIO(), format="svg")
    return figure


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    """No formula, and none that is broken, which ended a report in a traceback; numbers on a scale stay formulas."""
    with house_style():
        figure, axes = new_figure("costs $\\frac$", "from $a_ to b$", "y")
        axes.set_xticks([1, 2], labels=["$x$", "$^$"])
        axes.plot([1, 2], [1, 1000], label="a $_$ b")
        axes.set_yscale("log")
        axes.legend()
        text = io.StringIO()
        save_figure(figure, text, format="svg")
    for name in ("costs $\\frac$", "from $a_ to b$", ">$x$<", ">$^$<", "a $_$ b"):
        assert name in text.getvalue()
    assert ">$\\mathdefault" not in text.getvalue()


def test_one_line_with_its_band_per_value_of_the_second_axis(sweep) -> None:
    summary = summarise_sweep(sweep)
    (axes,) = draw(plot_measure(summary, ERROR, AXES[1], by=AXES[0])).axes
    assert [line.get_label() for line in axes.lines] == ["pid", "ema"]
    first = summary[summary[AXES[0]] == "pid"]
    assert axes.lines[0].get_xdata().tolist() == [2, 4, 200]
    assert axes.lines[0].get_ydata() == pytest.approx(first["estimate"])
    assert axes.get_xscale() == "log"
    assert axes.get_title(loc="left") == "controller_error: mean of 8 runs, 95 % interval"
    lower = axes.collections[0].get_datalim(axes.transData).y0
    assert lower == pytest.approx(first["low"].min())


def test_points_are_not_joined_where_something_else_varies(sweep) -> None:
    (axes,) = draw(plot_measure(summarise_sweep(sweep), ERROR, AXES[1])).axes
    assert axes.lines[0].get_linestyle() == "None"
    assert "(the points differ in difficulty.kind as well)" in axes.get_title(loc="left")


def test_names_on_the_axis(sweep) -> None:
    (axes,) = draw(plot_measure(summarise_sweep(sweep), ERROR, AXES[0], where={AXES[1]: 4})).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["pid", "ema"]
    assert axes.lines[0].get_linestyle() == "None"


def test_unknown_ends_are_not_drawn(make) -> None:
    single = make({(1,): [0.5], (2,): [0.6]}, ("x",), measure=ERROR)
    (axes,) = draw(plot_measure(summarise_sweep(single), ERROR, "x")).axes
    assert axes.lines[0].get_ydata().tolist() == [0.5, 0.6]


def test_heat_map(sweep) -> None:
    summary = summarise_sweep(sweep).iloc[:-1]  # one cell stays empty
    axes, bar = draw(plot_heat_map(summary, ERROR, AXES[1], AXES[0])).axes
    cells = axes.images[0].get_array()
    assert cells.shape == (2, 3)
    assert np.isnan(np.asarray(cells.filled(np.nan))[1, 2])
    assert len(axes.texts) == 5
    assert axes.texts[0].get_text().startswith("0.50")
    assert bar.get_ylabel() == ERROR


def test_forest(sweep) -> None:
    compared = compare_points(sweep)
    (axes,) = draw(plot_differences(compared, ERROR)).axes
    assert axes.get_yticklabels()[0].get_text() == "kind = pid, degree = 4"
    assert len(axes.get_yticklabels()) == len(compared)


def test_a_folder_gets_its_figures(sweep, make) -> None:
    generator = np.random.default_rng(2)
    line = make({(n,): generator.random(5) for n in (1, 2)}, ("epochs",), measure=ERROR)
    scattered = make({(x, y): generator.random(5) for x, y in generator.random((6, 2))}, ("x", "y"), measure=ERROR)
    same = make({(n,): [1.0] * 5 for n in (1, 2)}, ("epochs",), measure=ERROR)
    for made, names in [
        (sweep, ["controller_error", "controller_error_map"]),
        (line, ["controller_error"]),
        (scattered, ["controller_error_x", "controller_error_y"]),
        (same, []),
    ]:
        assert list(draw_sweep(summarise_sweep(made))) == names


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: plot_measure(s, "controler_error", AXES[1]), 'Did you mean "controller_error"'),
        (lambda s: plot_measure(s, ERROR, "degree"), 'Did you mean "network.topology.degree"'),
        (lambda s: plot_measure(s, ERROR, AXES[1], where={AXES[0]: "sma"}), "no value at the chosen points"),
        (lambda s: plot_heat_map(s, ERROR, AXES[1], AXES[1]), "several points have the same"),
    ],
)
def test_bad_input(sweep, call, message: str) -> None:
    with pytest.raises(UserError, match=message):
        call(summarise_sweep(sweep))
