"""powsim: simulate a whole decentralized proof-of-work network whose work is an AI computation.

    import sim
    result = sim.run("scenarios/baseline.yaml")
    result.epochs            # a pandas DataFrame, one row an epoch
    sim.measures(result)     # the run in numbers
    result.save("results/mine")
    sim.sweep("scenarios/baseline.yaml", grid={"work.rate_factor": [0.01, 0.02]}, replications=5).runs

Importing `sim` loads neither torch nor pandas; they are loaded when something runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from sim.execution.table import SweepResult
    from sim.metrics.frames import Frames
    from sim.results import Result
    from sim.scenario.schema import Scenario
    from sim.studies.lab import LabResult
    from sim.studies.search import SearchResult

__version__ = "0.1.0"
__all__ = ["compare", "lab", "load_result", "load_scenario", "load_sweep", "measures", "run", "search", "sweep"]


def __dir__() -> list[str]:
    """Return the public names only, not those that this file needs itself."""
    return [*__all__, "__doc__", "__version__"]


def load_scenario(path: str | PathLike[str]) -> Scenario:
    """Read and check a scenario file; raises `sim.errors.ScenarioError` with every mistake at once."""
    from sim.scenario.load import load_scenario as load

    return load(path)


def run(
    scenario: str | PathLike[str] | Mapping[str, object] | Scenario,
    *,
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    point: int | None = None,
    replication: int = 0,
    progress: bool = False,
) -> Result:
    """Run a scenario and return its frames; nothing is written.

    `scenario`: a file, a mapping with the same keys, or a scenario that is loaded. `overrides`: dotted keys with new
    values. `point`: `scenario` is a sweep file, of which this point's run with this `replication` is done, bit by bit
    as the sweep does it. Raises `sim.errors.UserError`.
    """
    from sim.runner import run as run_scenario

    if point is not None:
        scenario, overrides = _load_point(scenario, point, replication, seed, overrides), None
    return run_scenario(scenario, seed=seed, overrides=overrides, progress=progress)


def _load_point(
    scenario: object, point: int, replication: int, seed: int | None, overrides: Mapping[str, object] | None
) -> Scenario:
    from sim.errors import UserError
    from sim.execution.driver import load_point

    if not isinstance(scenario, (str, PathLike)) or seed is not None:
        raise UserError("point=: is of a sweep file, whose seed and replication= decide on the seed")
    return load_point(scenario, point, replication, overrides or {})


def load_result(folder: str | PathLike[str]) -> Result:
    """Load the frames, the summary and the provenance of a results folder."""
    from sim.results import load_result as load

    return load(folder)


def measures(result: Result, chosen: Sequence[str | Callable[[Frames], float]] | None = None) -> pd.Series[float]:
    """Return a run in numbers, a measure a row, NaN where it has no value; by default all of `powsim list measures`.

    `chosen`: names, or functions from a result's frames to a number. `attrs["missing"]` of the returned series has
    the reasons by measure. Raises `sim.errors.UserError` for an unknown name.
    """
    import pandas as pd

    from sim.metrics.measures import run_measures, take_measures

    taken = run_measures.choose(chosen)
    found = take_measures(result.frames, taken)
    series = pd.Series(found.values, index=[measure.name for measure in taken], dtype="float64", name=result.name)
    series.attrs["missing"] = found.missing
    return series


def sweep(
    scenario: str | PathLike[str] | Mapping[str, object] | Scenario,
    *,
    grid: Mapping[str, Sequence[object]] | None = None,
    replications: int | None = None,
    measures: Sequence[str | Callable[[Frames], float]] | None = None,
    keep: Sequence[str] | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    scheduler_file: str | PathLike[str] | None = None,
    slurm: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    resume: str | PathLike[str] | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run a scenario at every point of a grid, several times each, and return one row a run.

    `scenario`: a sweep file; or a scenario (a file, a mapping, or loaded), varied by `grid`: dotted keys with their
    values, every combination. `replications`: runs of each point, each with its own seed. `measures`: names or
    functions from a result's frames to a number (all registered ones by default). `keep`: names of frames, which the
    result then has of every run. Each of these replaces a sweep file's own.

    `workers` processes on this machine (one a processor by default; 0: this process, which knows functions and plug-ins
    that a notebook's cell defines), or the dask scheduler at an address or in the file that it wrote, or SLURM jobs
    described in a file.

    A sweep file leaves a folder (`out`, by default results/<name>/<time>-<hash>), from which `resume` goes on after a
    kill. A scenario leaves one only with `out`; without, all is in memory, and a kill loses it.

    A script that calls this with local workers needs `if __name__ == "__main__":`, for its processes are spawned.
    Raises `sim.errors.UserError`, also where workers would not know a plug-in or a measure.
    """
    from sim.execution.driver import run_sweep
    from sim.execution.where import WorkerChoice

    given = {"grid": grid, "replications": replications, "keep": keep}
    return run_sweep(
        scenario,
        WorkerChoice(workers, scheduler, _as_path(scheduler_file), _as_path(slurm)),
        section={key: value for key, value in given.items() if value is not None},
        measures=measures,
        out=_as_path(out),
        resume=_as_path(resume),
        overrides=overrides or {},
        progress=progress,
    )


def _as_path(path: str | PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def load_sweep(folder: str | PathLike[str]) -> SweepResult:
    """Load a sweep's results folder; of an unfinished sweep, the runs that have finished so far."""
    from sim.execution.table import load_sweep as load

    return load(folder)


def compare(
    a: SweepResult | str | PathLike[str],
    b: SweepResult | str | PathLike[str] | None = None,
    *,
    baseline: int | None = None,
    measures: Sequence[str] | None = None,
    common: bool = False,
) -> pd.DataFrame:
    """Return paired differences with their intervals: b - a of two sweeps, or of one sweep's points from a baseline.

    `a`, `b`: results of sweeps, or their folders. `baseline`: the point that the others are compared with, the first
    one by default. `common` leaves out points and replications that only one side has. Raises `sim.errors.UserError`.
    """
    from sim.errors import UserError
    from sim.execution.table import SweepResult
    from sim.studies.compare import compare as compare_sweeps
    from sim.studies.compare import compare_points

    first = a if isinstance(a, SweepResult) else load_sweep(a)
    if b is None:
        return compare_points(first, baseline, measures=measures, common=common)
    if baseline is not None:
        raise UserError("baseline= names a point of one sweep: it goes with one sweep, not with two")
    second = b if isinstance(b, SweepResult) else load_sweep(b)
    return compare_sweeps(first, second, measures=measures, common=common)


def lab(
    source: str | PathLike[str] | Mapping[str, object],
    *,
    seed: int | None = None,
    rank_by: str = "tracking_error",
    baseline: str | None = None,
    out: str | PathLike[str] | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> LabResult:
    """Race controllers against compute curves; return the tables that the results folder holds.

    `source`: a lab file, or a mapping with the same keys. `rank_by`: the measure that ranks the controllers, see
    `LabResult.rank`. `baseline`: the controller from which differences are taken, the first by default. The folder is
    `out`, by default results/<name>/<time>-<hash>. Raises `sim.errors.UserError`.
    """
    from sim.race.lab_file import load_lab
    from sim.studies.lab import run_lab

    loaded = load_lab(source, overrides or {}, seed)
    with _show_steps(loaded.name, loaded.n_races, progress) as report:
        return run_lab(
            loaded, out=_as_path(out), root=Path("results"), report=report, rank_by=rank_by, baseline=baseline
        )


def search(
    source: str | PathLike[str] | Mapping[str, object],
    *,
    seed: int | None = None,
    workers: int | None = None,
    out: str | PathLike[str] | None = None,
    resume: str | PathLike[str] | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> SearchResult:
    """Search keys of a scenario or of a lab for an objective; return the tables that the results folder holds.

    `source`: a file of a search, or a mapping with the same keys. The answer does not depend on `workers`, processes on
    this machine (one a processor by default). The folder is `out`, by default results/<name>/<time>-<hash>; `resume`
    goes on with an interrupted one. Raises `sim.errors.UserError`.
    """
    from pow.devices import get_n_cpus
    from sim.studies.search import count_steps, run_search
    from sim.studies.search_file import load_search

    loaded = load_search(source, overrides or {}, seed)
    n_workers = get_n_cpus() if workers is None else workers
    with _show_steps(loaded.name, count_steps(loaded), progress) as report:
        return run_search(
            loaded,
            out=_as_path(out),
            root=Path("results"),
            n_workers=n_workers,
            report=report,
            resume=_as_path(resume),
        )


def _show_steps(name: str, n_steps: int, progress: bool) -> AbstractContextManager[Callable[[str], None]]:
    from sim.progress import show_steps

    return show_steps(name, n_steps) if progress else nullcontext(lambda step: None)
