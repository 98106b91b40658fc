"""`powsim list`: the names that a scenario may use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.table import Table

from sim.difficulty import controllers
from sim.economy import curves, prices
from sim.gpus import GpuProfile, gpu_names, load_gpu
from sim.metrics.measures import run_measures
from sim.protocol.proofs import schemes
from sim.strategies import strategies
from sim.studies.kinds import KINDS, list_files
from sim.terminal import make_console
from sim.topologies import topologies
from sim.work import works
from sim.work.stacks import load_shipped_pairs

Rows = Sequence[tuple[str, ...]]


def _list_gpus() -> Rows:
    return [(name, _describe_gpu(load_gpu(name))) for name in gpu_names()]


def _describe_gpu(profile: GpuProfile) -> str:
    """Tell memory and rates: of the network's software, at which hosts work, and of our kernel if it was measured."""
    text = f"{profile.vram_gib:g} GiB, {profile.raw_nonces_per_second:.1f} mainnet nonces/s ({profile.status})"
    own = profile.kernel_nonces_per_second
    return text if own is None else f"{text}; powsim's kernel: {own:.1f} (measured)"


def _list_stacks() -> Rows:
    """List stacks whose answers were compared, and for which models."""
    pairs, found = load_shipped_pairs(), dict[str, list[str]]()
    for model in pairs.models:
        for stack in pairs.list_stacks(model):
            defect = " (wrong answers at some places of a batch)" if (model, stack) in pairs.defects else ""
            found.setdefault(stack, []).append(model + defect)
    return [(stack, ", ".join(models)) for stack, models in sorted(found.items())]


def _list_strategies() -> Rows:
    """List strategies, each with the knowledge or means that it needs beyond an honest host's."""
    plugins = ((name, meaning, strategies.get(name)) for name, meaning in strategies.describe().items())
    return [(name, meaning, getattr(plugin, "needs", "")) for name, meaning, plugin in plugins]


LISTINGS: dict[str, Callable[[], Rows]] = {
    "controllers": lambda: list(controllers.describe().items()),
    "curves": lambda: list(curves.describe().items()),
    "prices": lambda: list(prices.describe().items()),
    "strategies": _list_strategies,
    "schemes": lambda: list(schemes.describe().items()),
    "works": lambda: list(works.describe().items()),
    "measures": lambda: list(run_measures.describe().items()),
    "topologies": lambda: list(topologies.describe().items()),
    "gpus": _list_gpus,
    "stacks": _list_stacks,
    **{kind.plural: partial(list_files, kind) for kind in reversed(KINDS)},
}


def print_listing(name: str) -> None:
    """Print everything of one listing, a line each."""
    table = Table(title=name, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for row in LISTINGS[name]():
        table.add_row(*row)
    make_console().print(table)
