"""A host's own transactions: named, recorded, and put into its mempool, which spreads them."""

from __future__ import annotations

from collections import Counter

from sim.chain.chain_node import ChainNode
from sim.metrics.records import TransactionSent
from sim.nodes.context import Context
from sim.protocol.blocks.state import UpcomingEpoch
from sim.protocol.consensus.transactions import VERDICT_BYTES, SubmitValidation, Transaction
from sim.protocol.proofs.base import NodeClaim, OwnClaims
from sim.strategies.actions import ClaimResults


class Outbox:
    """Makes one host's transactions and sends them."""

    def __init__(self, context: Context, chain: ChainNode, public_key: str) -> None:
        self._context = context
        self._chain = chain
        self._address = chain.address
        self._public_key = public_key
        self._tokens = context.streams("host", self._address, "batch id").bit_generator
        self._named: Counter[str] = Counter()
        """Beginnings of transaction ids -> transactions that have them."""
        self._n_claims_sent = 0
        self._upcoming: UpcomingEpoch | None = None
        self._claims: list[NodeClaim] = []
        """Those for that epoch."""

    def name(self, kind: str, *details: object) -> str:
        """Return an id for a new transaction; a second one of the same kind and details gets a number."""
        name = "/".join(map(str, (kind, self._address, *details)))
        self._named[name] += 1
        return name if self._named[name] == 1 else f"{name}/{self._named[name]}"

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

    def send_claim(self, claim: ClaimResults) -> None:
        """Send the proof scheme's messages about a claim; raises ValueError where no proof of compute is open."""
        upcoming = self._chain.state.upcoming
        if upcoming is None:
            raise ValueError("no proof of compute is open to claim for")
        if self._upcoming is None or upcoming.index != self._upcoming.index:
            self._upcoming, self._claims = upcoming, []
        self._claims.append(NodeClaim(claim.node_id, self._public_key, claim.nonces, claim.values))
        self._send_claims(upcoming, is_complete=False)

    def complete_claims(self) -> None:
        """Generation has ended: send the proof scheme's last messages, if the host has claimed nonces."""
        if self._upcoming is not None:
            self._send_claims(self._upcoming, is_complete=True)
        self._upcoming, self._claims = None, []

    def _send_claims(self, upcoming: UpcomingEpoch, *, is_complete: bool) -> None:
        own = OwnClaims(
            creator=self._address,
            start_height=upcoming.start_height,
            block_hash=upcoming.block_hash,
            claims=self._claims,
            is_complete=is_complete,
            tx_id=f"batch/{self._address}/{self._n_claims_sent + 1}",
            # The 16 bytes that `Generator.bytes` gives, in a tenth of its time: a run has a token per batch.
            token="" if is_complete else self._tokens.random_raw(2).tobytes().hex(),
        )
        for message in self._context.params.rules_at(upcoming.index).proof.build_messages(own):
            self._n_claims_sent += 1
            self.send(message)

    def send_votes(self, participants: tuple[str, ...], frauds: tuple[bool, ...]) -> None:
        """Send verdicts together, in as many transactions as blocks need; the chain refuses late ones."""
        state = self._chain.state
        start_height = state.schedule.start if state.upcoming is None else state.upcoming.start_height
        most = max(1, self._context.params.block_room_bytes // VERDICT_BYTES)
        for first in range(0, len(participants), most):
            about, says = participants[first : first + most], frauds[first : first + most]
            tx_id = self.name("votes", state.schedule.index, about[0])
            self.send(SubmitValidation(tx_id, self._address, start_height, about, says))
