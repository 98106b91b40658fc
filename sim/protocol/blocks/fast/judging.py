"""VE: every claim is judged by the stored votes, all at once (protocol 4.6, 4.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.protocol.blocks.fast.tallies import Tally, Votes, read_votes, tally_guardians, tally_slots, tally_weights
from sim.protocol.blocks.judging import describe_claimant
from sim.protocol.blocks.state import ChainState, UpcomingEpoch
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.committee import decide_by_guardians, decide_by_slots
from sim.protocol.proofs.votes import Verdict, decide_by_majority, find_reason, select_voters
from sim.protocol.switches import Rules


def judge_claims(
    state: ChainState, claims: Mapping[str, CountedClaim], upcoming: UpcomingEpoch, rules: Rules
) -> dict[str, Verdict]:
    """Judge every claim, by address. The rule: `sim.protocol.blocks.judging.judge_claims`."""
    committee = upcoming.committee
    voters = select_voters(state.effective.present, rules.member_page_limit) if committee is None else committee.weights
    votes = read_votes(
        state.validations,
        list(claims),
        list(voters),
        ignores_own=rules.ignores_own_votes,
        first_stands=rules.first_vote_stands,
    )
    if committee is None:
        tally = tally_weights(votes, list(voters.values()))
        opinions = [decide_by_majority(*said) for said in _iterate(tally)]
    else:
        tally = tally_slots(votes, committee.draw(list(claims)))
        opinions = list(_ask_guardians(tally, votes, voters, committee.guardians))
    verdicts = {}
    said = zip(_iterate(tally), tally.n_votes.tolist(), opinions, strict=True)
    for (who, claim), ((valid, invalid, total), n_votes, opinion) in zip(claims.items(), said, strict=True):
        reason = find_reason(describe_claimant(state, who, claim, upcoming), n_votes > 0, opinion)
        verdicts[who] = Verdict(who, reason, valid, invalid, total)
    return verdicts


def _ask_guardians(
    tally: Tally, votes: Votes, voters: Mapping[str, int], guardians: frozenset[str]
) -> Iterator[bool | None]:
    """Yield the opinion of the slots, and that of the guardians where slots do not decide."""
    asked = tally_guardians(votes, voters, guardians)
    for slots, voices in zip(_iterate(tally), _iterate(asked), strict=True):
        opinion = decide_by_slots(*slots)
        yield decide_by_guardians(*voices[:2]) if opinion is None else opinion


def _iterate(tally: Tally) -> Iterator[tuple[int, int, int]]:
    return zip(tally.valid.tolist(), tally.invalid.tolist(), tally.total.tolist(), strict=True)
