"""What happens to hosts between two proofs: statuses, missed requests, confirmations, small batches (protocol 5.1, 6).

Numbers of the network's own tests, of its parameters, and of sums by hand; the rules are asked as the chain asks them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from sim.protocol.blocks.params import EpochParams
from sim.protocol.blocks.running import get_trigger_heights
from sim.protocol.blocks.stages import Schedule
from sim.protocol.proofs.confirmation import compute_event
from sim.protocol.proofs.weights import CountedBatch, weigh_batches
from sim.protocol.service.inferences import take_news
from sim.protocol.service.misses import passes_miss_test
from sim.protocol.service.sequential import ANSWERS, SequentialTest, judge_sequentially
from sim.protocol.service.status import FAILED, InferenceRecord, News
from sim.protocol.versions import VERSIONS
from sim.theory.row import Row

SEQUENTIAL = VERSIONS["v0.2.5"]
FIRST_HITS = ((1, 5), (2, 14), (4, 32), (5, 45), (8, 104), (12, 492))
"""Every k-th answer is wrong -> the answer that makes the host INVALID."""
CREDITS = ((10, 7), (20, 8), (50, 10), (100, 14), (200, 22))
"""Right answers before -> wrong ones that it takes."""
LONGEST = 1000
TEST_NET = SequentialTest(Decimal("0.1"), Decimal("0.2"), Decimal(4))
LOGARITHMS = (
    ("95 right and 5 wrong answers", News(valid=95, invalid=5), -1.67065011785),
    ("7 right and 7 wrong answers", News(valid=7, invalid=7), 4.47355971503),
    ("50 requests served and 60 missed, test net", News(served=50, missed=60), 35.6996790508),
)
MOST_MISSES = (
    *[("v0.2.5", 0.1, n, most) for n, most in ((10, 4), (20, 5), (100, 16), (500, 62), (990, 116), (1000, 100))],
    *[("v0.2.6", 0.1, n, most) for n, most in ((1, 1), (5, 1), (10, 2), (15, 2), (100, 14), (500, 61))],
    *[("v0.2.6", p0, 100, most) for p0, most in ((0.05, 8), (0.2, 26), (0.3, 37), (0.4, 48), (0.5, 58))],
)
"""Version, p0, requests -> most misses that pass."""
BATCH_MEANS = (0.5, 1.0, 2.0, 6.0, 20.0)
MOST_NONCES = 200
ROUNDING = 1e-12
CUTOFFS = ((80, 14_817), (20, 14_877))
"""Cutoff of main net's epochs -> blocks that may trigger a confirmation."""


def service_rows(_quick: bool) -> Iterator[Row]:
    """Yield the comparisons; all are exact and quick."""
    yield from _status_rows()
    for version, p0, n_total, most in MOST_MISSES:
        approximates = VERSIONS[version].approximates_misses
        passing = [
            m for m in range(n_total + 1) if passes_miss_test(m, n_total, miss_rate=p0, approximates=approximates)
        ]
        yield Row.absolute(f"most misses that pass of {n_total}, p0 = {p0:g}, {version}", max(passing), most, 0.0)
    for mean in BATCH_MEANS:
        label, theory = (
            f"weight lost by truncation, {mean:g} nonces a batch",
            0.1 * (1.0 - math.exp(-2.0 * mean)) / mean,
        )
        yield Row.absolute(label, _compute_loss(mean), theory, ROUNDING)
    yield from _confirmation_rows()


def _status_rows() -> Iterator[Row]:
    for every, published in FIRST_HITS:
        label = f"answer that makes a host INVALID, one in {every} wrong"
        yield Row.absolute(label, _find_first_hit(every), published, 0.0)
    for n_valid, published in CREDITS:
        credit = judge_sequentially(InferenceRecord(), News(valid=n_valid), Fraction(0))
        wrong = (n for n in range(LONGEST) if _fails(credit, News(invalid=n)))
        yield Row.absolute(f"wrong answers after {n_valid} right ones", next(wrong, 0), published, 0.0)
    for name, news, logarithm in LOGARITHMS:
        judged = judge_sequentially(InferenceRecord(), news, Fraction(0), ANSWERS, TEST_NET)
        ours = judged.requests_llr if news.served else judged.answers_llr
        yield Row.absolute(f"logarithm of likelihoods, {name}", float(ours), logarithm, 0.0)


def _find_first_hit(every: int) -> int:
    """Return the place of the answer after which a host is INVALID; 0 for none."""
    record = InferenceRecord()
    for place in range(1, LONGEST):
        record = take_news(record, News(invalid=1) if place % every == 0 else News(valid=1), SEQUENTIAL)
        if record.status in FAILED:
            return place
    return 0


def _fails(record: InferenceRecord, news: News) -> bool:
    return judge_sequentially(record, news, Fraction(0)).status in FAILED


def _count_tolerated(version: str, p0: float, n_total: int) -> int:
    """Return the most misses that pass."""
    approximates = VERSIONS[version].approximates_misses
    return max(m for m in range(n_total + 1) if passes_miss_test(m, n_total, miss_rate=p0, approximates=approximates))


def _compute_loss(mean: float) -> float:
    """Return the share of v0.2.6's weight that batches lose which hold a Poisson count."""
    scale = VERSIONS["v0.2.6"].weight_scale
    chances = [math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(MOST_NONCES)]
    kept = sum(p * weigh_batches([CountedBatch(1, n)], scale)[1] for n, p in enumerate(chances))
    return 1.0 - kept / (float(scale) * mean)


def _confirmation_rows() -> Iterator[Row]:
    for cutoff, published in CUTOFFS:
        lengths = EpochParams(15_391, 0, 60, 5, 5, 120, 120, cutoff)
        ours = len(get_trigger_heights(Schedule(2, 0, lengths), SEQUENTIAL))
        yield Row.absolute(f"blocks that may trigger a confirmation, cutoff {cutoff}", ours, published, 0.0)
    event = compute_event(0, cutoff=80, generation=60, exchange=5, delay=5, validation=120)
    after = {"last batch": (event.last_batch, 64), "first vote": (event.first_vote, 70)}
    after |= {"last vote": (event.last_vote, 188), "read-out": (event.read_out, 189)}
    for name, (height, published) in after.items():
        yield Row.absolute(f"{name} of a confirmation, blocks after G", height - event.generation_start, published, 0.0)
