"""Strategies are pure: what they claim and how they vote."""

import numpy as np
from scipy import stats

from pow.sphere import distance_cdf, hit_probability
from pow.validation import fraud_test
from sim.protocol.proofs.hits import Hits
from sim.strategies import strategies
from sim.strategies.base import (
    ABSTAINS,
    SAYS_FRAUD,
    SAYS_VALID,
    Claim,
    ProductionView,
    ValidationView,
)
from sim.strategies.honest import Honest
from sim.strategies.overclaim import FABRICATED_FROM, Overclaim

R_TARGET, DIM = 1.4013564660458173, 8192


def view(distances: list[float], n_valid_before: int = 0, n_claimed_before: int = 0) -> ProductionView:
    nonces = np.arange(1, len(distances) + 1)
    return ProductionView(nonces, np.array(distances), Hits(R_TARGET), R_TARGET, DIM, n_valid_before, n_claimed_before)


def checks(n_invalid: list[int], is_self: list[bool] | None = None) -> ValidationView:
    """Samples of 100 nonces."""
    n_checked, found = np.full(len(n_invalid), 100), np.array(n_invalid)
    test = fraud_test(n_checked, found)
    names = np.array([f"host-{place}" for place in range(len(n_invalid))], dtype=object)
    mine = np.array(is_self or [False] * len(n_invalid))
    return ValidationView(names, mine, n_checked, found, test.p_values, test.frauds)


def test_contract(strategy_spec: object) -> None:
    """Pure: same view and same draws, same action; a claim that a proof batch can hold; a vote or none."""
    strategy = strategies.build(strategy_spec)
    claims = [strategy.claim(view([1.39, 1.40]), np.random.default_rng(1)) for _ in range(2)]
    assert claims[0] == claims[1]
    assert isinstance(claims[0], Claim)
    assert len(claims[0].nonces) == len(claims[0].values)
    assert all(0 <= distance < R_TARGET for distance in claims[0].values)
    assert strategy.claim(view([]), np.random.default_rng(1)) == Claim((), ())


def test_contract_of_votes(strategy_spec: object) -> None:
    """A known vote on each participant, which does not depend on who else was checked in the same 5 s."""
    strategy, generator = strategies.build(strategy_spec), np.random.default_rng(3)
    n_invalid, is_self = generator.integers(0, 8, 200).tolist(), (generator.random(200) < 0.1).tolist()
    votes = strategy.vote(checks(n_invalid, is_self))
    assert set(votes.tolist()) <= {SAYS_VALID, SAYS_FRAUD, ABSTAINS}
    alone = [strategy.vote(checks([found], [mine])).tolist() for found, mine in zip(n_invalid, is_self, strict=True)]
    assert [[vote] for vote in votes.tolist()] == alone


def test_honest_claims_what_it_found_and_votes_by_the_test() -> None:
    assert Honest().claim(view([1.39, 1.40]), np.random.default_rng(1)) == Claim((1, 2), (1.39, 1.40))
    assert Honest().vote(checks([0, 50, 50], [False, False, True])).tolist() == [SAYS_VALID, SAYS_FRAUD, SAYS_FRAUD]


def test_overclaim_keeps_its_excess_over_many_batches() -> None:
    generator, n_valid, n_claimed = np.random.default_rng(1), 0, 0
    for _ in range(100):
        claim = Overclaim(excess=0.3).claim(view([1.39], n_valid, n_claimed), generator)
        n_valid, n_claimed = n_valid + 1, n_claimed + len(claim.nonces)
    assert (n_valid, n_claimed) == (100, 130)


def test_fabricated_distances_follow_the_law_of_valid_ones() -> None:
    """KS test of 3 000 fabricated distances against the conditional law, error level 1e-4."""
    claim = Overclaim(excess=3000.0).claim(view([1.39]), np.random.default_rng(2))
    assert min(claim.nonces[1:]) >= FABRICATED_FROM
    h = hit_probability(R_TARGET, DIM)
    test = stats.ks_1samp(np.array(claim.values[1:]), lambda r: distance_cdf(r, DIM) / h)
    assert test.pvalue > 1e-4


def test_overclaim_votes_for_itself() -> None:
    view = checks([50, 50, 0], [True, False, False])
    assert Overclaim(excess=0.3).vote(view).tolist() == [SAYS_VALID, SAYS_FRAUD, SAYS_VALID]
