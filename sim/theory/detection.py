"""Detection: the law of `powsim detect` against published tables and draws (protocol 4.4, 4.9)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

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


def detection_rows(quick: bool) -> Iterator[Row]:
    """The law against the published tables and against draws."""
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
