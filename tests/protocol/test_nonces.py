"""Nonce ranges, the overlap of v0.2.0 and its repair (protocol 3.2)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.draws import compute_n_nodes, get_node_ranges


def first(nonces: range, n: int = 4) -> list[int]:
    return list(nonces[:n])


def overlaps(one: range, other: range) -> bool:
    return bool(set(one[:200]) & set(other[:200]))


def test_the_number_of_nodes_by_version() -> None:
    assert compute_n_nodes([1, 3], 3, counts_nodes_handed_out=False) == 2
    assert compute_n_nodes([1, 3], 3, counts_nodes_handed_out=True) == 3


def test_published_sequences() -> None:
    """A single node; two dispatched together; two GPU groups in node 1 of 2."""
    assert first(get_node_ranges(1, 1, 1)[0], 3) == [1, 2, 3]
    assert [first(get_node_ranges(node, 2, 1)[0], 3) for node in (1, 2)] == [[1, 3, 5], [2, 4, 6]]
    assert [first(group, 3) for group in get_node_ranges(1, 2, 2)] == [[1, 5, 9], [3, 7, 11]]


def test_two_nodes_in_two_passes_overlap_at_launch() -> None:
    """Node 2, a block later, is alone in its pass too: 2, 3, 4… after 1, 2, 3…, almost all duplicated."""
    n = compute_n_nodes([1], 1, counts_nodes_handed_out=False)
    alone, later = get_node_ranges(1, n, 1)[0], get_node_ranges(2, n, 1)[0]
    assert first(later) == [2, 3, 4, 5]
    assert set(first(alone, 100)) ^ set(first(later, 100)) == {1, 101}


@pytest.mark.parametrize(("dispatched", "does_overlap"), [([2, 3], False), ([1, 3], True), ([1, 2], False)])
def test_a_deleted_node_of_three(dispatched: list[int], does_overlap: bool) -> None:
    """{2, 3} has residues 0 and 1 modulo 2, {1, 3} has residue 1 twice."""
    n = compute_n_nodes(dispatched, 3, counts_nodes_handed_out=False)
    ranges = [get_node_ranges(node_id, n, 1)[0] for node_id in dispatched]
    assert overlaps(*ranges) == does_overlap


@given(st.sets(st.integers(1, 12), min_size=2), st.integers(1, 4))
def test_the_repair_never_overlaps(dispatched: set[int], n_gpu_groups: int) -> None:
    n = compute_n_nodes(dispatched, 12, counts_nodes_handed_out=True)
    ranges = [group for node_id in dispatched for group in get_node_ranges(node_id, n, n_gpu_groups)]
    assert not any(overlaps(*pair) for pair in itertools.combinations(ranges, 2))


@given(st.sets(st.integers(1, 12), min_size=2, max_size=5))
def test_nodes_of_one_pass_are_disjoint_iff_their_numbers_differ_modulo_its_size(dispatched: set[int]) -> None:
    n = compute_n_nodes(dispatched, 12, counts_nodes_handed_out=False)
    for one, other in itertools.combinations(dispatched, 2):
        meets = overlaps(get_node_ranges(one, n, 1)[0], get_node_ranges(other, n, 1)[0])
        assert meets == (one % n == other % n)
