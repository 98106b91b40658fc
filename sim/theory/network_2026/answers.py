"""Answers of 2026: golden seeded parts, worked draws, the law of answers, and what two machines agree on.

`golden_answers.json` was made by running the network's published functions on a processor. `answer_pairs.csv` counts
the mismatches of 224 pairs at the models' thresholds, among 41 200 published answers (kaitakuai/experiments,
Apache-2.0); our table of pairs does not hold that count. Reference: network 2.4, 2.5.7, 2.19, 3.1
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from pow.answers import K_DIM, encode, inputs, mirror, normals, places, reduce, reflection, seed, words
from pow.sphere import distance_cdf
from pow.validation import critical_count
from sim.protocol.proofs.claimed import ClaimedNonces
from sim.theory.row import ERROR_LEVEL, Z_BOUND, Row
from sim.work.answer_law import AnswerLaw
from sim.work.base import Sample, Task
from sim.work.pair_laws import share_of_invented_above
from sim.work.stacks import load_shipped_pairs

DATA = files("sim.theory") / "data" / "network_2026"
FLOAT32 = 2e-6  # between two paths in float32, as the golden file allows
P_MISMATCH, SAMPLE = 0.1, 200
NEARER = ((0.2, 2.3e-9), (0.4, 4.2e-6), (0.41, 5.5e-6), (0.44, 1.2e-5), (0.75, 0.00282))
"""Distance, published share of unrelated answers that lie nearer."""
TWO_DIGITS = 0.05
EVEN_ODDS = {
    0.05: ((0.0, 0.139), (0.02, 0.121), (0.05, 0.093), (0.09, 0.053)),
    0.01: ((0.0, 0.153), (0.02, 0.136), (0.05, 0.109), (0.09, 0.069)),
}
"""Cut -> honest mismatch rate, fabricated share that one of two validators convicts, as published."""
LAST_DIGIT = 6e-4
N_DRAWN = 100_000


def answer_rows(quick: bool) -> Iterator[Row]:
    """Yield golden parts, worked draws, critical counts, room for invented answers, laws, and mismatches of pairs."""
    yield from _golden_rows()
    yield from _worked_rows()
    yield from _critical_rows()
    yield from _room_rows()
    yield from _law_rows(1500 if quick else 4000)
    yield from _kernel_rows(300 if quick else 3000)
    yield from _pair_rows()


def _golden_rows() -> Iterator[Row]:
    """Hold every seeded part to the network's own functions."""
    text = (DATA / "golden_answers.json").read_text(encoding="utf-8")
    for number, case in enumerate(json.loads(text)["cases"], start=1):
        block_hash, key, label = case["block_hash"], case["public_key"], f"network of 2026: golden answers {number}"
        n_wrong = sum(seed(of) != known for of, known in case["seeds"].items())
        yield Row(f"{label}, wrong ones of {len(case['seeds'])} seeds", n_wrong, 0.0, n_wrong, 0.0)
        first = case["seeds"][f"{block_hash}_{key}_nonce0"]
        known = case["murmur3_32_of_0_to_9"]
        n_wrong = int((words(first, len(known)) != known).sum())
        yield Row(f"{label}, wrong ones of {len(known)} words", n_wrong, 0.0, n_wrong, 0.0)
        yield _differ(f"{label}, largest error of a normal number", normals(first, 8), case["normals_8"])
        for name, strong, dim in (("", False, 16), ("strong_", True, 18)):
            known = case[f"inputs_{name}L4_H{dim}_float16"]
            found = inputs(block_hash, key, list(map(int, known)), 4, dim, strong=strong).reshape(len(known), -1)
            n_wrong = int((found != np.array(list(known.values()))).sum())
            kind = "inputs by the strong generator" if strong else "inputs"
            yield Row(f"{label}, wrong ones of {found.size} {kind}", n_wrong, 0.0, n_wrong, 0.0)
        layers = case["householder_H16"]
        drawn = np.stack([reflection(block_hash, int(layer), 16) for layer in layers])
        yield _differ(f"{label}, largest error of a mirror", drawn, list(layers.values()))
        yield from _reduction_rows(label, case)


def _reduction_rows(label: str, case: dict[str, Any]) -> Iterator[Row]:
    block_hash, key = case["block_hash"], case["public_key"]
    nonces = [int(nonce) for nonce in case["hidden_H256"]]
    hidden = np.array(list(case["hidden_H256"].values()), dtype=np.float32)
    mirrored = mirror(hidden, reflection(block_hash, 0, hidden.shape[1]))[:, :8]
    known = list(case["hidden_after_layer_0_reflection_first_8"].values())
    yield _differ(f"{label}, largest error of a mirrored state", mirrored, known)
    picked = [places(block_hash, key, nonce, hidden.shape[1]).tolist() for nonce in nonces]
    yield Row.exact(f"{label}, places", picked, list(case["picked_places"].values()))
    texts = encode(reduce(hidden, block_hash, key, nonces))
    yield Row.exact(f"{label}, base64 of {len(texts)} answers", texts, list(case["answer_base64"].values()))


def _differ(quantity: str, ours: NDArray[np.float32], known: object) -> Row:
    largest = float(np.abs(ours - np.array(known)).max())
    return Row(quantity, largest, 0.0, largest, FLOAT32)


def _worked_rows() -> Iterator[Row]:
    """Hold draws to worked numbers (network 2.19)."""
    label = "network of 2026: "
    for key, word in enumerate((4279838538, 2277397642, 1536518961, 4104946907)):
        yield Row.exact(f"{label}word {key} of seed 0", int(words(0, 4)[key]), word)
    for text, known, numbers in (
        ("abc", 3128432319, (1.35066952, 0.70746977, -0.06626331, 1.03824194)),
        ("00ff_layer_0_householder", 1200375476, (0.74411625, -1.33759637, 0.93092352, 0.52172121)),
    ):
        yield Row.exact(f'{label}seed of "{text}"', seed(text), known)
        yield _differ(f'{label}largest error of 4 normal numbers of "{text}"', normals(known, 4), numbers)
    yield Row.exact(f"{label}seed of the places of nonce 7", seed("00ff_02aa_nonce_7_pick_12"), 580703618)
    known_places = [110, 471, 1781, 1879, 2012, 2534, 2965, 3050, 3155, 3607, 3788, 3976]
    yield Row.exact(f"{label}places of nonce 7 among 4096", places("00ff", "02aa", 7, 4096).tolist(), known_places)


def _critical_rows() -> Iterator[Row]:
    """Hold fewest mismatches that convict to exact sums, for samples of 100, 200, ... 1600."""
    sizes = range(100, 1601, 100)
    for cut in (Fraction(1, 20), Fraction(1, 100)):
        n_wrong = sum(critical_count(n, P_MISMATCH, float(cut)) != _find_critical(n, cut) for n in sizes)
        label = f"network of 2026: critical counts at cut {float(cut)}, n from 100 to 1600, wrong ones of {len(sizes)}"
        yield Row(label, n_wrong, 0.0, n_wrong, 0.0)


def _find_critical(n: int, cut: Fraction) -> int:
    """Return the least k with P(Bin(n, 1/10) >= k) < cut, in integers."""
    bound, k, term, tail = 10**n * cut.numerator // cut.denominator, n, 1, 1  # in units of 10^-n
    while tail < bound:
        term = term * 9 * k // (n - k + 1)  # exact: the number of cases with one match more
        k, tail = k - 1, tail + term
    return k + 1


def _room_rows() -> Iterator[Row]:
    """Hold the share of invented answers at which one validator convicts every second time to the published ones."""
    for cut, cases in EVEN_ODDS.items():
        count = critical_count(SAMPLE, P_MISMATCH, cut)
        assert count is not None
        rate = optimize.brentq(lambda p, k=count: stats.binom.sf(k - 1, SAMPLE, p) - 0.5, 0.0, 1.0)
        invented = share_of_invented_above(0.75)
        for honest, published in cases:
            share = (rate - honest) / (invented - honest)
            label = f"network of 2026: invented share at even odds, cut {cut}, {honest:.0%} honest mismatches"
            yield Row.absolute(label, share, published, LAST_DIGIT)


def _law_rows(n_answers: int) -> Iterator[Row]:
    """Hold reductions of unrelated states to the law of 41 200 real answers: uniform on the sphere."""
    from pow.answer_kernel import reduce as reduce_batch  # loads torch

    label, generator = "network of 2026: ", np.random.default_rng(20261128)
    hidden = generator.standard_normal((n_answers, 64))
    found = reduce_batch(hidden, "theory", [("key", nonce) for nonce in range(n_answers)]).astype(np.float64)
    norms = np.linalg.norm(found, axis=1)
    largest = float(np.abs(norms - 1.0).max())
    yield Row.absolute(f"{label}largest |norm - 1| of {n_answers} answers, real ones .0003", largest, 0.0003, 0.00015)
    # Distances of any two pairs are independent, so that their counts scatter as those of independent pairs.
    cosines = (found @ found.T)[np.triu_indices(n_answers, 1)]
    n_pairs, sd = len(cosines), 1.0 / math.sqrt(K_DIM)
    mean = float(cosines.mean())
    yield Row(
        f"{label}mean cosine of two answers, real ones .0002-.0006", mean, 0.0, mean / sd * math.sqrt(n_pairs), Z_BOUND
    )
    # The variance of a squared cosine is 2 (k - 1) / (k^2 (k + 2)).
    spread = math.sqrt(2 * (K_DIM - 1) / (K_DIM**2 * (K_DIM + 2)) / n_pairs)
    square = float((cosines**2).mean())
    score = (square - 1.0 / K_DIM) / spread
    yield Row(f"{label}sd of the cosine of two answers, real ones .2886-.2889", math.sqrt(square), sd, score, Z_BOUND)
    for distance, published in NEARER:
        exact = float(distance_cdf(distance, K_DIM))
        quantity = f"{label}unrelated answers nearer than {distance}"
        yield Row.relative(f"{quantity}, relative", exact, published, TWO_DIGITS)
        if n_pairs * exact > 10:
            n_near = int(np.count_nonzero(2.0 - 2.0 * cosines < distance**2))
            yield Row.binomial(f"{quantity}, {n_answers} answers", n_near, n_pairs, exact)


def _kernel_rows(n_nonces: int) -> Iterator[Row]:
    """Hold the answers of our transformer to the same law: each nonce's is unrelated to the next one's."""
    from pow.answer_kernel import AnswerKernel  # loads torch
    from pow.params import PRESETS

    found = AnswerKernel(PRESETS["tiny"], "float32").answers("theory", "key", range(n_nonces)).astype(np.float64)
    distances = np.linalg.norm(found[1:] - found[:-1], axis=1)
    test = stats.ks_1samp(distances, lambda r: distance_cdf(r, K_DIM))
    critical = float(stats.kstwo.isf(ERROR_LEVEL, len(distances)))
    label = f"network of 2026: largest gap of {len(distances)} distances of our own answers (KS)"
    yield Row(label, float(test.statistic), 0.0, float(test.statistic), critical)


@dataclass(frozen=True)
class MeasuredPair:
    """Two stacks' answers to the same nonces, and how many of them mismatch at the model's threshold."""

    model: str
    a: str
    b: str
    n: int
    threshold: float
    n_mismatches: int


def load_measured_pairs() -> list[MeasuredPair]:
    """Return the 224 published pairs."""
    text = (DATA / "answer_pairs.csv").read_text(encoding="utf-8")
    return [
        MeasuredPair(row["model"], row["a"], row["b"], int(row["n"]), float(row["threshold"]), int(row["n_mismatches"]))
        for row in csv.DictReader(text.splitlines())
    ]


def _pair_rows() -> Iterator[Row]:
    """Hold mismatches that our law draws to the measured ones, pair by pair."""
    with AnswerLaw(load_shipped_pairs()) as law:
        for pair in load_measured_pairs():
            label = f"network of 2026: mismatches of {pair.a} to {pair.b}, {pair.model}"
            yield _compare(label, _draw_mismatches(law, pair), pair)


def _draw_mismatches(law: AnswerLaw, pair: MeasuredPair) -> int:
    """Return how many of `N_DRAWN` nonces of the first stack the second one contradicts."""
    task = Task("theory", "key", "", (range(1),), 0.0, scheme="answers", model=pair.model, stack=pair.a)
    claims = ClaimedNonces(
        block_hash="theory",
        threshold=0.0,
        participants=np.array([f"{pair.a} to {pair.b}"], dtype=np.object_),
        counts=np.array([N_DRAWN]),
        nonces=np.empty(0, dtype=np.int64),
        public_keys=(pair.a,),
        run_lengths=np.array([N_DRAWN]),
        scheme="answers",
        models=(pair.model,),
        distance_thresholds=np.array([pair.threshold]),
        stacks=law.produce(task, range(1)).values,
    )
    whole = Sample(np.zeros(1, np.int64), claims.counts, [""], np.arange, [pair.b], np.zeros(1, np.uint64))
    return int(law.count_contradictions(claims, whole)[0])


def _compare(label: str, n_drawn: int, pair: MeasuredPair) -> Row:
    """Return the row of two shares, scored by the sampling errors of both."""
    drawn, measured = n_drawn / N_DRAWN, pair.n_mismatches / pair.n
    share = (n_drawn + pair.n_mismatches) / (N_DRAWN + pair.n)
    error = math.sqrt(share * (1.0 - share) * (1.0 / N_DRAWN + 1.0 / pair.n))
    return Row(label, drawn, measured, (drawn - measured) / error if error else 0.0, Z_BOUND)
