"""What participants send to the chain, and how large it is on the wire.

Sizes are modelled, not measured [I]: a signed Cosmos transaction without payload takes about 300 bytes; a nonce and its
distance travel as two 8-byte numbers; a validation carries its verdict only (its arrays are emptied, protocol 4.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from pow.proofs import ProofBatch

ENVELOPE_BYTES = 300
BYTES_PER_NONCE = 16
SEED_BYTES = 140
VALIDATION_BYTES = 120
CLAIM_BYTES = 24


@dataclass(frozen=True)
class SubmitSeed:
    """Commitment to a private seed for an upcoming epoch. Reference: protocol 2.1."""

    tx_id: str
    creator: str
    epoch_index: int
    commitment: str

    @property
    def size_bytes(self) -> int:
        """Size on the wire."""
        return ENVELOPE_BYTES + SEED_BYTES


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
    def size_bytes(self) -> int:
        """Size on the wire."""
        return ENVELOPE_BYTES + BYTES_PER_NONCE * len(self.proofs.nonces)


@dataclass(frozen=True)
class SubmitValidation:
    """One validator's verdict on one participant. Reference: protocol 4.5."""

    tx_id: str
    creator: str
    participant: str
    start_height: int
    is_fraud: bool

    @property
    def size_bytes(self) -> int:
        """Size on the wire."""
        return ENVELOPE_BYTES + VALIDATION_BYTES


@dataclass(frozen=True)
class ClaimReward:
    """Reveals the seed of a settled epoch and asks for its reward. Reference: protocol 2.1, 6.4."""

    tx_id: str
    creator: str
    epoch_index: int
    seed: int

    @property
    def size_bytes(self) -> int:
        """Size on the wire."""
        return ENVELOPE_BYTES + CLAIM_BYTES


Transaction = SubmitSeed | SubmitProofBatch | SubmitValidation | ClaimReward
