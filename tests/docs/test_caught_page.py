"""The page "What is caught and what is not": its numbers, counted again row by row."""

import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from ruamel.yaml import YAML

import sim
from sim.execution.table import SweepResult
from sim.strategies import strategies

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))
import caught_page  # noqa: E402

CHEATS = [
    "honest",
    {"kind": "overclaim", "excess": 0.03},
    {"kind": "duplicate", "within": "batch"},
    "tiny_claim",
]
VERSIONS = ["v0.2.0", "v0.2.6"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    """One epoch of the page's network with three cheats."""
    axes = {"protocol.version": VERSIONS, "hosts.suspect.strategy": CHEATS}
    folder = tmp_path_factory.mktemp("cheats") / "out"
    return sim.sweep(caught_page.FILE, grid=axes, replications=2, overrides={"epochs": 1}, workers=0, out=folder)


def count_gain(swept: SweepResult, point: int, replication: int) -> float:
    """Weight per operation of the suspects in a run over that of its honest twin, the first point of the version."""
    yields = []
    for each in (point, point - point % len(CHEATS)):
        rows = [
            row
            for row in swept.participants.itertuples()
            if (row.point, row.replication) == (each, replication) and row.participant.startswith("suspect")
        ]
        weight = sum(row.claimed_weight for row in rows if row.is_accepted)
        yields.append(weight / sum(row.work_operations for row in rows))
    return yields[0] / yields[1]


def test_its_numbers_are_those_of_twins(swept: SweepResult) -> None:
    numbers = caught_page.read_cheats(swept).set_index(["version", "cheat"])
    for place, version in enumerate(VERSIONS):
        gains = [count_gain(swept, place * len(CHEATS) + 1, each) for each in (0, 1)]
        row = numbers.loc[(version, "overclaim, excess 0.03")]
        assert row["gain"] == pytest.approx(statistics.mean(gains))
        assert row["error"] == pytest.approx(statistics.stdev(gains) / 2**0.5)
        assert row["others lose"] == 0
    free = numbers.loc[("v0.2.0", "tiny_claim")]
    assert (free["gain"], free["found out"]) == (float("inf"), 0)
    assert 0 < free["weight"] < 0.01
    assert numbers.loc[("v0.2.0", "duplicate, within batch"), "gain"] > 1.5, "the launch counts each copy"


def test_the_table_and_the_figure_show_every_cheat(swept: SweepResult) -> None:
    numbers = caught_page.read_cheats(swept)
    lines = caught_page.write_cheats(numbers).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        f"| `{name}`" for name in ("overclaim, excess 0.03", "duplicate, within batch", "tiny_claim")
    ]
    cells = lines[3].split(" | ")
    assert "of the weight from no work" in lines[4]
    assert cells[3:5] == ["*none*", "*none*"], "v0.2.6 counts a nonce once"
    figure = Figure()
    caught_page.draw_cheats(figure, numbers)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(dict.fromkeys(numbers["cheat"]))


def test_every_strategy_has_a_line() -> None:
    """But for `mixed`, the grammar of the searches, honest as it stands, and `challenge`, which is no cheat."""
    listed = YAML(typ="safe", pure=True).load(caught_page.FILE)["sweep"]["grid"][caught_page.STRATEGY]
    shown = {caught_page.show_block(block).split(",")[0] for block in listed}
    assert shown == {*strategies.names()} - {"mixed", "challenge"}


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("lazy", "lazy"),
        ({"kind": "censor", "victims": ["a", "b"]}, "censor, victims a, b"),
        ({"kind": "precompute", "guess": "0" * 64}, "precompute, guess ..."),
    ],
)
def test_a_cheat_is_shown_as_a_line(block: Any, shown: str) -> None:
    assert caught_page.show_block(block) == shown
