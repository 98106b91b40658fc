"""A region table's text -> its values, or every mistake in it at once, each at its line and column."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.documents.source import REGION_TABLE
from sim.documents.yaml_tree import parse_document
from sim.errors import ScenarioError
from sim.problems import Loc, Problem, problems_of, show_value

ROUNDING = 1e-9
LISTS = ("upload_bits_per_second", "download_bits_per_second", "shares")
LATENCY = "latency_ms"

_Milliseconds = Annotated[float, Field(gt=0, le=3_600_000)]
_Rate = Annotated[float, Field(gt=0, le=1e15)]
_Share = Annotated[float, Field(gt=0, le=1)]


class TableFile(BaseModel):
    """The content of a region table's file; every list follows the order of `regions`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field("", description="what people call it")
    source: str = Field("", description="where the numbers come from")
    licence: str = Field("", description="under which licence")
    regions: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    latency_ms: tuple[tuple[_Milliseconds, ...], ...] = Field(description="one way, row's region to column's")
    upload_bits_per_second: tuple[_Rate, ...]
    download_bits_per_second: tuple[_Rate, ...]
    shares: tuple[_Share, ...] = Field(description="of all nodes")


def parse_table(text: str, source: str) -> TableFile:
    """Return the values of a YAML text; raise ScenarioError with every mistake; `source` names the file in them."""
    document = parse_document(text, source, REGION_TABLE)
    if not isinstance(document.tree, Mapping):
        shown = show_value(document.tree)
        message = f"a region table is a mapping with the keys {', '.join(TableFile.model_fields)}, not {shown}"
        raise ScenarioError([*document.mistakes, document.places[()].mistake(message)])
    table, problems = None, list(find_table_problems(document.tree))
    try:
        table = TableFile.model_validate_json(json.dumps(document.tree))
    except ValidationError as error:
        problems += problems_of(error, TableFile.model_json_schema())
    if table is None or problems or document.mistakes:
        raise ScenarioError([*document.mistakes, *(document.locate(problem) for problem in problems)])
    return table


def find_table_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield problems between the parts of a raw tree; parts of a wrong type are left out."""
    regions, rows, shares = tree.get("regions"), tree.get(LATENCY), tree.get("shares")
    n = len(regions) if isinstance(regions, list) else 0
    if isinstance(regions, list):
        yield from _find_repeated(regions)
    if n:
        for key in LISTS:
            yield from _find_wrong_length((key,), tree.get(key), n, "values")
        yield from _find_wrong_length((LATENCY,), rows, n, "rows")
    if isinstance(rows, list):
        for index, row in enumerate(rows):
            yield from _find_wrong_length((LATENCY, index), row, n or len(rows), "values")
        yield from _find_asymmetry(rows)
    if isinstance(shares, list) and all(map(_is_number, shares)) and abs(math.fsum(shares) - 1.0) > ROUNDING:
        yield Problem(("shares",), f"the shares must sum to 1, not {math.fsum(shares):g}")


def _find_repeated(regions: Sequence[object]) -> Iterator[Problem]:
    for index, name in enumerate(regions):
        if isinstance(name, str) and (first := regions.index(name)) != index:
            yield Problem(("regions", index), f"{show_value(name)} is already regions.{first}")


def _find_wrong_length(loc: Loc, values: object, n: int, noun: str) -> Iterator[Problem]:
    if isinstance(values, list) and len(values) != n:
        yield Problem(loc, f"{len(values)} instead of {n} {noun}, one for each region")


def _find_asymmetry(rows: Sequence[object]) -> Iterator[Problem]:
    """Of two values that differ the one in the later row is reported, unless one of them is no number."""
    for i, row in enumerate(rows):
        for j, there in enumerate(row[:i] if isinstance(row, list) else []):
            opposite = rows[j]
            back = opposite[i] if isinstance(opposite, list) and i < len(opposite) else None
            if _is_number(there) and _is_number(back) and there != back:
                same = f"{LATENCY}.{j}.{i}, {show_value(back)}"
                yield Problem((LATENCY, i, j), f"{show_value(there)} must be {same}: latency is alike both ways")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
