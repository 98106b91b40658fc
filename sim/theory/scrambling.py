"""Neighbouring nonces, keys and hashes; one changed element of an input; the law without its permutation (kernel 1-4).

The published description says that a small change of the input changes the result wholly, and that the permutation
makes the work harder. Here is what each of them does, with a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pow.params import PRESETS
from pow.sphere import r_target_for, target
from sim.theory.row import Z_BOUND, Row

BLOCK_HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"
NEIGHBOUR_HASH = BLOCK_HASH[:-1] + "E"
STUDY = replace(
    PRESETS["devtest"], dim=96, n_layers=1, n_heads=4, n_kv_heads=4, vocab_size=2048, seq_len=1, multiple_of=32
)
"""A model so small that it is drawn for many block hashes; the permutation does not see the layers."""
SHARE = 0.1  # of nonces that are valid in that study


def scrambling_rows(quick: bool) -> Iterator[Row]:
    """Independence of neighbours, the avalanche, and the spread between block hashes without the permutation."""
    yield from _neighbour_rows("tiny", 2000 if quick else 4000)
    if not quick:
        yield from _neighbour_rows("devtest", 3000)
    yield from _avalanche_rows(48 if quick else 256)
    yield from _permutation_rows(*((20, 200) if quick else (80, 1000)))


def _neighbour_rows(params: str, n_nonces: int) -> Iterator[Row]:
    """Correlation of the distances of neighbours, in standard errors of independent ones."""
    from sim.work.kernel import KernelWork  # loads torch, which earlier groups of rows do not wait for

    with KernelWork(PRESETS[params]) as work:

        def compute(block_hash: str, key: str) -> NDArray[np.float64]:
            return work.distances(block_hash, "float32", [(key, nonce) for nonce in range(n_nonces)])

        own = compute(BLOCK_HASH, "key-1")
        pairs = {
            "nonces next to each other": (own[:-1], own[1:]),
            "keys that differ in a digit": (own, compute(BLOCK_HASH, "key-2")),
            "hashes that differ in a digit": (own, compute(NEIGHBOUR_HASH, "key-1")),
        }
    for label, (one, other) in pairs.items():
        correlation = float(np.corrcoef(one, other)[0, 1])
        quantity = f"correlation of distances, {label}, {params}"
        yield Row(quantity, correlation, 0.0, correlation * float(np.sqrt(len(one))), Z_BOUND)


def _avalanche_rows(n_nonces: int) -> Iterator[Row]:
    """One changed element at the last position turns the answer as if there were no layers; at the first hardly."""
    from pow.avalanche import compute_expected, measure_avalanche

    params = PRESETS["devtest"]
    expected = compute_expected(params)
    bound = (
        Z_BOUND / float(np.sqrt(2 * n_nonces)) * 2
    )  # a product of squares of two normals has four times the variance
    for unit_gains, gains in ((False, "pool's gains"), (True, "gains of 1")):
        (found,) = measure_avalanche(params, [params.n_layers], n_nonces=n_nonces, unit_gains=unit_gains)
        label = f"movement by one element at the last position, devtest, {gains}"
        yield Row.relative(label, found.from_last, expected, bound)
        label = f"the same at the first position (1: an unrelated answer), {gains}"
        yield Row(label, found.from_first, 1.0, found.from_first, float("inf"))


def _permutation_rows(n_hashes: int, n_nonces: int) -> Iterator[Row]:
    """Success rates of many block hashes with and without the permutation, over their binomial spread.

    Without it the answers of one block hash lie in the D dimensions of its head, and the target's part in them varies:
    its square is a sum of D squares, weighted by the last norm's gains, as variable as that of D / 3 plain ones. With
    it every nonce meets the target in directions of its own.
    """
    threshold = r_target_for(SHARE, STUDY.vocab_size)
    counts = np.array([_count_valid(f"block {number}", n_nonces, threshold) for number in range(n_hashes)])
    bound = Z_BOUND / float(np.sqrt(2 * n_hashes))
    binomial = n_nonces * SHARE * (1 - SHARE)
    for column, theory, label in ((0, 1.0, "with"), (1, _compute_spread(n_nonces), "without")):
        spread = float(np.sqrt(np.mean((counts[:, column] - n_nonces * SHARE) ** 2) / binomial))
        quantity = f"spread of success over {n_hashes} hashes {label} the permutation, over binomial"
        yield Row.relative(quantity, spread, theory, bound)


def _count_valid(block_hash: str, n_nonces: int, threshold: float) -> tuple[int, int]:
    from pow.distances import chord_distances
    from pow.inputs import inputs_float32, permutations
    from pow.transformer import build

    logits = build(block_hash, STUDY, "float32").last_logits(inputs_float32(block_hash, "key", range(n_nonces), STUDY))
    orders = permutations(block_hash, "key", range(n_nonces), STUDY.vocab_size)
    places = np.broadcast_to(np.arange(STUDY.vocab_size), orders.shape)
    aim = target(block_hash, STUDY.vocab_size)
    valid = [int((chord_distances(logits.numpy(), aim, order) < threshold).sum()) for order in (orders, places)]
    return valid[0], valid[1]


def _compute_spread(n_nonces: int) -> float:
    """Return the spread of a block hash's count over binomial, where the target's squared part is a gamma variate."""
    shape, z = STUDY.dim / 6, stats.norm.isf(SHARE)
    variance = stats.gamma(shape, scale=1 / shape).expect(
        lambda square: (stats.norm.sf(z / np.sqrt(square)) - SHARE) ** 2
    )
    return float(np.sqrt(1 + (n_nonces - 1) * variance / (SHARE * (1 - SHARE))))
