"""Hosts from an inventory: a CSV file with a line per ML node becomes the scenario's list of host groups.

The groups take the inventory's place before anything else is checked, and each of their values knows its cell. So
a resolved scenario needs no second file, and every check of hosts tells the line and column of the CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from sim.documents.document import Document, Place
from sim.documents.source import INVENTORY, read_source
from sim.errors import Mistake, ScenarioError, did_you_mean
from sim.gpus import gpu_names
from sim.problems import Loc, Problem, read_model, show_value
from sim.scenario.files import find_file, locate_file_mistakes, name_source
from sim.scenario.hosts import MODEL_NAMES, Delegation, Region, StrictModel
from sim.scenario.models import list_own_models

HOSTS = "hosts"
REQUIRED_COLUMNS = ("participant", "node", "gpu_type", "gpu_count")
COLUMNS = (*REQUIRED_COLUMNS, "nonces_per_second", "model", "region")
MAX_PARTICIPANTS, MAX_ML_NODES = 1000, 10_000  # a resolved scenario must stay small enough to be read again
STAND_IN = "H100-SXM"  # where a GPU is unknown: the mistake is reported, and everything else is still checked
_RATE = re.compile(r"(?=.*[1-9])\d{1,9}(\.\d{1,9})?", re.ASCII)
_CELL = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(,|$)')


class LentVotes(Delegation):
    """Voting powers of some participants on one model, lent to a host. Reference: network 2.9."""

    of: tuple[str, ...] = Field(strict=False, min_length=1, description="participants, as in the file")


class InventoryConfig(StrictModel):
    """Hosts that a file lists, in the place of a list of host groups."""

    inventory: str = Field(
        min_length=1,
        description="CSV file with the columns participant, node, gpu_type, gpu_count and, where known, "
        "nonces_per_second (an ML node's own rate), model and region; sought in the scenario's folder, then in the "
        "working directory",
    )
    gpu_types: dict[str, str] = Field(
        default_factory=dict, description="GPU profile of each type in the file that is not called like its profile"
    )
    guardians: tuple[str, ...] = Field(
        (), strict=False, description="participants that are genesis guardians, as in the file"
    )
    delegations: tuple[LentVotes, ...] = Field(
        (),
        strict=False,
        description="hosts that vote for participants on models' claims; P14 of the file is host P14-0",
    )
    default_region: Region | None = Field(
        None, description="region, or shares by which one is drawn, of participants without one in the file"
    )


@dataclass(frozen=True)
class _Cell:
    text: str
    place: Place


_Row = dict[str, _Cell]


@dataclass
class _Reading:
    """Groups under construction, and the mistakes in their lines."""

    config: InventoryConfig
    default_place: Place
    models: tuple[str, ...]
    """That a line may name."""
    mistakes: list[Mistake] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    places: dict[Loc, Place] = field(default_factory=dict)
    told: set[Loc] = field(default_factory=set)

    def refuse(self, cell: _Cell, message: str) -> None:
        self.mistakes.append(cell.place.mistake(message))


def expand_inventory(document: Document) -> set[Loc]:
    """Put host groups where the tree names an inventory; mistakes join the document's.

    Return the parts of the tree that are missing now, because the value in their place is reported as a mistake.
    """
    hosts = document.tree.get(HOSTS) if isinstance(document.tree, dict) else None
    if not isinstance(hosts, Mapping):
        return set()
    here = document.places[(HOSTS,)]
    config, problems = read_model(InventoryConfig, hosts)
    try:
        if config is None:
            raise ScenarioError([document.locate(problem.below(HOSTS)) for problem in problems])
        reading = _read(document, config)
    except ScenarioError as error:
        document.mistakes += error.mistakes
        document.replace((HOSTS,), [], here)
        return {(HOSTS,)}
    document.mistakes += reading.mistakes
    document.replace((HOSTS,), reading.groups, here)
    document.places |= reading.places
    return reading.told


def _read(document: Document, config: InventoryConfig) -> _Reading:
    """Return the groups of the file; raise ScenarioError where its form is so wrong that it has no groups."""
    named = document.places.get((HOSTS, "inventory"), document.places[(HOSTS,)])
    default = document.places.get((HOSTS, "default_region"), document.places[(HOSTS,)])
    models = tuple(dict.fromkeys((*list_own_models(document.tree), *MODEL_NAMES)))
    reading = _Reading(config, default._replace(path=f"{HOSTS}.default_region"), models)
    file = find_file(config.inventory, named)
    try:
        rows = list(_read_rows(read_source(file, INVENTORY), name_source(config.inventory, file, named), reading))
    except ScenarioError as error:
        placed = locate_file_mistakes(error, named, (HOSTS, "inventory"))
        raise ScenarioError(placed) from None
    if not rows and not reading.mistakes:
        raise ScenarioError([named.mistake(f"{config.inventory} lists no ML node", (HOSTS, "inventory"))])
    if not rows:
        raise ScenarioError(reading.mistakes)
    _check_gpu_types(document, reading, rows)
    _check_guardians(document, reading, rows)
    _check_delegations(document, reading, rows)
    by_participant: dict[str, list[_Row]] = {}
    for row in rows:
        by_participant.setdefault(row["participant"].text, []).append(row)
    _check_size(reading, rows, len(by_participant))
    for index, own in enumerate(by_participant.values()):
        _add_group(reading, index, own)
    _add_delegations(document, reading)
    return reading


def _read_rows(text: str, source: str, reading: _Reading) -> Iterator[_Row]:
    """Yield every line that has a cell for each column; blank lines and comments (#) are passed over."""
    header: list[_Cell] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = _split(line, Place(source, number))
        if not header:
            header = cells
            _check_header(header)
        elif len(cells) != len(header):
            reading.refuse(cells[0], f"{len(cells)} cells; the header has {len(header)}")
        else:
            yield {column.text: cell for column, cell in zip(header, cells, strict=True)}


def _split(line: str, place: Place) -> list[_Cell]:
    cells, position = [], 0
    while True:
        match = _CELL.match(line, position)
        start = place._replace(column=position + 1)
        if match is None:
            raise ScenarioError([start.mistake("a quote that is not closed, or stands inside a cell")])
        text = match[2] if match[1] is None else match[1].replace('""', '"')
        at = match.start(2) if match[1] is None else match.start(1) - 1
        cells.append(_Cell(text, place._replace(column=at + 1)))
        if not match[3]:
            return cells
        position = match.end()


def _check_header(header: list[_Cell]) -> None:
    names = [cell.text for cell in header]
    mistakes = [
        cell.place.mistake(
            f'the column "{cell.text}" stands twice'
            if cell.text in names[:position]
            else f'unknown column "{cell.text}".{did_you_mean(cell.text, COLUMNS)}'
        )
        for position, cell in enumerate(header)
        if cell.text not in COLUMNS or cell.text in names[:position]
    ]
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    if missing:
        mistakes.append(header[0].place.mistake(f"the header lacks the column {', '.join(missing)}"))
    if mistakes:
        raise ScenarioError(mistakes)


def _check_gpu_types(document: Document, reading: _Reading, rows: list[_Row]) -> None:
    """Every type must have a profile, and every mapping must be of a type in the file."""
    profiles, found = gpu_names(), {row["gpu_type"].text for row in rows}
    for name, profile in reading.config.gpu_types.items():
        message = ""
        if profile not in profiles:
            message = f"unknown GPU {show_value(profile)}.{did_you_mean(profile, profiles)}"
        elif name not in found:
            message = f"no line of {reading.config.inventory} has this type.{did_you_mean(name, found)}"
        if message:
            reading.mistakes.append(document.locate(Problem((HOSTS, "gpu_types", name), message)))
    for name in found - reading.config.gpu_types.keys() - set(profiles):
        cells = [row["gpu_type"] for row in rows if row["gpu_type"].text == name]
        lines = "this line" if len(cells) == 1 else f"this and {len(cells) - 1} more lines"
        hint = "name its profile in hosts.gpu_types." + did_you_mean(name, profiles)
        reading.refuse(cells[0], f"{show_value(name)} ({lines}) is no GPU profile; {hint}")


def _check_guardians(document: Document, reading: _Reading, rows: list[_Row]) -> None:
    found = {row["participant"].text for row in rows}
    for index, name in enumerate(reading.config.guardians):
        if name not in found:
            message = f"{show_value(name)} has no line in {reading.config.inventory}.{did_you_mean(name, found)}"
            reading.mistakes.append(document.locate(Problem((HOSTS, "guardians", index), message)))


def _check_delegations(document: Document, reading: _Reading, rows: list[_Row]) -> None:
    found = {row["participant"].text for row in rows}
    for index, lent in enumerate(reading.config.delegations):
        for position, name in enumerate(lent.of):
            if name not in found:
                message = f"{show_value(name)} has no line in {reading.config.inventory}.{did_you_mean(name, found)}"
                loc = (HOSTS, "delegations", index, "of", position)
                reading.mistakes.append(document.locate(Problem(loc, message)))


def _add_delegations(document: Document, reading: _Reading) -> None:
    """Every group gets its own; a mistake in one of them stands where the scenario lends the vote."""
    indices = {group["name"]: index for index, group in enumerate(reading.groups)}
    for number, lent in enumerate(reading.config.delegations):
        for name in lent.of:
            if name in indices:
                delegates = reading.groups[indices[name]].setdefault("delegates", [])
                for key in ("model", "to"):
                    place = document.places[HOSTS, "delegations", number, key]
                    reading.places[HOSTS, indices[name], "delegates", len(delegates), key] = place
                delegates.append({"model": lent.model, "to": lent.to})


def _check_size(reading: _Reading, rows: list[_Row], n_participants: int) -> None:
    if n_participants > MAX_PARTICIPANTS or len(rows) > MAX_ML_NODES:
        message = f"{n_participants} participants, {len(rows)} ML nodes; at most {MAX_PARTICIPANTS} and {MAX_ML_NODES}"
        raise ScenarioError([*reading.mistakes, rows[-1]["participant"].place.mistake(message)])


def _add_group(reading: _Reading, index: int, rows: list[_Row]) -> None:
    participant = rows[0]["participant"]
    _check_nodes(reading, rows)
    group: dict[str, Any] = {"name": participant.text, "gpus": [_describe_ml_node(reading, row) for row in rows]}
    if participant.text in reading.config.guardians:
        group["guardian"] = True
    reading.places[HOSTS, index] = reading.places[HOSTS, index, "name"] = participant.place
    reading.places[HOSTS, index, "gpus"] = rows[0]["gpu_type"].place
    for position, row in enumerate(rows):
        reading.places[HOSTS, index, "gpus", position] = row["gpu_type"].place
    region, place = _find_region(reading, rows)
    if region is not None:
        group["region"] = region
        reading.places[HOSTS, index, "region"] = place
    reading.groups.append(group)


def _check_nodes(reading: _Reading, rows: list[_Row]) -> None:
    first: dict[str, _Cell] = {}
    for row in rows:
        node, participant = row["node"], row["participant"]
        if first.setdefault(node.text, node) is not node:
            where = f"line {first[node.text].place.line}"
            reading.refuse(node, f'{participant.text} has the node "{node.text}" already in {where}')


def _describe_ml_node(reading: _Reading, row: _Row) -> str:
    """Return the text of a scenario, "8 x H100-SXM at 344.5 nonces/s for QwQ-32B"."""
    rate, model = _read_known(reading, row, "nonces_per_second"), _read_known(reading, row, "model")
    gpus = _describe_gpus(reading, row) + (f" at {rate} nonces/s" if rate else "")
    return f"{gpus} for {model}" if model else gpus


def _read_known(reading: _Reading, row: _Row, column: str) -> str:
    """Return the text of a cell that may be empty, and empty where it is a mistake."""
    cell = row.get(column)
    if cell is None or not cell.text:
        return ""
    if column == "model" and cell.text not in reading.models:
        reading.refuse(cell, f"unknown model {show_value(cell.text)}.{did_you_mean(cell.text, reading.models)}")
        return ""
    if column == "nonces_per_second" and not _RATE.fullmatch(cell.text):
        reading.refuse(cell, f"nonces_per_second must be a number above 0, not {show_value(cell.text)}")
        return ""
    return cell.text


def _describe_gpus(reading: _Reading, row: _Row) -> str:
    """Return the text of a scenario, "8 x H100-SXM"."""
    kind, count = row["gpu_type"].text, row["gpu_count"]
    gpu = reading.config.gpu_types.get(kind, kind)
    if not (count.text.isascii() and count.text.isdigit()) or len(count.text) > 9:
        reading.refuse(count, f"gpu_count must be a whole number, not {show_value(count.text)}")
        return STAND_IN
    return f"{int(count.text)} x {gpu if gpu in gpu_names() else STAND_IN}"


def _find_region(reading: _Reading, rows: list[_Row]) -> tuple[Any, Place]:
    """Return the region that the participant's lines agree on, else the default one; and where it is written."""
    given = [row["region"] for row in rows if "region" in row and row["region"].text]
    for cell in given[1:]:
        if cell.text != given[0].text:
            reading.refuse(cell, f"one host, one region: it is {given[0].text} in line {given[0].place.line}")
    if given:
        return given[0].text, given[0].place
    if reading.config.default_region is None:
        reading.refuse(
            rows[0]["participant"], f"{rows[0]['participant'].text} has no region, and there is no hosts.default_region"
        )
        reading.told.add((HOSTS, len(reading.groups), "region"))
        return None, reading.default_place
    return reading.config.default_region, reading.default_place
