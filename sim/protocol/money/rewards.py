"""Emission of an epoch and its distribution, in ngonka, integers throughout (protocol 6.1, 6.2)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction

NGONKA_PER_GNK = 10**9
INITIAL_EPOCH_REWARD = 323_000 * NGONKA_PER_GNK
DECAY_RATE = -0.000475
EPOCH_FACTOR = Fraction("0.9995251127946402")
"""From v0.2.8 on: what one epoch leaves of the emission."""
GENESIS_EPOCH = 1
SUPPLY_CAP = 680_000_000 * NGONKA_PER_GNK


def compute_epoch_reward(
    epoch_index: int,
    paid_before: int,
    *,
    initial_reward: int = INITIAL_EPOCH_REWARD,
    decay_rate: float = DECAY_RATE,
    epoch_factor: Fraction | None = None,
    genesis_epoch: int = GENESIS_EPOCH,
    supply_cap: int = SUPPLY_CAP,
) -> int:
    """R(e) = trunc(R0 · decay^(e - 1)), cut to the rest below the supply cap; ngonka.

    Until v0.2.7 the decay is exp(-0.000475 · (e - 1)), a double whose shortest decimal text is multiplied exactly; with
    an `epoch_factor`, from v0.2.8 on, it is the factor's exact power. Sharing a cut amount by weight scales every
    reward down alike. Reference: protocol 6.1, network 2.12.
    """
    n_epochs = epoch_index - genesis_epoch
    if epoch_factor is None:
        emission = math.trunc(initial_reward * Fraction(repr(math.exp(decay_rate * n_epochs))))
    else:
        emission = math.trunc(initial_reward * epoch_factor**n_epochs)
    return max(0, min(emission, supply_cap - paid_before))


def compute_effective_weights(
    preserved: Mapping[str, int], confirmed: Mapping[str, int], active: Collection[str]
) -> dict[str, int]:
    """Reward weights from v0.2.5 on, before their cap: preserved nodes + confirmation weight of ACTIVE participants.

    Participants that are not active are left out before the cap is taken. Reference: protocol 6.2.
    """
    members = sorted({*preserved, *confirmed} & set(active))
    return {who: preserved.get(who, 0) + confirmed.get(who, 0) for who in members}


def split_reward(
    weights: Mapping[str, int], amount: int, *, divisor: int | None = None, preferred: Collection[str] = ()
) -> dict[str, int]:
    """Share `amount` by weight, floored; the remainder goes to the first address with a positive share.

    `preferred` addresses come before all others there. `divisor` stands in for the sum of the weights; it may not be
    smaller. No participant is paid where it is zero. Reference: protocol 6.2.
    """
    shares = floor_shares(weights, amount, sum(weights.values()) if divisor is None else divisor)
    paid = sorted((address not in preferred, address) for address, share in shares.items() if share > 0)
    if paid:
        shares[paid[0][1]] += amount - sum(shares.values())
    return shares


def floor_shares(weights: Mapping[str, int], amount: int, divisor: int) -> dict[str, int]:
    """Return weight · amount / divisor, floored, in address order; 0 for all where the divisor is 0."""
    return {address: weight * amount // divisor if divisor > 0 else 0 for address, weight in sorted(weights.items())}


def select_entitled(
    weights: Mapping[str, int], excluded: Collection[str], punished: Collection[str], *, recomputes_total: bool
) -> tuple[dict[str, int], int]:
    """Return the settled members' weights that count in a distribution, and the total that divides it.

    `excluded` ones (INVALID) have no row in the answer. A `punished` participant (miss test, v0.2.2+) has weight 0;
    where the total is not recomputed (v0.2.2 to v0.2.4) its weight still divides, so that the lost part goes with the
    remainder to the first address. Reference: protocol 6.2.
    """
    entitled = {address: weight for address, weight in weights.items() if address not in excluded}
    kept = {address: 0 if address in punished else weight for address, weight in entitled.items()}
    return kept, sum((kept if recomputes_total else entitled).values())
