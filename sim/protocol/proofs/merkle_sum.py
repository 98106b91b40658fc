"""A commitment to answers: a sparse Merkle tree over nonces whose nodes count the leaves below them (network 2.7).

1. A leaf stands at its nonce, read as an unsigned 32-bit number, most significant bit first; 1 is right.
2. So leaves are ranked by nonce, negative ones last, and no nonce can be there twice.
3. A node binds the number of leaves below it: the count cannot be claimed larger than the tree is.
4. A proof holds the sibling's hash and count on each level, from the root down. The counts to the left of a leaf add
   up to its rank.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import islice
from operator import index as as_index

NONCE_BITS = 32
N_PLACES = 1 << NONCE_BITS
LEAST_DEPTH = 24
STEP_BYTES = 36
"""Of a proof's level: 32 of the hash, 4 of the count, little-endian."""
LARGEST_COUNT = (1 << 32) - 1

_LEAF, _NODE = b"\x00", b"\x01"
_Counted = tuple[bytes, int]
"""Hash of a subtree, and number of leaves in it."""


def hash_leaf(nonce: int, leaf: bytes) -> bytes:
    """Return the hash of an answer's place and bytes."""
    return sha256(_LEAF + as_place(nonce).to_bytes(4, "little") + leaf).digest()


def hash_node(left: bytes, right: bytes, count: int) -> bytes:
    """Return the hash of two subtrees and the number of leaves in both."""
    return sha256(_NODE + left + right + count.to_bytes(4, "little")).digest()


def as_place(nonce: int) -> int:
    """Return a nonce as an unsigned 32-bit number; -1 is the last place of all. Raises ValueError beyond 32 bits."""
    number = as_index(nonce)
    if not -(N_PLACES >> 1) <= number < N_PLACES:
        raise ValueError(f"nonce {number} does not fit into {NONCE_BITS} bits")
    return number % N_PLACES


def as_nonce(place: int) -> int:
    """Return the signed 32-bit nonce of a place."""
    return place - N_PLACES if place >= N_PLACES >> 1 else place


def _hash_empty() -> list[_Counted]:
    hashes = [sha256(_LEAF).digest()]
    for _ in range(NONCE_BITS):
        hashes.append(hash_node(hashes[-1], hashes[-1], 0))
    return [(digest, 0) for digest in hashes]


EMPTY = _hash_empty()
"""Subtrees without a leaf, by height."""


def _join(left: _Counted, right: _Counted) -> _Counted:
    count = left[1] + right[1]
    return hash_node(left[0], right[0], count), count


class MerkleSumTree:
    """A growing set of answers by nonce. The depth is at least `depth` and grows to the bits of the largest nonce."""

    def __init__(self, depth: int = LEAST_DEPTH) -> None:
        """Open a tree without leaves. Raises ValueError for a depth outside 1 to 32."""
        if not 1 <= depth <= NONCE_BITS:
            raise ValueError(f"depth {depth} is outside 1 to {NONCE_BITS}")
        self._least_depth = depth
        # Subtrees that hold a leaf, by height and place; leaves in the order in which they came.
        self._levels: list[dict[int, _Counted]] = [{} for _ in range(depth + 1)]
        self._changed: set[int] = set()
        self._answers: dict[int, bytes] = {}

    @property
    def depth(self) -> int:
        """Number of levels below the root, and of steps in a proof."""
        return len(self._levels) - 1

    @property
    def count(self) -> int:
        """Number of leaves."""
        return len(self._answers)

    @property
    def root(self) -> bytes:
        """Hash of the whole tree, 32 bytes."""
        self._update()
        return self._get(self.depth, 0)[0]

    def add(self, nonce: int, leaf: bytes) -> None:
        """Put an answer at its nonce; on the network it is a vector of 12 float16, 24 bytes.

        Raises ValueError where the nonce has a leaf, or does not fit into 32 bits.
        """
        place = as_place(nonce)
        if place in self._answers:
            raise ValueError(f"nonce {nonce} is in the tree already: each nonce has one leaf")
        hashed = hash_leaf(place, leaf)
        self._grow(place.bit_length())
        self._answers[place] = leaf
        self._levels[0][place] = (hashed, 1)
        self._changed.add(place)

    def get_leaf(self, nonce: int) -> bytes:
        """Return the answer at a nonce. Raises ValueError where there is none."""
        return self._answers[self._find(nonce)]

    def get_nonce(self, index: int) -> int:
        """Return the nonce of the leaf with this rank, signed. Raises IndexError for a rank outside [0, count)."""
        if not 0 <= index < self.count:
            raise IndexError(f"index {index} is outside the {self.count} leaves")
        self._update()
        place = 0
        for height in reversed(range(self.depth)):
            place *= 2
            left = self._get(height, place)[1]
            if index >= left:
                index, place = index - left, place + 1
        return as_nonce(place)

    def get_index(self, nonce: int) -> int:
        """Return the rank of a nonce's leaf. Raises ValueError where there is none."""
        place = self._find(nonce)
        self._update()
        return sum(self._get(height, (place >> height) - 1)[1] for height in range(self.depth) if place >> height & 1)

    def prove(self, nonce: int) -> bytes:
        """Return the siblings on the way from the root down to a leaf: `depth` steps of 36 bytes.

        Raises ValueError where the nonce has no leaf.
        """
        place = self._find(nonce)
        self._update()
        siblings = [self._get(height, place >> height ^ 1) for height in reversed(range(self.depth))]
        return b"".join(digest + count.to_bytes(4, "little") for digest, count in siblings)

    def rewind(self, count: int) -> MerkleSumTree:
        """Return a tree of the first `count` leaves that came: the one behind an earlier commitment."""
        earlier = MerkleSumTree(self._least_depth)
        for place, leaf in islice(self._answers.items(), count):
            earlier.add(place, leaf)
        return earlier

    def _find(self, nonce: int) -> int:
        place = as_place(nonce)
        if place not in self._answers:
            raise ValueError(f"nonce {nonce} has no leaf in the tree")
        return place

    def _get(self, height: int, place: int) -> _Counted:
        return self._levels[height].get(place, EMPTY[height])

    def _grow(self, depth: int) -> None:
        """Hang the tree to the left of an empty one until it is as deep."""
        while depth > self.depth:
            root = self._get(self.depth, 0)
            self._levels.append({0: _join(root, EMPTY[self.depth])} if root[1] else {})

    def _update(self) -> None:
        """Compute the nodes above new leaves: those that share a parent share its hash."""
        changed = self._changed
        for height, level in enumerate(self._levels[1:]):
            if not changed:
                return
            changed = {place >> 1 for place in changed}
            for place in changed:
                level[place] = _join(self._get(height, 2 * place), self._get(height, 2 * place + 1))
        self._changed = set()


def verify(
    root: bytes, count: int, nonce: int, leaf: bytes, proof: bytes, depth: int, *, index: int | None = None
) -> bool:
    """Tell whether an answer stands at its nonce in the tree with this root, depth and count, and at a rank if asked.

    A proof of another length, or with counts that 32 bits cannot hold, proves nothing. Raises ValueError for a nonce
    beyond 32 bits.
    """
    place = as_place(nonce)
    if not 1 <= depth <= NONCE_BITS or place >> depth or len(proof) != STEP_BYTES * depth:
        return False
    node: _Counted = (hash_leaf(place, leaf), 1)
    rank = 0
    for height in range(depth):
        sibling = _read_step(proof, depth - 1 - height)
        if node[1] + sibling[1] > LARGEST_COUNT:
            return False
        is_right = place >> height & 1
        rank += sibling[1] * is_right
        node = _join(sibling, node) if is_right else _join(node, sibling)
    return node == (root, count) and index in (None, rank)


def _read_step(proof: bytes, level: int) -> _Counted:
    step = proof[STEP_BYTES * level : STEP_BYTES * (level + 1)]
    return step[:32], int.from_bytes(step[32:], "little")
