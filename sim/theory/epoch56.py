"""A real epoch beside the rules: main net's epoch 56 of October 2025, v0.2.3, 26 participants with 124 ML nodes.

Input is what was observed of ML nodes (weight, model), of the voting powers before the switch, and of votes and blocks
(times). The rows hold what the rules make of it against what the chain stored besides. Nothing of it is fitted, so that
integers have to be equal.

The shipped scenario of that name simulates the same hosts. Its rates follow from the weights and its target interval
from the blocks' mean, so neither makes a row; only the spread of intervals does, which owes no agreement.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import numpy as np

from sim.protocol.blocks.params import ChainParams, EpochParams, accumulate_changes, get_epoch_at
from sim.protocol.blocks.stages import Schedule
from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.consensus.validators import boost_guardians
from sim.protocol.money.rewards import compute_epoch_reward, floor_shares, select_entitled
from sim.protocol.proofs.preserved import group_by_model, select_half
from sim.protocol.proofs.weights import NodeId, cap_weights, merge_by_node
from sim.protocol.versions import VERSIONS
from sim.runner import run
from sim.scenario.load import load_scenario
from sim.shipped import find_shipped
from sim.theory.row import Row

DATA = files("sim.theory") / "data" / "epoch56"
EPOCH, RULES = 56, VERSIONS["v0.2.3"]
GUARDIANS = ("P18", "P21", "P25")
REWARD_NGONKA, P01_REWARD_NGONKA = 314_670_897_622_954, 38_627_452_617_213  # observed
VALIDATION_END = 185  # blocks after P, observed
GENESIS = EpochParams(
    epoch_length=17_280,
    epoch_shift=16_980,
    poc_stage_duration=60,
    poc_exchange_duration=5,
    poc_validation_delay=5,
    poc_validation_duration=20,
    set_new_validators_delay=120,
    inference_validation_cutoff=80,
)
VOTES: tuple[tuple[datetime, Mapping[str, int]], ...] = (
    (datetime(2025, 9, 7, 21, 51, tzinfo=UTC), {"epoch_length": 15_391}),
    (datetime(2025, 9, 20, 12, tzinfo=UTC), {"poc_validation_duration": 120}),
)
"""Proposals 1 and 3: when they passed (of the second only the day is known), and what they changed."""
WINDOW_BLOCKS, OUR_WINDOW_BLOCKS = 1000, 100


@dataclass(frozen=True)
class ObservedNode:
    """An ML node as the chain stored it in epoch 56."""

    address: str
    hardware: HardwareNode
    weight: int
    is_preserved: bool
    """It serves through the proof of compute of epoch 57."""


def load_observed_nodes() -> tuple[ObservedNode, ...]:
    """Return the 124 ML nodes; a participant's first one has the number 1."""
    return tuple(
        ObservedNode(
            address=row["participant"],
            hardware=HardwareNode(int(row["node"].removeprefix("n")), row["model"]),
            weight=int(row["poc_weight"]),
            is_preserved=row["poc_slot"] == "1",
        )
        for row in read_rows("nodes.csv")
    )


def load_participants(column: str) -> dict[str, int]:
    """Return an integer column of the 26 participants, by their names."""
    return {row["participant"]: int(row[column]) for row in read_rows("participants.csv")}


def load_block_times() -> tuple[np.ndarray, np.ndarray]:
    """Return heights and times, in Unix seconds, of 181 blocks from August to October 2025."""
    rows = read_rows("block_times.csv")
    return (
        np.array([int(row["height"]) for row in rows]),
        np.array([int(row["unix_ms"]) / 1000.0 for row in rows]),
    )


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the lines of one of the tables, by column."""
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


def epoch56_rows(quick: bool) -> Iterator[Row]:
    """Money, weights, powers and preserved nodes of epoch 56; starts of epochs; intervals of blocks."""
    nodes = load_observed_nodes()
    yield from _make_money_rows(compute_weights(nodes))
    yield from _make_member_rows(nodes)
    yield from _make_height_rows()
    yield _make_spread_row(n_windows=3 if quick else 15)


def compute_weights(nodes: tuple[ObservedNode, ...]) -> dict[str, int]:
    """Return the participants' weights: sums over their ML nodes, under the power cap. Reference: protocol 5.1, 5.3."""
    own: dict[str, dict[NodeId, int]] = defaultdict(dict)
    for node in nodes:
        own[node.address][node.hardware.node_id] = node.weight
    admitted = {node.hardware.node_id for node in nodes}
    merged = {who: merge_by_node(weights, {}, admitted).weight for who, weights in own.items()}
    return cap_weights(merged, ChainParams.max_individual_power_percentage)


def _make_money_rows(weights: Mapping[str, int]) -> Iterator[Row]:
    """The emission of epoch 56, and the part of the participant whose reward is known. Reference: protocol 6.1, 6.2."""
    paid_before = sum(compute_epoch_reward(epoch, 0) for epoch in range(1, EPOCH))
    reward = compute_epoch_reward(EPOCH, paid_before)
    yield Row.exact("epoch 56: emission, ngonka", reward, REWARD_NGONKA)
    entitled, divisor = select_entitled(weights, (), (), recomputes_total=RULES.recomputes_total)
    share = floor_shares(entitled, reward, divisor)["P01"]
    yield Row.exact("epoch 56: reward of P01, ngonka", share, P01_REWARD_NGONKA)


def _make_member_rows(nodes: tuple[ObservedNode, ...]) -> Iterator[Row]:
    observed = load_participants("weight_epoch56")
    ours = compute_weights(nodes)
    wrong = sum(ours[who] != weight for who, weight in observed.items())
    yield Row.exact(f"epoch 56: weights of {len(observed)} participants from their nodes', wrong ones", wrong, 0)
    before = load_participants("voting_power_before_switch")
    powers = boost_guardians({who: observed[who] if who in GUARDIANS else before[who] for who in before}, GUARDIANS)
    for who in GUARDIANS:
        yield Row.exact(f"epoch 56: voting power of guardian {who} before the switch", powers[who], before[who])
    yield from _make_preserved_rows(nodes)


def _make_preserved_rows(nodes: tuple[ObservedNode, ...]) -> Iterator[Row]:
    """How many ML nodes are preserved; which of them follows from a shuffle that is not the network's."""
    chosen = choose_preserved(nodes)
    picked = {node for node in nodes if node.hardware.node_id in chosen.get(node.address, ())}
    kept = {node for node in nodes if node.is_preserved}
    yield Row.exact("epoch 56: ML nodes preserved for the next proof", len(picked), len(kept))
    ours, theirs = (Counter(node.address for node in those) for those in (picked, kept))
    everybody = {node.address for node in nodes}
    wrong = sum(ours[who] != theirs[who] for who in everybody)
    yield Row.exact(f"the same by {len(everybody)} participants, wrong ones", wrong, 0)
    by_model, observed = (Counter((node.address, node.hardware.model) for node in those) for those in (picked, kept))
    pairs = {(node.address, node.hardware.model) for node in nodes}
    wrong = sum(by_model[pair] != observed[pair] for pair in pairs)
    yield Row.exact(f"the same by {len(pairs)} pairs of participant and model, wrong ones", wrong, 0)


def choose_preserved(nodes: tuple[ObservedNode, ...]) -> Mapping[str, frozenset[int]]:
    """Return the numbers of the ML nodes that the rule of v0.2.3 preserves. Reference: protocol 5.2, version 1."""
    weights: dict[str, dict[int, int]] = defaultdict(dict)
    hardware: dict[str, list[HardwareNode]] = defaultdict(list)
    for node in nodes:
        weights[node.address][node.hardware.node_id] = node.weight
        hardware[node.address].append(node.hardware)
    models = {node.hardware.model for node in nodes}
    return select_half(EPOCH, group_by_model(weights, hardware, models))


def _make_height_rows() -> Iterator[Row]:
    """Starts of epochs: 17 280 blocks each until a vote in epoch 15. Reference: protocol 1.1."""
    start = find_schedule(EPOCH).start
    end = find_schedule(EPOCH).validation_end
    yield Row.exact("epoch 56: blocks from its start to the end of validation", end - start, VALIDATION_END)
    for row in read_rows("epoch_starts.csv"):
        epoch, observed = int(row["epoch"]), int(row["P_observed"])
        yield Row.exact(f"start of epoch {epoch}, height", find_schedule(epoch).start, observed)


def find_schedule(index: int) -> Schedule:
    """Return the heights of a main net epoch, by the lengths that hold at its end."""
    heights, seconds = load_block_times()
    changes = accumulate_changes(
        GENESIS, [(int(np.interp(vote.timestamp(), seconds, heights)), changed) for vote, changed in VOTES]
    )
    schedule = Schedule.of(0, GENESIS)
    while schedule.index < index:
        start = schedule.next_start
        foreseen = Schedule(schedule.index + 1, start, get_epoch_at(start, GENESIS, changes)).next_start
        schedule = Schedule(schedule.index + 1, start, get_epoch_at(foreseen - 1, GENESIS, changes))
    return schedule


def _make_spread_row(n_windows: int) -> Row:
    """Ours knows no load besides the chain's own, no repairs, no upgrades: it is far too regular."""
    heights, seconds = load_block_times()
    n_blocks, elapsed = np.diff(heights), np.diff(seconds)
    is_long = n_blocks >= WINDOW_BLOCKS
    measured = float((elapsed[is_long] / n_blocks[is_long]).std())
    ends = simulate_block_times(n_windows * OUR_WINDOW_BLOCKS)[::OUR_WINDOW_BLOCKS]
    ours = float((np.diff(ends) / OUR_WINDOW_BLOCKS).std())
    label = f"sd of block intervals, {OUR_WINDOW_BLOCKS} / {WINDOW_BLOCKS} blocks a window, s; ours / measured"
    return Row(label, ours, measured, ours / measured, math.inf)


def simulate_block_times(n_blocks: int) -> np.ndarray:
    """Return the times of n_blocks + 1 blocks, in seconds, after a first proof of compute gave weights and powers.

    Rates and samples are cut: what is simulated is how blocks are agreed, not the work.
    """
    scaled = {"work.rate_factor": 0.01, "protocol.validation_sample_size": 2}
    lengths = {"protocol.changes": [], "protocol.epoch_length": 306 + n_blocks, "protocol.epoch_shift": 300 + n_blocks}
    file = find_shipped() / "mainnet-epoch-56.yaml"
    blocks = run(load_scenario(file, {**scaled, **lengths, "epochs": 1})).frames["blocks"]
    times: np.ndarray = blocks["time_seconds"].to_numpy()[-n_blocks - 1 :]
    return times
