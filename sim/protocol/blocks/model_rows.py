"""VE where claims are by model, as rows: every claim, every model's group, every participant (network 2.7, 2.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.protocol.blocks.model_groups import activate_groups, gather_preserved
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.records import ClaimJudged, GroupFormed, ParticipantJudged, Record
from sim.protocol.blocks.state import ChainState
from sim.protocol.models.delegation import Mode, Participation
from sim.protocol.models.formed import FormedEpoch
from sim.protocol.models.params import ModelParams
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import name_claim, split_claim
from sim.protocol.proofs.confirmation_readings import weigh_models
from sim.protocol.proofs.votes import Reason, Verdict

NO_CLAIM = Verdict("", Reason.NO_CLAIM, 0, 0, 0)


def describe_models(
    state: ChainState,
    claims: Mapping[str, CountedClaim],
    verdicts: Mapping[str, Verdict],
    params: ProtocolParams,
) -> Iterator[Record]:
    """Yield rows of the group just formed; `claims` and `verdicts` are by the names of claims."""
    assert state.next_group is not None, "a group was formed"
    formed = state.next_group.formed
    by_host: dict[str, list[str]] = {}
    for name in claims:
        by_host.setdefault(split_claim(name)[0], []).append(name)
    hosts = sorted({*by_host, *(formed.groups.weights if formed is not None else ())})
    activated = {} if formed is None else activate_groups(state, formed.groups, state.next_group.index, params)
    for who in hosts:
        yield _describe_host(state, who, [claims[name] for name in by_host.get(who, [])], verdicts, activated)
    for model in params.rules_at(state.next_group.index).models:
        if formed is not None:
            yield _describe_group(state, formed, model)
        for who in hosts:
            yield from _describe_claim(state, who, model.name, claims, verdicts)


def _describe_host(
    state: ChainState,
    who: str,
    mine: Sequence[CountedClaim],
    verdicts: Mapping[str, Verdict],
    activated: Mapping[str, int],
) -> ParticipantJudged:
    """Sums over a participant's claims; it is accepted by any of them, else the first reason in order counts."""
    group = state.next_group
    assert group is not None
    said = [verdict for name, verdict in verdicts.items() if split_claim(name)[0] == who] or [NO_CLAIM]
    scales = {} if group.formed is None else group.formed.groups.scales
    kept = {model: sum(nodes.values()) for model, nodes in gather_preserved(state.effective).get(who, {}).items()}
    reasons = [verdict.reason for verdict in said]
    return ParticipantJudged(
        epoch=group.index,
        participant=who,
        claimed_nonces=sum(claim.claimed_nonces for claim in mine),
        distinct_nonces=sum(claim.distinct_nonces for claim in mine),
        counted_nonces=sum(claim.counted_nonces for claim in mine),
        claimed_weight=sum(claim.weight for claim in mine),
        valid_vote_weight=sum(verdict.valid_weight for verdict in said),
        invalid_vote_weight=sum(verdict.invalid_weight for verdict in said),
        total_vote_weight=sum(verdict.total_weight for verdict in said),
        is_accepted=Reason.ACCEPTED in reasons,
        reason=Reason.ACCEPTED if Reason.ACCEPTED in reasons else reasons[0],
        preserved_weight=weigh_models(kept, scales),
        dropped_weight=0,
        uncapped_weight=0 if group.formed is None else group.formed.groups.weights.get(who, 0),
        activated_weight=activated.get(who, 0),
        is_member=who in group.weights,
        weight=group.weights.get(who, 0),
    )


def _describe_claim(
    state: ChainState, who: str, model: str, claims: Mapping[str, CountedClaim], verdicts: Mapping[str, Verdict]
) -> Iterator[ClaimJudged]:
    """A row for whoever claims for the model, has a seat in it, or has a mode in it other than none."""
    group, name = state.next_group, name_claim(who, model)
    assert group is not None
    groups = None if group.formed is None else group.formed.groups
    seated = {} if groups is None else groups.node_weights.get(who, {}).get(model, {})
    modes = {} if groups is None else groups.modes.get(model, {})
    mode, delegate = modes.get(who, Participation(Mode.DIRECT if seated else Mode.NONE))
    if name not in claims and not seated and mode is Mode.NONE:
        return
    claim, verdict = claims.get(name, CountedClaim()), verdicts.get(name, NO_CLAIM)
    kept = gather_preserved(state.effective).get(who, {}).get(model, {})
    yield ClaimJudged(
        epoch=group.index,
        participant=who,
        model=model,
        claimed_nonces=claim.claimed_nonces,
        claimed_weight=claim.weight,
        valid_vote_power=verdict.valid_weight,
        invalid_vote_power=verdict.invalid_weight,
        total_vote_weight=verdict.total_weight,
        is_accepted=verdict.is_accepted,
        reason=verdict.reason,
        preserved_weight=sum(kept.values()),
        raw_weight=sum(seated.values()),
        mode=mode,
        delegate=delegate,
        voting_power=group.voting_powers.get(model, {}).get(who, 0),
    )


def _describe_group(state: ChainState, formed: FormedEpoch, model: ModelParams) -> GroupFormed:
    assert state.next_group is not None
    members = {
        who: sum(models[model.name].values())
        for who, models in formed.groups.node_weights.items()
        if models.get(model.name)
    }
    powers, scale = formed.voting_powers.get(model.name, {}), formed.groups.scales.get(model.name)
    return GroupFormed(
        epoch=state.next_group.index,
        model=model.name,
        coefficient=float(model.coefficient),
        is_eligible=model.name in formed.groups.eligible,
        members=len(members),
        raw_weight=sum(members.values()),
        weight_per_raw_unit=0.0 if scale is None else float(scale),
        weight=0 if scale is None else sum(int(scale * weight) for weight in members.values()),
        voters=len(powers),
        voting_power=sum(powers.values()),
        total_power=sum(formed.cap_weights.values()),
    )
