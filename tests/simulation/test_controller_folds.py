"""Every registered controller is a fold: one law for numbers and rows, its memory a value, its decisions as before."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.difficulty import controllers
from sim.difficulty.base import Interval, replay, steer
from sim.protocol.blocks.state import EpochObservation

REFERENCE = json.loads((Path(__file__).parent.parent / "data" / "controllers" / "decisions.json").read_text())
N_INTERVALS, N_REPLICATIONS = 60, 5


def list_specs() -> list[dict[str, Any]]:
    """Every controller with its defaults, and with each parameter changed."""
    found = []
    for schema in controllers.json_schema()["anyOf"]:
        if "properties" not in schema:
            continue
        kind, parameters = schema["properties"]["kind"]["const"], schema["properties"]
        required = {name: parameters[name]["examples"][0] for name in schema["required"] if name in ("steps", "rule")}
        usual = {"kind": kind, **required, **({"target": {"valid_nonces_per_epoch": 9}} if has_target(kind) else {})}
        numbers = {name: part for name, part in parameters.items() if "default" in part}
        found += [usual, *({**usual, name: change(part)} for name, part in numbers.items())]
    return found


def has_target(kind: str) -> bool:
    return any(field.name == "target" for field in dataclasses.fields(controllers.get(kind)))


def change(part: dict[str, Any]) -> Any:
    """Another value than the default, within the bounds."""
    value = part["default"]
    if "enum" in part:
        return next(each for each in part["enum"] if each != value)
    if isinstance(value, int):
        return value * 2 if value * 2 <= part.get("maximum", math.inf) else value - 1
    return value * 0.5 + (0.51 if part.get("minimum", 0.0) >= 1.0 else 0.01)


SPECS = pytest.mark.parametrize("spec", list_specs(), ids=lambda spec: "-".join([spec["kind"], *list(spec)[2:]]))


def draw_rows(seed: int) -> list[Interval]:
    """Intervals of all replications: arbitrary difficulties, counts with nothing among them, times by chance."""
    generator, size = np.random.default_rng(seed), (N_INTERVALS, N_REPLICATIONS)
    difficulties = 1e5 * np.exp(generator.normal(0.0, 0.7, size))
    counts = generator.choice([0.0, 1.0, 8.0, 9.0, 9.5, 12.0, 300.0], size)
    times = generator.standard_gamma(2.0, size) / 2.0 + 1e-3
    return [
        Interval(difficulty, count / 9, np.maximum(count, 0.5) / 9, time, np.maximum(count, 0.5), index)
        for index, (difficulty, count, time) in enumerate(zip(difficulties, counts, times, strict=True), 1)
    ]


def pick(row: Interval, replication: int) -> Interval:
    """One replication's numbers."""
    fields = (row.difficulty, row.found, row.ratio, row.time, row.count)
    return Interval(*(float(field[replication]) for field in fields), row.index)  # type: ignore[index]


@SPECS
def test_numbers_and_rows_decide_alike(spec: dict[str, Any]) -> None:
    """Replication by replication, to 1e-12: NumPy's exponentials of one number may differ in the last bit."""
    rows, controller = draw_rows(1), controllers.build(spec)
    together = [np.broadcast_to(decided, N_REPLICATIONS) for decided in replay(controller, rows)]
    for replication in range(N_REPLICATIONS):
        alone = replay(controller, [pick(row, replication) for row in rows])
        assert all(np.ndim(decided) == 0 for decided in alone)
        assert [decided[replication] for decided in together] == pytest.approx(alone, rel=1e-12)


@SPECS
def test_a_memory_is_a_value(spec: dict[str, Any]) -> None:
    """Kept memories decide again as they did, to the bit, whatever has been made of them in between."""
    rows, other, controller = draw_rows(2), draw_rows(3), controllers.build(spec)
    kept, decisions = [controller.start(rows[0])], []
    for row in rows:
        state, decided = controller.decide(kept[-1], row)
        kept.append(state)
        decisions.append(np.array(decided))
    for number in reversed(range(N_INTERVALS)):
        branch = kept[number]
        for row in other[number:]:  # another future
            branch, _ = controller.decide(branch, row)
        state = kept[number]
        for row, before in zip(rows[number:], decisions[number:], strict=True):
            state, decided = controller.decide(state, row)
            assert np.array_equal(decided, before)


def test_every_registered_controller_has_a_reference() -> None:
    assert {row["spec"]["kind"] for row in REFERENCE["decisions"]} == set(controllers.names())


@pytest.mark.parametrize("row", REFERENCE["decisions"], ids=lambda row: row["spec"]["kind"])
@pytest.mark.parametrize("history", REFERENCE["histories"])
def test_decisions_are_those_of_the_laws_on_whole_histories(row: dict[str, Any], history: str) -> None:
    """Another implementation: until 2026-11 each law was written on the list of all epochs so far."""
    target = {"target": {"valid_nonces_per_epoch": REFERENCE["wanted"]}} if has_target(row["spec"]["kind"]) else {}
    past = REFERENCE["histories"][history]
    columns = zip(past["difficulty"], past["valid_nonces"], past["time_ratio"], strict=True)
    intervals = [
        Interval(difficulty, found / 1000, max(found, 0.5) / 1000, time, max(found, 0.5), index)
        for index, (difficulty, found, time) in enumerate(columns, 1)
    ]
    assert len(intervals) == 60
    decided = replay(controllers.build({**row["spec"], **target}), intervals)
    assert [float(each) for each in decided] == pytest.approx(row[history], rel=1e-12)


def test_the_chain_starts_a_memory_once_and_hands_it_on() -> None:
    decide = steer(controllers.build({"kind": "asert", "half_life": 1.0, "target": {"valid_nonces_per_epoch": 100}}))
    control, decided = decide(None, EpochObservation(1, 50.0, 200))
    assert decided == pytest.approx(100.0)
    for _ in range(2):  # the same memory, asked twice
        _, again = decide(control, EpochObservation(2, 70.0, 0))
        assert again == pytest.approx(50.0)
        assert type(again) is float
