"""Targets as headers hold them: whole numbers, in full or in the compact form ("nBits"); rules rounded to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Controller, Interval, Numbers, Target, clamp
from sim.difficulty.waiting import Relief, WaitingLaw, get_waiting_law
from sim.registry import PluginOf

HASH_BITS = 256
MANTISSA_BYTES, SIGN_BIT, MANTISSA = 3, 0x800000, 0x7FFFFF
ROUNDING = 2.0**-50
"""A target this close below a rounded one counts as that one: 2^bits / (2^bits / target) may miss it by a last bit."""

Rule = Annotated[
    Controller,
    PluginOf(controllers),
    Field(
        description="the rule that is wrapped, as under `difficulty`",
        examples=[{"kind": "sma", "target": {"valid_nonces_per_epoch": 100}}],
    ),
]


def encode_compact(target: int) -> int:
    """Return the compact form of a target: a byte of length, three of mantissa without sign. Lower bytes are lost.

    Raises ValueError for a target below 0 or of more than 255 bytes.
    """
    n_bytes = (target.bit_length() + 7) // 8
    if target < 0 or n_bytes > 0xFF:
        raise ValueError(f"target {target} must be at least 0 and have at most 255 bytes")
    shift = 8 * (n_bytes - MANTISSA_BYTES)
    mantissa = target >> shift if shift > 0 else target << -shift
    if mantissa & SIGN_BIT:
        mantissa, n_bytes = mantissa >> 8, n_bytes + 1
    return n_bytes << 24 | mantissa


def decode_compact(bits: int) -> int:
    """Return the target of a compact form. Raises ValueError for a negative one, for 0 and for more than 256 bits."""
    is_compact = 0 <= bits < 2**32  # else a shift might fill the memory
    shift, mantissa = 8 * ((bits >> 24) - MANTISSA_BYTES) if is_compact else 0, bits & MANTISSA
    target = mantissa << shift if shift > 0 else mantissa >> -shift
    if not is_compact or bits & SIGN_BIT or not 0 < target < 2**HASH_BITS:
        raise ValueError(f"{bits:#010x} is no compact target from 1 to 2^{HASH_BITS} - 1")
    return target


def round_target(target: Numbers, form: str) -> Numbers:
    """Return the largest target of a form (`compact`, `integer`) that is not above the given one, at least 1.

    Works on floats, which hold 53 bits of a target: more than a compact one has, exactly.
    """
    unit: Numbers = np.float64(1.0)
    if form == "compact":
        _, n_bits = np.frexp(target)
        # A top byte from 0x80 on needs one byte more, for the sign: 8 k bits and 8 k + 7 bits have the same unit.
        unit = np.maximum(np.ldexp(1.0, 8 * (n_bits // 8 + 1 - MANTISSA_BYTES)), 1.0)
    rounded: Numbers = np.maximum(np.floor(target / unit * (1.0 + ROUNDING)), 1.0) * unit
    return rounded


@controllers.register("compact_target")
@dataclass(frozen=True)
class CompactTarget:
    """Rounds the difficulty of any rule to a target that a header can hold.

    Law: target = 2^hash_bits / D, rounded down to a whole number, with `form: compact` to one whose bytes after the
    first three are 0 (of 23 bits, for the first is a sign); D' = 2^hash_bits / target, at least 1. The rule sees
    intervals at the rounded difficulty, as a chain does. Compact targets raise D by less than 2^-15, and on average by
    some 2^-18: far below the noise of any rule. Whole numbers matter where targets are small: with `hash_bits` of
    32 a difficulty of 10⁶ is a target of 4294. Source: S. Nakamoto, Bitcoin (2009: SetCompact and GetCompact).
    """

    rule: Rule
    form: Annotated[
        Literal["compact", "integer"], Field(description="compact: 3 bytes and a length; integer: every whole number")
    ] = "compact"
    hash_bits: Annotated[int, Field(ge=8, le=HASH_BITS, description="bits of a hash, which the target bounds")] = (
        HASH_BITS
    )

    @property
    def target(self) -> Target | None:
        """That of the rule."""
        return self.rule.target

    def start(self, first: Interval) -> Any:
        """Begin as the rule does."""
        return self.rule.start(first)

    def decide(self, state: Any, interval: Interval) -> tuple[Any, Numbers]:
        """Return the rule's memory and its difficulty, rounded."""
        state, decided = self.rule.decide(state, interval)
        return state, self._round(decided)

    @property
    def waiting(self) -> WaitingLaw | None:
        """The rule's waiting law, rounded as well."""
        law = get_waiting_law(self.rule)
        if law is None:
            return None

        def ease(state: Any, difficulty: Numbers) -> Sequence[Relief]:
            return [Relief(each.after, self._round(each.difficulty)) for each in law(state, difficulty)]

        return ease

    def _round(self, difficulty: Numbers) -> Numbers:
        space = 2.0**self.hash_bits
        return space / round_target(clamp(space / difficulty, 1.0, space), self.form)
