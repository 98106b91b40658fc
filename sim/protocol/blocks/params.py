"""The parameters that the chain carries and every host reads from its own state.

Where an annotation holds a sentence, the field is a key of a scenario's `protocol`, with these bounds and this meaning.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import attrgetter
from typing import Annotated

from pydantic import Field

from sim.protocol.consensus.signing import SigningParams
from sim.protocol.consensus.transactions import HEADER_BYTES
from sim.protocol.models.challenge import MAINNET_CHALLENGES, ChallengeParams
from sim.protocol.models.params import MAINNET_GROUPS, GroupParams
from sim.protocol.money.accounts import VESTING_EPOCHS
from sim.protocol.money.collateral import COLLATERAL_PER_WEIGHT_UNIT, GRACE_END_EPOCH
from sim.protocol.money.pricing import MAINNET_PRICING, PricingParams
from sim.protocol.proofs.base import Episode
from sim.protocol.proofs.commits import get_terms
from sim.protocol.switches import Rules
from sim.protocol.versions import RuleBook
from sim.units import Bytes

MOST_BLOCKS = 1_000_000  # of an epoch, and of each of its parts: two months of main net's blocks
MOST_EPOCHS = 1_000_000


@dataclass(frozen=True)
class EpochParams:
    """Lengths of an epoch's parts, in blocks. Reference: protocol 1.1, 10."""

    epoch_length: Annotated[int, Field(ge=1, le=MOST_BLOCKS), "blocks from one PoC start to the next"] = 40
    epoch_shift: Annotated[int, Field(ge=0, le=MOST_BLOCKS), "blocks by which epoch 1 starts earlier"] = 0
    poc_stage_duration: Annotated[int, Field(ge=1, le=MOST_BLOCKS), "blocks of generation"] = 10
    poc_exchange_duration: Annotated[
        int, Field(ge=0, le=MOST_BLOCKS), "blocks after generation in which batches still count"
    ] = 2
    poc_validation_delay: Annotated[
        int, Field(ge=0, le=MOST_BLOCKS), "blocks from the end of generation to validation"
    ] = 2
    poc_validation_duration: Annotated[int, Field(ge=1, le=MOST_BLOCKS), "blocks of validation"] = 6
    set_new_validators_delay: Annotated[
        int, Field(ge=0, le=MOST_BLOCKS), "blocks from the end of validation to the new weights"
    ] = 1
    inference_validation_cutoff: Annotated[
        int,
        Field(ge=0, le=MOST_BLOCKS),
        "blocks before the next epoch in which inferences need no validation; also a confirmation's grace",
    ] = 0


@dataclass(frozen=True)
class EpochChange:
    """From this block on the epoch's parts have these lengths, in the epoch that is running too."""

    height: int
    epoch: EpochParams


def accumulate_changes(
    genesis: EpochParams, changes: Iterable[tuple[int, Mapping[str, int]]]
) -> tuple[EpochChange, ...]:
    """Return complete lengths after each change; `changes` are (height, new lengths by name) in ascending order."""
    accumulated, lengths = [], genesis
    for height, changed in changes:
        lengths = replace(lengths, **changed)
        accumulated.append(EpochChange(height, lengths))
    return tuple(accumulated)


def get_epoch_at(height: int, genesis: EpochParams, changes: Sequence[EpochChange]) -> EpochParams:
    """Return the lengths that hold at a height; `changes` in ascending order. Reference: protocol 1.1."""
    n_past = bisect_right(changes, height, key=attrgetter("height"))
    return changes[n_past - 1].epoch if n_past else genesis


@dataclass(frozen=True, kw_only=True)
class ChainParams(SigningParams):
    """Limits and thresholds that governance sets."""

    block_max_bytes: Annotated[Bytes, Field(gt=0), "most bytes of one block, its header of 2000 bytes included"] = (
        22_020_096
    )
    validation_sample_size: Annotated[
        int, Field(ge=1, le=1_000_000), "nonces that a validator recomputes per participant"
    ] = 200
    validation_committee: Annotated[
        int | None,
        Field(ge=1, le=10_000),
        "slots of every participant, drawn among members by weight; null: everybody checks everybody",
    ] = None
    fraud_threshold: Annotated[float, Field(gt=0, lt=1), "p-value below which a validator votes fraud"] = 1e-7
    p_mismatch: Annotated[float, Field(gt=0, lt=1), "probability that an honest nonce fails when recomputed"] = 5e-4
    max_individual_power_percentage: Annotated[
        float | None,
        Field(ge=0, le=1),
        "largest share of one participant's weight; null: no cap. From v0.2.5 on any share turns a cap of 0.3 on",
    ] = 0.25
    """0 is no cap either, as on the chain."""
    vesting_epochs: Annotated[int, Field(ge=0, le=100_000), "epochs over which a claim unlocks; 0: at once"] = (
        VESTING_EPOCHS
    )
    collateral_grace_epochs: Annotated[
        int, Field(ge=0, le=MOST_EPOCHS), "last of the epochs in which weight needs no collateral"
    ] = GRACE_END_EPOCH
    collateral_per_weight_unit: Annotated[
        Fraction, Field(ge=0, le=10**18), "ngonka that activate one unit of weight"
    ] = COLLATERAL_PER_WEIGHT_UNIT


@dataclass(frozen=True, kw_only=True)
class ProtocolParams(ChainParams):
    """Everything that the rules need to know besides the state itself."""

    rule_book: RuleBook
    epoch: EpochParams
    """At genesis."""
    vector_dim: int
    """Dimension of the sphere: the kernel's vocab_size."""
    guardians: frozenset[str] = frozenset()
    """Addresses whose consensus power is raised while the network is young."""
    pricing: PricingParams = MAINNET_PRICING
    groups: GroupParams = MAINNET_GROUPS
    """What governance sets for the groups of models; their slots are `validation_committee`."""
    challenges: ChallengeParams = MAINNET_CHALLENGES
    challengers: frozenset[str] = frozenset()
    """Addresses that may challenge others; none: all may."""
    epoch_changes: tuple[EpochChange, ...] = ()
    """In ascending order of their heights."""

    @property
    def block_room_bytes(self) -> int:
        """Room of a block for transactions: mempools refuse any larger one."""
        return int(self.block_max_bytes) - HEADER_BYTES

    def epoch_at(self, height: int) -> EpochParams:
        """Return the lengths that hold at a height. Reference: protocol 1.1."""
        return get_epoch_at(height, self.epoch, self.epoch_changes)

    def rules_at(self, epoch_index: int) -> Rules:
        """Return the rules in force from P of this epoch to the next P."""
        return self.rule_book.rules_at(epoch_index)

    def get_cut(self, episode: Episode | None, model: str) -> tuple[float, float]:
        """Return the mismatch probability of an honest nonce, and the p-value below which a claim is a fraud.

        `model`: of the claim, "" where claims are not by model; it has terms of its own while a proof of compute runs.
        Reference: protocol 4.4, network 2.5.7
        """
        if not model or episode is None:
            return self.p_mismatch, self.fraud_threshold
        terms = get_terms(episode, model)
        return terms.p_mismatch, terms.applied_fraud_p
