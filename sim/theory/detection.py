"""Detection: the law of `powsim detect` against published tables and draws, and what pays (protocol 4.4, 4.9).

Of a claim a share is invented, which saves that share of its cost. It is found out with a chance d and then loses the
reward R and a slash S. So honesty is the only best answer where S > share · cost / d - R for every share: the question
of arXiv 2405.00295, for a test that looks at samples. There an answer is checked as a whole, with chance p, by a
checker that colludes with chance r, and d = p · (1 - r).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import inf

import numpy as np

from pow.detection import ClaimLaw, SampleTest, compute_opinions
from pow.majority import Electorate, compute_acceptance
from pow.sphere import hit_probability
from pow.validation import P_MISMATCH, fraud_test
from sim.protocol.proofs.committee import draw_slots
from sim.protocol.proofs.draws import select_positions
from sim.theory.row import Row
from sim.theory.validation import LAUNCH_R_TARGET, NETWORK_DIM, SAMPLE

NEARER_R_TARGET = 1.398077
# Fabricated share -> published chance that one validator accepts, at the launch and at the nearer r_target.
LAUNCH_ACCEPTED = (("0.005", 0.996), ("0.024", 0.502), ("0.04", 0.114), ("0.075", 0.0011))
NEARER_ACCEPTED = (("0.005", 0.995), ("0.02", 0.625), ("0.024", 0.474), ("0.05", 0.028))
LAST_DIGIT, THREE_DIGITS = 6e-4, 2.5e-3
FLIP, FLIP_WIDTH = 0.0245, 0.0005  # published: 2.4 to 2.5 %
PASSED = ((Fraction(49, 100), 2.45e-5), (Fraction(40, 100), 4.78e-10))
N_SLOTS, TWO_THIRDS = 128, Fraction(2, 3)
JOINT_ENTRIES, JOINT_FABRICATED, JOINT_VALIDATORS = 500, Fraction(24, 1000), 5
SMALL_SHARES = (Fraction(2, 1000), Fraction(5, 1000), Fraction(2, 100))
TAKEN_BY_RULES = 0.0
"""No version slashes a rejected claim; it only earns nothing. Reference: protocol 4.7"""


def detection_rows(quick: bool) -> Iterator[Row]:
    """The law against the published tables and against draws; slashes that make honesty the only best answer."""
    for r_target, published in ((LAUNCH_R_TARGET, LAUNCH_ACCEPTED), (NEARER_R_TARGET, NEARER_ACCEPTED)):
        for share, theory in published:
            label = f"detect: accepted by one validator, {float(Fraction(share)):.1%} invented, r_target {r_target:.6g}"
            yield Row.absolute(label, compute_accepted(Fraction(share), r_target), theory, LAST_DIGIT)
    yield Row.absolute("detect: share invented at which 1001 validators flip", find_flip(1001), FLIP, FLIP_WIDTH)
    for coalition, theory in PASSED:
        voters = Electorate(100, colluding=coalition, n_slots=N_SLOTS, majority=TWO_THIRDS)
        ours = compute_accepted(Fraction(1), voters=voters)
        yield Row.relative(
            f"detect: {float(coalition):.0%} collude before {N_SLOTS} slots, relative", ours, theory, THREE_DIGITS
        )
    yield joint_row(2_000 if quick else 10_000)
    yield slots_row(2_000 if quick else 10_000)
    yield from slash_rows()


def compute_accepted(
    share: Fraction, r_target: float = LAUNCH_R_TARGET, voters: Electorate | None = None, n: int | None = None
) -> float:
    """Give the chance of acceptance under the launch rules' test; `n`: entries of the claim."""
    claim = ClaimLaw(share, hit_probability(r_target, NETWORK_DIM), P_MISMATCH, n)
    return compute_acceptance(compute_opinions(SampleTest(SAMPLE), claim), voters or Electorate())[0]


def find_flip(n_validators: int) -> float:
    """Give the share invented at which a majority of so many accepts half of the claims, by bisection."""
    low, high = Fraction(0), Fraction(1, 10)
    for _ in range(30):
        middle = (low + high) / 2
        is_below = compute_accepted(middle, voters=Electorate(n_validators)) > 0.5
        low, high = (middle, high) if is_below else (low, middle)
    return float(low)


def joint_row(n_claims: int) -> Row:
    """Samples of validators overlap: 200 of 500 entries each, drawn by the chain's own draw, and a majority of five."""
    generator, n = np.random.default_rng(20261128), JOINT_ENTRIES
    chances = np.where(
        np.arange(n) < int(JOINT_FABRICATED * n), 1 - hit_probability(LAUNCH_R_TARGET, NETWORK_DIM), P_MISMATCH
    )
    accepted = 0
    for place in range(n_claims):
        is_wrong = generator.random(n) < chances
        found = [is_wrong[select_positions(n, SAMPLE, place * 10 + who)].sum() for who in range(JOINT_VALIDATORS)]
        n_frauds = int(fraud_test(SAMPLE, np.array(found)).frauds.sum())
        accepted += 2 * n_frauds < JOINT_VALIDATORS
    theory = compute_accepted(JOINT_FABRICATED, voters=Electorate(JOINT_VALIDATORS), n=n)
    label = f"detect: majority of {JOINT_VALIDATORS}, samples of {SAMPLE} from {n} entries, {n_claims} claims"
    return Row.binomial(label, accepted, n_claims, theory)


def slots_row(n_claims: int) -> Row:
    """Slots by the chain's own draw: several go to one of 12 validators, of whom each finds a fraud by itself."""
    voters = Electorate(12, colluding=Fraction(1, 4), n_slots=32, majority=Fraction(1, 2))
    said = compute_opinions(
        SampleTest(SAMPLE), ClaimLaw(Fraction(3, 100), hit_probability(LAUNCH_R_TARGET, NETWORK_DIM), P_MISMATCH)
    )
    slots = draw_slots("detection", [f"host-{place}" for place in range(n_claims)], [1] * 12, 32)
    says_yes = np.random.default_rng(20261129).random((n_claims, 12)) < said.yes[0]
    says_yes[:, :3] = True
    n_yes = np.take_along_axis(says_yes, slots, axis=1).sum(axis=1)
    label = f"detect: 32 slots of 12 validators, 3 of whom collude, {n_claims} claims"
    return Row.binomial(label, int((n_yes > 16).sum()), n_claims, compute_acceptance(said, voters)[0])


def compute_needed_slash(saved_cost: float, found_out: float, reward: float) -> float:
    """Give the slash from which on cheating earns less than honesty, in the unit of cost and reward; at least 0."""
    return max(0.0, saved_cost / found_out - reward)


def slash_rows() -> Iterator[Row]:
    """The closed form against a game played out, and what the launch rules' test needs beside what they take."""
    for checked, colluding, cost in ((0.1, 0.2, 0.5), (0.02, 0.4, 0.9)):
        ours = compute_needed_slash(cost, checked * (1 - colluding), 1.0)
        theory = _play_until_honest(checked, colluding, cost)
        label = f"slash that makes honesty pay: {checked:.0%} checked, {colluding:.0%} collude, relative"
        yield Row.relative(label, ours, theory, 1e-9)
    for share in SMALL_SHARES:
        needed = compute_needed_slash(float(share), 1.0 - compute_accepted(share), 1.0)
        label = f"slash that the rules take / needed against {float(share):.1%} invented, in rewards, at cost = reward"
        yield Row(label, TAKEN_BY_RULES, needed, TAKEN_BY_RULES if needed else 1.0, inf)


def _play_until_honest(checked: float, colluding: float, cost: float) -> float:
    """Give the least slash at which the mean over all outcomes of a cheat falls to that of honesty, by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        slash = (low + high) / 2
        outcomes = ((1 - checked, 1.0), (checked * colluding, 1.0), (checked * (1 - colluding), -slash))
        pays = sum(chance * earned for chance, earned in outcomes) > 1.0 - cost
        low, high = (slash, high) if pays else (low, slash)
    return low
