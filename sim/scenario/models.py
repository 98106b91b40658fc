"""Models of a scenario: governance's terms for them, and what hosts serve, lend and refuse.

The checks read a finished Scenario or a raw tree with other mistakes in it, see `sim.scenario.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from sim.errors import did_you_mean
from sim.problems import Loc, Problem, explained, show_value
from sim.protocol.models.params import ModelParams, find_base, sort_models
from sim.protocol.versions import VERSIONS
from sim.scenario.declared import make_section, read_values
from sim.scenario.hosts import LAUNCH_MODEL, MODEL_NAMES, StrictModel, host_addresses
from sim.scenario.raw import RawHost, get

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")


def _check_model_name(name: str) -> str:
    if _MODEL.fullmatch(name):
        return name
    raise explained(f"{show_value(name)} must be a model's name: letters, digits, dots, - and / without blanks")


class _Model(StrictModel):
    """One of governance's models. Reference: network 2.1, 2.9."""

    name: Annotated[
        str, AfterValidator(_check_model_name), Field(json_schema_extra={"pattern": f"^{_MODEL.pattern}$"})
    ] = Field(description="name, by which hosts say that they serve it")


if TYPE_CHECKING:

    class ModelConfig(ModelParams, _Model):
        """The class of `make_section`, for the type checker."""

else:
    ModelConfig = make_section("ModelConfig", _Model, ModelParams)

Models = tuple[ModelConfig, ...]


def read_models(models: Iterable[ModelConfig]) -> tuple[ModelParams, ...]:
    """Return the models as values of the rules, in their order."""
    return sort_models(ModelParams(name=model.name, **read_values(ModelParams, model)) for model in models)


def list_base_models(protocol: Any) -> tuple[str, ...]:
    """Return the models of hosts that name none: at genesis, then after each upgrade."""
    base = None if protocol.models is None else read_models(protocol.models)
    voted = [(protocol.version, None), *((upgrade.version, upgrade.models) for upgrade in protocol.upgrades)]
    found = []
    for version, models in voted:
        own = read_models(models) if models is not None else base
        rules = VERSIONS[version]
        found.append(find_base(rules.models if own is None else own) if rules.proof.claims_by_model else LAUNCH_MODEL)
    return tuple(found)


def list_own_models(scenario: object) -> list[str]:
    """Return the names in `protocol.models` and in the models of its upgrades."""
    return sorted({name for _, models in _list_sections(scenario) for name in _read_names(models)})


def _list_sections(scenario: object) -> Iterator[tuple[Loc, object]]:
    """Yield each list of models with its place."""
    protocol = get(scenario, "protocol")
    yield ("protocol", "models"), get(protocol, "models")
    upgrades = get(protocol, "upgrades")
    for index, upgrade in enumerate(upgrades if isinstance(upgrades, (list, tuple)) else []):
        yield ("protocol", "upgrades", index, "models"), get(upgrade, "models")


def model_problems(scenario: object, hosts: Sequence[RawHost]) -> Iterator[Problem]:
    """Yield what is wrong with models, and with the hosts that name them."""
    for loc, models in _list_sections(scenario):
        yield from _list_problems(loc, models)
    known = tuple(dict.fromkeys((*list_own_models(scenario), *MODEL_NAMES)))
    for host in hosts:
        yield from _serving_problems(host, known)
        yield from _stance_problems(host, known)
    yield from _delegate_problems(hosts)


def _read_names(models: object) -> list[str]:
    names = (get(model, "name") for model in (models if isinstance(models, (list, tuple)) else []))
    return [name for name in names if isinstance(name, str)]


def _list_problems(loc: Loc, models: object) -> Iterator[Problem]:
    """No name twice, and at most one base model."""
    first: dict[str, int] = {}
    initial: int | None = None
    for index, model in enumerate(models if isinstance(models, (list, tuple)) else []):
        name = get(model, "name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Problem((*loc, index, "name"), f'"{name}" is listed already, as number {first[name]}')
        if get(model, "is_initial") is True:
            if initial is not None:
                yield Problem((*loc, index, "is_initial"), f"one model is the base model: number {initial} is it")
            initial = index


def _serving_problems(host: RawHost, known: Sequence[str]) -> Iterator[Problem]:
    for position, node in enumerate(host.ml_nodes):
        if node.model is not None and node.model not in known:
            loc: Loc = ("hosts", host.index, "gpus", *([position] if len(host.ml_nodes) > 1 else []))
            yield Problem(loc, _describe_unknown(node.model, known))
    if isinstance(host.model, str) and host.model not in known:
        yield Problem(("hosts", host.index, "model"), _describe_unknown(host.model, known))


def _describe_unknown(model: str, known: Sequence[str]) -> str:
    return f"unknown model {show_value(model)}.{did_you_mean(model, known)}"


def _stance_problems(host: RawHost, known: Sequence[str]) -> Iterator[Problem]:
    """Of the last words about a model one counts, so that a file says one."""
    first: dict[str, Loc] = {}
    for loc, model in _list_stances(host):
        if model not in known:
            yield Problem(loc, _describe_unknown(model, known))
        elif first.setdefault(model, loc) is not loc:
            where = ".".join(map(str, first[model][2:]))
            yield Problem(loc, f"{model} stands in {where} already, and of both only the last would count")


def _list_stances(host: RawHost) -> Iterator[tuple[Loc, str]]:
    start = ("hosts", host.index)
    for position, (model, _) in enumerate(host.delegates):
        yield (*start, "delegates", position, "model"), model
    for key, models in (("refuses", host.refuses), ("intents", host.intents)):
        yield from (((*start, key, position), model) for position, model in enumerate(models))


def _delegate_problems(hosts: Sequence[RawHost]) -> Iterator[Problem]:
    """A delegate is another host, and does not itself delegate back to where it began."""
    if any(host.name is None or host.count is None for host in hosts):
        return
    groups = {host.name: host_addresses(host.name or "", host.count or 0) for host in hosts}
    home = {address: host for host in hosts for address in groups[host.name]}
    for host in hosts:
        for position, (model, delegate) in enumerate(host.delegates):
            loc = ("hosts", host.index, "delegates", position, "to")
            if delegate not in home:
                yield Problem(loc, f"unknown host {show_value(delegate)}.{did_you_mean(delegate, list(home))}")
            elif delegate in groups[host.name]:
                yield Problem(loc, f"{delegate} is this very host, which cannot delegate to itself")
            elif circle := _find_circle(home, host, model):
                yield Problem(loc, f"the delegations of {model} go in a circle: {' -> '.join(circle)}")


def _find_circle(home: Mapping[str, RawHost], host: RawHost, model: str) -> list[str]:
    """Return the groups from one back to itself; empty where the way ends, or runs into another circle."""
    passed, here = [str(host.name)], host
    while (there := home.get(dict(here.delegates).get(model, ""))) is not None:
        passed.append(str(there.name))
        if there is host:
            return passed
        if passed.count(str(there.name)) > 1:
            return []
        here = there
    return []
