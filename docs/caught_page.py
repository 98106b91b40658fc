"""What is caught and what is not: `.venv/bin/python docs/caught_page.py` prints the table of docs/what_is_caught.md.

`docs/refresh.py caught` puts it and its figure into the page. All numbers come from the runs of
scenarios/sweeps/cheats.yaml; a cheat is compared with honest hosts at the same place, version and seed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tables import write_table

import sim
from sim.execution.table import SweepResult
from sim.figures.style import BLUE, GREEN, ORANGE, RED, house_style
from sim.metrics.cheaters import HONEST, compute_detection_delays, get_accepted_weight, select_claims
from sim.protocol.versions import VERSIONS
from sim.strategies import strategies

FILE = Path(__file__).resolve().parent.parent / "scenarios" / "sweeps" / "cheats.yaml"
VERSION, STRATEGY, GROUP = "protocol.version", "hosts.suspect.strategy", "suspect"
COLORS, MARKERS, SHIFTS = (BLUE, ORANGE, GREEN), ("o", "s", "^"), (0.22, 0.0, -0.22)
HEADINGS = ("gain at", "found out at")
LONG = 20
"""Letters of a parameter's value that are shown."""


def run_cheats() -> pd.DataFrame:
    """Run the sweep and return its numbers (`read_cheats`), as long as its folder is there."""
    with TemporaryDirectory() as scratch:
        return read_cheats(sim.sweep(FILE, out=Path(scratch) / "cheats", workers=2))


def read_cheats(found: SweepResult) -> pd.DataFrame:
    """One row a version and cheat, in the order of the file.

    Gain and weight of the cheaters over those of honest hosts, with the gain's standard error over replications; how
    many were found out, and after how many epochs; the share of claimed weight that others lost.
    """
    points = found.runs.drop_duplicates("point").set_index("point")
    blocks = {point: _read_block(text) for point, text in points[STRATEGY].items()}
    shown = {point: show_block(block) for point, block in blocks.items()}
    honest = {points.at[point, VERSION]: point for point, name in shown.items() if name in HONEST}
    rows = found.participants
    sums = {point: _sum_up(rows[rows["point"] == point]) for point in shown}
    made = [
        {
            "version": points.at[point, VERSION],
            "cheat": name,
            **_compare(sums[point], sums[honest[points.at[point, VERSION]]]),
            **_follow(rows[rows["point"] == point], found.offences[found.offences["point"] == point]),
            "is doubted": _is_doubted(blocks[point], points.at[point, VERSION]),
        }
        for point, name in shown.items()
        if name not in HONEST
    ]
    return pd.DataFrame(made)


def _read_block(text: str) -> Any:
    """Return a strategy as the sweep file has it; a sweep's table holds a block as JSON."""
    return json.loads(text) if text.startswith("{") else text


def _sum_up(rows: pd.DataFrame) -> pd.DataFrame:
    """Accepted weight and real work of the suspects by replication."""
    mine = rows[rows["host_group"] == GROUP]
    table = mine.assign(weight_accepted=get_accepted_weight(mine))
    return table.groupby("replication")[["weight_accepted", "work_operations"]].sum()


def _compare(cheat: pd.DataFrame, honest: pd.DataFrame) -> dict[str, float]:
    weight = cheat["weight_accepted"] / honest["weight_accepted"]
    work = cheat["work_operations"] / honest["work_operations"]
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = weight / work
        return {"gain": gain.mean(), "error": gain.sem(), "weight": weight.mean()}


def _follow(rows: pd.DataFrame, offences: pd.DataFrame) -> dict[str, float]:
    """How many suspects were found out, when, and what others lost; a replication's hosts are counted by themselves."""
    suspects = rows[rows["host_group"] == GROUP]
    delays = [
        _find_out(some, offences[offences["replication"] == replication])
        for replication, some in suspects.groupby("replication")
    ]
    known = pd.concat(delays)
    others = select_claims(rows[rows["host_group"] != GROUP])
    lost = 1.0 - get_accepted_weight(others).sum() / others["claimed_weight"].sum()
    return {"found out": known.notna().mean(), "delay": known.mean(), "others lose": lost}


def _find_out(suspects: pd.DataFrame, offences: pd.DataFrame) -> pd.Series:
    """Return epochs from each suspect's first claim until one was rejected, or until it was jailed; NaN for neither."""
    claims = select_claims(suspects).groupby("participant")["epoch"].min()
    jailed = offences.groupby("participant")["epoch"].min().reindex(claims.index) - claims
    return np.fmin(compute_detection_delays(suspects), jailed)


def _is_doubted(block: Any, version: str) -> bool:
    doubt = getattr(strategies.build(block), "doubt", None)
    return bool(doubt and doubt(VERSIONS[version]))


def show_block(block: Any) -> str:
    """Return a strategy as the table shows it: its name, then its parameters."""
    if not isinstance(block, dict):
        return str(block)
    given = [f"{key} {_shorten(value)}" for key, value in block.items() if key != "kind"]
    return ", ".join([block["kind"], *given])


def _shorten(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= LONG else "..."


def write_cheats(numbers: pd.DataFrame) -> str:
    """Return the page's table: a row a cheat, a pair of columns a version."""
    versions = list(dict.fromkeys(numbers["version"]))
    rows = []
    for cheat, some in numbers.groupby("cheat", sort=False):
        by_version = some.set_index("version")
        cells = [f"`{cheat}`"]
        for version in versions:
            row = by_version.loc[version]
            cells += ["*none*", "*none*"] if row["is doubted"] else [_write_gain(row), _write_delay(row)]
        lost = 100.0 * by_version["others lose"].max()
        rows.append([*cells, f"{lost:.1f}" if lost > 0 else "0"])
    headings = ["cheat", *(f"{heading} {version}" for version in versions for heading in HEADINGS), "others lose (%)"]
    return write_table(headings, rows)


def _write_gain(row: pd.Series) -> str:
    if not math.isfinite(row["gain"]):
        return f"{row['weight']:.2g} of the weight from no work" if row["weight"] else "0"
    return "0" if row["gain"] == 0 else f"{row['gain']:.3f} ± {row['error']:.3f}"


def _write_delay(row: pd.Series) -> str:
    return f"{100 * row['found out']:.0f} %, after {row['delay']:.1f}" if row["found out"] else "never"


def draw_cheats(figure: Figure, numbers: pd.DataFrame) -> None:
    """Draw the gain of every cheat under each version, on a scale that shows both losses and thousandfold gains."""
    figure.suptitle("Accepted weight per real work, beside honest hosts at the same place and seed", size=11)
    axes = figure.subplots()
    cheats = list(dict.fromkeys(numbers["cheat"]))
    places = {cheat: -place for place, cheat in enumerate(cheats)}
    known = numbers[~numbers["is doubted"]]
    most = known.loc[np.isfinite(known["gain"]), "gain"].max()
    for shift, (version, some), color, marker in zip(
        SHIFTS, known.groupby("version", sort=False), COLORS, MARKERS, strict=False
    ):
        y = some["cheat"].map(places) + shift
        is_free = ~np.isfinite(some["gain"])
        pays = is_free & (some["weight"] > 0)
        axes.errorbar(
            some["gain"].where(~is_free, np.where(pays, 3 * most, 0.0)),
            y,
            xerr=some["error"].where(~is_free, 0.0),
            fmt=marker,
            color=color,
            markersize=4,
            label=version,
        )
    axes.axvline(1.0, color=RED, linewidth=0.8)
    axes.set_xscale("symlog", linthresh=2.0)
    ticks = [0, 0.5, 1, 1.5, 2, *(tick for tick in (5, 10, 20, 50, 100, 200, 500) if tick < 2 * most)]
    axes.set_xticks([*ticks, 3 * most], [*map(str, ticks), "from\nno work"])
    axes.set_xlim(-0.1, 4 * most)
    axes.set_ylim(-len(places), 1)
    axes.set_yticks(list(places.values()), list(places), fontsize=8)
    axes.set_xlabel("gain (1: as honest; 0: nothing is accepted)")
    axes.legend(loc="lower right", fontsize=8)


def write_caught(images: Path) -> str:
    """Run all cheats, draw the figure into a folder of images, and return the table."""
    numbers = run_cheats()
    with house_style():
        figure = Figure(figsize=(7.2, 7.6), layout="constrained")
        draw_cheats(figure, numbers)
        figure.savefig(images / "cheats.png", dpi=150)
    return write_cheats(numbers)


if __name__ == "__main__":
    print(write_cheats(run_cheats()))
