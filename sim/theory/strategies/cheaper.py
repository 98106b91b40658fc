"""Cheats of provers that compute less, elsewhere or again: what a unit of their real work is worth.

Nonces of the rows are about 2600 a run and host; runs of a cheat and of honesty share their random numbers.
Reference: protocol 3.2, 4.4, 5.1; kernel 6, 7
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pow.detection import ClaimLaw, SampleTest, compute_opinions
from pow.majority import Electorate, compute_acceptance
from pow.params import PRESETS
from pow.skipping import compute_skipping_rms, get_layers_speedup
from pow.sphere import distance_cdf, hit_probability
from sim.protocol.versions import LAUNCH
from sim.runner import run
from sim.strategies.provers.low_precision import LowPrecision
from sim.strategies.provers.skip_layers import SkipLayers
from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT, make_row, measure_gain
from sim.work.sphere import RMS_ERROR

DEVTEST, N_LAYERS = PRESETS["devtest"], 8
HIT = hit_probability(LAUNCH.r_target, DEVTEST.vocab_size)
ONCE = {"protocol.version": "v0.2.2"}
"""The first version that counts a nonce once."""
TWO_NODES = {f"hosts.{SUSPECT}.gpus": ["1 x H100-SXM at 500 nonces/s"] * 2}
FABRICATED, N_LIARS, SAMPLE = 0.024, 4, 200
N_OTHERS, NEVER_REFUTED = 5, 2
"""Honest hosts; entries of which no test makes a fraud, by the table of protocol 4.4."""
GAUSS_POINTS = 20


def cheaper_rows(quick: bool) -> Iterator[Row]:
    """Yield the row of each cheat."""
    seeds = range(1, 9 if quick else 17)
    gain = measure_gain({"kind": "skip_layers", "layers": N_LAYERS}, seeds)
    yield make_row(f"gain of skip_layers, {N_LAYERS} of 16 layers, {len(seeds)} runs", gain.by_seed, gain_of_layers())
    gain = measure_gain("low_precision", seeds)
    n_own, n_honest = int(gain.weight.sum()), int(gain.honest_weight.sum())
    yield Row.binomial(f"weight of low_precision, of {n_honest} honest, bfloat16", n_own, n_honest, _keep_of_bfloat16())
    yield from _copy_rows()
    yield _fabricate_row(range(1, 5 if quick else 9))
    yield _stranger_row()
    yield _silence_row(range(1, 4 if quick else 6))
    tiny = measure_gain("tiny_claim", range(1, 3))
    yield Row.exact("weight of tiny_claim, 2 epochs, without work", float(tiny.weight[0]), 2.0 * NEVER_REFUTED)


def gain_of_layers() -> float:
    """Return what `skip_layers` gains: cheaper tries, of which a stricter threshold keeps a little fewer.

    Left out is work after the last batch, which counts for nothing: larger batches delay the end by some 10 ms, 0.04 %.
    """
    own = "float16"
    rms = np.hypot(compute_skipping_rms(DEVTEST, N_LAYERS), RMS_ERROR[own])
    kept = _compute_yield(float(rms), SkipLayers(layers=N_LAYERS).margin) / _compute_yield(RMS_ERROR[own], 0.0)
    return get_layers_speedup(DEVTEST, N_LAYERS) * kept


def _keep_of_bfloat16() -> float:
    coarse = LowPrecision()
    return _compute_yield(RMS_ERROR[coarse.numerics], coarse.margin) / _compute_yield(RMS_ERROR["float16"], 0.0)


def _compute_yield(rms: float, margin: float) -> float:
    """Return the chance that a try is claimed: its distance with a normal error is below r_target less the margin."""
    errors, weights = np.polynomial.hermite_e.hermegauss(GAUSS_POINTS)
    below = distance_cdf(LAUNCH.r_target - margin - rms * errors, DEVTEST.vocab_size)
    return float(below @ weights / weights.sum())


def _copy_rows() -> Iterator[Row]:
    """Yield what copies are worth where they count, and where a nonce counts once."""
    for common, version, worth in (({}, "v0.2.0", 2.0), (ONCE, "v0.2.2", 1.0)):
        network = {**common, **TWO_NODES}
        gain = measure_gain("duplicate", range(1, 4), common=network)
        yield make_row(f"weight of duplicate over honest, each nonce twice, {version}", gain.weight_by_seed, worth)
        gain = measure_gain("overlap_ranges", range(1, 4), common=network)
        yield make_row(f"gain of overlap_ranges, two ML nodes, {version}", gain.by_seed, worth / 2.0)


def _fabricate_row(seeds: range) -> Row:
    """Compare accepted claims with the sum of their chances, each by the entries that it really invented."""
    accepted, chances = [], []
    for seed in seeds:
        changes = {f"hosts.{SUSPECT}.strategy": {"kind": "fabricate", "share": FABRICATED}}
        result = run(NETWORK, overrides={**changes, f"hosts.{SUSPECT}.count": N_LIARS, "epochs": 1}, seed=seed)
        claims = result.participants[result.participants["host_group"] == SUSPECT]
        nodes = result.ml_nodes.set_index("participant")
        for row in claims.itertuples():
            found = nodes.loc[row.participant, "valid"] - nodes.loc[row.participant, "unsent"]
            accepted.append(bool(row.is_accepted))
            chances.append(_compute_accepted(int(row.claimed_nonces - found), int(row.claimed_nonces)))
    expected, spread = sum(chances), float(np.sqrt(sum(chance * (1.0 - chance) for chance in chances)))
    label = f"claims of fabricate accepted, of {len(chances)}, {FABRICATED:.1%} invented"
    return Row(label, sum(accepted), expected, (sum(accepted) - expected) / spread, 3.0)


@cache
def _compute_accepted(n_invented: int, n_claimed: int) -> float:
    """Return the chance that more than half of all votes accept; the liar votes for itself."""
    claim = ClaimLaw(Fraction(n_invented, n_claimed), HIT, 0.0, n_claimed)
    n_votes = N_OTHERS + N_LIARS
    voters = Electorate(n_votes, colluding=Fraction(1, n_votes))
    return compute_acceptance(compute_opinions(SampleTest(SAMPLE), claim), voters)[0]


def _stranger_row() -> Row:
    """Compare the share of a copier's nonces that one validator finds invalid with the chance of a try to miss."""
    checks = _run_checks("copy", range(1, 3))
    own = checks[(checks["participant"] == f"{SUSPECT}-0") & (checks["validator"] == "other-0")]
    n_invalid, n_checked = int(own["n_invalid"].sum()), int(own["n_checked"].sum())
    return Row.binomial(
        f"another's nonces found invalid under the copier's key, of {n_checked}", n_invalid, n_checked, 1.0 - HIT
    )


def _silence_row(seeds: range) -> Row:
    """Compare the checks of others that a validator tells with a half: they come before the far claim or after it."""
    checks = _run_checks("high_distance", seeds)
    others = checks[(checks["participant"] != f"{SUSPECT}-0") & (checks["validator"] != f"{SUSPECT}-0")]
    told = (others["vote"] == "valid").groupby([others["seed"], others["epoch"], others["validator"]]).mean()
    return make_row(f"checks that {len(told)} silenced validators tell", told.to_numpy(np.float64), 0.5)


def _run_checks(strategy: str, seeds: range) -> pd.DataFrame:
    """Return the validations of runs with a strategy of the suspect; 1 epoch, so that all vote."""
    changes: dict[str, Any] = {f"hosts.{SUSPECT}.strategy": strategy, "epochs": 1}
    return pd.concat([run(NETWORK, overrides=changes, seed=seed).validations.assign(seed=seed) for seed in seeds])
