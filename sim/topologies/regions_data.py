"""Latency and bandwidth between regions: measured, from the files in `data/`, or from a file of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from sim.documents.source import REGION_TABLE, read_source
from sim.errors import UserError, did_you_mean
from sim.topologies.table_file import parse_table

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class RegionTable:
    """Regions in one order; every field follows it. `parse_table` checks those of a file."""

    names: tuple[str, ...]
    latency_seconds: tuple[Numbers, ...]
    """One way, from the row's region to the column's."""
    upload_bits_per_second: Numbers
    download_bits_per_second: Numbers
    shares: Numbers
    """Share of all nodes, summing to 1."""
    source: str

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
    """Return the names of the package's own tables, sorted."""
    folder = files(__package__) / "data"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


def is_table_file(data: str) -> bool:
    """Tell whether a topology's `data` is a file, by its ending, rather than one of the package's own tables."""
    return data.endswith(REGION_TABLE.endings)


def load_region_table(data: str, source: str | None = None) -> RegionTable:
    """Return the table of a name, or of a file (*.yaml); `source` names the file in mistakes, absent: its path.

    Raises UserError with the nearest name and all of them, or with every mistake in the file and its place.
    """
    if is_table_file(data):
        return _parse(read_source(data, REGION_TABLE), source or data)
    if data not in region_table_names():
        hint = did_you_mean(data, region_table_names())
        raise UserError(f'unknown region table "{data}".{hint} A table of your own is a file *.yaml.')
    return _parse((files(__package__) / "data" / f"{data}.yaml").read_text(encoding="utf-8"), f"{data}.yaml")


@lru_cache(maxsize=16)
def _parse(text: str, source: str) -> RegionTable:
    """Remembered by the text: a file that was changed meanwhile is read anew."""
    table = parse_table(text, source)
    return RegionTable(
        names=table.regions,
        latency_seconds=tuple(tuple(ms / 1e3 for ms in row) for row in table.latency_ms),
        upload_bits_per_second=table.upload_bits_per_second,
        download_bits_per_second=table.download_bits_per_second,
        shares=table.shares,
        source=f"{table.source} ({table.licence})",
    )
