"""Every movement of coins, as one list: what an observer of the chain can add up to the last ngonka (protocol 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NOBODY = ""


class PaymentKind(StrEnum):
    """Where coins come from or go."""

    REWARD = "reward"
    """Emission that now waits for its claim."""
    REMAINDER = "remainder"
    """Emission that truncation or punishment left over, to the first participant paid."""
    FEE = "fee"
    """Fees of users, waiting for the same claim."""
    LEFT = "left"
    """Emission or fees that nobody is entitled to: they stay in the module."""
    CLAIM = "claim"
    """From waiting into the vesting schedule, or out at once."""
    VESTED = "vested"
    """From vesting into the balance."""
    BURNT = "burnt"
    """Waiting coins that nobody claimed in time."""
    DEPOSITED = "deposited"
    """From the balance into collateral."""
    RELEASED = "released"
    """Unbonded collateral, back in the balance."""
    SLASHED = "slashed"
    """Collateral taken and burnt."""


@dataclass(frozen=True)
class Payment:
    """One movement; `participant` is empty where it concerns nobody."""

    participant: str
    kind: PaymentKind
    amount_ngonka: int
    reason: str
