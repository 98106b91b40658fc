"""Commitments of 2026: messages, gas and the tree (network 2.7, 2.19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from sim.protocol.proofs.answer_book import AnswerBook
from sim.protocol.proofs.base import Episode, NodeClaim
from sim.protocol.proofs.commit_rules import CommitEntry, CommitFault, compute_commit_gas, count_rise
from sim.protocol.proofs.commits import Commits, StoreCommit
from sim.protocol.proofs.merkle_sum import EMPTY, MerkleSumTree, hash_leaf, verify
from sim.protocol.versions import VERSIONS
from sim.theory.row import Row

ROOTS: tuple[tuple[str, dict[int, bytes], int, str], ...] = (
    ("no leaf", {}, 24, "c37ff3c98906a0a22cd65891ae94f8a25146c7c168c648470b4a827005660991"),
    (
        "leaves 0..7",
        {nonce: bytes([nonce]) for nonce in range(8)},
        24,
        "2b131249e396dad753956e3594966a284b262cbf4b014863ea78156d680ecbfe",
    ),
    ("leaf 7", {7: bytes(range(24))}, 24, "d87882db5d44e5ece5abff13c110dba7027d5c8c2dfce07227764712ca938119"),
    (
        "leaves 5 and 2^25",
        {5: b"\x05", 2**25: b"\x01"},
        26,
        "a1c2509cd4026736ce0aa17ef253c7c691c9154d2b871debab07029ebe4ef77f",
    ),
)
"""Case, vectors by nonce, depth, root."""
EMPTY_LEAF = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
LEAF_7 = "26352253e972acf562cf1cd20160d80bd3dcef5c70ff3a52de4da96412cec7e6"


def commitment_rows() -> Iterator[Row]:
    """Yield what the chain takes, gas, and hashes, ranks and proofs of the tree."""
    yield from _message_rows()
    yield Row.exact("network of 2026: hash of an empty leaf", EMPTY[0][0].hex(), EMPTY_LEAF)
    yield Row.exact("network of 2026: hash of leaf 7", hash_leaf(7, bytes(range(24))).hex(), LEAF_7)
    for case, leaves, depth, root in ROOTS:
        tree = plant(leaves)
        found = (tree.depth, tree.count, tree.root.hex())
        yield Row.exact(f"network of 2026: depth, count and root, {case}", found, (depth, len(leaves), root))
    yield from _rank_rows()


def plant(leaves: dict[int, bytes], depth: int = 24) -> MerkleSumTree:
    """Return a tree of vectors by nonce."""
    tree = MerkleSumTree(depth)
    for nonce, leaf in leaves.items():
        tree.add(nonce, leaf)
    return tree


def number(nonces: Iterable[int]) -> dict[int, bytes]:
    """Return vectors of one byte by nonce."""
    return {nonce: bytes([nonce % 256]) for nonce in nonces}


def _commit(store: Commits, book: AnswerBook, height: int, **counts: int) -> tuple[str, Commits]:
    """Send a commitment to so many answers by model, in a stage of 100 blocks that starts at 100."""
    episode = Episode(1, 100, "hash", generation_end=200, last_claim=200, validation_start=205, validation_end=445)
    for model, count in counts.items():
        first = book.by_model[model].count if model in book.by_model else 0
        nonces = np.arange(first, count)
        book.append(NodeClaim(1, "key", nonces, np.zeros_like(nonces), model))
    message = StoreCommit("tx", "host", 100, book.commit("host"), book)
    return store.take(message, height, episode, VERSIONS["v0.2.14"])


def _message_rows() -> Iterator[Row]:
    book = AnswerBook()
    _, first = _commit(Commits(), book, 110, a=10)
    fate, after = _commit(first, book, 110, a=12, b=4)
    found = (fate, list(after.by_host["host"]))
    yield Row.exact("network of 2026: second commitment in a block", found, (CommitFault.SAME_BLOCK, ["a"]))
    book = AnswerBook()
    _, both = _commit(Commits(), book, 110, a=10, b=20)
    _, after = _commit(both, book, 111, a=15, b=30)
    stored = [CommitEntry(model, held.count, held.root) for model, held in after.by_host["host"].items()]
    risen = ({entry.model: entry.count for entry in stored}, count_rise(stored, both.by_host["host"]))
    yield Row.exact("network of 2026: counts 10, 20, then 15, 30", risen, ({"a": 15, "b": 30}, 15))
    gas = compute_commit_gas(15, is_first=False, per_stage=1000, per_count=10)
    yield Row.exact("network of 2026: gas of a later commitment, rise 15", gas, 150)
    free = compute_commit_gas(15, is_first=True, has_fees=False)
    yield Row.exact("network of 2026: gas without fee settings", free, 0)


def _rank_rows() -> Iterator[Row]:
    ranked = plant(number((100, 50, 200)))
    found = [ranked.get_nonce(index) for index in range(3)]
    yield Row.exact("network of 2026: ranks of 100, 50, 200", found, [50, 100, 200])
    same = plant(number((10, 20, 30))).root == plant(number((30, 20, 10))).root
    yield Row.exact("network of 2026: the order of leaves changes no root", same, True)
    pair = plant(number((1, 2)))
    fits = [verify(pair.root, 2, 1, b"\x01", pair.prove(1), 24, index=index) for index in (0, 2, 102)]
    yield Row.exact("network of 2026: proof of rank 0 for ranks 0, 2, 102", fits, [True, False, False])
    three = plant(number((100, 200, 300)))
    other = verify(three.root, 3, 999, b"\x64", three.prove(100), 24)
    yield Row.exact("network of 2026: proof of 100 for nonce 999", other, False)
    yield Row.exact("network of 2026: depth from 4 on, nonce 2^20", plant(number((2**20,)), depth=4).depth, 21)
    yield Row.exact("network of 2026: bytes of a proof of depth 24", len(pair.prove(2)), 864)
