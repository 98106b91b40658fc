"""Who a host is, as the scenario says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HostIdentity:
    """Who a host is in the scenario."""

    address: str
    host_group: str
    region: str
    strategy_name: str
    gpus: str
    joins: int
