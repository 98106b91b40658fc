"""`powsim list`: what can be named in a scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.table import Table

from sim.difficulty import controllers
from sim.economy import curves, prices
from sim.gpus import gpu_names, load_gpu
from sim.metrics.measures import run_measures
from sim.strategies import strategies
from sim.terminal import make_console
from sim.topologies import topologies

Rows = list[tuple[str, str]]


def _list_gpus() -> Rows:
    profiles = [load_gpu(name) for name in gpu_names()]
    return [
        (p.name, f"{p.vram_gib:g} GiB, {p.raw_nonces_per_second:.1f} mainnet nonces/s ({p.status})") for p in profiles
    ]


def _list_scenarios() -> Rows:
    files = sorted(Path("scenarios").rglob("*.yaml"))
    return [(str(file), _get_first_comment(file)) for file in files]


def _get_first_comment(file: Path) -> str:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


LISTINGS: dict[str, Callable[[], Rows]] = {
    "controllers": lambda: list(controllers.describe().items()),
    "curves": lambda: list(curves.describe().items()),
    "prices": lambda: list(prices.describe().items()),
    "strategies": lambda: list(strategies.describe().items()),
    "measures": lambda: list(run_measures.describe().items()),
    "topologies": lambda: list(topologies.describe().items()),
    "gpus": _list_gpus,
    "scenarios": _list_scenarios,
}


def print_listing(kind: str) -> None:
    """Print one kind's names with a line each."""
    table = Table(title=kind, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for name, description in LISTINGS[kind]():
        table.add_row(name, description)
    make_console().print(table)
