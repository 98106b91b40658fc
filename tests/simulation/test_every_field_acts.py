"""A parameter that changes nothing is a lie: every field of a scenario changes some record."""

from functools import cache

import pytest
from pydantic import BaseModel

import sim
from sim.scenario import HostGroup, NetworkConfig, ProtocolConfig, Scenario, WorkConfig

BASE = {"epochs": 2}
# What another value is, for each field; several at once where one alone would be refused.
CHANGES: dict[str, dict[str, object]] = {
    "seed": {"seed": 8},
    "epochs": {"epochs": 3},
    "protocol.version": {"protocol.version": "v0.2.6"},
    "protocol.epoch_length": {"protocol.epoch_length": 31},
    "protocol.epoch_shift": {"protocol.epoch_shift": 5},
    "protocol.poc_stage_duration": {"protocol.poc_stage_duration": 7},
    "protocol.poc_exchange_duration": {"protocol.poc_exchange_duration": 0},
    "protocol.poc_validation_delay": {"protocol.poc_validation_delay": 3},
    "protocol.poc_validation_duration": {"protocol.poc_validation_duration": 5},
    "protocol.set_new_validators_delay": {"protocol.set_new_validators_delay": 2},
    "protocol.block_time": {"protocol.block_time": "6 s"},
    "protocol.block_max_bytes": {"protocol.block_max_bytes": "4 kB"},
    "protocol.validation_sample_size": {"protocol.validation_sample_size": 20},
    "protocol.fraud_threshold": {"protocol.fraud_threshold": 1e-60},
    "protocol.p_mismatch": {"protocol.p_mismatch": 0.4},
    "protocol.max_individual_power_percentage": {"protocol.max_individual_power_percentage": 0.5},
    "protocol.r_target": {"protocol.r_target": 1.39},
    "work.params": {"work.params": "tiny", "work.dtype": "float16"},
    "work.dtype": {"work.dtype": "float16"},
    "work.kind": {"work.kind": "sphere"},
    "work.rate_factor": {"work.rate_factor": 0.04},
    "work.startup": {"work.startup": "4 s"},
    "network.tier": {"network.tier": "paths"},
    "network.topology": {"network.topology": "full_mesh"},
    "network.loss": {"network.loss": 0.1},
    "network.retry_timeout": {"network.retry_timeout": "2 s"},
    "network.retry_timeout of requests": {"network.retry_timeout": "20 ms"},
    "network.announce_above": {"network.announce_above": "400 B"},
    "network.hop_validation": {"network.hop_validation": "5 ms"},
    "network.hop_validation of paths": {"network.hop_validation": "5 ms"},
    "hosts.name": {"hosts.big.name": "large"},
    "hosts.count": {"hosts.big.count": 2},
    "hosts.gpus": {"hosts.big.gpus": "4 x A100-SXM-80"},
    "hosts.region": {"hosts.big.region": "JAPAN"},
    "hosts.joins": {"hosts.pair.joins": 2},
    "hosts.strategy": {"hosts.liar.strategy": "honest"},
    "difficulty": {"difficulty": "fixed"},
    "difficulty.target": {"difficulty.target.valid_nonces_per_epoch": 500},
    "difficulty.max_step": {"difficulty.max_step": 1.5},
    "network.topology.degree": {"network.topology.degree": 2},
    "network.topology.data": {"network.topology": {"kind": "regions", "degree": 4, "data": "simblock-2015"}},
    "network.topology.jitter": {"network.topology": {"kind": "regions", "degree": 4, "jitter": 0.5}},
    "network.topology.rewiring": {"network.topology.rewiring": 0.5},
    "network.topology.links": {"network.topology.links": 3},
    "network.topology.regular": {"network.topology.degree": 6},
    "network.topology.edges": {"network.topology.links.0.latency": "300 ms"},
    "network.topology.edges.bandwidth": {"network.topology.links.0.bandwidth": "20 kbit/s"},
    "hosts.region by share": {"hosts.big.region": {"EUROPE": 0.5, "JAPAN": 0.5}},
    "hosts.strategy.excess": {"hosts.liar.strategy.excess": 0.6},
}
STAR = [{"between": ["big-0", other]} for other in ("big-1", "big-2", "pair-0", "pair-1", "liar-0", "late-0")]
# What both sides of the comparison have, where a field is another plug-in's.
GIVEN: dict[str, dict[str, object]] = {
    "network.retry_timeout": {"network.loss": 0.1},
    "network.retry_timeout of requests": {"network.announce_above": "400 B"},
    "network.hop_validation of paths": {"network.tier": "paths"},
    "network.topology.rewiring": {"network.topology": {"kind": "small_world", "degree": 4}},
    "network.topology.links": {"network.topology": {"kind": "scale_free", "links": 2}},
    "network.topology.regular": {"network.topology": {"kind": "random_regular", "degree": 4}},
    "network.topology.edges": {"network.topology": {"kind": "edges", "links": STAR}},
    "network.topology.edges.bandwidth": {"network.topology": {"kind": "edges", "links": STAR}},
}
# Names and texts, and what must not change any result.
WITHOUT_EFFECT = {"name", "description", "work.batch_size", "work.threads"}


@cache
def trace_of(overrides: str) -> str:
    return str(sim.run("tests/data/small.yaml", overrides=eval(overrides)).provenance["trace_hash"])


def trace(*changes: dict[str, object]) -> str:
    return trace_of(repr({key: value for change in (BASE, *changes) for key, value in change.items()}))


def fields(model: type[BaseModel], prefix: str = "") -> set[str]:
    sections = {"protocol": ProtocolConfig, "work": WorkConfig, "network": NetworkConfig, "hosts": HostGroup}
    names: set[str] = set()
    for name in model.model_fields:
        inner = sections.get(name) if not prefix else None
        names |= fields(inner, f"{name}.") if inner else {prefix + name}
    return names


def test_every_field_is_covered() -> None:
    assert fields(Scenario) <= CHANGES.keys() | WITHOUT_EFFECT


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_field_changes_some_record(field: str) -> None:
    given = GIVEN.get(field, {})
    assert trace(given, CHANGES[field]) != trace(given)


@pytest.mark.parametrize("changes", [{"work.threads": 1}, {"name": "other"}, {"description": "text"}])
def test_what_must_not_matter_does_not(changes: dict[str, object]) -> None:
    assert trace(changes) == trace()
