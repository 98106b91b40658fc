"""The winner of a search without each of its values: which of them its objective needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sim.documents.document import Document
from sim.studies.checking import compare_pairs
from sim.studies.domains import Parameters, make_label
from sim.studies.points import judge
from sim.studies.search_file import Search
from sim.studies.subjects import Scores

COLUMNS = (
    *("parameter", "value", "put_back", "winner", "without", "is_kept", "difference", "low", "high", "level"),
    "resolved",
)


def list_ablations(search: Search, winner: Parameters) -> dict[str, Document]:
    """Return by parameter the file with the winner's values but its own one, which is that of the file again."""
    others = {name: {other: value for other, value in winner.items() if other != name} for name in winner}
    return {name: search.vary(point) for name, point in others.items()}


def tell_ablations(search: Search, winner: Parameters, scores: Scores, without: Mapping[str, Scores]) -> pd.DataFrame:
    """Return one row for each value of the winner that the file does not have, the most needed one first.

    `scores` of the winner, `without` of the files of `list_ablations`, on the same random numbers. `difference` is the
    winner's measure minus that without the value, paired by replication; `resolved` where its interval excludes 0;
    `is_kept` where the constraints hold without the value.
    """
    rows = [_tell(search, name, winner, scores, without[name]) for name in winner]
    found = pd.DataFrame([row for row in rows if row["value"] != row["put_back"]], columns=list(COLUMNS))
    order = found["difference"].abs().sort_values(ascending=False, kind="stable", na_position="first").index
    return found.loc[order].reset_index(drop=True)


def _tell(search: Search, name: str, winner: Parameters, scores: Scores, without: Scores) -> dict[str, Any]:
    values: Sequence[Any] = [search.compute_values(search.config.objective, each) for each in (without, scores)]
    pairs = compare_pairs(*values)
    told = {"parameter": name, "value": make_label(search.domains[name].write(winner[name]))}
    kept = {"put_back": make_label(search.start[name]), "is_kept": judge(search, {}, without)["is_kept"]}
    return {**told, **kept, "without": pairs.pop("against"), **pairs}
