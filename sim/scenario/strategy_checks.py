"""Checks of strategies: one memory has one strategy, parameters fit the scenario, rules make no cheat meaningless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pow.params import PRESETS
from sim.problems import Problem
from sim.protocol.switches import Rules
from sim.scenario.hosts import HostGroup, host_addresses
from sim.scenario.raw import get, is_count, read_hosts, read_or_none
from sim.strategies import strategies

DEFAULT_PARAMS = "devtest"


@dataclass(frozen=True)
class _Group:
    """The readable values of one host group: who decides for whom, and how."""

    index: int
    name: str
    addresses: tuple[str, ...]
    operator: str | None
    strategy: Any

    @property
    def names(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Names that mean these hosts, or one of them."""
        yield self.name, self.addresses
        yield from ((address, (address,)) for address in self.addresses if address != self.name)
        if self.operator is not None:
            yield self.operator, self.addresses


def build_name_directory(groups: Iterable[tuple[str, Sequence[str], str | None]]) -> dict[str, tuple[str, ...]]:
    """Return the hosts behind each name of an operator, a host group or a host; `groups`: name, hosts, operator."""
    return _gather(_Group(0, name, tuple(hosts), operator, None) for name, hosts, operator in groups)


def _gather(groups: Iterable[_Group]) -> dict[str, tuple[str, ...]]:
    directory: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for name, addresses in group.names:
            directory[name] = tuple(dict.fromkeys((*directory.get(name, ()), *addresses)))
    return directory


def strategy_problems(scenario: object) -> Iterator[Problem]:
    """Yield problems between strategies, operators, hosts and the work; `scenario` may be a raw tree."""
    listed = get(scenario, "hosts")
    groups = [_read(index, raw, listed[index]) for index, raw in enumerate(read_hosts(listed))]
    yield from _memory_problems(groups)
    if all(group.name and group.addresses for group in groups):
        yield from _parameter_problems(groups, _read_layers(get(get(scenario, "work"), "params", DEFAULT_PARAMS)))


def _read(index: int, host: Any, tree: object) -> _Group:
    operator, name = get(tree, "operator"), host.name or ""
    return _Group(
        index,
        name,
        tuple(host_addresses(name, host.count or 0)),
        operator if isinstance(operator, str) else None,
        read_or_none(strategies.build, get(tree, "strategy", "honest")),
    )


def _read_layers(params: object) -> int | None:
    layers = get(PRESETS.get(params) if isinstance(params, str) else params, "n_layers")
    return layers if is_count(layers) else None


def _memory_problems(groups: Iterable[_Group]) -> Iterator[Problem]:
    """One memory needs one strategy."""
    first: dict[str, object] = {}
    for group in groups:
        who, strategy = group.operator, group.strategy
        if who is not None and strategy is not None and first.setdefault(who, strategy) != strategy:
            message = f'hosts of the operator "{who}" share one strategy, memory included; this is another one'
            yield Problem(("hosts", group.index, "strategy"), message)


def _parameter_problems(groups: Sequence[_Group], n_layers: int | None) -> Iterator[Problem]:
    """Let each strategy that can judge its own parameters by the scenario."""
    from sim.strategies.base import Surroundings

    directory: Mapping[str, tuple[str, ...]] | None = None
    for group in groups:
        if (judge := getattr(group.strategy, "find_problems", None)) is None:
            continue
        directory = _gather(groups) if directory is None else directory
        own = directory[group.operator] if group.operator is not None else group.addresses[:1]  # one decides for one
        for problem in judge(Surroundings(own, directory, n_layers)):
            yield problem.below("hosts", group.index, "strategy")


def find_doubtful_strategies(groups: Sequence[HostGroup], rules: Sequence[Rules]) -> Iterator[Problem]:
    """Yield a doubt for each group of hosts whose strategy some of the rules make meaningless."""
    for index, group in enumerate(groups):
        if (doubt := getattr(group.strategy, "doubt", None)) is None:
            continue
        told = {each.version: doubt(each) for each in rules}
        for reason in dict.fromkeys(filter(None, told.values())):
            versions = ", ".join(version for version, each in told.items() if each == reason)
            message = f"{strategies.name_of(group.strategy)} under {versions}: {reason}"
            yield Problem(("hosts", index, "strategy"), message)
