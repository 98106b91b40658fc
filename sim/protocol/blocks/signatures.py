"""What signing badly costs a validator: collateral, and its place in consensus, for a while or for good (6.5)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from fractions import Fraction

from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.payments import Payment
from sim.protocol.blocks.records import OffencePunished, Record
from sim.protocol.blocks.settling import slash_deposits
from sim.protocol.blocks.standing import compute_powers, get_required_collateral
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.consensus.signing import FOR_GOOD, jail, note_absent, release
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.switches import Rules


class Offence(StrEnum):
    """Why a validator is in jail."""

    MISSED_BLOCKS = "missed blocks"
    DOUBLE_SIGN = "double sign"


def judge_signatures(state: ChainState, block: Block, params: ProtocolParams) -> tuple[ChainState, list[Record]]:
    """Act on the signatures that a block shows of the one before, as its first step. Reference: protocol 6.5.

    Who is in jail for good is not punished again. A validator without collateral loses its place only.
    """
    signing, down = note_absent(state.signing, block.absent, block.height - 1, params)
    offences = [(who, Offence.DOUBLE_SIGN) for who in block.evidence if signing.jailed.get(who) != FOR_GOOD]
    offences += [(who, Offence.MISSED_BLOCKS) for who in down if who not in block.evidence]
    state = replace(state, signing=signing) if signing is not state.signing else state
    if not offences:
        return state, []
    rules, rows = params.rules_at(state.schedule.index), list[Record]()
    for who, offence in offences:
        state, punished = _punish(state, who, offence, block.time_seconds, params)
        rows += punished
    return replace(state, powers=compute_powers(state, rules, params)), rows


def _punish(
    state: ChainState, who: str, offence: Offence, now_seconds: float, params: ProtocolParams
) -> tuple[ChainState, list[Record]]:
    rules, is_double = params.rules_at(state.schedule.index), offence is Offence.DOUBLE_SIGN
    until_seconds = FOR_GOOD if is_double else now_seconds + params.downtime_jail
    fraction = params.slash_double_sign if is_double else params.slash_missed_blocks
    state, payments, slashed = _slash(state, who, fraction, offence, rules, params)
    state = replace(state, signing=jail(state.signing, who, until_seconds))
    row = OffencePunished(
        epoch=state.schedule.index,
        height=state.height,
        participant=who,
        offence=offence,
        slashed_ngonka=slashed,
        jailed_until_seconds=until_seconds,
    )
    return state, [row, *payments]


def _slash(
    state: ChainState, who: str, fraction: Fraction, offence: Offence, rules: Rules, params: ProtocolParams
) -> tuple[ChainState, list[Payment], int]:
    """Take collateral as other slashes do: what is deposited, or what the weight requires. Reference: network 2.1."""
    held = state.deposits.get(who)
    if held is None:
        return state, [], 0
    required = {who: get_required_collateral(state, who, params)} if rules.slashes_required_collateral else None
    state, payments = slash_deposits(
        state, {who: fraction}, offence, required, to_governance=rules.leaves_slashes_to_governance
    )
    return state, payments, held.total - state.deposits[who].total


def check_release(state: ChainState, who: str, now_seconds: float) -> TxResult:
    """Who is in jail may leave it when the time is over. Reference: protocol 6.5."""
    until_seconds = state.signing.jailed.get(who)
    if until_seconds is None:
        return TxResult.NOT_JAILED
    return TxResult.ACCEPTED if until_seconds <= now_seconds else TxResult.STILL_JAILED


def release_validator(state: ChainState, who: str, rules: Rules, params: ProtocolParams) -> ChainState:
    """Let a validator out of jail: from the next height on it has its power again. Reference: protocol 6.5."""
    free = replace(state, signing=release(state.signing, who))
    return replace(free, powers=compute_powers(free, rules, params))
