"""What members' reward weights lose, and pass on, for the models that they do not serve (network 2.9, 2.12).

Both steps follow the miss test. They touch rewards only: powers and votes keep the weight.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from sim.protocol.models.delegation import DelegatedShare


def apply_penalties(weights: Mapping[str, int], penalties: Mapping[str, Sequence[Fraction]]) -> dict[str, int]:
    """Each penalty takes trunc(fraction · weight), together at most all of it. Reference: network 2.12."""
    return {
        who: max(0, weight - sum(math.trunc(fraction * weight) for fraction in penalties.get(who, ())))
        for who, weight in weights.items()
    }


def pass_shares_on(weights: Mapping[str, int], shares: Mapping[str, Sequence[DelegatedShare]]) -> dict[str, int]:
    """Each share moves trunc(share · weight) to the delegate; it is lost where the delegate's weight is 0.

    All are parts of the weights before any of them moved, so that their order does not matter; together at most all of
    a member's weight. Reference: network 2.12.
    """
    after = Counter(dict(weights))
    for who in sorted(shares.keys() & weights.keys()):
        for delegate, part in _split(weights[who], shares[who]):
            after[who] -= part
            after[delegate] += part if weights.get(delegate, 0) > 0 else 0
    return {who: after[who] for who in weights}


def _split(weight: int, shares: Sequence[DelegatedShare]) -> Iterator[tuple[str, int]]:
    left = weight
    for delegate, share in shares:
        part = min(left, math.trunc(share * weight))
        left -= part
        yield delegate, part
