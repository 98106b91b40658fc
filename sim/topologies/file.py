"""Links from a file that networkx reads: GraphML, or an edge list."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import networkx as nx
from pydantic import Field

from sim.errors import UserError
from sim.files.gate import FileError, MissingFileError, read_text, show_path
from sim.problems import Problem, show_value
from sim.streams import Streams
from sim.topologies import topologies
from sim.topologies.base import Data, Jitter, Member
from sim.topologies.explicit import ExplicitLink, connect_links, find_link_problems

MOST_BYTES = 20_000_000
DECLARATIONS = ("<!DOCTYPE", "<!ENTITY")
LATENCY, BANDWIDTH = "latency_seconds", "bandwidth_bits_per_second"


@topologies.register("file")
@dataclass(frozen=True)
class GraphFile:
    """The links of a file: GraphML if it ends in `.graphml`, else networkx's edge list, a link a line.

    Nodes are called like hosts (`farm-0`). A link may have the attributes `latency_seconds` (one way) and
    `bandwidth_bits_per_second`, in an edge list as `farm-0 lab-0 {"latency_seconds": 0.02}`; missing ones
    come from its hosts' regions. Links count in both directions. Whenever hosts join, the network must be connected.
    """

    path: Annotated[
        str,
        Field(
            description="the file, sought in the scenario's folder, then in the working directory",
            examples=["links.graphml"],
        ),
    ]
    data: Data = "simblock-2019"
    jitter: Jitter = 0.1

    def build(self, members: Sequence[Member], streams: Streams) -> nx.DiGraph:
        """Return the graph; see `Topology.build`."""
        return connect_links(members, read_links(self.path), self.data, self.jitter, streams)

    def find_problems(self, waves: Mapping[int, Sequence[str]]) -> list[Problem]:
        """Return why the file cannot be read, or the problems in its links."""
        try:
            links = read_links(self.path)
        except UserError as error:
            return [Problem(("path",), str(error))]
        found = find_link_problems([link.between for link in links], waves)
        return [Problem(("path",), f"{self.path}: {problem.message}") for problem in found]


def read_links(path: str) -> list[ExplicitLink]:
    """Return the links in the file's order; raise UserError with its mistakes."""
    read = nx.read_graphml if Path(path).suffix == ".graphml" else nx.read_edgelist
    try:
        text = read_text(Path(path), MOST_BYTES, "a file of links")
    except MissingFileError:
        raise UserError(f'there is no such file: "{path}"') from None
    except FileError as error:
        raise UserError(f'"{show_path(Path(path))}" {error.reason}') from None
    if any(sign in text for sign in DECLARATIONS):
        raise UserError(f'"{path}" declares entities, which may unfold without bound; GraphML has no use for them')
    try:
        graph = read(io.BytesIO(text.encode("utf-8")))
    except Exception as error:  # each of networkx's readers and parsers has errors of its own
        first = str(error).partition("\n")[0]
        raise UserError(f'"{path}" is no graph that networkx can read: {first}') from error
    return [_make_link(path, str(a), str(b), data) for a, b, data in nx.Graph(graph).edges(data=True)]


def _make_link(path: str, a: str, b: str, data: Mapping[str, Any]) -> ExplicitLink:
    latency, bandwidth = data.get(LATENCY), data.get(BANDWIDTH)
    for key, value, smallest in ((LATENCY, latency, 0.0), (BANDWIDTH, bandwidth, math.ulp(0.0))):
        if value is not None and not (isinstance(value, (int, float)) and smallest <= value < math.inf):
            bound = "at least 0" if smallest == 0 else "more than 0"
            raise UserError(f'"{path}": link {a} - {b}: {key} must be a number, {bound}, not {show_value(value)}')
    return ExplicitLink((a, b), latency, bandwidth)
