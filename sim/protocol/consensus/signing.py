"""Signatures on blocks: who missed too many of them, who signed twice, and who is jailed for it (protocol 6.5).

A block holds the votes for the block before it. A validator that lacks too many of them in a window of blocks is jailed
for a while and loses a share of its collateral; one that has signed two different things at a height is jailed for
good. Who is in jail is out of consensus: no proposals, no votes on blocks. Its weight, its votes on claims and its
rewards stay.
Reference: protocol 6.5; Cosmos SDK documentation, modules `slashing` and `evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from sim.units import Seconds

FOR_GOOD = math.inf


@dataclass(frozen=True, kw_only=True)
class SigningParams:
    """What signing badly costs: genesis values of main net, in force in all its versions. Reference: protocol 10."""

    signed_blocks_window: Annotated[
        int, Field(ge=0, le=1_000_000), "blocks over which a validator's missing signatures are counted; 0: never"
    ] = 100
    min_signed_per_window: Annotated[
        Fraction, Field(ge=0, le=1), "share of these blocks that a validator must sign, or it is jailed"
    ] = Fraction(1, 2)
    downtime_jail: Annotated[Seconds, "time after which a validator that missed blocks may come back"] = 600.0
    slash_missed_blocks: Annotated[Fraction, Field(ge=0, le=1), "share of its collateral that it loses"] = Fraction(
        1, 100
    )
    slash_double_sign: Annotated[
        Fraction, Field(ge=0, le=1), "share of its collateral that a validator loses for two votes at one height"
    ] = Fraction(1, 20)

    @property
    def most_missed(self) -> int:
        """Blocks of a window that a validator may miss."""
        return self.signed_blocks_window - round(self.min_signed_per_window * self.signed_blocks_window)


@dataclass(frozen=True)
class Signing:
    """What the chain remembers about signatures."""

    since: Mapping[str, int] = field(default_factory=dict)
    """Validator -> the first height that it had to sign since it last became one."""
    missed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Validator -> heights of the last window that it did not sign, ascending; none: left out."""
    jailed: Mapping[str, float] = field(default_factory=dict)
    """Who is jailed -> time, in seconds by the blocks, from which on it may come back; infinity: never."""


def follow_validators(signing: Signing, validators: Collection[str], height: int) -> Signing:
    """Take note of the validators from a height on: newcomers begin a window, and who left is forgotten."""
    since = {who: signing.since.get(who, height) for who in validators}
    missed = {who: heights for who, heights in signing.missed.items() if who in since}
    return replace(signing, since=since, missed=missed)


def note_absent(
    signing: Signing, absent: Iterable[str], height: int, params: SigningParams
) -> tuple[Signing, list[str]]:
    """Take note of who did not sign a height; return also who has missed too many, in address order.

    Only a validator that had a whole window to sign can have; who is none any more is not counted.
    Reference: protocol 6.5
    """
    window, names = params.signed_blocks_window, sorted(who for who in absent if who in signing.since)
    if not window or not (names or signing.missed):
        return signing, []
    kept = {who: tuple(at for at in heights if at > height - window) for who, heights in signing.missed.items()}
    kept |= {who: (*kept.get(who, ()), height) for who in names}
    down = [
        who
        for who, heights in sorted(kept.items())
        if len(heights) > params.most_missed and height - signing.since.get(who, height) >= window
    ]
    return replace(signing, missed={who: heights for who, heights in kept.items() if heights}), down


def jail(signing: Signing, who: str, until_seconds: float) -> Signing:
    """Put a validator into jail, with a new window when it comes back; a later end stands. Reference: protocol 6.5."""
    until_seconds = max(until_seconds, signing.jailed.get(who, 0.0))
    missed = {each: heights for each, heights in signing.missed.items() if each != who}
    return replace(signing, missed=missed, jailed={**signing.jailed, who: until_seconds})


def release(signing: Signing, who: str) -> Signing:
    """Let a validator out of jail. Reference: protocol 6.5."""
    return replace(signing, jailed={each: until for each, until in signing.jailed.items() if each != who})
