"""The work of the scheme `answers`: its law against exact counts, its kernel against itself, both in one run."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from pow.params import PRESETS
from sim.errors import UserError
from sim.protocol.proofs.claimed import INVENTED, ClaimedNonces
from sim.work import works
from sim.work.answer_kernel import AnswerKernelWork
from sim.work.answer_law import AnswerLaw
from sim.work.base import Produced, Sample, Task, WorkCounts, WorkSettings
from sim.work.samples import SampleLaw
from sim.work.stacks import load_shipped_pairs

HASH, MODEL, TINY = "5eed", "MiniMax-M2.7", PRESETS["tiny"]
H100, H200, APRIL = "H100 2026-05", "H200 2026-05", "H200 2026-04"
GROUPS = (range(1, 2**62, 4), range(3, 2**62, 4))


def make_task(key: str = "key", stack: str = H100, **changes: object) -> Task:
    return Task(HASH, key, "float32", GROUPS, 0.0, scheme="answers", model=MODEL, stack=stack, **changes)


def make_claims(runs: Sequence[tuple[str, int, int]], threshold: float = 0.75, **changes: object) -> ClaimedNonces:
    """One claim a run of (key, nonces, code)."""
    keys, lengths, codes = zip(*runs, strict=True)
    fields = {
        "block_hash": HASH,
        "threshold": 0.0,
        "participants": np.array([f"{key} {MODEL}" for key in keys], dtype=np.object_),
        "counts": np.array(lengths),
        "nonces": np.concatenate([np.arange(n) for n in lengths]),
        "public_keys": keys,
        "run_lengths": np.array(lengths),
        "scheme": "answers",
        "models": (MODEL,) * len(keys),
        "distance_thresholds": np.full(len(keys), threshold),
        "stacks": np.array(codes),
    }
    return ClaimedNonces(**{**fields, **changes})


def make_sample(places: Sequence[int], size: int = 200, stack: str = H200, seed: int = 1) -> Sample:
    n = len(places)
    return Sample(
        np.array(places), np.full(n, size), ["float32"] * n, np.arange, [stack] * n, np.full(n, seed, dtype=np.uint64)
    )


def open_law(*stacks: str) -> AnswerLaw:
    """A law that knows these stacks by the codes 0, 1, ..."""
    law = AnswerLaw(load_shipped_pairs(), TINY.n_layers)
    for stack in stacks:
        law.produce(make_task(stack=stack), range(1))
    return law


@pytest.mark.parametrize(
    ("n", "marked", "sampled"), [(1000, 20, 200), (300, 290, 200), (50, 25, 40), (9, 9, 4), (7, 1, 7)]
)
def test_samples_follow_the_hypergeometric_law(n: int, marked: int, sampled: int) -> None:
    uniforms = (np.arange(4000) + 0.5) / 4000
    found = SampleLaw.of(*(np.array([5, each]) for each in (n, marked, sampled))).draw(np.ones(4000, int), uniforms)
    exact = stats.hypergeom(n, marked, sampled)
    for k in range(sampled + 1):  # each count holds its share of the levels, to one of them at either end
        assert abs(np.mean(found == k) - exact.pmf(k)) <= 2.01 / 4000


def test_large_samples_do_not_underflow() -> None:
    uniforms = np.array([1e-12, 0.5, 1 - 1e-12])
    law = SampleLaw.of(*(np.array([each]) for each in (100_000, 49_000, 20_000)))
    found = law.draw(np.zeros(3, int), uniforms)
    assert found[1] == pytest.approx(9800, abs=2)
    assert np.abs(found - 9800).max() < 7.5 * stats.hypergeom(100_000, 49_000, 20_000).std()
    assert found[0] < found[1] < found[2]


def test_every_nonce_of_a_task_has_its_stack_for_an_answer() -> None:
    law = open_law(H100)
    made = law.produce(make_task(stack=H200), range(5, 8))
    assert (made.n_tried, made.nonces.tolist()) == (6, [21, 25, 29, 23, 27, 31])
    assert made.values.tolist() == [1] * 6
    assert law.produce(make_task(stack=H200, n_layers=TINY.n_layers), range(1)).values.tolist() == [1, 1]
    assert law.produce(make_task(n_layers=1), range(1)).values.tolist() == [INVENTED, INVENTED]
    assert law.counts == WorkCounts(2 + 6 + 2 + 2, 0)


def test_contradictions_follow_pair_threshold_and_stack() -> None:
    law, n = open_law(H100, APRIL), 100_000
    claims = make_claims([("a", n, 0), ("b", n, 1), ("c", n, INVENTED)])
    whole = {stack: law.count_contradictions(claims, make_sample([0, 1, 2], n, stack)) for stack in (H100, H200, APRIL)}
    pairs = load_shipped_pairs()
    for stack, counts in whole.items():
        for prover, count in zip((H100, APRIL), counts.tolist(), strict=False):
            share = pairs.get_law(MODEL, prover, stack).share_above(0.75)
            assert abs(count - n * share) <= 4.5 * (n * share * (1 - share)) ** 0.5
        assert counts[2] == pytest.approx(n * (1 - 0.00282), abs=100)
    assert whole[H100][0] == whole[APRIL][1] == 0
    near, far = (make_claims([("a", n, 0)], threshold) for threshold in (0.2, 0.4))
    few, many = (law.count_contradictions(each, make_sample([0], n))[0] for each in (far, near))
    assert whole[H200][0] < few < many


def test_wrong_answers_sit_at_their_places_of_a_batch() -> None:
    """Of a batch that ends after the defect's five places, most mismatch; whole batches keep the measured share."""
    law = open_law(APRIL)
    counts = [
        sum(law.count_contradictions(make_claims([(f"key {k}", n, 0)]), make_sample([0], n))[0] for k in range(200))
        for n in (5, 16)
    ]
    assert counts[0] / (200 * 5) == pytest.approx(0.71, abs=0.06)
    assert counts[1] / (200 * 16) == pytest.approx(0.235, abs=0.03)


def test_a_number_belongs_to_claim_stack_and_sample_alone() -> None:
    """Neither other claims nor the order of requests matter; another sample, key or stack draws anew."""
    runs = [(f"key {k}", 4000, 1) for k in range(8)]
    alone = [open_law(H100, APRIL).count_contradictions(make_claims([run]), make_sample([0]))[0] for run in runs]
    law, claims = open_law(H100, APRIL), make_claims(runs)
    assert law.count_contradictions(claims, make_sample(range(7, -1, -1))).tolist() == alone[::-1]
    assert len(set(alone)) > 3
    for other in (make_sample(range(8), seed=2), make_sample(range(8), stack="B200 2026-05")):
        assert law.count_contradictions(claims, other).tolist() != alone
    law.forget(HASH)
    assert law.count_contradictions(claims, make_sample(range(8))).tolist() == alone


def test_a_claim_may_have_several_runs_or_none() -> None:
    law = open_law(H100)
    claims = make_claims(
        [("a", 300, 0), ("a", 700, INVENTED)],
        participants=np.array(["none", f"a {MODEL}", "none, too"], dtype=np.object_),
        counts=np.array([0, 1000, 0]),
        models=(MODEL,) * 3,
        distance_thresholds=np.full(3, 0.75),
    )
    assert claims.run_owners.tolist() == [1, 1]
    found = law.count_contradictions(claims, make_sample([0, 1, 2], 1000))
    assert found[0] == found[2] == 0
    assert 690 <= found[1] <= 720


def test_small_claims_are_sampled_whole() -> None:
    law, claims = open_law(H100), make_claims([("a", 30, INVENTED), ("b", 5000, INVENTED), ("c", 7, 0)])
    sample = make_sample([0, 1, 2], 0, H100)
    sample.sizes[:] = (30, 200, 7)
    found = law.count_contradictions(claims, sample).tolist()
    assert 28 <= found[0] <= 30
    assert 194 <= found[1] <= 200
    assert found[2] == 0


def test_stacks_that_were_never_compared_are_told() -> None:
    with pytest.raises(UserError, match=r'unknown stack "H20 2026-05" for MiniMax-M2\.7\. Did you mean "H200 2026-05"'):
        open_law(H100).count_contradictions(make_claims([("a", 9, 0)]), make_sample([0], stack="H20 2026-05"))


@pytest.fixture(scope="module")
def real() -> tuple[AnswerKernelWork, Produced]:
    work = AnswerKernelWork(TINY, n_threads=2)
    return work, work.produce(make_task(), range(20))


def claim_values(made: Produced, values: np.ndarray, threshold: float = 0.4) -> ClaimedNonces:
    return make_claims([("key", len(made.nonces), 0)], threshold, nonces=made.nonces.copy(), values=values)


def test_real_answers_agree_with_themselves(real: tuple[AnswerKernelWork, Produced]) -> None:
    work, made = real
    assert (made.values.dtype, made.values.shape) == (np.float16, (40, 12))
    sample = make_sample([0], 30)
    assert work.count_contradictions(claim_values(made, made.values, 1e-6), sample).tolist() == [0]
    before = work.counts
    wrong = np.where(np.arange(40)[:, None] % 10 == 3, -made.values, made.values)
    assert work.count_contradictions(claim_values(made, wrong), sample).tolist() == [4]
    wrong[5] = np.nan
    assert work.count_contradictions(claim_values(made, wrong), sample).tolist() == [5]
    assert (work.counts - before).computed == 0
    invented = claim_values(made, made.values)
    invented.nonces[:30] = -1 - np.arange(30)
    assert work.count_contradictions(invented, sample).tolist() == [30]


def test_numerics_and_models_of_real_answers_matter(real: tuple[AnswerKernelWork, Produced]) -> None:
    work, made = real
    claims = claim_values(made, made.values, 1e-3)
    other = make_sample([0], 40)
    in_bfloat16 = Sample(other.places, other.sizes, ["bfloat16"], other.select, other.stacks, other.seeds)
    assert work.count_contradictions(claims, in_bfloat16)[0] > 30
    another = make_claims([("key", 40, 0)], 1e-3, nonces=made.nonces, values=made.values, models=("another",))
    assert work.count_contradictions(another, other)[0] > 30


def test_nonces_without_an_answer_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    work = AnswerKernelWork(TINY, n_threads=1)
    task = make_task()
    key = (MODEL, "float32", None)
    kernel = work._open(key)
    real = kernel.answers_of
    spoil = [[np.nan], [1.0], [1.0], [1.0]]
    monkeypatch.setattr(kernel, "answers_of", lambda *given: real(*given) * np.array(spoil, dtype=np.float16))
    made = work.produce(task, range(2))
    assert (made.n_tried, made.nonces.tolist()) == (4, [5, 3, 7])
    claims = make_claims([("key", 4, 0)], nonces=np.array([1, 5, 3, 7]), values=np.zeros((4, 12), np.float16))
    assert work.count_contradictions(claims, make_sample([0], 4)).tolist() == [3]  # one of four has no other answer


@pytest.mark.parametrize("kind", ["sphere", "kernel"])
def test_one_run_may_pass_from_hits_to_answers(kind: str) -> None:
    settings = WorkSettings(TINY, None, "cpu", None, 1)
    with works.build(kind).open(settings) as work:
        hits = Task("other", "key", "float32", GROUPS, 1.3)
        alone = work.produce(hits, range(40))
        assert set(work.describe()) == set(works.build(kind).open(settings).describe())
        work.announce(make_task(), 3)
        made = work.produce(make_task(), range(3))
        assert (made.n_tried, len(made.nonces)) == (6, 6)
        assert np.array_equal(work.produce(hits, range(40)).values, alone.values)
        assert work.counts.computed >= 86
        claims = make_claims([("key", 6, 0)], 1e-6, nonces=made.nonces, values=made.values)
        assert work.count_contradictions(claims, make_sample([0], 6, stack=H100)).tolist() == [0]
        assert "answers" in work.describe()
        work.forget(HASH)
