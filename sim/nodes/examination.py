"""What a validator makes of leaves that have arrived, before it computes anything again (network 2.5.4).

Where answers are vectors, every leaf is held against its proof. Under the law no leaf can be malformed or out of its
place, so that nonces and the early-share guard are all that can make a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.nodes.context import Context
from sim.nodes.evidence import Evidence
from sim.nodes.guard import Guard, ModelGuard
from sim.protocol.blocks.state import ChainState
from sim.protocol.proofs.claimed import ClaimedNonces, split_claim
from sim.protocol.proofs.commits import Commits, HeldCommit
from sim.protocol.proofs.early_share import N_EARLY_LEAVES, LeafCheck, compare_leaves, compute_early_seed
from sim.protocol.proofs.leaves import (
    POROUS_FROM,
    Commitment,
    ServedLeaf,
    draw_leaves,
    find_fault,
    has_duplicate,
    is_proved,
    measure_porosity,
)
from sim.protocol.proofs.merkle_sum import N_PLACES, MerkleSumTree

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Examination:
    """The examination of one model's claims by one validator."""

    claims: ClaimedNonces
    held: Mapping[str, HeldCommit]
    """Claim -> its last commitment, as the scheme's store keeps it."""
    select: Callable[[int], Ints]
    """Ranks of the sampled leaves of so many."""
    early_seed: int
    """Of the draw of early leaves."""
    guard: ModelGuard | None
    """None: early counts were not noted."""
    may_repeat: bool
    """A tree that takes a nonce twice: until v0.2.13."""

    @property
    def has_vectors(self) -> bool:
        """Leaves are real."""
        return self.claims.values is not None

    def find_suspects(self, places: Ints) -> NDArray[np.bool_]:
        """Tell which claims may be refused; the others cannot be, whatever is sampled of them."""
        if self.has_vectors:
            return np.ones(len(places), dtype=np.bool_)
        found = self.claims.largest_nonces[places] >= POROUS_FROM * self.claims.counts[places]
        if self.may_repeat:
            found |= self.claims.has_duplicates[places]
        if self.guard is not None:
            concerned = self.guard.list_concerned()
            found |= np.array([host in concerned for host in self.list_hosts(places)], dtype=np.bool_)
        return found

    def list_hosts(self, places: Ints) -> list[str]:
        """Return the hosts of some claims."""
        return [split_claim(name)[0] for name in self.claims.participants[places].tolist()]

    def refuses(self, place: int) -> bool:
        """Tell whether the leaves of a claim make the vote a "no" at once."""
        is_wrong = self._has_false_leaves(place) if self.has_vectors else self._has_odd_nonces(place)
        if is_wrong or self.guard is None:
            return is_wrong
        (host,) = self.list_hosts(np.array([place]))
        return self.guard.refuses(host, self._compare_early(place) if self.guard.needs_leaves(host) else None)

    def _has_odd_nonces(self, place: int) -> bool:
        ranked = np.sort(self.claims.list_nonces(place) % N_PLACES)
        nonces = ranked[self.select(len(ranked))].tolist()
        return has_duplicate(nonces) or measure_porosity(nonces, len(ranked)).is_porous

    def _has_false_leaves(self, place: int) -> bool:
        held = self.held[self.claims.participants[place]]
        ranks = np.argsort(np.argsort(self.claims.list_nonces(place) % N_PLACES))  # slices stand side by side
        asked = ranks[self.select(held.count)].tolist()
        served = serve_leaves(held.answers.rebuild_tree(held.count), asked)
        return find_fault(Commitment(held.count, held.root), asked, served) is not None

    def _compare_early(self, place: int) -> LeafCheck:
        """Under the law hosts cannot take leaves back."""
        held = self.held[self.claims.participants[place]]
        early = None if self.guard is None else held.find_at(self.guard.early_height)
        if not self.has_vectors or early is None:
            return LeafCheck.KEPT
        drawn = draw_leaves(early.count, N_EARLY_LEAVES, self.early_seed).tolist()
        leaves = serve_leaves(held.answers.rebuild_tree(early.count), drawn)
        are_proved = all(is_proved(Commitment(early.count, early.root), leaf) for leaf in leaves)
        final = held.answers.rebuild_tree(held.count)
        now = {leaf.nonce: final.get_leaf(leaf.nonce) for leaf in leaves}
        return compare_leaves([(leaf.nonce, leaf.vector) for leaf in leaves], now, are_proved=are_proved)


def serve_leaves(tree: MerkleSumTree, ranks: list[int]) -> list[ServedLeaf]:
    """Return leaves of a tree by their ranks, as a host serves them."""
    nonces = [tree.get_nonce(rank) for rank in ranks]
    return [
        ServedLeaf(rank, nonce, tree.get_leaf(nonce), tree.prove(nonce))
        for rank, nonce in zip(ranks, nonces, strict=True)
    ]


@dataclass(frozen=True)
class Inquiry:
    """What one validator asks about the claims of one model."""

    context: Context
    address: str
    key: str
    """Its validator key, by which samples differ."""
    newest_hash: str
    state: ChainState
    """After validation start."""
    model: str
    guard: Guard

    def open(self, places: Ints, size: int, select: Callable[[int], Ints], *, has_instance: bool) -> Evidence:
        """Ask for `size` leaves of each claim; without an own instance of the model, for nothing at all."""
        state, episode, store = self.state, self.state.episode, self.state.proofs
        assert isinstance(store, Commits), "only answers stay with their hosts"
        rules = self.context.params.rules_at(episode.epoch_index)
        powers = {} if state.ballot is None else state.ballot.snapshot.powers.get(self.model, {})
        guard = None
        if rules.guards_early_shares and has_instance:
            guard = self.guard.open(store, episode, self.model, powers)
        examination = Examination(
            claims=state.claimed_nonces,
            held=store.by_claim,
            select=select,
            early_seed=compute_early_seed(self.key, self.newest_hash, episode.start_height, self.model),
            guard=guard,
            may_repeat=rules.counts_duplicates,
        )
        return Evidence(
            self.context,
            self.address,
            examination.list_hosts(places),
            [size] if guard is None else [size, N_EARLY_LEAVES],
            examination.find_suspects(places),
            lambda row: examination.refuses(int(places[row])),
            has_instance=has_instance,
        )
