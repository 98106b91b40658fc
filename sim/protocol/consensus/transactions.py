"""Transactions that participants send to the chain, and their sizes on the wire.

Sizes are modelled, not measured [I]: a signed Cosmos transaction without payload takes about 300 bytes; a validation
carries its verdict only (its arrays are emptied, protocol 4.4). Claims travel in messages of the proof scheme.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

SEPARATOR = "\x1f"  # ASCII unit separator: in no name
HEADER_BYTES = 2000  # of a block without transactions
ENVELOPE_BYTES = 300
SEED_BYTES = 140
VALIDATION_BYTES = 120
VERDICT_BYTES = ENVELOPE_BYTES + VALIDATION_BYTES  # of a message with one verdict
CLAIM_BYTES = 24
AMOUNT_BYTES = 24
DELEGATION_BYTES = 60
STANCE_BYTES = 30
CHALLENGE_BYTES = 45
REGISTRATION_BYTES = 100
NODE_BYTES = 40


class TxResult(StrEnum):
    """The chain's answer to a transaction in a block; a proof scheme may refuse with texts of its own."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    NO_ADDRESS = "no creator address"
    NO_EPOCH = "epoch below 1"
    NO_UPCOMING_EPOCH = "no upcoming epoch"
    WRONG_START = "wrong start height"
    OUTSIDE_WINDOW = "outside its window"
    CONFIRMATION_RUNS = "a confirmation still counts as running"
    OTHER_SCHEME = "not of the proof scheme in force"
    NOTHING_TO_CLAIM = "nothing to claim"
    WRONG_SEED = "seed does not match its commitment"
    MISSED_VALIDATIONS = "missed too many validations"
    NOT_ENOUGH_COINS = "not enough coins"
    NOT_ENOUGH_COLLATERAL = "not enough collateral"
    NOT_JAILED = "not in jail"
    STILL_JAILED = "in jail for longer"
    UNKNOWN_MESSAGE = "unknown message"
    NO_PARTICIPANT = "sender is no participant"
    UNKNOWN_MODEL = "no model of governance"
    UNKNOWN_DELEGATE = "delegate is no participant"

    @property
    def is_late(self) -> bool:
        """Whether its window or its epoch was over; no honest host sends a transaction ahead of these."""
        return self in (TxResult.OUTSIDE_WINDOW, TxResult.WRONG_START, TxResult.NO_UPCOMING_EPOCH)


class Transaction(Protocol):
    """A message that a host signs and sends: one of the classes here, or of a proof scheme's own."""

    @property
    def tx_id(self) -> str:
        """Name of the message, which no other has."""

    @property
    def creator(self) -> str:
        """Address of the sender."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire."""


@dataclass(frozen=True)
class HardwareNode:
    """An ML node as a host registers it. Reference: protocol 5.1, 5.2."""

    node_id: int
    """The number that the host's broker handed out, from 1 and never reused."""
    model: str
    """The model that it serves between two proofs of compute."""


@dataclass(frozen=True)
class ChainMessage:
    """A message of the chain's own kinds: an envelope around a body of a fixed size, if it has no other."""

    tx_id: str
    creator: str
    body_bytes: ClassVar[int] = 0

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire: envelope and body."""
        return ENVELOPE_BYTES + self.body_bytes


@dataclass(frozen=True)
class RegisterHost(ChainMessage):
    """A host makes itself known: its consensus key, its hardware, its collateral.

    Stands for the network's messages on participants, hardware and deposits, which a host sends once [I].
    """

    validator_key: str
    nodes: tuple[HardwareNode, ...]
    collateral_ngonka: int = 0

    @property
    def size_bytes(self) -> int:
        """Envelope, registration, and 40 bytes for each ML node."""
        return ENVELOPE_BYTES + REGISTRATION_BYTES + NODE_BYTES * len(self.nodes)


@dataclass(frozen=True)
class SubmitSeed(ChainMessage):
    """Commitment to a private seed for an upcoming epoch. Reference: protocol 2.1."""

    epoch_index: int
    commitment: str
    body_bytes: ClassVar[int] = SEED_BYTES


@dataclass(frozen=True)
class SubmitValidation(ChainMessage):
    """Verdicts of one validator that leave together; stands for a message on each. Reference: protocol 4.5."""

    start_height: int
    participants: tuple[str, ...]
    verdicts: tuple[bool, ...]
    """True where the participant of the same place is called a fraud."""

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire: those of the messages it stands for."""
        return len(self.participants) * VERDICT_BYTES

    def as_bytes(self) -> bytes:
        """Return the whole message for a trace; its repr would be slow for thousands of verdicts."""
        single = (self.tx_id, self.creator, str(self.start_height))
        return SEPARATOR.join((*single, *self.participants)).encode() + bytes(self.verdicts)


@dataclass(frozen=True)
class ClaimReward(ChainMessage):
    """Reveals the seed of a settled epoch and asks for its reward. Reference: protocol 2.1, 6.4."""

    epoch_index: int
    seed: int
    body_bytes: ClassVar[int] = CLAIM_BYTES


@dataclass(frozen=True)
class DepositCollateral(ChainMessage):
    """Moves free coins of the sender into its collateral. Reference: protocol 6.5."""

    amount_ngonka: int
    body_bytes: ClassVar[int] = AMOUNT_BYTES


@dataclass(frozen=True)
class ReleaseCollateral(ChainMessage):
    """Begins to unbond collateral of the sender. Reference: protocol 6.5."""

    amount_ngonka: int
    body_bytes: ClassVar[int] = AMOUNT_BYTES


@dataclass(frozen=True)
class Unjail(ChainMessage):
    """Asks to be a validator again when the time in jail is over. Reference: protocol 6.5."""


@dataclass(frozen=True)
class DelegatePower(ChainMessage):
    """Lends the sender's voting power on a model, until it says otherwise. From v0.2.12 on. Reference: network 2.7."""

    model: str
    to: str
    """Address of a participant; empty: to nobody any more."""
    body_bytes: ClassVar[int] = DELEGATION_BYTES


@dataclass(frozen=True)
class RefuseModel(ChainMessage):
    """Says that the sender will not serve a model in the next epoch. From v0.2.12 on. Reference: network 2.7."""

    model: str
    body_bytes: ClassVar[int] = STANCE_BYTES


@dataclass(frozen=True)
class DeclareIntent(ChainMessage):
    """Says that the sender will serve a model in the next epoch. From v0.2.12 on. Reference: network 2.7."""

    model: str
    body_bytes: ClassVar[int] = STANCE_BYTES


@dataclass(frozen=True)
class OpenChallenge(ChainMessage):
    """Demands a long proof of compute of one host, and locks the sender's stake. From v0.2.16 on.

    Reference: network 2.13.
    """

    target: str
    """Address of the host."""
    body_bytes: ClassVar[int] = CHALLENGE_BYTES
