"""The differences between the network's versions, as one table: a row per switch, a column per version (protocol 0).

No rule asks for a version; each asks for its switch. A scenario picks the column by `protocol.version`, changes it at
an epoch by `protocol.upgrades`, and changes single switches for a what-if by `protocol.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import ProofScheme
from sim.protocol.proofs.hits import Hits
from sim.registry import PluginOf


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The switches that the rules read. A limit, a share or a chance of 0 means that the rule is off.

    Those with a default are what-ifs: repairs that the network discussed, off in every version.
    """

    version: str
    """Version whose column this is; overridden switches do not change it."""
    proof: Annotated[ProofScheme, PluginOf(schemes), "what hosts may claim, and how it is counted and checked"]
    """Where it changes, its own threshold comes into force. Reference: protocol 8"""
    counts_duplicates: Annotated[bool, "every listed nonce counts; otherwise a nonce counts once per participant"]
    """Reference: protocol 5.1"""
    weight_scale: Annotated[Fraction, Field(gt=0, le=1e6), "weight per counted nonce"]
    """Reference: protocol 5.1"""
    stores_node_ids: Annotated[bool, "a stored batch keeps the id of its ML node; otherwise the chain forgets it"]
    """Reference: protocol 3.1"""
    counts_nodes_handed_out: Annotated[
        bool,
        "nonces are strided by the highest node number handed out; otherwise by the number of nodes dispatched",
    ]
    """Reference: protocol 3.2"""
    weighs_by_node: Annotated[
        bool,
        "weight is the sum over registered nodes that serve a governance model; otherwise it is spread "
        "evenly over nodes, and preserved weight is added on top",
    ]
    """Reference: protocol 5.1"""
    member_page_limit: Annotated[int, Field(ge=0, le=10**9), "members whose votes are read, in address order; 0: all"]
    """Reference: protocol 4.6"""
    settlement_page_limit: Annotated[
        int, Field(ge=0, le=10**9), "participants that are settled, in address order; 0: all"
    ]
    """Reference: protocol 6.2"""
    preserved_share: Annotated[
        float,
        Field(ge=0, le=1),
        "share of a model's weight that skips the next proof of compute; 0: half of each host's nodes, rounded down",
    ]
    """Reference: protocol 5.2"""
    fixed_power_cap: Annotated[
        float,
        Field(ge=0, le=1),
        "largest share of one member's weight; max_individual_power_percentage only turns it on; 0: that one counts",
    ]
    """Reference: protocol 5.3"""
    requires_every_validation: Annotated[
        bool,
        "one missed validation of an inference blocks the claim; otherwise the miss test decides",
    ]
    """Reference: protocol 2.1"""
    miss_probability: Annotated[
        float,
        Field(ge=0, lt=1),
        "p0 of the test on missed requests; 0: no test, no punishment",
    ]
    """Reference: protocol 6.3"""
    approximates_misses: Annotated[
        bool,
        "the miss test's table is that of the normal approximation; otherwise that of the binomial law",
    ]
    """Reference: protocol 6.3"""
    recomputes_total: Annotated[
        bool,
        "punished participants leave the total weight; otherwise their part falls to the first",
    ]
    """Reference: protocol 6.2"""
    remainder_prefers_preserved: Annotated[
        bool,
        "the remainder of rewards falls to the first paid address that kept weight of preserved nodes, if any; "
        "otherwise to the first paid address of all",
    ]
    """Reference: protocol 6.2"""
    resets_statuses: Annotated[bool, "everybody is ACTIVE again at the epoch switch"]
    """Reference: protocol 6.3"""
    judges_sequentially: Annotated[
        bool,
        "statuses follow sequential tests and confirmations, and who fails leaves the group; otherwise a z-test",
    ]
    """Reference: protocol 6.3"""
    slashes_downtime_at_settlement: Annotated[
        bool,
        "who missed more than 5 % of its requests loses a tenth of its collateral at the settlement",
    ]
    """Reference: protocol 6.3"""
    settles_confirmed_weight: Annotated[bool, "rewards follow preserved plus confirmed weight of ACTIVE participants"]
    """Reference: protocol 6.2, 6.7"""
    settlement_cap: Annotated[float, Field(ge=0, le=1), "largest share of one participant's reward weight; 0: no cap"]
    """Reference: protocol 5.3"""
    confirmations_per_epoch: Annotated[float, Field(ge=0, le=100), "expected random re-checks in an epoch"]
    """Reference: protocol 6.7"""
    confirmation_alpha: Annotated[
        Fraction,
        Field(ge=0, le=1),
        "confirmed share below which a member becomes INACTIVE; 0: no such test",
    ]
    """Needs sequential statuses. A key of `protocol`, not of its `rules`. Reference: protocol 6.7"""
    missing_confirmation_keeps_weight: Annotated[
        bool,
        "whoever sends nothing in a confirmation keeps its weight: a defect",
    ]
    """Reference: protocol 0, 9"""
    caps_positive_weights_only: Annotated[
        bool, "power caps count members with weight only, and a cap of 0 is not applied"
    ] = False
    """Reference: protocol 5.3, 9 (#1394)"""
    rotates_preserved_nodes: Annotated[
        bool, "ML nodes that are preserved in the running proof of compute come last when the next ones are chosen"
    ] = False
    """Reference: protocol 5.2, 9 (#706)"""
    ignores_own_votes: Annotated[
        bool, "on its own claim a member neither votes nor counts in the total; its slots of a committee neither"
    ] = False
    """Reference: protocol 4.6, 9"""
    caps_rewards_by_full_weight: Annotated[
        bool,
        "the settlement's cap is a share of all members' full weight, which divides the emission too; what nobody is "
        "entitled to stays in the module",
    ] = False
    """Reference: protocol 6.2, 9 (#1372)"""
    rounds_price_rises_up: Annotated[bool, "a price that rises is rounded up; otherwise every price is truncated"] = (
        False
    )
    """Reference: protocol 6.6"""


LAUNCH, NEARER = Hits(1.4013564660458173), Hits(1.398077)
ONE, SCALE = Fraction(1), Fraction(5, 2)
ZERO, HALF = Fraction(0), Fraction(1, 2)

# fmt: off
VERSION_NAMES = (                          "v0.2.0", "v0.2.2", "v0.2.3", "v0.2.4", "v0.2.5", "v0.2.6")
TABLE: dict[str, tuple[Any, ...]] = {
    "proof":                             (LAUNCH,   LAUNCH,   LAUNCH,   LAUNCH,   LAUNCH,   NEARER),
    "counts_duplicates":                 (True,     False,    False,    False,    False,    False),
    "weight_scale":                      (ONE,      ONE,      ONE,      ONE,      ONE,      SCALE),
    "stores_node_ids":                   (False,    True,     True,     True,     True,     True),
    "counts_nodes_handed_out":           (False,    True,     True,     True,     True,     True),
    "weighs_by_node":                    (False,    True,     True,     True,     True,     True),
    "member_page_limit":                 (100,      100,      100,      100,      0,        0),
    "settlement_page_limit":             (100,      0,        0,        0,        0,        0),
    "preserved_share":                   (0.0,      0.0,      0.0,      0.0,      0.1,      0.1),
    "fixed_power_cap":                   (0.0,      0.0,      0.0,      0.0,      0.3,      0.3),
    "requires_every_validation":         (True,     False,    False,    False,    False,    False),
    "miss_probability":                  (0.0,      0.1,      0.1,      0.1,      0.1,      0.4),
    "approximates_misses":               (False,    False,    False,    False,    False,    True),
    "recomputes_total":                  (False,    False,    False,    False,    True,     True),
    "remainder_prefers_preserved":       (False,    False,    False,    False,    True,     True),
    "resets_statuses":                   (False,    True,     True,     True,     True,     True),
    "judges_sequentially":               (False,    False,    False,    False,    True,     True),
    "slashes_downtime_at_settlement":    (True,     True,     True,     True,     False,    False),
    "settles_confirmed_weight":          (False,    False,    False,    False,    True,     True),
    "settlement_cap":                    (0.0,      0.0,      0.0,      0.0,      0.3,      0.3),
    "confirmations_per_epoch":           (0.0,      0.0,      0.0,      0.0,      1.0,      1.0),
    "confirmation_alpha":                (ZERO,     ZERO,     ZERO,     ZERO,     HALF,     HALF),
    "missing_confirmation_keeps_weight": (False,    False,    False,    False,    True,     False),
}
# fmt: on

WHAT_IFS: dict[str, Any] = {field.name: field.default for field in fields(Rules) if field.default is not MISSING}
"""Switches that no version turns on, with their values in all of them."""

GOVERNED = frozenset({"preserved_share", "miss_probability", "confirmations_per_epoch", "confirmation_alpha"})
"""Switches that are parameters on the chain: a vote changes them between two versions. Proposal 17 of 26 December 2025
set `miss_probability` to 0.10 and `confirmations_per_epoch` to 4 in v0.2.6. Reference: protocol 0"""
FRACTIONS = frozenset({"weight_scale", "confirmation_alpha"})
"""Switches that are written as decimal numbers and kept as exact fractions."""
SCHEMES: tuple[type[Any], ...] = tuple(dict.fromkeys(map(type, TABLE["proof"])))
"""Of the versions: their parameters are keys of a scenario's `protocol`, for the first epoch, and of its `rules`."""

VERSIONS: dict[str, Rules] = {
    version: Rules(version=version, **{switch: row[column] for switch, row in TABLE.items()})
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


def override_rules(rules: Rules, switches: Mapping[str, object]) -> Rules:
    """Return the rules with single switches changed, for a what-if; parameters of the proof scheme count as switches.

    Raises TypeError for a name that is neither, and PluginError for a proof scheme that cannot be built.
    """
    known = {*TABLE, *WHAT_IFS}
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

    `votes` are values that governance sets with an upgrade, by its epoch; they hold until the next one.
    """
    later = [
        Upgrade(epoch, override_rules(VERSIONS[name], {**votes.get(epoch, {}), **switches}))
        for epoch, name in sorted(upgrades.items())
    ]
    return RuleBook(override_rules(VERSIONS[version], switches), tuple(later))


def _as_switch(name: str, value: object) -> Any:
    """A scale is written as a decimal number and kept as its exact fraction; a proof scheme is written as a spec."""
    if name == "proof":
        return schemes.build(value)
    return Fraction(str(value)) if name in FRACTIONS else value
