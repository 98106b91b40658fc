"""The values from which an epoch of several models is formed, and those that come of it (network 2.9)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from sim.protocol.models.delegation import Dues, Participation
from sim.protocol.models.moving import CoefficientMemory
from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.seating import ModelsByNode, NodeWeights
from sim.protocol.models.stances import Stances


class ModelRules(Protocol):
    """The switches of a version that these rules read (`sim.protocol.switches.Rules` has them)."""

    @property
    def groups_models(self) -> bool:
        """Each model has a group of its own."""

    @property
    def w_threshold(self) -> Fraction:
        """Share of the old weight that makes a group eligible."""

    @property
    def seats_by_results(self) -> bool:
        """A node counts for the model that it proved."""

    @property
    def reseats_empty_epochs(self) -> bool:
        """The old hosts stay where no node has weight."""

    @property
    def reseats_without_fresh_nodes(self) -> bool:
        """They also stay where all nodes with weight were preserved."""

    @property
    def spares_newcomers(self) -> bool:
        """Old hosts alone pay for a model that starts, and for expected ones only."""

    @property
    def trusts_confirmed_weight(self) -> bool:
        """Blocks and votes follow confirmed weight."""

    @property
    def moves_coefficients(self) -> bool:
        """Coefficients follow the models' shares of the work."""

    @property
    def caps_positive_weights_only(self) -> bool:
        """The power cap counts hosts with weight only."""


@dataclass(frozen=True)
class Governance:
    """What governance and the version have set."""

    models: tuple[ModelParams, ...]
    params: GroupParams
    rules: ModelRules


@dataclass(frozen=True, kw_only=True)
class Proved:
    """What a proof of compute has shown, and what hosts have declared, as it counts at VE."""

    epoch_index: int
    """Of the new epoch."""
    fresh: NodeWeights
    """Of accepted claims, by host, model and node, after the time factor."""
    preserved: NodeWeights = field(default_factory=dict)
    """Of nodes that were passed over, as the old epoch stored them."""
    hardware: ModelsByNode = field(default_factory=dict)
    committed: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By model: hosts that committed to it, accepted or not."""
    stances: Stances = field(default_factory=dict)
    """As they stood at V."""
    frozen: Stances = field(default_factory=dict)
    """As they stood some blocks before P, on models that were not active."""
    expected: Collection[str] = ()
    """Models that were then expected to start."""
    may_stay: Collection[str] = ()
    """Old hosts that an epoch without proofs may carry over."""


@dataclass(frozen=True, kw_only=True)
class ModelGroups:
    """Steps 1 to 5: weights before collateral, and everything that follows from seats and stances."""

    node_weights: NodeWeights
    """Raw weights as seated, of all models."""
    eligible: tuple[str, ...]
    """Names of eligible models, in order."""
    weights: Mapping[str, int]
    """By host, before collateral and cap; 0 where no eligible model has it."""
    scales: Mapping[str, Fraction]
    """By eligible model: weight of a raw unit, frozen for the epoch."""
    raw_totals: Mapping[str, int]
    """By host: what confirmations can confirm."""
    modes: Mapping[str, Mapping[str, Participation]]
    """By eligible model and host."""
    dues: Dues
    coefficients: CoefficientMemory | None = None
    """Where they move: what the next epoch needs."""
    is_carried: bool = False
    """Nobody had proved anything: the old hosts stay."""


@dataclass(frozen=True, kw_only=True)
class FormedEpoch:
    """A new epoch's hosts."""

    groups: ModelGroups
    weights: Mapping[str, int]
    """Final ones: rewards, confirmations and prices go by them."""
    cap_weights: Mapping[str, int]
    """Blocks and votes go by these."""
    voting_powers: Mapping[str, Mapping[str, int]]
    """Above 0, by eligible model and host."""
