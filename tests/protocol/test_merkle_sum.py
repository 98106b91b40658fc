"""The tree of commitments: a second way to compute it, ranks, conservation. `powsim theory` has the network's roots."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol import MerkleSumTree, verify
from sim.protocol.proofs.merkle_sum import EMPTY, hash_leaf, hash_node

Leaves = dict[int, bytes]


def plant(leaves: Leaves, depth: int = 24) -> MerkleSumTree:
    tree = MerkleSumTree(depth)
    for nonce, leaf in leaves.items():
        tree.add(nonce, leaf)
    return tree


def number(*nonces: int) -> Leaves:
    return {nonce: bytes([nonce % 256]) for nonce in nonces}


def compute_naive_root(leaves: Leaves, depth: int) -> str:
    """Second implementation: from the top, by texts of bits, and without any memory."""

    def descend(inside: list[tuple[str, bytes]], height: int) -> str:
        if height == 0:
            (leaf,) = inside or [("", b"")]
            return sha256(b"\0" + leaf[1]).hexdigest()
        halves = [[(bits[1:], leaf) for bits, leaf in inside if bits[0] == bit] for bit in "01"]
        # An empty subtree is the same everywhere: without this stop, 2^24 of them would be hashed.
        texts = [descend(half, height - 1) if half else EMPTY[height - 1][0].hex() for half in halves]
        return sha256(bytes.fromhex("01" + "".join(texts)) + len(inside).to_bytes(4, "little")).hexdigest()

    marked = [((nonce & 0xFFFFFFFF), leaf) for nonce, leaf in leaves.items()]
    return descend([(f"{place:0{depth}b}", place.to_bytes(4, "little") + leaf) for place, leaf in marked], depth)


NONCES = st.one_of(st.integers(0, 40), st.integers(-(2**31), 2**31 - 1))


@settings(max_examples=40, deadline=None)
@given(st.lists(NONCES, max_size=12), st.integers(1, 32), st.integers(0, 12))
def test_a_second_way_gives_the_same_tree(nonces: list[int], depth: int, asked_after: int) -> None:
    """Whatever the order, and whenever its root was asked for meanwhile; every leaf can be proved at its rank."""
    tree, leaves = MerkleSumTree(depth), Leaves()
    for place, nonce in enumerate(nonces):
        if place == asked_after:
            assert verify(tree.root, tree.count, 0, b"", b"", tree.depth) is False
        if nonce in leaves:
            with pytest.raises(ValueError, match="one leaf"):
                tree.add(nonce, b"other")
        else:
            leaves[nonce] = place.to_bytes(24, "little")
            tree.add(nonce, leaves[nonce])
    needed = max((nonce & 0xFFFFFFFF).bit_length() for nonce in [0, *leaves])
    assert (tree.count, tree.depth) == (len(leaves), max(depth, needed))
    assert tree.root.hex() == compute_naive_root(leaves, tree.depth)
    for index, nonce in enumerate(sorted(leaves, key=lambda nonce: nonce & 0xFFFFFFFF)):
        assert (tree.get_index(nonce), tree.get_nonce(index), tree.get_leaf(nonce)) == (index, nonce, leaves[nonce])
        assert verify(tree.root, tree.count, nonce, leaves[nonce], tree.prove(nonce), tree.depth, index=index)


@pytest.mark.parametrize(
    "change",
    [
        {"root": bytes(32)},
        {"count": 2},
        {"count": 4},
        {"nonce": 999},
        {"nonce": 200},
        {"leaf": b"\x65"},
        {"proof": b""},
        {"proof": bytes(24 * 36)},
        {"depth": 23},
        {"depth": 25},
        {"depth": 0},
        {"index": 1},
        {"index": 3},
        {"index": 102},
        {"index": -1},
    ],
)
def test_a_proof_holds_for_nothing_else(change: dict[str, object]) -> None:
    tree = plant(number(100, 200, 300))
    facts = {"root": tree.root, "count": 3, "nonce": 100, "leaf": b"\x64", "proof": tree.prove(100), "depth": 24}
    assert verify(**{**facts, "index": 0})  # type: ignore[arg-type]
    assert not verify(**{**facts, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("place", range(0, 864, 41))
def test_every_byte_of_a_proof_matters(place: int) -> None:
    tree = plant(number(100, 200, 300))
    proof = bytearray(tree.prove(200))
    proof[place] ^= 1
    assert not verify(tree.root, 3, 200, bytes([200]), bytes(proof), 24)


@pytest.mark.parametrize(("nonce", "depth"), [(2**24 + 5, 24), (0, 33), (0, 0)])
def test_a_forged_tree_has_no_room_for_a_second_nonce_at_a_place(nonce: int, depth: int) -> None:
    """A single leaf, hashed up by hand to the left of nothing, or to its right where the nonce's bit says so."""
    siblings, digest = [], hash_leaf(nonce, b"")
    for height in range(depth):
        empty = EMPTY[min(height, 32)][0]
        digest = hash_node(empty, digest, 1) if nonce >> height & 1 else hash_node(digest, empty, 1)
        siblings.append(empty + bytes(4))
    assert not verify(digest, 1, nonce, b"", b"".join(reversed(siblings)), depth)
    if nonce:
        assert verify(plant({5: b""}).root, 1, 5, b"", b"".join(reversed(siblings)), depth)


def test_counts_beyond_32_bits_prove_nothing() -> None:
    full = (bytes(32) + b"\xff" * 4) * 24
    assert not verify(bytes(32), 1, 0, b"", full, 24)


def test_an_earlier_commitment_can_still_be_proved() -> None:
    tree = plant(number(9, -4))
    early = (tree.root, tree.count, tree.depth)
    tree.add(3, b"\x03")
    rewound = tree.rewind(2)
    assert (rewound.root, rewound.count, rewound.depth) == early
    assert verify(*early[:2], 9, b"\x09", rewound.prove(9), early[2], index=0)


@pytest.mark.parametrize("nonce", [2**32, -(2**31) - 1])
def test_a_nonce_has_32_bits(nonce: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        MerkleSumTree(24).add(nonce, b"")


def test_what_is_not_there_is_told() -> None:
    tree = plant(number(1))
    for ask in (tree.prove, tree.get_leaf, tree.get_index):
        with pytest.raises(ValueError, match="nonce 2 has no leaf"):
            ask(2)
    with pytest.raises(IndexError, match="outside the 1 leaves"):
        tree.get_nonce(1)
    with pytest.raises(ValueError, match="depth 33"):
        MerkleSumTree(33)
