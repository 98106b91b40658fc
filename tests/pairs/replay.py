"""A second implementation of the chain's way from claims to weights, one participant after the other.

It reads the agreed blocks only. What it takes from the states of the first implementation are facts that other tests
hold: who is registered with which hardware, which ML nodes were preserved in the proof of compute before, and the
collateral. Which nodes are preserved next from v0.2.5 on is chosen by `second_preserved`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from observed import Observed
from second_preserved import choose
from standing import follow

from pow.seeds import hash_to_number

MODELS = ("Qwen2.5-7B", "QwQ-32B")
Votes = dict[str, dict[str, bool]]
"""Participant -> validator -> whether it votes fraud."""


@dataclass
class Epoch:
    """What blocks say of one epoch, and what follows from it at VE."""

    index: int
    start: int
    opening: int = 0
    """V"""
    committee_hash: str = ""
    closing: int = 0
    """VE; 0 where the chain did not come so far."""
    batches: list[tuple[int, Any]] = field(default_factory=list)
    """(height, transaction) of those inside their window."""
    votes: list[tuple[int, Any]] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Participant -> what the frame `participants` should say."""


def replay(run: Observed) -> list[Epoch]:
    """Walk through all blocks; return the epochs from 1 on."""
    epochs: list[Epoch] = []
    next_start = None
    seeds: set[tuple[int, str]] = set()
    weights = dict(run.state_after(0).effective.weights)
    node_weights: dict[str, dict[int, int]] = {}
    effective, removed = -1, follow(run).removed
    for block in run.blocks:
        lengths = run.params.epoch_at(block.height)
        previous = epochs[-1].start if epochs else -lengths.epoch_shift
        next_start = previous + lengths.epoch_length
        current = epochs[-1] if epochs else None
        age = block.height - previous
        opens = lengths.poc_stage_duration + lengths.poc_validation_delay
        closes = opens + lengths.poc_validation_duration
        last_batch = lengths.poc_stage_duration + lengths.poc_exchange_duration
        for sent in block.transactions:
            kind = type(sent).__name__
            if kind == "SubmitSeed":
                seeds.add((sent.epoch_index, sent.creator))
            elif current is None or age == lengths.epoch_length:
                continue
            elif kind == "SubmitProofBatch" and sent.start_height == current.start and 0 < age <= last_batch:
                current.batches.append((block.height, sent))
            elif kind == "SubmitValidation" and sent.start_height == current.start and opens < age <= closes:
                current.votes.append((block.height, sent))
        if block.height == next_start:
            epochs.append(Epoch(len(epochs) + 1, block.height))
            continue
        if current is None:
            continue
        if age == opens:
            current.opening, current.committee_hash = block.height, block.block_hash
        if age == closes:
            current.closing = block.height
            present = {who: weight for who, weight in weights.items() if who not in removed[current.index - 1]}
            form(run, current, seeds, present, node_weights)
        if age == closes + lengths.set_new_validators_delay and effective < current.index:
            effective = current.index
            weights = {who: row["weight"] for who, row in current.rows.items() if row["weight"] > 0}
            node_weights = {who: row["node_weights"] for who, row in current.rows.items() if row["is_member"]}
    return epochs


def form(
    run: Observed,
    epoch: Epoch,
    seeds: set[tuple[int, str]],
    weights: Mapping[str, int],
    node_weights: Mapping[str, Mapping[int, int]],
) -> None:
    """VE: judge, merge, activate, cap."""
    rules, params = run.params.rules_at(epoch.index), run.params
    before, state = run.state_after(epoch.closing - 1), run.state_after(epoch.closing)
    votes = read_votes(epoch)
    claims: dict[str, list[Any]] = defaultdict(list)
    for _, batch in sorted(epoch.batches, key=lambda each: each[1].batch_id):
        claims[batch.creator].append(batch)
    preserved = {
        who: {node: node_weights[who][node] for node in nodes} for who, nodes in before.effective.preserved.items()
    }
    merged, rows = {}, epoch.rows
    for who in {*claims, *preserved}:
        row = rows[who] = count_claim(claims[who], rules)
        row |= judge(run, epoch, who, votes.get(who, {}), weights)
        row["is_accepted"] = (
            row["opinion"] and row["claimed_weight"] >= 1 and who in state.hosts and (epoch.index, who) in seeds
        )
        row["preserved_weight"] = sum(preserved.get(who, {}).values())
        fresh = row["fresh"] if row["is_accepted"] else {}
        nodes = state.hosts[who].nodes if who in state.hosts else ()
        row["node_weights"], row["uncapped_weight"] = merge(fresh, preserved.get(who, {}), nodes, rules)
        row["dropped_weight"] = sum(fresh.values()) + row["preserved_weight"] - row["uncapped_weight"]
        if row["is_accepted"] or who in preserved:
            held = state.deposits.get(who)
            merged[who] = row["activated_weight"] = activate(
                row["uncapped_weight"], held.active if held else 0, epoch.index, params
            )
        else:
            row["activated_weight"] = row["uncapped_weight"] = row["dropped_weight"] = 0
    capped = cap(merged, params.max_individual_power_percentage, rules)
    for who, row in rows.items():
        row["is_member"] = who in capped and (epoch.index, who) in seeds
        row["weight"] = capped[who] if row["is_member"] else 0
    if rules.preserved_share:
        chosen = preserve(epoch, capped, node_weights, preserved, state, rules)
        for who, row in rows.items():
            row["next_preserved"] = {node for host, node in chosen if host == who and row["is_member"]}


def preserve(
    epoch: Epoch,
    capped: Mapping[str, int],
    node_weights: Mapping[str, Mapping[int, int]],
    preserved: Mapping[str, Mapping[int, int]],
    state: Any,
    rules: Any,
) -> set[tuple[str, int]]:
    """(host, node) of those that the next proof of compute passes over."""
    models = {
        model: list_nodes(model, {who: epoch.rows[who]["node_weights"] for who in capped}, state) for model in MODELS
    }
    served = {model: {who for who, _, _ in list_nodes(model, node_weights, state)} for model in MODELS}
    last = {(who, node) for who, nodes in preserved.items() for node in nodes} if rules.rotates_preserved_nodes else ()
    return choose(epoch.index, models, capped, served, rules.preserved_share, last)


def list_nodes(model: str, weights: Mapping[str, Mapping[int, int]], state: Any) -> list[tuple[str, int, int]]:
    """(host, node, weight) of a model's nodes."""
    return [
        (who, node.node_id, weights[who][node.node_id])
        for who in sorted(weights)
        for node in (state.hosts[who].nodes if who in state.hosts else ())
        if node.model == model and node.node_id in weights[who]
    ]


def count_claim(batches: list[Any], rules: Any) -> dict[str, Any]:
    """Weigh batch by batch; a nonce that counts once counts for the first batch by id."""
    counts: dict[Any, int] = defaultdict(int)
    fresh: dict[Any, int] = defaultdict(int)
    seen: set[int] = set()
    n_claimed = 0
    for batch in batches:
        node, n_counted = batch.proofs.node_id if rules.stores_node_ids else None, 0
        for nonce in batch.proofs.nonces:
            n_claimed += 1
            n_counted += rules.counts_duplicates or nonce not in seen
            seen.add(nonce)
        counts[node] += n_counted
        fresh[node] += floor(Fraction(n_counted) * rules.weight_scale)
    return {
        "claimed_nonces": n_claimed,
        "distinct_nonces": len(seen),
        "counted_nonces": sum(counts.values()),
        "claimed_weight": sum(fresh.values()),
        "fresh": fresh,
    }


def read_votes(epoch: Epoch) -> Votes:
    """The last verdict of each validator on each participant."""
    votes: Votes = defaultdict(dict)
    for _, sent in epoch.votes:
        for participant, is_fraud in zip(sent.participants, sent.verdicts, strict=True):
            votes[participant][sent.creator] = is_fraud
    return votes


def judge(
    run: Observed, epoch: Epoch, who: str, votes: Mapping[str, bool], weights: Mapping[str, int]
) -> dict[str, Any]:
    """Weights that voted either way, and what they decide; slots where a committee judges."""
    voters = {member: weights[member] for member in sorted(weights)}
    n_slots, rules = run.params.validation_committee, run.params.rules_at(epoch.index)
    if n_slots is None:
        ballots: list[tuple[str | None, int]] = list(list(voters.items())[: rules.member_page_limit or None])
    else:
        ballots = [(holder, 1) for holder in draw_slots(epoch.committee_hash, who, voters, n_slots)]
    ballots = [(member, held) for member, held in ballots if member != who or not rules.ignores_own_votes]
    total = sum(held for _, held in ballots)
    majority = total // 2 if n_slots is None else 2 * total // 3
    valid = sum(weight for member, weight in ballots if votes.get(member) is False)
    invalid = sum(weight for member, weight in ballots if votes.get(member) is True)
    opinion = valid > majority
    if n_slots is not None and not opinion and invalid <= majority and valid + invalid:
        silent = who if rules.ignores_own_votes else None
        voices = [
            votes[member]
            for member in run.params.guardians
            if member in voters and member in votes and member != silent
        ]
        opinion = bool(voices) and not any(voices)
    return {
        "valid_vote_weight": valid,
        "invalid_vote_weight": invalid,
        "total_vote_weight": total,
        "opinion": opinion,
    }


def draw_slots(block_hash: str, who: str, voters: Mapping[str, int], n_slots: int) -> Iterator[str | None]:
    """Holder of each slot: its ticket falls into the members' weights laid end to end."""
    for slot in range(n_slots):
        if not voters:
            yield None
            continue
        ticket = hash_to_number(f"{block_hash}_{who}_{slot}") % sum(voters.values())
        for member, weight in voters.items():
            if ticket < weight:
                yield member
                break
            ticket -= weight


def merge(fresh: Mapping[Any, int], preserved: Mapping[int, int], nodes: Any, rules: Any) -> tuple[dict[int, int], int]:
    """Weight by node, and of the participant."""
    if rules.weighs_by_node:
        admitted = {node.node_id for node in nodes if node.model in MODELS}
        kept = {node: preserved.get(node, fresh.get(node, 0)) for node in {*fresh, *preserved} & admitted}
        return kept, sum(kept.values())
    total = sum(fresh.values())
    others = sorted({node.node_id for node in nodes} - preserved.keys())
    spread = {node: total // len(others) + 2 * (place < total % len(others)) for place, node in enumerate(others)}
    return {**preserved, **spread}, total + sum(preserved.values())


def activate(weight: int, collateral: int, epoch: int, params: Any) -> int:
    """A fifth for nothing, the rest for collateral, once the grace is over."""
    if epoch <= params.collateral_grace_epochs:
        return weight
    unit, free = Fraction(params.collateral_per_weight_unit), Fraction(weight, 5)
    bought = Fraction(collateral) / unit if unit else Fraction(weight * (collateral > 0))
    return floor(free + min(weight - free, bought))


def cap(weights: Mapping[str, int], percentage: float | None, rules: Any) -> dict[str, int]:
    """The largest cap that no capped member exceeds its share under, found from the smallest weight up."""
    ascending = sorted(weight for weight in weights.values() if weight or not rules.caps_positive_weights_only)
    n = len(ascending)
    if n < 2 or not percentage:
        return dict(weights)
    share = Fraction(str(rules.fixed_power_cap or percentage))
    share = max(share, {2: Fraction(1, 2), 3: Fraction(2, 5)}.get(n, Fraction(0)))
    for place, weight in enumerate(ascending):
        below = sum(ascending[:place])
        n_above = n - place
        if weight > share * (below + n_above * weight):
            left = 1 - share * n_above
            limit = floor(share * below / left) if left > 0 else weight
            if rules.caps_positive_weights_only and limit == 0:
                break
            return {who: min(own, limit) for who, own in weights.items()}
    return dict(weights)
