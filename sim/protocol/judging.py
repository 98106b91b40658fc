"""VE: every claim is judged by the stored votes, of all members or of a committee (protocol 4.6, protocol 4.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.protocol.committee import decide_by_guardians, decide_by_slots
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.state import ChainState, UpcomingEpoch
from sim.protocol.tallies import Tally, Votes, read_votes, tally_guardians, tally_slots, tally_weights
from sim.protocol.versions import Rules
from sim.protocol.votes import Claimant, Verdict, decide_by_majority, find_reason, select_voters


def judge_claims(
    state: ChainState, claims: Mapping[str, CountedClaim], upcoming: UpcomingEpoch, rules: Rules
) -> dict[str, Verdict]:
    """Judge every claim, by address: what `votes.judge_participant` does for one, for all in one pass."""
    committee = upcoming.committee
    voters = select_voters(state.effective.weights, rules.member_page_limit) if committee is None else committee.weights
    votes = read_votes(state.validations, list(claims), list(voters))
    if committee is None:
        tally = tally_weights(votes, list(voters.values()))
        opinions = [decide_by_majority(*said, tally.total) for said in _iterate(tally)]
    else:
        tally = tally_slots(votes, committee.draw(list(claims)))
        opinions = list(_ask_guardians(tally, votes, voters, committee.guardians))
    return {
        who: Verdict(
            who, find_reason(_claimant(state, who, claim, upcoming), n > 0, opinion), valid, invalid, tally.total
        )
        for (who, claim), (valid, invalid), n, opinion in zip(
            claims.items(), _iterate(tally), tally.n_votes.tolist(), opinions, strict=True
        )
    }


def _ask_guardians(
    tally: Tally, votes: Votes, voters: Mapping[str, int], guardians: frozenset[str]
) -> Iterator[bool | None]:
    """Yield what the slots say, and where they do not decide, what the guardians say."""
    asked = tally_guardians(votes, voters, guardians)
    for slots, voices in zip(_iterate(tally), _iterate(asked), strict=True):
        opinion = decide_by_slots(*slots, tally.total)
        yield decide_by_guardians(*voices, asked.total) if opinion is None else opinion


def _iterate(tally: Tally) -> Iterator[tuple[int, int]]:
    return zip(tally.valid.tolist(), tally.invalid.tolist(), strict=True)


def _claimant(state: ChainState, who: str, claim: CountedClaim, upcoming: UpcomingEpoch) -> Claimant:
    record = state.hosts.get(who)
    return Claimant(
        address=who,
        claimed_weight=claim.weight,
        has_record=record is not None,
        has_validator_key=record is not None and bool(record.validator_key),
        has_seed=(upcoming.index, who) in state.seeds,
    )
