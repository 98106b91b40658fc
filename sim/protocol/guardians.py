"""Early-network protection: guardians' power in block voting, not in votes on proofs or in rewards (protocol 5.4)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction

MATURITY_THRESHOLD = 2_000_000
GUARDIAN_MULTIPLIER = Fraction(13, 25)
"""0.52: guardians jointly hold m / (1 + m), 34.2 %."""


def boost_guardians(
    powers: Mapping[str, int],
    guardians: Collection[str],
    *,
    is_enabled: bool = True,
    maturity_threshold: int = MATURITY_THRESHOLD,
    multiplier: Fraction = GUARDIAN_MULTIPLIER,
) -> dict[str, int]:
    """Return the powers handed to consensus: guardians share m times the others' power while the network is young.

    Unchanged where the network is mature, has one validator, no guardian, or guardians that hold more already.
    Reference: protocol 5.4.
    """
    present = [address for address in powers if address in guardians]
    is_young = len(powers) >= 2 and sum(powers.values()) < maturity_threshold
    if not (is_enabled and is_young and present):
        return dict(powers)
    held = sum(powers[address] for address in present)
    wanted = multiplier * (sum(powers.values()) - held)
    if wanted < held:
        return dict(powers)
    return {**powers, **dict.fromkeys(present, math.trunc(wanted / len(present)))}
