"""Stacks, software and card together, and how far their answers lie apart: a table of pairs by model.

A stack is a text like "H100 2026-05": a card, where needed a variant, and the month of the build. The table that
comes with powsim (`data/pairs.csv`) was measured from 41 200 published answers; two models of which none are published
have an assumed row. A user's own file has the same columns:

    model,a,b,p50,p90,p99,max,share_above_0.4
    MiniMax-M2.7,H100 2026-05,my card,0.26,0.41,0.72,1.1,0.12

Columns p50, p99.5, max are quantiles of the distance, share_above_R the share beyond R; an empty cell is not known.
`*` stands for every stack that no other row of the model names. One stack agrees with itself to the bit.

Reference: network 3.1
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Final

from sim.documents.source import FileKind, read_source
from sim.errors import Mistake, ScenarioError, UserError, did_you_mean
from sim.work.pair_laws import EQUAL, Defect, PairLaw

CURRENT_BUILD: Final = "2026-05"
"""Month of the newest build of which answers are published; hosts that name no stack run it."""
ANY: Final = "*"
PAIRS: Final = FileKind("a table of pairs", "CSV", (".csv",))
NAMES: Final = ("model", "a", "b")
REMARKS: Final = ("n", "source")
_FORM_FACTOR = re.compile(r"-(SXM|PCIe)(-\d+)?$")
_QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)|(max)|share_above_(\d(?:\.\d+)?)")
LARGEST_DISTANCE: Final = 2.0


def get_default_stack(gpu: str) -> str:
    """Return the stack of a host that names none: its GPU profile's card with the current build."""
    return f"{_FORM_FACTOR.sub('', gpu)} {CURRENT_BUILD}"


Pair = tuple[str, frozenset[str]]
"""Model and stacks; one stack alone is `*` with itself."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Laws of distances by model and pair of stacks, and defects by model and stack."""

    source: str
    """Where the table comes from, for provenance."""
    laws: Mapping[Pair, PairLaw]
    defects: Mapping[tuple[str, str], Defect] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of models with a pair, sorted."""
        return tuple(sorted({model for model, _ in self.laws}))

    def list_stacks(self, model: str) -> tuple[str, ...]:
        """Return the stacks that are named for a model, sorted."""
        return tuple(sorted({stack for of, pair in self.laws if of == model for stack in pair} - {ANY}))

    def get_law(self, model: str, a: str, b: str) -> PairLaw:
        """Return the law of two stacks; raise UserError, with the nearest name, where the table has none."""
        law = self._find(model, a, b)
        if law is None:
            raise UserError(self._tell_missing(model, a, b))
        return law

    def find_problem(self, model: str, stacks: Collection[str]) -> str | None:
        """Return why hosts with these stacks cannot check each other's answers, or None; every pair must be known."""
        for a, b in combinations(sorted(set(stacks)), 2):
            if self._find(model, a, b) is None:
                return self._tell_missing(model, a, b)
        return None

    def _find(self, model: str, a: str, b: str) -> PairLaw | None:
        if a == b:
            return EQUAL
        pairs = (frozenset(pair) for pair in ((a, b), (a, ANY), (ANY, b), (ANY,)))
        return next((self.laws[model, pair] for pair in pairs if (model, pair) in self.laws), None)

    def _tell_missing(self, model: str, a: str, b: str) -> str:
        known = self.list_stacks(model)
        if not self.laws:
            return f'nobody has published how "{a}" and "{b}" differ by this scheme; name a table in work.pairs'
        if not known:
            return f'no two stacks are compared for the model "{model}".{did_you_mean(model, self.models)}'
        unknown = next((stack for stack in (a, b) if stack not in known), None)
        if unknown is not None:
            return f'unknown stack "{unknown}" for {model}.{did_you_mean(unknown, known)}'
        partners = [stack for stack in known if stack != b and self._find(model, stack, b) is not None]
        return f'the stack "{a}" was never compared with "{b}" for {model}.{did_you_mean(a, partners)}'


NO_MARGINS: Final = PairTable("powsim", {})
"""In the scheme `decode`: nobody has published how far two stacks' margins lie apart."""


@cache
def load_shipped_pairs() -> PairTable:
    """Return the table that comes with powsim."""
    folder = files(__package__) / "data"
    laws = _parse((folder / "pairs.csv").read_text(encoding="utf-8"), "pairs.csv")
    defects: dict[tuple[str, str], Defect] = {}
    for row in csv.DictReader((folder / "defects.csv").read_text(encoding="utf-8").splitlines()):
        defect = Defect.of_counts(map(int, row["mismatches"].split()), int(row["n"]))
        defects[row["model"], row["stack"]] = defect
        if row["sound_a"]:  # its pairs have no quantile between the sound places and the wrong ones
            sound = laws[row["model"], frozenset((row["sound_a"], row["sound_b"]))]
            for pair in [pair for pair in laws if pair[0] == row["model"] and row["stack"] in pair[1]]:
                laws[pair] = laws[pair].at_least(sound, defect.sound_share)
    return PairTable("powsim", laws, defects)


def load_pairs(path: str | Path, called: str | None = None) -> PairTable:
    """Return a user's own table; raise ScenarioError with every mistake at its line and column.

    Mistakes name the file as `called`.
    """
    return PairTable(Path(path).name, _parse(read_source(path, PAIRS), called or str(path)))


def _parse(text: str, source: str) -> dict[Pair, PairLaw]:
    mistakes: list[Mistake] = []
    rows = [_Row(source, number, cells) for number, cells in enumerate(csv.reader(text.splitlines()), 1) if any(cells)]
    columns = [cell.strip() for cell in rows[0].cells] if rows else []
    mistakes += _find_header_mistakes(rows[0] if rows else _Row(source, 1, []), columns)
    laws: dict[Pair, PairLaw] = {}
    for row in rows[1:] if not mistakes else []:
        pair, law, wrong = row.read(columns)
        if not wrong and pair in laws:
            wrong = [row.mistake(1, f"{' and '.join(sorted(pair[1]))} stand twice for {pair[0]}")]
        mistakes += wrong
        laws[pair] = law
    if not mistakes and not laws:
        mistakes = [Mistake(source, None, None, "", "lists no pair of stacks")]
    if mistakes:
        raise ScenarioError(mistakes)
    return laws


def _find_header_mistakes(row: _Row, columns: list[str]) -> Iterator[Mistake]:
    for name in NAMES:
        if name not in columns:
            yield row.mistake(0, f'the header has no column "{name}"; it needs model, a, b and quantiles like p50')
    for place, name in enumerate(columns):
        if name not in (*NAMES, *REMARKS) and not _QUANTILE.fullmatch(name):
            known = (*NAMES, *REMARKS, "p50", "p99.5", "max", "share_above_0.4")
            yield row.mistake(place, f'unknown column "{name}".{did_you_mean(name, known)}')
        elif name in columns[:place]:
            yield row.mistake(place, f'the column "{name}" stands twice')
    if columns and not any(_QUANTILE.fullmatch(name) for name in columns):
        yield row.mistake(0, "the header has no quantile; name one like p50, max or share_above_0.4")


@dataclass(frozen=True)
class _Row:
    """A line of a table of pairs."""

    source: str
    number: int
    cells: list[str]

    def mistake(self, place: int, message: str) -> Mistake:
        """Return a mistake in the cell at this place."""
        column = 1 + sum(len(cell) + 1 for cell in self.cells[:place])
        return Mistake(self.source, self.number, column, "", message)

    def read(self, columns: list[str]) -> tuple[Pair, PairLaw, list[Mistake]]:
        """Return the pair, its law, and what is wrong with them."""
        if len(self.cells) != len(columns):
            wrong = [self.mistake(0, f"{len(self.cells)} cells; the header has {len(columns)}")]
            return ("", frozenset()), EQUAL, wrong
        named = {name: cell.strip() for name, cell in zip(columns, self.cells, strict=True)}
        mistakes = [self.mistake(columns.index(name), f"the {name} is empty") for name in NAMES if not named[name]]
        if named["a"] == named["b"] != ANY:
            mistakes.append(self.mistake(columns.index("b"), f'"{named["b"]}" agrees with itself; it needs no pair'))
        knots: list[tuple[float, float]] = []
        for place, (name, cell) in enumerate(named.items()):
            if (match := _QUANTILE.fullmatch(name)) and cell:
                knot = _read_knot(match, cell)
                if isinstance(knot, str):
                    mistakes.append(self.mistake(place, knot))
                else:
                    knots.append(knot)
        if not knots and not mistakes:
            mistakes.append(self.mistake(0, "no quantile is known of this pair"))
        return (named["model"], frozenset((named["a"], named["b"]))), *self._build(knots, mistakes)

    def _build(self, knots: list[tuple[float, float]], mistakes: list[Mistake]) -> tuple[PairLaw, list[Mistake]]:
        levels = [level for _, level in sorted(knots)]
        if not mistakes and levels != sorted(levels):
            mistakes = [self.mistake(0, "a higher quantile lies nearer than a lower one")]
        return PairLaw.of_knots([*knots, (LARGEST_DISTANCE, 1.0)]), mistakes


def _read_knot(column: re.Match[str], cell: str) -> tuple[float, float] | str:
    """Return distance and level of a cell, or what is wrong with it."""
    try:
        value = float(cell)
    except ValueError:
        return f'"{cell}" is no number'
    percent, largest, beyond = column.groups()
    bound = 1.0 if beyond else LARGEST_DISTANCE
    if not 0 <= value <= bound:
        return f"{cell} must be at least 0 and at most {bound:g}"
    if beyond:
        return float(beyond), 1.0 - value
    return value, 1.0 if largest else float(percent) / 100
