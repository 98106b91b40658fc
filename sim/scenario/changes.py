"""Changes by governance while a scenario runs: the version, the lengths of an epoch; and what-if switches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from sim.errors import did_you_mean
from sim.problems import Loc, Problem, explained
from sim.protocol.blocks.params import MOST_BLOCKS, MOST_EPOCHS, EpochParams
from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import ProofScheme
from sim.protocol.switches import Rules
from sim.protocol.versions import GOVERNED, HISTORY, SCHEMES, VERSIONS, WHAT_IFS, adjust_scheme
from sim.scenario.declared import make_section, read_parameters
from sim.scenario.hosts import EpochNumber, StrictModel
from sim.scenario.models import Models

LEAST_CHANCE = 1e-300  # of a try: a smaller one is hardly a number


def _check_version(version: str) -> str:
    if version not in VERSIONS:
        raise explained(f'unknown version "{version}".{did_you_mean(version, VERSIONS, _find_neighbours(version))}')
    return version


def _find_neighbours(version: str) -> list[str] | None:
    """Return the columns before and after a version that has none of its own; None where it is no version at all."""
    wanted = _read_number(version)
    if not wanted:
        return None
    before = [name for name in VERSIONS if _read_number(name) <= wanted]
    after = [name for name in VERSIONS if _read_number(name) > wanted]
    return before[-1:] + after[:1]


def _read_number(version: str) -> tuple[int, ...]:
    """(0, 2, 9) of "v0.2.9-post3"; empty where there is no number of at least two parts."""
    found = re.match(r"v?(\d+(?:\.\d+)+)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


Version = Annotated[str, AfterValidator(_check_version), Field(json_schema_extra={"enum": list(VERSIONS)})]


class _Upgrade(StrictModel):
    """One change of the version, or of what governance sets in it. Reference: protocol 0."""

    epoch: EpochNumber = Field(description="epoch from whose start on the version's rules hold")
    version: Version = Field(description="version that comes into force, or goes on to hold")
    models: Models | None = Field(
        None,
        strict=False,
        description="governance's models from then on (set by vote); absent: as in `protocol.models`",
    )


class _Height(StrictModel):
    """One change of an epoch's lengths by governance. Reference: protocol 0 (proposal 3), 1.1."""

    height: int = Field(
        ge=1, le=MOST_EPOCHS * MOST_BLOCKS, description="block from which on it holds, in the epoch that is running too"
    )


class _Switches(StrictModel):
    """Switches; absent: the version's own."""


def find_schemes(protocol: Any) -> tuple[ProofScheme, ...]:
    """Return the proof schemes of a scenario's section `protocol`: that of genesis first, then those of upgrades."""
    if protocol.rules.proof is not None:
        return (protocol.rules.proof,)
    names = (protocol.version, *(upgrade.version for upgrade in protocol.upgrades))
    return tuple(VERSIONS[name].proof for name in names)


def find_model_scheme(protocol: Any) -> str | None:
    """Return the name of the scenario's proof scheme whose claims are by model; None where there is none."""
    return next((schemes.name_of(scheme) for scheme in find_schemes(protocol) if scheme.claims_by_model), None)


def find_margin_problems(protocol: Any) -> Iterator[Problem]:
    """Yield models without a margin threshold where the proof scheme is `decode`, which has no common one."""
    if find_model_scheme(protocol) != "decode":
        return
    listed: list[tuple[Loc, Any]] = [(("protocol", "models"), protocol.models or ())]
    listed += [(("protocol", "upgrades", at, "models"), each.models or ()) for at, each in enumerate(protocol.upgrades)]
    for loc, models in listed:
        for index, model in enumerate(models):
            if model.margin_threshold is None:
                yield Problem((*loc, index), f"{model.name} has no margin_threshold, which the scheme decode needs")
    if protocol.models is None:
        for own in VERSIONS[protocol.version].models:
            if own.margin_threshold is None:
                what = f"no margin is published for {own.name}, which {protocol.version} has"
                yield Problem(("protocol", "rules", "proof"), f"{what}; write protocol.models, with margin_threshold")


def scheme_problems(protocol: Any) -> list[Problem]:
    """Return which parameters of proof schemes are given to schemes that do not have them."""
    used = find_schemes(protocol)
    problems = []
    for loc, section, reached in ((), protocol, used[:1]), (("rules",), protocol.rules, used):
        for name in read_parameters(SCHEMES, section):
            lacking = [schemes.name_of(scheme) for scheme in reached if not hasattr(scheme, name)]
            if lacking:
                message = f"the proof scheme in force, {lacking[0]}, has no such parameter"
                problems.append(Problem((*loc, name), message))
    return problems


def threshold_problems(scenario: Any) -> Iterator[Problem]:
    """Refuse thresholds that the scenario sets and that no try meets: its chance is too small for a number."""
    protocol, dim = scenario.protocol, scenario.work.pow_params.vocab_size
    first, rules = find_schemes(protocol)[0], protocol.rules
    sections = (((), protocol), (("rules",), rules))
    given = [
        ((*loc, name), value) for loc, section in sections for name, value in read_parameters(SCHEMES, section).items()
    ]
    changed = [(loc, adjust_scheme(first, {loc[-1]: value})) for loc, value in given]
    changed += [(("rules", "proof"), rules.proof)] if rules.proof is not None else []
    for loc, scheme in changed:
        if scheme.hit_probability(scheme.threshold, dim) < LEAST_CHANCE:
            least = f"a chance of {LEAST_CHANCE:g} needs {scheme.threshold_for(LEAST_CHANCE, dim):.6g}"
            message = (
                f"{scheme.threshold:g} is met by no try: its chance in {dim} dimensions is hardly a number; {least}"
            )
            yield Problem(("protocol", *loc), message)


if TYPE_CHECKING:
    RuleSwitches = _Switches

    class UpgradeConfig(_Upgrade):
        """The class of `make_section`, for the type checker."""

    class EpochChangeConfig(_Height):
        """The class of `make_section`, for the type checker."""

        def __getattr__(self, name: str) -> int | None: ...

else:
    UpgradeConfig = make_section(
        "UpgradeConfig",
        _Upgrade,
        Rules,
        is_optional=True,
        without={*HISTORY, *WHAT_IFS} - GOVERNED,
        addition=" (set by vote)",
    )
    EpochChangeConfig = make_section(
        "EpochChangeConfig", _Height, EpochParams, is_optional=True, without=("epoch_shift",)
    )
    RuleSwitches = make_section(
        "RuleSwitches", _Switches, Rules, *SCHEMES, is_optional=True, without=("confirmation_alpha", "models")
    )
