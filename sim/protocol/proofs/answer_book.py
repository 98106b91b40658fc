"""The answers that a host keeps off the chain in one proof of compute, by language model (network 2.3, 2.7).

The chain knows only how many there are and under which root. Validators fetch leaves from the host: an answer's place
is the rank of its nonce, so that the nonces of one model never repeat.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs.base import NodeClaim
from sim.protocol.proofs.commit_rules import CommitEntry
from sim.protocol.proofs.merkle_sum import N_PLACES, MerkleSumTree
from sim.protocol.proofs.weights import NodeId


class Run(NamedTuple):
    """Leaves that were computed alike, or invented."""

    public_key: str
    stack: int
    """Code of the stack, under the law; 0 where answers are vectors."""
    nonces: NDArray[np.int64]


class ModelAnswers:
    """The answers of one model in the order in which they came; leaves are never taken out again."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.count = self.n_committed = 0
        self._parts: list[NodeClaim] = []
        self._ends: list[int] = []
        """Leaves up to and with each part."""
        self._tree: MerkleSumTree | None = None
        self._rebuilt: dict[int, MerkleSumTree] = {}

    def append(self, claim: NodeClaim) -> None:
        """Add leaves. Raises ValueError for a nonce that has a leaf or that 32 bits cannot hold."""
        values = np.asarray(claim.values)
        if values.ndim > 1:
            self._grow_tree(np.asarray(claim.nonces), values)
        self.count += len(claim.nonces)
        self._parts.append(claim)
        self._ends.append(self.count)

    def _grow_tree(self, nonces: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        if self._tree is None:
            self._tree = MerkleSumTree()
        for nonce, vector in zip(nonces.tolist(), vectors.astype("<f2"), strict=True):
            self._tree.add(nonce, vector.tobytes())

    def compute_root(self, creator: str) -> bytes:
        """Return the root over all leaves; under the law a stand-in for claim and count. Reference: network 2.17."""
        if self._tree is not None:
            return self._tree.root
        return sha256(f"{creator} {self.model} {self.count}".encode()).digest()

    def rebuild_tree(self, count: int) -> MerkleSumTree:
        """Return the tree behind the commitment of so many leaves. Raises ValueError under the law, which has none."""
        if self._tree is None:
            raise ValueError(f"the answers of {self.model} are drawn from a law: no tree stands behind their root")
        if count == self._tree.count:
            return self._tree
        if count not in self._rebuilt:
            self._rebuilt[count] = self._tree.rewind(count)
        return self._rebuilt[count]

    def split(self, count: int) -> dict[int, int]:
        """Return how the first leaves are spread over ML nodes."""
        counts: dict[int, int] = {}
        for part, n in self._list_first(count):
            node_id = part.node_id or 0
            counts[node_id] = counts.get(node_id, 0) + n
        return counts

    def read_vectors(self, count: int, first: int = 0) -> tuple[list[str], NDArray[np.int64], NDArray[Any]]:
        """Return keys (n,), nonces (n,) and vectors (n, k) of the leaves from `first` to `count`, by rank of the nonce.

        `first` leaves came before them.
        """
        parts = list(self._list_from(first, count))
        nonces = np.concatenate([np.asarray(part.nonces)[span] for part, span in parts])
        vectors = np.concatenate([np.asarray(part.values)[span] for part, span in parts])
        sizes = [span.stop - span.start for _, span in parts]
        keys = np.repeat(np.array([part.public_key for part, _ in parts], object), sizes)
        order = np.argsort(nonces % N_PLACES, kind="stable")
        return keys[order].tolist(), nonces[order], vectors[order]

    def read_runs(self, count: int, first: int = 0) -> list[Run]:
        """Return the leaves from `first` to `count` by ML node, key and stack, in the order in which they came."""
        found: dict[tuple[NodeId, str, int], list[NDArray[np.int64]]] = {}
        for part, span in self._list_from(first, count):
            for code, nonces in _divide(np.asarray(part.nonces)[span], np.asarray(part.values)[span]):
                found.setdefault((part.node_id, part.public_key, code), []).append(nonces)
        return [Run(key, code, np.concatenate(nonces)) for (_, key, code), nonces in found.items()]

    @property
    def has_vectors(self) -> bool:
        """Its answers are vectors of the kernel, not codes of the law."""
        return self._tree is not None

    def _list_from(self, first: int, count: int) -> Iterator[tuple[NodeClaim, slice]]:
        """Yield the parts with the leaves from `first` to `count`, each with the places of these among its own."""
        begin = 0
        for part, n in self._list_first(count):
            if begin + n > first:
                yield part, slice(max(0, first - begin), n)
            begin += n

    def _list_first(self, count: int) -> Iterator[tuple[NodeClaim, int]]:
        """Yield the parts with the first leaves, each with how many of its own belong to them."""
        if count > self.count:
            raise ValueError(f"{count} answers of {self.model} are asked for; there are {self.count}")
        n_whole = bisect_right(self._ends, count)
        for part in self._parts[:n_whole]:
            yield part, len(part.nonces)
        left = count - (self._ends[n_whole - 1] if n_whole else 0)
        if left:
            yield self._parts[n_whole], left


def _divide(nonces: NDArray[np.int64], codes: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each stack's code with its nonces; nearly always there is one stack."""
    if (codes == codes[0]).all():
        yield int(codes[0]), nonces
    else:
        for code in np.unique(codes).tolist():
            yield code, nonces[codes == code]


class AnswerBook:
    """All answers of a host in one proof of compute."""

    def __init__(self) -> None:
        self.by_model: dict[str, ModelAnswers] = {}

    def append(self, claim: NodeClaim, /) -> None:
        """Add an ML node's newest answers. Raises ValueError for a nonce that has a leaf already."""
        if claim.model not in self.by_model:
            self.by_model[claim.model] = ModelAnswers(claim.model)
        self.by_model[claim.model].append(claim)

    def commit(self, creator: str) -> tuple[CommitEntry, ...]:
        """Return entries of the models whose count has risen since the last call."""
        risen = [self.by_model[model] for model in sorted(self.by_model)]
        risen = [answers for answers in risen if answers.count > answers.n_committed]
        for answers in risen:
            answers.n_committed = answers.count
        return tuple(CommitEntry(each.model, each.count, each.compute_root(creator)) for each in risen)

    def split(self, counts: Mapping[str, int]) -> dict[str, dict[int, int]]:
        """Return by model how so many first leaves are spread over ML nodes; models without a leaf are left out."""
        return {model: self.by_model[model].split(n) for model, n in counts.items() if model in self.by_model}
