"""What differs between the network's versions, as one readable table of switches (protocol 0)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Rules:
    """The switches that the simulated rules read. Reference: protocol 0, 5.1, 8."""

    version: str
    counts_duplicates: bool
    """True: every listed nonce counts (v0.2.0). False: a nonce counts once per participant."""
    weight_scale: Fraction
    """Weight per counted nonce; 5/2 from v0.2.6, which made nonces 2.5 times rarer."""
    r_target: float
    """Radius in force when a scenario names none."""


LAUNCH_R_TARGET = 1.4013564660458173
VERSIONS: dict[str, Rules] = {
    rules.version: rules
    for rules in (
        Rules("v0.2.0", counts_duplicates=True, weight_scale=Fraction(1), r_target=LAUNCH_R_TARGET),
        Rules("v0.2.2", counts_duplicates=False, weight_scale=Fraction(1), r_target=LAUNCH_R_TARGET),
        Rules("v0.2.3", counts_duplicates=False, weight_scale=Fraction(1), r_target=LAUNCH_R_TARGET),
        Rules("v0.2.5", counts_duplicates=False, weight_scale=Fraction(1), r_target=LAUNCH_R_TARGET),
        Rules("v0.2.6", counts_duplicates=False, weight_scale=Fraction(5, 2), r_target=1.398077),
    )
}
