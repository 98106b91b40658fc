"""The scheme `decode`, which is not live: `answers` by the pace of inference, and not by that of reading an input.

A nonce is 256 steps that follow from one another, and its answer 257 indices into 16 frozen vectors. A validator takes
the same steps; the nonce's distance is the largest margin by which another vector would have scored better than the
prover's. Commitments, samples, votes and weights are those of `answers`. Reference: network 2.10

Left out: the vectors, the steps and the routing of experts, confirmations by another scheme than the proof, and their
dry runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.protocol.proofs import schemes
from sim.protocol.proofs.answers import Answers
from sim.protocol.proofs.commits import Commits


@schemes.register("decode")
@dataclass(frozen=True)
class Decode(Answers):
    """As `answers`, with the nonces and thresholds of decoding: a what-if, of which rates and thresholds are known."""

    def open_store(self) -> Commits:
        """Return a store without a commitment, whose nonces are compared by margins."""
        return Commits(scheme="decode")
