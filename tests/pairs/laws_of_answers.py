"""Laws of the scheme `answers` in every run, by a second reading of the blocks, beside those of any scheme (`laws`)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from laws import (
    check_confirmations,
    check_fates,
    check_machines,
    check_nothing_crosses_a_cut,
    check_the_absent_are_silent,
    check_times,
)
from observed import Observed

ACCEPTED = "accepted"


@dataclass
class Held:
    """What the blocks of one epoch say about one (host, model)."""

    count: int = 0
    height: int = 0
    spread: dict[int, int] | None = None
    votes: dict[str, bool] = field(default_factory=dict)
    """Validator -> yes; the first one."""


def check_all_of_answers(run: Observed) -> int:
    """Every law below, and those of any scheme; return how many claims were accepted."""
    check_fates(run)
    check_times(run)
    check_the_absent_are_silent(run)
    check_nothing_crosses_a_cut(run)
    check_machines(run)
    held = read_blocks(run)
    check_claims(run, held)
    check_checks(run, held)
    check_members(run)
    check_confirmations(run)
    return int(run.result.claims["is_accepted"].sum())


def read_blocks(run: Observed) -> dict[int, dict[tuple[str, str], Held]]:
    """Return the claims of each epoch, by host and model; every accepted message is one that the rules allow."""
    fates = run.result.transactions.set_index("tx_id")["result"]
    epochs: dict[int, dict[tuple[str, str], Held]] = defaultdict(lambda: defaultdict(Held))
    for block in run.blocks:
        schedule = run.state_after(block.height).schedule
        claims = epochs[schedule.index]
        for each in block.transactions:
            kind, is_taken = type(each).__name__, fates[each.tx_id] == ACCEPTED
            if getattr(each, "start_height", schedule.start) != schedule.start:
                continue  # of a confirmation
            if kind == "StoreCommit":
                take_commitment(each, block.height, schedule, claims, is_taken=is_taken)
            elif kind == "DistributeWeight" and is_taken:
                assert schedule.start < block.height <= schedule.validation_end
                for model, nodes in each.entries:
                    assert sum(n for _, n in nodes) == claims[each.creator, model].count
                    claims[each.creator, model].spread = dict(nodes)
            elif kind == "SubmitValidation" and is_taken:
                assert schedule.validation_start < block.height <= schedule.validation_end
                for name, is_fraud in zip(each.participants, each.verdicts, strict=True):
                    who, _, model = name.partition(" ")
                    claims[who, model].votes.setdefault(each.creator, not is_fraud)
    return epochs


def take_commitment(each: Any, height: int, schedule: Any, claims: dict[Any, Held], *, is_taken: bool) -> None:
    """A commitment is taken exactly where it is in time, rises, and is the first of its model in the block."""
    mine = [(claims[each.creator, entry.model], entry.count) for entry in each.entries]
    is_in_time = schedule.start < height <= schedule.last_batch
    is_new = all(held.height < height and held.count < count for held, count in mine)
    assert is_taken == (is_in_time and is_new), each.tx_id
    for held, count in mine if is_taken else []:
        held.count, held.height = count, height


def check_claims(run: Observed, epochs: dict[int, dict[tuple[str, str], Held]]) -> None:
    """A claim counts what is committed and spread over ML nodes that are not preserved; votes decide by power."""
    opened = find_openings(run)
    for row in run.result.claims.to_dict("records"):
        epoch, who, model = row["epoch"], row["participant"], row["model"]
        held = epochs[epoch].get((who, model), Held())
        assert row["claimed_nonces"] == held.count, (epoch, who, model)
        state = opened[epoch]
        preserved = state.effective.preserved.get(who, ())
        counted = sum(n for node, n in (held.spread or {}).items() if node not in preserved)
        assert (row["claimed_weight"] > 0) <= (counted > 0)
        if not held.count:
            continue
        ballot = state.upcoming.ballot
        powers = ballot.snapshot.powers.get(model, {})
        yes, no = (sum(powers.get(by, 0) for by, vote in held.votes.items() if vote is said) for said in (True, False))
        assert (row["valid_vote_power"], row["invalid_vote_power"]) == (yes, no)
        assert row["total_vote_weight"] == ballot.snapshot.total == sum(state.effective.trusted.values())
        if row["is_accepted"]:
            guards = [held.votes[by] for by in ballot.snapshot.guardians if by in held.votes]
            assert 2 * yes > row["total_vote_weight"] or (guards and all(guards))


def find_openings(run: Observed) -> dict[int, Any]:
    """State after block V of each epoch, wherever a change of lengths has moved it."""
    opened: dict[int, Any] = {}
    for height in range(1, run.last_state.height + 1):
        state = run.state_after(height)
        if state.upcoming is not None and state.upcoming.ballot is not None:
            opened.setdefault(state.schedule.index, state)
    return opened


def check_checks(run: Observed, epochs: dict[int, dict[tuple[str, str], Held]]) -> None:
    """Validators check claims of models that they serve; what they vote is what they found."""
    serves = defaultdict(set)
    for group in run.scenario.hosts:
        for address in group.addresses:
            serves[address] |= {node.model for node in run.world.hosts[address]._production.ml_nodes}
    rows = run.result.validations
    for row in rows.itertuples():
        assert row.n_checked == 0 or row.model in serves[row.validator]
        vote = epochs[row.epoch][row.participant, row.model].votes.get(row.validator)
        if vote is not None and row.validator not in liars(run):
            assert row.vote == ("valid" if vote else "fraud")


def liars(run: Observed) -> set[str]:
    """Hosts that vote for themselves whatever they found."""
    people = run.result.participants
    return set(people.loc[people["strategy"] != "honest", "participant"])


def check_members(run: Observed) -> None:
    """Weight comes from accepted claims and preserved nodes only, unless there are none and the old members stay."""
    claims = run.result.claims.groupby(["epoch", "participant"])[["is_accepted", "preserved_weight"]].max()
    formed = set(run.result.claims.query("is_accepted")["epoch"])
    for row in run.result.participants[run.result.participants["weight"] > 0].itertuples():
        if row.epoch not in formed:
            continue
        told = claims.loc[row.epoch, row.participant]
        assert told["is_accepted"] or told["preserved_weight"] > 0, (row.epoch, row.participant)
