"""A researcher's YAML file to a frozen Scenario; every mistake at once, each with file:line:column."""

from __future__ import annotations

from sim.scenario.doubts import locate_doubts
from sim.scenario.hosts import HostGroup, MLNodeConfig
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_json_schema
from sim.scenario.schema import BY_GPU, NetworkConfig, ProtocolConfig, Scenario, WorkConfig

__all__ = [
    "BY_GPU",
    "HostGroup",
    "MLNodeConfig",
    "NetworkConfig",
    "ProtocolConfig",
    "Scenario",
    "WorkConfig",
    "dump_scenario",
    "load_scenario",
    "locate_doubts",
    "parse_scenario",
    "scenario_json_schema",
]
