"""Sampled leaves, and what is wrong with those that a host serves; `powsim theory` has the network's own numbers."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from sim.protocol import MerkleSumTree
from sim.protocol.proofs.leaves import (
    Commitment,
    LeafFault,
    ServedLeaf,
    compute_leaf_seed,
    compute_pause_s,
    draw_leaves,
    find_fault,
    has_duplicate,
    is_vector,
    measure_porosity,
)

VECTOR = np.full(12, 12**-0.5, dtype="<f2").tobytes()


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize(("count", "size"), [(2, 1), (10, 9), (50, 20), (10_000, 200)])
def test_leaves_are_the_front_of_a_shuffle(count: int, size: int, seed: int) -> None:
    """The same steps on a whole list, with the same numbers below count - i."""
    everything, steps = list(range(count)), np.arange(size)
    for step, ahead in enumerate(np.random.default_rng(seed).integers(0, count - steps).tolist()):
        everything[step], everything[step + ahead] = everything[step + ahead], everything[step]
    assert draw_leaves(count, size, seed).tolist() == everything[:size]


def test_every_leaf_is_drawn_equally_often_in_every_place() -> None:
    """3 of 5 ranks in order: 60 outcomes, 6000 draws, chi-square with 59 degrees of freedom: 99.99 % below 108."""
    found = Counter(tuple(draw_leaves(5, 3, seed).tolist()) for seed in range(6000))
    assert len(found) == 60
    assert sum((n - 100) ** 2 / 100 for n in found.values()) < 108


def test_the_seed_depends_on_each_part() -> None:
    parts = [("k", "H", 1, "m"), ("l", "H", 1, "m"), ("k", "I", 1, "m"), ("k", "H", 2, "m"), ("k", "H", 1, "n")]
    assert len({compute_leaf_seed(*four) for four in parts}) == 5


def serve(nonces: list[int]) -> tuple[Commitment, list[ServedLeaf]]:
    tree = MerkleSumTree()
    for nonce in nonces:
        tree.add(nonce, VECTOR)
    leaves = [ServedLeaf(tree.get_index(nonce), nonce, VECTOR, tree.prove(nonce)) for nonce in nonces]
    return Commitment(tree.count, tree.root), leaves


def test_the_first_fault_decides() -> None:
    """Each fault is added to all later ones and comes first; without any the leaves pass."""
    commitment, leaves = serve([3, 70])
    twice = [replace(leaves[0], index=place) for place in (0, 1)]
    assert find_fault(commitment, [1, 0], leaves) is None
    assert find_fault(commitment, [0, 1], leaves, has_settings=False) is LeafFault.NO_SETTINGS
    sparse, far = serve([3, 200])
    assert find_fault(sparse, [0, 1], far, has_settings=False) is LeafFault.POROUS
    broken = replace(leaves[1], vector=bytes(23))
    assert find_fault(commitment, [0, 1], [leaves[0], broken]) is LeafFault.BAD_PROOF
    assert find_fault(commitment, [0, 1], twice) is LeafFault.BAD_PROOF
    assert find_fault(commitment, [0, 2], leaves, has_settings=False) is LeafFault.WRONG_LEAVES
    assert find_fault(commitment, [0], leaves) is LeafFault.WRONG_LEAVES
    assert find_fault(commitment, [0, 1], leaves[:1]) is LeafFault.WRONG_LEAVES
    assert find_fault(commitment, [0, 0], [leaves[0], leaves[0]]) is LeafFault.DUPLICATE
    assert find_fault(commitment, [0, 1], [leaves[0], leaves[0]]) is LeafFault.WRONG_LEAVES


def test_a_malformed_vector_can_be_committed_to_and_is_found() -> None:
    tree = MerkleSumTree()
    tree.add(1, bytes(23))
    leaf = ServedLeaf(0, 1, bytes(23), tree.prove(1))
    assert find_fault(Commitment(1, tree.root), [0], [leaf]) is LeafFault.MALFORMED


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_vectors_are_twelve_finite_numbers(bad: float) -> None:
    assert is_vector(VECTOR)
    assert not is_vector(VECTOR + b"\0")
    assert not is_vector(VECTOR[:-2] + np.float16(bad).tobytes())


def test_the_last_nonces_of_all_are_small_negative_numbers() -> None:
    assert measure_porosity([-1, 2**32 - 2], 1) == (2, 2.0)


def test_duplicates() -> None:
    assert has_duplicate([1, 2, 1])
    assert not has_duplicate([1, 2])


def test_pauses_have_an_end() -> None:
    assert compute_pause_s(6) < compute_pause_s(7) == compute_pause_s(23) == 45.0
