"""A run as an onlooker sees it: its frames, the agreed blocks, who applied and received what at which time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sim
from sim.chain.consensus import Consensus
from sim.metrics.recorder import Recorder
from sim.results import Result
from sim.scenario.load import load_scenario, parse_scenario
from sim.scenario.schema import Scenario
from sim.world import World, build_world

SMALL = Path(__file__).parent.parent / "data" / "small.yaml"
Span = tuple[float, float]
"""Start and end in seconds; infinity where the run ended first."""


@dataclass
class Observed:
    """What is left of one run."""

    scenario: Scenario
    result: Result
    world: World
    applied: Mapping[str, list[tuple[float, int]]] = field(default_factory=dict)
    """Host -> (seconds, height) each time that it reached a height."""
    deliveries: list[tuple[str, str, float]] = field(default_factory=list)
    """(message, receiver, seconds), so far as messages are delivered one by one: in tier `events`."""

    @property
    def params(self) -> Any:
        """Parameters of the chain."""
        return self.world.context.ledger.params

    @property
    def blocks(self) -> Iterator[Any]:
        """The agreed blocks, from height 1 on."""
        return (
            self.world.context.ledger.get_block(height) for height in range(1, self.world.context.ledger.height + 1)
        )

    def state_after(self, height: int) -> Any:
        """Chain state after the block of a height."""
        return self.world.context.ledger.get_state(height)

    @property
    def last_state(self) -> Any:
        """Chain state at the end."""
        return self.state_after(self.world.context.ledger.height)

    @property
    def block_frame(self) -> Any:
        """The frame of blocks by height."""
        return self.result.blocks.set_index("height", drop=False)

    def find_starts(self) -> dict[int, float]:
        """Seconds at P of each epoch that began; the frame of epochs has only those that ended."""
        starts: dict[int, float] = {}
        for height, seconds in zip(self.result.blocks["height"], self.result.blocks["time_seconds"], strict=True):
            starts.setdefault(self.state_after(height).schedule.index, seconds)
        return starts

    def resolve(self, names: str) -> list[str]:
        """Hosts that "big-0, pair" means: names of hosts or of their groups."""
        hosts = [address for group in self.scenario.hosts for address in group.addresses]
        groups = {group.name: group.addresses for group in self.scenario.hosts}
        found = []
        for name in names.split(", "):
            found += [name] if name in hosts else hosts if name == "everybody" else groups[name]
        return found

    def spans(self, *kinds: str) -> Iterator[tuple[Any, Span]]:
        """The faults of these kinds that began, as rows of the frame with their spans."""
        rows = self.result.faults
        for row in rows[rows["kind"].isin(kinds) & rows["start_seconds"].notna()].itertuples():
            yield row, (row.start_seconds, row.end_seconds if row.end_seconds == row.end_seconds else float("inf"))

    def down(self) -> Iterator[tuple[str, Span]]:
        """Hosts with the spans for which they were down."""
        for row, span in self.spans("crash", "churn"):
            for host in self.resolve(row.target):
                yield host, span

    def cuts(self) -> Iterator[tuple[dict[str, int], Span]]:
        """Partitions as host -> side, with their spans; hosts that stand on no named side share one more."""
        for row, span in self.spans("partition"):
            sides = [self.resolve(side) for side in row.target.split(" | ")]
            named = {host: number for number, side in enumerate(sides) for host in side}
            yield {host: named.get(host, -1) for host in self.applied}, span


def observe(scenario: Scenario) -> Observed:
    """Run a scenario and look on."""
    worlds: list[World] = []
    applied: dict[str, list[tuple[float, int]]] = defaultdict(list)
    deliveries: list[tuple[str, str, float]] = []
    note, deliver = Consensus.note_applied, Recorder.add_delivery

    def build(*args: Any, **options: Any) -> World:
        worlds.append(build_world(*args, **options))
        applied.update({host: [] for host in worlds[-1].hosts})
        return worlds[-1]

    def note_applied(consensus: Any, address: str, height: int) -> None:
        applied[address].append((worlds[-1].context.env.now, height))
        note(consensus, address, height)

    def add_delivery(recorder: Any, message_id: str, address: str, now_seconds: float, delay_seconds: float) -> None:
        deliveries.append((message_id, address, now_seconds))
        deliver(recorder, message_id, address, now_seconds, delay_seconds)

    with (
        patch("sim.runner.build_world", build),
        patch.object(Consensus, "note_applied", note_applied),
        patch.object(Recorder, "add_delivery", add_delivery),
    ):
        result = sim.run(scenario)
    return Observed(scenario, result, worlds[-1], dict(applied), deliveries)


def observe_small(*faults: dict[str, Any], **changes: Any) -> Observed:
    """The small network on the exact law, with faults and changes (`work__dtype` stands for the key `work.dtype`)."""
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return observe(load_scenario(SMALL, {"work.kind": "sphere", "faults": list(faults), **dotted}))


def observe_tree(tree: Mapping[str, Any]) -> Observed:
    """Run a scenario given as a tree."""
    return observe(parse_scenario(json.dumps(tree)))
