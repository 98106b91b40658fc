"""The table at the end of `powsim run`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sim.results import Result
from sim.terminal import make_console

MOST_REJECTIONS = 10
HEADINGS = {  # in a wide terminal -> in a narrow one
    "epoch": "epoch",
    "r_target": "r_target",
    "difficulty": "diffi-\nculty",
    "tried": "tried",
    "valid": "valid",
    "success % [95 %]": "success %\n[95 %]",
    "exact %": "exact\n%",
    "accepted": "accep-\nted",
    "rejected": "rejec-\nted",
    "gossip ms": "gossip\nms",
}
WIDE_ENOUGH = 104
NONE = "-"
_ORIGINS = {"kernel": "computed by the kernel", "sphere": "drawn from the exact law"}


def describe_origin(kind: str) -> str:
    """Return the words for the origin of a kind of work's numbers."""
    return _ORIGINS.get(kind, f"computed by {kind}")


def build_epoch_table(result: Result, width: int) -> Table:
    """The table at the end of `powsim run`, one line an epoch. Long headings are broken in a narrow terminal."""
    is_wide = width >= WIDE_ENOUGH
    title = f"{result.summary['n_epochs']} epochs"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2 if is_wide else 1, 0, 0))
    for wide, narrow in HEADINGS.items():
        table.add_column(wide if is_wide else narrow, justify="right", no_wrap=True)
    for row in result.epochs.itertuples():
        table.add_row(
            str(row.epoch),
            *_show_luck(row),
            str(row.accepted),
            str(row.rejected),
            f"{1000 * row.gossip_delay_median_seconds:.0f}",
        )
    return table


def _show_luck(row: Any) -> Iterator[str]:
    """Yield the cells on luck; where every computed nonce counts there is none, and no threshold."""
    has_luck = row.r_target > 0
    yield f"{row.r_target:.6f}" if has_luck else NONE
    yield f"{row.difficulty:.2f}" if has_luck else NONE
    yield str(row.tried)
    yield str(row.valid)
    share = f"{100 * row.success_rate:.2f} [{100 * row.success_low:.2f},{100 * row.success_high:.2f}]"
    yield share if has_luck else NONE
    yield f"{100 * row.hit_probability:.2f}" if has_luck else NONE


def _group_rejections(result: Result) -> list[tuple[tuple[str, str, str], list[str]]]:
    """((participant, strategy, reason), epochs), cheaters first."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for row in result.summary["rejections"]:
        grouped.setdefault((row["participant"], row["strategy"], row["reason"]), []).append(str(row["epoch"]))
    return sorted(grouped.items(), key=lambda item: item[0][1] == "honest")


def print_result(result: Result, folder: Path) -> None:
    """Print the epochs' table and where everything is."""
    console, summary = make_console(), result.summary
    console.print(build_epoch_table(result, console.width))
    origin = describe_origin(result.provenance["work"]["kind"])
    console.print(
        f"{summary['distances_computed']} distances {origin}, {summary['distances_shared']} more answered by sharing "
        f"them; {result.provenance['wall_seconds']:.1f} s"
    )
    _print_tier(console, result)
    rejections = _group_rejections(result)
    for (participant, strategy, reason), epochs in rejections[:MOST_REJECTIONS]:
        who = participant if strategy == "honest" else f"{participant} ({strategy})"
        console.print(f"rejected: {who} in epoch {', '.join(epochs)}: {reason}", soft_wrap=True)
    if len(rejections) > MOST_REJECTIONS:
        console.print(f"and {len(rejections) - MOST_REJECTIONS} more like these, see the frame `participants`")
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", style="bold", soft_wrap=True)
    hashes = f"outcome hash {result.provenance['outcome_hash'][:16]}, trace hash {result.provenance['trace_hash'][:16]}"
    console.print(f"{hashes}; results in {folder}", soft_wrap=True)


def _print_tier(console: Console, result: Result) -> None:
    """Say which tier was taken and why, where the scenario left the choice open."""
    facts = result.provenance["network"]
    if facts["asked"] != facts["tier"]:
        console.print(f"network: {facts['tier']}; {facts['reason']}", soft_wrap=True)
