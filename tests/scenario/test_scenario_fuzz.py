"""Whatever a file holds, loading gives a scenario or a ScenarioError with places: never another error."""

import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from sim.errors import ScenarioError
from sim.scenario.load import parse_scenario
from sim.scenario.schema import Scenario

FUZZ = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.sampled_from(
    [
        "name",
        "kind",
        "count",
        "gpus",
        "epoch 3",
        "5 s",
        "1 MB",
        "v0.2.6",
        "tiny",
        "honest",
        "fixed",
        "regions",
        "EUROPE",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | WORDS
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=3)
)


def _check_outcome(text, overrides=()):
    try:
        outcome = parse_scenario(text, "x.yaml", overrides)
    except ScenarioError as error:
        outcome = error
    if isinstance(outcome, Scenario):
        return
    assert outcome.mistakes
    for mistake in outcome.mistakes:
        assert mistake.message
        assert (mistake.line is None) == mistake.source.startswith("--set")
        assert mistake.line is None or (mistake.line >= 1 and mistake.column >= 1)


def _places(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _mutate(tree, data):
    path = data.draw(st.sampled_from([place for place in _places(tree) if place]))
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    action = data.draw(st.sampled_from(["replace", "delete", "add", "swap"]))
    if action == "delete":
        del parent[path[-1]]
    elif action == "replace":
        parent[path[-1]] = data.draw(VALUES)
    elif action == "swap":
        parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from([tree["hosts"], tree.get("work"), parent])))
    elif isinstance(parent, dict):
        parent[data.draw(WORDS | st.text(max_size=8))] = data.draw(VALUES)
    else:
        parent.append(data.draw(VALUES))


@FUZZ
@given(data=st.data())
def test_mutated_trees(full_text, data):
    tree = YAML(typ="safe", pure=True).load(full_text)
    for _ in range(data.draw(st.integers(1, 4))):
        if not isinstance(tree.get("hosts"), list) or not tree:
            break
        _mutate(tree, data)
    _check_outcome(json.dumps(tree))


@FUZZ
@given(data=st.data())
def test_mutated_texts(full_text, data):
    text = full_text
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 30)))
        piece = data.draw(st.text("&*!|>%@`\"'{}[],:?-#\n\t 0aé", max_size=6) | st.text(max_size=4))
        text = text[:start] + piece + text[end:]
    _check_outcome(text)


@FUZZ
@given(text=st.text(max_size=60))
def test_any_text(text):
    _check_outcome(text)


@FUZZ
@given(
    path=st.lists(WORDS | st.sampled_from(["hosts", "0", "protocol", "block_time", "difficulty", ""]), max_size=4),
    value=SCALARS.map(str) | VALUES.map(json.dumps),
)
def test_any_override(full_text, path, value):
    _check_outcome(full_text, [f"{'.'.join(path)}={value}"])
