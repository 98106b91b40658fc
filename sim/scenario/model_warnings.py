"""Doubts about models: groups that guardians alone decide, groups that pay nothing.

An estimate, as if all hosts were there from the start, and blocks came on time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.problems import Loc, Problem
from sim.protocol.models.doubts import GroupDoubt, find_doubtful_groups
from sim.protocol.models.formed import Governance
from sim.protocol.models.params import GroupParams, ModelParams, find_base
from sim.protocol.models.stances import Stance, StanceKind, Stances, declare
from sim.protocol.switches import Rules
from sim.protocol.versions import VERSIONS, override_rules
from sim.scenario.changes import find_model_scheme
from sim.scenario.declared import read_values
from sim.scenario.models import read_models
from sim.scenario.schema import Scenario
from sim.scenario.stacks import get_answer_rate

Counts = Mapping[str, Mapping[str, Mapping[int, int]]]
"""Nonces that ML nodes would find, by host, model and node."""


def find_model_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield what is doubtful about the models of a scenario, each once: where a version first makes it so."""
    told: set[tuple[str, ...]] = set()
    for loc, rules in list_rules(scenario):
        if not rules.proof.claims_by_model:
            continue
        for subject, problem in _find_weak(scenario, loc, rules, estimate_counts(scenario, rules.models)):
            if subject not in told:
                told.add(subject)
                yield problem


def list_rules(scenario: Scenario) -> Iterator[tuple[Loc, Rules]]:
    """Yield the rules of genesis and of each upgrade, with governance's models, and their places."""
    protocol = scenario.protocol
    switched = protocol.rules.model_dump(exclude_none=True)
    base = {} if protocol.models is None else {"models": read_models(protocol.models)}
    yield ("protocol", "version"), override_rules(VERSIONS[protocol.version], {**base, **switched})
    for index, upgrade in enumerate(protocol.upgrades):
        voted = base if upgrade.models is None else {"models": read_models(upgrade.models)}
        rules = override_rules(VERSIONS[upgrade.version], {**voted, **switched})
        yield ("protocol", "upgrades", index, "version"), rules


def estimate_counts(scenario: Scenario, models: Sequence[ModelParams]) -> Counts:
    """Return the nonces that each ML node finds in the longest stage, of those that serve one of the models."""
    protocol, work, names = scenario.protocol, scenario.work, {model.name for model in models}
    base, scheme = find_base(models), find_model_scheme(protocol) or "answers"
    stage = max(protocol.poc_stage_duration, *(each.poc_stage_duration or 0 for each in protocol.changes), 0)
    seconds = work.rate_factor * max(0.0, stage * protocol.block_time - work.startup)
    counts: dict[str, Mapping[str, Mapping[int, int]]] = {}
    for group in scenario.hosts:
        mine: dict[str, dict[int, int]] = {}
        for node_id, node in enumerate(group.gpus, start=1):
            model = node.model or group.model or base
            if model in names:
                mine.setdefault(model, {})[node_id] = int(get_answer_rate(model, node, scheme) * seconds)
        counts.update(dict.fromkeys(group.addresses, mine))
    return counts


def _find_weak(scenario: Scenario, loc: Loc, rules: Rules, counts: Counts) -> Iterator[tuple[tuple[str, ...], Problem]]:
    """One problem a model that somebody serves, with its subject."""
    governance = Governance(rules.models, GroupParams(**read_values(GroupParams, scenario.protocol)), rules)
    has_guardians = any(group.guardian for group in scenario.hosts)
    for doubt in find_doubtful_groups(counts, _read_stances(scenario), governance, rules.vote_threshold_bps):
        if doubt.n_members:
            message = _describe(doubt, rules, governance.params, has_guardians=has_guardians)
            yield (doubt.model,), Problem(loc, message)


def _read_stances(scenario: Scenario) -> Stances:
    stances: Stances = {}
    for group in scenario.hosts:
        for delegation in group.delegates:
            for who in group.addresses:
                stance = Stance(StanceKind.DELEGATES, delegation.to)
                stances = declare(stances, who, delegation.model, stance)
    return stances


def _describe(doubt: GroupDoubt, rules: Rules, params: GroupParams, *, has_guardians: bool) -> str:
    if not doubt.is_eligible:
        return (
            f"{doubt.model} would pay nothing: its group needs {params.v_min} hosts with weight and "
            f"{float(100 * rules.w_threshold):g} % of all weight"
        )
    bar = (rules.vote_threshold_bps or 5000) / 100
    guardians = "guardians alone decide on its claims" if has_guardians else "without guardians its claims are rejected"
    return (
        f"the group of {doubt.model} has {float(100 * doubt.share):.1f} % of all voting power, delegations included; "
        f"more than {bar:g} % must agree, so that {guardians}"
    )
