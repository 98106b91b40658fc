"""Sweeps made of numbers, without running anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.metrics.measures import Law, Measure, run_measures


@dataclass(frozen=True)
class MadeSweep:
    """What the statistics need of a sweep's result."""

    name: str
    runs: pd.DataFrame
    axes: tuple[str, ...]
    measures: Mapping[str, Measure]


def make_sweep(
    values: dict[tuple[Any, ...], Any], axes: tuple[str, ...] = (), name: str = "made", measure: str = "success_rate"
) -> MadeSweep:
    """Values of one measure by the point's axes; the seed of a replication is 100 + its number."""
    rows = [
        {
            **{"run_id": f"{point}-{replication}", "point": point, "replication": replication},
            **{"seed": 100 + replication, **dict(zip(axes, key, strict=True)), measure: value, "error": None},
        }
        for point, (key, column) in enumerate(values.items())
        for replication, value in enumerate(np.asarray(column, dtype=float).tolist())
    ]
    is_known = measure in run_measures.names()
    described = run_measures.get(measure) if is_known else Measure(measure, "", Law.MEAN, "")
    return MadeSweep(name, pd.DataFrame(rows), axes, {measure: described})


@pytest.fixture
def make() -> Callable[..., MadeSweep]:
    """The function that makes a sweep."""
    return make_sweep
