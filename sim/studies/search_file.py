"""A search file -> a lab or a scenario, the keys of it that vary, the aims: the input of `powsim search`.

All of it is checked before anything runs: the section, its base, and every end of every range in it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.documents.document import Document, Place
from sim.economy.base import Floats
from sim.errors import Mistake, ScenarioError, UserError, did_you_mean
from sim.execution.sweep_schema import is_number
from sim.metrics.measures import run_measures
from sim.problems import Loc, Problem, read_model
from sim.race.files import as_list, name_all
from sim.race.lab_file import Lab, build_lab
from sim.race.measures import RACE_MEASURES
from sim.registry import KIND
from sim.scenario.load import build_scenario
from sim.scenario.overrides import Overrides, Setting, vary
from sim.studies.aims import compute_values
from sim.studies.domains import Domain, Parameters, check_limits, make_domain
from sim.studies.lab_subject import LabSubject
from sim.studies.pasting import Destination, open_destination
from sim.studies.scenario_subject import NAMELESS, ScenarioSubject
from sim.studies.search_forms import Form, read_form
from sim.studies.search_schema import (
    Aim,
    SearchConfig,
    Section,
    check_aims,
    check_sensitivity,
    find_missing,
)
from sim.studies.subjects import Scores, Subject, look_up, open_bare_names

SET_BY_SEARCH = Place("search")
AS_IT_WAS, AGAINST = "as it was", "against"  # names of rivals in tables
REPLICATIONS = 4


@dataclass(frozen=True)
class Rival:
    """The file with which the winner is compared: one's own choice, or the file as it was."""

    name: str
    document: Document
    values: Mapping[str, Any]
    """Of the parameters, as the file writes them."""


@dataclass(frozen=True)
class Search:
    """A checked search. `text` is the whole file as one YAML text, with the command line's changes."""

    name: str
    config: Section
    subject: Subject
    domains: Mapping[str, Domain]
    """The values of each parameter."""
    paths: Mapping[str, str]
    """The dotted key of each parameter."""
    given: Sequence[Setting]
    """Values of keys that the file must have and leaves to the search."""
    start: Mapping[str, Any]
    """The value that each parameter has in the file, by default or by hand, as the file writes it."""
    rival: Rival
    """The file with which the winner is compared."""
    unseen: Subject | None
    """The lab on the curves that the search never sees."""
    text: str

    @property
    def front(self) -> tuple[str, ...]:
        """Measures of the front; none without one."""
        return self.config.front or ()

    @property
    def front_signs(self) -> tuple[int, ...]:
        """For each measure of the front 1, or -1 where it is better large, as the objective says of it."""
        aim = self.config.objective
        largest = aim.measure if aim.goal == "maximise" else ""
        return tuple(-1 if name == largest else 1 for name in self.front)

    @property
    def plugin(self) -> str:
        """Dotted key of a scenario's plug-in of which all parameters are, such as hosts.cheater.strategy; else ""."""
        parents = {path.rpartition(".")[0] for path in self.paths.values()}
        parent = parents.pop() if len(parents) == 1 else ""
        block = look_up(self.subject.document.tree, parent) if parent else None
        is_plugin = isinstance(self.subject, ScenarioSubject) and isinstance(block, Mapping) and KIND in block
        return parent if is_plugin else ""

    @property
    def n_base_points(self) -> int:
        """Base points of the Sobol design: none for one parameter, to which all variance is due."""
        return self.config.sensitivity if len(self.domains) > 1 else 0

    @property
    def is_all_due_to_one(self) -> bool:
        """Whether a sensitivity is asked for that is known without a design."""
        config = self.config
        return len(self.domains) == 1 and "sensitivity" in config.model_fields_set and config.sensitivity > 0

    def vary(self, parameters: Parameters) -> Document:
        """Return the file's document with other values of its parameters; without any, as it is."""
        written = {name: self.domains[name].write(value) for name, value in parameters.items()}
        settings = [(self.paths[name], value, SET_BY_SEARCH) for name, value in written.items()]
        return vary(self.subject.document, [*self.given, *settings])

    def show_unseen(self, document: Document) -> Document:
        """Return a file's document on the curves of `unseen`."""
        assert self.unseen is not None
        curves = self.unseen.document.tree["curves"]
        return vary(document, [("curves", curves, SET_BY_SEARCH), ("weights", {}, SET_BY_SEARCH)])

    def compute_values(self, aim: Aim, scores: Scores) -> Floats:
        """A value per replication of the objective's measure, see `aims.compute_values`."""
        return compute_values(aim, scores, self.subject.weights, self.subject.n_replications)

    def compute_mean(self, measure: str, scores: Scores) -> float:
        """Mean of a measure over replications and over the curves that have it."""
        return float(self.compute_values(Aim(measure=measure), scores).mean())


def load_search(
    source: str | os.PathLike[str] | Mapping[str, object],
    overrides: Overrides = (),
    seed: int | None = None,
    trials: int | None = None,
) -> Search:
    """Return the search of a file, or of a mapping as a file would hold it, checked in both its parts.

    `seed`, `trials`: in place of the file's. Raises ScenarioError with every mistake, each at its file:line:column.
    """
    form, text = read_form(source, overrides, seed, trials)
    config, problems = _parse_section(form)
    section = _with_defaults(form)
    noun, names, curve_names = _describe_base(form)
    problems += check_aims(section, noun, names, curve_names)
    candidates = _list_candidates(form, section, problems)
    mistakes = [*form.places.mistakes, *_drop_paths(form, candidates)]
    problems += _check_keys_of_labs(form, section)
    try:
        base = _open_base(form, candidates, config)
    except ScenarioError as error:
        mistakes += _move_to_keys(form, candidates, error.mistakes)
    else:
        mistakes += _check_candidates(form, base, candidates)
        rival = _open_rival(form, base, mistakes)
        unseen = _open_unseen(form, base, mistakes)
    mistakes += [form.locate(problem) for problem in problems]
    if mistakes or config is None:
        raise ScenarioError(mistakes)
    missing = [*find_missing(section, base.subject.find_measures(base.variant), base.subject.weights)]
    missing += _find_unmeasured(config, unseen)
    if missing:
        raise ScenarioError([form.locate(problem) for problem in missing])
    paths = {name: form.parent + name for name in config.parameters}
    start = {name: look_up(base.resolved, path) for name, path in paths.items()}
    domains = {name: make_domain(section["parameters"][name], is_whole=_is_whole(start[name])) for name in paths}
    return Search(
        base.name,
        config,
        base.subject,
        domains,
        paths,
        base.given,
        start,
        _name_rival(base, rival, paths),
        unseen,
        text,
    )


def _parse_section(form: Form) -> tuple[Section | None, list[Problem]]:
    """Return the section, None where it is wrong, and everything that is wrong with it."""
    section = form.section
    problems: list[Problem] = []
    if isinstance(section, dict):
        if isinstance(section.get("objective"), str):
            section["objective"] = {"measure": section["objective"]}
        problems += check_sensitivity(section.get("sensitivity"))
        for name, limits in _list_limits(section).items():
            problems += [problem.below("parameters", name) for problem in check_limits(limits)]
        section = {key: part for key, part in section.items() if key not in form.documents}
    config, wrong = read_model(form.schema, section)
    return config, [*problems, *wrong]


def _with_defaults(form: Form) -> dict[str, Any]:
    """The section with the measures that are shown without being asked for."""
    front = form.schema.model_fields["front"].default
    given = form.section if isinstance(form.section, dict) else {}
    return {**({"front": list(front)} if front else {}), **given}


def _list_limits(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The parameters of a section that are mappings; the schema reports all others."""
    parameters = section.get("parameters")
    given = parameters.items() if isinstance(parameters, dict) else ()
    return {name: limits for name, limits in given if isinstance(limits, dict)}


def _describe_base(form: Form) -> tuple[str, Collection[str], Sequence[str]]:
    """Return the base's word for a replication, its measures and its curves; known for a broken base as well."""
    if form.is_lab:
        return "race", RACE_MEASURES, name_all(form.base.tree.get("curves"))
    return "run", run_measures.names(), NAMELESS


def _list_candidates(form: Form, section: Mapping[str, Any], problems: Sequence[Problem]) -> dict[str, list[Setting]]:
    """The values at the ends of each parameter's range, or its choices, with the places where they are written."""
    wrong = {problem.loc[1] for problem in problems if problem.loc[:1] == ("parameters",) and len(problem.loc) > 1}
    found = {}
    for name, limits in _list_limits(section).items():
        if name not in wrong:
            ends: list[tuple[Loc, Any]] = [(("low",), limits.get("low")), (("high",), limits.get("high"))]
            if limits.get("choices") is not None:
                ends = [(("choices", index), value) for index, value in enumerate(limits["choices"])]
            found[name] = [(form.parent + name, value, form.place("parameters", name, *loc)) for loc, value in ends]
    return found


def _drop_paths(form: Form, candidates: dict[str, list[Setting]]) -> list[Mistake]:
    """Return a mistake for each parameter whose path leads nowhere; it is no candidate any more."""
    mistakes = []
    for name, settings in list(candidates.items()):
        open_bare_names(form.base, settings[0][0])
        refused = vary(form.base, settings[:1]).mistakes[len(form.base.mistakes) :]
        if refused:
            mistakes += [form.place("parameters", name).mistake(wrong.message) for wrong in refused]
            del candidates[name]
    return mistakes


@dataclass(frozen=True)
class _Base:
    """The lab or scenario that a search varies, as it is in the file."""

    name: str
    subject: Subject
    variant: Any
    resolved: Any
    given: Sequence[Setting]


def _open_base(form: Form, candidates: Mapping[str, list[Setting]], config: Section | None) -> _Base:
    """Build the lab or scenario; required keys that it leaves to the search get their lowest value for that."""
    given: list[Setting] = []
    try:
        subject, variant = _build_base(form, given, config)
    except ScenarioError:
        given = [each[0] for each in candidates.values() if look_up(form.base.tree, each[0][0]) is None]
        subject, variant = _build_base(form, given, config)
    resolved = subject.resolve(variant)
    return _Base(resolved["name"], subject, variant, resolved, given)


def _check_keys_of_labs(form: Form, section: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield problems of `check_curves` and `paste_into` where a scenario is varied; curves that the search sees."""
    reasons = {"check_curves": "a scenario has no curves", "paste_into": "the winner is a scenario"}
    if not form.is_lab:
        yield from (Problem((key,), f"{told}: leave it out") for key, told in reasons.items() if section.get(key))
        return
    seen = as_list(form.base.tree.get("curves"))
    for index, spec in enumerate(as_list(section.get("check_curves"))):
        if spec in seen:
            yield Problem(("check_curves", index), "is one of `curves`: the search sees it")


def _open_rival(form: Form, base: _Base, mistakes: list[Mistake]) -> Document | None:
    """Return the file with the values of `against`, None without them; what is wrong joins the mistakes."""
    given = form.section.get("against") if isinstance(form.section, dict) else None
    rival = form.rival
    if rival is None:
        if not isinstance(given, dict):
            return None
        settings = [(name, value, form.place("against", name)) for name, value in given.items()]
        for name in given:
            open_bare_names(form.base, name)
        rival = vary(form.base, [*base.given, *settings])
    try:
        base.subject.build(vary(rival, ()))
    except ScenarioError as error:
        mistakes += error.mistakes
    return rival


def _open_unseen(form: Form, base: _Base, mistakes: list[Mistake]) -> LabSubject | None:
    """Return the lab on the curves that the search does not see, None without them."""
    document = form.open_check_curves()
    if document is None:
        return None
    try:
        return LabSubject(document, build_lab(vary(document, base.given)).config)
    except ScenarioError as error:
        mistakes += error.mistakes
    return None


def _find_unmeasured(config: Section, unseen: LabSubject | None) -> Iterator[Problem]:
    """Check curves of which none has the measure that is wanted."""
    if unseen is not None:
        have = unseen.find_measures(unseen.config)
        if not any(config.objective.measure in each for each in have):
            known = did_you_mean("", set().union(*have))
            yield Problem(("check_curves",), f"no curve here has `{config.objective.measure}`, the objective.{known}")


def _name_rival(base: _Base, document: Document | None, paths: Mapping[str, str]) -> Rival:
    if document is None:
        as_it_was = vary(base.subject.document, base.given)
        return Rival(AS_IT_WAS, as_it_was, {name: look_up(base.resolved, path) for name, path in paths.items()})
    resolved = base.subject.resolve(base.subject.build(vary(document, ())))
    return Rival(AGAINST, document, {name: look_up(resolved, path) for name, path in paths.items()})


def _open_destination(form: Form, config: Section | None, lab: Lab) -> Destination | None:
    """Return the scenario that the winner goes into; raises ScenarioError at the key that names it."""
    if config is None or config.paste_into is None:
        return None
    place = form.place("paste_into")
    if len(lab.config.controllers) > 1:
        raise ScenarioError([place.mistake("a lab of several controllers goes into no scenario: leave it out")])
    try:
        destination = open_destination(config.paste_into)
        destination.carry_over(lab.config.controllers[0], lab.config, whatever=True)
    except UserError as error:
        raise ScenarioError([place.mistake(line) for line in str(error).splitlines()]) from error
    return destination


def _build_base(form: Form, given: Sequence[Setting], config: Section | None) -> tuple[Subject, Any]:
    varied = vary(form.base, given)
    if form.is_lab:
        lab = build_lab(varied)
        return LabSubject(form.base, lab.config, _open_destination(form, config, lab)), lab.config
    scenario = build_scenario(varied)
    n, limit = (config.replications, config.time_limit) if isinstance(config, SearchConfig) else (None, None)
    return ScenarioSubject(form.base, scenario, n or REPLICATIONS, limit), scenario.model_dump_json()


def _check_candidates(form: Form, base: _Base, candidates: Mapping[str, list[Setting]]) -> Iterator[Mistake]:
    """Tell the values that are refused whatever the others are: those of the file, all their first or all their last.

    Two keys that do not fit together are no mistake: a trial may change both.
    """
    for name, settings in candidates.items():
        others = [each for other, each in candidates.items() if other != name]
        beside: tuple[list[Setting], ...] = ([], [each[0] for each in others], [each[-1] for each in others])
        for setting in settings:
            found = [_refuse(form, base, setting, each) for each in beside]
            if all(found):
                yield from _move_to_keys(form, candidates, found[0])


def _refuse(form: Form, base: _Base, setting: Setting, others: Sequence[Setting]) -> list[Mistake]:
    """Return the mistakes of a file with this value and others that stand at this value."""
    try:
        base.subject.build(vary(form.base, [*base.given, *others, setting]))
    except ScenarioError as error:
        return [wrong for wrong in error.mistakes if _is_at(wrong, setting[2])]
    return []


def _move_to_keys(
    form: Form, candidates: Mapping[str, list[Setting]], mistakes: Sequence[Mistake]
) -> Iterator[Mistake]:
    """Show a key that there is not at the parameter rather than at its value, which may be fine."""
    for wrong in mistakes:
        names = [name for name, each in candidates.items() if any(_is_at(wrong, place) for *_, place in each)]
        if names and wrong.message.startswith("unknown key"):
            yield form.place("parameters", names[0]).mistake(wrong.message)
        else:
            yield wrong


def _is_at(mistake: Mistake, place: Place) -> bool:
    return (mistake.source, mistake.line, mistake.column) == (place.source, place.line, place.column)


def _is_whole(value: Any) -> bool | None:
    """Whether a parameter is a whole number, as its value in the file is; None where it has no number there."""
    return isinstance(value, int) if is_number(value) else None
