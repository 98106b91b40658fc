"""What a host sends: transactions of its own, recorded, into its mempool and from there to everybody."""

from __future__ import annotations

from sim.chain.chain_node import ChainNode
from sim.metrics.records import TransactionSent
from sim.nodes.context import Context
from sim.nodes.ml_node import Assignment, MLNode
from sim.protocol.proofs.base import NodeClaim, OwnClaims
from sim.protocol.transactions import VERDICT_BYTES, SubmitValidation, Transaction
from sim.strategies.base import Claim


class Outbox:
    """Signs with one host's key."""

    def __init__(self, context: Context, chain: ChainNode, public_key: str) -> None:
        self._context = context
        self._chain = chain
        self._address = chain.address
        self._public_key = public_key
        self._n_claims_sent = 0
        self._assignment: Assignment | None = None
        self._claims: list[NodeClaim] = []
        """Of the assignment."""

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

    def send_claim(self, node: MLNode, claim: Claim, assignment: Assignment) -> None:
        """Send what the proof scheme makes of an ML node's claim."""
        if assignment is not self._assignment:
            self._assignment, self._claims = assignment, []
        self._claims.append(NodeClaim(node.node_id, self._public_key, claim.nonces, claim.values))
        self._send_claims(is_complete=False)

    def complete_claims(self) -> None:
        """Generation has ended: send what the proof scheme still wants, if anything was claimed."""
        if self._claims:
            self._send_claims(is_complete=True)
        self._assignment, self._claims = None, []

    def _send_claims(self, *, is_complete: bool) -> None:
        assert self._assignment is not None, "claims without an assignment"
        own = OwnClaims(
            creator=self._address,
            start_height=self._assignment.start_height,
            block_hash=self._assignment.block_hash,
            claims=self._claims,
            is_complete=is_complete,
            tx_id=f"batch/{self._address}/{self._n_claims_sent + 1}",
            token="" if is_complete else self._context.streams("host", self._address, "batch id").bytes(16).hex(),
        )
        for message in self._assignment.proof.build_messages(own):
            self._n_claims_sent += 1
            self.send(message)

    def send_votes(self, participants: tuple[str, ...], verdicts: tuple[bool, ...]) -> None:
        """Send verdicts together, in as many transactions as blocks need, while their epoch is in the making."""
        upcoming = self._chain.state.upcoming
        if upcoming is None:
            return
        most = max(1, self._context.params.block_room_bytes // VERDICT_BYTES)
        for first in range(0, len(participants), most):
            about, says = participants[first : first + most], verdicts[first : first + most]
            tx_id = f"votes/{self._address}/{upcoming.index}/{about[0]}"
            self.send(SubmitValidation(tx_id, self._address, upcoming.start_height, about, says))
