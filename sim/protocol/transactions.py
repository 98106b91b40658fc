"""What participants send to the chain, and how large it is on the wire.

Sizes are modelled, not measured [I]: a signed Cosmos transaction without payload takes about 300 bytes; a nonce and its
distance travel as two 8-byte numbers; a validation carries its verdict only (its arrays are emptied, protocol 4.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from pow.proofs import ProofBatch

HEADER_BYTES = 2000  # of a block without transactions
ENVELOPE_BYTES = 300
BYTES_PER_NONCE = 16
SEED_BYTES = 140
VALIDATION_BYTES = 120
VERDICT_BYTES = ENVELOPE_BYTES + VALIDATION_BYTES  # of a message with one verdict
CLAIM_BYTES = 24
REGISTRATION_BYTES = 100
NODE_BYTES = 40


@dataclass(frozen=True)
class HardwareNode:
    """An ML node as a host registers it. Reference: protocol 5.1, 5.2."""

    node_id: int
    """The number that the host's broker handed out, from 1 and never reused."""
    model: str
    """The model that it serves between two proofs of compute."""


@dataclass(frozen=True)
class RegisterHost:
    """A host makes itself known: its consensus key, its hardware, its collateral.

    Stands for the network's messages on participants, hardware and deposits, which a host sends once [I].
    """

    tx_id: str
    creator: str
    validator_key: str
    nodes: tuple[HardwareNode, ...]
    collateral_ngonka: int = 0

    @property
    def size_bytes(self) -> int:
        """Envelope, registration, and 40 bytes for each ML node."""
        return ENVELOPE_BYTES + REGISTRATION_BYTES + NODE_BYTES * len(self.nodes)


@dataclass(frozen=True)
class SubmitSeed:
    """Commitment to a private seed for an upcoming epoch. Reference: protocol 2.1."""

    tx_id: str
    creator: str
    epoch_index: int
    commitment: str

    @property
    def size_bytes(self) -> int:
        """Envelope and commitment."""
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
        """Envelope, and 16 bytes for each nonce with its distance."""
        return ENVELOPE_BYTES + BYTES_PER_NONCE * len(self.proofs.nonces)


@dataclass(frozen=True)
class SubmitValidation:
    """Verdicts of one validator that leave together; stands for a message on each. Reference: protocol 4.5."""

    tx_id: str
    creator: str
    start_height: int
    participants: tuple[str, ...]
    verdicts: tuple[bool, ...]
    """True where the participant of the same place is called a fraud."""

    @property
    def size_bytes(self) -> int:
        """Size on the wire: that of the messages it stands for."""
        return len(self.participants) * VERDICT_BYTES


@dataclass(frozen=True)
class ClaimReward:
    """Reveals the seed of a settled epoch and asks for its reward. Reference: protocol 2.1, 6.4."""

    tx_id: str
    creator: str
    epoch_index: int
    seed: int

    @property
    def size_bytes(self) -> int:
        """Envelope and the revealed seed."""
        return ENVELOPE_BYTES + CLAIM_BYTES


Transaction = RegisterHost | SubmitSeed | SubmitProofBatch | SubmitValidation | ClaimReward
