"""Preserved nodes of an episode against the worked rows of the network's own tests (network 2.8, 2.19)."""

from collections.abc import Mapping
from fractions import Fraction

import pytest

from sim.protocol.models.episode_preserved import (
    EpisodeDraw,
    compute_model_cuts,
    draw_preserved,
    find_big,
    leave_proof,
    list_able,
)
from sim.protocol.proofs.preserved import Cut, ModelNode, compute_outlier_bound, find_cut, select_eligible


def make_draw(
    hosts: Mapping[str, Mapping[int, int]],
    *,
    share: str = "0.5",
    powers: Mapping[str, int] | None = None,
    total: int = 0,
    rewarded: str | list[str] | None = None,
    anchor: int = 100,
    epoch: int = 7,
    guardians: str = "",
) -> EpisodeDraw:
    return EpisodeDraw(
        epoch_index=epoch,
        anchor_height=anchor,
        node_weights={who: {"m": nodes} for who, nodes in hosts.items()},
        voting_powers={"m": powers or {}},
        total=total or sum(sum(nodes.values()) for nodes in hosts.values()),
        rewarded={"m": list(hosts) if rewarded is None else rewarded},
        share=Fraction(share),
        guardians=guardians,
    )


TWENTY = {f"{i:02}": dict(enumerate([20] * 5 + [10] * 5)) for i in range(20)}


@pytest.mark.parametrize(
    ("weights", "percent", "cut"),
    [
        ([10, 10], 25, Cut(10, 1)),
        ([10] * 4, 25, Cut(10, 1)),
        ([10] * 4, 75, Cut(10, 3)),
        ([30, 25, 20, 15], 25, Cut(29)),
        ([50, 40, 30, 20, 10], 70, Cut(29)),
        ([10], 25, Cut(9)),
        ([1], 25, Cut(0)),
        ([], 25, Cut(0)),
    ],
)
def test_nodes_of_a_big_host(weights: list[int], percent: int, cut: Cut) -> None:
    """Network 2.8.1: bound and number of nodes; 0 is none."""
    assert find_cut(weights, percent) == cut


@pytest.mark.parametrize(
    ("nodes", "cut", "ids"),
    [
        ({1: 10, 2: 10, 3: 10, 4: 10}, Cut(10, 2), [1, 2]),
        ({1: 10, 2: 10, 3: 10, 4: 10}, Cut(9, 2), []),
        ({3: 10, 1: 10, 4: 15, 2: 10}, Cut(15), [1, 2, 3, 4]),
    ],
)
def test_nodes_that_stay(nodes: Mapping[int, int], cut: Cut, ids: list[int]) -> None:
    """Network 2.8.1."""
    listed = [ModelNode("h", node_id, weight) for node_id, weight in nodes.items()]
    assert [node.node_id for node in select_eligible(listed, {"h": cut})["h"]] == ids


def test_bounds_of_hosts_and_outliers() -> None:
    """Network 2.8.1: with 0 every host is big; guardians' nodes count in the quartiles, but cannot stay."""
    assert find_big({"a": 40, "b": 10}, 100) == 0
    assert find_big(dict.fromkeys("abc", 30), 90) == 30
    assert find_big({"a": 80, "b": 10}, 100) == 79
    assert find_big({}, 100) == 0
    assert compute_outlier_bound([20, 25, 30, 35, 40, 40, 45, 50, 35]) == 56
    assert compute_outlier_bound([10] * 100 + [20] * 100) == 36
    hosts = {"a": {1: 5}, "g": {1: 20, 2: 40, 3: 60}}
    assert compute_model_cuts(hosts, {"a": 1, "g": 99}, 100)["a"].limit == 60 + 40 + 20 + 1
    assert list_able(hosts, {"a": 1, "g": 99}, 100, "g").keys() == {"a"}


@pytest.mark.parametrize(
    ("nodes", "whole", "powers", "limit", "taken"),
    [
        ({"a": [10]}, {"a": 10}, {"a": 40}, 34, {"a": 0}),
        ({"a": [5]}, {"a": 10}, {"a": 40}, 34, {"a": 1}),
        (
            {"a": [10], "b": [10], "c": [4]},
            {"a": 10, "b": 10, "c": 9},
            {"a": 20, "b": 14},
            34,
            {"a": 1, "b": 0, "c": 1},
        ),
        ({"a": [10], "b": [10]}, {"a": 10, "b": 10}, {"a": 20, "b": 13}, 34, {"a": 1, "b": 1}),
        ({"a": [3, 7]}, {"a": 10}, {"a": 34}, 34, {"a": 1}),
    ],
)
def test_some_proof_is_left(nodes, whole, powers, limit: int, taken) -> None:
    """Network 2.8.3: who would prove nothing holds less than 34 % with those before it."""
    able = {who: [ModelNode(who, i, weight) for i, weight in enumerate(mine)] for who, mine in nodes.items()}
    assert {who: len(mine) for who, mine in leave_proof(able, whole, powers, limit).items()} == taken


def test_worked_draw() -> None:
    """Network 2.19: a is big and keeps its node of 50 out; turns a 30, b 10, a 40 pass the target of 45."""
    hosts = {"a": {1: 50, 2: 40, 3: 30}, "b": {1: 20, 2: 10}}
    draw = make_draw(hosts, share="0.3", powers={"a": 80, "b": 10}, total=100)
    assert draw_preserved(draw) == {"a": {2, 3}, "b": {2}}


def test_draw_of_twenty_hosts() -> None:
    """Network 2.19: 11 are drawn, five nodes of 10 each; a share of 0 is a half."""
    for share in ("0.5", "0"):
        chosen = draw_preserved(make_draw(TWENTY, share=share))
        assert {who: sum(TWENTY[who][i] for i in ids) for who, ids in chosen.items()} == dict.fromkeys(chosen, 50)
        assert len(chosen) == 11
    assert sum(map(len, draw_preserved(make_draw(TWENTY, share="0.1")).values())) == 30


def test_history_is_needed() -> None:
    """Network 2.8.2: hosts without reward before give nothing; nobody does in epoch 0, no guardian ever."""
    assert draw_preserved(make_draw(TWENTY, rewarded=[])) == {}
    assert draw_preserved(make_draw(TWENTY, epoch=0)) == {}
    assert draw_preserved(make_draw(TWENTY, rewarded=["03", "04", "absent"])).keys() == {"03", "04"}
    pair = {"a": {1: 10, 2: 10, 3: 20}, "b": {1: 10, 2: 10, 3: 20}}
    assert draw_preserved(make_draw(pair, guardians="b")).keys() == {"a"}


def test_anchors_draw_differently_and_each_the_same() -> None:
    """Network 2.19: of 6 equal hosts 4 are drawn, which ones depends on the anchor; turns are in address order."""
    six = {who: {1: 10, 2: 10, 3: 10, 4: 10} for who in "abcdef"}
    drawn = {anchor: frozenset(draw_preserved(make_draw(six, anchor=anchor))) for anchor in range(100, 1000, 30)}
    assert len(set(drawn.values())) > 1
    assert {len(hosts) for hosts in drawn.values()} == {4}
    assert draw_preserved(make_draw(six)).keys() == drawn[100]
    first = draw_preserved(make_draw(six, share="0.05"))
    assert list(first) == sorted(drawn[100])[:2]
