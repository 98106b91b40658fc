"""Lets a scenario's faults happen: each begins at its time, leaves a row, and is undone at its end.

A fault changes links by a `Disturbance` of the network, and hosts by their own methods (`crash`, `fail_nodes`). Every
draw comes from a stream named after the fault's position, so that no other stream changes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import singledispatchmethod
from itertools import pairwise
from math import nan
from typing import NamedTuple

import simpy

from sim.chain.proposals import Clocks
from sim.metrics.records import FaultBegan, FaultEnded, FaultMissed
from sim.network.conditions import Disturbance
from sim.nodes.context import Context
from sim.nodes.host import Host
from sim.scenario.faults import (
    AnyFault,
    ApiFault,
    BandwidthFault,
    ChurnFault,
    ClockSkewFault,
    CrashFault,
    LatencyFault,
    LossFault,
    MLNodeFault,
    PartitionFault,
    build_directory,
    resolve,
)

EVERYBODY = "everybody"
Undo = Callable[[], None]


class FaultEffect(NamedTuple):
    """A fault's targets, and how to undo it."""

    target: str
    n_hosts: int
    value: float
    undo: Undo


class Faults:
    """The faults of one run."""

    def __init__(self, context: Context, hosts: Mapping[str, Host], clocks: Clocks) -> None:
        self._context = context
        self._env = context.env
        self._roster = context.network.roster
        self._faults = context.scenario.faults
        self._hosts = hosts
        self._catch_up = context.catch_up
        identities = [host.identity for host in hosts.values()]
        self._directory = build_directory((who.address, who.host_group, who.region) for who in identities)
        self._n_begun = self._n_disturbances = 0
        self._n_pending = 0
        self._waiting = dict(enumerate(self._faults))
        self._is_closed = False
        self._clocks = clocks

    @property
    def are_pending(self) -> bool:
        """Some fault has still to begin or to end; churn, which does so for ever, does not count."""
        return self._n_pending > 0 and not self._is_closed

    def start(self) -> None:
        """Let the faults wait for their times."""
        for index, fault in enumerate(self._faults):
            self._n_pending += 1 + (fault.lasts is not None)
            self._env.process(self._run(index, fault))

    def close(self) -> None:
        """The run is over: no fault begins or ends any more, and the hosts' processes end."""
        self._is_closed = self._catch_up.is_closed = True
        for index, fault in self._waiting.items():
            target = describe(fault)
            self._context.recorder.add(
                FaultMissed(fault=index, kind=fault.kind, target=target, planned_seconds=fault.at)
            )
        if self._faults:
            for host in self._hosts.values():
                host.finish()

    def _run(self, index: int, fault: AnyFault) -> Generator[simpy.Event, object, None]:
        yield self._env.timeout(fault.at)
        if self._is_closed:
            return
        del self._waiting[index]
        self._n_pending -= 1
        if isinstance(fault, ChurnFault):
            for address in self._select(fault.hosts):
                self._env.process(self._churn(index, fault, address))
        else:
            number, undo = self._note(index, fault.kind, self._hit(fault, index))
        if fault.lasts is None:
            return
        yield self._env.timeout(fault.lasts)
        self._n_pending -= 1
        if not isinstance(fault, ChurnFault):
            self._end(number, undo)

    def _churn(self, index: int, fault: ChurnFault, address: str) -> Generator[simpy.Event, object, None]:
        """Leave and come back; a host that is away at the end of the churn comes back then."""
        stream = self._context.streams("fault", index, address)
        end_seconds = None if fault.lasts is None else fault.at + fault.lasts
        while True:
            yield self._env.timeout(stream.exponential(fault.mean_up))
            away_seconds = stream.exponential(fault.mean_down)
            if self._is_closed or (end_seconds is not None and self._env.now >= end_seconds):
                return
            if address not in self._roster.handlers:
                continue
            number, undo = self._note(index, fault.kind, FaultEffect(address, 1, nan, self._take_down([address])))
            left = away_seconds if end_seconds is None else min(away_seconds, end_seconds - self._env.now)
            yield self._env.timeout(left)
            self._end(number, undo)

    # Beginning and ending

    def _note(self, index: int, kind: str, hit: FaultEffect) -> tuple[int, Undo]:
        number = self._n_begun
        self._n_begun += 1
        self._context.recorder.add(
            FaultBegan(
                number=number,
                fault=index,
                kind=kind,
                target=hit.target,
                n_hosts=hit.n_hosts,
                value=hit.value,
                start_seconds=self._env.now,
            )
        )
        return number, hit.undo

    def _end(self, number: int, undo: Undo) -> None:
        if not self._is_closed:
            self._context.recorder.add(FaultEnded(number=number, end_seconds=self._env.now))
            undo()

    # One method a kind

    @singledispatchmethod
    def _hit(self, fault: AnyFault, index: int) -> FaultEffect:
        raise TypeError(f"no fault: {fault!r}")

    @_hit.register
    def _(self, fault: CrashFault, index: int) -> FaultEffect:
        target, hosts = self._draw(fault, index)
        return FaultEffect(target, len(hosts), nan, self._take_down(hosts))

    @_hit.register
    def _(self, fault: PartitionFault, index: int) -> FaultEffect:
        sides = self._draw_sides(fault, index)
        named = {address: side for side, addresses in enumerate(sides) for address in addresses}
        target = describe(fault) if fault.shares is None else " | ".join(map(", ".join, sides))
        return FaultEffect(target, len(named), nan, self._disturb(Disturbance(sides=named)))

    @_hit.register
    def _(self, fault: LatencyFault, index: int) -> FaultEffect:
        ends = self._get_ends(fault)
        undo = self._disturb(Disturbance(ends=ends, latency_factor=fault.factor))
        return FaultEffect(describe(fault), len(ends[0]), fault.factor, undo)

    @_hit.register
    def _(self, fault: LossFault, index: int) -> FaultEffect:
        ends = self._get_ends(fault)
        undo = self._disturb(Disturbance(ends=ends, loss=fault.probability))
        return FaultEffect(describe(fault), len(ends[0]), fault.probability, undo)

    @_hit.register
    def _(self, fault: BandwidthFault, index: int) -> FaultEffect:
        slow = frozenset(self._select(fault.hosts))
        undo = self._disturb(Disturbance(slow=slow, bandwidth_factor=fault.factor))
        return FaultEffect(describe(fault), len(slow), fault.factor, undo)

    @_hit.register
    def _(self, fault: MLNodeFault, index: int) -> FaultEffect:
        target, hosts = self._draw(fault, index)
        failing = [(self._hosts[a], self._hosts[a].node_ids if fault.node is None else (fault.node,)) for a in hosts]
        for host, node_ids in failing:
            host.fail_nodes(node_ids)

        def undo() -> None:
            for host, node_ids in failing:
                host.repair_nodes(node_ids)

        return FaultEffect(target, len(hosts), nan, undo)

    @_hit.register
    def _(self, fault: ApiFault, index: int) -> FaultEffect:
        target, hosts = self._draw(fault, index)
        ends = [self._hosts[address].callbacks.trouble(fault.probability, fault.delay) for address in hosts]

        def undo() -> None:
            for end in ends:
                end()

        return FaultEffect(target, len(hosts), fault.probability or fault.delay, undo)

    @_hit.register
    def _(self, fault: ClockSkewFault, index: int) -> FaultEffect:
        target, hosts = self._draw(fault, index)
        return FaultEffect(target, len(hosts), fault.offset, self._clocks.shift(hosts, fault.offset))

    def _take_down(self, hosts: Sequence[str]) -> Undo:
        undo = self._disturb(Disturbance(down=frozenset(hosts)))
        for address in hosts:
            self._hosts[address].crash()
        return undo

    def _disturb(self, disturbance: Disturbance) -> Undo:
        key = self._n_disturbances
        self._n_disturbances += 1
        self._roster.disturb(key, disturbance)
        return lambda: self._catch_up.reconnect(self._roster.relieve(key))

    # Targets

    def _select(self, names: Sequence[str] | None) -> list[str]:
        return list(self._hosts) if names is None else resolve(names, self._directory)

    def _get_ends(self, fault: LatencyFault | LossFault) -> tuple[frozenset[str], frozenset[str]]:
        return frozenset(self._select(fault.hosts)), frozenset(self._select(fault.to))

    def _draw(self, fault: CrashFault | MLNodeFault | ApiFault | ClockSkewFault, index: int) -> tuple[str, list[str]]:
        """Return how to call the target, and the hosts that have joined and are hit."""
        hosts = [address for address in self._select(fault.hosts) if address in self._roster.handlers]
        if fault.share is None or not hosts:
            return describe(fault), hosts
        n_drawn = max(1, round(fault.share * len(hosts)))
        chosen = self._context.streams("fault", index, "share").choice(len(hosts), n_drawn, replace=False)
        drawn = [hosts[position] for position in sorted(chosen.tolist())]
        return ", ".join(drawn), drawn

    def _draw_sides(self, fault: PartitionFault, index: int) -> list[list[str]]:
        """Return the sides that are named, or cut a random order of all hosts at the shares."""
        if fault.groups is not None:
            return [self._select(names) for names in fault.groups]
        hosts, total, cuts = list(self._hosts), 0.0, [0]
        for share in fault.shares or ():
            total += share
            cuts.append(round(total * len(hosts)))
        order = self._context.streams("fault", index, "sides").permutation(len(hosts)).tolist()
        return [sorted(hosts[i] for i in order[start:end]) for start, end in pairwise(cuts)]


def describe(fault: AnyFault) -> str:
    """Return a fault's target in the scenario's words."""
    if isinstance(fault, PartitionFault):
        return " | ".join(map(", ".join, fault.groups) if fault.groups is not None else map(str, fault.shares or ()))
    target = EVERYBODY if fault.hosts is None else ", ".join(fault.hosts)
    share, node, to = (getattr(fault, name, None) for name in ("share", "node", "to"))
    if share is not None:
        target = f"{share:g} of {target}"
    if node is not None:
        target = f"node {node} of {target}"
    return target if to is None else f"{target} to {', '.join(to)}"
