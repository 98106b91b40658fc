"""A host's messages about its claims: at each claim, or with the proof scheme's rhythm (`sim.protocol.proofs.base`)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from sim.chain.chain_node import ChainNode
from sim.nodes.context import Context
from sim.protocol.consensus.transactions import Transaction
from sim.protocol.proofs.base import Episode, NodeClaim, OwnClaims, ProofScheme
from sim.strategies.actions import ClaimResults


class ClaimSender:
    """Keeps a host's claims of the running proof of compute; they are on disk and outlive a crash."""

    def __init__(
        self, context: Context, chain: ChainNode, public_key: str, send: Callable[[Transaction], None]
    ) -> None:
        self._context = context
        self._chain = chain
        self._public_key = public_key
        self._send = send
        self._tokens = context.streams("host", chain.address, "batch id").bit_generator
        self._n_sent = 0
        self._episode: Episode | None = None
        """The proof of compute that the claims are for."""
        self._proof: ProofScheme | None = None
        self._claims: Any = None
        self._process: simpy.Process | None = None

    def add(self, claim: ClaimResults, model: str) -> None:
        """Claim results of an ML node that serves a model; raises ValueError where no proof of compute is open."""
        episode = self._chain.state.running
        if episode is None:
            raise ValueError("no proof of compute is open to claim for")
        proof = self._open(episode)
        if proof.rhythm.period_seconds:
            listed = np.asarray(claim.nonces, dtype=np.int64), np.asarray(claim.values)
            self._claims.append(NodeClaim(claim.node_id, self._public_key, *listed, model))
            self.resume()
        else:
            told = _as_tuple(claim.nonces), _as_tuple(claim.values)
            self._claims.append(NodeClaim(claim.node_id, self._public_key, *told, model))
            self._send_messages(is_complete=False)

    def complete(self) -> None:
        """Generation has ended: send the last messages, or what claims are still taken for, if there are claims."""
        if self._proof is None:
            return
        if not self._proof.rhythm.period_seconds:
            self._send_messages(is_complete=True)
            self._forget()
        elif self._is_open():
            self._send_messages(is_complete=False)

    def resume(self) -> None:
        """Go on with the rhythm, after a crash too; without effect where nothing is left to send."""
        if self._proof is not None and self._process is None and self._proof.rhythm.period_seconds:
            self._process = self._context.env.process(self._keep_time(self._proof))

    def pause(self) -> None:
        """Break off: the host is down."""
        if self._process is not None and self._process.is_alive:
            self._process.interrupt()
        self._process = None

    def _open(self, episode: Episode) -> ProofScheme:
        if self._proof is None or self._episode is None or episode.start_height != self._episode.start_height:
            self.pause()
            self._proof = self._context.params.rules_at(episode.epoch_index).proof
            self._claims = self._proof.open_claims()
        self._episode = episode
        return self._proof

    def _forget(self) -> None:
        self._episode = self._proof = self._claims = self._process = None

    def _is_open(self) -> bool:
        """Whether a message that leaves now may be in a block that still takes claims."""
        episode = self._find_running()
        return episode is not None and self._chain.height < episode.last_claim

    def _find_running(self) -> Episode | None:
        """The proof of compute of the claims, with its current heights, as long as it runs for this host."""
        running, own = self._chain.state.running, self._episode
        if running is None or own is None or running.start_height != own.start_height:
            return None
        return running if self._chain.height < running.validation_end else None

    def _keep_time(self, proof: ProofScheme) -> Generator[simpy.Event, object, None]:
        env, rhythm = self._context.env, proof.rhythm
        try:
            while self._is_open():
                yield env.timeout(rhythm.period_seconds)
                yield env.timeout(0.0)  # ML nodes that call back at this time come first
                if self._is_open():
                    self._send_messages(is_complete=False)
            while self._find_running() is not None and self._send_messages(is_complete=True):
                yield env.timeout(rhythm.repeat_seconds)
        except simpy.Interrupt:
            return
        self._forget()

    def _send_messages(self, *, is_complete: bool) -> bool:
        """Send what the scheme has to say now; tell whether it had anything."""
        assert self._proof is not None, "messages without a claim"
        assert self._episode is not None, "claims without an episode"
        own = OwnClaims(
            creator=self._chain.address,
            start_height=self._episode.start_height,
            block_hash=self._episode.block_hash,
            claims=self._claims,
            is_complete=is_complete,
            tx_id=f"batch/{self._chain.address}/{self._n_sent + 1}",
            # The 16 bytes that `Generator.bytes` gives, in a tenth of its time: a run has a token per batch.
            token="" if is_complete else self._tokens.random_raw(2).tobytes().hex(),
            stored=self._chain.state.proofs,
        )
        messages = self._proof.build_messages(own)
        for message in messages:
            self._n_sent += 1
            self._send(message)
        return bool(messages)


def _as_tuple(values: Any) -> tuple[Any, ...]:
    return tuple(values.tolist()) if isinstance(values, np.ndarray) else tuple(values)
