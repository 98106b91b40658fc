"""Nonces that nobody computed: each adds weight for as long as validators accept the claim (protocol 4.4)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from pow.detection import ClaimLaw, SampleTest, compute_opinions
from pow.majority import Electorate, compute_acceptance
from pow.params import PRESETS
from pow.sphere import hit_probability
from sim.protocol.versions import LAUNCH
from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT, get_participants, make_row, measure_gain

UNSEEN, EVEN = Fraction(5, 1000), Fraction(24, 1000)
"""Nonces invented for one found: never refused by these validators, and about as often refused as not."""
N_LIARS, N_VOTES = 3, 8
"""Each is accepted by its own vote and those of the others, all of equal weight."""
N_CLAIMED, SAMPLE = 1300, 200


def overclaim_rows(quick: bool) -> Iterator[Row]:
    """Yield the gain of a small lie, and of one that is found out about as often as not."""
    seeds = range(1, 4)
    gain = measure_gain({"kind": "overclaim", "excess": float(UNSEEN)}, seeds)
    yield make_row(f"gain of overclaim, {float(UNSEEN):.1%} invented, accepted", gain.by_seed, _count_whole(seeds))
    several, seeds = {f"hosts.{SUSPECT}.count": N_LIARS}, range(1, 5 if quick else 9)
    gain = measure_gain({"kind": "overclaim", "excess": float(EVEN)}, seeds, common=several)
    label = f"gain of overclaim, {float(EVEN):.1%} invented, often rejected"
    yield make_row(label, gain.by_seed, float(1 + EVEN) * compute_accepted(EVEN))


def _count_whole(seeds: range) -> float:
    """Return 1 + excess, the invented nonces of each honest claim rounded down to whole ones."""
    frames = [get_participants(NETWORK, {}, seed) for seed in seeds]
    counts = [frame.loc[frame["host_group"] == SUSPECT, "claimed_nonces"].tolist() for frame in frames]
    gains = [sum(n + int(n * UNSEEN) for n in each) / sum(each) for each in counts]
    return float(np.mean(gains))


def compute_accepted(excess: Fraction) -> float:
    """Return the chance that more than half of all weight accepts the claim; the liar votes for itself."""
    hit = hit_probability(LAUNCH.r_target, PRESETS["devtest"].vocab_size)
    claim = ClaimLaw(excess / (1 + excess), hit, 0.0, N_CLAIMED)
    voters = Electorate(N_VOTES, colluding=Fraction(1, N_VOTES))
    return compute_acceptance(compute_opinions(SampleTest(SAMPLE), claim), voters)[0]
