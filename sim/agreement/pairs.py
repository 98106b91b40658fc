"""Pairs of machines, number types or batches that computed the same nonces, and how far apart their distances are.

1. Whatever two stored sets have in common is compared.
2. Some differences were measured without leaving the distances behind: `data/measured.csv` has them.
3. A pair that occurs twice stands once, by the comparison of more nonces.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations

from pow.agreement import MachineAgreement, compare_distances
from pow.params import PRESETS, mode_of
from sim.agreement.stored import DistanceSet, MachineDistances, get_shipped_names, load_distances


@dataclass(frozen=True)
class Side:
    """Who computed, in which numerics; `note` tells batches and products of one machine apart."""

    machine: str
    mode: str
    note: str = ""

    def __str__(self) -> str:
        return ", ".join(part for part in (self.machine, self.note) if part)


@dataclass(frozen=True)
class Pair:
    """Two sides of one model and how far they are apart."""

    params: str
    left: Side
    right: Side
    agreement: MachineAgreement

    @property
    def is_of_machines(self) -> bool:
        """Whether both sides use the same numerics, so that only machines, batches or products differ."""
        return self.left.mode == self.right.mode

    @property
    def key(self) -> tuple[str, frozenset[Side]]:
        """What is compared, whichever side is named first."""
        return self.params, frozenset((self.left, self.right))


def compare_sets(left: tuple[Side, DistanceSet], right: tuple[Side, DistanceSet]) -> Pair | None:
    """Return the pair of two sets, or None where they are of different models or have no nonce in common."""
    (side, ours), (other, theirs) = left, right
    known = dict(zip(theirs.nonces, theirs.distances, strict=True))
    common = [(value, known[n]) for n, value in zip(ours.nonces, ours.distances, strict=True) if n in known]
    if ours.params != theirs.params or not common:
        return None
    a, b = zip(*common, strict=True)
    return Pair(ours.params, side, other, compare_distances(a, b, PRESETS[ours.params].vocab_size))


def list_sides(found: MachineDistances) -> list[tuple[Side, DistanceSet]]:
    """Return each set of a machine with its side."""
    return [(Side(found.machine, each.mode, each.note), each) for each in found.sets]


def load_measured() -> Iterator[Pair]:
    """Yield the differences that were measured without their distances."""
    text = (files(__package__) / "data" / "measured.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        figures = (int(row["n_compared"]), float(row["rms_difference"]), float(row["max_difference"]))
        agreement = MachineAgreement(*figures, PRESETS[row["params"]].vocab_size)
        yield Pair(row["params"], _read_side(row, ""), _read_side(row, "other_"), agreement)


def _read_side(row: dict[str, str], prefix: str) -> Side:
    return Side(row[f"{prefix}machine"], mode_of(row[f"{prefix}dtype"]).name, row[f"{prefix}note"])


def list_pairs() -> list[Pair]:
    """Return every pair that is known: of the stored sets that come with powsim, and of measured differences.

    Pairs that differ in more than one thing say nothing about either and are left out.
    """
    sides = [side for name in get_shipped_names() for side in list_sides(load_distances(name))]
    compared = [pair for pair in map(compare_sets, *zip(*combinations(sides, 2), strict=True)) if pair is not None]
    return list(_keep_largest(pair for pair in [*load_measured(), *compared] if _differ_in_one(pair)))


def _differ_in_one(pair: Pair) -> bool:
    left, right = pair.left, pair.right
    return (left.machine != right.machine) + (left.mode != right.mode) + (left.note != right.note) == 1


def _keep_largest(pairs: Iterable[Pair]) -> Iterable[Pair]:
    best: dict[tuple[str, frozenset[Side]], Pair] = {}
    for pair in pairs:
        known = best.get(pair.key)
        if known is None or pair.agreement.n_compared > known.agreement.n_compared:
            best[pair.key] = pair
    return best.values()
