"""Every movement of coins, as one list that an observer of the chain can add up to the last ngonka (protocol 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from sim.protocol.blocks.records import Record
from sim.protocol.blocks.state import ChainState

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
    """Emission or fees to which no participant is entitled: until v0.2.6 they stay in the module."""
    GOVERNANCE = "governance"
    """Into governance's account: from v0.2.7 on what is left, and what was not claimed in time; from v0.2.11 on what
    was slashed."""
    CLAIM = "claim"
    """From waiting into the vesting schedule, or out at once."""
    VESTED = "vested"
    """From vesting into the balance."""
    BURNT = "burnt"
    """Waiting coins that were not claimed in time, until v0.2.6."""
    DEPOSITED = "deposited"
    """From the balance into collateral."""
    RELEASED = "released"
    """Unbonded collateral, back in the balance."""
    SLASHED = "slashed"
    """Collateral taken; until v0.2.10 it is burnt."""
    STAKED = "staked"
    """From a challenger's balance into its stake."""
    RETURNED = "returned"
    """A stake, back in the challenger's balance."""
    FORFEITED = "forfeited"
    """A challenger's stake, into the vesting schedule of the host that passed."""
    PRIZE = "prize"
    """Out of governance's account into the vesting schedule of a challenger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Record):
    """One movement of coins."""

    epoch: Annotated[int, "epoch whose [P, next P) holds the height"]
    height: Annotated[int, "block in which coins moved", "blocks"]
    participant: Annotated[str, "address; empty where it concerns nobody"]
    kind: Annotated[
        str,
        "reward, remainder, fee, left, governance, claim, vested, burnt, deposited, released or slashed; of challenges "
        "staked, returned, forfeited or prize",
    ]
    amount_ngonka: Annotated[int, "how much", "ngonka"]
    reason: Annotated[str, "why"]


def pay(state: ChainState, participant: str, kind: PaymentKind, amount_ngonka: int, reason: str) -> list[Payment]:
    """Return the movement in the state's block; empty for an amount of 0."""
    if amount_ngonka == 0:
        return []
    epoch, height = state.schedule.index, state.height
    return [
        Payment(
            epoch=epoch, height=height, participant=participant, kind=kind, amount_ngonka=amount_ngonka, reason=reason
        )
    ]
