"""The parameters that the chain carries and every host reads from its own state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.protocol.collateral import COLLATERAL_PER_WEIGHT_UNIT, GRACE_END_EPOCH
from sim.protocol.confirmation import SLASH_THRESHOLD
from sim.protocol.pricing import MAINNET_PRICING, PricingParams
from sim.protocol.transactions import HEADER_BYTES
from sim.protocol.versions import RuleBook, Rules
from sim.protocol.vesting import VESTING_EPOCHS


@dataclass(frozen=True)
class EpochParams:
    """Lengths of an epoch's parts, in blocks. Reference: protocol 1.1, 10."""

    epoch_length: int = 40
    epoch_shift: int = 0
    poc_stage_duration: int = 10
    poc_exchange_duration: int = 2
    poc_validation_delay: int = 2
    poc_validation_duration: int = 6
    set_new_validators_delay: int = 1
    inference_validation_cutoff: int = 0


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


def get_epoch_at(height: int, genesis: EpochParams, changes: Iterable[EpochChange]) -> EpochParams:
    """Return the lengths that hold at a height. Reference: protocol 1.1."""
    past = [change.epoch for change in changes if change.height <= height]
    return past[-1] if past else genesis


@dataclass(frozen=True)
class ProtocolParams:
    """Everything that the rules need to know besides the state itself."""

    rule_book: RuleBook
    epoch: EpochParams
    """At genesis."""
    vector_dim: int
    """Dimension of the sphere: the kernel's vocab_size."""
    validation_sample_size: int = 200
    validation_committee: int | None = None
    """Slots of every participant; None: every member judges every participant."""
    fraud_threshold: float = 1e-7
    p_mismatch: float = 5e-4
    max_individual_power_percentage: float | None = 0.25
    """Largest share of one participant's weight; None (and, as on the chain, 0) is no cap."""
    block_max_bytes: int = 22_020_096
    vesting_epochs: int = VESTING_EPOCHS
    collateral_grace_epochs: int = GRACE_END_EPOCH
    collateral_per_weight_unit: Fraction = COLLATERAL_PER_WEIGHT_UNIT
    """ngonka"""
    confirmation_alpha: Fraction = SLASH_THRESHOLD
    """Share of its confirmation weight at which, or below, a participant has failed."""
    guardians: frozenset[str] = frozenset()
    """Addresses whose consensus power is raised while the network is young."""
    pricing: PricingParams = MAINNET_PRICING
    epoch_changes: tuple[EpochChange, ...] = ()
    """In ascending order of their heights."""

    @property
    def block_room_bytes(self) -> int:
        """What a block has for transactions: mempools refuse any larger one."""
        return self.block_max_bytes - HEADER_BYTES

    def epoch_at(self, height: int) -> EpochParams:
        """Return the lengths that hold at a height. Reference: protocol 1.1."""
        return get_epoch_at(height, self.epoch, self.epoch_changes)

    def rules_at(self, epoch_index: int) -> Rules:
        """Return the rules in force from P of this epoch to the next P."""
        return self.rule_book.rules_at(epoch_index)
