"""Incidents of the network and their repairs: each pair of files in scenarios/incidents, harm and repair as an effect.

The intervals are at 95 %, of three to six common seeds that are fixed. All pairs together take some 80 s of one core;
the bar is 90 s.
"""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.scenario.load import load_scenario
from sim.scenario.warnings import find_warnings

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))  # its page is written from the same runs
INCIDENTS: Any = importlib.import_module("incidents")
FOLDER = ROOT / "scenarios" / "incidents"
FAST = (
    "duplicate-nonces",
    "overlapping-ranges",
    "predictable-sample",
    "silenced-validator",
    "skipped-layers",
    "cap-collapse",
)
# Harm and repair in the unit of the page, and how far the mean over seeds may be from them.
EFFECTS = {
    "short-validation": (0, 100, 5),
    "member-page": (0, 100, 0.1),
    "duplicate-nonces": (200, 100, 15),
    "overlapping-ranges": (119, 100, 3),
    "predictable-sample": (150, 100, 5),
    "tiny-claims": (50, 0, 0.1),
    "silenced-validator": (76, 100, 15),
    "skipped-layers": (400, 0, 60),
    "unproven-weight": (50, 11, 3),
    "slot-hogging": (62, 0, 10),
    "alphabetical-slots": (25, 17, 2),
    "rented-hardware": (100, 0, 0.1),
    "empty-confirmation": (100, 0, 0.1),
    "unscaled-r-target": (39.4, 98, 2),
    "truncated-batches": (87.4, 99.7, 2.5),
    "silent-third": (0, 100, 0.1),
    "hardware-added-late": (100, 0, 0.1),
    "cap-collapse": (0, 61, 8),
    "weight-jump": (41.7, 12.5, 0.5),
}
# As the network published it, and how far from it the runs may be: fleets are small, and not the network's.
PUBLISHED = {
    "unproven-weight": (15, None),  # of 124 ML nodes whose hosts have one to fifteen: the half is rounded down
    "empty-confirmation": (0.1, None),
    "unscaled-r-target": (2, 2),
    "truncated-batches": (2.5, None),
    "cap-collapse": (0.1, 20),  # of other weights: the largest keep two sevenths here
}
ALL = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in EFFECTS]


@pytest.mark.parametrize("name", ALL)
def test_a_repair_takes_the_harm_away(name: str) -> None:
    incident, twins = INCIDENTS.INCIDENTS[name], INCIDENTS.run_twins(name)
    before, after, near = EFFECTS[name]
    measured = [incident.measure(curves).mean() for curves in (twins.harmed, twins.fixed)]
    assert measured == pytest.approx([before, after], abs=near)
    effect = INCIDENTS.compute_effect(name, twins)
    assert effect.excludes(0.0)
    assert effect.low <= effect.estimate <= effect.high
    assert (effect.high if after < before else -effect.low) < 0
    for value, told, room in zip(measured, incident.published, PUBLISHED.get(name, (None, None)), strict=True):
        assert (told is None) == (room is None), "what was published is held against the run"
        assert told is None or value == pytest.approx(told, abs=room)


def test_every_pair_is_an_incident_with_a_place_on_the_page() -> None:
    files = {file.stem for file in FOLDER.glob("*.yaml")}
    names = {name for name in files if not name.endswith("-fixed")}
    assert files == names | {f"{name}-fixed" for name in names}
    assert list(INCIDENTS.INCIDENTS) == list(EFFECTS)
    assert names == set(EFFECTS)
    page = (ROOT / "docs" / "incidents.md").read_text(encoding="utf-8")
    for name in names:
        assert f"<!-- begin: {name} -->" in page
        assert f"`scenarios/incidents/{name}.yaml`" in page
        assert f"(images/incident_{name.replace('-', '_')}.png)" in page
        assert (ROOT / "docs" / "images" / f"incident_{name.replace('-', '_')}.png").is_file()


@pytest.mark.parametrize("name", EFFECTS)
def test_twins_differ_in_what_their_headers_say(name: str) -> None:
    harmed, fixed = ({**read(file)} for file in (name, f"{name}-fixed"))
    for tree, own in ((harmed, name), (fixed, f"{name}-fixed")):
        assert tree.pop("name") == own
    first, second = (flatten(tree.pop("protocol")) for tree in (harmed, fixed))
    assert harmed == fixed
    differing = {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
    assert differing
    for text in (find_header(name), find_header(f"{name}-fixed")):
        twin = text[text.index("# Twin: ") :]
        assert {key for key in first.keys() | second.keys() if re.search(rf"\b{key}\b", twin)} == differing
        assert "# Look at: " in text
    assert all(f"# {part}: " in find_header(name) for part in ("When", "Source", "Published"))
    assert find_header(name).partition("\n# Twin")[2] == find_header(f"{name}-fixed").partition("\n# Twin")[2]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.stem)
def test_nothing_is_doubted_but_what_the_header_says(file: Path) -> None:
    told = re.findall(r"^# Doubted, for that is the point: (.*)\.$", find_header(file.stem), re.MULTILINE)
    found = [problem.message for problem in find_warnings(load_scenario(file))]
    assert len(found) == len(told)
    assert all(doubt in message for doubt, message in zip(told, found, strict=True))


def read(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")
    return tree


def find_header(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").partition("\nname: ")[0]


def flatten(protocol: dict[str, Any]) -> dict[str, object]:
    """Keys of `protocol` and of its rules, each under its own name."""
    return {**{key: value for key, value in protocol.items() if key != "rules"}, **protocol.get("rules", {})}
