"""Distances that one machine computed, as a JSON file that another machine can be held against.

`powsim kernel agree --write` makes such a file. It names the machine, what the nonces belong to (block hash and public
key), and one set of distances for each model, number type and batch size. JSON is read as the YAML that it also is, so
that every mistake has its line and column.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pow.params import ALIASES, DTYPES, PRESETS, mode_of
from sim.documents.source import DISTANCES, read_source
from sim.documents.yaml_tree import parse_document
from sim.errors import UserError, did_you_mean
from sim.problems import read_model

_FOLDER = "data"
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
Nonce = Annotated[int, Field(ge=0, lt=2**63)]
Distance = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class DistanceSet(BaseModel):
    """Distances of one model in one number type; `note` tells sets of the same kind apart."""

    model_config = _STRICT

    params: Text
    dtype: Text
    batch_size: Annotated[int, Field(ge=1)]
    note: str = ""
    nonces: Annotated[tuple[Nonce, ...], Field(min_length=1)]
    distances: tuple[Distance, ...]

    @field_validator("params")
    @classmethod
    def _check_params(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(f'unknown preset "{name}".{did_you_mean(name, PRESETS)}')
        return name

    @field_validator("dtype")
    @classmethod
    def _check_dtype(cls, name: str) -> str:
        if name not in DTYPES:
            raise ValueError(f'unknown numerics "{name}".{did_you_mean(name, DTYPES)}')
        return name

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.nonces) != len(self.distances):
            raise ValueError(f"there are {len(self.nonces)} nonces but {len(self.distances)} distances")
        if len(set(self.nonces)) != len(self.nonces):
            raise ValueError("a nonce stands twice")
        return self

    @property
    def mode(self) -> str:
        """The name of its numerics in the kernel, whatever alias the file uses."""
        return mode_of(self.dtype).name

    def head(self, n: int) -> DistanceSet:
        """Return the same set with its first n nonces only."""
        return self.model_copy(update={"nonces": self.nonces[:n], "distances": self.distances[:n]})


class MachineDistances(BaseModel):
    """Everything that one machine computed for one public key under one block hash."""

    model_config = _STRICT

    machine: Text
    software: Text
    date: Text
    block_hash: Text
    public_key: Text
    sets: Annotated[tuple[DistanceSet, ...], Field(min_length=1)]

    def select(self, params: str, dtype: str | None, n_nonces: int) -> MachineDistances:
        """Return the sets of one model, in one number type where it is named, with their first nonces only.

        Raises UserError where there is none.
        """
        of_model = [each for each in self.sets if each.params == params]
        if not of_model:
            known = did_you_mean(params, {each.params for each in self.sets})
            raise UserError(f'--params: {self.machine} left no distances of "{params}".{known}')
        sets = [each for each in of_model if dtype is None or each.mode == ALIASES.get(dtype, dtype)]
        if not sets:
            known = did_you_mean(str(dtype), {each.dtype for each in of_model})
            raise UserError(f'--dtype: {self.machine} left no distances of "{params}" in "{dtype}".{known}')
        return self.model_copy(update={"sets": tuple(each.head(n_nonces) for each in sets)})


def get_shipped_names() -> tuple[str, ...]:
    """Return the names of the machines whose distances come with powsim, sorted."""
    return tuple(sorted(file.name.removesuffix(".json") for file in _list_shipped()))


def load_distances(name: str) -> MachineDistances:
    """Return what a file, or a machine that comes with powsim, holds; raise UserError with file, line and column."""
    if name in get_shipped_names():
        return _load_shipped(name)
    if Path(name).suffix or Path(name).exists():
        return _parse(read_source(name, DISTANCES), name)
    raise UserError(f'--against: unknown machine "{name}".{did_you_mean(name, get_shipped_names())}')


@cache
def _load_shipped(name: str) -> MachineDistances:
    file = files(__package__) / _FOLDER / f"{name}.json"
    return _parse(file.read_text(encoding="utf-8"), file.name)


def _list_shipped() -> list[Path]:
    return [Path(str(file)) for file in (files(__package__) / _FOLDER).iterdir() if file.name.endswith(".json")]


def _parse(text: str, source: str) -> MachineDistances:
    document = parse_document(text, source, DISTANCES)
    found, problems = read_model(MachineDistances, document.tree)
    if found is None or document.mistakes:
        raise document.refuse(problems)
    return found


def check_new_file(file: Path) -> None:
    """Raise UserError unless a set of distances can be written there; nothing is written over."""
    if file.suffix != ".json" or file.exists() or not file.parent.is_dir():
        raise UserError(f"--write {file}: must be a new file NAME.json in a folder that is there")


def write_distances(file: Path, made: MachineDistances) -> None:
    """Write a new file that `load_distances` reads."""
    with file.open("x", encoding="utf-8") as stream:
        stream.write(dump_distances(made))


def dump_distances(machine: MachineDistances) -> str:
    """Return the JSON text: a line for each key, a list of numbers in one line."""
    sets = [
        "  {\n" + ",\n".join(f'   "{key}": {json.dumps(value)}' for key, value in each.items() if value != "") + "\n  }"
        for each in machine.model_dump(mode="json")["sets"]
    ]
    head = machine.model_dump(mode="json", exclude={"sets"})
    lines = [f' "{key}": {json.dumps(value)}' for key, value in head.items()]
    return "{\n" + ",\n".join([*lines, ' "sets": [\n' + ",\n".join(sets) + "\n ]"]) + "\n}\n"
