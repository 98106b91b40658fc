"""Laws of PoC Challenges in every run, by a second reading of blocks and payments, beside those of `answers`."""

from __future__ import annotations

from typing import Any

from laws_of_answers import check_all_of_answers
from observed import Observed


def check_all_of_challenges(run: Observed) -> int:
    """Every law below, and those of answers; return how many challenges the chain has taken."""
    check_all_of_answers(run)
    taken = list_taken(run)
    check_openings(run, taken)
    check_coins(run)
    check_stakes(run, len(taken))
    check_targets(run)
    check_votes(run)
    return len(taken)


def list_taken(run: Observed) -> list[tuple[int, Any]]:
    """Height and message of each challenge that was taken."""
    fates = run.result.transactions.set_index("tx_id")["result"]
    found = [(block.height, each) for block in run.blocks for each in block.transactions]
    return [
        (height, each)
        for height, each in found
        if type(each).__name__ == "OpenChallenge" and fates[each.tx_id] == "accepted"
    ]


def check_openings(run: Observed, taken: list[tuple[int, Any]]) -> None:
    """The target is a member, no other challenge of it is open, no confirmation runs, and the stake is paid."""
    for height, message in taken:
        before, after = run.state_after(height - 1), run.state_after(height)
        assert message.target in before.effective.present
        assert message.target not in before.challenges
        assert before.upcoming is None
        assert before.confirmation.end_height is None
        stake = after.challenges[message.target].stake
        assert 0 < stake.locked <= before.balances[message.creator]
        assert len(after.challenges) <= run.params.challenges.challenge_most_open


def check_coins(run: Observed) -> None:
    """No coin is made or lost in any block."""
    deposited = sum(deposit.total for deposit in run.state_after(0).deposits.values())
    for height in range(1, run.last_state.height + 1):
        state = run.state_after(height)
        held = sum(sum(part.values()) for part in (state.balances, {w: sum(v) for w, v in state.vesting.items()}))
        waiting = sum(record.amount for record in state.settled.values())
        locked = sum(challenge.stake.locked for challenge in state.challenges.values())
        collateral = sum(deposit.total for deposit in state.deposits.values())
        gone = state.burnt + state.left + state.slashed + state.governance
        late = sum(deposit.collateral_ngonka for deposit in registered(run, height))
        assert state.emitted + state.fees + deposited + late == held + waiting + locked + collateral + gone, height


def registered(run: Observed, height: int) -> list[Any]:
    """Registrations in blocks up to a height."""
    fates = run.result.transactions.set_index("tx_id")["result"]
    return [
        each
        for block in run.blocks
        for each in block.transactions
        if type(each).__name__ == "RegisterHost" and block.height <= height and fates[each.tx_id] == "accepted"
    ]


def check_stakes(run: Observed, n_taken: int) -> None:
    """What was staked is forfeited, returned or still locked; a row tells who has it."""
    moved = run.result.payments.groupby("kind")["amount_ngonka"].sum()
    locked = run.last_state.challenges.values()
    assert n_taken == len(run.result.challenges) + len(locked)
    out = moved.get("forfeited", 0) + moved.get("returned", 0) + sum(each.stake.locked for each in locked)
    assert moved.get("staked", 0) == out
    for row in run.result.challenges.to_dict("records"):
        assert row["stake_to_target_ngonka"] + row["stake_back_ngonka"] == row["stake_ngonka"]
        assert (row["prize_ngonka"] == 0) or (row["outcome"] == "failed")
        paid = run.result.rewards.query("epoch == @row['epoch'] and participant == @row['participant']")
        assert (row["outcome"] == "passed") or (paid["reward_ngonka"] == 0).all()


def check_targets(run: Observed) -> None:
    """While a segment runs its target claims in no proof of compute: it commits once a slice, for the segment."""
    fates = run.result.transactions.set_index("tx_id")["result"]
    for block in run.blocks:
        before = run.state_after(block.height - 1)
        for each in block.transactions if before.challenges else ():
            challenge = before.challenges.get(each.creator)
            if challenge is None or not challenge.is_running or type(each).__name__ != "StoreCommit":
                continue
            if fates[each.tx_id] == "accepted":
                assert each.start_height == challenge.segment.start
                slices = [segment_slice(run, challenge, height) for height in (block.height, last_commit(challenge))]
                assert slices[0] != slices[1]


def segment_slice(run: Observed, challenge: Any, height: int) -> int:
    return (height - challenge.segment.start) // run.params.challenges.challenge_slice_blocks


def last_commit(challenge: Any) -> int:
    """Height of the last commitment; before the segment where there is none."""
    return max((held.height for held in challenge.segment.held.values()), default=challenge.segment.start - 1000)


def check_votes(run: Observed) -> None:
    """The target's weight is not part of what its segments are judged by."""
    for row in run.result.segments.query("total_vote_weight > 0").to_dict("records"):
        state = run.state_after(row["end_height"])
        others = sum(weight for who, weight in state.effective.trusted.items() if who != row["participant"])
        assert row["valid_vote_power"] + row["invalid_vote_power"] <= row["total_vote_weight"] <= others
