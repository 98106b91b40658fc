"""Weight that the epoch before has confirmed, and that blocks and votes follow from v0.2.16 on (network 2.9.7).

1. A host is trusted with its old weight times the confirmed share of what it stored: P_N.
2. New hosts, and those that left or were removed, are trusted with nothing.
3. CapWeight is the new weight, at most what the host is trusted with.
4. If that left nobody with any, everybody's CapWeight is the weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.models.moving import CoefficientMemory
from sim.protocol.models.seating import NodeWeights
from sim.protocol.proofs.confirmation import compute_confirmed_part
from sim.protocol.proofs.confirmation_readings import weigh_models


@dataclass(frozen=True, kw_only=True)
class OldEpoch:
    """The epoch that ends: its hosts that are still in, as the last block leaves them."""

    index: int
    weights: Mapping[str, int]
    """Final ones by host. Removed hosts, INACTIVE ones among them, are not here."""
    node_weights: NodeWeights
    """Raw ones, as seated."""
    voting_powers: Mapping[str, Mapping[str, int]]
    """Stored, above 0, by model and host."""
    confirmed: Mapping[str, int]
    """ConfirmationWeight by host: the least reading, or the raw total where there was none."""
    scales: Mapping[str, Fraction] | None
    """Coefficients frozen for the epoch, by model; None where it stored none."""
    coefficients: CoefficientMemory | None = None
    """Of moving coefficients; None where they did not move."""


def compute_trusted(old: OldEpoch) -> dict[str, int]:
    """Return P_N by host; the old weight itself where the epoch stored no scales.

    A model without voting powers confirms nothing, but stays in the raw total. Reference: network 2.9.7.
    """
    scales = old.scales
    if scales is None:
        return dict(old.weights)
    trusted = {model: scale for model, scale in scales.items() if sum(old.voting_powers.get(model, {}).values()) > 0}
    return {who: _trust(old, who, weight, scales, trusted) for who, weight in old.weights.items()}


def _trust(
    old: OldEpoch, who: str, weight: int, scales: Mapping[str, Fraction], trusted: Mapping[str, Fraction]
) -> int:
    mine = {model: sum(nodes.values()) for model, nodes in old.node_weights.get(who, {}).items()}
    raw_total = weigh_models(mine, scales)
    confirmed = min(old.confirmed.get(who, raw_total), weigh_models(mine, trusted))
    return compute_confirmed_part(weight, confirmed, raw_total)


def cap_by_trust(weights: Mapping[str, int], trusted: Mapping[str, int] | None) -> dict[str, int]:
    """Return CapWeights: min(weight, P_N). Without an old epoch (None) nothing is capped. Reference: network 2.9.7."""
    if trusted is None:
        return dict(weights)
    capped = {who: min(weight, trusted.get(who, 0)) for who, weight in weights.items()}
    return capped if any(capped.values()) else dict(weights)
