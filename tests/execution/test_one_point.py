"""One run of a sweep by itself: the very run that the sweep made."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sim
from sim.cli import app
from sim.errors import UserError


def call(*arguments: object) -> Any:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(done.exception, UserError):
        raise done.exception
    return done


def test_a_point_gives_the_run_of_the_sweep(mini: Path, tmp_path: Path) -> None:
    runs = sim.sweep(mini, workers=0, out=tmp_path / "out").runs.set_index(["point", "replication"])
    for point, replication in ((0, 0), (3, 2), (2, 1)):
        alone = sim.run(mini, point=point, replication=replication)
        assert alone.provenance["trace_hash"] == runs.loc[(point, replication), "trace_hash"]
        assert alone.provenance["seed"] == runs.loc[(point, replication), "seed"]
        assert sim.measures(alone)["nonces_valid"] == runs.loc[(point, replication), "nonces_valid"]
    done = call("run", mini, "--point", 3, "--replication", 2, "--out", tmp_path / "alone")
    assert done.exit_code == 0, done.output
    provenance = json.loads((tmp_path / "alone" / "provenance.json").read_text())
    assert provenance["trace_hash"] == runs.loc[(3, 2), "trace_hash"]
    assert runs["trace_hash"].nunique() > 6, "runs differ"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--point", 4), "--point 4: {file} has the points 0 to 3"),
        (("--point", -1), "--point -1: {file} has the points 0 to 3"),
        (("--point", 0, "--replication", 3), "--replication 3: {file} has the replications 0 to 2"),
        (("--replication", 0), "it goes with --point"),
        (("--point", 0, "--seed", 3), "--seed does not go with --point"),
        (("--point", 0, "--set", "work.rate_facto=3"), 'unknown key. Did you mean "rate_factor"'),
    ],
    ids=str,
)
def test_runs_that_a_sweep_does_not_have_are_told(mini: Path, arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(UserError) as caught:
        call("run", mini, *arguments)
    assert words.format(file=mini) in str(caught.value)


def test_a_point_of_what_is_no_sweep_is_told(mini: Path) -> None:
    mini.write_text(mini.read_text().partition("sweep:")[0])
    with pytest.raises(UserError, match="no `sweep:` section"):
        call("run", mini, "--point", 0)
    for wrong in ({"seed": 3}, {"scenario": {"name": "x"}}):
        with pytest.raises(UserError, match="point=: is of a sweep file"):
            sim.run(**{"scenario": mini, "point": 0, **wrong})


def test_replications_go_as_far_as_until_may_go(mini: Path) -> None:
    from sim.execution.driver import load_point

    text = mini.read_text().replace("replications: 3", "until: {measure: success_rate, half_width: 1, max_runs: 12}")
    mini.write_text(text)
    assert load_point(mini, 0, 11).seed != load_point(mini, 0, 10).seed
    with pytest.raises(UserError, match="replications 0 to 11"):
        load_point(mini, 0, 12)
