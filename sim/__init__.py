"""powsim: simulate a whole decentralized proof-of-work network whose work is an AI computation.

    import sim
    result = sim.run("scenarios/baseline.yaml")
    result.epochs            # a pandas DataFrame, one row an epoch
    result.save("results/mine")
    sim.load_result("results/mine")

Importing `sim` loads neither torch nor pandas; they are loaded when something runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.results import Result
    from sim.scenario import Scenario

__version__ = "0.1.0"
__all__ = ["load_result", "load_scenario", "run"]


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
