"""Doubts about samples: a claim smaller than the sample is checked whole, so that a larger sample changes nothing.

An estimate, as if all hosts were there from the start, and blocks came on time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.problems import Problem
from sim.protocol.models.doubts import find_small_claims
from sim.protocol.models.params import ModelParams
from sim.protocol.versions import SCHEMES, adjust_scheme
from sim.scenario.changes import find_schemes
from sim.scenario.declared import read_parameters
from sim.scenario.model_warnings import estimate_counts, list_rules
from sim.scenario.schema import Scenario
from sim.scenario.sizes import sum_rates

SURELY_LARGER, STEERED_LARGER = 3.0, 10.0  # times the expected nonces of the largest host, which may have luck
HITS = ""  # claims of the scheme `hits` are for no model


def find_large_samples(scenario: Scenario) -> Iterator[Problem]:
    """Yield a problem for each group of hosts and model whose claims are too small, or one where all claims are."""
    told = set[tuple[str, str]]()
    for place, (_, rules) in enumerate(list_rules(scenario)):
        if rules.proof.claims_by_model:
            for index, group, model, count in _find_by_model(scenario, rules.models):
                if (group, model) not in told:
                    told.add((group, model))
                    yield Problem(("hosts", index, "gpus"), _tell_model(scenario, group, model, count))
        elif place == 0:
            yield from _find_hits(scenario)


def _find_by_model(scenario: Scenario, models: Sequence[ModelParams]) -> Iterator[tuple[int, str, str, float]]:
    counts, size = estimate_counts(scenario, models), scenario.protocol.validation_sample_size
    for index, group in enumerate(scenario.hosts):  # hosts of a group are alike
        mine = counts[group.addresses[0]]
        claims = {model: {group.name: float(sum(nodes.values()))} for model, nodes in mine.items()}
        for name, model, count in find_small_claims(claims, size):
            yield index, name, model, count


def _tell_model(scenario: Scenario, group: str, model: str, count: float) -> str:
    size = scenario.protocol.validation_sample_size
    found = f"a host of {group} finds about {count:.0f} nonces of {model}"
    return f"{found}, fewer than the {size} of a sample: all of them are checked"


def _find_hits(scenario: Scenario) -> Iterator[Problem]:
    """A sample that somebody chose, and that even the luckiest host's claim does not reach."""
    size = scenario.protocol.validation_sample_size
    if "validation_sample_size" not in scenario.protocol.model_fields_set:
        return
    luck = SURELY_LARGER if scenario.difficulty.target is None else STEERED_LARGER  # claims may then grow
    expected = _expect_hits(scenario)
    claims = {name: luck * max(count, 1.0) for name, count in expected.items()}
    if len(list(find_small_claims({HITS: claims}, size))) == len(claims):
        message = (
            f"{size} is more than any host claims, the largest about {max(expected.values()):.3g} nonces at the first "
            "difficulty: every claim is checked whole, and a larger sample changes nothing"
        )
        yield Problem(("protocol", "validation_sample_size"), message)


def _expect_hits(scenario: Scenario) -> dict[str, float]:
    """Valid nonces that a host of each group finds in the first stage."""
    protocol, work = scenario.protocol, scenario.work
    scheme = adjust_scheme(find_schemes(protocol)[0], read_parameters(SCHEMES, protocol))
    chance = scheme.hit_probability(scheme.threshold, work.pow_params.vocab_size)
    share = chance * work.rate_factor * protocol.poc_stage_duration * protocol.block_time
    return {group.name: share * sum_rates(group, work.min_group_vram_gib) / group.count for group in scenario.hosts}
