"""A controller of somebody else that raises, whatever it raises, is told at its place before a lab begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers
from sim.difficulty.target import Target
from sim.errors import ScenarioError
from sim.race.lab_file import load_lab

LAB = (
    "name: l\nspacing: 10 min\ndecisions: 20\nwarm_up: 200\ncontrollers: [fixed, raises_at_once]\ncurves: [constant]\n"
)


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    controllers.names()  # all others are loaded before the copy
    monkeypatch.setattr(controllers, "_plugins", dict(controllers._plugins))

    @controllers.register("raises_at_once")
    @dataclass(frozen=True)
    class RaisesAtOnce:
        """Looks into an empty table."""

        target: Target

        def start(self, first: Interval) -> None:
            """Nothing is remembered."""

        def decide(self, state: None, interval: Interval) -> tuple[None, Numbers]:
            """Raise what no reader expects."""
            raise KeyError("table")

    return


def test_a_controller_that_raises_at_once(tmp_path: Path, raising: None) -> None:
    (tmp_path / "lab.yaml").write_text(LAB)
    with pytest.raises(ScenarioError, match=r"controllers\.1: raises_at_once raises at its first decisions: KeyError"):
        load_lab(tmp_path / "lab.yaml")
