"""The figures and the HTML page of a search's folder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from sim.figures import page
from sim.figures.style import BLUE, DARK, GREY, ORANGE, RED, house_style, new_figure
from sim.results import PROVENANCE_FILE
from sim.terminal import format_value

FILES = {
    "Block to paste": "difficulty.yaml",
    "Controller for a lab": "controller.yaml",
    "Section to paste": "section.yaml",
    "Winner": "winner.yaml",
    "Search": "search.yaml",
    "Provenance": PROVENANCE_FILE,
}
Summary = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]


def write_search_report(folder: Path, summary: Summary, tables: Tables, warnings: Sequence[str]) -> Path:
    """Write `figures/*.png` and `report.html` into a search's folder, of an interrupted one too; return it.

    `warnings`: sentences that stand above the tables.
    """
    figures = draw_search(summary, tables)
    return page.save_report(folder, figures, lambda: _build_page(folder, summary, tables, figures, warnings))


def draw_search(summary: Summary, tables: Tables) -> dict[str, Figure]:
    """Return the figures that the tables allow."""
    figures = {}
    if "trials" in tables:
        figures["search"] = plot_search(summary, tables["trials"])
        figures["parameters"] = plot_parameters(summary, tables)
    if len(tables.get("front", ())):
        figures["front"] = plot_front(summary, tables)
    if "sensitivity" in tables and tables["sensitivity"]["total"].notna().any():
        figures["sensitivity"] = plot_sensitivity(tables["sensitivity"])
    return figures


def plot_search(summary: Summary, trials: pd.DataFrame) -> Figure:
    """The objective of each trial, and the best so far that keeps the constraints."""
    with house_style():
        figure, axes = new_figure("Objective per trial", "trial", _name_objective(summary))
        _scatter(axes, trials["trial"], trials)
        kept = trials["objective"].where(trials["is_kept"]).cummin().ffill()
        axes.step(trials["trial"], kept, where="post", color=ORANGE, label="best so far")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _set_log_where_wide(axes, trials["objective"])
        figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


def plot_parameters(summary: Summary, tables: Tables) -> Figure:
    """The objective against each parameter."""
    parameters, trials = summary["parameters"], tables["trials"]
    n_columns = min(3, len(parameters))
    n_rows = math.ceil(len(parameters) / n_columns)
    with house_style():
        figure = Figure(figsize=(max(7.2, 3.4 * n_columns), 3.2 * n_rows + 0.8), layout="constrained")
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
        for panel, (name, limits) in zip(panels, parameters.items(), strict=False):
            if "points" in tables:
                points = tables["points"].replace({"objective": np.inf}, np.nan)
                panel.scatter(
                    points[f"parameters.{name}"], points["objective"], s=8, color=GREY, alpha=0.35, label="design"
                )
            _scatter(panel, trials[f"parameters.{name}"], trials)
            if "finalists" in tables:
                winner = tables["finalists"].query("is_winner")[f"parameters.{name}"].item()
                panel.axvline(winner, color=ORANGE, label="winner")
            panel.set_xlabel(name)
            if limits["scale"] == "log":
                panel.set_xscale("log")
                _write_plainly(panel.xaxis)
            _set_log_where_wide(panel, trials["objective"])
        for unused in panels[len(parameters) :]:
            unused.set_visible(False)
        for panel in panels[::n_columns]:
            panel.set_ylabel(_name_objective(summary))
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
    return figure


def plot_front(summary: Summary, tables: Tables) -> Figure:
    """All points in the plane of two measures; the front as a line, the winner and its rival marked.

    All of them met the random numbers of the search; bars are 95 % intervals.
    """
    first, second = summary["front"]
    points = pd.concat([tables[name] for name in ("trials", "points") if name in tables], ignore_index=True)
    front = tables["front"]
    with house_style():
        labels = _label_sides(summary)
        title = "What costs what" + (": the lower left is better" if labels == [first, second] else "")
        figure, axes = new_figure(title, *labels)
        axes.scatter(points[first], points[second], s=12, color=GREY, alpha=0.4, label="tried")
        _plot_with_bars(axes, front, (first, second), BLUE, ".-", "front")
        broken = front[~front["is_kept"]]
        if len(broken):
            axes.scatter(broken[first], broken[second], marker="x", s=26, color=RED, label="breaks a constraint")
        names = {"winner": "winner", "against": summary["rival"]}
        for who, rows in tables["marks"].groupby("who", sort=False) if "marks" in tables else ():
            marker, colour = ("*", ORANGE) if who == "winner" else ("s", DARK)
            lacks = [name for name in (first, second) if rows[name].isna().any()]
            label = names[str(who)] + (f" (no {', no '.join(lacks)}: not here)" if lacks else "")
            _plot_with_bars(axes, rows, (first, second), colour, marker, label, markersize=9, zorder=4)
        _set_log_where_wide(axes, points[second])
        figure.legend(loc="outside lower center", ncols=5, fontsize="small")
    return figure


def _label_sides(summary: Summary) -> list[str]:
    """Both measures of the front; one that is better large says so."""
    sides = zip(summary["front"], summary["front_signs"], strict=True)
    return [name if sign > 0 else f"{name} (larger is better)" for name, sign in sides]


def _plot_with_bars(
    axes: Axes, rows: pd.DataFrame, names: tuple[str, str], colour: str, marker: str, label: str, **look: Any
) -> None:
    """Points with the 95 % intervals of both measures."""
    x, y = names
    bars = {"xerr": rows[f"half_width.{x}"].fillna(0.0), "yerr": rows[f"half_width.{y}"].fillna(0.0)}
    axes.errorbar(
        rows[x], rows[y], **bars, fmt=marker, color=colour, linewidth=1, elinewidth=0.8, capsize=0, label=label, **look
    )


def plot_sensitivity(sensitivity: pd.DataFrame) -> Figure:
    """Total and first-order indices with their intervals, a panel per measure."""
    known = sensitivity[sensitivity["total"].notna()]
    measures = list(known["measure"].unique())
    n_parameters = known["parameter"].nunique()
    with house_style():
        figure = Figure(figsize=(7.2, max(2.6, 1.5 + 0.45 * n_parameters)), layout="constrained")
        panels = figure.subplots(1, len(measures), squeeze=False, sharey=True, sharex=True).ravel()
        for panel, measure in zip(panels, measures, strict=True):
            _draw_indices(panel, known[known["measure"] == measure])
            panel.set_title(measure)
            panel.set_xlabel("share of variance")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    return figure


INDICES = (
    ("first_order", "first", -0.12, BLUE, "alone (first order)"),
    ("total", "total", 0.12, ORANGE, "with others (total)"),
)


def _draw_indices(panel: Axes, rows: pd.DataFrame) -> None:
    lines = np.arange(len(rows))
    for name, short, offset, colour, label in INDICES:
        errors = np.maximum([rows[name] - rows[f"{short}_low"], rows[f"{short}_high"] - rows[name]], 0.0)
        panel.errorbar(rows[name], lines + offset, xerr=errors, fmt="o", color=colour, capsize=3, label=label)
    panel.set_yticks(lines, list(rows["parameter"]))
    panel.set_ylim(-0.6, len(rows) - 0.4)


def _scatter(axes: Axes, x: pd.Series, trials: pd.DataFrame) -> None:
    """Trials that keep the constraints, and those that do not."""
    is_kept = trials["is_kept"]
    axes.scatter(x[is_kept], trials.loc[is_kept, "objective"], s=16, color=BLUE, label="trial")
    is_broken = ~is_kept & np.isfinite(trials["objective"])
    if is_broken.any():
        objective = trials.loc[is_broken, "objective"]
        axes.scatter(x[is_broken], objective, s=22, marker="x", color=RED, label="breaks a constraint")


def _set_log_where_wide(axes: Axes, values: pd.Series) -> None:
    found = values[np.isfinite(values)]
    if len(found) and found.min() > 0 and found.max() / found.min() > 10:
        axes.set_yscale("log")
        _write_plainly(axes.yaxis)


def _write_plainly(axis: Axis) -> None:
    """Numbers on a log axis without powers, for which not every machine has a font."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _name_objective(summary: Summary) -> str:
    objective = summary["objective"]
    name: str = objective["measure"]
    if "towards" in objective:
        return f"|{name} - {objective['towards']:g}|"
    return f"-{name}" if objective["goal"] == "maximise" else name


def _build_page(
    folder: Path, summary: Summary, tables: Tables, figures: Mapping[str, Figure], warnings: Sequence[str]
) -> str:
    n_trials = len(tables.get("trials", ()))
    lead = (
        f"{n_trials} trials of {summary['subject']} by {_name_objective(summary)}, {summary['replications']} "
        "replications each, with common random numbers. Search, choice and check each have random numbers of their own."
    )
    parts = (
        "" if "winner" in summary else page.build_warning("the search did not come to its end"),
        *_warn_of_errors(tables),
        *(page.build_warning(line) for line in warnings),
        page.build_section(f"Winner, and {_name_rival(summary)}, on fresh random numbers", _build_check(summary)),
        page.build_section(
            "The objective's measure on fresh random numbers, curve by curve", _build_table(tables, "checks")
        ),
        page.build_section("Finalists", _build_table(tables, "finalists")),
        *(page.build_figure(figure) for figure in figures.values()),
        page.build_section("Winner with each value put back to that of the file", _build_table(tables, "ablation")),
        page.build_section("Sensitivity", _build_table(tables, "sensitivity")),
        page.build_section("Front", _build_table(tables, "front")),
        page.build_files(folder, FILES),
    )
    return page.build_page(summary["name"], lead, parts)


def _warn_of_errors(tables: Tables) -> Iterator[str]:
    trials = tables.get("trials", pd.DataFrame({"error": []}))
    for error, count in trials.loc[trials["error"] != "", "error"].value_counts().items():
        yield page.build_warning(f"{count} of {len(trials)} trials have no value: {error}")


def _build_check(summary: Summary) -> str:
    if "winner" not in summary:
        return ""
    columns = {"winner": "winner", "against": summary["rival"]}
    rows = {
        "constraints": [("kept" if summary[who]["is_kept"] else "broken") for who in columns],
        **{name: [_show(summary[who]["parameters"][name]) for who in columns] for name in summary["parameters"]},
        **{
            name: [_format(summary[who]["measures"].get(name)) for who in columns]
            for name in summary["winner"]["measures"]
        },
    }
    frame = pd.DataFrame(rows, index=list(columns.values())).T
    html: str = frame.to_html(border=0)
    return html


def _name_rival(summary: Summary) -> str:
    return "what it is held against" if summary["rival"] == "against" else "the file as it was"


def _show(value: object) -> str:
    return "" if value is None else format_value(value)


def _format(value: float | None) -> str:
    return "never" if value is None else f"{value:.4g}"


def _build_table(tables: Tables, name: str) -> str:
    return page.build_table(tables[name]) if name in tables else ""
