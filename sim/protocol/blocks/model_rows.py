"""VE where claims are by model, as rows: every claim, every model's group, every participant (network 2.7, 2.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sim.protocol.blocks.formation import describe_judgement
from sim.protocol.blocks.model_groups import activate_groups, gather_preserved
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.records import ClaimJudged, GroupFormed, Record
from sim.protocol.blocks.state import ChainState, EpochGroup
from sim.protocol.models.delegation import ModelMode, Participation
from sim.protocol.models.formed import FormedEpoch
from sim.protocol.models.params import ModelParams
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import name_claim, split_claim
from sim.protocol.proofs.votes import Reason, Verdict
from sim.protocol.proofs.weights import MergedWeight

NO_CLAIM = Verdict("", Reason.NO_CLAIM, 0, 0, 0)


def describe_models(
    state: ChainState,
    claims: Mapping[str, CountedClaim],
    verdicts: Mapping[str, Verdict],
    params: ProtocolParams,
) -> Iterator[Record]:
    """Yield rows of the group just formed; `claims` and `verdicts` are by the names of claims."""
    assert state.next_group is not None, "a group was formed"
    index, formed = state.next_group.index, state.next_group.formed
    weights = {} if formed is None else formed.groups.weights
    merged = {who: MergedWeight(weight, {}) for who, weight in weights.items()}
    activated = {} if formed is None else activate_groups(state, formed.groups, index, params)
    yield from describe_judgement(state, claims, verdicts, merged, activated)
    kept, hosts = gather_preserved(state.effective), sorted({*weights, *(split_claim(name)[0] for name in claims)})
    for model in params.rules_at(index).models:
        if formed is not None:
            yield _describe_group(formed, index, model)
        for who in hosts:
            preserved = sum(kept.get(who, {}).get(model.name, {}).values())
            yield from _describe_claim(state.next_group, who, model.name, claims, verdicts, preserved)


def _describe_claim(
    group: EpochGroup,
    who: str,
    model: str,
    claims: Mapping[str, CountedClaim],
    verdicts: Mapping[str, Verdict],
    preserved: int,
) -> Iterator[ClaimJudged]:
    """A row for whoever claims for the model, has a seat in it, or has a mode in it other than none."""
    name = name_claim(who, model)
    seated = {} if group.formed is None else group.formed.groups.node_weights.get(who, {}).get(model, {})
    modes = {} if group.formed is None else group.formed.groups.modes.get(model, {})
    mode, delegate = modes.get(who, Participation(ModelMode.DIRECT if seated else ModelMode.NONE))
    if name not in claims and not seated and mode is ModelMode.NONE:
        return
    claim, verdict = claims.get(name, CountedClaim()), verdicts.get(name, NO_CLAIM)
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
        preserved_weight=preserved,
        raw_weight=sum(seated.values()),
        mode=mode,
        delegate=delegate,
        voting_power=group.voting_powers.get(model, {}).get(who, 0),
    )


def _describe_group(formed: FormedEpoch, index: int, model: ModelParams) -> GroupFormed:
    members = {
        who: sum(models[model.name].values())
        for who, models in formed.groups.node_weights.items()
        if models.get(model.name)
    }
    powers, scale = formed.voting_powers.get(model.name, {}), formed.groups.scales.get(model.name)
    return GroupFormed(
        epoch=index,
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
