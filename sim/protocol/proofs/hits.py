"""The scheme `hits` (PoW 2.0): a nonce counts if its vector lies nearer to the target than r_target (protocol 3, 4).

Hosts list the nonces that hit, each with its distance; validators recompute a sample that is known from P on, and call
a claim a fraud where too many of its nonces lie farther away than r_target.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pow.proofs import ProofBatch
from sim.protocol.consensus.transactions import ENVELOPE_BYTES, TxResult
from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import AT_ONCE, Episode, NodeClaim, OwnClaims, ProofRules, Rhythm
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.protocol.proofs.draws import compute_sampling_seed, draw_untried_nonces
from sim.protocol.proofs.filed import Filed

if TYPE_CHECKING:
    from pow.validation import FraudTest

BLANK_BATCH_ID = "blank batch id"
BYTES_PER_NONCE = 16  # a nonce and its distance travel as two 8-byte numbers


@dataclass(frozen=True)
class SubmitProofBatch:
    """Valid nonces with their distances, as claimed. Reference: protocol 3.1."""

    tx_id: str
    creator: str
    batch_id: str
    proofs: ProofBatch

    @property
    def start_height(self) -> int:
        """P of the epoch that the nonces were computed for."""
        return self.proofs.block_height

    @property
    def storage_key(self) -> str:
        """A later batch of the same id stands in an earlier one's place."""
        return self.batch_id

    @property
    def claims(self) -> tuple[NodeClaim]:
        """Its claim for its ML node."""
        proofs = self.proofs
        return (NodeClaim(proofs.node_id, proofs.public_key, proofs.nonces, proofs.distances),)

    @property
    def size_bytes(self) -> int:
        """Envelope, and 16 bytes for each nonce with its distance."""
        return ENVELOPE_BYTES + BYTES_PER_NONCE * len(self.proofs.nonces)

    def as_bytes(self) -> bytes:
        """Return all that is in it, lists of numbers as their bytes, for a run's trace."""
        proofs = self.proofs
        single = (self.tx_id, self.creator, self.batch_id, proofs.public_key, proofs.block_hash, proofs.block_height)
        lists = array("q", proofs.nonces).tobytes() + array("d", proofs.distances).tobytes()
        return repr((*single, proofs.node_id)).encode() + lists


class FiledBatches(Filed[SubmitProofBatch]):
    """The stored batches of a proof of compute.

    Never checked: duplicates, the number of nonces, whether sender, hardware and node id are known, distances against
    r_target. `ProofBatch` refuses to be built without nonces, with a negative nonce, with a distance that is negative
    or not finite, or with lists of unequal length. A later batch overwrites an earlier one with the same
    (address, batch_id).
    """

    def read_claims(self, episode: Episode, threshold: float) -> ClaimedNonces:
        """Return all listed nonces, and which of them are claimed with a distance that does not count."""
        claims = super().read_claims(episode, threshold)
        if not any(max(batch.proofs.distances) >= threshold for batch in self.messages):
            return claims
        filed = chain.from_iterable(self.by_participant.values())
        distances = chain.from_iterable(batch.proofs.distances for batch in filed)
        return replace(claims, is_far=np.fromiter(distances, np.float64, len(claims.nonces)) >= threshold)

    def take(self, message: SubmitProofBatch, height: int, episode: Episode, rules: ProofRules) -> tuple[str, Self]:
        """Take a batch with an id, from the block after P to the last of the exchange. Reference: protocol 3.1."""
        if not message.batch_id.strip():
            return BLANK_BATCH_ID, self
        if not episode.start_height < height <= episode.last_claim:
            return TxResult.OUTSIDE_WINDOW, self
        return TxResult.ACCEPTED, self.added(message, height)


@schemes.register("hits")
@dataclass(frozen=True)
class Hits:
    """A nonce counts if its distance to the target is below r_target; every nonce that counts is listed."""

    # scipy takes a third of a second to load: methods that need it import it, so that checking a file is fast.

    r_target: Annotated[float, Field(gt=0, le=2, description="largest accepted distance", examples=[1.4])]

    messages: ClassVar[tuple[type[Any], ...]] = (SubmitProofBatch,)
    bytes_per_nonce: ClassVar[int] = BYTES_PER_NONCE
    rhythm: ClassVar[Rhythm] = AT_ONCE
    claims_by_model: ClassVar[bool] = False

    @property
    def threshold(self) -> float:
        """r_target."""
        return self.r_target

    def hit_probability(self, threshold: float, vector_dim: int) -> float:
        """Return the share of the sphere within the threshold. Reference: kernel 4."""
        from pow.sphere import hit_probability

        return hit_probability(threshold, vector_dim)

    def threshold_for(self, probability: float, vector_dim: int) -> float:
        """Return the distance within which this share of the sphere lies. Reference: kernel 4."""
        from pow.sphere import r_target_for

        return r_target_for(probability, vector_dim)

    def open_store(self) -> FiledBatches:
        """Return a store without a batch."""
        return FiledBatches()

    def open_claims(self) -> list[NodeClaim]:
        """Return a list: a batch holds the newest claim only."""
        return []

    def build_messages(self, own: OwnClaims) -> tuple[SubmitProofBatch, ...]:
        """Return a batch with the newest nonces. Reference: protocol 3.4."""
        if own.is_complete:
            return ()
        newest = own.claims[-1]
        proofs = ProofBatch(
            public_key=newest.public_key,
            block_hash=own.block_hash,
            block_height=own.start_height,
            nonces=tuple(newest.nonces),
            distances=tuple(newest.values),
            node_id=newest.node_id,
        )
        return (SubmitProofBatch(own.tx_id, own.creator, own.token, proofs),)

    def compute_sampling_seed(self, validator_key: str, newest_hash: str, episode: Episode, model: str = "") -> int:
        """Return a seed that is known from P on. Reference: protocol 4.2."""
        return compute_sampling_seed(validator_key, episode.block_hash, episode.start_height)

    def test_samples(
        self, n_checked: NDArray[np.int64], n_contradicted: NDArray[np.int64], p_mismatch: float, threshold: float
    ) -> FraudTest:
        """Run the one-sided binomial test. Reference: protocol 4.4."""
        from pow.validation import fraud_test

        return fraud_test(n_checked, n_contradicted, p_mismatch, threshold)

    def find_sure(self, values: NDArray[Any], threshold: float, margin: float) -> NDArray[np.bool_]:
        """Tell which distances lie nearer than r_target less the margin."""
        sure: NDArray[np.bool_] = values < threshold - margin
        return sure

    def invent_nonces(self, numbers: range, generator: np.random.Generator) -> NDArray[np.int64]:
        """Draw nonces far beyond those of any ML node."""
        return draw_untried_nonces(len(numbers), generator)

    def fabricate(
        self, like: NDArray[Any], n: int, threshold: float, vector_dim: int, generator: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw distances from the law of valid nonces."""
        from pow.law import get_law

        share = self.hit_probability(threshold, vector_dim) * (1.0 - generator.random(n))  # in (0, h]
        return np.minimum(get_law(vector_dim).distances(share), np.nextafter(threshold, 0.0))
