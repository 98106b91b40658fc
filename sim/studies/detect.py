"""The exact design of sampled validation: points from options, and the chances at each of them.

A point is one combination of the options' values. What an option leaves out is as the version has it: its proof scheme,
its fraud test, its majority, and the largest distance at which an entry passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from pow.answers import K_DIM
from pow.detection import ClaimLaw, SampleTest, compute_opinions
from pow.majority import Electorate, compute_acceptance
from pow.params import PRESETS
from pow.sphere import hit_probability
from sim.errors import UserError, did_you_mean
from sim.protocol.blocks.params import ChainParams
from sim.protocol.proofs import schemes
from sim.protocol.switches import Rules
from sim.protocol.versions import VERSION_NAMES, VERSIONS

DIMENSIONS = {"hits": PRESETS["mainnet"].vocab_size, "answers": K_DIM}
"""Of the sphere on which distances are measured, by proof scheme."""
DEFAULT_VERSIONS = {"hits": VERSION_NAMES[0], "answers": VERSION_NAMES[-1]}
FABRICATED = "0.005,0.01,0.015,0.02,0.024,0.03,0.04,0.05,0.075,0.1"
COMMITTEE_MAJORITY, WHOLE_BPS = Fraction(2, 3), 10_000
MOST_POINTS, LARGEST_CLAIM = 10_000, 1_000_000
KEYS = (
    *("scheme", "sample", "fabricated", "mismatch", "p", "threshold"),
    *("validators", "silent", "colluding", "slots"),
)
"""Keys of a printed row before its two chances."""
MORE_KEYS = ("version", "majority", "claim", "distance")


class Bounds(NamedTuple):
    """What an option's values may be."""

    low: Fraction
    high: Fraction
    is_whole: bool = False
    excludes_low: bool = False
    excludes_high: bool = False

    def describe(self) -> str:
        """Say it after "must be"."""
        kind = "a whole number" if self.is_whole else "a number"
        low = f"{'above' if self.excludes_low else 'at least'} {float(self.low):.9g}"
        return f"{kind}, {low} and {'below' if self.excludes_high else 'at most'} {float(self.high):.9g}"

    def admits(self, value: Fraction) -> bool:
        """Tell whether a value is within."""
        above = value > self.low if self.excludes_low else value >= self.low
        below = value < self.high if self.excludes_high else value <= self.high
        return above and below and (not self.is_whole or value.denominator == 1)


ZERO, ONE = Fraction(0), Fraction(1)
SHARE, POWER = Bounds(ZERO, ONE), Bounds(ZERO, ONE, excludes_high=True)
CHANCE = Bounds(ZERO, ONE, excludes_low=True, excludes_high=True)
BOUNDS = {
    "sample": Bounds(ONE, Fraction(LARGEST_CLAIM), is_whole=True),
    "fabricated": SHARE,
    "mismatch": SHARE,
    "p-mismatch": CHANCE,
    "threshold": CHANCE,
    "validators": Bounds(ZERO, Fraction(10_000), is_whole=True),
    "silent": POWER,
    "colluding": POWER,
    "slots": Bounds(ZERO, Fraction(10_000), is_whole=True),
    "majority": Bounds(Fraction(1, 2), ONE, excludes_high=True),
    "r-target": Bounds(ZERO, Fraction(2), excludes_low=True),
    "claim": Bounds(ZERO, Fraction(LARGEST_CLAIM), is_whole=True),
}
"""By option, without its two hyphens."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """One point: what was claimed, who checks how much of it, and who votes."""

    version: str
    scheme: str
    sample: int
    fabricated: Fraction
    mismatch: float
    p: float
    """Mismatch probability that the fraud test assumes."""
    threshold: float
    """p-value below which a validator calls a fraud."""
    validators: int
    silent: Fraction
    colluding: Fraction
    slots: int
    majority: Fraction
    distance: float
    """Largest distance at which a recomputed entry passes: that of the scheme, or of the version's base model."""
    claim: int
    """Entries of the claim; 0: without an end."""

    @property
    def pass_chance(self) -> float:
        """Chance that an invented entry passes."""
        return hit_probability(self.distance, DIMENSIONS[self.scheme])

    @property
    def electorate(self) -> Electorate:
        """Who votes. Raises UserError where no validator that checks is left."""
        silent, colluding, together = (
            float(each) for each in (self.silent, self.colluding, self.silent + self.colluding)
        )
        if together >= 1:
            found = f"--silent {silent:g} and --colluding {colluding:g}: together {together:g}"
            raise UserError(f"{found}; they must sum to less than 1, for somebody must check")
        if not (self.validators or self.slots):
            raise UserError("--validators 0: must be at least 1 without --slots")
        return Electorate(self.validators, self.silent, self.colluding, self.slots, self.majority)

    def compute(self) -> Chances:
        """Return both chances of this point."""
        return Chances(_decide(self)[0], _decide(replace(self, fabricated=ZERO))[1])


@lru_cache(maxsize=4 * MOST_POINTS)
def _decide(design: Design) -> tuple[float, float]:
    """Return the chances that a claim is accepted and that it is not; that of an honest one is asked for often."""
    test = SampleTest(design.sample, design.p, design.threshold)
    claim = ClaimLaw(design.fabricated, design.pass_chance, design.mismatch, design.claim or None)
    return compute_acceptance(compute_opinions(test, claim), design.electorate)


class Chances(NamedTuple):
    """What becomes of claims at one point."""

    accepted: float
    """Chance that the claim with invented entries is accepted."""
    rejected_honest: float
    """Chance that a claim with nothing invented is not."""


def parse_values(option: str, text: str) -> list[Fraction]:
    """Return the numbers of "200", "5 %,10 %" or "1/2, 2/3"; raises UserError with the bound of the first wrong one."""
    return [_parse_value(option, part.strip()) for part in text.split(",")]


def _parse_value(option: str, text: str) -> Fraction:
    bounds = BOUNDS[option]
    try:
        value = Fraction(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError):
        raise UserError(f'--{option} "{text}": must be {bounds.describe()}') from None
    if not bounds.admits(value):
        raise UserError(f"--{option} {text}: must be {bounds.describe()}")
    return value


def list_designs(given: Mapping[str, str]) -> list[Design]:
    """Return every combination of the options' values, the last option changing fastest. Raises UserError."""
    columns = {name: parse_values(name, text) for name, text in given.items() if name not in ("version", "scheme")}
    bases = [_get_defaults(version) for version in _list_versions(given)]
    n_points = len(bases)
    for values in columns.values():
        n_points *= len(values)
    if n_points > MOST_POINTS:
        raise UserError(f"{n_points} points: there must be at most {MOST_POINTS}; shorten a list")
    designs = [
        _combine(base, dict(zip(columns, values, strict=True)))
        for base in bases
        for values in product(*columns.values())
    ]
    for design in designs:
        _ = design.electorate
    return designs


def _list_versions(given: Mapping[str, str]) -> Iterator[str]:
    """Yield versions as they are named, or one for each scheme that is named, or that of launch."""
    wanted = _list_names(given.get("scheme"), "scheme", tuple(DIMENSIONS))
    if "version" not in given:
        yield from (DEFAULT_VERSIONS[scheme] for scheme in wanted or ("hits",))
        return
    for version in _list_names(given["version"], "version", VERSION_NAMES):
        scheme = schemes.name_of(VERSIONS[version].proof)
        if wanted and scheme not in wanted:
            raise UserError(
                f"--scheme {given['scheme']}: {version} proves by {scheme}; leave one of the two options out"
            )
        yield version


def _list_names(text: str | None, option: str, known: Sequence[str]) -> list[str]:
    names = [] if text is None else [part.strip() for part in text.split(",")]
    for name in names:
        if name not in known:
            raise UserError(f'--{option} "{name}": unknown.{did_you_mean(name, known)}')
    return names


def _get_defaults(version: str) -> Design:
    """Return the version's own design, with one validator and a claim without an end."""
    rules, chain = VERSIONS[version], ChainParams()
    scheme = schemes.name_of(rules.proof)
    p, threshold, distance = chain.p_mismatch, chain.fraud_threshold, rules.proof.threshold
    if scheme == "answers":
        model = next(model for model in rules.models if model.is_initial)
        p, threshold, distance = model.p_mismatch, model.applied_fraud_p, model.distance_threshold
    return Design(
        version=version,
        scheme=scheme,
        sample=chain.validation_sample_size,
        fabricated=ZERO,
        mismatch=p,
        p=p,
        threshold=threshold,
        validators=1,
        silent=ZERO,
        colluding=ZERO,
        slots=0,
        majority=get_majority(rules, 0),
        distance=distance,
        claim=0,
    )


def get_majority(rules: Rules, n_slots: int) -> Fraction:
    """Return the share of all votes that must say yes: slots of the first scheme have a majority of their own."""
    if n_slots and schemes.name_of(rules.proof) == "hits":
        return COMMITTEE_MAJORITY
    return Fraction(rules.vote_threshold_bps, WHOLE_BPS)


FIELDS: dict[str, tuple[str, Callable[[Fraction], Any]]] = {
    "sample": ("sample", int),
    "fabricated": ("fabricated", Fraction),
    "mismatch": ("mismatch", float),
    "p-mismatch": ("p", float),
    "threshold": ("threshold", float),
    "validators": ("validators", int),
    "silent": ("silent", Fraction),
    "colluding": ("colluding", Fraction),
    "slots": ("slots", int),
    "majority": ("majority", Fraction),
    "r-target": ("distance", float),
    "claim": ("claim", int),
}
"""Option -> its field of a design, and how the field holds it."""


def _combine(base: Design, values: Mapping[str, Fraction]) -> Design:
    """Put the options' values in the place of defaults, and let defaults follow that depend on them."""
    changed = {FIELDS[option][0]: FIELDS[option][1](value) for option, value in values.items()}
    n_slots = changed.get("slots", 0)
    follows = {"mismatch": changed.get("p", base.mismatch), "validators": 0 if n_slots else 1}
    follows["majority"] = get_majority(VERSIONS[base.version], n_slots)
    return replace(base, **{**follows, **changed})


def as_row(design: Design, chances: Chances | None, more: Sequence[str] = ()) -> dict[str, Any]:
    """Return a point as a table or a file shows it; chances that are not known are None."""
    row = {key: _show(getattr(design, key)) for key in (*KEYS, *more)}
    accepted, rejected = (None, None) if chances is None else chances
    return {**row, "accepted": accepted, "rejected_honest": rejected}


def list_varying(designs: Sequence[Design], keys: Sequence[str]) -> list[str]:
    """Return the keys in which points differ."""
    return [key for key in keys if len({getattr(design, key) for design in designs}) > 1]


def _show(value: object) -> object:
    return float(value) if isinstance(value, Fraction) else value
