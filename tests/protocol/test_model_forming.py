"""An epoch of several models, formed as a whole (network 2.9)."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from sim.protocol.models.delegation import DelegatedShare, ModelMode
from sim.protocol.models.formed import FormedEpoch, Governance, ModelGroups, Proved
from sim.protocol.models.forming import form_epoch_of_models
from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.stances import Stance, StanceKind
from sim.protocol.models.trusted_weight import OldEpoch
from sim.protocol.versions import VERSIONS

MOVING, GROUPED, SINGLE = VERSIONS["v0.2.16"], VERSIONS["v0.2.14"], VERSIONS["v0.2.9"]
TRUSTING = replace(MOVING, moves_coefficients=False)
MODELS = (
    ModelParams(name="B", distance_threshold=0.4, coefficient=Fraction(2)),
    ModelParams(name="A", distance_threshold=0.7, is_initial=True),
    ModelParams(name="C", distance_threshold=0.4, coefficient=Fraction(3)),
)
TWO_MEMBERS = GroupParams(v_min=2)
NODES = {
    "ann": {"A": {1: 300}, "B": {2: 100}},
    "bea": {"A": {1: 200}, "B": {2: 100}},
    "cid": {"B": {1: 150}},
    "dan": {"A": {1: 400}, "C": {2: 50}},
}
OLD = OldEpoch(
    index=8,
    weights={"ann": 500, "bea": 400, "cid": 300, "dan": 400},
    node_weights=NODES,
    voting_powers={"A": {"ann": 500, "bea": 400, "dan": 400}, "B": {"ann": 500, "bea": 400, "cid": 300}},
    confirmed={"ann": 250},
    scales={"A": Fraction(1), "B": Fraction(2)},
)
STANCES = {
    "A": {"cid": Stance(StanceKind.DELEGATES, "ann")},
    "B": {"dan": Stance(StanceKind.REFUSES)},
}


def form(
    rules=GROUPED, *, old: OldEpoch | None = OLD, cap: float | None = None, params=TWO_MEMBERS, **changes
) -> FormedEpoch:
    proved = replace(Proved(epoch_index=9, fresh=NODES, stances=STANCES, committed={"C": ["dan"]}), **changes)
    formed = form_epoch_of_models(old, proved, Governance(MODELS, params, rules), get_weights, cap)
    assert formed is not None
    return formed


def get_weights(groups: ModelGroups) -> Mapping[str, int]:
    return groups.weights


def test_whole_epoch_by_hand() -> None:
    """v0.2.14: C has one old member only; B's group of 700 stays below trunc(.75 · 1600) = 1200; dan refuses B."""
    formed = form()
    groups = formed.groups
    assert groups.eligible == ("A", "B")
    assert groups.scales == {"A": 1, "B": 2}
    assert formed.weights == {"ann": 500, "bea": 400, "cid": 300, "dan": 400}
    assert formed.cap_weights == formed.weights
    assert groups.raw_totals == formed.weights
    assert groups.modes["A"]["cid"].mode is ModelMode.DELEGATE
    assert groups.dues.penalties == {
        "dan": Fraction("0.1"),
        **dict.fromkeys(["ann", "bea", "cid"], Fraction("0.15")),
    }
    assert groups.dues.shares == {"cid": (DelegatedShare("ann", Fraction("0.05")),)}
    assert formed.voting_powers == {
        "A": {"ann": 480, "bea": 400, "dan": 400},
        "B": {"ann": 360, "bea": 360, "cid": 300},
    }


def test_a_group_that_fails_costs_nobody_a_penalty() -> None:
    """B was active in the old epoch, and nobody serves it now: only those who leave C alone pay."""
    left = {who: {model: nodes for model, nodes in models.items() if model != "B"} for who, models in NODES.items()}
    assert form(fresh=left).groups.dues.penalties == dict.fromkeys(["ann", "bea"], Fraction("0.15"))


def test_trusted_weight_changes_votes_but_no_pay() -> None:
    """v0.2.16: ann is trusted with 250 of its 500; model C was not expected, so that nobody pays for it."""
    formed = form(TRUSTING)
    assert formed.weights["ann"] == 500
    assert formed.cap_weights == {"ann": 250, "bea": 400, "cid": 300, "dan": 400}
    assert formed.voting_powers["B"] == {"ann": 250, "bea": 285, "cid": 285}
    assert formed.groups.dues.penalties == {"dan": Fraction("0.1")}
    late = form(TRUSTING, expected=["C"]).groups.dues.penalties
    assert late == {"dan": Fraction("0.1"), **dict.fromkeys(["ann", "bea", "cid"], Fraction("0.15"))}


def test_group_cap_by_trusted_weight() -> None:
    """v0.2.16: the cap of B's group follows P_N, trunc(.4 · 1350) = 540 of 700, no longer .4 · 1600 = 640."""
    tight = GroupParams(v_min=2, cap_factor=Fraction("0.4"))
    assert form(params=tight).weights["cid"] == 300 * 640 // 700
    assert form(TRUSTING, params=tight).weights["cid"] == 300 * 540 // 700
    assert form(params=tight).groups.raw_totals["cid"] == 150 * 2 * 640 // 700


def test_one_group_until_v0_2_11() -> None:
    """Every model pays, nothing is capped, all hosts vote on every model, nobody owes anything."""
    formed = form(SINGLE, params=GroupParams(cap_factor=Fraction(0)))
    assert formed.groups.eligible == ("A", "B", "C")
    assert formed.weights["dan"] == 400 + 3 * 50
    assert formed.voting_powers["C"] == {"ann": 500, "bea": 400, "cid": 300, "dan": 550}
    assert (formed.groups.modes, formed.groups.dues.penalties) == ({}, {})


def test_coefficients_move() -> None:
    """v0.2.16: of 900, 350 and 50 raw A wants 3334 of 10 000; what is above earns .9; then each moves by 5 %."""
    formed = form(MOVING)
    share = Fraction("0.3334") * 1300 / 900
    assert formed.groups.scales["A"] == round((Fraction("0.9") + Fraction("0.1") * share) * 10**18) / Fraction(10**18)
    assert formed.groups.scales["B"] == 2
    kept = formed.groups.coefficients
    assert kept is not None
    assert kept.totals == {"A": 900, "B": 350, "C": 50}
    after = form(MOVING, old=replace(OLD, coefficients=kept)).groups.coefficients
    assert after is not None
    assert {model: state.coefficient for model, state in after.states.items()} == {
        **{"A": Fraction("0.95"), "B": Fraction("2.1"), "C": Fraction("3.15")}
    }
    assert form(TRUSTING).groups.coefficients is None


def test_seats_by_hardware_and_by_results() -> None:
    """v0.2.14: cid's node registered with A counts there, with its count; v0.2.16: where it proved."""
    hardware = {"cid": {1: ["B", "A"]}}
    assert form(hardware=hardware).weights["cid"] == 150
    assert form(TRUSTING, hardware=hardware).weights["cid"] == 300


def test_power_cap_comes_before_trust() -> None:
    """dan's 2000 are cut to trunc(.3 · 1200 / .7) = 514, of which 400 are trusted."""
    large = {**NODES, "dan": {"A": {1: 2000}}}
    formed = form(TRUSTING, fresh=large, cap=0.3)
    assert formed.weights["dan"] == 514
    assert formed.cap_weights["dan"] == 400


def test_adjusted_weights_go_on() -> None:
    """What collateral leaves is what votes; eligible models and dues were decided before."""
    proved = Proved(epoch_index=9, fresh=NODES, stances=STANCES)
    governance = Governance(MODELS, GroupParams(v_min=2), GROUPED)
    formed = form_epoch_of_models(OLD, proved, governance, lambda groups: {**groups.weights, "ann": 0}, None)
    assert formed is not None
    assert formed.weights["ann"] == 0
    assert formed.voting_powers["B"] == {"bea": 210, "cid": 210}
    assert "ann" in formed.groups.dues.penalties


def test_an_epoch_without_proofs_carries_the_old_one() -> None:
    """v0.2.14: only where no node has weight; v0.2.16: also where all were preserved; none may stay: no epoch."""
    kept = {"ann": {"A": {1: 300}}}
    rest = {"fresh": {}, "committed": {}, "stances": {}, "may_stay": ["bea", "cid", "ann"]}
    carried = form(**rest)
    assert carried.groups.is_carried
    assert carried.weights == {"ann": 500, "bea": 400, "cid": 300}
    assert form(preserved=kept, **rest).weights == {"ann": 0}  # one member: not eligible
    assert form(TRUSTING, preserved=kept, **rest).weights == {"ann": 500, "bea": 400, "cid": 300}
    assert form(VERSIONS["v0.2.13"], **rest).weights == {}
    empty = replace(Proved(epoch_index=9, fresh={}))
    governance = Governance(MODELS, GroupParams(), GROUPED)
    assert form_epoch_of_models(OLD, empty, governance, get_weights, None) is None
    first = form_epoch_of_models(OLD, replace(empty, epoch_index=1), governance, get_weights, None)
    assert first is not None
    assert first.weights == {}
    rootless = replace(OLD, node_weights={"ann": NODES["ann"]})
    assert form(old=rootless, **rest).weights == {"ann": 0, "bea": 400, "cid": 300}


def test_first_epoch() -> None:
    """Nobody has old weight: the base model is eligible for who proves it, no other one, and nothing is capped."""
    formed = form(TRUSTING, old=None)
    assert formed.groups.eligible == ("A",)
    assert formed.cap_weights == formed.weights == {"ann": 300, "bea": 200, "cid": 0, "dan": 400}
