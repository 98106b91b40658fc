"""Tables in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sim.results import Result

if TYPE_CHECKING:
    from sim.scenario import Scenario

WIDTH_WITHOUT_TERMINAL = 120
ORIGINS = {"kernel": "computed by the kernel", "sphere": "drawn from the exact law"}


def make_console() -> Console:
    """Return a console for tables: as wide as the terminal, or wide enough where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)


def build_epoch_table(result: Result) -> Table:
    """One line an epoch: what `powsim run` ends with."""
    table = Table(title=f"{result.summary['n_epochs']} epochs", title_justify="left", box=None, pad_edge=False)
    for heading in ("epoch", "r_target", "difficulty", "tried", "valid", "success % [95 %]", "exact %", "accepted"):
        table.add_column(heading, justify="right")
    for heading in ("rejected", "gossip ms"):
        table.add_column(heading, justify="right")
    for row in result.epochs.itertuples():
        table.add_row(
            str(row.epoch),
            f"{row.r_target:.6f}",
            f"{row.difficulty:.2f}",
            str(row.tried),
            str(row.valid),
            f"{100 * row.success_rate:.2f} [{100 * row.success_low:.2f}, {100 * row.success_high:.2f}]",
            f"{100 * row.hit_probability:.2f}",
            str(row.accepted),
            str(row.rejected),
            f"{1000 * row.gossip_delay_median_seconds:.0f}",
        )
    return table


def _group_rejections(result: Result) -> dict[tuple[str, str, str], list[str]]:
    """(participant, strategy, reason) -> epochs."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for row in result.summary["rejections"]:
        grouped.setdefault((row["participant"], row["strategy"], row["reason"]), []).append(str(row["epoch"]))
    return grouped


def print_result(result: Result, folder: Path) -> None:
    """Print the epochs' table and where everything is."""
    console, summary = make_console(), result.summary
    console.print(build_epoch_table(result))
    origin = ORIGINS[result.provenance["work"]["kind"]]
    console.print(
        f"{summary['distances_computed']} distances {origin}, {summary['distances_shared']} more answered by sharing "
        f"them; {result.provenance['wall_seconds']:.1f} s"
    )
    for (participant, strategy, reason), epochs in _group_rejections(result).items():
        who = participant if strategy == "honest" else f"{participant} ({strategy})"
        console.print(f"rejected: {who} in epoch {', '.join(epochs)}: {reason}", soft_wrap=True)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", style="bold", soft_wrap=True)
    console.print(f"trace hash {result.provenance['trace_hash'][:16]}; results in {folder}", soft_wrap=True)


def print_checked(scenario: Scenario, file: Path) -> None:
    """Say that a scenario file is fine, and what is in it."""
    n_hosts = sum(group.count for group in scenario.hosts)
    make_console().print(
        f"{file}: fine: {scenario.name}, {scenario.epochs} epochs, {n_hosts} hosts in {len(scenario.hosts)} groups",
        soft_wrap=True,
    )
