"""VE: every claim of a model is judged by the stored votes, all at once (network 2.7)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.protocol.blocks import judging_models
from sim.protocol.blocks.fast.tallies import read_votes, tally_powers
from sim.protocol.blocks.judging import describe_claimant
from sim.protocol.blocks.state import ChainState, UpcomingEpoch
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.committee import decide_by_guardians
from sim.protocol.proofs.votes import Verdict, find_reason
from sim.protocol.switches import Rules


def judge_models(
    state: ChainState, claims: Mapping[str, CountedClaim], upcoming: UpcomingEpoch, rules: Rules
) -> dict[str, Verdict]:
    """Judge every claim, by name. The rule: `sim.protocol.blocks.judging_models.judge_models`.

    Where slots are drawn that rule runs itself.
    """
    ballot = upcoming.ballot
    assert ballot is not None, "claims of models are judged by the powers at V"
    if ballot.bar.n_slots or not claims:
        return judging_models.judge_models(state, claims, upcoming, rules)
    powers, total = ballot.snapshot.powers, ballot.snapshot.total
    voters = sorted({*ballot.snapshot.guardians, *(who for own in powers.values() for who in own)})
    votes = read_votes(state.validations, list(claims), voters, first_stands=rules.first_vote_stands)
    models = sorted({split_claim(name)[1] for name in claims})
    rows = np.array([models.index(split_claim(name)[1]) for name in claims], dtype=np.int64)
    held = np.array([[powers.get(model, {}).get(who, 0) for who in voters] for model in models], dtype=np.int64)
    able = [ballot.get_able_guardians(model) for model in models]
    voices = np.array([[who in guardians for who in voters] for guardians in able], dtype=np.int64)
    said = tally_powers(votes, held.reshape(len(models), len(voters)), rows)
    asked = tally_powers(votes, voices.reshape(len(models), len(voters)), rows)
    spoken = {name for validation in state.validations for name in validation.participants}
    counts = zip(*(part.tolist() for part in (said.valid, said.invalid, asked.valid, asked.invalid)), strict=True)
    verdicts = {}
    for (name, claim), (yes, no, ayes, noes) in zip(claims.items(), counts, strict=True):
        address, model = split_claim(name)
        opinion = ballot.bar.decide(yes, no, total) if powers.get(model) else None
        if powers.get(model) and opinion is None:
            opinion = decide_by_guardians(ayes, noes)
        reason = find_reason(describe_claimant(state, address, claim, upcoming), name in spoken, opinion)
        verdicts[name] = Verdict(address, reason, yes, no, total)
    return verdicts
