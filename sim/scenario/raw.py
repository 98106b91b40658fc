"""Reading a scenario that may be finished or raw.

Values that cannot be read are left out, for their own types report them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar

from sim.errors import UserError
from sim.scenario.hosts import MAX_HOSTS_PER_GROUP, MLNodeConfig, parse_joins, parse_ml_nodes

T = TypeVar("T")


@dataclass(frozen=True)
class RawHost:
    """The readable values of one host group."""

    index: int
    name: str | None
    count: int | None
    region: object
    joins: int | None
    unregistered: int
    ml_nodes: tuple[MLNodeConfig, ...]
    model: object = None
    delegates: tuple[tuple[str, str], ...] = ()
    """(model, delegate)"""
    refuses: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()


def read_hosts(hosts: object) -> Iterator[RawHost]:
    """Yield the host groups of a scenario."""
    for index, host in enumerate(hosts if isinstance(hosts, (list, tuple)) else []):
        name, count, unregistered = get(host, "name"), get(host, "count", 1), get(host, "unregistered", 0)
        joins = read_or_none(parse_joins, get(host, "joins", 1))
        yield RawHost(
            index=index,
            name=name if isinstance(name, str) else None,
            count=count if is_count(count) and count <= MAX_HOSTS_PER_GROUP else None,
            region=get(host, "region"),
            joins=joins if is_count(joins) else None,
            unregistered=unregistered if is_count(unregistered) else 0,
            ml_nodes=read_or_none(parse_ml_nodes, get(host, "gpus")) or (),
            model=get(host, "model"),
            delegates=_read_pairs(get(host, "delegates")),
            refuses=_read_texts(get(host, "refuses")),
            intents=_read_texts(get(host, "intents")),
        )


def _read_pairs(delegations: object) -> tuple[tuple[str, str], ...]:
    listed = delegations if isinstance(delegations, (list, tuple)) else []
    pairs = [(get(each, "model"), get(each, "to")) for each in listed]
    return tuple((str(model), str(to)) for model, to in pairs)


def _read_texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()


def get(section: object, key: str, default: Any = None) -> Any:
    """Return the part of a model, or of a mapping that may lack it; of anything else, the default."""
    if isinstance(section, (dict, Mapping)):  # what is no dict is asked by its class's abstract methods: slow
        return section.get(key, default)
    return getattr(section, key, default)


def read_or_none(read: Callable[[Any], T], value: object) -> T | None:
    """Return None for a value that cannot be read: its own type reports why."""
    try:
        return read(value)
    except (ValueError, UserError):
        return None


def is_count(value: object) -> TypeGuard[int]:
    """Tell whether the value is a whole number >= 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
