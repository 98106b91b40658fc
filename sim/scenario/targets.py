"""Hosts that strategies name: each must be there, and be another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.errors import did_you_mean
from sim.problems import Problem, show_value
from sim.scenario.hosts import host_addresses
from sim.scenario.raw import RawHost, get, read_or_none
from sim.strategies import strategies
from sim.strategies.base import NamesTargets


def target_problems(listed: object, hosts: Sequence[RawHost]) -> Iterator[Problem]:
    """Yield the parameters of strategies that name no host of the scenario, or the host itself."""
    if any(host.name is None or host.count is None for host in hosts):
        return
    groups = {host.index: host_addresses(host.name or "", host.count or 0) for host in hosts}
    known = [address for addresses in groups.values() for address in addresses]
    for index, host in enumerate(listed if isinstance(listed, (list, tuple)) else []):
        strategy = read_or_none(strategies.build, get(host, "strategy", "honest"))
        named = strategy.list_hosts() if isinstance(strategy, NamesTargets) else {}
        for key, address in named.items():
            loc = ("hosts", index, "strategy", key)
            if address not in known:
                yield Problem(loc, f"unknown host {show_value(address)}.{did_you_mean(address, known)}")
            elif groups.get(index) == [address]:
                yield Problem(loc, f"{address} is this very host; it must be another one")
