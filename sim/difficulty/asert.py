"""Difficulty on an absolute schedule: by how many nonces there are too many or too few since the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target, clamp

LARGEST_EXPONENT = 500.0  # of 2: far above any useful difficulty, below the largest float
RADIX_BITS = 16


class AsertState(NamedTuple):
    """Memory of `asert`."""

    first: Numbers
    """Difficulty of the first interval."""
    surplus: Numbers
    """Σ (n - t) since then."""


@controllers.register("asert")
@dataclass(frozen=True)
class Asert:
    """Doubles the difficulty for every `half_life` epochs' worth of nonces found too many since the first epoch.

    Law: D' = D₀ · 2^(Σ (n_i - t_i) / half_life), D₀ in force in the first epoch, n = found / wanted, t = time / wanted
    time. Only the sum counts: the order of lucky and unlucky epochs does not matter, a false timestamp is forgotten
    with the next right one, and no error lasts. Near the setpoint it moves like `wtema` with lifetime half_life / ln 2:
    stable for half_life > ln 2 / 2 ≈ 0.35, without overshoot from 0.69 on. Source: M. Lundeberg (2020), see
    `aserti3_2d`.
    """

    target: Target
    half_life: Annotated[float, Field(gt=0.0, le=1e6, description="epochs' worth of nonces that double D")] = 3.0

    def start(self, first: Interval) -> AsertState:
        """Anchor the schedule at the first difficulty."""
        return AsertState(first.difficulty, 0.0)

    def decide(self, state: AsertState, interval: Interval) -> tuple[AsertState, Numbers]:
        """Return the scheduled difficulty."""
        surplus = state.surplus + (interval.found - interval.time)
        exponent = clamp(surplus / self.half_life, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        return AsertState(state.first, surplus), state.first * np.exp2(exponent)


def aserti3_2d(
    anchor_target: int,
    time_delta: int,
    height_delta: int,
    *,
    spacing: int = 600,
    half_life: int = 172_800,
    max_target: int = 0xFFFF << 208,
) -> int:
    """Return the target after a block by Bitcoin Cash's integer rule, exact in every bit.

    `time_delta` (s): from the anchor's parent to the block; `height_delta` (blocks): from the anchor to the block;
    `spacing`, `half_life` in s. 2^x = 2^(whole) · 2^(fraction), the fraction by a cubic in 16 bits. Raises ValueError
    for a half-life, spacing or target below 1. Reference: aserti3-2d, upgrade specification of November 2020
    (upgradespecs.bitcoincashnode.org).
    """
    if half_life < 1 or spacing < 1 or anchor_target < 1:
        raise ValueError(
            f"half_life {half_life}, spacing {spacing} and anchor_target {anchor_target} must be at least 1"
        )
    scaled = (time_delta - spacing * (height_delta + 1)) << RADIX_BITS
    exponent = abs(scaled) // half_life * (1 if scaled >= 0 else -1)  # towards zero, as in C
    shifts, fraction = exponent >> RADIX_BITS, exponent & 0xFFFF
    cubic = 195_766_423_245_049 * fraction + 971_821_376 * fraction**2 + 5_127 * fraction**3
    factor = (1 << RADIX_BITS) + ((cubic + (1 << 47)) >> 48)
    shifts -= RADIX_BITS
    product = anchor_target * factor
    target = product << shifts if shifts >= 0 else product >> -shifts
    return min(max(target, 1), max_target)
