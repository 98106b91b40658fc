"""A host's own transactions: named, recorded, and put into its mempool, which spreads them."""

from __future__ import annotations

from collections import Counter

from sim.chain.chain_node import ChainNode
from sim.metrics.records import TransactionSent
from sim.nodes.claim_sender import ClaimSender
from sim.nodes.context import Context
from sim.nodes.slice_sender import SliceSender
from sim.protocol.consensus.transactions import VERDICT_BYTES, SubmitValidation, Transaction
from sim.protocol.proofs.claimed import find_segment

NAMED_EPOCHS = 8


class Outbox:
    """Makes one host's transactions and sends them."""

    def __init__(self, context: Context, chain: ChainNode, public_key: str) -> None:
        self._context = context
        self._chain = chain
        self._address = chain.address
        self._named: dict[int | None, Counter[str]] = {}
        """Epoch that transactions are about, None: of no epoch -> beginnings of their ids -> how many have them."""
        self._n_late = 0
        self.claims = ClaimSender(context, chain, public_key, self.send)
        self.slices = SliceSender(chain.address, public_key, self.send)

    def name(self, kind: str, epoch: int | None = None, *details: object) -> str:
        """Return an id for a new transaction; a second one of the same kind and details gets a number.

        One about an epoch long over gets a number in any case, so that no ids of those need be remembered.
        """
        name = "/".join(map(str, (kind, self._address, *(() if epoch is None else (epoch,)), *details)))
        first = self._chain.state.schedule.index - NAMED_EPOCHS
        if epoch is not None and epoch < first:
            self._n_late += 1
            return f"{name}/late/{self._n_late}"
        if epoch not in self._named:
            self._named = {own: counts for own, counts in self._named.items() if own is None or own >= first}
        counts = self._named.setdefault(epoch, Counter())
        counts[name] += 1
        return name if counts[name] == 1 else f"{name}/{counts[name]}"

    def send(self, transaction: Transaction) -> None:
        """Record a transaction and let it spread, unless it is larger than any block takes."""
        ttl, is_too_large = self._context.ttl_blocks, transaction.size_bytes > self._context.params.block_room_bytes
        self._context.recorder.add(
            TransactionSent(
                tx_id=transaction.tx_id,
                kind=type(transaction).__name__,
                creator=self._address,
                epoch=self._chain.state.schedule.index,
                size_bytes=transaction.size_bytes,
                created_seconds=self._context.env.now,
                expires_height=0 if ttl is None else self._chain.height + ttl,
                is_too_large=is_too_large,
            )
        )
        self._context.recorder.trace(transaction)
        if not is_too_large:
            self._chain.mempool.submit(transaction)

    def send_votes(self, participants: tuple[str, ...], frauds: tuple[bool, ...]) -> None:
        """Send verdicts together, in as many transactions as blocks need; the chain refuses late ones.

        Those on a segment of a challenge leave apart: no answer to one event is about both.
        """
        state = self._chain.state
        start_height = state.schedule.start if state.running is None else state.running.start_height
        if state.challenges and participants:
            start_height = find_segment(participants[0]) or start_height
        most = max(1, self._context.params.block_room_bytes // VERDICT_BYTES)
        for first in range(0, len(participants), most):
            about, says = participants[first : first + most], frauds[first : first + most]
            tx_id = self.name("votes", state.schedule.index, about[0])
            self.send(SubmitValidation(tx_id, self._address, start_height, about, says))
