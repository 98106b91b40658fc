"""Emission, confirmations, miss rates and cuts of rewards since v0.2.7, beside the network's own tests (network 2.12).

Numbers are those that the network's tests assert, and a few that were computed from its rules by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sim.protocol.models.delegation import DelegatedShare
from sim.protocol.money.reward_cuts import apply_penalties, pass_shares_on
from sim.protocol.money.rewards import EPOCH_FACTOR, NGONKA_PER_GNK, compute_epoch_reward, floor_shares
from sim.protocol.proofs.confirmation import compute_confirmed_part, compute_event, compute_trigger_heights
from sim.protocol.proofs.confirmation_readings import Reading
from sim.protocol.proofs.weights import cap_weights
from sim.protocol.service.network_misses import choose_miss_rate
from sim.theory.row import Row

CAP = 0.3
EMISSIONS = (
    (323_000, 410, 265_968_351_724_182),
    (323_000, 418, 264_959_589_849_069),
    (285_000, 101, 271_778_984_842_800),
    (285_000, 501, 224_750_113_929_613),
    (285_000, 1001, 177_237_241_092_541),
    (285_000, 1461, 142_449_732_098_072),
    (285_000, 2921, 71_199_740_964_254),
)
"""R0 in GNK, epoch -> ngonka, by exact powers."""
CONFIRMED = ((100, 50, 50, 100), (100, 0, 50, 0), (10, 1, 3, 3), (0, 50, 50, 0), (100, 50, 0, 0), (100, -10, 50, 0))
"""Final weight, confirmed and raw weight -> confirmed part."""
REWARDS = (
    (600, ((300, 250, 300), (150, 150, 150)), (200, 200)),
    (600, ((500, 500, 500), (500, 500, 500)), (300, 300)),
    (1200, ((200, 1000, 1000), (1000, 1000, 1000)), (200, 200)),
)
"""Emission, (final, confirmed and raw weight) of two -> their rewards; governance has the rest."""
MISS_RATES = (
    ((24, 24, 24, 24, 24), (200,) * 5, 0.1, 0.2),
    ((37, 36, 36, 36, 36), (200,) * 5, 0.1, 0.3),
    ((96, 96, 96, 96, 96), (200,) * 5, 0.1, 0.0),
    ((10, 10), (100, 100), 0.1, 0.1),
    ((0, 0, 0, 0, 0), (200,) * 5, 0.12, 0.2),
)
"""Missed and all requests by host, governance's rate -> p0 of the miss test; 0 for none."""
READINGS = ((11, 11, 1.0), (5, 11, 0.50005), (10, 50, 0.220022))
"""Shown and expected weight -> ratio, to six decimals."""


def settlement_rows() -> Iterator[Row]:
    """Yield the comparisons; all are exact and quick."""
    yield from _emission_rows()
    yield from _reward_rows()
    for missed, totals, governed, published in MISS_RATES:
        rate = choose_miss_rate(zip(missed, totals, strict=True), governed) or 0.0
        label = f"p0 where {sum(missed)} of {sum(totals)} requests are missed, governance {governed:g}"
        yield Row.absolute(label, rate, published, 0.0)
    yield from _confirmation_rows()


def _emission_rows() -> Iterator[Row]:
    for initial, epoch, published in EMISSIONS:
        ours = compute_epoch_reward(epoch, 0, initial_reward=initial * NGONKA_PER_GNK, epoch_factor=EPOCH_FACTOR)
        yield Row.absolute(f"emission of epoch {epoch}, R0 = {initial} GNK, v0.2.8, ngonka", ours, published, 0.0)


def _reward_rows() -> Iterator[Row]:
    for weight, confirmed, raw_total, published in CONFIRMED:
        ours = compute_confirmed_part(weight, confirmed, raw_total)
        yield Row.absolute(f"confirmed part of {weight}, {confirmed} of {raw_total} shown", ours, published, 0.0)
    for emission, members, published_rewards in REWARDS:
        parts = {str(place): compute_confirmed_part(*member) for place, member in enumerate(members)}
        divisor = sum(weight for weight, _, _ in members)
        rewards = floor_shares(cap_weights(parts, CAP, positive_only=True), emission, divisor)
        for place, published in enumerate(published_rewards):
            label = f"reward {place + 1} of {len(members)}, R = {emission}, full weight {divisor} divides"
            yield Row.absolute(label, rewards[str(place)], published, 0.0)
    punished = apply_penalties({"a": 1000, "b": 500}, {"a": [Fraction(4, 5)]})
    yield Row.absolute("reward weight 1000 after a penalty of .8", punished["a"], 200, 0.0)
    passed = pass_shares_on(punished, {"a": [DelegatedShare("b", Fraction(3, 10))]})
    yield Row.absolute("... and a share of .3 left to a host of 500", passed["a"], 140, 0.0)
    yield Row.absolute("... which has then", passed["b"], 560, 0.0)


def _confirmation_rows() -> Iterator[Row]:
    for shown, expected, published in READINGS:
        ratio = Reading(shown, expected).judge() or Fraction(0)
        yield Row.absolute(f"confirmed ratio, {shown} of {expected} shown", float(ratio), published, 5e-7)
    n_blocks = len(compute_trigger_heights(400, 15_391, 35 + 0 + 5 + 240, 2, 120 + 500))
    yield Row.absolute("blocks that may trigger a confirmation, v0.2.12", n_blocks, 14_090, 0.0)
    event = compute_event(0, cutoff=2, generation=35, exchange=0, delay=5, validation=240)
    start = event.generation_start
    yield Row.absolute("first vote of a confirmation, blocks after G, v0.2.10", event.first_vote - start, 40, 0.0)
