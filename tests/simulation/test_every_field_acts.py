"""A parameter that changes nothing is a lie: every field of a scenario changes some record."""

import json
from functools import cache
from typing import get_args

import pytest
from pydantic import BaseModel

import sim
from sim.protocol.models.challenge import ChallengeParams
from sim.scenario.faults import FAULTS as FAULT_MODELS
from sim.scenario.faults import KINDS
from sim.scenario.schema import Scenario

FIELDS_OF = {kind: model.model_fields.keys() - {"kind"} for kind, model in zip(KINDS, FAULT_MODELS, strict=True)}
BASE = {"epochs": 2}
CRASH = {"kind": "crash", "at": "200 s", "lasts": "20 s"}
CHURN = {"kind": "churn", "mean_up": "50 s", "mean_down": "5 s"}
PARTITION = {"kind": "partition", "at": "200 s", "lasts": "20 s", "groups": ["pair"]}
LATENCY = {"kind": "latency", "at": "200 s", "lasts": "20 s", "factor": 2.0}
LOSS = {"kind": "loss", "at": "200 s", "lasts": "20 s", "probability": 0.3}
BANDWIDTH = {"kind": "bandwidth", "at": "200 s", "lasts": "20 s", "factor": 0.1}
API = {"kind": "api", "at": "200 s", "lasts": "20 s", "probability": 0.5, "delay": "3 s"}
ML_NODE = {"kind": "ml_node", "at": "200 s", "lasts": "20 s"}
CLOCK_SKEW = {"kind": "clock_skew", "at": "200 s", "lasts": "20 s", "offset": "1 s"}
PLAIN_FAULTS = {
    fault["kind"]: fault for fault in (CRASH, CHURN, PARTITION, LATENCY, LOSS, BANDWIDTH, ML_NODE, API, CLOCK_SKEW)
}
# Each field of each kind with another value, beside the same fault without that change.
FAULTS: dict[str, dict[str, object]] = {
    f"{kind}.{field}": {**plain, field: value}
    for kind, plain in PLAIN_FAULTS.items()
    for field, value in {
        "at": "180 s",
        "lasts": "30 s",
        "hosts": "big",
        "share": 0.3,
        "to": "pair",
        "node": 2,
        "mean_up": "60 s",
        "mean_down": "9 s",
        "groups": ["big"],
        "factor": 4.0,
        "probability": 0.4,
        "offset": "-1 s",
        "delay": "9 s",
    }.items()
    if field in FIELDS_OF[kind]
}
FAULTS["ml_node.node"]["hosts"] = "pair"
FAULTS["partition.shares"] = {"kind": "partition", "at": "200 s", "lasts": "20 s", "shares": [0.3]}
# What another value is, for each field; several at once where one alone would be refused.


def vote(version: str, **values: float) -> dict[str, object]:
    """An upgrade at epoch 2 with values that governance sets."""
    return {"protocol.upgrades": [{"epoch": 2, "version": version, **values}]}


CHANGES: dict[str, dict[str, object]] = {
    "seed": {"seed": 8},
    "work.batches": {"work.batches": "real"},
    "epochs": {"epochs": 3},
    "protocol.version": {"protocol.version": "v0.2.6"},
    "protocol.upgrades": {"protocol.upgrades": [{"epoch": 2, "version": "v0.2.6"}]},
    "protocol.upgrades.epoch": {"protocol.upgrades": [{"epoch": 3, "version": "v0.2.6"}]},
    "protocol.upgrades.version": {"protocol.upgrades": [{"epoch": 2, "version": "v0.2.2"}]},
    "protocol.changes.height": {"protocol.changes": [{"height": 43, "poc_validation_duration": 7}]},
    "protocol.changes.epoch_length": {"protocol.changes": [{"height": 51, "epoch_length": 35}]},
    "protocol.changes.poc_stage_duration": {"protocol.changes": [{"height": 51, "poc_stage_duration": 7}]},
    "protocol.changes.poc_exchange_duration": {"protocol.changes": [{"height": 30, "poc_exchange_duration": 0}]},
    "protocol.changes.poc_validation_delay": {"protocol.changes": [{"height": 51, "poc_validation_delay": 3}]},
    "protocol.changes.poc_validation_duration": {"protocol.changes": [{"height": 51, "poc_validation_duration": 8}]},
    "protocol.changes.set_new_validators_delay": {"protocol.changes": [{"height": 51, "set_new_validators_delay": 2}]},
    "protocol.changes.inference_validation_cutoff": {
        "protocol.changes": [{"height": 51, "inference_validation_cutoff": 30}]
    },
    "protocol.upgrades.preserved_share": vote("v0.2.5", preserved_share=0.0),
    "protocol.upgrades.miss_probability": vote("v0.2.2", miss_probability=0.0),
    "protocol.upgrades.confirmations_per_epoch": vote("v0.2.5", confirmations_per_epoch=100.0),
    "protocol.upgrades.confirmation_alpha": vote("v0.2.5", confirmation_alpha=0.7),
    "protocol.rules.drops_late_messages": {"protocol.rules.drops_late_messages": True},
    "protocol.rules.proof": {"protocol.rules.proof": {"kind": "hits", "r_target": 1.39}},
    "protocol.rules.r_target": {"protocol.rules.r_target": 1.39},
    "protocol.rules.far_distances_silence": {"protocol.rules.far_distances_silence": False},
    "protocol.rules.counts_duplicates": {"protocol.rules.counts_duplicates": False},
    "protocol.rules.weight_scale": {"protocol.rules.weight_scale": 2},
    "protocol.rules.stores_node_ids": {"protocol.rules.stores_node_ids": False},
    "protocol.rules.counts_nodes_handed_out": {"protocol.rules.counts_nodes_handed_out": True},
    "protocol.rules.weighs_by_node": {"protocol.rules.weighs_by_node": True},
    "protocol.rules.member_page_limit": {"protocol.rules.member_page_limit": 2},
    "protocol.rules.settlement_page_limit": {"protocol.rules.settlement_page_limit": 2},
    "protocol.rules.preserved_share": {"protocol.rules.preserved_share": 0.5},
    "protocol.rules.fixed_power_cap": {"protocol.rules.fixed_power_cap": 0.4},
    "protocol.rules.remainder_prefers_preserved": {"protocol.rules.remainder_prefers_preserved": True},
    "protocol.rules.caps_positive_weights_only": {"protocol.rules.caps_positive_weights_only": True},
    "protocol.rules.rotates_preserved_nodes": {"protocol.rules.rotates_preserved_nodes": True},
    "protocol.rules.gives_slots_as_drawn": {"protocol.rules.gives_slots_as_drawn": True},
    "protocol.rules.truncates_by_node": {"protocol.rules.truncates_by_node": True},
    "protocol.rules.samples_by_newest_hash": {"protocol.rules.samples_by_newest_hash": True},
    "protocol.rules.ignores_own_votes": {"protocol.rules.ignores_own_votes": True},
    "protocol.rules.caps_rewards_by_full_weight": {"protocol.rules.caps_rewards_by_full_weight": True},
    "protocol.rules.confirmation_shuts_out_proof": {"protocol.rules.confirmation_shuts_out_proof": True},
    "protocol.rules.rounds_price_rises_up": {"protocol.rules.rounds_price_rises_up": True},
    "protocol.rules.rejection_slash": {"protocol.rules.rejection_slash": 0.5},
    "protocol.rules.requires_every_validation": {"protocol.rules.requires_every_validation": False},
    "protocol.rules.miss_probability": {"protocol.rules.miss_probability": 0.1},
    "protocol.rules.approximates_misses": {"protocol.rules.approximates_misses": True},
    "protocol.rules.judges_sequentially": {"protocol.rules.judges_sequentially": True},
    "protocol.rules.slashes_downtime_at_settlement": {"protocol.rules.slashes_downtime_at_settlement": False},
    "protocol.rules.asks_for_validations": {"protocol.rules.asks_for_validations": False},
    "protocol.rules.judges_at_switch": {"protocol.rules.judges_at_switch": False},
    "protocol.rules.restarts_runs": {"protocol.rules.restarts_runs": True},
    "protocol.rules.leaves_rest_to_governance": {"protocol.rules.leaves_rest_to_governance": True},
    "protocol.rules.leaves_slashes_to_governance": {"protocol.rules.leaves_slashes_to_governance": True},
    "protocol.rules.recomputes_total": {"protocol.rules.recomputes_total": True},
    "protocol.rules.confirmation_tolerance": {"protocol.rules.confirmation_tolerance": 0.5},
    "protocol.rules.confirmation_safety_blocks": {"protocol.rules.confirmation_safety_blocks": 500},
    "protocol.rules.computes_confirmations": {"protocol.rules.computes_confirmations": True},
    "protocol.rules.upgrade_pause_blocks": {"protocol.rules.upgrade_pause_blocks": 500},
    "protocol.rules.divides_by_full_weight": {"protocol.rules.divides_by_full_weight": True},
    "protocol.rules.scales_by_confirmation": {"protocol.rules.scales_by_confirmation": True},
    "protocol.rules.adapts_miss_probability": {"protocol.rules.adapts_miss_probability": True},
    "protocol.rules.slashes_required_collateral": {"protocol.rules.slashes_required_collateral": True},
    "protocol.rules.resets_statuses": {"protocol.rules.resets_statuses": True},
    "protocol.rules.settles_confirmed_weight": {"protocol.rules.settles_confirmed_weight": False},
    "protocol.rules.settlement_cap": {"protocol.rules.settlement_cap": 0.0},
    "protocol.rules.confirmations_per_epoch": {"protocol.rules.confirmations_per_epoch": 0.0},
    "protocol.rules.missing_confirmation_keeps_weight": {"protocol.rules.missing_confirmation_keeps_weight": False},
    "protocol.inference_validation_cutoff": {"protocol.inference_validation_cutoff": 30},
    "protocol.vesting_epochs": {"protocol.vesting_epochs": 0},
    "protocol.collateral_grace_epochs": {"protocol.collateral_grace_epochs": 0},
    "protocol.collateral_per_weight_unit": {"protocol.collateral_per_weight_unit": 1.0},
    "protocol.confirmation_alpha": {"protocol.confirmation_alpha": 0.7},
    "protocol.signed_blocks_window": {"protocol.signed_blocks_window": 8},
    "protocol.min_signed_per_window": {"protocol.min_signed_per_window": 0.0},
    "protocol.downtime_jail": {"protocol.downtime_jail": "60 s"},
    "protocol.slash_missed_blocks": {"protocol.slash_missed_blocks": 0.5},
    "protocol.slash_double_sign": {"protocol.slash_double_sign": 0.5},
    "inference.requests_per_epoch": {"inference.requests_per_epoch": 50},
    "inference.tokens_per_request": {"inference.tokens_per_request": 10},
    "inference.price_grace_epochs": {"inference.price_grace_epochs": 0},
    "inference.grace_price": {"inference.grace_price": 7},
    "inference.base_price": {"inference.base_price": 77},
    "inference.min_price": {"inference.min_price": 95},
    "inference.max_price": {"inference.max_price": 101},
    "inference.stable_from": {"inference.stable_from": 0.1},
    "inference.stable_to": {"inference.stable_to": 1000.0},
    "inference.price_elasticity": {"inference.price_elasticity": 0.01},
    "inference.largest_price_step": {"inference.largest_price_step": 0.1},
    "inference.utilization_window": {"inference.utilization_window": "1 ms"},
    "hosts.guardian": {"hosts.pair.guardian": True},
    "hosts.collateral_ngonka": {"hosts.big.collateral_ngonka": 100},
    "hosts.miss_rate": {"hosts.big.miss_rate": 0.5},
    "hosts.invalid_rate": {"hosts.big.invalid_rate": 0.5},
    "hosts.skip_rate": {"hosts.big.skip_rate": 0.5},
    "hosts.confirmed_share": {"hosts.big.confirmed_share": 0.5},
    "protocol.epoch_length": {"protocol.epoch_length": 31},
    "protocol.epoch_shift": {"protocol.epoch_shift": 5},
    "protocol.poc_stage_duration": {"protocol.poc_stage_duration": 7},
    "protocol.poc_exchange_duration": {"protocol.poc_exchange_duration": 0},
    "protocol.poc_validation_delay": {"protocol.poc_validation_delay": 3},
    "protocol.poc_validation_duration": {"protocol.poc_validation_duration": 5},
    "protocol.set_new_validators_delay": {"protocol.set_new_validators_delay": 2},
    "protocol.block_time": {"protocol.block_time": "6 s"},
    "protocol.block_max_bytes": {"protocol.block_max_bytes": "4 kB"},
    "consensus.timeout_propose": {"consensus.timeout_propose": "5 s"},
    "consensus.timeout_prevote": {"consensus.timeout_prevote": "2 s"},
    "consensus.timeout_precommit": {"consensus.timeout_precommit": "2 s"},
    "consensus.timeout_delta": {"consensus.timeout_delta": "0.05 s"},
    "mempool.order": {"mempool.order": "fee"},
    "mempool.ttl_blocks": {"mempool.ttl_blocks": 2},
    "hosts.fee_ngonka": {"hosts.pair.fee_ngonka": 100},
    "protocol.validation_sample_size": {"protocol.validation_sample_size": 20},
    "protocol.validation_committee": {"protocol.validation_committee": 3},
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
    "hosts.model": {"hosts.pair.model": "other"},
    "hosts.unregistered": {"hosts.pair.unregistered": 1},
    "hosts.strategy": {"hosts.liar.strategy": "honest"},
    "difficulty": {"difficulty": "fixed"},
    "difficulty.target": {"difficulty.target.valid_nonces_per_epoch": 500},
    "difficulty.target.success_rate": {"difficulty.target.success_rate": 0.03},
    "difficulty.target.blocks_until_quota": {"difficulty.target.blocks_until_quota": 2.0},
    "difficulty.target.quota": {"difficulty.target.quota": 70},
    "difficulty.target.checked_nonces_per_validator": {"difficulty.target.checked_nonces_per_validator": 200.0},
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
    **{f"faults.{name}": {"faults": [fault]} for name, fault in FAULTS.items()},
}
# What else must be so for a field to act.
LATER = {"protocol.version": "v0.2.2"}
# Three nodes of a host, of which one is preserved from epoch 3 on: {1, 3} overlap at launch, {1, 2} and {2, 3} do not.
OVERLAP = {"epochs": 4, "hosts.pair.gpus": ["1 x H100-SXM", "1 x H100-SXM", "1 x H100-SXM"], "hosts.pair.count": 4}
MISSING = {"hosts.big.miss_rate": 0.6, "inference.requests_per_epoch": 200}
PRICED = {"inference.price_grace_epochs": 0}
IDLE = {**PRICED, "inference.tokens_per_request": 1, "inference.requests_per_epoch": 1}
BUSY = {**PRICED, "inference.tokens_per_request": 100_000, "inference.requests_per_epoch": 400}
INVALID = {
    "hosts.big.invalid_rate": 1.0,
    "hosts.big.collateral_ngonka": 1000,
    "inference.requests_per_epoch": 200,
    "epochs": 3,
}
# From epoch 2 on, and in epochs that have room for an event.
CONFIRMING = {
    "protocol.version": "v0.2.5",
    "protocol.rules.confirmations_per_epoch": 100.0,
    "protocol.epoch_length": 36,
    "epochs": 2,
}
SILENT = {"hosts.liar.strategy": "silent", "hosts.liar.collateral_ngonka": 1000, "protocol.signed_blocks_window": 10}
STAR = [{"between": ["big-0", other]} for other in ("big-1", "big-2", "pair-0", "pair-1", "liar-0", "late-0")]
UNBOUNDED = {"kind": "proportional", "max_step": 1000.0}
FULL = {"work.kind": "sphere", "protocol.block_max_bytes": "3 kB"}
AT_THE_END = {"work.startup": "1.6 s"}  # a batch leaves while the last block of generation is being agreed on
IMPATIENT = {"consensus.timeout_propose": "0.15 s"}  # some validators have the block by then, others do not
CONTEXTS: dict[str, dict[str, object]] = {
    "protocol.upgrades.preserved_share": {**vote("v0.2.5"), "protocol.version": "v0.2.5", "epochs": 3},
    "protocol.upgrades.miss_probability": {**vote("v0.2.2"), **MISSING},
    "protocol.upgrades.confirmations_per_epoch": {
        "protocol.version": "v0.2.5",
        "protocol.epoch_length": 36,
        **vote("v0.2.5", confirmations_per_epoch=0.0),
    },
    "protocol.upgrades.confirmation_alpha": {**CONFIRMING, **vote("v0.2.5"), "hosts.big.confirmed_share": 0.6},
    "consensus.timeout_propose": {"faults": [{**CRASH, "lasts": "120 s", "hosts": "big-0"}]},
    "consensus.timeout_prevote": IMPATIENT,
    "consensus.timeout_precommit": IMPATIENT,
    "consensus.timeout_delta": {"consensus.timeout_propose": "0.02 s"},  # round 0 fails, round 1 depends on it
    "mempool.order": {**FULL, "hosts.pair.fee_ngonka": 100},
    "mempool.ttl_blocks": FULL,
    "hosts.fee_ngonka": {**FULL, "mempool.order": "fee"},
    "protocol.poc_exchange_duration": AT_THE_END,
    "protocol.rules.drops_late_messages": {**AT_THE_END, "protocol.poc_exchange_duration": 0},
    "protocol.changes.poc_exchange_duration": AT_THE_END,
    **{f"faults.{name}": {"faults": [PLAIN_FAULTS[name.split(".")[0]]]} for name in FAULTS},
    "faults.ml_node.node": {"faults": [{**ML_NODE, "hosts": "pair"}]},
    "difficulty.target.success_rate": {"difficulty": {**UNBOUNDED, "target": {"success_rate": 0.1}}},
    "difficulty.target.blocks_until_quota": {
        "difficulty": {**UNBOUNDED, "target": {"blocks_until_quota": 3.0, "quota": 40}}
    },
    "difficulty.target.quota": {"difficulty": {**UNBOUNDED, "target": {"blocks_until_quota": 3.0, "quota": 40}}},
    "difficulty.target.checked_nonces_per_validator": {
        "difficulty": {**UNBOUNDED, "target": {"checked_nonces_per_validator": 90.0}}
    },
    "network.retry_timeout": {"network.loss": 0.1},
    "network.retry_timeout of requests": {"network.announce_above": "400 B"},
    "network.hop_validation of paths": {"network.tier": "paths"},
    "network.topology.rewiring": {"network.topology": {"kind": "small_world", "degree": 4}},
    "network.topology.links": {"network.topology": {"kind": "scale_free", "links": 2}},
    "network.topology.regular": {"network.topology": {"kind": "random_regular", "degree": 4}},
    "network.topology.edges": {"network.topology": {"kind": "edges", "links": STAR}},
    "network.topology.edges.bandwidth": {"network.topology": {"kind": "edges", "links": STAR}},
    "hosts.model": LATER,
    "hosts.unregistered": LATER,
    "hosts.confirmed_share": CONFIRMING,
    "hosts.collateral_ngonka": {"protocol.collateral_grace_epochs": 0},
    "inference.tokens_per_request": {"inference.price_grace_epochs": 0},
    "inference.min_price": IDLE,
    "inference.max_price": BUSY,
    "inference.stable_from": IDLE,
    "inference.stable_to": PRICED,
    "inference.price_elasticity": IDLE,
    "inference.largest_price_step": BUSY,
    "inference.utilization_window": PRICED,
    "inference.base_price": PRICED,
    "protocol.rules.confirmation_shuts_out_proof": {**CONFIRMING, "protocol.set_new_validators_delay": 6, "epochs": 3},
    "protocol.rules.rounds_price_rises_up": {**BUSY, "inference.base_price": 20},
    "protocol.rules.rejection_slash": {"hosts.liar.collateral_ngonka": 1000},
    "protocol.rules.remainder_prefers_preserved": {"epochs": 4},
    "protocol.rules.rotates_preserved_nodes": {"epochs": 4},
    "protocol.rules.gives_slots_as_drawn": {"protocol.rules.preserved_share": 0.1, "hosts.pair.count": 6, "epochs": 4},
    "protocol.rules.truncates_by_node": {"protocol.rules.weight_scale": 2.5, "protocol.version": "v0.2.6"},
    "protocol.rules.caps_positive_weights_only": {**LATER, "hosts.pair.model": "other", "hosts.big.count": 2},
    "protocol.rules.fixed_power_cap": CONFIRMING,
    "protocol.rules.far_distances_silence": {"work.kind": "sphere", "hosts.big.strategy": "high_distance"},
    "protocol.upgrades.epoch": {"epochs": 3, "protocol.upgrades": [{"epoch": 2, "version": "v0.2.6"}]},
    "protocol.upgrades.version": {"protocol.upgrades": [{"epoch": 2, "version": "v0.2.6"}]},
    "protocol.changes.height": {"protocol.changes": [{"height": 51, "poc_validation_duration": 7}]},
    "protocol.changes.inference_validation_cutoff": {"hosts.big.skip_rate": 1.0},
    "protocol.rules.counts_duplicates": {
        **OVERLAP,
        "work.kind": "sphere",
        "work.rate_factor": 0.5,
        "protocol.r_target": 1.41,
        "difficulty": "fixed",
    },
    "protocol.rules.stores_node_ids": LATER,
    "protocol.rules.counts_nodes_handed_out": OVERLAP,
    "protocol.rules.preserved_share": {"epochs": 3},
    "protocol.rules.requires_every_validation": {"hosts.big.skip_rate": 0.1, "epochs": 3},
    "protocol.rules.miss_probability": MISSING,
    "protocol.rules.approximates_misses": {**LATER, **MISSING, "hosts.big.miss_rate": 0.2},
    "protocol.rules.judges_sequentially": INVALID,
    "protocol.rules.asks_for_validations": {"hosts.big.skip_rate": 1.0, "epochs": 3},
    "protocol.rules.judges_at_switch": {**INVALID, "protocol.version": "v0.2.5"},
    "protocol.rules.restarts_runs": {**INVALID, "protocol.version": "v0.2.5"},
    "protocol.rules.leaves_slashes_to_governance": {**INVALID, "protocol.version": "v0.2.5"},
    "protocol.rules.slashes_downtime_at_settlement": {**MISSING, "hosts.big.collateral_ngonka": 1000},
    "protocol.rules.recomputes_total": {**LATER, **MISSING},
    "protocol.rules.confirmation_tolerance": {**CONFIRMING, "hosts.big.confirmed_share": 0.4},
    "protocol.rules.confirmation_safety_blocks": CONFIRMING,
    "protocol.rules.computes_confirmations": CONFIRMING,
    "protocol.rules.upgrade_pause_blocks": {**CONFIRMING, **vote("v0.2.6")},
    "protocol.rules.divides_by_full_weight": {**CONFIRMING, "hosts.big.confirmed_share": 0.6, "epochs": 3},
    "protocol.rules.scales_by_confirmation": {**CONFIRMING, "protocol.collateral_grace_epochs": 0},
    "protocol.rules.adapts_miss_probability": {**MISSING, **LATER, "inference.requests_per_epoch": 2000},
    "protocol.rules.slashes_required_collateral": {**INVALID, "protocol.version": "v0.2.5"},
    "protocol.rules.resets_statuses": INVALID,
    "protocol.rules.settles_confirmed_weight": {"hosts.big.confirmed_share": 0.5, **CONFIRMING},
    "protocol.rules.settlement_cap": {"work.kind": "kernel", **CONFIRMING},
    "protocol.rules.confirmations_per_epoch": CONFIRMING,
    "protocol.rules.missing_confirmation_keeps_weight": {**CONFIRMING, "hosts.big.confirmed_share": 0.0},
    "protocol.inference_validation_cutoff": {"hosts.big.skip_rate": 1.0},
    **{f"protocol.{key}": SILENT for key in ("min_signed_per_window", "downtime_jail", "slash_missed_blocks")},
    "protocol.signed_blocks_window": {"hosts.liar.strategy": "silent"},
    "protocol.slash_double_sign": {**SILENT, "hosts.liar.strategy": "double_sign"},
    "protocol.collateral_per_weight_unit": {
        "protocol.collateral_grace_epochs": 0,
        "hosts.big.collateral_ngonka": 100,
    },
    "protocol.confirmation_alpha": {**CONFIRMING, "hosts.big.confirmed_share": 0.6},
}
# Names and texts, and what must not change any result.
WITHOUT_EFFECT = {"name", "description", "work.batch_size", "work.threads"}
# Where it is computed: no machine of these tests has another device, see test_device_commands.
WITHOUT_EFFECT |= {"work.device"}
# What says how much is kept: it changes a frame, see test_validation_metrics, but nothing that happens.
WITHOUT_EFFECT |= {"metrics.validations"}
# Where rows and distances lie meanwhile: not a byte of a result depends on it, see test_long_runs.
WITHOUT_EFFECT |= {"metrics.keep", "work.cache"}
# Who shares a memory: powsim's own strategies keep their hosts apart in it; for one that does not, see
# test_outside_strategies and test_agents.
WITHOUT_EFFECT |= {"hosts.operator"}
# Who votes twice: powsim's own strategies vote once, see test_judging.
WITHOUT_EFFECT |= {"protocol.rules.first_vote_stands"}
# Whoever shows too little fails at once, so that the least so far never fails alone; see test_confirmation_readings.
WITHOUT_EFFECT |= {"protocol.rules.judges_readings"}
# Seven ngonka in epoch 410, but none in the first epochs; see test_rewards.
WITHOUT_EFFECT |= {"protocol.rules.emits_exactly"}
# A guardian that serves a model has power in it, unless it is new: see test_acceptance_2026.
WITHOUT_EFFECT |= {"protocol.rules.guardians_need_no_model"}
# Where no ML node has weight, see test_model_forming.
WITHOUT_EFFECT |= {"protocol.rules.reseats_empty_epochs", "protocol.rules.reseats_without_fresh_nodes"}

# A host that is slow at the start of two stages in a row: see test_evidence.
WITHOUT_EFFECT |= {"protocol.rules.guards_early_shares", "hosts.early_share_guard"}
# In the scheme `decode` only, see test_decode.
WITHOUT_EFFECT |= {"protocol.models.margin_threshold"}

SMALL, ANSWERS = "tests/data/small.yaml", "tests/data/answers.yaml"
MODEL, OTHER = "MiniMax-M2.7", "DeepSeek-V4-Flash-0731"
MODELS = [
    {"name": MODEL, "distance_threshold": 0.75, "coefficient": 0.3024, "is_initial": True},
    {"name": OTHER, "distance_threshold": 0.41, "coefficient": 0.246},
]

# What is another value in a network of v0.2.16 with two models.
CHANGES_OF_ANSWERS: dict[str, dict[str, object]] = {
    "protocol.models": {"protocol.models": MODELS[:1]},
    "protocol.upgrades.models": {"protocol.upgrades": [{"epoch": 2, "version": "v0.2.16", "models": MODELS[:1]}]},
    "protocol.models.name": {"protocol.models.1.name": "GLM-5.3-Flash"},
    "protocol.models.distance_threshold": {"protocol.models.0.distance_threshold": 0.02},
    "protocol.models.coefficient": {"protocol.models.1.coefficient": 0.1},
    "protocol.models.p_mismatch": {"protocol.models.0.p_mismatch": 0.001},
    "protocol.models.applied_fraud_p": {"protocol.models.0.applied_fraud_p": 0.99},
    "protocol.models.is_initial": {"protocol.models.0.is_initial": False},
    "protocol.models.penalty_start_epoch": {"protocol.models.1.penalty_start_epoch": 9},
    "protocol.upgrades.w_threshold": vote("v0.2.16", w_threshold=0.9),
    "hosts.stack": {"hosts.big.stack": "H100 2026-04"},
    "hosts.delegates.model": {"hosts.big.delegates.0.model": MODEL},
    "hosts.delegates.to": {"hosts.big.delegates.0.to": "both-1"},
    "hosts.refuses": {"hosts.no.refuses": []},
    "hosts.intents": {"hosts.no.intents": [OTHER]},
    "work.pairs": {"work.pairs": "tests/data/pairs.csv"},
    "protocol.refusal_penalty": {"protocol.refusal_penalty": 0.5},
    "protocol.no_participation_penalty": {"protocol.no_participation_penalty": 0.5},
    "protocol.delegation_share": {"protocol.delegation_share": 0.5},
    "protocol.cap_factor": {"protocol.cap_factor": 0.01},
    "protocol.deploy_window": {"protocol.deploy_window": 0},
    "protocol.max_model_voting_power": {"protocol.max_model_voting_power": 0.0},
    "protocol.v_min": {"protocol.v_min": 3},
    "protocol.rules.guardian_multiplier": {"protocol.rules.guardian_multiplier": 3},
    "protocol.rules.guardian_maturity_weight": {"protocol.rules.guardian_maturity_weight": 1},
    "protocol.rules.guardian_maturity_height": {"protocol.rules.guardian_maturity_height": 0},
    "protocol.rules.vote_threshold_bps": {"protocol.rules.vote_threshold_bps": 9000},
    "protocol.rules.guardians_break_ties": {"protocol.rules.guardians_break_ties": False},
    "protocol.rules.normalizes_by_stage_time": {"protocol.rules.normalizes_by_stage_time": False},
    "protocol.rules.groups_models": {"protocol.rules.groups_models": False},
    "protocol.rules.w_threshold": {"protocol.rules.w_threshold": 0.9},
    "protocol.rules.penalizes_weight": {"protocol.rules.penalizes_weight": True},
    "protocol.rules.preserves_by_episode": {"protocol.rules.preserves_by_episode": False},
    "protocol.rules.seats_by_results": {"protocol.rules.seats_by_results": False},
    "protocol.rules.spares_newcomers": {"protocol.rules.spares_newcomers": False},
    "protocol.rules.trusts_confirmed_weight": {"protocol.rules.trusts_confirmed_weight": False},
    "protocol.rules.moves_coefficients": {"protocol.rules.moves_coefficients": False},
    "protocol.rules.computes_confirmations": {"protocol.rules.computes_confirmations": False},
    "protocol.rules.allows_challenges": {"protocol.rules.allows_challenges": False},
    "protocol.challenge_stake_share": {"protocol.challenge_stake_share": 0.2},
    "protocol.challenge_slice_blocks": {"protocol.challenge_slice_blocks": 4},
    "protocol.challenge_least_blocks": {"protocol.challenge_least_blocks": 30},
    "protocol.challenge_most_open": {"protocol.challenge_most_open": 0},
    "hosts.challenger": {"hosts.big.challenger": True},
}
CHALLENGED: dict[str, object] = {
    "epochs": 3,
    "hosts.no.strategy": {"kind": "challenge", "host": "both-0", "epoch": 2, "blocks": 5},
    "protocol.vesting_epochs": 0,
    "protocol.rules.confirmations_per_epoch": 0,
    "protocol.challenge_slice_blocks": 6,
    "protocol.challenge_least_blocks": 3,
}
ALL_DECIDED_BY_GUARDIANS = {"protocol.rules.vote_threshold_bps": 10_000}
DISAGREEING = {"work.pairs": "tests/data/pairs.csv"}
IDLE_HOST: dict[str, object] = {"hosts.no.refuses": []}
CONTEXTS_OF_ANSWERS: dict[str, dict[str, object]] = {
    "protocol.models.p_mismatch": DISAGREEING,
    "protocol.models.applied_fraud_p": DISAGREEING,
    "protocol.upgrades.w_threshold": {**vote("v0.2.16"), "epochs": 3},
    "protocol.no_participation_penalty": IDLE_HOST,
    "hosts.intents": IDLE_HOST,
    "protocol.rules.moves_coefficients": {"epochs": 3},
    "protocol.rules.preserves_by_episode": {"epochs": 3},
    "protocol.rules.seats_by_results": {"hosts.both.unregistered": 1},
    "protocol.rules.spares_newcomers": {"protocol.rules.w_threshold": 0.9},
    "protocol.rules.guardians_break_ties": ALL_DECIDED_BY_GUARDIANS,
    "protocol.rules.guardian_maturity_weight": {"protocol.rules.guardian_maturity_height": 0},
    "protocol.rules.guardian_maturity_height": {"protocol.rules.guardian_maturity_weight": 1},
    "protocol.rules.allows_challenges": CHALLENGED,
    **{f"protocol.{key}": CHALLENGED for key in ChallengeParams.__dataclass_fields__},
    "hosts.challenger": CHALLENGED,
}


def trace(changes: dict[str, object], file: str = SMALL) -> str:
    return _trace(json.dumps({**BASE, **changes}), file)


@cache
def _trace(overrides: str, file: str) -> str:
    return str(sim.run(file, overrides=json.loads(overrides)).provenance["trace_hash"])


def fields(model: type[BaseModel], prefix: str = "") -> set[str]:
    """Every field, through nested models and lists of them."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = next((part for part in get_args(field.annotation) or [field.annotation] if is_model(part)), None)
        names |= fields(inner, f"{prefix}{name}.") if inner else {prefix + name}
    return names - {"faults"} | {f"faults.{kind}.{field}" for kind, known in FIELDS_OF.items() for field in known}


def is_model(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def test_every_field_is_covered() -> None:
    assert fields(Scenario) <= CHANGES.keys() | CHANGES_OF_ANSWERS.keys() | WITHOUT_EFFECT


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_field_changes_some_record(field: str) -> None:
    # The exact law is quicker than the kernel, whose fields need it.
    kind = "kernel" if field.startswith("work.") else "sphere"
    context = {"work.kind": kind, **CONTEXTS.get(field, {})}
    assert trace({**context, **CHANGES[field]}) != trace(context)


@pytest.mark.parametrize("field", sorted(CHANGES_OF_ANSWERS))
def test_field_of_models_changes_some_record(field: str) -> None:
    context = CONTEXTS_OF_ANSWERS.get(field, {})
    assert trace({**context, **CHANGES_OF_ANSWERS[field]}, ANSWERS) != trace(context, ANSWERS)


@pytest.mark.parametrize(
    "changes", [{"work.threads": 1}, {"name": "other"}, {"description": "text"}, {"metrics.validations": "summary"}]
)
def test_what_must_not_matter_does_not(changes: dict[str, object]) -> None:
    assert trace(changes) == trace({})
