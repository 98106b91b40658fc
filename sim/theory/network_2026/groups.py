"""Groups of models in 2026: seats, eligible models, caps, modes and what they cost (network 2.9.1 to 2.9.5, 2.19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from sim.protocol.models.bootstrap import expect_start, list_idle
from sim.protocol.models.delegation import ModelMode, Participation, compute_dues, find_modes
from sim.protocol.models.eligibility import is_eligible
from sim.protocol.models.fallback import carry_old_epoch
from sim.protocol.models.group_caps import cap_group, compute_consensus_weights, compute_scale
from sim.protocol.models.params import GroupParams, ModelParams
from sim.protocol.models.seating import merge_preserved, seat_by_hardware
from sim.protocol.models.stances import Stance, StanceKind, is_freeze_height
from sim.protocol.models.trusted_weight import OldEpoch
from sim.theory.row import Row

TENTH = Fraction(1, 10)
INTENDS, REFUSES = Stance(StanceKind.INTENDS), Stance(StanceKind.REFUSES)
REFUSE, NONE, LENT = (
    Participation(ModelMode.REFUSE),
    Participation(ModelMode.NONE),
    Participation(ModelMode.DELEGATE, "t"),
)
ELIGIBLE: tuple[tuple[str, dict[str, int], dict[str, int], bool], ...] = (
    ("new 100 + 50, old 100", {"a": 100, "b": 50}, {"a": 100}, False),
    ("new 100 + 0, old 100 + 50", {"a": 100, "b": 0}, {"a": 100, "b": 50}, False),
    ("initial, new 100 + 0, old 80 + 70", {"a": 100, "b": 0}, {"a": 80, "b": 70}, True),
    ("new 100, nobody old", {"a": 100}, {}, False),
)
"""Case, new and old weights, whether it is the initial model; none is eligible."""
WEIGHTS: tuple[tuple[str, dict[str, str], dict[str, dict[str, int]], int, dict[str, int]], ...] = (
    (
        "base model and one capped at 200",
        {"a": "1", "b": "1"},
        {"a": {"alice": 100, "bob": 200}, "b": {"alice": 1000, "bob": 500}},
        400,
        {"alice": 100 + 133, "bob": 200 + 66},
    ),
    ("base model alone", {"a": "1"}, {"a": {"alice": 10_000}}, 50, {"alice": 10_000}),
    ("sole model of 4.475", {"b": "4.475"}, {"b": {"a": 7202, "b": 2547}}, 13_010, {"a": 32_228, "b": 11_397}),
    ("10 of 1, 10 of 2", {"a": "1", "b": "2"}, {"a": {"h": 10}, "b": {"h": 10}}, 100, {"h": 30}),
)
"""Case, coefficients (a is the base model), raw weights, old weight of all, consensus weights at a factor of .5."""
DUES: tuple[tuple[str, dict[str, Participation], str, int, Fraction], ...] = (
    ("REFUSE at .15", {"a": REFUSE}, "0.15", 0, Fraction("0.15")),
    ("NONE in 2 models at .1", {"a": NONE, "b": NONE}, "0.1", 0, Fraction("0.2")),
    ("NONE in 11 models at .1", {f"{i:02}": NONE for i in range(11)}, "0.1", 0, Fraction(1)),
    ("3 REFUSE at .2, a share", {**dict.fromkeys("abc", REFUSE), "d": LENT}, "0.2", 0, Fraction("0.6")),
    ("start at 5, epoch 4", {"a": NONE}, "0.1", 5, Fraction(0)),
    ("start at 4, epoch 4", {"a": NONE}, "0.1", 4, Fraction("0.1")),
)
"""Case, modes by model, penalty of each, first epoch of penalties, sum in epoch 4."""
STARTS: tuple[tuple[str, dict[str, int], str, dict[str, str], str, tuple[bool, bool, bool]], ...] = (
    ("only v_min missed", {"a": 100, "b": 60, "c": 40}, "a", {"b": "a", "c": "a"}, "0.4", (True, False, True)),
    ("only reach missed", {"a": 50, "b": 10, "c": 40}, "ab", {}, "0.5", (True, True, False)),
    ("all met", {"a": 50, "b": 20, "c": 30}, "ab", {"c": "a"}, "0.5", (True, True, True)),
)
"""Case, old weights, intents, delegations, threshold; weight, v_min of 2 and reachability met."""


def group_rows() -> Iterator[Row]:
    """Yield every step from proved nodes to what hosts owe."""
    yield from _seat_rows()
    for case, new, old, is_initial in ELIGIBLE:
        found = is_eligible(_make_model("m", is_initial=is_initial), new, old, TENTH, 2)
        yield Row.exact(f"network of 2026: eligible, {case}", found, False)
    yield from _weight_rows()
    yield from _mode_rows()
    for case, modes, penalty, start, expected in DUES:
        yield Row.exact(f"network of 2026: penalties, {case}", _sum_penalties(modes, penalty, start), expected)
    added = _sum_penalties({"a": NONE}, "0.1", 0, ["b"])
    yield Row.exact("network of 2026: penalties, NONE and a model that starts", added, Fraction("0.2"))
    late = _sum_penalties({}, "0.1", 5, ["b"])
    yield Row.exact("network of 2026: penalties, a model that starts later", late, Fraction(0))
    yield from _start_rows()


def _make_model(name: str, coefficient: str = "1", *, is_initial: bool = False, start: int = 0) -> ModelParams:
    return ModelParams(
        name=name,
        distance_threshold=0.4,
        coefficient=Fraction(coefficient),
        is_initial=is_initial,
        penalty_start_epoch=start,
    )


def _seat_rows() -> Iterator[Row]:
    same = merge_preserved({"h": {"m": {1: 150}}}, {"h": {"m": {1: 100}}})
    yield Row.exact("network of 2026: preserved 100 and fresh 150 of one node", same, {"h": {"m": {1: 100}}})
    merged = merge_preserved({"h": {"a": {3: 1}, "c": {4: 1}}}, {"h": {"a": {1: 1}, "b": {2: 1}}})
    seats = {model: list(nodes) for model, nodes in merged["h"].items()}
    yield Row.exact("network of 2026: preserved and fresh by model", seats, {"a": [1, 3], "b": [2], "c": [4]})
    registered = {1: ["A", "B"], 2: ["A"], 3: ["B"], 4: ["A", "B"]}
    seated = seat_by_hardware({"h": {"B": dict.fromkeys(registered, 1)}}, {"h": registered}, ["A", "B"])["h"]
    named = {model: list(nodes) for model, nodes in seated.items()}
    yield Row.exact("network of 2026: nodes to models by hardware", named, {"A": [1, 2, 4], "B": [3]})
    weights = {"a": 100, "b": 50, "c": 70, "d": 30, "e": 20}
    nodes = {"a": {"m": {1: 60, 2: 40}}, "b": {"m": {1: 50}}, "d": {"m": {1: 30}}, "e": {"m": {1: 20}}}
    old = OldEpoch(index=7, weights=weights, node_weights=nodes, voting_powers={}, confirmed={}, scales=None)
    carried = carry_old_epoch(old, ["a", "b", "c", "removed"])
    yield Row.exact("network of 2026: carried over", dict(carried.weights), {"a": 100, "b": 50, "c": 70})
    yield Row.exact("network of 2026: carried over with models", list(carried.node_weights), ["a", "b"])


def _weight_rows() -> Iterator[Row]:
    yield Row.exact("network of 2026: group cap of 150 at .5", cap_group(150, Fraction("0.5")), 75)
    yield Row.exact("network of 2026: group cap of 100 at 0", cap_group(100, Fraction(0)), 0)
    cap = cap_group(497_724, Fraction("0.75"))
    yield Row.exact("network of 2026: group cap of 497 724", cap, 373_293)
    yield Row.exact("network of 2026: scale of 500 000", compute_scale([500_000], cap), Fraction("0.746586"))
    for case, coefficients, members, old_total, expected in WEIGHTS:
        models = [_make_model(name, text, is_initial=name == "a") for name, text in coefficients.items()]
        hosts = dict.fromkeys([who for group in members.values() for who in group], 0)
        found = compute_consensus_weights(models, members, hosts, cap_group(old_total, Fraction("0.5")))
        yield Row.exact(f"network of 2026: consensus weight, {case}", found.weights, expected)


def _mode_rows() -> Iterator[Row]:
    newcomer = find_modes({"a"}, {"n": 1}.keys(), {"n": REFUSES})["n"].mode
    yield Row.exact("network of 2026: mode of a newcomer that refuses", newcomer, ModelMode.REFUSE)
    lent = find_modes({"t"}, {"n": 1}.keys(), {"n": Stance(StanceKind.DELEGATES, "t")})["n"].mode
    yield Row.exact("network of 2026: mode, the delegate has left", lent, ModelMode.NONE)


def _sum_penalties(
    modes: Mapping[str, Participation], penalty: str, start: int, idle: list[str] | None = None
) -> Fraction:
    params = GroupParams(refusal_penalty=Fraction(penalty), no_participation_penalty=Fraction(penalty))
    models = [_make_model(name, start=start) for name in (*modes, *(idle or ()))]
    by_model = {model: {"n": mode} for model, mode in modes.items()}
    dues = compute_dues(by_model, {model: ["n"] for model in idle or ()}, models, {"n": 1}, params, 4)
    return dues.penalties.get("n", Fraction(0))


def _start_rows() -> Iterator[Row]:
    stances = {"delegates": Stance(StanceKind.DELEGATES, "x"), "intends": INTENDS}
    hosts = ["commits", "delegates", "intends", "nothing"]
    paying = list_idle(stances, ["commits"], hosts, hosts, is_expected=True, spares_newcomers=False)
    yield Row.exact("network of 2026: who pays for a model that starts", list(paying), ["intends", "nothing"])
    for case, old, intents, delegates, threshold, expected in STARTS:
        lent = {who: Stance(StanceKind.DELEGATES, delegate) for who, delegate in delegates.items()}
        found = expect_start(_make_model("m"), {**dict.fromkeys(intents, INTENDS), **lent}, old, Fraction(threshold), 2)
        tests = (found.has_weight, found.has_members, found.is_reachable)
        yield Row.exact(f"network of 2026: expected to start, {case}", tests, expected)
    frozen = [height for height in range(90, 111) if is_freeze_height(height, 110, 3)]
    yield Row.exact("network of 2026: intents frozen 3 blocks before 110", frozen, [107])
    yield Row.exact("network of 2026: intents frozen, window 0", is_freeze_height(110, 110, 0), False)
