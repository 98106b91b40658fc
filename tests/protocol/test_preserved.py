"""Preserved nodes in both versions (protocol 5.2)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.proofs.preserved import (
    ModelNode,
    compute_outlier_bound,
    compute_slot_seed,
    group_by_model,
    may_preserve,
    select_half,
    select_large,
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


# Version 1: v0.2.0 to v0.2.3


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


# Version 2: from v0.2.5

EQUAL = [node for i in range(10) for node in nodes(f"p{i}", 10, 10, 10, 10)]
CAPPED = {f"p{i}": 40 for i in range(10)}
EVERYBODY = {"m": set(CAPPED)}


def held(chosen: dict[str, frozenset[int]], of: list[ModelNode]) -> int:
    return sum(node.weight for node in of if node.node_id in chosen.get(node.address, ()))


def test_a_tenth_of_the_weight_is_preserved() -> None:
    chosen = select_share(5, {"m": EQUAL}, CAPPED, EVERYBODY, 0.10)
    assert held(chosen, EQUAL) == 40
    assert max(map(len, chosen.values())) == 1  # round-robin: nobody gives a second node before everybody gave one


def test_half_of_those_who_served_are_drawn() -> None:
    """N // 2 + 1 of 10: 6 participants; a newcomer is not among them."""
    chosen = select_share(5, {"m": EQUAL}, CAPPED, EVERYBODY, 1.0)
    assert len(chosen) == 6
    only = select_share(5, {"m": EQUAL}, CAPPED, {"m": {"p3"}}, 1.0)
    assert set(only) == {"p3"}
    assert select_share(5, {"m": EQUAL}, CAPPED, {}, 1.0) == {}


def test_the_smallest_node_comes_first() -> None:
    mixed = nodes("a", 30, 10, 20) + nodes("b", 10, 30, 20)
    chosen = select_share(5, {"m": mixed}, {"a": 60, "b": 60}, {"m": {"a", "b"}}, 0.01)
    ((address, ids),) = chosen.items()
    assert ids == {2} if address == "a" else {1}


def test_large_participants_keep_their_heaviest_quarter() -> None:
    assert select_large({"a": 50, "b": 25, "c": 20, "d": 5}) == {"a", "b"}
    assert select_large({"a": 50, "b": 24, "c": 21, "d": 5}) == {"a", "b", "c"}
    models = {"m": nodes("a", 4, 3, 2, 1)}
    assert select_share(5, models, {"a": 10}, {"m": {"a"}}, 1.0) == {"a": frozenset({2, 3, 4})}


def test_outliers_are_out() -> None:
    """Quartiles of 1, 1, 1, 1, 100 are 1 and 1: everything above 1 is out."""
    assert compute_outlier_bound([1, 1, 1, 1, 100]) == 1
    assert compute_outlier_bound([0, 10, 20, 30, 40]) == 60
    assert compute_outlier_bound([7]) == float("inf")
    small = [*nodes("a", 1, 1), *nodes("b", 1, 1), *nodes("c", 100)]
    chosen = select_share(5, {"m": small}, {"x": 1000}, {"m": set("abc")}, 1.0)
    assert "c" not in chosen


def test_fully_preserved_participants_hold_less_than_34_percent() -> None:
    """a and b have one node each: with a preserved already, b may follow only while both hold less than 34 of 100."""
    counts = {"a": 1, "b": 1, "c": 2}
    for weight, may in ((13, True), (14, False), (15, False)):
        capped = {"a": 20, "b": weight, "c": 80 - weight}
        assert may_preserve(ModelNode("b", 1, weight), {"a": {1}}, counts, capped) == may
    assert may_preserve(ModelNode("c", 1, 90), {}, counts, {"a": 5, "b": 5, "c": 90})  # its other node is proven


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
