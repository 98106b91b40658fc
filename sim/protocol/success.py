"""Valid nonces / tries from what ML nodes show, while some of them lie.

Nobody reports tries, but nonces are tried in order: a valid one tells its place in the row of tries.

1. Given the place m of an ML node's last valid nonce, the number of valid ones before it is Binomial(m - 1, p): exact
   for every m, whether the node was fast, joined late or had little luck; nodes that found nothing are not missed.
2. Places count up to the last one of the median node. Those beyond tell nothing (fabricated nonces lie at 2⁴⁰ and up),
   and no ML node has more to say than the median one.
3. p is the rate at which the nodes' luck is one half on average: luck is the probability of fewer valid nonces than
   shown, plus half that of as many. One voice each: a liar has no more, however large or many its nonces are.
4. ML nodes that would be so lucky or unlucky less than once in 200 are left out, and 3 is repeated, now with larger
   voices for those that tried more, until the same ones are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

FEWEST_FINDS = 0.5
"""Where no ML node shows a second valid nonce, all together count as half of one."""
STRANGE = 0.005
MOST_ROUNDS = 10
N_HALVINGS = 30  # of a factor 16: p to 3e-9 of itself


def estimate_rate(places: Sequence[NDArray[np.int64]]) -> float:
    """Return p from the places, from 1 on and ascending, of each ML node's valid nonces; 0 where there is none."""
    shown = [each for each in places if each.size]
    if not shown:
        return 0.0
    horizon = np.sort([each[-1] for each in shown])[(len(shown) - 1) // 2]
    seen = [each[each <= horizon] for each in shown]
    counts = np.array([each.size - 1.0 for each in seen if each.size])
    spans = np.array([each[-1] - 1.0 for each in seen if each.size])
    if not counts.any():
        return FEWEST_FINDS / float((spans + 1.0).sum())
    return _settle(counts, spans)


def _settle(counts: Floats, spans: Floats) -> float:
    """Balance all voices, then those that are not strange."""
    kept = np.ones(len(spans), dtype=bool)
    rate = _balance(counts, spans, np.ones_like(spans))
    for _ in range(MOST_ROUNDS):
        luck, before = compute_luck(counts, spans, rate), kept
        kept = (luck > STRANGE) & (luck < 1.0 - STRANGE)
        if not counts[kept].any():
            break
        rate = _balance(counts[kept], spans[kept], np.sqrt(spans[kept]))
        if np.array_equal(kept, before):
            break
    return rate


def _balance(counts: Floats, spans: Floats, voices: Floats) -> float:
    """Solve Σ voice · (luck - 1/2) = 0, which falls in p, by halving on a logarithmic scale; some count is above 0."""
    low = high = min(float(counts.sum() / spans.sum()), 1.0)

    def is_below(rate: float) -> bool:
        return float(voices @ (compute_luck(counts, spans, rate) - 0.5)) > 0.0

    while not is_below(low):
        low /= 4.0
    while high < 1.0 and is_below(high):
        high = min(high * 4.0, 1.0)
    for _ in range(N_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return high


def compute_luck(counts: Floats, spans: Floats, rate: float) -> Floats:
    """Probability of fewer successes than `counts` in `spans` tries, plus half that of as many: 1/2 on average."""
    fewer = np.where(counts > 0, special.betainc(spans - counts + 1.0, np.maximum(counts, 1.0), 1.0 - rate), 0.0)
    at_most = np.where(counts < spans, special.betainc(np.maximum(spans - counts, 1.0), counts + 1.0, 1.0 - rate), 1.0)
    luck: Floats = (fewer + at_most) / 2.0
    return luck
