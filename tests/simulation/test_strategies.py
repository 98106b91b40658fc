"""Strategies are pure: what they claim and how they vote."""

import numpy as np
from scipy import stats

from pow.sphere import distance_cdf, hit_probability
from pow.validation import FraudTest, fraud_test, fraud_tests
from sim.protocol.proofs.hits import Hits
from sim.strategies import strategies
from sim.strategies.base import (
    ABSTAINS,
    SAYS_FRAUD,
    SAYS_VALID,
    Claim,
    ProductionView,
    ValidationsView,
    ValidationView,
    Vote,
    vote_on_all,
)
from sim.strategies.honest import Honest
from sim.strategies.overclaim import FABRICATED_FROM, Overclaim

R_TARGET, DIM = 1.4013564660458173, 8192


def view(distances: list[float], n_valid_before: int = 0, n_claimed_before: int = 0) -> ProductionView:
    nonces = np.arange(1, len(distances) + 1)
    return ProductionView(nonces, np.array(distances), Hits(R_TARGET), R_TARGET, DIM, n_valid_before, n_claimed_before)


def test_contract(strategy_spec: object) -> None:
    """Pure: same view and same draws, same action; a claim that a proof batch can hold; a vote or none."""
    strategy = strategies.build(strategy_spec)
    claims = [strategy.claim(view([1.39, 1.40]), np.random.default_rng(1)) for _ in range(2)]
    assert claims[0] == claims[1]
    assert isinstance(claims[0], Claim)
    assert len(claims[0].nonces) == len(claims[0].values)
    assert all(0 <= distance < R_TARGET for distance in claims[0].values)
    assert strategy.claim(view([]), np.random.default_rng(1)) == Claim((), ())
    for n_invalid in (0, 50):
        vote = strategy.vote(ValidationView("x", False, fraud_test(100, n_invalid)))
        assert vote is None or isinstance(vote, Vote)


def test_contract_of_voting_on_all_at_once(strategy_spec: object) -> None:
    """Where a strategy has an array form, it votes as it does one by one; where it has none, it is asked one by one."""
    strategy = strategies.build(strategy_spec)
    generator = np.random.default_rng(3)
    n_checked, n_invalid = np.full(200, 100), generator.integers(0, 8, 200)
    p_values, frauds = fraud_tests(n_checked, n_invalid)
    is_self = generator.random(200) < 0.1
    names = tuple(f"host-{i}" for i in range(200))
    many = ValidationsView(names, is_self, n_checked, n_invalid, p_values, frauds)
    votes = [strategy.vote(many.get_one(place)) for place in range(200)]
    expected = [ABSTAINS if vote is None else SAYS_FRAUD if vote.is_fraud else SAYS_VALID for vote in votes]
    assert vote_on_all(strategy, many).tolist() == expected


def test_a_strategy_without_an_array_form_is_asked_one_by_one() -> None:
    class Picky:
        def claim(self, view: ProductionView, generator: np.random.Generator) -> Claim:
            return Claim((), ())

        def vote(self, view: ValidationView) -> Vote | None:
            return None if view.test.n_invalid == 0 else Vote(view.is_self)

    n_invalid = np.array([0, 1, 1])
    many = ValidationsView(
        ("a", "b", "c"), np.array([True, True, False]), np.full(3, 9), n_invalid, np.ones(3), np.zeros(3, dtype=bool)
    )
    assert vote_on_all(Picky(), many).tolist() == [ABSTAINS, SAYS_FRAUD, SAYS_VALID]


def test_honest_claims_what_it_found_and_votes_by_the_test() -> None:
    assert Honest().claim(view([1.39, 1.40]), np.random.default_rng(1)) == Claim((1, 2), (1.39, 1.40))
    for n_invalid, is_fraud in ((0, False), (50, True)):
        assert Honest().vote(ValidationView("x", False, fraud_test(100, n_invalid))) == Vote(is_fraud)


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
    caught = FraudTest(100, 50, 0.0, True)
    vote = Overclaim(excess=0.3).vote(ValidationView("me", True, caught))
    assert vote is not None
    assert not vote.is_fraud
    assert Honest().vote(ValidationView("me", True, caught)).is_fraud  # type: ignore[union-attr]
