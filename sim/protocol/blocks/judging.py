"""VE: every claim is judged by the stored votes, of all members or of a committee (protocol 4.6, 4.9).

In runs `fast.judging` takes its place, which counts all votes at once and keeps this rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sim.protocol.blocks.state import ChainState, UpcomingEpoch
from sim.protocol.consensus.transactions import SubmitValidation
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.committee import Committee, decide_by_guardians, decide_by_slots
from sim.protocol.proofs.votes import (
    Claimant,
    Verdict,
    find_reason,
    judge_participant,
    select_voters,
)
from sim.protocol.switches import Rules


def judge_claims(
    state: ChainState, claims: Mapping[str, CountedClaim], upcoming: UpcomingEpoch, rules: Rules
) -> dict[str, Verdict]:
    """Judge every claim, by address, one after the other. Reference: protocol 4.6, 4.9."""
    frauds = read_votes(state.validations, first_stands=rules.first_vote_stands)
    committee = upcoming.committee
    voters = select_voters(state.effective.present, rules.member_page_limit)
    verdicts = {}
    for who, claim in claims.items():
        claimant, votes = describe_claimant(state, who, claim, upcoming), frauds.get(who, {})
        silent = who if rules.ignores_own_votes else None
        verdicts[who] = (
            judge_participant(claimant, votes, {voter: held for voter, held in voters.items() if voter != silent})
            if committee is None
            else judge_by_committee(claimant, votes, committee, silent)
        )
    return verdicts


def read_votes(validations: Iterable[SubmitValidation], *, first_stands: bool = False) -> dict[str, dict[str, bool]]:
    """Return participant -> validator -> whether it votes fraud; of a pair the last verdict holds, or the first.

    Reference: protocol 4.5, network 2.5.
    """
    frauds: dict[str, dict[str, bool]] = {}
    for said in validations:
        for participant, is_fraud in zip(said.participants, said.verdicts, strict=True):
            held = frauds.setdefault(participant, {})
            held[said.creator] = held.get(said.creator, is_fraud) if first_stands else is_fraud
    return frauds


def judge_by_committee(
    claimant: Claimant, frauds: Mapping[str, bool], committee: Committee, silent: str | None = None
) -> Verdict:
    """Run the acceptance tests on the votes of the holders of the participant's slots, each as often as it holds one.

    A slot without a holder, or with one that says nothing, abstains. Where slots do not decide, the guardians do, but a
    claim on which no holder of a slot has voted fails before they are asked. The member `silent` counts nowhere.
    Reference: protocol 4.9.
    """
    members, places = list(committee.weights), committee.draw([claimant.address])[0]
    holders = [members[place] if members else None for place in places.tolist()]
    asked = [holder for holder in holders if holder is None or holder != silent]
    slots = Counter(frauds.get(holder) if holder is not None else None for holder in asked)
    voices = Counter(frauds.get(guardian) for guardian in committee.guardians - {silent})
    opinion = decide_by_slots(slots[False], slots[True], len(asked))
    if opinion is None:
        opinion = decide_by_guardians(voices[False], voices[True])
    reason = find_reason(claimant, bool(slots[False] + slots[True]), opinion)
    return Verdict(claimant.address, reason, slots[False], slots[True], len(asked))


def describe_claimant(state: ChainState, who: str, claim: CountedClaim, upcoming: UpcomingEpoch) -> Claimant:
    """Return the facts that the acceptance tests look at besides votes."""
    record = state.hosts.get(who)
    return Claimant(
        address=who,
        claimed_weight=claim.weight,
        has_record=record is not None,
        has_validator_key=record is not None and bool(record.validator_key),
        has_seed=(upcoming.index, who) in state.seeds,
    )
