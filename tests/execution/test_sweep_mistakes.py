"""What is wrong in a sweep file is told at its place, before anything runs."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sim.errors import ScenarioError, UserError
from sim.execution.cluster import open_scheduler
from sim.execution.sweep_file import load_sweep_file
from sim.metrics.measures import run_measures

ROOT = Path(__file__).parent.parent.parent
BASE = (ROOT / "tests" / "data" / "small.yaml").read_text()
FIRST = BASE.count("\n") + 1  # the line of `sweep:`


def mistakes(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_sweep_file(file, (), run_measures.names())
    return [str(mistake).removeprefix(f"{file}:") for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("section", "place", "words"),
    [
        ("grid: {difficulty.max_stpe: [1.5, 2]}", "1:10", 'unknown key. Did you mean "max_step"'),
        ("grid:\n    difficutly.max_step: [1.5, 2]", "2:5", 'difficutly: unknown key. Did you mean "difficulty"'),
        ("grid: {hosts.bgi.count: [1, 2]}", "1:10", 'no item "bgi"'),
        ("grid: {difficulty.max_step: [1.5, -2]}", "1:37", "-2 must be more than 1"),
        ("grid: {protocol.block_time: [5 s, 5.6]}", "1:37", "has no unit"),
        ("grid: {epochs: []}", "1:10", "at least 1 item"),
        ("grid: {epochs: 3}", "1:10", "must be a list"),
        ("grid: {}", "1:3", "at least 1 item"),
        ("grid: {epochs: [1, 1]}", "1:10", "twice"),
        ("grid: {epochs: [3], epochs: [2]}", "1:23", "already given"),
        ("grid: {seed: [1, 2]}", "1:10", "cannot be an axis"),
        ("grid: {work.threads: [1, 2]}", "1:10", "cannot be an axis"),
        ("gird: {epochs: [1]}", "1:3", 'Did you mean "grid"'),
        ("list: [{epochs: 1}, {work.rate_factor: 2.0}]", "1:23", "differ in epochs, work.rate_factor"),
        ("list: [{}]", "1:10", "names no axis"),
        ("zip: {epochs: [1, 2], hosts.0.count: [1]}", "1:3", "epochs 2, hosts.0.count 1"),
        ("grid: {epochs: [2]}\n  zip: {epochs: [3]}", "2:9", "varied in grid already"),
        ("sobol: {n: 4, ranges: {epochs: [3, 1]}}", "1:26", "must be less than"),
        ("sobol: {n: 4, ranges: {protocol.block_time: [3 s, 10 min]}}", "1:26", "same unit"),
        ("sobol: {n: 4, ranges: {protocol.block_time: [fast, slow]}}", "1:26", "must be a number or a quantity"),
        ("sobol: {n: 0, ranges: {epochs: [1, 3]}}", "1:11", "at least 1"),
        ("latin_hypercube: {n: 4, ranges: {difficulty.max_step: [0.1, 0.5]}}", "1:36", "must be more than 1"),
        ("replications: 0", "1:3", "at least 1"),
        ("time_limit: 60", "1:3", "has no unit"),
        ("until: {measure: succes_rate, half_width: 0.1, max_runs: 20}", "1:11", 'Did you mean "success_rate"'),
        ("until: {measure: success_rate, half_width: 0, max_runs: 20}", "1:34", "more than 0"),
        (
            "measures: [success_rate, weight_ginny]",
            "1:28",
            'unknown measure "weight_ginny". Did you mean "weight_gini"',
        ),
        ("measures: [weight_gini, weight_gini]", "1:3", "stands here twice"),
        ("measures: []", "1:3", "at least 1 item"),
        (
            "measures: [weight_gini]\n  until: {measure: success_rate, half_width: 0.1, max_runs: 20}",
            *("2:11", 'unknown measure "success_rate". Known: weight_gini'),
        ),
        ("grid: {epochs: [2, 3], work.kind: [sphere, sphre]}", "1:46", 'Did you mean "sphere"'),
        ("grid: {difficulty: [fixed, {kind: fixed}]}", "1:10", "are the same scenario"),
    ],
)
def test_each_mistake_has_its_place(tmp_path: Path, section: str, place: str, words: str) -> None:
    line, column = place.split(":")
    found = mistakes(tmp_path, f"{BASE}sweep:\n  {section}\n")
    assert len(found) == 1
    assert found[0].startswith(f"{FIRST + int(line)}:{column}: "), found
    assert words in found[0]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    section = "sweep:\n  grid:\n    difficulty.max_stpe: [1]\n    work.rate_factor: [-1.0]\n    hosts.0.cuont: [1, 2]\n"
    assert [text.split(":")[0] for text in mistakes(tmp_path, BASE + section)] == [
        str(FIRST + line) for line in (2, 3, 4)
    ]


def test_too_many_points_are_refused_before_they_are_made(tmp_path: Path) -> None:
    axes = ", ".join(f"hosts.{index}.count: [{', '.join(map(str, range(1, 100)))}]" for index in range(4))
    assert "96059601 points" in mistakes(tmp_path, f"{BASE}sweep: {{grid: {{{axes}}}}}\n")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\n", "no `sweep:` section"),
        ("- 1\n", "no `sweep:` section"),
        ("scenario: base.yml\nsweep: {}\n", "no such file"),
        ("scenario: 3\nsweep: {}\n", "must be a file's name, not 3"),
        ("scenario: base.yaml\nepochs: 3\nsweep: {}\n", "2:1: epochs: unknown key beside `scenario:`"),
        ("scenario: x.yaml\nsweep: {}\n", "must be a scenario, no sweep"),
    ],
)
def test_files_that_are_no_sweep(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    assert words in mistakes(tmp_path, text)[0]


def test_a_mistake_in_the_named_scenario_is_shown_there(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text(BASE.replace("epochs: 3", "epohcs: 3"))
    found = mistakes(tmp_path, "scenario: base.yaml\nsweep: {grid: {work.rate_factor: [0.1, 0.2]}}\n")
    assert any(text.startswith(f"{base}:4:1: epohcs: unknown key") for text in found)


def test_the_logs_of_dask_are_as_before_after_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are silent while powsim connects, and speak again for whoever else uses dask in this process."""
    logger, found = logging.getLogger("distributed.client"), []

    def refuse(*address: object, **options: object) -> None:
        found.append(logger.level)
        raise OSError("nobody there")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=refuse))
    before = logger.level
    logger.setLevel(logging.INFO)
    with pytest.raises(UserError, match="no scheduler answers"), open_scheduler("tcp://a:8786", None, print):
        pass
    assert (found, logger.level) == ([logging.CRITICAL], logging.INFO)
    logger.setLevel(before)
