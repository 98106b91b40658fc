"""Strategies against their scenario: names that nobody has, coalitions of everybody, cheats that rules make idle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sim.errors import ScenarioError
from sim.problems import Problem
from sim.protocol.switches import Rules
from sim.scenario.load import parse_scenario
from sim.scenario.warnings import locate_warnings
from sim.strategies import strategies
from sim.strategies.base import Identity, Surroundings

HEAD = """name: small
epochs: 2
protocol: {version: v0.2.0, upgrades: [{epoch: 2, version: v0.2.6}]}
hosts:
  - {name: farm, count: 2, gpus: H100-SXM, region: EUROPE, operator: acme, strategy: lazy}
"""


def with_host(strategy: str, more: str = "") -> str:
    return f"{HEAD}  - {{name: odd, count: 2, gpus: H100-SXM, region: EUROPE{more}, strategy: {strategy}}}\n"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("strategy", "where", "what"),
    [
        ("{kind: sell_votes, clients: [farm-0, acme, odd, farn-1]}", "clients.3", '"farn-1". Did you mean "farm-1"?'),
        ("{kind: censor, victims: [farm, nobody]}", "victims.1", '"nobody".'),
        ("{kind: reorder, rivals: [acne]}", "rivals.0", 'Did you mean "acme"?'),
        ("{kind: copy, victims: [farn]}", "victims.0", 'Did you mean "farm"?'),
    ],
)
def test_names_without_hosts_are_told_at_their_place(strategy: str, where: str, what: str) -> None:
    (found,) = mistakes(with_host(strategy))
    assert found.startswith("x.yaml:6:")
    assert f"hosts.1.strategy.{where}: no host, host group or operator" in found
    assert what in found


def test_a_coalition_of_everybody_is_told() -> None:
    alone = HEAD.replace("lazy", "colluders")
    assert mistakes(alone) == [
        "x.yaml:5:76: hosts.0.strategy: the coalition is everybody: leave at least one host to others"
    ]
    parse_scenario(alone.replace(", operator: acme", ""))  # two hosts that each decide for themselves
    parse_scenario(f"{alone}  - {{name: odd, gpus: H100-SXM, region: EUROPE}}\n")


def test_an_operator_of_one_host_shares_with_nobody() -> None:
    for kind, why in (("sybil", "one host is one name"), ("outsource", "nobody computes for it")):
        (found,) = mistakes(f"{HEAD}  - {{name: odd, gpus: H100-SXM, region: EUROPE, strategy: {kind}}}\n")
        assert found == f"x.yaml:6:{found.split(':')[2]}: hosts.1.strategy: {why}: give its operator more hosts"
        parse_scenario(with_host(kind, ", operator: ring"))


@pytest.mark.parametrize("text", ["{victims: [farm], subjects: [blocks]}", "{victims: []}", "{}"])
def test_a_censor_has_victims_and_subjects_that_exist(text: str) -> None:
    assert "x.yaml:6:" in mistakes(with_host(text.replace("{", "{kind: censor, ", 1)))[0]


@dataclass(frozen=True)
class Idle:
    """A cheat for the launch rules alone, in a model of three layers."""

    layers: int = 1
    events: ClassVar = ()

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: Any, generator: Any) -> Any:
        """Nothing."""
        return None, None

    def doubt(self, rules: Rules) -> str:
        """Only launch rules count duplicates."""
        return "" if rules.counts_duplicates else "a nonce counts once"

    def find_problems(self, surroundings: Surroundings) -> list[Problem]:
        """More layers than there are."""
        most = surroundings.n_layers or 0
        return [Problem(("layers",), f"{self.layers} must be at most {most}")] if self.layers > most else []


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    strategies.names()
    monkeypatch.setattr(strategies, "_plugins", dict(strategies._plugins))
    strategies.register("idle")(Idle)


@pytest.mark.usefixtures("idle")
def test_a_cheat_that_a_versions_rules_make_meaningless_is_doubted_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(with_host("idle"), encoding="utf-8")
    found = [str(each) for each in locate_warnings(parse_scenario(path.read_text(), path), path)]
    doubts = [line for line in found if "strategy" in line]
    assert doubts == [f"{path}:6:59: hosts.1.strategy: idle under v0.2.6: a nonce counts once"]


@pytest.mark.usefixtures("idle")
def test_more_layers_than_the_model_has_are_told_at_the_strategys_own_key() -> None:
    for params, most in (("", 16), ("work: {params: tiny}\n", 2)):
        wrong, right = (f"{params}{with_host(f'{{kind: idle, layers: {k}}}')}" for k in (most + 1, most))
        (found,) = mistakes(wrong)
        assert found.endswith(f"hosts.1.strategy.layers: {most + 1} must be at most {most}")
        parse_scenario(right)


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("{kind: skip_layers, layers: 17}", "strategy.layers: the model has 16 layers; 17 of them cannot be run"),
        ("{kind: low_precision, numerics: float7}", "strategy.numerics: unknown dtype 'float7'; known are float16"),
    ],
)
def test_kernels_that_nobody_can_run_are_told_at_their_place(strategy: str, told: str) -> None:
    (found,) = mistakes(with_host(strategy))
    assert found.startswith("x.yaml:6:")
    assert told in found
