"""What a card and two CPUs computed, against the law on the sphere, against each other and against this machine.

Measured figures are those of `powsim kernel agree --table`, and of main net's model with some of its layers on an H100
(`data/h100-layers.csv`). Reference: kernel 4, 6, 7
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from scipy import stats

from pow.agreement import BOUNDS, R_TARGET, MachineAgreement, conviction_probability
from pow.params import PRESETS
from pow.skipping import compute_skipping_rms
from pow.sphere import distance_cdf, distance_pdf, distance_ppf, hit_probability, mismatch_probability
from sim.agreement.here import compare_here, compute_here
from sim.agreement.pairs import Pair, Side, list_pairs
from sim.agreement.stored import load_distances
from sim.agreement.table import name_mode
from sim.theory.row import ERROR_LEVEL, Z_BOUND, Row
from sim.work.sphere import RMS_ERROR

MAINNET, DEVTEST = PRESETS["mainnet"], PRESETS["devtest"]
TRUTH, CARD, CPU = "f16data_f64compute", "H100", "Xeon"
VALID_ON_CARD = (("devtest", "f16data_f64compute", 201, 4000), ("mainnet", "float16", 93, 1600))
# Arithmetic -> published mismatch probability, two digits, for a density rounded to three (kernel 6).
MISMATCHES = (
    ("f16data_f32compute", 2e-6),
    ("float32", 2.7e-4),
    ("f16data_bf16linears_f32resid", 2.7e-5),
    ("float16", 7.3e-4),
    ("bfloat16", 5.0e-3),
)
CONVICTIONS = ((1000, 0.15), (2000, 0.45))  # honest bfloat16 host, float16 validators (kernel 6)
TWO_DIGITS = 0.1  # rounding of rms errors and of what was computed from them
FLOAT16_RMS = 1.78e-5  # of main net's model on the card, against float64
SAFETY = 2  # rms errors by which a host that leaves layers out lowers its r_target


def machine_rows(quick: bool) -> Iterator[Row]:
    """Card against law, card against CPUs, this machine against the card, and what the fraud test makes of it."""
    pairs = {pair.key: pair for pair in list_pairs()}
    yield from _valid_rows()
    yield from _numerics_rows(pairs)
    yield from _cpu_rows(pairs)
    yield from _here_rows(4 if quick else 32)
    yield from _published_rows()
    yield from _verdict_rows(50_000 if quick else 500_000)
    yield from _layer_rows()


def _valid_rows() -> Iterator[Row]:
    """Success rates on the card against the exact law, and the distances of main net's model."""
    for params, mode, n_valid, n_nonces in VALID_ON_CARD:
        theory = hit_probability(R_TARGET, PRESETS[params].vocab_size)
        label = f"success rate of {n_nonces} nonces on an H100, {params} {name_mode(mode)}"
        yield Row.binomial(label, n_valid, n_nonces, theory)
    stored = load_distances("h100").select("mainnet", "bfloat16", 96).sets[0].distances
    test = stats.ks_1samp(stored, lambda r: distance_cdf(r, MAINNET.vocab_size))
    label = f"largest gap of {len(stored)} distances on an H100 (KS), mainnet bfloat16"
    critical = float(stats.kstwo.isf(ERROR_LEVEL, len(stored)))
    yield Row(label, float(test.statistic), 0.0, float(test.statistic), critical)


def _numerics_rows(pairs: dict[tuple[str, frozenset[Side]], Pair]) -> Iterator[Row]:
    """The card's rounding errors against those that a CPU has published (kernel 6)."""
    for mode, published in RMS_ERROR.items():
        if mode != TRUTH:
            found = pairs["devtest", frozenset((Side(CARD, mode), Side(CARD, TRUTH)))].agreement
            label = f"rms error of a distance on an H100 in {name_mode(mode)}, relative"
            bound = Z_BOUND / math.sqrt(2 * found.n_compared) + 0.05  # published to two digits
            yield Row.relative(label, found.rms_difference, published, bound)


def _cpu_rows(pairs: dict[tuple[str, frozenset[Side]], Pair]) -> Iterator[Row]:
    """Two kinds of CPU are equally far from the card: by sampling error of both, 5 % for another order of sums."""
    for mode in RMS_ERROR:
        if mode != TRUTH:
            near, far = (
                pairs["devtest", frozenset((Side(machine, mode), Side(CARD, mode)))].agreement
                for machine in (CPU, "Zen 5")
            )
            bound = Z_BOUND * math.sqrt(1 / (2 * near.n_compared) + 1 / (2 * far.n_compared)) + 0.05
            label = f"rms difference Xeon to H100 in {name_mode(mode)}, over Zen 5 to H100"
            yield Row.relative(label, near.rms_difference, far.rms_difference, bound)


def _here_rows(n_nonces: int) -> Iterator[Row]:
    """This machine's largest difference from the card, in every number type."""
    wanted = load_distances("h100").select("devtest", None, n_nonces)
    wanted = wanted.model_copy(update={"sets": tuple(each for each in wanted.sets if not each.note)})
    for pair in compare_here(compute_here(wanted, "cpu", None, "here"), wanted):
        largest = pair.agreement.max_difference
        label = f"largest difference of {n_nonces} distances from an H100's, {name_mode(pair.left.mode)}"
        yield Row(label, largest, 0.0, largest, BOUNDS[pair.left.mode])


def _published_rows() -> Iterator[Row]:
    """What follows from an error: mismatch probabilities and convictions, as published."""
    for mode, published in MISMATCHES:
        ours = mismatch_probability(RMS_ERROR[mode], R_TARGET, DEVTEST.vocab_size)
        yield Row.relative(f"mismatch probability in {name_mode(mode)}, devtest, relative", ours, published, TWO_DIGITS)
    mismatch = mismatch_probability(RMS_ERROR["bfloat16"], R_TARGET, DEVTEST.vocab_size)
    for n_checked, published in CONVICTIONS:
        label = f"honest bfloat16 host convicted at {n_checked} checked nonces, relative"
        yield Row.relative(label, conviction_probability(n_checked, mismatch), published, TWO_DIGITS)


def _verdict_rows(n_nonces: int) -> Iterator[Row]:
    """The laws of mismatches and of differing verdicts, by nonces drawn within 8 rms of r_target."""
    rms, dim, rng = FLOAT16_RMS, MAINNET.vocab_size, np.random.default_rng(20261128)
    low, high = (float(distance_cdf(R_TARGET + sign * 8 * rms, dim)) for sign in (-1, 1))
    truth = distance_ppf(rng.uniform(low, high, n_nonces), dim)
    accepted, found = truth + rng.normal(0.0, rms, n_nonces) < R_TARGET, truth < R_TARGET
    law = MachineAgreement(n_nonces, rms, rms, dim)
    theory = law.mismatch_probability * hit_probability(R_TARGET, dim) / (high - low)
    n_wrong, n_differing = int((accepted & ~found).sum()), int((accepted != found).sum())
    yield Row.binomial("accepted and found invalid near r_target, mainnet float16", n_wrong, n_nonces, theory)
    theory = 1.0 / law.nonces_per_differing_verdict / (high - low)
    yield Row.binomial("verdicts that differ near r_target, mainnet float16", n_differing, n_nonces, theory)


@dataclass(frozen=True)
class MeasuredLayers:
    """A host that computes the first layers of main net's model in float16 on an H100."""

    n_layers: int
    n_nonces: int
    n_valid: int
    n_claimed: int
    n_wrong: int
    rms_error: float
    nonces_per_second: float


def load_measured_layers() -> list[MeasuredLayers]:
    """Return the measured rows, from no layer to all of them."""
    text = (files(__package__) / "data" / "h100-layers.csv").read_text(encoding="utf-8")
    return [
        MeasuredLayers(
            n_layers=int(row["n_layers"]),
            n_nonces=int(row["n_nonces"]),
            n_valid=int(row["n_valid"]),
            n_claimed=int(row["n_claimed"]),
            n_wrong=int(row["n_wrong"]),
            rms_error=float(row["rms_error"]),
            nonces_per_second=float(row["nonces_per_second"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]


def _layer_rows() -> Iterator[Row]:
    """The two laws of skipped layers (kernel 7) on main net's own model."""
    none, *some, _ = load_measured_layers()
    for each in some:
        ratio = compute_skipping_rms(MAINNET, each.n_layers) / compute_skipping_rms(MAINNET, 0)
        label = f"rms error with {each.n_layers} of 64 layers on an H100, over that with none"
        bound = Z_BOUND / math.sqrt(2 * each.n_nonces) + 0.05  # each layer adds about as much as any other
        yield Row.relative(label, each.rms_error / none.rms_error, ratio, bound)
    density = float(distance_pdf(R_TARGET, MAINNET.vocab_size)) / hit_probability(R_TARGET, MAINNET.vocab_size)
    for each in (none, *some):
        theory = 1.0 - density * SAFETY * each.rms_error
        label = f"share of {each.n_valid} valid nonces claimed with {each.n_layers} of 64 layers, H100"
        yield Row.binomial(label, each.n_claimed - each.n_wrong, each.n_valid, theory)
