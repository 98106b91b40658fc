"""Tables of a ranking, in the terminal and as texts for the page, with what they say about chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sim.race.measures import WANTED
from sim.studies.lab_tables import break_names
from sim.studies.ranking import NEGLIGIBLE, Ranking
from sim.terminal import format_interval, format_value, make_console, make_table, print_table

PROFIT_MEASURES = ("steady_loss", "interval_sd")
MOST_CURVES = 6  # of one table


def print_ranking(ranking: Ranking, *, name: str, profit_curves: Sequence[str]) -> None:
    """Print a ranking over curves, then that of each curve, then how much of it may be chance."""
    frames = lay_out_ranks(ranking)
    title = f"{name}: {describe_measure(ranking.measure)}, best first"
    for heading, frame in zip((title, "\ncurve by curve"), frames, strict=False):
        for part in _split(frame):
            table = make_table(list(part.columns))
            for row in part.itertuples(index=False):
                table.add_row(*row)
            print_table(heading, table)
    console = make_console()
    console.print()
    for line in describe_ranking(ranking, profit_curves):
        console.print(line)


def describe_measure(measure: str) -> str:
    """A measure in words: what should be small."""
    return f"distance of {measure} from {WANTED[measure]:g}" if measure in WANTED else measure


def lay_out_ranks(ranking: Ranking) -> list[pd.DataFrame]:
    """Return the table over curves as texts and, where there are several, that of each curve."""
    curves, is_even = list(ranking.weights), len(set(ranking.weights.values())) == 1
    what = break_names(curves) if len(curves) == 1 else [f"{'' if is_even else 'weighted '}mean\nover curves"]
    over = pd.DataFrame([_lay_out_row(row, ranking) for row in ranking.table.to_dict("records")])
    over.columns = [
        *("rank", "controller", *what, f"minus\n{ranking.baseline}", f"{_percent(ranking.level)}\ninterval", ""),
        *("rank holds:\nother races", "rank holds:\nother curves too"),
    ]
    if len(curves) == 1:
        return [over.iloc[:, :-1]]
    cells = [
        f"{_format_estimate(row['estimate'])} ({_format_rank(row)})" for row in ranking.by_curve.to_dict("records")
    ]
    by_curve = ranking.by_curve.assign(cell=cells).pivot(index="controller", columns="curve", values="cell")
    ordered = by_curve.loc[ranking.table["controller"], curves].rename_axis(None, axis=1)
    told = [""] * len(curves) if is_even else [f"\nweight {weight:g}" for weight in ranking.weights.values()]
    ordered.columns = [f"{curve}{weight}" for curve, weight in zip(break_names(curves), told, strict=True)]
    return [over, ordered.reset_index()]


def describe_ranking(ranking: Ranking, profit_curves: Sequence[str]) -> list[str]:
    """Sentences on ties, stability and multiplicity; on profit curves, where the measure flatters there."""
    found = []
    if n := ranking.n_differences:
        over = f", in {_percent(ranking.order_holds_over_curves)} where curves are drawn again too"
        found += [
            "=: controllers share a rank that are not told from its first one, or are within "
            f"{100 * NEGLIGIBLE:g} % of it. All ranks hold at once in "
            f"{_percent(ranking.order_holds)} of resamples of the races{over if len(ranking.weights) > 1 else ''}",
            f"*: of {n} difference{'s' if n > 1 else ''} from {ranking.baseline} at {_percent(ranking.level)} each, "
            f"{n * (1 - ranking.level):.2g} would exclude 0 by chance alone; marked are those that do at "
            f"{100 * ranking.level_together:.4g} % each, which is {_percent(ranking.level)} for all (Bonferroni)",
        ]
    if ranking.pivotal:
        found.append(f"curves without each of which the order is another one: {', '.join(ranking.pivotal)}")
    if profit_curves and ranking.measure == "tracking_error":
        found.append(
            f"note: on {', '.join(profit_curves)} the ideal is that of the hosts who are there, and a rule that drives "
            f"others away follows it with ease: rank by {' or '.join(PROFIT_MEASURES)} there (--rank-by)"
        )
    return found


def _lay_out_row(row: Mapping[str, Any], ranking: Ranking) -> list[str]:
    is_known, is_baseline = math.isfinite(row["difference"]), row["controller"] == ranking.baseline
    difference = (
        (f"{row['difference']:+.3g}", format_interval(row["low"], row["high"])) if is_known else ("unknown", "")
    )
    return [
        *(_format_rank(row), row["controller"], _format_estimate(row["estimate"])),
        *(("", "") if is_baseline else difference),
        "*" if row["resolved"] else "",
        *(_percent(row[name]) for name in ("rank_holds", "rank_holds_over_curves")),
    ]


def _format_rank(row: Mapping[str, Any]) -> str:
    return f"{row['rank']}{'=' if row['is_tied'] else ''}"


def _format_estimate(value: float) -> str:
    return format_value(value) if math.isfinite(value) else "never"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else ""


def _split(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return a wide table in parts, each with the controllers; the part over curves is never too wide."""
    if frame.columns[0] == "rank":
        return [frame]
    starts = range(1, len(frame.columns), MOST_CURVES)
    return [frame.iloc[:, [0, *range(start, min(start + MOST_CURVES, len(frame.columns)))]] for start in starts]
