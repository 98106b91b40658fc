"""`powsim list`: what can be named in a scenario."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.table import Table

from sim.difficulty import controllers
from sim.economy import curves, prices
from sim.errors import ScenarioError, UserError, did_you_mean
from sim.gpus import gpu_names, load_gpu
from sim.metrics.measures import run_measures
from sim.protocol.proofs import schemes
from sim.shipped import list_files
from sim.strategies import strategies
from sim.studies.kinds import KINDS, AnyKind, find_kind
from sim.terminal import make_console
from sim.topologies import topologies
from sim.work import works

Rows = list[tuple[str, str]]


def _list_gpus() -> Rows:
    profiles = [load_gpu(name) for name in gpu_names()]
    return [
        (p.name, f"{p.vram_gib:g} GiB, {p.raw_nonces_per_second:.1f} mainnet nonces/s ({p.status})") for p in profiles
    ]


def _list_files(kind: AnyKind) -> Rows:
    """Files of one kind in `./scenarios`, and those that come with powsim."""
    return [(str(file), _get_first_comment(file)) for file in list_files() if _find_kind(file) is kind]


def _find_kind(file: Path) -> AnyKind:
    try:
        return find_kind(file)
    except ScenarioError:  # a broken file is listed as well: `powsim check` says what is wrong with it
        return KINDS[-1]


def _get_first_comment(file: Path) -> str:
    first = next(iter(file.read_text(encoding="utf-8", errors="replace").splitlines()), "")
    return first.removeprefix("#").strip() if first.startswith("#") else ""


LISTINGS: dict[str, Callable[[], Rows]] = {
    "controllers": lambda: list(controllers.describe().items()),
    "curves": lambda: list(curves.describe().items()),
    "prices": lambda: list(prices.describe().items()),
    "strategies": lambda: list(strategies.describe().items()),
    "schemes": lambda: list(schemes.describe().items()),
    "works": lambda: list(works.describe().items()),
    "measures": lambda: list(run_measures.describe().items()),
    "topologies": lambda: list(topologies.describe().items()),
    "gpus": _list_gpus,
    **{kind.plural: partial(_list_files, kind) for kind in reversed(KINDS)},
}


def print_listing(name: str) -> None:
    """Print everything of one listing, a line each; raises UserError where there is no such listing."""
    if name not in LISTINGS:
        raise UserError(f'no list of "{name}".{did_you_mean(name, LISTINGS)}')
    table = Table(title=name, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for row in LISTINGS[name]():
        table.add_row(*row)
    make_console().print(table)
