"""Counting all votes at once, beside one dictionary per participant (protocol 4.5, 4.6)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.log import Log
from sim.protocol.tallies import read_votes, tally_slots, tally_weights
from sim.protocol.transactions import SubmitValidation
from sim.protocol.votes import Claimant, decide_by_majority, find_reason, judge_participant

NAMES = "abcdef"
NAME = st.sampled_from(NAMES)
VALIDATIONS = st.lists(
    st.builds(
        lambda by, said: SubmitValidation(
            "tx", by, 1, tuple(who for who, _ in said), tuple(fraud for _, fraud in said)
        ),
        NAME,
        st.lists(st.tuples(NAME, st.booleans()), max_size=6),
    ),
    max_size=12,
)


def overwrite(validations: list[SubmitValidation]) -> dict[tuple[str, str], bool]:
    """The naive twin: a dictionary in which a later verdict replaces an earlier one."""
    return {
        (who, validation.creator): is_fraud
        for validation in validations
        for who, is_fraud in zip(validation.participants, validation.verdicts, strict=True)
    }


@given(VALIDATIONS, st.dictionaries(NAME, st.integers(1, 10**12)), st.sets(NAME))
def test_everybody_is_judged_as_one_by_one(
    validations: list[SubmitValidation], weights: dict[str, int], who: set[str]
) -> None:
    claimants, frauds = sorted(who), overwrite(validations)
    tally = tally_weights(read_votes(Log(validations), claimants, list(weights)), list(weights.values()))
    for place, claimant in enumerate(claimants):
        mine = {validator: is_fraud for (about, validator), is_fraud in frauds.items() if about == claimant}
        verdict = judge_participant(Claimant(claimant, 1), mine, weights)
        valid, invalid = int(tally.valid[place]), int(tally.invalid[place])
        assert (valid, invalid, tally.total) == (verdict.valid_weight, verdict.invalid_weight, verdict.total_weight)
        opinion = decide_by_majority(valid, invalid, tally.total)
        assert find_reason(Claimant(claimant, 1), tally.n_votes[place] > 0, opinion) is verdict.reason


@given(VALIDATIONS, st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_slots_are_counted_as_one_by_one(validations: list[SubmitValidation], holders: list[list[int]]) -> None:
    """A slot says what its holder said last, whoever else said anything; a silent holder's slots are abstentions."""
    claimants, voters, frauds = list(NAMES[: len(holders)]), list("abcd"), overwrite(validations)
    tally = tally_slots(read_votes(Log(validations), claimants, voters), np.array(holders))
    for place, claimant in enumerate(claimants):
        said = [frauds.get((claimant, voters[holder])) for holder in holders[place]]
        assert (tally.valid[place], tally.invalid[place], tally.total) == (said.count(False), said.count(True), 4)
        assert tally.n_votes[place] == 4 - said.count(None)
