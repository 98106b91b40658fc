import math
import pickle
import sys
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

import sim.catalogue
from sim.catalogue import LocalPlugin, PluginError, find_local_plugins
from sim.problems import Problem
from sim.registry import Registry
from sim.units import Seconds


@dataclass(frozen=True)
class _Point:
    x: float
    y: int = 0


@dataclass(frozen=True)
class _Plain:
    """Does nothing."""


@dataclass(frozen=True)
class _Rich:
    """Holds every kind of field.

    More lines.
    """

    window: Annotated[int, Field(ge=1, le=10)]
    pause: Seconds = 2.0
    point: _Point = _Point(1.0)
    points: tuple[_Point, ...] = ()
    limit: float | None = None
    labels: tuple[str, ...] = field(default_factory=tuple)
    is_on: bool = True

    def __post_init__(self):
        if self.window == 7:
            raise ValueError("7 is unlucky")


@pytest.fixture
def registry():
    made = Registry("widget", "powsim.no_such_group")
    made.register("plain")(_Plain)
    made.register("rich")(_Rich)
    return made


def _problems(registry, spec):
    with pytest.raises(PluginError) as caught:
        registry.build(spec)
    return {problem.loc: problem.message for problem in caught.value.problems}


def test_names_and_descriptions(registry):
    assert registry.names() == ("plain", "rich")
    assert registry.describe() == {"plain": "Does nothing.", "rich": "Holds every kind of field."}
    assert registry.get("plain") is _Plain


def test_builds_from_name_mapping_and_object(registry):
    assert registry.build("plain") == _Plain()
    assert registry.build({"kind": "plain"}) == _Plain()
    built = registry.build(
        {
            "kind": "rich",
            "window": 3,
            "pause": "1 min",
            "point": {"x": 2},
            "points": [{"x": 1, "y": 4}],
            "labels": ["a"],
        }
    )
    assert type(built) is _Rich
    assert built == _Rich(3, 60.0, _Point(2.0), (_Point(1.0, 4),), None, ("a",), True)
    assert registry.build(built) == built


def test_spec_holds_every_parameter_and_builds_an_equal_object(registry):
    plugin = _Rich(3, pause=0.1, limit=0.1 + 0.2)
    spec = registry.spec_of(plugin)
    assert spec["kind"] == "rich"
    assert spec["pause"] == "0.1 s"
    assert registry.build(spec) == plugin


@pytest.mark.parametrize(
    ("spec", "loc", "message"),
    [
        ("plian", (), 'unknown widget "plian". Did you mean "plain"? Known: plain, rich.'),
        ({"kind": "plian"}, ("kind",), 'unknown widget "plian". Did you mean "plain"? Known: plain, rich.'),
        ({"window": 3}, ("kind",), "is missing; it names the widget. Known: plain, rich."),
        ({"kind": 3}, ("kind",), "must be the name of a widget, not 3. Known: plain, rich."),
        (3, (), "must be the name of a widget, or a mapping with the key kind, not 3"),
        (None, (), "must be the name of a widget, or a mapping with the key kind, not nothing"),
        ("rich", ("window",), "is missing; this key is required"),
        ({"kind": "plain", "x": 1}, ("x",), "unknown key."),
        ({"kind": "rich", "windwo": 3, "window": 1}, ("windwo",), 'unknown key. Did you mean "window"?'),
        ({"kind": "rich", "window": "3"}, ("window",), 'must be a whole number, not "3" (without quotes or unit)'),
        ({"kind": "rich", "window": True}, ("window",), "must be a whole number, not true"),
        ({"kind": "rich", "window": 2.0}, ("window",), "must be a whole number, not 2.0"),
        ({"kind": "rich", "window": 0}, ("window",), "0 must be at least 1"),
        ({"kind": "rich", "window": 11}, ("window",), "11 must be at most 10"),
        ({"kind": "rich", "window": 7}, (), "7 is unlucky"),
        ({"kind": "rich", "window": 1, "limit": math.inf}, ("limit",), "must be a finite number, not inf"),
        ({"kind": "rich", "window": 1, "limit": math.nan}, ("limit",), "must be a finite number, not nan"),
        ({"kind": "rich", "window": 1, "is_on": 1}, ("is_on",), "must be true or false, not 1"),
        ({"kind": "rich", "window": 1, "pause": 3}, ("pause",), '3 has no unit; write for instance "3 s"'),
        ({"kind": "rich", "window": 1, "labels": "a"}, ("labels",), 'must be a list, not "a"'),
        ({"kind": "rich", "window": 1, "point": [1]}, ("point",), "must be a mapping, not a list"),
        ({"kind": "rich", "window": 1, "point": {"x": 1, "z": 1}}, ("point", "z"), "unknown key. Known: x, y."),
        ({"kind": "rich", "window": 1, "points": [{"x": "1"}]}, ("points", 0, "x"), 'must be a number, not "1"'),
        ({"kind": "rich", "window": object()}, (), "no YAML can hold these parameters"),
    ],
)
def test_refusals(registry, spec, loc, message):
    assert _problems(registry, spec)[loc].startswith(message)


def test_all_problems_of_a_spec_at_once(registry):
    spec = {"kind": "rich", "window": 0, "pause": 1, "point": {"x": 1, "q": 2}, "nope": 3}
    assert set(_problems(registry, spec)) == {("window",), ("pause",), ("point", "q"), ("nope",)}


@dataclass(frozen=True)
class _Share:
    share: float


@dataclass(frozen=True)
class _Choice:
    goal: _Point | _Share


def test_places_of_a_union_name_only_what_was_written():
    registry = Registry("widget", "powsim.no_such_group")
    registry.register("choice")(_Choice)
    assert registry.build({"kind": "choice", "goal": {"share": 0.5}}).goal == _Share(0.5)
    problems = _problems(registry, {"kind": "choice", "goal": {"share": "x"}})
    assert problems[("goal", "share")] in {'must be a number, not "x"', "unknown key. Known: share, x, y."}
    assert all(loc[0] == "goal" and loc[1:] in {("share",), ("x",)} for loc in problems)


def test_only_frozen_dataclasses_with_free_names_register(registry):
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("plain")(_Rich)
    with pytest.raises(TypeError, match="frozen dataclass"):
        registry.register("new")(type("Loose", (), {}))
    with pytest.raises(TypeError, match="frozen dataclass"):
        registry.register("new")(dataclass(type("Thawed", (), {})))
    with pytest.raises(TypeError, match='must not be called "kind"'):
        registry.register("new")(dataclass(frozen=True)(type("Kind", (), {"__annotations__": {"kind": str}})))


def test_unregistered_objects_are_refused(registry):
    with pytest.raises(PluginError, match="_Point is not registered as a widget"):
        registry.build(_Point(1.0))


def test_json_schema_stands_alone(registry):
    schema = registry.json_schema()
    assert "$ref" not in str(schema)
    bare, plain, rich = schema["anyOf"]
    assert bare["enum"] == ["plain"]
    assert plain["properties"]["kind"]["const"] == "plain"
    assert rich["required"] == ["kind", "window"]
    assert rich["properties"]["pause"]["default"] == "2 s"
    assert rich["additionalProperties"] is False


def test_errors_cross_processes():
    error = PluginError("widget", [Problem(("a", 0), "wrong")])
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == "widget: a.0: wrong"


def test_a_new_file_in_the_package_is_enough(tmp_path, monkeypatch):
    package = tmp_path / "gadgets_of_a_test"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from sim.registry import Registry\ngadgets = Registry('gadget', 'powsim.no_such_group', package=__name__)\n"
    )
    (package / "one.py").write_text(
        "from dataclasses import dataclass\nfrom gadgets_of_a_test import gadgets\n"
        "@gadgets.register('one')\n@dataclass(frozen=True)\nclass One:\n    'First.'\n    size: int = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from gadgets_of_a_test import gadgets  # the package exists only here

    assert "gadgets_of_a_test.one" not in sys.modules
    assert gadgets.build({"kind": "one", "size": 4}).size == 4


class _Nested(BaseModel, frozen=True, extra="forbid", strict=True):
    n: int


class _EntryPoint:
    name, value, dist = "outside", "outside:Outside", None

    def __init__(self, loaded):
        self._loaded = loaded

    def load(self):
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def test_entry_points_add_plugins(monkeypatch):
    outside = dataclass(frozen=True)(type("Outside", (), {"__annotations__": {"inner": _Nested}, "__doc__": "Far."}))
    monkeypatch.setattr(sim.catalogue, "entry_points", lambda group: [_EntryPoint(outside)])
    registry = Registry("widget", "powsim.widgets")
    assert registry.build({"kind": "outside", "inner": {"n": 2}}).inner == _Nested(n=2)
    assert _problems(registry, {"kind": "outside", "inner": {"n": "2", "m": 1}}).keys() == {
        ("inner", "n"),
        ("inner", "m"),
    }


def test_a_broken_entry_point_is_named(monkeypatch):
    monkeypatch.setattr(sim.catalogue, "entry_points", lambda group: [_EntryPoint(ImportError("no module x"))])
    registry = Registry("widget", "powsim.widgets")
    with pytest.raises(
        PluginError, match=r'cannot load "outside" of an unknown package \(outside:Outside\): no module x'
    ):
        registry.names()


def _define(module: str, name: str = "Halfway", factor: int = 1) -> type:
    made = type(name, (), {"__annotations__": {"size": int}, "size": factor, "__module__": module, "__doc__": "Far."})
    return dataclass(frozen=True)(made)


def test_a_cell_that_is_run_again_replaces_its_plugin():
    registry = Registry("widget", "powsim.no_such_group")
    registry.register("halfway")(_define("__main__", factor=1))
    assert registry.build("halfway").size == 1
    registry.register("halfway")(_define("__main__", factor=2))
    assert registry.build("halfway").size == 2
    with pytest.raises(ValueError, match="registered twice"):
        registry.register("halfway")(_define("elsewhere"))


def test_a_plugin_is_local_unless_a_package_brings_it(monkeypatch):
    outside, mine = _define("outside", "Outside"), _define("__main__", "Mine")
    monkeypatch.setattr(sim.catalogue, "entry_points", lambda group: [_EntryPoint(outside)])
    registry = Registry("widget", "powsim.widgets", package="powsim_of_a_test")
    monkeypatch.setattr(registry, "_load_own", lambda: None)
    registry.register("own")(_define("powsim_of_a_test.own"))
    assert find_local_plugins(registry.build("own")) == set()
    registry.register("mine")(mine)
    holders = [registry.build(name) for name in ("own", "outside", "mine")]
    expected = {LocalPlugin("widget", "mine", "powsim.widgets", "__main__:Mine")}
    assert find_local_plugins({"holders": holders}) == expected
    assert find_local_plugins(_Holder(tuple(holders))) == expected
    assert find_local_plugins(holders[:2]) == set()


def test_a_package_that_was_imported_before_is_not_local(monkeypatch):
    outside = _define("outside", "Outside")
    monkeypatch.setattr(sim.catalogue, "entry_points", lambda group: [_EntryPoint(outside)])
    registry = Registry("widget", "powsim.widgets")
    registry.register("outside")(outside)  # as its module does when a notebook imports it
    assert find_local_plugins(registry.build("outside")) == set()


@dataclass(frozen=True)
class _Holder:
    held: tuple[object, ...]
