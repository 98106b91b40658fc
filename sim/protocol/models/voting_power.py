"""The power with which each member of a model's group votes on the group's claims (network 2.9.8)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction

from sim.protocol.models.delegation import ModelMode, Participation


def compute_voting_powers(
    members: Collection[str],
    weights: Mapping[str, int],
    modes: Mapping[str, Participation],
    max_share: Fraction,
) -> dict[str, int]:
    """Return a group's powers, those above 0 only: own weight and that of all who delegate to it, clipped.

    `weights` are final ones over all models (from v0.2.16 on CapWeights), of delegators too. Reference: network 2.9.8.
    """
    powers = {who: weights.get(who, 0) for who in sorted(members)}
    for who, (mode, delegate) in modes.items():
        if mode is ModelMode.DELEGATE and delegate in powers:
            powers[delegate] += weights.get(who, 0)
    return {who: power for who, power in clip_powers(powers, max_share).items() if power > 0}


def clip_powers(powers: Mapping[str, int], max_share: Fraction) -> dict[str, int]:
    """Limit each power to trunc(share · total before clipping); the excess is lost.

    No clip with one member, a share of 0 or a bound of 0. Reference: network 2.9.8.
    """
    bound = math.trunc(max_share * sum(powers.values()))
    if len(powers) == 1 or bound <= 0:
        return dict(powers)
    return {who: min(power, bound) for who, power in powers.items()}
