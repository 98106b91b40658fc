"""The baseline scenario in numbers, and the modelled sizes of messages."""

from __future__ import annotations

from pathlib import Path

from tables import write_table

from sim.blueprint import build_params, get_first_scheme
from sim.gpus import load_gpu
from sim.nodes.catch_up import STATE_SYNC_BYTES
from sim.nodes.identity import build_ml_nodes
from sim.protocol.blocks.stages import Schedule
from sim.protocol.consensus.transactions import (
    CLAIM_BYTES,
    ENVELOPE_BYTES,
    HEADER_BYTES,
    NODE_BYTES,
    REGISTRATION_BYTES,
    SEED_BYTES,
    VALIDATION_BYTES,
)
from sim.protocol.proofs.hits import BYTES_PER_NONCE
from sim.scenario.load import load_scenario
from sim.scenario.schema import Scenario

BASELINE = Path(__file__).resolve().parent.parent / "scenarios" / "baseline.yaml"


def write_schedule() -> str:
    """Heights and times of the baseline's first epoch."""
    scenario, schedule = _load_baseline()
    rows = [
        ("", schedule.generation_wind_down, "from here on no ML node is newly sent into generation"),
        ("", schedule.last_batch, "last block that takes proof batches"),
        ("", schedule.validation_wind_down, "last part of the validation (a name only)"),
        ("P", schedule.next_start, "the next epoch opens"),
        *((edge.label, height, edge.meaning) for edge, height in schedule.edges.items()),
    ]
    block_time = scenario.protocol.block_time
    table = [
        [name, str(height), f"{height * block_time:.1f} s", what]
        for name, height, what in sorted(rows, key=lambda row: row[1])
    ]
    return write_table(["name", "height", "time", "what happens"], table)


def write_hosts() -> str:
    """What each host group of the baseline can compute in one epoch."""
    scenario, schedule = _load_baseline()
    params = build_params(scenario)
    seconds = schedule.params.poc_stage_duration * scenario.protocol.block_time - scenario.work.startup
    proof = get_first_scheme(scenario, params)
    hit = proof.hit_probability(proof.threshold, params.vector_dim)
    rows = []
    for group in scenario.hosts:
        nodes = build_ml_nodes(group, scenario)
        tried = sum(node.n_gpu_groups * int(seconds * node.group_nonces_per_second) for node in nodes)
        gpu_rate = load_gpu(group.gpus[0].gpu).raw_nonces_per_second
        rate = sum(node.nonces_per_second for node in nodes)
        n_groups = sum(node.n_gpu_groups for node in nodes)
        numbers = (f"{gpu_rate:.1f}", f"{n_groups}", f"{rate:.3f}", f"{tried}", f"{tried * hit:.1f}")
        rows.append([group.name, str(group.count), ", ".join(map(str, group.gpus)), *numbers])
    names = ["group", "hosts", "GPUs of a host", "mainnet nonces/s of a GPU", "GPU groups", "nonces/s of a host"]
    return write_table([*names, "tries in an epoch", "valid ones expected in epoch 1"], rows)


def _load_baseline() -> tuple[Scenario, Schedule]:
    scenario = load_scenario(BASELINE)
    return scenario, Schedule.of(1, build_params(scenario).epoch)


def write_sizes() -> str:
    """Modelled sizes of what links carry."""
    sizes = [
        ("a transaction without its content", ENVELOPE_BYTES),
        ("+ a host's registration", REGISTRATION_BYTES),
        ("+ each ML node in it", NODE_BYTES),
        ("+ a seed's commitment", SEED_BYTES),
        ("+ a claimed nonce with its distance, each", BYTES_PER_NONCE),
        ("+ a vote", VALIDATION_BYTES),
        ("+ a claim of a reward", CLAIM_BYTES),
        ("a block without its transactions", HEADER_BYTES),
        ("the state that a newcomer downloads", STATE_SYNC_BYTES),
    ]
    return write_table(["what", "bytes"], [[what, f"{size:,}".replace(",", " ")] for what, size in sizes])
