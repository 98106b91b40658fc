"""The differences between the network's versions, as one table: a row per switch, from launch to October 2026.

No rule asks for a version; each asks for its switch. A scenario picks a version by `protocol.version`, changes it at
an epoch by `protocol.upgrades`, and changes single switches for a what-if by `protocol.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, get_type_hints

from sim.protocol.models.history import models_at
from sim.protocol.models.params import ModelParams
from sim.protocol.proofs import schemes
from sim.protocol.proofs.answers import Answers
from sim.protocol.proofs.base import ProofScheme
from sim.protocol.proofs.hits import Hits
from sim.protocol.switches import Rules

VERSION_NAMES = (
    *("v0.2.0", "v0.2.2", "v0.2.3", "v0.2.4", "v0.2.5", "v0.2.6", "v0.2.7", "v0.2.8"),
    *("v0.2.9", "v0.2.10", "v0.2.11", "v0.2.12", "v0.2.13", "v0.2.14", "v0.2.15", "v0.2.16"),
)
LAUNCH, NEARER = Hits(1.4013564660458173), Hits(1.398077)
ONE, SCALE = Fraction(1), Fraction(5, 2)
ZERO, HALF = Fraction(0), Fraction(1, 2)


def _list_models(epoch_index: int) -> tuple[ModelParams, ...]:
    """Main net's models of an epoch. Their penalties begin at once, for a scenario counts its epochs from 1."""
    return tuple(replace(model, penalty_start_epoch=0) for model in models_at(epoch_index))


HISTORY: dict[str, dict[str, Any]] = {
    "proof": {"v0.2.0": LAUNCH, "v0.2.6": NEARER, "v0.2.9": Answers()},
    "far_distances_silence": {"v0.2.0": True, "v0.2.9": False},
    "counts_duplicates": {"v0.2.0": True, "v0.2.2": False, "v0.2.9": True, "v0.2.14": False},
    "weight_scale": {"v0.2.0": ONE, "v0.2.6": SCALE, "v0.2.9": ONE},
    "stores_node_ids": {"v0.2.0": False, "v0.2.2": True},
    "counts_nodes_handed_out": {"v0.2.0": False, "v0.2.2": True},
    "weighs_by_node": {"v0.2.0": False, "v0.2.2": True},
    "member_page_limit": {"v0.2.0": 100, "v0.2.5": 0},
    "settlement_page_limit": {"v0.2.0": 100, "v0.2.2": 0},
    "preserved_share": {"v0.2.0": 0.0, "v0.2.5": 0.1},
    "fixed_power_cap": {"v0.2.0": 0.0, "v0.2.5": 0.3},
    "requires_every_validation": {"v0.2.0": True, "v0.2.2": False},
    "miss_probability": {"v0.2.0": 0.0, "v0.2.2": 0.1, "v0.2.6": 0.4, "v0.2.7": 0.1},
    "approximates_misses": {"v0.2.0": False, "v0.2.6": True},
    "recomputes_total": {"v0.2.0": False, "v0.2.5": True, "v0.2.7": False},
    "remainder_prefers_preserved": {"v0.2.0": False, "v0.2.5": True},
    "resets_statuses": {"v0.2.0": False, "v0.2.2": True},
    "judges_sequentially": {"v0.2.0": False, "v0.2.5": True},
    "slashes_downtime_at_settlement": {"v0.2.0": True, "v0.2.5": False},
    "settles_confirmed_weight": {"v0.2.0": False, "v0.2.5": True},
    "settlement_cap": {"v0.2.0": 0.0, "v0.2.5": 0.3},
    "confirmations_per_epoch": {"v0.2.0": 0.0, "v0.2.5": 1.0, "v0.2.7": 4.0},
    "confirmation_alpha": {"v0.2.0": ZERO, "v0.2.5": HALF},
    "missing_confirmation_keeps_weight": {"v0.2.0": False, "v0.2.5": True, "v0.2.6": False},
    "caps_positive_weights_only": {"v0.2.0": False, "v0.2.14": True},
    "guardian_multiplier": {"v0.2.0": Fraction(13, 25), "v0.2.13": Fraction("0.33334")},
    "guardian_maturity_weight": {"v0.2.0": 2_000_000, "v0.2.7": 15_000_000},
    "guardian_maturity_height": {"v0.2.0": 0, "v0.2.7": 3_000_000},
    "drops_late_messages": {"v0.2.0": False, "v0.2.7": True},
    "first_vote_stands": {"v0.2.0": False, "v0.2.8": True},
    "vote_threshold_bps": {"v0.2.0": 5000, "v0.2.9": 6667, "v0.2.14": 5000},
    "guardians_break_ties": {"v0.2.0": False, "v0.2.9": True},
    "guardians_need_no_model": {"v0.2.0": False, "v0.2.14": True},
    "normalizes_by_stage_time": {"v0.2.0": False, "v0.2.10": True},
    "guards_early_shares": {"v0.2.0": False, "v0.2.14": True},
    "models": {
        "v0.2.0": (),
        "v0.2.9": _list_models(159),
        "v0.2.10": _list_models(176),
        "v0.2.12": _list_models(249),
        "v0.2.13": _list_models(277),
        "v0.2.14": _list_models(337),
        "v0.2.16": _list_models(418),
    },
    "groups_models": {"v0.2.0": False, "v0.2.12": True},
    "w_threshold": {"v0.2.0": ZERO, "v0.2.12": Fraction("0.3"), "v0.2.13": Fraction("0.1")},
    "penalizes_weight": {"v0.2.0": False, "v0.2.12": True, "v0.2.14": False},
    "preserves_by_episode": {"v0.2.0": False, "v0.2.12": True},
    "seats_by_results": {"v0.2.0": False, "v0.2.16": True},
    "reseats_empty_epochs": {"v0.2.0": False, "v0.2.14": True},
    "reseats_without_fresh_nodes": {"v0.2.0": False, "v0.2.16": True},
    "spares_newcomers": {"v0.2.0": False, "v0.2.16": True},
    "trusts_confirmed_weight": {"v0.2.0": False, "v0.2.16": True},
    "moves_coefficients": {"v0.2.0": False, "v0.2.16": True},
    "confirmation_tolerance": {"v0.2.0": ONE, "v0.2.10": Fraction("0.909")},
    "allows_challenges": {"v0.2.0": False, "v0.2.16": True},
    "computes_confirmations": {"v0.2.0": False, "v0.2.9": True},
    "judges_readings": {"v0.2.0": False, "v0.2.12": True},
    "confirmation_safety_blocks": {"v0.2.0": 0, "v0.2.10": 50, "v0.2.12": 500},
    "upgrade_pause_blocks": {"v0.2.0": 0, "v0.2.7": 500, "v0.2.10": 3000, "v0.2.11": 500, "v0.2.13": 10_000},
    "emits_exactly": {"v0.2.0": False, "v0.2.8": True},
    "leaves_rest_to_governance": {"v0.2.0": False, "v0.2.7": True},
    "divides_by_full_weight": {"v0.2.0": False, "v0.2.9": True},
    "scales_by_confirmation": {"v0.2.0": False, "v0.2.9": True},
    "adapts_miss_probability": {"v0.2.0": False, "v0.2.10": True},
    "asks_for_validations": {"v0.2.0": True, "v0.2.11": False},
    "slashes_required_collateral": {"v0.2.0": False, "v0.2.11": True},
    "leaves_slashes_to_governance": {"v0.2.0": False, "v0.2.11": True},
    "judges_at_switch": {"v0.2.0": True, "v0.2.11": False},
    "restarts_runs": {"v0.2.0": False, "v0.2.13": True},
}
"""Each switch's values: that of launch, then each change with the version that brought it. What comes between two of
them has the value before; v0.2.3, v0.2.4 and v0.2.15 changed nothing that is simulated."""


def read_history(switch: str) -> tuple[Any, ...]:
    """Return a switch's value in every version, in the order of `VERSION_NAMES`. Raises KeyError for no switch."""
    values, history = list[Any](), HISTORY[switch]
    for version in VERSION_NAMES:
        values.append(history.get(version, values[-1] if values else None))
    return tuple(values)


WHAT_IFS: dict[str, Any] = {field.name: field.default for field in fields(Rules) if field.default is not MISSING}
"""Switches that no version turns on, with their values in all of them."""

GOVERNED = frozenset(
    {"preserved_share", "miss_probability", "confirmations_per_epoch", "confirmation_alpha", "w_threshold"}
)
"""Switches that are parameters on the chain: a vote changes them between two versions. Proposal 17 of 26 December 2025
set `miss_probability` to 0.10 and `confirmations_per_epoch` to 4 in v0.2.6. Reference: protocol 0, network 2.1"""
FRACTIONS = frozenset(name for name, kind in get_type_hints(Rules).items() if kind is Fraction)
"""Switches that are written as decimal numbers and kept as exact fractions."""
SCHEMES: tuple[type[Any], ...] = tuple(dict.fromkeys(map(type, HISTORY["proof"].values())))
"""Of the versions: their parameters are keys of a scenario's `protocol`, for the first epoch, and of its `rules`."""

VERSIONS: dict[str, Rules] = {
    version: Rules(version=version, **{switch: read_history(switch)[column] for switch in HISTORY})
    for column, version in enumerate(VERSION_NAMES)
}


@dataclass(frozen=True)
class Upgrade:
    """From the start P of this epoch on, these rules hold."""

    epoch_index: int
    rules: Rules


@dataclass(frozen=True)
class RuleBook:
    """The rules of every epoch: the first ones, and upgrades in ascending order of their epochs."""

    first: Rules
    upgrades: tuple[Upgrade, ...] = ()

    def rules_at(self, epoch_index: int) -> Rules:
        """Return the rules in force while the epoch with this index is the latest one: from its P to the next P.

        So an upgrade acts first at its epoch's P, and VE of that epoch settles the epoch before by the new rules. The
        live upgrades fell between S and the next P, so that they did the same. Reference: protocol 0.
        """
        in_force = [upgrade.rules for upgrade in self.upgrades if upgrade.epoch_index <= epoch_index]
        return in_force[-1] if in_force else self.first

    def brings_version(self, epoch_index: int) -> bool:
        """Whether another version comes into force at this epoch's P; a vote alone does not bring one."""
        return len({self.rules_at(index).version for index in (epoch_index - 1, epoch_index)}) > 1


def override_rules(rules: Rules, switches: Mapping[str, object]) -> Rules:
    """Return the rules with single switches changed, for a what-if; parameters of the proof scheme count as switches.

    Raises TypeError for a name that is neither, and PluginError for a proof scheme that cannot be built.
    """
    known = {*HISTORY, *WHAT_IFS}
    changed = {name: _as_switch(name, value) for name, value in switches.items() if name in known}
    parameters = {name: value for name, value in switches.items() if name not in known}
    return replace(rules, **{**changed, "proof": adjust_scheme(changed.get("proof", rules.proof), parameters)})


def adjust_scheme(proof: Any, parameters: Mapping[str, object]) -> ProofScheme:
    """Return the scheme with other values of its parameters; raises TypeError for a parameter that it does not have."""
    adjusted: ProofScheme = replace(proof, **parameters)
    return adjusted


def build_rule_book(
    version: str,
    upgrades: Mapping[int, str],
    switches: Mapping[str, object],
    votes: Mapping[int, Mapping[str, object]] = MappingProxyType({}),
) -> RuleBook:
    """Return the rules of a scenario: a version, upgrades by epoch, and switches that hold in all of them.

    `votes` are values that governance sets with an upgrade, by its epoch, or at genesis (0); they hold until the next.
    """
    later = [
        Upgrade(epoch, override_rules(VERSIONS[name], {**votes.get(epoch, {}), **switches}))
        for epoch, name in sorted(upgrades.items())
    ]
    return RuleBook(override_rules(VERSIONS[version], {**votes.get(0, {}), **switches}), tuple(later))


def _as_switch(name: str, value: object) -> Any:
    """A scale is written as a decimal number and kept as its exact fraction; a proof scheme is written as a spec."""
    if name == "proof":
        return schemes.build(value)
    return Fraction(str(value)) if name in FRACTIONS else value
