"""Votes on claims of models: by whose powers at V they count (network 2.7).

In runs `fast.judging_models` takes the place of `judge_models`, which counts all votes at once and keeps this rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.protocol.blocks.judging import describe_claimant, read_votes
from sim.protocol.blocks.state import ChainState, UpcomingEpoch
from sim.protocol.proofs.acceptance import judge_answers
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.votes import Verdict
from sim.protocol.switches import Rules


def judge_models(
    state: ChainState, claims: Mapping[str, CountedClaim], upcoming: UpcomingEpoch, rules: Rules
) -> dict[str, Verdict]:
    """Judge every claim, by name, one after the other. Reference: network 2.7."""
    ballot = upcoming.ballot
    assert ballot is not None, "claims of models are judged by the powers at V"
    frauds = read_votes(state.validations, first_stands=rules.first_vote_stands)
    verdicts = {}
    for name, claim in claims.items():
        address, model = split_claim(name)
        votes = {validator: not is_fraud for validator, is_fraud in frauds.get(name, {}).items()}
        claimant = describe_claimant(state, address, claim, upcoming)
        verdicts[name] = judge_answers(
            claimant,
            model,
            votes,
            ballot.snapshot,
            ballot.bar,
            guardians_need_power=ballot.guardians_need_power,
        )
    return verdicts
