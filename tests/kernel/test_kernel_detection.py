"""Chances of acceptance against two second implementations: sums over all outcomes, and drawn claims."""

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest

from pow.detection import ClaimLaw, SampleTest, compute_opinions, compute_tails
from pow.majority import Electorate, compute_acceptance
from pow.validation import critical_count, fraud_test

ZERO, HALF, TWO_THIRDS = Fraction(0), Fraction(1, 2), Fraction(2, 3)
LOOSE = SampleTest(4, 0.1, 0.06)  # two contradicted of four are a fraud


def sum_binomial(n: int, p: Fraction, counts: list[int]) -> Fraction:
    return sum((comb(n, k) * p**k * (1 - p) ** (n - k) for k in counts), Fraction(0))


def draw_hypergeometric(n: int, marked: int, sampled: int, k: int) -> Fraction:
    return Fraction(comb(marked, k) * comb(n - marked, sampled - k), comb(n, sampled))


def sum_over_claims(test: SampleTest, claim: ClaimLaw, electorate: Electorate, *, n_fabricated: int) -> Fraction:
    """Every number of contradicted entries, and every combination of votes of validators that weigh the same."""
    n, count = claim.n_entries or 0, critical_count(test.sample, test.p_mismatch, test.threshold)
    assert count is not None
    contradicts, mismatch = 1 - Fraction(claim.pass_chance), Fraction(claim.mismatch)
    accepted = Fraction(0)
    for invented, honest in product(range(n_fabricated + 1), range(n - n_fabricated + 1)):
        chance = sum_binomial(n_fabricated, contradicts, [invented]) * sum_binomial(
            n - n_fabricated, mismatch, [honest]
        )
        if chance:
            marked = invented + honest
            yes = sum(draw_hypergeometric(n, marked, test.sample, k) for k in range(count))
            accepted += chance * sum_over_votes(yes, electorate)
    return accepted


def sum_over_votes(yes: Fraction, electorate: Electorate) -> Fraction:
    """Every combination of votes; validators are whole, so that shares of power are counts."""
    n = electorate.n_validators
    n_colluding, n_silent = int(electorate.colluding * n), int(electorate.silent * n)
    accepted = Fraction(0)
    for votes in product((True, False), repeat=n - n_colluding - n_silent):
        chance = Fraction(1)
        for vote in votes:
            chance *= yes if vote else 1 - yes
        share = Fraction(n_colluding + sum(votes), n)
        if electorate.n_slots:
            n_slots = electorate.n_slots
            enough = [k for k in range(n_slots + 1) if k > electorate.majority * n_slots]
            accepted += chance * sum_binomial(n_slots, share, enough)
        else:
            accepted += chance * (share > electorate.majority)
    return accepted


ELECTORATES = [
    Electorate(1),
    Electorate(4),
    Electorate(5, Fraction(1, 5), Fraction(2, 5)),
    Electorate(6, Fraction(1, 6), Fraction(1, 3), majority=TWO_THIRDS),
    Electorate(4, Fraction(1, 4), Fraction(1, 4), n_slots=7, majority=TWO_THIRDS),
]


@pytest.mark.parametrize("electorate", ELECTORATES)
@pytest.mark.parametrize("fabricated", [ZERO, Fraction(1, 4), Fraction(1)])
def test_a_finite_claim_is_the_sum_over_all_outcomes(electorate: Electorate, fabricated: Fraction) -> None:
    claim = ClaimLaw(fabricated, 0.125, 0.0625, 12)
    accepted, rejected = compute_acceptance(compute_opinions(LOOSE, claim), electorate)
    truth = sum_over_claims(LOOSE, claim, electorate, n_fabricated=int(12 * fabricated))
    assert accepted == pytest.approx(float(truth), rel=1e-12, abs=1e-15)
    assert rejected == pytest.approx(float(1 - truth), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("electorate", ELECTORATES)
def test_a_claim_without_an_end_is_binomial(electorate: Electorate) -> None:
    p = Fraction(1, 4) * Fraction(7, 8) + Fraction(3, 4) * Fraction(1, 16)
    truth = sum_over_votes(sum_binomial(4, p, [0, 1]), electorate)
    accepted, rejected = compute_acceptance(
        compute_opinions(LOOSE, ClaimLaw(Fraction(1, 4), 0.125, 0.0625)), electorate
    )
    assert (accepted, rejected) == (pytest.approx(float(truth), rel=1e-12), pytest.approx(float(1 - truth), rel=1e-12))


def test_overlapping_samples_of_drawn_claims() -> None:
    """20 000 claims of 300, checked by 5 validators: 4 standard deviations, an error level of 6e-5."""
    n_claims, n, size, n_validators = 20_000, 300, 200, 5
    claim = ClaimLaw(Fraction(3, 100), 0.05, 5e-4, n)
    generator = np.random.default_rng(15)
    invented = generator.random((n_claims, n)) < np.where(np.arange(n) < 9, 0.95, 5e-4)
    found = generator.hypergeometric(invented.sum(axis=1), n - invented.sum(axis=1), size, (n_validators, n_claims))
    n_yes = (~fraud_test(size, found).frauds).sum(axis=0)
    accepted, _ = compute_acceptance(compute_opinions(SampleTest(size), claim), Electorate(n_validators))
    share = float((n_yes > n_validators / 2).mean())
    assert abs(share - accepted) < 4 * (accepted * (1 - accepted) / n_claims) ** 0.5
    alone = compute_acceptance(
        compute_opinions(SampleTest(size), ClaimLaw(claim.fabricated, 0.05, 5e-4)), Electorate(5)
    )
    assert abs(share - alone[0]) > 0.05, "a binomial law would not do: samples of two thirds overlap"


def test_tiny_chances_keep_their_digits() -> None:
    """Far below one in 10^100 of an honest claim's loss, and a claim of a million entries beside one without an end."""
    above, below = compute_tails(200, [150, 180], [1e-3, 0.999], [0.999, 1e-3])
    assert above[0] == pytest.approx(float(sum_binomial(200, Fraction(1e-3), list(range(150, 201)))), rel=1e-9)
    assert below[1] == pytest.approx(float(sum_binomial(200, Fraction(1e-3), list(range(21, 201)))), rel=1e-9)
    honest = [compute_opinions(SampleTest(200), ClaimLaw(ZERO, 0.05, 5e-4, n)) for n in (None, 200, 100_000)]
    lost = [float(said.weights @ said.no) for said in honest]
    assert lost == pytest.approx([7.306115882e-8] * 3, rel=1e-9), "an honest sample does not know how long its claim is"


def test_a_small_claim_is_checked_whole_and_two_entries_prove_nothing() -> None:
    for n, passes in ((2, 1.0), (3, 1 - 0.95**3)):
        said = compute_opinions(SampleTest(200), ClaimLaw(Fraction(1), 0.05, 5e-4, n))
        assert float(said.weights @ said.yes) == pytest.approx(passes)


def test_power_is_exact_and_heads_are_rounded() -> None:
    odd = Electorate(3, silent=Fraction(2, 5))
    assert (odd.n_checking, odd.checking) == (2, Fraction(3, 5))
    yes = compute_opinions(LOOSE, ClaimLaw(ZERO, 0.125, 0.0625))
    assert compute_acceptance(yes, odd)[0] == pytest.approx(float(yes.yes[0]) ** 2), "0.3 of 1 is no majority"
    sure = compute_acceptance(yes, Electorate(10, colluding=Fraction(51, 100)))
    assert sure == (1.0, 0.0)
    assert compute_acceptance(yes, Electorate(10, silent=HALF)) == (0.0, 1.0), "half of all power is no majority"


def test_nobody_to_vote_is_refused() -> None:
    for wrong in (
        {"silent": HALF, "colluding": HALF},
        {"silent": Fraction(-1, 2)},
        {"n_validators": 0},
        {"n_slots": -1},
    ):
        with pytest.raises(ValueError, match=r"must sum below 1|nobody votes"):
            Electorate(**wrong)
    with pytest.raises(ValueError, match="without an end"):
        _ = ClaimLaw(HALF, 0.1, 0.1).n_fabricated
