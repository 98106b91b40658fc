"""Groups of models against the worked rows of the network's own tests (network 2.17, 2.19): rule, input, result."""

from collections.abc import Mapping
from fractions import Fraction

import pytest

from sim.protocol.models.bootstrap import Expectation, expect_start, expect_starts, list_idle
from sim.protocol.models.delegation import DelegatedShare, ModelMode, Participation, compute_dues, find_modes
from sim.protocol.models.eligibility import is_eligible
from sim.protocol.models.fallback import carry_old_epoch, is_empty
from sim.protocol.models.group_caps import cap_group, compute_consensus_weights, compute_scale
from sim.protocol.models.history import models_at
from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.seating import keep_heaviest, merge_preserved, seat_by_hardware, seat_by_results
from sim.protocol.models.stances import Stance, StanceKind, declare, forget_epoch, is_freeze_height
from sim.protocol.models.trusted_weight import OldEpoch, cap_by_trust, compute_trusted
from sim.protocol.models.voting_power import clip_powers, compute_voting_powers

Weights = Mapping[str, int]
INTENDS, REFUSES = Stance(StanceKind.INTENDS), Stance(StanceKind.REFUSES)


def to(delegate: str) -> Stance:
    return Stance(StanceKind.DELEGATES, delegate)


def make_model(name: str = "m", coefficient: str = "1", *, is_initial: bool = False, start: int = 0) -> ModelParams:
    return ModelParams(
        name=name,
        distance_threshold=0.4,
        coefficient=Fraction(coefficient),
        is_initial=is_initial,
        penalty_start_epoch=start,
    )


@pytest.mark.parametrize(
    ("preserved", "fresh", "merged"),
    [
        ({"h": {"m": {1: 100}}}, {"h": {"m": {1: 150}}}, {"h": {"m": {1: 100}}}),
        (
            {"h": {"a": {1: 5}, "b": {2: 5}}},
            {"h": {"a": {3: 5}, "c": {4: 5}}},
            {"h": {"a": {1: 5, 3: 5}, "b": {2: 5}, "c": {4: 5}}},
        ),
        ({"p": {"a": {1: 5}}}, {"f": {"a": {1: 6}}}, {"f": {"a": {1: 6}}, "p": {"a": {1: 5}}}),
    ],
)
def test_preserved_and_fresh_nodes(preserved, fresh, merged) -> None:
    """Network 2.9.1."""
    assert merge_preserved(fresh, preserved) == merged


def test_seats() -> None:
    """Network 2.9.2: the first registered model in order takes a node with its count; v0.2.16: what it proved."""
    proved = {"h": {"A": {2: 10, 4: 10}, "B": {1: 20, 3: 20, 9: 7}}, "bare": {"B": {1: 5}}}
    hardware = {"h": {1: ["B", "A"], 2: ["A"], 3: ["B"], 4: ["A", "B"], 9: ["C"]}}
    seated = seat_by_hardware(proved, hardware, ["B", "A"])
    assert seated == {"h": {"A": {1: 20, 2: 10, 4: 10}, "B": {3: 20}}, "bare": {"B": {1: 5}}}
    assert seat_by_results(proved) == proved
    assert keep_heaviest([(2, 10), (1, 5), (2, 20), (1, 4)]) == {1: 5, 2: 20}
    doubled = {"h": {"A": {1: 5}, "B": {1: 8}}}
    assert seat_by_hardware(doubled, {"h": {1: ["A"]}}, ["A", "B"]) == {"h": {"A": {1: 8}}}


@pytest.mark.parametrize(
    ("new", "old", "is_initial", "eligible"),
    [
        ({"a": 100, "b": 50}, {"a": 100}, False, False),
        ({"a": 100, "b": 0}, {"a": 100, "b": 50}, False, False),
        ({"a": 100, "b": 0}, {"a": 80, "b": 70}, True, False),
        ({"a": 100}, {}, False, False),
        ({"a": 100}, {}, True, True),
        ({"a": 1}, {"a": 10, "b": 0}, True, True),
        ({"b": 1}, {"a": 10}, True, False),
        ({"a": 1, "b": 1}, {"a": 5, "b": 5, "c": 90}, False, True),
        ({"a": 1, "b": 1}, {"a": 4, "b": 5, "c": 92}, False, False),
    ],
)
def test_eligible(new: Weights, old: Weights, is_initial: bool, eligible: bool) -> None:
    """Network 2.9.3: a tenth of the old weight, truncated, and two members with old and new weight."""
    assert is_eligible(make_model(is_initial=is_initial), new, old, Fraction("0.1"), 2) is eligible
    assert not is_eligible(make_model(coefficient="0", is_initial=is_initial), new, old, Fraction("0.1"), 2)


@pytest.mark.parametrize(
    ("coefficients", "members", "old_total", "factor", "weights"),
    [
        (
            {"a*": "1", "b": "1"},
            {"a": {"alice": 100, "bob": 200}, "b": {"alice": 1000, "bob": 500}},
            *(400, "0.5", {"alice": 233, "bob": 266}),
        ),
        ({"a*": "1"}, {"a": {"alice": 10_000}}, 50, "0.5", {"alice": 10_000}),
        ({"a": "4.475"}, {"a": {"a": 7202, "b": 2547}}, 13_010, "0.5", {"a": 32_228, "b": 11_397}),
        ({"a*": "1", "b": "2"}, {"a": {"h": 10}, "b": {"h": 10}}, 1000, "0.75", {"h": 30}),
        ({"a*": "1", "b": "1"}, {"a": {"h": 10}, "b": {"h": 10}}, 1000, "0", {"h": 10}),
        ({"a": "1", "b": "1"}, {"a": {"h": 80}, "b": {"h": 9}}, 100, "0.5", {"h": 59}),
    ],
)
def test_consensus_weight(coefficients, members, old_total: int, factor: str, weights: Weights) -> None:
    """Network 2.9.4: the base model (marked by *) and a sole one have no cap; each step is truncated."""
    models = [make_model(name[0], text, is_initial=name.endswith("*")) for name, text in coefficients.items()]
    hosts = dict.fromkeys([who for group in members.values() for who in group], 0)
    found = compute_consensus_weights(models, members, hosts, cap_group(old_total, Fraction(factor)))
    assert found.weights == weights


def test_group_cap() -> None:
    """Network 2.9.4, 2.17."""
    assert cap_group(150, Fraction("0.5")) == 75
    assert cap_group(100, Fraction(0)) == 0
    assert cap_group(497_724, Fraction("0.75")) == 373_293
    assert compute_scale([500_000], 373_293) == Fraction("0.746586")
    assert compute_scale([2], 1) == Fraction(1, 2)
    assert compute_scale([1, 2], 2) == Fraction("0.666666666666666667")
    assert compute_scale([], 0) == 1


@pytest.mark.parametrize(
    ("members", "hosts", "stances", "mode"),
    [
        ({"a"}, {"a": 1, "n": 1}, {"n": REFUSES}, Participation(ModelMode.REFUSE)),
        ({"t"}, {"n": 1}, {"n": to("t")}, Participation(ModelMode.NONE)),
        ({"t"}, {"n": 1, "t": 1}, {"n": to("t")}, Participation(ModelMode.DELEGATE, "t")),
        ({"a"}, {"n": 1, "a": 1, "t": 1}, {"n": to("t")}, Participation(ModelMode.NONE)),
        ({"n"}, {"n": 1}, {"n": REFUSES}, Participation(ModelMode.DIRECT)),
        ({"a"}, {"n": 1, "a": 1}, {"n": INTENDS}, Participation(ModelMode.NONE)),
        ({"a"}, {"n": 1, "a": 1}, {}, Participation(ModelMode.NONE)),
    ],
)
def test_modes(members, hosts: Weights, stances, mode: Participation) -> None:
    """Network 2.9.5: the mode of host n, the first that fits."""
    assert find_modes(members, hosts.keys(), stances)["n"] == mode


def count_dues(
    modes: Mapping[str, Participation], penalty: str, share: str = "0.05", *, start: int = 0, idle: tuple[str, ...] = ()
) -> tuple[Fraction, tuple[DelegatedShare, ...]]:
    """Dues of host n, with weight, in epoch 4; `modes` by model, `idle` are models that start."""
    params = GroupParams(
        refusal_penalty=Fraction(penalty), no_participation_penalty=Fraction(penalty), delegation_share=Fraction(share)
    )
    models = [make_model(name, start=start) for name in (*modes, *idle)]
    parts = {model: {"n": mode, "poor": mode} for model, mode in modes.items()}
    dues = compute_dues(parts, {model: ["n", "poor"] for model in idle}, models, {"n": 7, "poor": 0}, params, 4)
    assert "poor" not in {*dues.penalties, *dues.shares}
    return dues.penalties.get("n", Fraction(0)), dues.shares.get("n", ())


NONE, REFUSE = Participation(ModelMode.NONE), Participation(ModelMode.REFUSE)


def test_penalties() -> None:
    """Network 2.9.5: summed over models, at most 1; shares besides; nothing before the model's epoch."""
    assert count_dues({"a": REFUSE}, "0.15") == (Fraction("0.15"), ())
    assert count_dues({"a": NONE, "b": NONE}, "0.1") == (Fraction("0.2"), ())
    assert count_dues({f"{i:02}": NONE for i in range(11)}, "0.1") == (1, ())
    mixed = {"a": REFUSE, "b": REFUSE, "c": REFUSE, "d": Participation(ModelMode.DELEGATE, "t")}
    assert count_dues(mixed, "0.2", "0.3") == (Fraction("0.6"), (DelegatedShare("t", Fraction("0.3")),))
    assert count_dues({"a": NONE}, "0.1", start=5) == (0, ())
    assert count_dues({"a": NONE}, "0.1", start=4) == (Fraction("0.1"), ())
    assert count_dues({"a": NONE}, "0.1", idle=("b",)) == (Fraction("0.2"), ())
    assert count_dues({}, "0.1", start=5, idle=("b",)) == (0, ())
    assert count_dues({"a": Participation(ModelMode.DIRECT)}, "0.1") == (0, ())
    defaults = GroupParams()
    assert (defaults.refusal_penalty, defaults.no_participation_penalty) == (Fraction(1, 10), Fraction(3, 20))


@pytest.mark.parametrize(
    ("is_expected", "spares", "paying"),
    [
        (True, False, ["idle", "intends", "new", "refuses"]),
        (False, False, ["idle", "new", "refuses"]),
        (True, True, ["idle", "intends", "refuses"]),
        (False, True, []),
    ],
)
def test_hosts_that_do_nothing_for_a_model_that_starts(is_expected: bool, spares: bool, paying: list[str]) -> None:
    """Network 2.9.5: committers and delegators are free, an intent alone is not if the model was expected; #1740."""
    stances = {"delegates": to("anybody"), "intends": INTENDS, "refuses": REFUSES, "commits": INTENDS}
    old = {"commits", "delegates", "idle", "intends", "refuses"}
    new = sorted({*old, "new"})
    assert list(list_idle(stances, {"commits"}, new, old, is_expected=is_expected, spares_newcomers=spares)) == paying


@pytest.mark.parametrize(
    ("old", "intents", "delegations", "threshold", "found"),
    [
        ({"a": 100, "b": 60, "c": 40}, "a", {"b": "a", "c": "a"}, "0.4", Expectation(True, True, False, True)),
        ({"a": 50, "b": 10, "c": 40}, "ab", {}, "0.5", Expectation(True, True, True, False)),
        ({"a": 50, "b": 20, "c": 30}, "ab", {"c": "a"}, "0.5", Expectation(True, True, True, True)),
        ({"a": 50, "b": 0, "c": 30}, "ab", {"c": "c"}, "0.9", Expectation(True, False, False, False)),
        ({"a": 30, "b": 20, "c": 50}, "ab", {"c": "a"}, "0.5", Expectation(True, True, True, True)),
        ({"a": 40, "b": 20, "c": 30}, "ab", {}, "0.5", Expectation(True, True, True, False)),
        ({"a": 40, "b": 26, "c": 34}, "abz", {"d": "a"}, "0.5", Expectation(True, True, True, False)),
    ],
)
def test_expected_to_start(old: Weights, intents: str, delegations, threshold: str, found: Expectation) -> None:
    """Network 2.9, with two members needed: which of the tests are met; more than two thirds must be reachable."""
    stances = {**dict.fromkeys(intents, INTENDS), **{who: to(delegate) for who, delegate in delegations.items()}}
    model = make_model()
    assert expect_start(model, stances, old, Fraction(threshold), 2) == found
    expected = {"m"} if found.is_met else set()
    assert expect_starts([model], (), {"m": stances}, old, Fraction(threshold), 2) == expected
    assert not expect_starts([model], ["m"], {"m": stances}, old, Fraction(threshold), 2)
    assert not expect_start(make_model(coefficient="0"), stances, old, Fraction(threshold), 2).is_met


def test_the_last_of_three_messages_wins() -> None:
    """Network 2.7: an empty delegate takes the last word back; VE leaves delegations only."""
    stances = declare({}, "a", "m", to("b"))
    assert stances == {"m": {"a": to("b")}}
    refused = declare(stances, "a", "m", REFUSES)
    assert refused == {"m": {"a": REFUSES}}
    both = declare(declare(refused, "b", "m", INTENDS), "c", "m", to("b"))
    assert forget_epoch(both) == {"m": {"c": to("b")}}
    assert declare(both, "c", "m", to("")) == {"m": {"a": REFUSES, "b": INTENDS}}


def test_height_of_the_freeze() -> None:
    """Network 2.9: next P 110, window 3: block 107 only."""
    assert [height for height in range(100, 112) if is_freeze_height(height, 110, 3)] == [107]
    assert not any(is_freeze_height(height, 110, 0) for height in range(100, 112))


def test_voting_powers() -> None:
    """Network 2.9.8: own weight, and the whole weight of those who delegate to a member."""
    half = Fraction(1, 2)
    assert compute_voting_powers(["a"], {"a": 42}, {}, half) == {"a": 42}
    away = {"a": Participation(ModelMode.DIRECT), "d": Participation(ModelMode.DELEGATE, "x")}
    assert compute_voting_powers(["a"], {"a": 100, "d": 500}, away, half) == {"a": 100}
    lent = {"d": Participation(ModelMode.DELEGATE, "a"), "n": NONE}
    powers = compute_voting_powers(["a", "b", "c"], {"a": 100, "b": 900, "d": 500, "n": 7}, lent, half)
    assert powers == {"a": 600, "b": 750}


@pytest.mark.parametrize(
    ("powers", "share", "clipped"),
    [
        ([800, 100, 100], "0.5", [500, 100, 100]),
        ([400, 400, 200], "0.3", [300, 300, 200]),
        ([1000], "0.1", [1000]),
        ([100, 100, 100], "0.5", [100, 100, 100]),
        ([100, 1], "0", [100, 1]),
        ([2, 1], "0.3", [2, 1]),
    ],
)
def test_clip(powers: list[int], share: str, clipped: list[int]) -> None:
    """Network 2.9.8."""
    named = {str(place): power for place, power in enumerate(powers)}
    assert list(clip_powers(named, Fraction(share)).values()) == clipped


def make_old(weights: Weights, confirmed: Weights, nodes: Weights, scales: str | None, powers: str = "t") -> OldEpoch:
    """An epoch whose hosts have one node a model; `scales` and `powers` are names of models, with 1 each."""
    return OldEpoch(
        index=5,
        weights=weights,
        node_weights={who: {model: {1: weight} for model, weight in nodes.items()} for who in weights},
        voting_powers={model: {"a": 1} for model in powers},
        confirmed=confirmed,
        scales=None if scales is None else dict.fromkeys(scales, Fraction(1)),
    )


@pytest.mark.parametrize(
    ("old", "new", "capped"),
    [
        (make_old({"a": 120}, {"a": 10}, {}, None), {"a": 999}, {"a": 120}),
        (make_old({"a": 100}, {}, {}, None), {"a": 100, "b": 100}, {"a": 100, "b": 0}),
        (make_old({"a": 100}, {"a": 10}, {"t": 10, "u": 90}, "tu"), {"a": 100}, {"a": 10}),
        (make_old({"a": 100}, {}, {"u": 100}, "u"), {"a": 100, "b": 100}, {"a": 100, "b": 100}),
        (make_old({"a": 100, "g": 100}, {}, {}, None), {"a": 500, "g": 500}, {"a": 100, "g": 100}),
        (make_old({"a": 100}, {"a": 95}, {"t": 100}, "t"), {"a": 900}, {"a": 95}),
        (make_old({"a": 900}, {"a": 900}, {"t": 900}, "t"), {"a": 880}, {"a": 880}),
    ],
)
def test_trusted_weight(old: OldEpoch, new: Weights, capped: Weights) -> None:
    """Network 2.9.7, 2.17. The fourth: nobody is trusted, so that the cap falls."""
    assert cap_by_trust(new, compute_trusted(old)) == capped


def test_untrusted_model_and_first_epoch() -> None:
    """Network 2.9.7: what a model without trusted power proved is not trusted; without an old epoch nothing is cut."""
    assert compute_trusted(make_old({"a": 100}, {"a": 100}, {"u": 100}, "u")) == {"a": 0}
    assert cap_by_trust({"a": 7}, None) == {"a": 7}


def test_epoch_without_proofs() -> None:
    """Network 2.9.1: three hosts are carried over, the last without a node."""
    nodes = {"a": {"m": {1: 60, 2: 40}}, "b": {"m": {1: 50}}, "d": {"m": {1: 40}}}
    old = OldEpoch(
        index=5,
        weights={"a": 90, "b": 50, "c": 70, "excluded": 30, "invalid": 20},
        node_weights=nodes,
        voting_powers={},
        confirmed={},
        scales=None,
    )
    carried = carry_old_epoch(old, {"a", "b", "c", "d"})
    assert carried.weights == {"a": 100, "b": 50, "c": 70}
    assert carried.node_weights == {"a": nodes["a"], "b": nodes["b"]}
    assert is_empty({}, {}, needs_fresh=False)
    assert is_empty({}, {"a": {"m": {1: 5}}}, needs_fresh=True)
    assert not is_empty({}, {"a": {"m": {1: 5}}}, needs_fresh=False)


def test_models_of_main_net() -> None:
    """Network 2.1: three models in October 2026; a penalty's first epoch is its own."""
    assert models_at(158) == ()
    assert [(model.name, float(model.coefficient), model.penalty_start_epoch) for model in models_at(403)] == [
        ("DeepSeek-V4-Flash-0731", 0.246, 360),
        ("GLM-5.3-Flash", 0.62, 394),
        ("MiniMax-M2.7", 0.3024, 278),
    ]
    assert [model.name for model in models_at(330)] == ["Kimi-K2.6", "MiniMax-M2.7"]
    assert all(sum(model.is_initial for model in models_at(epoch)) == 1 for epoch in range(159, 420))
