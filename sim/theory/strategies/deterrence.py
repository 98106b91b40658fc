"""What would make honesty the only answer that pays, beside what the rules of each version take (arXiv 2405.00295)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import inf
from typing import TypeVar

from pow.answers import K_DIM
from pow.detection import ClaimLaw, SampleTest, compute_opinions
from pow.deterrence import compute_found_out, compute_needed_check, compute_needed_slash, pays_to_be_honest
from pow.majority import Electorate, compute_acceptance
from pow.params import PRESETS
from pow.sphere import hit_probability
from sim.protocol.blocks.params import ChainParams
from sim.protocol.consensus.signing import SigningParams
from sim.protocol.models.params import find_base
from sim.protocol.money.collateral import SLASH_DOWNTIME, SLASH_INACTIVE, SLASH_INVALID
from sim.protocol.switches import Rules
from sim.protocol.versions import VERSION_NAMES, VERSIONS
from sim.theory.row import Row

T = TypeVar("T")
SHARES = (Fraction(5, 1000), Fraction(1, 100), Fraction(2, 100), Fraction(5, 100), Fraction(20, 100))
"""Invented, of a claim."""
N_VALIDATORS = 101
"""Of equal power, about as many as checked everybody in 2025."""
COLLUDING = Fraction(3, 10)
EXAMPLES = ("v0.2.0", "v0.2.6", "v0.2.16")
REJECTED = "a claim that is voted down"


@dataclass(frozen=True)
class Deterrence:
    """One share invented, under the test and the votes of a version."""

    share: Fraction
    found_out: float
    """Chance that the claim is rejected."""
    needed_slash: float
    """In rewards, where all the work costs as much as the reward; 0: the lost reward is enough."""


def compute_deterrence(rules: Rules, share: Fraction, colluding: Fraction = Fraction(0)) -> Deterrence:
    """Compute what an invented share needs under a version's test, with a part of the power that lets it pass."""
    accepted = compute_acceptance(
        compute_opinions(*_get_test(rules, share)),
        Electorate(N_VALIDATORS, colluding=colluding, majority=Fraction(rules.vote_threshold_bps or 5000, 10_000)),
    )
    return Deterrence(share, accepted[1], compute_needed_slash(float(share), accepted[1], 1.0))


def _get_test(rules: Rules, share: Fraction) -> tuple[SampleTest, ClaimLaw]:
    """Return the fraud test of a version's scheme, and a claim without an end, with mismatches."""
    chain = ChainParams()
    if not rules.proof.claims_by_model:
        passes = hit_probability(rules.proof.threshold, PRESETS["mainnet"].vocab_size)
        test = SampleTest(chain.validation_sample_size, chain.p_mismatch, chain.fraud_threshold)
        return test, ClaimLaw(share, passes, chain.p_mismatch)
    model = next(model for model in rules.models if model.name == find_base(rules.models))
    test = SampleTest(chain.validation_sample_size, model.p_mismatch, model.applied_fraud_p)
    # Honest hosts mismatch less than the test allows: half of it.
    return test, ClaimLaw(share, hit_probability(model.distance_threshold, K_DIM), model.p_mismatch / 2)


def list_deterrences() -> list[tuple[str, list[Deterrence]]]:
    """Return what each version needs against `SHARES`, see `join_versions`."""
    return join_versions(lambda rules: [compute_deterrence(rules, share) for share in SHARES])


def join_versions(tell: Callable[[Rules], T]) -> list[tuple[str, T]]:
    """Return what is told of each version, those of which the same is told as one: "v0.2.0 to v0.2.5"."""
    listed = []
    for told, group in groupby(((tell(VERSIONS[name]), name) for name in VERSION_NAMES), key=lambda each: each[0]):
        names = [name for _, name in group]
        listed.append((names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", told))
    return listed


def list_slashes(rules: Rules) -> dict[str, Fraction]:
    """Return the share of its collateral that a host loses, by offence. Reference: protocol 4.7, 6.3, 6.5"""
    signing = SigningParams()
    return {
        REJECTED: rules.rejection_slash,
        "wrong answers, status INVALID": SLASH_INVALID,
        "missed requests, at the settlement": SLASH_DOWNTIME if rules.slashes_downtime_at_settlement else Fraction(0),
        "missed requests or a failed confirmation, status INACTIVE": SLASH_INACTIVE
        if rules.judges_sequentially
        else Fraction(0),
        "too few blocks signed": signing.slash_missed_blocks,
        "two votes at one height": signing.slash_double_sign,
    }


def deterrence_rows(_quick: bool) -> Iterator[Row]:
    """Yield the condition against a game played out, its two readings, and what versions need beside what they take."""
    for checked, colluding, cost in ((0.1, 0.2, 0.5), (0.02, 0.4, 0.9)):
        ours = compute_needed_slash(cost, compute_found_out(checked, colluding), 1.0)
        label = f"slash that makes honesty pay: {checked:.0%} checked, {colluding:.0%} collude, relative"
        yield Row.relative(label, ours, _play_until_honest(checked, colluding, cost), 1e-9)
        again = compute_needed_check(cost, ours, 1.0, colluding)
        yield Row.relative(
            f"chance of a check that this slash asks for, {colluding:.0%} collude", again, checked, 1e-12
        )
    for version in EXAMPLES:
        for share in SHARES[2:4]:
            for together in (Fraction(0), COLLUDING):
                yield _compare_with_rules(version, share, together)


def _compare_with_rules(version: str, share: Fraction, colluding: Fraction) -> Row:
    """Report the slash that is taken beside the one that is needed; their ratio where anything is needed."""
    needed = compute_deterrence(VERSIONS[version], share, colluding)
    taken = float(list_slashes(VERSIONS[version])[REJECTED])
    is_enough = pays_to_be_honest(float(share), needed.found_out, 1.0, taken)
    label = f"{version}, {float(share):.1%} invented, {float(colluding):.0%} collude: slash taken / needed, in rewards"
    return Row(label, taken, needed.needed_slash, 1.0 if is_enough else taken / needed.needed_slash, inf)


def _play_until_honest(checked: float, colluding: float, cost: float) -> float:
    """Give the least slash at which the mean over all outcomes of a cheat falls to that of honesty, by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        slash = (low + high) / 2
        outcomes = ((1 - checked, 1.0), (checked * colluding, 1.0), (checked * (1 - colluding), -slash))
        pays = sum(chance * earned for chance, earned in outcomes) > 1.0 - cost
        low, high = (slash, high) if pays else (low, slash)
    return low
