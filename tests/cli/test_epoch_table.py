"""The table at the end of `powsim run`."""

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from sim.figures.table import build_epoch_table
from sim.results import Result


def list_cells(result: Result) -> dict[str, str]:
    table = build_epoch_table(cast(Any, result), width=120)
    return {str(column.header): next(iter(column.cells)) for column in table.columns}


@pytest.mark.parametrize(
    ("r_target", "shown"), [(1.4, ("1.400000", "9.50 [9.00,10.00]", "9.40")), (0.0, ("-", "-", "-"))]
)
def test_luck_is_shown_where_a_threshold_decides(r_target: float, shown: tuple[str, ...]) -> None:
    """Where every computed nonce counts, a share of successes says nothing."""
    row: dict[str, float] = {
        "epoch": 1,
        "r_target": r_target,
        "difficulty": 10.6,
        "tried": 200,
        "valid": 19,
        "success_rate": 0.095,
        "success_low": 0.09,
        "success_high": 0.1,
        "hit_probability": 0.094,
        "accepted": 3,
        "rejected": 0,
        "gossip_delay_median_seconds": 0.1,
    }
    result = SimpleNamespace(epochs=pd.DataFrame([row]), summary={"n_epochs": 1})
    cells = list_cells(cast(Any, result))
    assert (cells["r_target"], cells["success % [95 %]"], cells["exact %"]) == shown
    assert cells["valid"] == "19"
