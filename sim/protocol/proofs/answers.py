"""The scheme `answers` (proof of compute v2): every computed nonce counts, and its answer stays with the host.

An answer is a unit vector of 12 numbers. The chain knows how many a host has, and the root over them; validators fetch
a sample, compute it again on their own instance of the model, and call a claim a fraud where too many of its answers
lie too far away (network 2.3 to 2.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sim.protocol.proofs import schemes
from sim.protocol.proofs.answer_book import AnswerBook
from sim.protocol.proofs.base import Episode, OwnClaims, Rhythm
from sim.protocol.proofs.claimed import INVENTED
from sim.protocol.proofs.commits import Commits, DistributeWeight, StoreCommit
from sim.protocol.proofs.leaves import compute_leaf_seed

if TYPE_CHECKING:
    from pow.validation import FraudTest

COMMIT_PERIOD_SECONDS, RETRY_SECONDS = 5.0, 30.0
EVERY_NONCE = 1.0


@schemes.register("answers")
@dataclass(frozen=True)
class Answers:
    """Every computed nonce counts; hosts commit to the answers and keep them for validators."""

    messages: ClassVar[tuple[type[Any], ...]] = (StoreCommit, DistributeWeight)
    bytes_per_nonce: ClassVar[int] = 0
    rhythm: ClassVar[Rhythm] = Rhythm(COMMIT_PERIOD_SECONDS, RETRY_SECONDS)
    claims_by_model: ClassVar[bool] = True

    @property
    def threshold(self) -> float:
        """None decides which nonces count; the distances stand with the models."""
        return 0.0

    def hit_probability(self, threshold: float, vector_dim: int) -> float:
        """Every try counts."""
        return EVERY_NONCE

    def threshold_for(self, probability: float, vector_dim: int) -> float:
        """No threshold makes tries count more rarely."""
        return self.threshold

    def open_store(self) -> Commits:
        """Return a store without a commitment."""
        return Commits()

    def open_claims(self) -> AnswerBook:
        """Return a book without an answer."""
        return AnswerBook()

    def build_messages(self, own: OwnClaims) -> tuple[StoreCommit | DistributeWeight, ...]:
        """Return a commitment where counts have risen; after the window, the distribution that the chain lacks."""
        if not own.is_complete:
            entries = own.claims.commit(own.creator)
            return (StoreCommit(own.tx_id, own.creator, own.start_height, entries, own.claims),) if entries else ()
        if not isinstance(own.stored, Commits):
            return ()
        held = own.stored.by_host.get(own.creator, {})
        counts = {model: commit.count for model, commit in held.items() if commit.distribution is None}
        split = own.claims.split(counts)
        if not split:
            return ()
        spread = tuple((model, tuple(nodes.items())) for model, nodes in sorted(split.items()))
        return (DistributeWeight(own.tx_id, own.creator, own.start_height, spread),)

    def compute_sampling_seed(self, validator_key: str, newest_hash: str, episode: Episode, model: str = "") -> int:
        """Return a seed that nobody knows before the newest block. Reference: network 2.5.3."""
        return compute_leaf_seed(validator_key, newest_hash, episode.start_height, model)

    def test_samples(
        self, n_checked: NDArray[np.int64], n_contradicted: NDArray[np.int64], p_mismatch: float, threshold: float
    ) -> FraudTest:
        """Run the one-sided binomial test. Reference: network 2.5.7."""
        from pow.validation import fraud_test

        return fraud_test(n_checked, n_contradicted, p_mismatch, threshold)

    def find_sure(self, values: NDArray[Any], threshold: float, margin: float) -> NDArray[np.bool_]:
        """Every answer counts: a host cannot tell which of its own are far from those of others."""
        return np.ones(len(values), dtype=np.bool_)

    def invent_nonces(self, numbers: range, generator: np.random.Generator) -> NDArray[np.int64]:
        """Count down from -1: the test of porosity reads the size of a nonce, and no ML node is told a negative one."""
        return -np.array(numbers, dtype=np.int64)

    def fabricate(
        self, like: NDArray[Any], n: int, threshold: float, vector_dim: int, generator: np.random.Generator
    ) -> NDArray[Any]:
        """Draw unit vectors at random; under the law the code of what nobody computed."""
        if like.ndim == 1:
            return np.full(n, INVENTED, dtype=like.dtype)
        drawn = generator.standard_normal((n, *like.shape[1:]))
        vectors: NDArray[Any] = (drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype(like.dtype)
        return vectors
