"""The figure of a lab: a panel for every controller on every curve, nothing cut off, nothing out of sight untold."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sim.figures.lab_paths import draw_paths
from sim.figures.style import GREY, RED

TIMES = np.linspace(0.0, 10 * 86_400.0, 50)


def make(curves: list[str], controllers: list[str], **columns: object) -> pd.DataFrame:
    each = {"time_seconds": TIMES, "low": 0.9, "median": 1.0, "high": 1.1, "compute": 1.0, **columns}
    return pd.concat([pd.DataFrame({"curve": c, "controller": w, **each}) for c in curves for w in controllers])


def panels(figure: Figure) -> list[Axes]:
    return [panel for panel in figure.axes if panel.get_visible()]


def draw_all(figure: Figure) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def test_ten_rules_have_a_panel_each() -> None:
    figures = draw_paths(make(["x", "y z=2"], [f"rule {k}" for k in range(10)]))
    (figure,) = figures.values()
    assert len(panels(figure)) == 20
    assert [panel.get_ylabel() for panel in panels(figure)[::2]] == [f"rule\n{k}" for k in range(10)]
    assert [panel.get_title("left") for panel in panels(figure)[:2]] == ["x", "y\nz=2"]
    assert all(len(panel.collections) == 1 for panel in panels(figure))  # its band


def test_more_panels_than_one_figure_holds() -> None:
    figures = draw_paths(make([f"c{k}" for k in range(7)], [f"r{k}" for k in range(13)]))
    assert list(figures) == ["paths", "paths-2", "paths-3", "paths-4"]
    assert sum(len(panels(figure)) for figure in figures.values()) == 7 * 13


@pytest.mark.parametrize(
    ("curves", "controllers"),
    [
        (["x"], ["only"]),
        (["x"], [f"asert half_life={k}" for k in range(5)]),
        (["x", "y"], ["a_rule_with_a_long_name very_long_parameter=12345.6"]),
        ([f"profit_driven paid_per=nonce{k}" for k in range(6)], ["b"]),
    ],
)
def test_nothing_is_cut_off(curves: list[str], controllers: list[str]) -> None:
    (figure,) = draw_paths(make(curves, controllers)).values()
    renderer = draw_all(figure).get_renderer()
    width, height = figure.get_size_inches() * figure.dpi
    texts = [text for panel in panels(figure) for text in (panel.title, panel._left_title, panel.yaxis.label)]
    legend = figure.legends[0]
    boxes = [each.get_window_extent(renderer) for each in (*texts, *legend.get_texts())]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= width
    assert min(box.y0 for box in boxes) >= 0
    assert max(box.y1 for box in boxes) <= height
    lowest = min(panel.get_tightbbox(renderer).y0 for panel in panels(figure))
    assert legend.get_window_extent(renderer).y1 <= lowest
    assert all(panel.xaxis.get_label_text() == "time (d)" for panel in panels(figure)[-1:])


def bars(panel: Axes, colour: str) -> list[float]:
    """The heights of the bars at the panel's edges."""
    rgb = mpl.colors.to_rgb(colour)
    lines = [line for line in panel.lines if line.get_linewidth() == 5 and mpl.colors.to_rgb(line.get_color()) == rgb]
    return [float(np.nanmax(line.get_ydata())) for line in lines]


def test_what_leaves_the_axis_is_marked_with_how_far() -> None:
    median = np.where((TIMES > 3e5) & (TIMES < 5e5), 13.0, 1.0)
    compute = np.where((TIMES > 3e5) & (TIMES < 5e5), 0.0, 1.0)  # an outage
    (figure,) = draw_paths(make(["x"], ["a"], median=median, compute=compute)).values()
    (panel,) = panels(figure)
    top, bottom = panel.get_ylim()[::-1]
    assert bars(panel, RED) == [top]
    assert bars(panel, GREY) == [bottom]
    assert sorted(text.get_text() for text in panel.texts) == ["0", "13"]
    (quiet,) = draw_paths(make(["x"], ["a"])).values()
    assert (bars(panels(quiet)[0], RED), len(panels(quiet)[0].texts)) == ([], 0)


def test_races_that_end_say_so() -> None:
    median = np.where(TIMES > 5e5, np.nan, 1.0)
    (figure,) = draw_paths(make(["x"], ["a"], median=median)).values()
    ends = [line for line in panels(figure)[0].lines if line.get_marker() == "|"]
    assert [line.get_xdata()[0] for line in ends] == pytest.approx([TIMES[TIMES <= 5e5][-1] / 86_400])


def test_an_interrupted_lab_is_drawn() -> None:
    whole = make(["x", "y"], ["a", "b"])
    figure = draw_paths(whole.iloc[: 3 * len(TIMES)])["paths"]
    draw_all(figure)
    assert len(panels(figure)) == 3
