"""Tables of a search in the terminal."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from sim.metrics.intervals import LEVEL
from sim.results import read_stored_text
from sim.studies.points import RUNS
from sim.studies.search import CHECKED, NO_TRIAL, SECTION_FILE, SearchResult
from sim.terminal import format_interval, format_value, make_console, make_table

PERCENT = f"{100 * LEVEL:.4g} %"
MOST_ERRORS, MOST_OF_FRONT, MOST_COLUMNS = 3, 10, 4
BLOCKS = ("difficulty.yaml", "controller.yaml")  # short enough to be printed


def describe_objective(objective: Mapping[str, Any]) -> str:
    """The objective in words."""
    where = f" on {objective['curve']}" if "curve" in objective else ""
    better = f"{'larger' if objective['goal'] == 'maximise' else 'smaller'} is better"
    towards = f"towards {objective['towards']:g}" if "towards" in objective else better
    return f"{objective['measure']}{where}, {towards}"


def print_search(result: SearchResult) -> None:
    """Print the finalists, the winner beside the file as it was, the sensitivities, and the text to paste or run."""
    summary, console = result.summary, make_console()
    console.print(f"{summary['name']}: {summary['subject']}, {describe_objective(summary['objective'])}")
    console.print(_build_finalists(result.tables["finalists"], summary))
    _print_difference(summary)
    if "checks" in result.tables:
        console.print(f"\n{summary['objective']['measure']} on fresh random numbers, curve by curve")
        console.print(_build_checks(result.tables["checks"], summary["rival"]))
    if "ablation" in result.tables:
        _print_ablation(result.tables["ablation"], summary)
    if "front" in result.tables and summary["block"] not in BLOCKS:
        console.print(f"\nfront of {' and '.join(summary['front'])}, on the random numbers of the search")
        console.print(_build_front(result.tables["front"].head(MOST_OF_FRONT), summary))
    if "sensitivity" in result.tables:
        console.print(f"\nshare of the variance over the ranges, with {PERCENT} intervals")
        console.print(_build_sensitivity(result.tables["sensitivity"]))
    _print_block(result)
    trials = result.tables["trials"]
    for error, count in trials.loc[trials["error"] != "", "error"].value_counts().head(MOST_ERRORS).items():
        console.print(f"warning: {count} of {len(trials)} trials have no value: {error}", soft_wrap=True)
    for line in tell_ends(trials):
        console.print(line, soft_wrap=True)
    front = ""
    if "front" in result.tables:
        front = f"; {len(result.tables['front'])} points on the front of {' and '.join(summary['front'])}"
    told = f"{len(trials)} trials in {result.folder}{front}; more in report.html there"
    console.print(told, soft_wrap=True)


def tell_ends(trials: pd.DataFrame) -> Iterator[str]:
    """Yield how many runs of all trials halted and failed, and at how many points, where any did."""
    for column in trials.filter(like=RUNS):
        end, n_points = column.removeprefix(RUNS), int((trials[column] > 0).sum())
        if end != "finished" and n_points:
            n_all = int(trials.filter(like=RUNS).sum().sum())
            yield f"warning: {int(trials[column].sum())} of {n_all} runs {end}, at {n_points} of {len(trials)} points"


def _print_block(result: SearchResult) -> None:
    """Print the text to paste; of a whole file, its name and the values that were found."""
    block, console = result.summary["block"], make_console()
    if (section := result.folder / SECTION_FILE).is_file():
        console.print(f"\n{read_stored_text(section)}whole in {result.folder / block}", soft_wrap=True)
        return
    if block in BLOCKS:
        console.print(f"\n{read_stored_text(result.folder / block)}")
    elif block is not None:
        values = result.summary["winner"]["parameters"].items()
        options = " ".join(shlex.join(("--set", f"{name}={value}")) for name, value in values)
        console.print(f"\nwinner: {options}\nwhole in {result.folder / block}", soft_wrap=True)


def _build_finalists(finalists: pd.DataFrame, summary: Mapping[str, Any]) -> Any:
    """A line a finalist, then the winner's rival; `check` is measured for the winner and that one only."""
    first = "controller" if summary["block"] in BLOCKS else "point"
    heads = ["search", "choice", "check", f"{PERCENT}\ninterval", "constraints"]
    table = make_table([first, *_name_values(summary), *heads])
    for row in finalists.to_dict("records"):
        cells = _show_values(row, summary)
        cells += [_format_objective(row["search"], summary), _format_objective(row["choice"], summary)]
        last = (
            _format_check(summary["winner"], summary)
            if row["is_winner"]
            else ["", "", _say_kept(row["choice_is_kept"])]
        )
        style = "bold" if row["is_winner"] else ""
        who = _name_point(row["trial"])
        table.add_row(f"{who}{', winner' if row['is_winner'] else ''}", *cells, *last, style=style)
    rival = summary["against"]
    cells = ["" if value is None else str(value) for value in rival["parameters"].values()]
    table.add_row(summary["rival"], *([""] if _is_listed(summary) else cells), "", "", *_format_check(rival, summary))
    return table


def _name_point(trial: int) -> str:
    return "of the design" if trial == NO_TRIAL else f"trial {trial}"


def _is_listed(summary: Mapping[str, Any]) -> bool:
    """Whether one column lists the values that are not the file's: those of a plug-in, and many of a scenario."""
    return bool(summary["plugin"]) or (summary["block"] == "winner.yaml" and len(summary["parameters"]) > MOST_COLUMNS)


def _name_values(summary: Mapping[str, Any]) -> list[str]:
    """Heads of the columns with a point's values: one a parameter, or one for all."""
    if not _is_listed(summary):
        return [name.replace(".", ".\n") for name in summary["parameters"]]
    return [f"{summary['plugin'] or summary['subject']},\nwhere it differs"]


def _show_values(row: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    """The values of a point; in one column those alone that are not the file's."""
    values = {name: str(row[f"parameters.{name}"]) for name in summary["parameters"]}
    if not _is_listed(summary):
        return list(values.values())
    differing = (name for name, value in values.items() if value != summary["start"][name])
    return [" ".join(f"{_shorten(name, summary)}={values[name]}" for name in differing)]


def _shorten(name: str, summary: Mapping[str, Any]) -> str:
    return name.rpartition(".")[2] if summary["plugin"] else name


def _format_objective(value: float, summary: Mapping[str, Any]) -> str:
    """The measure where it is to be large, which the search has made small with the other sign."""
    return format_value(-value if summary["objective"]["goal"] == "maximise" else value)


def _format_check(facts: Mapping[str, Any], summary: Mapping[str, Any]) -> Sequence[str]:
    value = "never" if facts["objective"] is None else _format_objective(facts["objective"], summary)
    interval = format_interval(facts["low"], facts["high"]) if "low" in facts else "unknown"
    return [value, interval, _say_kept(facts["is_kept"])]


def _say_kept(is_kept: bool) -> str:
    return "kept" if is_kept else "broken"


def _print_difference(summary: Mapping[str, Any]) -> None:
    difference, measure = summary["difference"], summary["objective"]["measure"]
    if difference is not None:
        interval = format_interval(difference["low"], difference["high"])
        told = f"{difference['estimate']:+.4g}, {PERCENT} interval {interval}, paired"
        make_console().print(f"{measure}, winner minus {summary['rival']}: {told}", soft_wrap=True)
    for line in list_warnings(summary):
        make_console().print(f"warning: {line}", soft_wrap=True)


def list_warnings(summary: Mapping[str, Any]) -> list[str]:
    """Sentences on the winner: that it breaks a constraint, that it lies at an end of a range, that it has no block."""
    found = []
    if "winner" in summary and not summary["winner"]["is_kept"]:
        found.append("the winner breaks a constraint, or has no objective, on the random numbers that check it")
    for name, end in summary.get("ends", {}).items():
        limits, value = summary["parameters"][name], summary["winner"]["parameters"][name]
        told = f"{name} = {value} of the winner lies at the {end} end of its range, {limits['low']} to {limits['high']}"
        found.append(f"{told}: what is best may lie beyond")
    return [*found, *filter(None, [summary.get("refusal")])]


def _build_checks(checks: pd.DataFrame, rival: str) -> Any:
    """A line a curve: the measure of the winner and of its rival."""
    table = make_table(
        ["curve", "seen by\nthe search", "winner", rival, f"winner minus\n{rival}", f"{PERCENT}\ninterval"]
    )
    for row in checks.to_dict("records"):
        seen = "yes" if row["is_seen"] else "no"
        values = ["never" if math.isnan(row[who]) else format_value(row[who]) for who in CHECKED]
        difference = "" if math.isnan(row["difference"]) else f"{row['difference']:+.3g}"
        table.add_row(row["curve"], seen, *values, difference, format_interval(row["low"], row["high"]))
    return table


def _print_ablation(ablation: pd.DataFrame, summary: Mapping[str, Any]) -> None:
    measure, console = summary["objective"]["measure"], make_console()
    if ablation.empty:
        console.print("\nno value of the winner differs from that of the file")
        return
    console.print(f"\n{measure} of the winner, each value put back to that of the file")
    console.print(_build_ablation(ablation, summary))


def _build_ablation(ablation: pd.DataFrame, summary: Mapping[str, Any]) -> Any:
    """A line a value that the file does not have: what the winner's measure is without it."""
    heads = ["constraints\nwithout"] if summary["constraints"] else []
    columns = ["parameter", "winner", "put back", "without", "winner minus\nwithout", f"{PERCENT}\ninterval", *heads]
    table = make_table(columns)
    for row in ablation.to_dict("records"):
        known = not math.isnan(row["difference"])
        without = format_value(row["without"]) if known else "never"
        told = [without, f"{row['difference']:+.3g}" if known else "", format_interval(row["low"], row["high"])]
        told += [_say_kept(row["is_kept"])] if heads else []
        table.add_row(_shorten(row["parameter"], summary), row["value"], row["put_back"], *told)
    return table


def _build_front(front: pd.DataFrame, summary: Mapping[str, Any]) -> Any:
    """A line a point that no other point beats in both measures."""
    heads = ["constraints"] if summary["constraints"] else []
    table = make_table(["point", *_name_values(summary), *summary["front"], *heads])
    for row in front.to_dict("records"):
        measured = (format_value(row[name]) for name in summary["front"])
        kept = [_say_kept(row["is_kept"])] if summary["constraints"] else []
        table.add_row(_name_point(row["trial"]), *_show_values(row, summary), *measured, *kept)
    return table


def _build_sensitivity(sensitivity: pd.DataFrame) -> Any:
    table = make_table(["measure", "parameter", "alone", "interval", "with others", "interval"])
    for row in sensitivity.to_dict("records"):
        alone, total = (
            [f"{row[name]:.3f}", format_interval(row[f"{short}_low"], row[f"{short}_high"])]
            for name, short in (("first_order", "first"), ("total", "total"))
        )
        table.add_row(row["measure"], row["parameter"], *alone, *total)
    return table
