"""What happens at an epoch's edges on chain: P opens it, VE forms its weights, S makes it effective (protocol 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pow.sphere import r_target_for
from sim.protocol.params import ProtocolParams
from sim.protocol.rewards import compute_epoch_reward, split_reward
from sim.protocol.state import (
    ChainState,
    EpochGroup,
    EpochObservation,
    Settlement,
    UpcomingEpoch,
    batches_by_participant,
)
from sim.protocol.votes import Verdict, judge_participant
from sim.protocol.weights import cap_weights, compute_claimed_weight, count_nonces

NextDifficulty = Callable[[tuple[EpochObservation, ...]], float]
SEED_EPOCHS_KEPT = 2


@dataclass(frozen=True)
class ParticipantOutcome:
    """One participant at VE: what it claimed and what is left of it."""

    claimed_nonces: int
    counted_nonces: int
    claimed_weight: int
    verdict: Verdict
    weight: int
    """After the cap; 0 where rejected."""


@dataclass(frozen=True)
class EpochFormed:
    """The result of VE: the weights of epoch `index` and the controller's decision."""

    index: int
    outcomes: Mapping[str, ParticipantOutcome]
    observation: EpochObservation
    next_difficulty: float


@dataclass(frozen=True)
class EpochSettled:
    """Rewards of an epoch that ended, in ngonka, by address; `burnt` are older ones that nobody claimed."""

    index: int
    weights: Mapping[str, int]
    rewards: Mapping[str, int]
    emission: int
    burnt: int


def open_epoch(state: ChainState, block_hash: str) -> ChainState:
    """P: the next epoch exists; proofs and votes of the last one are pruned."""
    index = state.effective.index + 1
    return replace(
        state,
        upcoming=UpcomingEpoch(index, state.height, block_hash),
        batches={},
        frauds={},
        seeds={key: seed for key, seed in state.seeds.items() if key[0] >= index - SEED_EPOCHS_KEPT},
    )


def settle_epoch(state: ChainState) -> tuple[ChainState, EpochSettled | None]:
    """VE, first: settle the effective epoch; unclaimed rewards of earlier ones are burnt. Reference: protocol 1.4."""
    group = state.effective
    if group.index == 0:
        return state, None
    emission = compute_epoch_reward(group.index, state.emitted)
    rewards = split_reward(group.weights, emission)
    settled = {
        address: Settlement(group.index, amount, state.seeds.get((group.index, address), ""))
        for address, amount in rewards.items()
    }
    burnt = sum(settlement.amount for settlement in state.settled.values())
    after = replace(state, settled=settled, emitted=state.emitted + emission, burnt=state.burnt + burnt)
    return after, EpochSettled(group.index, group.weights, rewards, emission, burnt)


def form_epoch(
    state: ChainState, params: ProtocolParams, next_difficulty: NextDifficulty
) -> tuple[ChainState, EpochFormed]:
    """VE, then: judge every claim, cap the weights, let the controller decide. Reference: protocol 4.6, 5.3."""
    assert state.upcoming is not None, "VE without P: the schedule is broken"
    index = state.upcoming.index
    claims = {who: [b.proofs.nonces for b in batches] for who, batches in batches_by_participant(state).items()}
    counted = {who: count_nonces(nonces, params.rules) for who, nonces in claims.items()}
    claimed_weights = {who: compute_claimed_weight(n_counted, params.rules) for who, n_counted in counted.items()}
    verdicts = {who: _judge(state, index, who, weight) for who, weight in claimed_weights.items()}
    accepted = {who: weight for who, weight in claimed_weights.items() if verdicts[who].is_accepted}
    weights = cap_weights(accepted, params.max_individual_power_percentage)
    outcomes = {
        who: ParticipantOutcome(
            claimed_nonces=sum(len(nonces) for nonces in claims[who]),
            counted_nonces=counted[who],
            claimed_weight=claimed_weights[who],
            verdict=verdicts[who],
            weight=weights.get(who, 0),
        )
        for who in claims
    }
    observation = EpochObservation(index, state.difficulty, sum(counted[who] for who in accepted))
    history = (*state.history, observation)
    decided = max(1.0, next_difficulty(history))
    after = replace(state, next_group=EpochGroup(index, weights), history=history, next_difficulty=decided)
    return after, EpochFormed(index, outcomes, observation, decided)


def _judge(state: ChainState, index: int, participant: str, claimed_weight: int) -> Verdict:
    frauds = {validator: fraud for (who, validator), fraud in state.frauds.items() if who == participant}
    has_seed = (index, participant) in state.seeds
    return judge_participant(participant, claimed_weight, frauds, state.effective.weights, has_seed)


def switch_epoch(state: ChainState, params: ProtocolParams) -> ChainState:
    """S: the formed epoch becomes effective, and with it the decided difficulty."""
    assert state.next_group is not None, "S without VE: the schedule is broken"
    group = state.next_group
    members = {address: weight for address, weight in group.weights.items() if weight > 0}
    changed = state.next_difficulty != state.difficulty
    return replace(
        state,
        effective=EpochGroup(group.index, members),
        powers=members or state.powers,
        upcoming=None,
        next_group=None,
        difficulty=state.next_difficulty,
        r_target=r_target_for(1.0 / state.next_difficulty, params.vector_dim) if changed else state.r_target,
    )
