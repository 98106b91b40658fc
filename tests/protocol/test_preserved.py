"""Preserved nodes in both versions (protocol 5.2); "the network's test" is a case of its own published tests."""

import hashlib
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from second_preserved import choose

from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.proofs.preserved import (
    Cut,
    ModelNode,
    compute_cuts,
    compute_outlier_bound,
    compute_slot_seed,
    draw_hosts,
    find_cut,
    group_by_model,
    keep_some_proof,
    select_eligible,
    select_half,
    select_share,
)


def nodes(address: str, *weights: int) -> list[ModelNode]:
    return [ModelNode(address, node_id, weight) for node_id, weight in enumerate(weights, start=1)]


def test_slot_seed_is_the_start_of_the_hash() -> None:
    expected = hashlib.sha256(b"7_alice_QwQ-32B").hexdigest()[:16]
    assert compute_slot_seed(7, "alice", "QwQ-32B") == int(expected, 16)


def test_nodes_go_to_the_model_they_serve_and_others_get_no_slot() -> None:
    hardware = {"a": (HardwareNode(1, "B"), HardwareNode(2, "other"), HardwareNode(3, "A"), HardwareNode(4, "A"))}
    grouped = group_by_model({"a": {1: 10, 2: 20, 3: 30}}, hardware, ["B", "A"])
    assert list(grouped) == ["A", "B"]
    assert grouped == {"A": [ModelNode("a", 3, 30)], "B": [ModelNode("a", 1, 10)]}


# Version 1: v0.2.0 to v0.2.4


@pytest.mark.parametrize(("n", "slots"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_half_of_the_nodes_rounded_down(n: int, slots: int) -> None:
    chosen = select_half(2, {"m": nodes("a", *[5] * n)})
    assert len(chosen.get("a", ())) == slots


def test_half_per_model_not_per_participant() -> None:
    models = {"m": nodes("a", 1, 1, 1), "n": [ModelNode("a", 9, 1)]}
    assert len(select_half(2, models)["a"]) == 1


@pytest.mark.parametrize("epoch", [0, 1])
def test_nothing_is_preserved_out_of_the_first_epochs(epoch: int) -> None:
    models = {"m": nodes("a", 1, 1)}
    assert select_half(epoch, models) == {}
    assert select_share(epoch, models, {"a": 2}, {"m": {"a"}}, 0.5) == {}


def test_the_draw_is_new_every_epoch() -> None:
    """Each of two nodes has a chance of 1/2 in every epoch: 400 epochs, standard deviation 10, bound 4 of them."""
    chosen = [select_half(epoch, {"m": nodes("a", 1, 1)})["a"] for epoch in range(2, 402)]
    assert abs(sum(1 in ids for ids in chosen) - 200) < 40


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 6)), st.integers(2, 50))
def test_slots_of_one_do_not_depend_on_others(counts: dict[str, int], epoch: int) -> None:
    everybody = [node for address, n in counts.items() for node in nodes(address, *[1] * n)]
    together = select_half(epoch, {"m": everybody})
    for address, n in counts.items():
        assert together.get(address) == select_half(epoch, {"m": nodes(address, *[1] * n)}).get(address)


def test_rotation_gives_the_slot_to_the_other_half() -> None:
    """What-if (#706): of two nodes the one that is preserved now comes last, so that they take turns."""
    models = {"m": nodes("a", 1, 1)}
    for epoch in range(2, 42):
        last = select_half(epoch, models)
        assert select_half(epoch + 1, models, last)["a"] == {1, 2} - last["a"]
    assert select_half(5, {"m": nodes("a", 1, 1, 1, 1, 1)}, {"a": frozenset({1, 2, 3, 5})})["a"] > {4}


# Version 2: from v0.2.5

EQUAL = [node for i in range(10) for node in nodes(f"p{i}", 10, 10, 10, 10)]
CAPPED = {f"p{i}": 40 for i in range(10)}
EVERYBODY = {"m": set(CAPPED)}


def held(chosen: dict[str, frozenset[int]], of: list[ModelNode]) -> int:
    return sum(node.weight for node in of if node.node_id in chosen.get(node.address, ()))


def weigh(*lists: list[ModelNode]) -> dict[str, int]:
    """Uncapped weight by address."""
    everything = [node for each in lists for node in each]
    return {who: sum(n.weight for n in everything if n.address == who) for who in {n.address for n in everything}}


@pytest.mark.parametrize(
    ("weights", "percent", "limit", "count"),
    [
        ([10, 10], 25, 10, 1),
        ([10] * 4, 25, 10, 1),
        ([10] * 4, 75, 10, 3),
        ([30, 25, 20, 15], 25, 29, 0),
        ([50, 40, 30, 20, 10], 70, 29, 0),
        ([10], 25, 9, 0),
        ([], 25, 0, 0),
        ([40, 90, 45], 75, 44, 0),  # as heavy as w is cut off too
        ([30, 30, 30], 25, 30, 1),
        ([30, 30, 20], 25, 29, 0),
        ([10] * 5, 25, 10, 2),  # ceil(n / 4) of n equal ones
        ([1, 1], 25, 1, 1),  # a goal of 0 is reached by the first
    ],
)
def test_cuts(weights: list[int], percent: int, limit: int, count: int) -> None:
    """The first seven are the network's tests."""
    assert find_cut(weights, percent) == Cut(limit, count)


@pytest.mark.parametrize(
    ("cut", "weights", "stay"),
    [
        (Cut(10, 2), (10, 10, 10, 10), [1, 2]),
        (Cut(10), (10, 10, 10, 10), [1, 2, 3, 4]),
        (Cut(9, 2), (10, 10, 10, 10), []),
        (Cut(15), (10, 15, 10, 10), [1, 3, 4, 2]),
        (Cut(0), (7, 900), [1, 2]),
    ],
)
def test_nodes_that_stay(cut: Cut, weights: tuple[int, ...], stay: list[int]) -> None:
    """The network's tests but for the last: the lightest first, then by id; the count is that of a model."""
    eligible = select_eligible(nodes("a", *weights), {"a": cut})
    assert [node.node_id for node in eligible["a"]] == stay


@pytest.mark.parametrize(
    ("weights", "bound"),
    [
        ([20, 25, 30, 35, 40, 40, 45, 50, 35], 56),
        ([10] * 100 + [20] * 100, 36),
        ([1, 1, 1, 1, 100], 0),
        ([0, 10, 20, 30, 40], 61),
        ([0, 10, 20, 30], 61),  # places 1 and 3
        ([0, 10, 20, 30, 40, 50, 60, 70], 121),  # places 2 and 6
        ([1, 2], 4),  # Q1 = 1, Q3 = 2, IQR // 2 is 0
        ([7], 7),
        ([], 0),
    ],
)
def test_outliers(weights: list[int], bound: int) -> None:
    """Q3 + IQR + IQR // 2 + 1; where quartiles are equal there is no bound."""
    assert compute_outlier_bound(weights) == bound


def test_a_node_at_the_bound_stays_and_one_above_is_out() -> None:
    fleet = [node for i in range(20) for node in nodes(f"p{i}", *[20] * 5, *[10] * 5)]
    for weight, stays in ((36, True), (37, False)):
        small = nodes("a", weight)
        cuts = compute_cuts({"m": [*fleet, *small]})
        assert select_eligible(small, cuts)["a"] == (small if stays else [])


@pytest.mark.parametrize(
    ("weights", "n_big"), [((50, 25, 15, 10), 2), ((50, 24, 16, 10), 3), ((50, 26, 14, 10), 2), ((75, 15, 10), 1)]
)
def test_big_hosts_reach_three_quarters(weights: tuple[int, ...], n_big: int) -> None:
    """A big host's only node is cut off; a small one has no limit but that of outliers, which none is here."""
    models = {"m": [ModelNode(f"h{place}", 1, weight) for place, weight in enumerate(weights)]}
    cuts = compute_cuts(models)
    is_big = [cuts[f"h{place}"].limit == weight - 1 for place, weight in enumerate(weights)]
    assert is_big == [place < n_big for place in range(len(weights))]


@pytest.mark.parametrize(("weights", "limit"), [((25, 24, 21, 20, 10), 24), ((24, 23, 22, 21, 10), 22)])
def test_a_big_hosts_heaviest_quarter_is_reached_exactly(weights: tuple[int, ...], limit: int) -> None:
    assert compute_cuts({"m": nodes("a", *weights)}) == {"a": Cut(limit)}


def test_outliers_are_looked_for_over_all_models_together() -> None:
    """Alone the second model's nodes are alike; beside the first one's they are outliers."""
    light = [node for i in range(8) for node in nodes(f"p{i}", 9, 10, 11, 12)]
    heavy = [ModelNode("q", 1, 100), ModelNode("q", 2, 101)]
    cuts = compute_cuts({"m": light, "n": heavy})
    assert compute_outlier_bound([100, 101]) == 103
    assert cuts["q"].limit == compute_outlier_bound([node.weight for node in [*light, *heavy]]) < 100
    assert select_eligible(heavy, cuts)["q"] == []


def test_a_lone_node_of_weight_1_has_no_limit() -> None:
    """Its cut, 1 - 1, says none; a heavier lone node of a big host is out."""
    assert compute_cuts({"m": nodes("a", 1)}) == {"a": Cut(1)}  # the bound of a single node is its weight
    two = compute_cuts({"m": nodes("a", 1) + nodes("b", 1)})
    assert two == {"a": Cut(0), "b": Cut(0)}
    assert compute_cuts({"m": nodes("a", 2) + nodes("b", 2)}) == {"a": Cut(1), "b": Cut(1)}


A, B, C = nodes("A", 10, 10, 10, 10), nodes("B", 30, 25, 20, 15), nodes("C", 15, 15, 15)
WORKED = {"m": [*A, *B, *C]}
GIVEN = {  # in the drawn order
    ("A", "B"): ({"A": {1, 2, 3}, "B": {4, 3, 2}}, 90),
    ("B", "C"): ({"C": {1}, "B": {4, 3, 2}}, 75),
}


def test_the_worked_example_of_the_specification() -> None:
    """Protocol 5.2: cut of hosts 44, bound 36, B's cut 29, C 15 with count 1, limit of the 34 % rule 59."""
    assert find_cut([40, 90, 45], 75) == Cut(44)
    assert compute_outlier_bound([node.weight for node in WORKED["m"]]) == 36
    assert compute_cuts(WORKED) == {"A": Cut(36), "B": Cut(29), "C": Cut(15, 1)}
    eligible = {"m": select_eligible(WORKED["m"], compute_cuts(WORKED))}
    free = keep_some_proof(eligible, {"m": ["A", "B"]}, WORKED, weigh(WORKED["m"]))
    assert [node.node_id for node in free["m"]["A"]] == [1, 2, 3, 4]  # 40 < 59
    assert [node.node_id for node in free["m"]["B"]] == [4, 3, 2]
    seen = set()
    for epoch in range(2, 60):
        served = {"m": set("ABC")}
        drawn = draw_hosts(epoch, "m", WORKED, eligible, "ABC")
        assert len(drawn) == 2
        chosen = select_share(epoch, WORKED, weigh(WORKED["m"]), served, 0.5)
        for pair, (ids, total) in GIVEN.items():
            if set(drawn) == set(pair):
                assert (chosen, held(chosen, WORKED["m"])) == (ids, total)
                seen.add(pair)
    assert seen == set(GIVEN)


def test_only_hosts_with_several_nodes_give_in_the_networks_test() -> None:
    """{10, 10}, {10}, {10}, share 0.5: the cut of hosts is 10, so that all are big; one node, of a target of 20."""
    models = {"m": nodes("a", 10, 10) + nodes("b", 10) + nodes("c", 10)}
    for epoch in range(2, 12):
        chosen = select_share(epoch, models, weigh(models["m"]), {"m": set("abc")}, 0.5)
        assert chosen == {"a": {1}}


def test_twenty_hosts_of_the_networks_test() -> None:
    """Five nodes of 20 and five of 10 each: 11 are drawn, all their nodes of 10 given: 550 of a target of 1500."""
    models = {"m": [node for i in range(20) for node in nodes(f"p{i:02}", *[20] * 5, *[10] * 5)]}
    assert {cut.limit for cut in compute_cuts(models).values()} == {19}
    chosen = select_share(3, models, weigh(models["m"]), {"m": {f"p{i:02}" for i in range(20)}}, 0.5)
    assert len(chosen) == 11
    assert set(map(len, chosen.values())) == {5}
    assert held(chosen, models["m"]) == 550


def test_of_uniform_fleets_a_quarter_is_eligible() -> None:
    """Row 5: n equal nodes of a big host leave ceil(n / 4), the smallest ids."""
    for n, stay in ((2, 1), (4, 1), (5, 2), (8, 2), (9, 3)):
        fleet = {"m": [node for i in range(6) for node in nodes(f"p{i}", *[7] * n)]}
        eligible = select_eligible(fleet["m"], compute_cuts(fleet))
        assert {tuple(node.node_id for node in mine) for mine in eligible.values()} == {tuple(range(1, stay + 1))}


def test_a_count_is_that_of_each_model() -> None:
    """Four equal nodes in two models: the cut counts one, and each model's list gives one."""
    models = {"m": nodes("a", 10, 10), "n": [ModelNode("a", 3, 10), ModelNode("a", 4, 10)]}
    assert compute_cuts(models) == {"a": Cut(10, 1)}
    chosen = select_share(5, models, {"a": 400}, {"m": {"a"}, "n": {"a"}}, 1.0)
    assert chosen == {"a": {1, 3}}


def test_a_tenth_of_the_weight_is_preserved_in_address_order() -> None:
    """Of the six that are drawn the first four by address give one node each: the alphabetical bias (#700)."""
    chosen = select_share(5, {"m": EQUAL}, CAPPED, EVERYBODY, 0.10)
    eligible = {"m": select_eligible(EQUAL, compute_cuts({"m": EQUAL}))}
    drawn = draw_hosts(5, "m", {"m": EQUAL}, eligible, EVERYBODY["m"])
    assert len(drawn) == 6
    assert list(chosen) == sorted(drawn)[:4] != drawn[:4]
    assert set(map(len, chosen.values())) == {1}
    turned = select_share(5, {"m": EQUAL}, CAPPED, EVERYBODY, 0.10, as_drawn=True)
    assert list(turned) == sorted(drawn[:4])
    assert set(map(len, turned.values())) == {1}


def test_the_target_is_truncated() -> None:
    """A tenth of 109 is 10: one node of 10 is enough; a tenth of 110 is 11."""
    for last, n in ((19, 1), (20, 2)):
        models = {"m": nodes("a", 10, 10, 30, 40, last)}
        chosen = select_share(5, models, {"a": 1000}, {"m": {"a"}}, 0.1)
        assert len(chosen["a"]) == n


def test_half_of_those_who_served_are_drawn() -> None:
    """N // 2 + 1 of 10: 6 participants. A newcomer counts in N, and is not drawn."""
    chosen = select_share(5, {"m": EQUAL}, CAPPED, EVERYBODY, 1.0)
    assert len(chosen) == 6
    some = {f"p{i}" for i in range(7)}
    assert len(select_share(5, {"m": EQUAL}, CAPPED, {"m": some}, 1.0)) == 6
    only = select_share(5, {"m": EQUAL}, CAPPED, {"m": {"p3"}}, 1.0)
    assert set(only) == {"p3"}
    assert select_share(5, {"m": EQUAL}, CAPPED, {}, 1.0) == {}


def test_an_eligible_node_in_another_model_makes_a_candidate() -> None:
    """b has nothing to give in m; it counts in N there all the same, for it has something to give in n."""
    models = {"m": nodes("a", 5, 5, 5, 5) + nodes("b", 90), "n": [ModelNode("b", 2, 1)]}
    eligible = {"m": {"a": models["m"][:1], "b": []}, "n": {"b": models["n"]}}
    served = {"a", "b"}
    assert set(draw_hosts(5, "m", models, eligible, served)) == {"a", "b"}
    assert draw_hosts(5, "m", models, {**eligible, "n": {"b": []}}, served) == ["a"]


def test_the_draw_depends_on_epoch_model_and_addresses() -> None:
    """Its seed: "filter_{epoch}_{start of the hash of all addresses}_{model}"."""
    models = {"m": EQUAL, "n": EQUAL}
    eligible = {model: select_eligible(EQUAL, compute_cuts(models)) for model in models}
    draws = {
        tuple(draw_hosts(epoch, model, models, eligible, EVERYBODY["m"])) for epoch in range(2, 12) for model in models
    }
    assert len(draws) == 20
    one = draw_hosts(5, "m", models, eligible, {"p1", "p2", "p3"})
    more = {"m": EQUAL, "n": [*EQUAL, ModelNode("q", 1, 5)]}
    others = [draw_hosts(epoch, "m", more, eligible, {"p1", "p2", "p3"}) for epoch in range(5, 25)]
    same = [draw_hosts(epoch, "m", models, eligible, {"p1", "p2", "p3"}) for epoch in range(5, 25)]
    assert one in permutations_of(one)
    assert others != same


def permutations_of(names: list[str]) -> list[list[str]]:
    return list(map(list, permutations(names)))


def test_hosts_without_any_proof_hold_less_than_34_percent() -> None:
    """Of 100, truncated; a's one node is all it has, then b's comes: together they must stay below 34."""
    for weight, may in ((13, True), (14, False), (15, False)):
        models = {"m": nodes("a", 20) + nodes("b", weight), "n": nodes("c", 80 - weight, 1)}
        eligible = {"m": {"a": models["m"][:1], "b": models["m"][1:]}, "n": {}}
        capped = {"a": 20, "b": weight, "c": 80 - weight}
        free = keep_some_proof(eligible, {"m": ["a", "b"], "n": []}, models, capped)
        assert free["m"] == {"a": models["m"][:1], "b": models["m"][1:] if may else []}
        turned = keep_some_proof(eligible, {"m": ["b", "a"], "n": []}, models, capped)
        assert bool(turned["m"]["a"]) is may  # who is drawn first comes first


def test_the_34_percent_are_of_capped_weight_and_truncated() -> None:
    models = {"m": nodes("a", 34)}
    eligible = {"m": {"a": models["m"]}}
    for total, may in ((102, False), (103, True)):  # trunc(34.68) = 34, trunc(35.02) = 35
        free = keep_some_proof(eligible, {"m": ["a"]}, models, {"x": total})
        assert bool(free["m"]["a"]) is may


def test_the_first_node_too_much_ends_a_hosts_list_of_that_model() -> None:
    """a's second node would bring it to its whole weight; what follows in its list is not looked at. n starts anew."""
    models = {"m": nodes("a", 5, 5, 0), "n": [ModelNode("b", 1, 1), ModelNode("a", 4, 0)]}
    eligible = {"m": {"a": models["m"]}, "n": {"a": models["n"][1:], "b": models["n"][:1]}}
    free = keep_some_proof(eligible, {"m": ["a"], "n": ["b", "a"]}, models, {"a": 10, "b": 1})
    assert [node.node_id for node in free["m"]["a"]] == [1]
    assert [node.node_id for node in free["n"]["b"]] == [1]
    assert [node.node_id for node in free["n"]["a"]] == [4]


def test_rotation_moves_a_preserved_node_to_the_end_of_its_hosts_queue() -> None:
    """What-if (#706): without it a's lightest node is preserved for ever."""
    models = {"m": nodes("a", 1, 10, 20, 30, 40)}
    rest = ({"a": 101}, {"m": {"a"}}, 0.005)
    assert select_share(5, models, *rest) == {}  # a target of trunc(0.505)
    rest = ({"a": 1000}, {"m": {"a"}}, 0.01)
    assert select_share(5, models, *rest) == {"a": {1}}
    assert select_share(5, models, *rest, {"a": frozenset({1})}) == {"a": {2}}
    assert select_share(5, models, *rest, {"a": frozenset({2})}) == {"a": {1}}


NODES = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([0, 1, 2, 5, 10, 10, 10, 11, 40])), max_size=14)


@settings(max_examples=300)
@given(
    NODES,
    NODES,
    st.integers(2, 40),
    st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.tuples(st.sampled_from("abcdef"), st.integers(1, 8))),
    st.integers(0, 3),
)
def test_against_a_second_implementation(
    first: list[tuple[str, int]],
    second: list[tuple[str, int]],
    epoch: int,
    share: float,
    strangers: set[str],
    last: set[tuple[str, int]],
    cap: int,
) -> None:
    """Two models; some hosts are new; capped weights are smaller than those of nodes."""
    named = {"m": number(first, 1), "n": number(second, 100)}
    models = {model: [ModelNode(*node) for node in nodes] for model, nodes in named.items()}
    capped = {who: weight // (1 + cap) for who, weight in weigh(*models.values()).items()}
    served = {"m": set("abcdef") - strangers, "n": set("abcdef")}
    before = {who: frozenset(i for host, i in last if host == who) for who in "abcdef"}
    chosen = select_share(epoch, models, capped, served, share, before)
    expected = choose(epoch, named, capped, served, share, last)
    assert {(who, i) for who, ids in chosen.items() for i in ids} == expected


def number(listed: list[tuple[str, int]], start: int) -> list[tuple[str, int, int]]:
    return [(who, start + place, weight) for place, (who, weight) in enumerate(listed)]


@given(
    st.lists(st.lists(st.integers(1, 100), min_size=1, max_size=5), min_size=1, max_size=8),
    st.integers(2, 30),
    st.sampled_from([0.05, 0.1, 0.5]),
)
def test_laws_of_the_share(weights: list[list[int]], epoch: int, share: float) -> None:
    """The target is passed by less than one node; the guards hold; a draw repeats."""
    model = [node for i, mine in enumerate(weights) for node in nodes(f"p{i}", *mine)]
    capped = {f"p{i}": sum(mine) for i, mine in enumerate(weights)}
    chosen = select_share(epoch, {"m": model}, capped, {"m": set(capped)}, share)
    assert chosen == select_share(epoch, {"m": model}, capped, {"m": set(capped)}, share)
    total = sum(node.weight for node in model)
    assert held(chosen, model) < share * total + max(node.weight for node in model)
    full = [who for who, ids in chosen.items() if len(ids) == len(weights[int(who[1:])])]
    assert sum(capped[who] for who in full) * 100 < 34 * total or not full
    assert len(chosen) <= len(weights) // 2 + 1
