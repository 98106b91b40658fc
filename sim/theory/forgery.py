"""What a forger gains: another's nonces, a guessed hash, the best of many hashes, a sample that is known in advance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from pow.params import PRESETS
from pow.sphere import hit_probability, r_target_for
from sim.protocol.proofs.draws import compute_sampling_seed, select_positions
from sim.theory.row import Z_BOUND, Row
from sim.theory.scrambling import BLOCK_HASH, NEIGHBOUR_HASH

R_TARGET = 1.4013564660458173
SAMPLE = 200  # of main net
VALIDATORS = 60
CLAIMS = (2_000, 20_000, 200_000)
"""Nonces: of one ML node, of a farm, of a tenth of the network."""


def forgery_rows(quick: bool) -> Iterator[Row]:
    """Chances and gains of four ways to claim more than was computed."""
    yield from _reuse_rows(4000 if quick else 20_000)
    yield _best_hash_row(2000 if quick else 20_000)
    yield from _known_sample_rows()


def _reuse_rows(n_nonces: int) -> Iterator[Row]:
    """Valid nonces of a key and a hash under another key, and under another hash: as rare as any nonces.

    A nonce that was never computed passes with the same chance, so that a fabricated share f of a claim leaves
    f (1 - h) of a sample invalid.
    """
    from sim.work.kernel import KernelWork  # loads torch, which earlier groups of rows do not wait for

    params = PRESETS["tiny"]
    h = hit_probability(R_TARGET, PRESETS["mainnet"].vocab_size)
    threshold = r_target_for(h, params.vocab_size)
    with KernelWork(params) as work:
        own = work.distances(BLOCK_HASH, "float32", [("key-1", nonce) for nonce in range(n_nonces)])
        valid = np.flatnonzero(own < threshold).tolist()
        for label, block_hash, key in (
            ("another's valid nonces under one's own key", BLOCK_HASH, "key-2"),
            ("nonces valid under a guessed hash, under the right one", NEIGHBOUR_HASH, "key-1"),
        ):
            again = work.distances(block_hash, "float32", [(key, nonce) for nonce in valid])
            yield Row.binomial(f"share of {label} that is valid", int((again < threshold).sum()), len(valid), h)


def _best_hash_row(n_rounds: int) -> Row:
    """A proposer that may choose among ten hashes takes the one with most valid nonces of its own 8 x 700 tries."""
    n_hashes, n_tries, h = 10, 5600, hit_probability(R_TARGET, PRESETS["mainnet"].vocab_size)
    generator = np.random.default_rng(1)
    best = generator.binomial(n_tries, h, (n_rounds, n_hashes)).max(axis=1)
    counts = np.arange(n_tries + 1)
    exact = float(np.sum(1.0 - stats.binom.cdf(counts, n_tries, h) ** n_hashes))
    mean = n_tries * h
    score = (float(best.mean()) - exact) / (float(best.std(ddof=1)) / np.sqrt(n_rounds))
    label = "valid nonces under the best of ten hashes, 8 H100, over the mean"
    return Row(label, float(best.mean()) / mean, exact / mean, float(score), Z_BOUND)


def _known_sample_rows() -> Iterator[Row]:
    """The launch rules fix every validator's sample at P: who knows it computes only what somebody will check.

    The share of a claim that 60 validators sample, all together: 1 - (1 - s / N)^60, since samples are independent.
    """
    for n_claimed in CLAIMS:
        checked = np.zeros(n_claimed, dtype=np.bool_)
        for number in range(VALIDATORS):
            seed = compute_sampling_seed(f"validator-{number}", BLOCK_HASH, 300)
            checked[select_positions(n_claimed, sample_size=SAMPLE, sampling_seed=seed)] = True
        missed = (1.0 - SAMPLE / n_claimed) ** VALIDATORS
        # Each position is checked with that chance; samples without replacement make the sum vary a little less.
        deviation = np.sqrt(n_claimed * missed * (1.0 - missed))
        score = (float(checked.sum()) - n_claimed * (1.0 - missed)) / deviation
        label = f"share of {n_claimed} nonces that 60 known samples of 200 touch"
        yield Row(label, float(checked.mean()), 1.0 - missed, float(score), Z_BOUND)
