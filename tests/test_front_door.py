"""The front door: what `import sim` offers, without files, without folders, in this process."""

import io
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.catalogue import _CATALOGUES
from sim.difficulty import controllers
from sim.difficulty.sma import Sma
from sim.errors import ScenarioError, UserError
from sim.metrics.columns import FRAMES
from sim.metrics.frame_access import FrameOf, HasFrames
from sim.metrics.measures import run_measures
from sim.results import Result

ROOT = Path(__file__).parent.parent
MINI: dict[str, Any] = {
    **{"name": "mini", "seed": 5, "epochs": 1},
    "protocol": {
        **{"epoch_length": 30, "poc_stage_duration": 6, "poc_validation_duration": 6},
        **{"validation_sample_size": 5},
    },
    "work": {"kind": "sphere", "params": "devtest", "rate_factor": 0.01, "startup": "3 s"},
    "network": {"topology": {"kind": "full_mesh"}},
    "hosts": [{"name": "a", "count": 2, "gpus": "8 x H100-SXM", "region": "EUROPE"}],
    "difficulty": {"kind": "proportional", "target": {"valid_nonces_per_epoch": 40}, "max_step": 2.0},
}
GRID = {"work.rate_factor": [0.01, 0.02]}


def blocks_agreed(frames: dict[str, pd.DataFrame]) -> float:
    return len(frames["blocks"])


@pytest.fixture(scope="module")
def swept() -> Any:
    """Two points, twice each, in this process, without a file and without a folder."""
    measures = ["nonces_valid", blocks_agreed, "controller_error"]
    return sim.sweep(MINI, grid=GRID, replications=2, measures=measures, keep=["epochs", "blocks"], workers=0)


# Names


def test_only_public_names_are_shown() -> None:
    code = "import sim, sim.runner; print([name for name in dir(sim) if not name.startswith('_')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert eval(done.stdout) == sorted(sim.__all__)


def test_importing_loads_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "numpy", "simpy", "typer")
    code = f"import sys, sim; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_function_says_what_it_does() -> None:
    for name in sim.__all__:
        assert len(getattr(sim, name).__doc__) > 40, name


# A run


def test_a_file_a_mapping_and_a_loaded_scenario_are_the_same_run(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="safe").dump(MINI, text)
    (tmp_path / "mini.yaml").write_text(text.getvalue())
    sources = [tmp_path / "mini.yaml", MINI, sim.load_scenario(tmp_path / "mini.yaml")]
    hashes = [sim.run(source).provenance["trace_hash"] for source in sources]
    changed = [sim.run(source, seed=6, overrides={"epochs": 2}).provenance["trace_hash"] for source in sources]
    reseeded = {sim.run(source, seed=6).provenance["trace_hash"] for source in sources}
    assert len(set(hashes)) == len(set(changed)) == len(reseeded) == 1
    assert len({*hashes, *changed, *reseeded}) == 3


def test_a_loaded_scenario_is_never_written_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 host groups took 5 seconds of it."""
    import sim.results
    import sim.scenario.load
    from sim.scenario.load import load_scenario

    def refuse(*_: object) -> str:
        raise AssertionError("a scenario was written as text")

    scenario = load_scenario(MINI)
    for module in (sim.results, sim.scenario.load):
        monkeypatch.setattr(module, "dump_scenario", refuse)
    result = sim.run(scenario, seed=3, overrides={"work.rate_factor": 0.02})
    assert result.scenario.seed == 3
    assert result.scenario.work.rate_factor == 0.02


def test_a_mapping_may_hold_numbers_of_numpy_and_its_mistakes_have_paths() -> None:
    assert sim.run({**MINI, "seed": np.int64(5)}).provenance["seed"] == 5
    with pytest.raises(ScenarioError) as caught:
        sim.run({**MINI, "epohcs": 3, "seed": object()})
    told = [str(mistake) for mistake in caught.value.mistakes]
    assert any("seed: a value of type object cannot stand in a scenario" in line for line in told), told
    assert any('epohcs: unknown key. Did you mean "epochs"' in line for line in told), told


def test_wrong_seeds_of_a_loaded_scenario_are_told() -> None:
    from sim.scenario.load import load_scenario

    for seed in (-1, True, "x"):
        with pytest.raises(ScenarioError, match="seed"):
            sim.run(load_scenario(MINI), seed=seed)  # type: ignore[arg-type]


# A result


def test_frames_are_attributes_that_editors_complete(small: Result) -> None:
    declared = {name for name, value in vars(HasFrames).items() if isinstance(value, FrameOf)}
    assert declared == set(FRAMES)
    for name in FRAMES:
        assert getattr(small, name) is small.frames[name]
        assert name in dir(small)
        assert "one row per" in str(getattr(Result, name).__doc__)
    less = Result("name: less\n", {}, {}, {"epochs": small.epochs})
    assert "epochs" in dir(less)
    assert "blocks" not in dir(less)
    with pytest.raises(AttributeError, match="a result has no 'blocks'; its frames are epochs"):
        _ = less.blocks
    with pytest.raises(AttributeError, match="epocs"):
        _ = small.epocs  # type: ignore[attr-defined]


def test_a_result_is_shown_in_a_line_and_in_a_notebook(small: Result, tmp_path: Path) -> None:
    loaded = sim.load_result(small.save(tmp_path / "out"))
    for result in (small, loaded):
        assert repr(result).startswith(f"<Result of {small.name}: 3 epochs, finished, seed ")
        assert len(repr(result)) < 400
        page = result._repr_html_()
        assert "<table" in page
        assert "<code>transactions</code>" in page
    hostile = Result("name: <script>\n", {"status": "finished"}, {"warnings": ["a < b"]}, {})
    assert "<script>" not in hostile._repr_html_()
    assert "a &lt; b" in hostile._repr_html_()


def test_measures_of_a_result(small: Result) -> None:
    found = sim.measures(small)
    assert tuple(found.index) == run_measures.names()
    assert found["nonces_tried"] == small.summary["nonces_tried"]
    named = sim.measures(small, ["weight_gini", blocks_agreed, lambda_of(1 / 3)])
    assert named.to_dict() == {"weight_gini": found["weight_gini"], "blocks_agreed": len(small.blocks), "third": 1 / 3}
    broken = sim.measures(small, [fail])
    assert np.isnan(broken["fail"])
    assert broken.attrs["missing"] == {"fail": "failed: ZeroDivisionError: division by zero"}
    with pytest.raises(UserError, match='Did you mean "weight_gini"'):
        sim.measures(small, ["weight_ginni"])


def lambda_of(value: float) -> Any:
    def third(_: object) -> float:
        return value

    return third


def fail(_: object) -> float:
    return 1 / 0


# A sweep without a file and without a folder


def test_a_sweep_in_this_process_leaves_nothing_on_disk(swept: Any, tmp_path: Path) -> None:
    assert swept.folder is None
    assert swept.is_finished
    assert list(swept.measures) == ["nonces_valid", "blocks_agreed", "controller_error"]
    assert swept.runs["blocks_agreed"].tolist() == [
        len(run) for _, run in swept.blocks.groupby(["point", "replication"])
    ]
    assert swept.runs["work.rate_factor"].tolist() == [0.01, 0.01, 0.02, 0.02]
    assert swept.missing.empty
    assert swept.runs["error"].isna().all()


def test_its_runs_are_those_of_workers_and_folders(swept: Any, tmp_path: Path) -> None:
    measures = ["nonces_valid", "controller_error"]
    arguments: dict[str, Any] = {"grid": GRID, "replications": 2, "measures": measures, "keep": ["epochs", "blocks"]}
    stored = sim.sweep(MINI, **arguments, workers=1, out=tmp_path / "out")
    assert stored.folder == tmp_path / "out"
    pd.testing.assert_frame_equal(stored.runs, swept.runs.drop(columns="blocks_agreed"))
    for name in ("epochs", "blocks"):
        pd.testing.assert_frame_equal(getattr(stored, name), getattr(swept, name))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("frames", "missing.parquet", "provenance.json", "runs.parquet", "sweep.yaml", "timings.parquet")
    ]
    pd.testing.assert_frame_equal(sim.load_sweep(tmp_path / "out").blocks, swept.blocks)


def test_kept_frames_are_those_of_the_runs(swept: Any) -> None:
    assert swept.kept == ("epochs", "blocks")
    assert swept.epochs[["point", "replication"]].values.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    row = swept.runs.iloc[3]
    alone = sim.run(MINI, seed=int(row["seed"]), overrides={"work.rate_factor": 0.02})
    assert alone.provenance["trace_hash"] == row["trace_hash"]
    for name in ("epochs", "blocks"):
        kept = swept.get_frame(name).query("point == 1 and replication == 1").drop(columns=["point", "replication"])
        pd.testing.assert_frame_equal(kept.reset_index(drop=True), alone.get_frame(name))
    with pytest.raises(AttributeError, match=r"did not keep the frame 'rewards'; it keeps epochs, blocks \(`keep: "):
        _ = swept.rewards
    assert "blocks" in dir(swept)
    assert "rewards" not in dir(swept)


def test_a_sweep_is_shown_in_a_line_and_in_a_notebook(swept: Any) -> None:
    assert repr(swept) == (
        "<SweepResult of mini: 4 runs at 2 points, varied: work.rate_factor; frames: epochs, blocks>"
    )
    assert "<td>0.02</td>" in swept._repr_html_()
    failed = sim.sweep(MINI, grid=GRID, measures=[fail], workers=0)
    assert "measure fail is missing in 2 of 2 runs: ZeroDivisionError: division by zero" in failed._repr_html_()
    assert failed.missing["is_failure"].all()
    assert failed.runs["error"].isna().all()


def test_sweeps_are_compared(swept: Any, tmp_path: Path) -> None:
    found = sim.compare(swept, measures=["nonces_valid"])
    assert found["difference"].iloc[0] > 0
    stored = sim.sweep(MINI, grid=GRID, replications=2, measures=["nonces_valid"], workers=0, out=tmp_path / "out")
    assert (sim.compare(swept, stored.folder, measures=["nonces_valid"])["difference"] == 0).all()
    with pytest.raises(UserError, match="goes with one sweep"):
        sim.compare(swept, stored, baseline=1)


def test_a_scenario_file_is_varied_without_a_sweep_file() -> None:
    found = sim.sweep(
        ROOT / "tests" / "data" / "small.yaml",
        grid={"epochs": [2], "protocol.r_target": np.array([1.3, 1.4])},
        overrides={"work.kind": "sphere"},
        workers=0,
    )
    assert (found.folder, len(found.runs), found.runs["epochs"].tolist()) == (None, 2, [2, 2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "no `sweep:` section"),
        (
            {"grid": {"work.rate_facto": [1.0]}},
            'sim.sweep(grid=...): work.rate_facto: unknown key. Did you mean "rate_fac',
        ),
        ({"grid": GRID, "keep": ["epocs"]}, 'unknown frame "epocs". Did you mean "epochs"'),
        ({"grid": GRID, "measures": ["weight_ginni"]}, 'Did you mean "weight_gini"'),
        ({"grid": GRID, "measures": [lambda frames: 1.0]}, "define it with `def`"),
        ({"grid": {"epochs": [1, 1]}}, "sim.sweep(grid=...): sweep.grid.epochs: the value 1 stands here twice"),
        ({"grid": {"epochs": 3}}, "sim.sweep(grid=...)"),
        ({"replications": 0}, "sim.sweep(replications=...): sweep.replications: 0 must be at least 1"),
    ],
)
def test_mistakes_of_a_call_are_told_at_its_arguments(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError) as caught:
        sim.sweep(MINI, **arguments, workers=0)
    assert words in str(caught.value)


def test_a_measure_called_like_a_column_is_told() -> None:
    def epochs(_: object) -> float:
        return 1.0

    with pytest.raises(UserError, match='a measure called "epochs": the table of runs has another column'):
        sim.sweep(MINI, grid={"epochs": [1, 2]}, measures=[epochs], workers=0)


def test_a_measure_cannot_outlive_the_time_limit() -> None:
    def endless(_: object) -> float:
        try:
            while True:
                time.sleep(0.01)
        except Exception:
            return 1.0

    limited = {**MINI, "sweep": {"time_limit": "1 s"}}
    runs = sim.sweep(limited, measures=["nonces_valid", endless], workers=0).runs
    assert runs["error"].tolist() == ["TimeLimitError: took longer than the time limit of 1 s"]


def test_an_interrupt_ends_a_sweep_in_this_process(tmp_path: Path) -> None:
    """What was finished is on disk, and the rest can be done."""
    calls = []

    def interrupted(frames: dict[str, pd.DataFrame]) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return len(frames["blocks"])

    arguments: dict[str, Any] = {"grid": GRID, "replications": 2, "measures": [interrupted], "workers": 0}
    with pytest.raises(KeyboardInterrupt):
        sim.sweep(MINI, **arguments, out=tmp_path / "out")
    assert 1 <= len(sim.load_sweep(tmp_path / "out").runs) <= 2
    assert len(sim.sweep(MINI, **arguments, resume=tmp_path / "out").runs) == 4


# Labs and searches


LAB = {
    **{"name": "pair", "seed": 1, "spacing": "10 min", "decisions": 60, "replications": 4},
    **{"controllers": ["fixed", {"kind": "sma", "window": 20}], "curves": ["constant"]},
}


def test_a_lab_from_a_mapping_is_that_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pair.yaml"
    file.write_text(
        "name: pair\nseed: 1\nspacing: 10 min\ndecisions: 60\nreplications: 4\n"
        "controllers: [fixed, {kind: sma, window: 20}]\ncurves: [constant]\n"
    )
    found = [sim.lab(source, out=tmp_path / str(k)).races for k, source in enumerate((file, LAB))]
    pd.testing.assert_frame_equal(*found)
    with pytest.raises(UserError, match='Did you mean "window"'):
        sim.lab({**LAB, "controllers": [{"kind": "sma", "widnow": 3}]}, out=tmp_path / "wrong")
    with pytest.raises(UserError, match="tracking_error"):
        sim.lab(LAB, rank_by="traking_error", out=tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_a_search_in_this_process(tmp_path: Path) -> None:
    file = ROOT / "tests" / "data" / "tune_small.yaml"
    result = sim.search(file, out=tmp_path / "out", workers=1, overrides={"trials": 2})
    assert result.folder == tmp_path / "out"
    assert (tmp_path / "out" / "summary.json").is_file()


# What workers would not know


@dataclass(frozen=True)
class Halving:
    """Halves the difficulty."""

    target: None = None

    def start(self, first: Any) -> None:
        return None

    def decide(self, state: None, interval: Any) -> tuple[None, Any]:
        return None, interval.difficulty / 2


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller and a measure that only this process knows, until the test ends."""
    for catalogue in list(_CATALOGUES):
        catalogue.names()
        monkeypatch.setattr(catalogue, "_plugins", dict(catalogue._plugins))
    controllers.register("halving")(Halving)

    @run_measures.register(unit="blocks")
    def blocks_of_mine(frames: dict[str, pd.DataFrame]) -> float:
        """Blocks that were agreed on."""
        return len(frames["blocks"])


def test_what_a_cell_defines_is_swept_in_this_process(registered: None) -> None:
    found = sim.sweep(MINI, grid={"difficulty": ["fixed", "halving"]}, overrides={"epochs": 2}, workers=0)
    assert found.runs["error"].isna().all()
    assert found.runs["blocks_of_mine"].tolist() == [89, 89]
    assert found.measures["blocks_of_mine"].unit == "blocks"


def test_workers_would_not_know_it_and_that_is_said_before_anything_starts(registered: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError) as caught:
        sim.sweep(MINI, grid={"difficulty": ["fixed", "halving"]}, measures=["weight_gini", fail], out=out, workers=2)
    assert str(caught.value).splitlines() == [
        f'workers will not know the controller "halving" ({__name__}:Halving), the measure "fail" ({__name__}:fail): '
        "registered in this process only.",
        "Run the sweep in this process, with workers=0; or put the code into a package whose pyproject.toml says",
        '  [project.entry-points."powsim.difficulty"]',
        f'  halving = "{__name__}:Halving"',
        '  [project.entry-points."powsim.measures"]',
        f'  fail = "{__name__}:fail"',
        "and install it where the workers run (docs/plugins.md: In a package of your own)",
    ]
    assert not out.exists()
    for where in ({}, {"scheduler": "tcp://127.0.0.1:1"}, {"slurm": tmp_path / "jobs.yaml"}):
        with pytest.raises(UserError, match='the measure "blocks_of_mine"'):
            sim.sweep(MINI, grid=GRID, **where)


def test_a_search_says_it_before_it_starts_as_well(registered: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    section = {"parameters": {"difficulty": {"choices": ["fixed", "halving"]}}, "objective": "weight_gini"}
    with pytest.raises(UserError) as caught:
        sim.search({**MINI, "search": section}, out=out, workers=2)
    first, second, *_ = str(caught.value).splitlines()
    assert first.startswith(f'workers will not know the controller "halving" ({__name__}:Halving), the measure "blocks')
    assert second.startswith("Run the search in this process, with workers=0; or put the code into a package")

    @controllers.register("mean")
    @dataclass(frozen=True)
    class Mean(Sma):
        """A simple average by another name."""

    races = {"parameters": {"decisions": {"choices": [50, 60]}}, "objective": "noise"}
    with pytest.raises(UserError, match='the controller "mean"'):
        sim.search({**LAB, "controllers": ["mean"], "search": races}, out=out, workers=2)
    assert not out.exists()


def test_a_kind_of_work_is_a_plugin_too(registered: None) -> None:
    from sim.work import works
    from sim.work.kinds import SphereKind

    @works.register("abacus")
    @dataclass(frozen=True)
    class Abacus(SphereKind):
        """Counts beads."""

    with pytest.raises(UserError, match=r'the kind of work "abacus" .*: registered in this process only'):
        sim.sweep(MINI, grid={"work.kind": ["sphere", "abacus"]}, measures=["nonces_valid"], workers=1)
    found = sim.sweep(MINI, grid={"work.kind": ["sphere", "abacus"]}, measures=["nonces_valid"], workers=0)
    assert found.runs["nonces_valid"].nunique() == 1


def test_a_plugin_that_no_point_uses_keeps_nobody_from_sweeping(registered: None) -> None:
    from sim.execution.known import check_workers_know
    from sim.execution.sweep_file import make_sweep, open_sweep

    sweep = make_sweep(open_sweep(MINI, {"grid": GRID})[0])
    variants = [point.scenario_json for point in sweep.points]
    check_workers_know("sweep", variants, run_measures.choose(["weight_gini"]))
