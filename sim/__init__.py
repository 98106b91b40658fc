"""powsim: simulate a whole decentralized proof-of-work network whose work is an AI computation.

    import sim
    result = sim.run("scenarios/baseline.yaml")
    result.epochs            # a pandas DataFrame, one row an epoch
    result.save("results/mine")
    sim.load_result("results/mine")
    sim.sweep("scenarios/sweeps/sample-size.yaml", workers=2).runs     # one row a run

Importing `sim` loads neither torch nor pandas; they are loaded when something runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.execution.table import SweepResult
    from sim.results import Result
    from sim.scenario import Scenario

__version__ = "0.1.0"
__all__ = ["load_result", "load_scenario", "load_sweep", "run", "sweep"]


def load_scenario(path: str | PathLike[str]) -> Scenario:
    """Read and check a scenario file; raises `sim.errors.ScenarioError` with every mistake at once."""
    from sim.scenario import load_scenario as load

    return load(path)


def run(
    scenario: Scenario | str | PathLike[str],
    *,
    seed: int | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> Result:
    """Run a scenario, given as a file or loaded, and return its frames; `overrides` are dotted keys of the file."""
    from sim.runner import run as run_scenario

    return run_scenario(scenario, seed=seed, overrides=overrides or {}, progress=progress)


def load_result(folder: str | PathLike[str]) -> Result:
    """Load the frames, the summary and the provenance of a results folder."""
    from sim.results import load_result as load

    return load(folder)


def sweep(
    path: str | PathLike[str],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    scheduler_file: str | PathLike[str] | None = None,
    slurm: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    resume: str | PathLike[str] | None = None,
    overrides: Mapping[str, object] | None = None,
    progress: bool = False,
) -> SweepResult:
    """Run every point of a sweep file and return one row a run, as in the results folder that it leaves.

    `workers` processes on this machine (one a processor by default), or the dask scheduler at an address or in the file
    that it wrote, or SLURM jobs described in a file. `out` is the folder (results/<name>/<time>-<hash> by default);
    `resume` goes on with an unfinished one. A script that calls this with local workers needs
    `if __name__ == "__main__":`, for its processes are spawned. Raises `sim.errors.UserError`.
    """
    from sim.execution.driver import Where, run_sweep

    return run_sweep(
        path,
        Where(workers, scheduler, _as_path(scheduler_file), _as_path(slurm)),
        out=_as_path(out),
        resume=_as_path(resume),
        overrides=overrides or {},
        progress=progress,
    )


def _as_path(path: str | PathLike[str] | None) -> Path | None:
    return None if path is None else Path(path)


def load_sweep(folder: str | PathLike[str]) -> SweepResult:
    """Load a sweep's results folder; of an unfinished sweep, what is finished so far."""
    from sim.execution.table import load_sweep as load

    return load(folder)
