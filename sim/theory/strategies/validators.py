"""Strategies of validators: their proofs are as good as honest ones; checks and votes are not (protocol 4.5)."""

from __future__ import annotations

from collections.abc import Iterator

from sim.metrics.own_measures.runs import validation_cost
from sim.runner import run
from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT, make_row, measure_gain

N_HOSTS = 6
WITHIN = 1e-3
"""Nonces tried differ a little: a proof of compute ends when a block does, and votes make blocks larger."""


def lazy_rows(_quick: bool) -> Iterator[Row]:
    """Yield the gain of `lazy` by its proof alone, and the share of all checks that are left where it makes none."""
    gain = measure_gain("lazy", range(1, 4))
    yield make_row(f"gain of lazy by its proof, {len(gain.by_seed)} runs", gain.by_seed, 1.0)
    cost, honest = (_measure_checks(changes) for changes in ({f"hosts.{SUSPECT}.strategy": "lazy"}, {}))
    label = f"checks that are made where one of {N_HOSTS} is lazy, of all"
    yield Row.absolute(label, cost / honest, 1.0 - 1.0 / N_HOSTS, WITHIN)


def _measure_checks(changes: dict[str, str]) -> float:
    return validation_cost(run(NETWORK, overrides=changes, seed=1).frames)
