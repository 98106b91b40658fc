"""Valid nonces / tries from the nonces that ML nodes show, while some of them lie.

Tries are not reported, but nonces are tried in order: a valid one tells its place in the row of tries.

1. Given the place m of an ML node's last valid nonce, the number of valid ones before it is Binomial(m - 1, p): exact
   for every m, whether the node was fast, joined late or had little luck; nodes that found nothing are not missed.
2. Places count up to the last one of the median node. Those beyond tell nothing (fabricated nonces lie at 2⁴⁰ and up),
   and no ML node has more to say than the median one.
3. p is the rate at which the nodes' luck is one half on average: luck is the probability of fewer valid nonces than
   shown, plus half that of as many. One voice each: a liar has no more, however large or many its nonces are.
4. ML nodes that would be so lucky or unlucky less than once in 200 are left out, and 3 is repeated, now with larger
   voices for those that tried more, until the same ones are left out.
5. From this p on, 4 is repeated with all places, where the median node has found enough to tell a lie from bad luck:
   fast nodes then make p more exact. No voice is larger than the median node's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_FINDS = 0.5
"""Where no ML node shows a second valid nonce, all together count as half of one."""
STRANGE = 0.005
ENOUGH_FINDS = 10
MOST_ROUNDS = 10
N_HALVINGS = 30  # of a factor 16: p to 3e-9 of itself


def estimate_rate(places: Sequence[NDArray[np.int64]]) -> float:
    """Return p from the places, from 1 on and ascending, of each ML node's valid nonces; 0 where there is none."""
    shown = [each for each in places if each.size]
    if not shown:
        return 0.0
    horizon = np.sort([each[-1] for each in shown])[(len(shown) - 1) // 2]
    counts, spans = _count([each[each <= horizon] for each in shown])
    if not counts.any():
        return FEWEST_FINDS / float((spans + 1.0).sum())
    rate = _settle(counts, spans, np.sqrt(spans), _balance(counts, spans, np.ones_like(spans)))
    if np.median(counts) < ENOUGH_FINDS:
        return rate
    counts, spans = _count(shown)
    return _settle(counts, spans, np.sqrt(np.minimum(spans, horizon)), rate)


def _count(places: Sequence[NDArray[np.int64]]) -> tuple[Floats, Floats]:
    """Valid nonces before the last one and tries before it, of each ML node that has a valid one."""
    found = [each for each in places if each.size]
    return np.array([each.size - 1.0 for each in found]), np.array([each[-1] - 1.0 for each in found])


def _settle(counts: Floats, spans: Floats, voices: Floats, rate: float) -> float:
    """Balance the voices that are not strange at a first rate, until the same ones are left out."""
    before = None
    for _ in range(MOST_ROUNDS):
        luck = compute_luck(counts, spans, rate)
        kept = (luck > STRANGE) & (luck < 1.0 - STRANGE)
        if not counts[kept].any() or (before is not None and np.array_equal(kept, before)):
            break
        rate, before = _balance(counts[kept], spans[kept], voices[kept]), kept
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
    from scipy import special  # the table of versions reaches here: checking a file must not wait for scipy

    fewer = np.where(counts > 0, special.betainc(spans - counts + 1.0, np.maximum(counts, 1.0), 1.0 - rate), 0.0)
    at_most = np.where(counts < spans, special.betainc(np.maximum(spans - counts, 1.0), counts + 1.0, 1.0 - rate), 1.0)
    luck: Floats = (fewer + at_most) / 2.0
    return luck
