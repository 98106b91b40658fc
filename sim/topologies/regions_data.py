"""Measured latency and bandwidth between regions of the world, from the files in `data/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from sim.errors import UserError, did_you_mean

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class RegionTable:
    """Regions in one order; every field follows it."""

    names: tuple[str, ...]
    latency_seconds: tuple[Numbers, ...]
    """One way, from the row's region to the column's."""
    upload_bits_per_second: Numbers
    download_bits_per_second: Numbers
    shares: Numbers
    """Share of all nodes, summing to 1."""
    source: str

    def __post_init__(self) -> None:
        """Refuse a table that is not square, symmetric and positive."""
        n = len(self.names)
        columns = (self.upload_bits_per_second, self.download_bits_per_second, self.shares, *self.latency_seconds)
        if not n or len(set(self.names)) != n or len(self.latency_seconds) != n or any(len(c) != n for c in columns):
            raise ValueError(f"every list must have one entry for each of the {n} different regions")
        if tuple(zip(*self.latency_seconds, strict=True)) != self.latency_seconds:
            raise ValueError("latency must be symmetric")
        if not all(0 < number < float("inf") for column in columns for number in column):
            raise ValueError("every number must be positive and finite")
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares must sum to 1, not {sum(self.shares)}")

    def index(self, region: str) -> int:
        """Return the region's position; raise UserError with the nearest name and all of them."""
        if region not in self.names:
            raise UserError(f'unknown region "{region}".{did_you_mean(region, self.names)}')
        return self.names.index(region)

    def latency(self, sender: str, receiver: str) -> float:
        """Return the mean one-way latency in seconds."""
        return self.latency_seconds[self.index(sender)][self.index(receiver)]

    def upload(self, region: str) -> float:
        """Return a node's upload rate in bit/s."""
        return self.upload_bits_per_second[self.index(region)]

    def download(self, region: str) -> float:
        """Return a node's download rate in bit/s."""
        return self.download_bits_per_second[self.index(region)]


def region_table_names() -> tuple[str, ...]:
    """Return the names of all tables, sorted."""
    folder = files(__package__) / "data"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


@cache
def load_region_table(name: str) -> RegionTable:
    """Return the table of that name; raise UserError with the nearest name and all of them."""
    if name not in region_table_names():
        raise UserError(f'unknown region table "{name}".{did_you_mean(name, region_table_names())}')
    text = (files(__package__) / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    return _table(YAML(typ="safe", pure=True).load(text))


def _table(tree: Mapping[str, Any]) -> RegionTable:
    return RegionTable(
        names=tuple(tree["regions"]),
        latency_seconds=tuple(tuple(ms / 1e3 for ms in row) for row in tree["latency_ms"]),
        upload_bits_per_second=tuple(float(rate) for rate in tree["upload_bits_per_second"]),
        download_bits_per_second=tuple(float(rate) for rate in tree["download_bits_per_second"]),
        shares=tuple(float(share) for share in tree["shares"]),
        source=f"{tree['source']} ({tree['licence']})",
    )
