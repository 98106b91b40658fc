"""Votes on claims, slots, raw weights and voting powers of 2026 (network 2.7, 2.17, 2.19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from sim.protocol.proofs.acceptance import (
    VoteBar,
    VotingSnapshot,
    compute_raw_weight,
    compute_time_factor,
    count_slots,
    draw_holders,
    judge_answers,
    take_snapshot,
)
from sim.protocol.proofs.confirmation_readings import weigh_models
from sim.protocol.proofs.votes import Claimant
from sim.theory.row import Row

LARGEST = 2**63 - 1
MODEL = "model"


class Case(NamedTuple):
    """Votes on one claim, and whether it is accepted."""

    name: str
    total: int
    powers: Mapping[str, int]
    votes: Mapping[str, bool]
    is_accepted: bool
    bar: VoteBar = VoteBar()
    guardians: frozenset[str] = frozenset()


YES, SPLIT, GUARDIAN = {"y": True}, {"y": True, "n": False}, frozenset({"g"})
CASES = (
    Case("yes 51 of 100", 100, {"y": 51}, YES, True),
    Case("yes 60 of 100, 6667 bp", 100, {"y": 60}, YES, False, VoteBar(6667)),
    Case("yes 2^63 - 1 of as many", LARGEST, {"y": LARGEST}, YES, True),
    Case("yes half of 2^63 - 1", LARGEST, {"y": LARGEST // 2}, YES, False),
    Case("40 : 40, a guardian's no", 100, {"y": 40, "n": 40}, {**SPLIT, "g": False}, False, guardians=GUARDIAN),
    Case("a guardian's yes alone", 100, {"y": 40}, {"g": True}, True, guardians=GUARDIAN),
    Case("no voting powers", 100, {}, {**YES, "g": True}, False, guardians=GUARDIAN),
    Case("201 of 301", 301, {"x": 100, "y": 201}, YES, True),
    Case("480 : 120 of 1000", 1000, {"y": 480, "n": 120}, SPLIT, False),
    Case("480 : 120, a guardian's yes", 1000, {"y": 480, "n": 120}, {**SPLIT, "g": True}, True, guardians=GUARDIAN),
    Case("501 of 1000", 1000, {"y": 501, "n": 99}, SPLIT, True),
    Case("501 of 1000, 6667 bp", 1000, {"y": 501, "n": 99}, SPLIT, False, VoteBar(6667)),
    Case("slots: 40 of 100, all yes", 100, {"y": 40}, YES, False, VoteBar(n_slots=128)),
    Case("slots: 80 of 100, 8000 bp", 100, {"y": 80}, YES, False, VoteBar(8000, 128)),
    Case("slots: 400 of 1000, all yes", 1000, {"y": 400}, YES, False, VoteBar(n_slots=128)),
)
SLOTS = (
    (40, 100, 128, 51),
    (67, 100, 128, 85),
    (0, 100, 128, 0),
    (40, 0, 128, 0),
    (40, 100, 0, 0),
    (400, 1000, 128, 51),
)
"""Power of the model, of the network, slots of a claim, slots that are drawn."""
FACTORS = (
    (60, 1000, 1340, Fraction("0.9547058823529412"), 10_000, 9547),
    (65, 1000, 1351, Fraction("1.0018518518518519"), 12_345, 12_367),
    (60, 0, 1340, 1, 10_000, 10_000),
    (60, 1000, 0, 1, 10_000, 10_000),
    (60, 1000, 1000, 1, 10_000, 10_000),
    (60, 1000, 900, 1, 10_000, 10_000),
)
"""Blocks, time stamps [s], factor, count of a node, its weight."""


def acceptance_rows() -> Iterator[Row]:
    """Yield verdicts, slots, raw weights and voting powers."""
    for case in CASES:
        snapshot = VotingSnapshot({MODEL: case.powers}, case.total, case.guardians, "hash")
        verdict = judge_answers(Claimant("host", 1), MODEL, case.votes, snapshot, case.bar)
        yield Row.exact(f"network of 2026: accepted, {case.name}", verdict.is_accepted, case.is_accepted)
    for power, total, n_slots, drawn in SLOTS:
        quantity = f"network of 2026: slots drawn, {power} of {total}, {n_slots} slots"
        yield Row.exact(quantity, count_slots(power, total, n_slots), drawn)
    held = draw_holders("hash", "participant", "", {"node1": 100, "node2": 200}, 1000)
    yield Row.exact("network of 2026: slots of node1 (100)", held["node1"], 362)
    yield Row.exact("network of 2026: slots of node2 (200)", held["node2"], 638)
    weightless = draw_holders("hash", "participant", "", {"a": -50, "b": 0, "c": 1}, 100)
    yield Row.exact("network of 2026: slots of weights -50, 0, 1", weightless, {"c": 100})
    yield from _weight_rows()
    yield from _power_rows()


def _weight_rows() -> Iterator[Row]:
    weighted = weigh_models({"a": 10, "b": 10}, {"a": Fraction(1), "b": Fraction(2)})
    yield Row.exact("network of 2026: weight of 10 at coefficient 1, 10 at 2", weighted, 30)
    for n_blocks, start_s, end_s, factor, count, weight in FACTORS:
        found = compute_time_factor(n_blocks, start_s, end_s)
        case = f"{n_blocks} blocks, stamps {start_s} and {end_s}"
        yield Row.exact(f"network of 2026: time factor, {case}", found, factor)
        raw = compute_raw_weight({1: count}, found)
        yield Row.exact(
            f"network of 2026: weight of {count}, {case}", (raw.claimed, raw.node_weights[1]), (weight,) * 2
        )
    for n_blocks, share in ((40, 0.8686), (39, 0.8908)):
        # A hundred stages in one, since stamps are whole seconds.
        ours = float(compute_time_factor(3500, 1, 1 + 545 * n_blocks))
        yield Row.absolute(f"network of 2026: time factor after {n_blocks} blocks of 5.45 s", ours, share, 5e-5)


def _power_rows() -> Iterator[Row]:
    old, stored = {"E": 100, "F": 60, "V": 40}, {"x": {"E": 70, "F": 30}}
    started = take_snapshot(old, stored, committers={"y": ["E"]}, delegations={"y": {"V": "E"}})
    expected = ({**stored, "y": {"E": 140}}, 200)
    yield Row.exact("network of 2026: powers, V delegates to E", (started.powers, started.total), expected)
    late = take_snapshot({"E": 100, "V": 40}, {}, committers={"y": ["E"]})
    yield Row.exact("network of 2026: powers, V delegates too late", late.powers, {"y": {"E": 100}})
    weights = {"alice": 100, "bob": 200, "charlie": 300}
    powers = {MODEL: {"alice": 150, "bob": 250, "charlie": 300}}
    left = take_snapshot(weights, powers, removed=["bob"])
    kept = {MODEL: {"alice": 150, "charlie": 300}}
    yield Row.exact("network of 2026: powers, bob removed", (left.powers, left.total), (kept, 400))
