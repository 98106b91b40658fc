"""How much is kept of validations: rows, or sums that say the same."""

import numpy as np
import pandas as pd
import pytest

import sim
from sim.blueprint import count_expected_validations
from sim.errors import ScenarioError
from sim.metrics.records import FRAUD, OUT_OF_TIME, VOTES, ValidationDone
from sim.metrics.validations import MOST_ROWS, ValidationTable, choose_detail
from sim.results import Result
from sim.scenario.load import load_scenario

SLOW = {"network.tier": "paths", "work.kind": "sphere", "work.rate_factor": 0.02}


def run(detail: str) -> Result:
    return sim.run("tests/data/small.yaml", overrides={**SLOW, "metrics.validations": detail})


def test_sums_say_what_the_rows_say() -> None:
    """The run itself is the same."""
    full, summary = run("full"), run("summary")
    assert full.provenance["trace_hash"] == summary.provenance["trace_hash"]
    assert len(summary.validations) == 0
    assert list(summary.validations.columns) == list(full.validations.columns)
    sums = summary.frames["validation_summary"]
    pd.testing.assert_frame_equal(sums, full.frames["validation_summary"])
    rows = full.validations
    grouped = rows.groupby(["epoch", "validator"])
    expected = grouped.agg(
        n_participants=("participant", "size"),
        n_claimed=("n_claimed", "sum"),
        n_checked=("n_checked", "sum"),
        n_invalid=("n_invalid", "sum"),
        last_seconds=("seconds", "max"),
    )
    for vote, column in (
        ("valid", "n_valid"),
        ("fraud", "n_fraud"),
        ("abstained", "n_abstained"),
        ("out of time", "n_out_of_time"),
    ):
        expected[column] = (rows["vote"] == vote).groupby([rows["epoch"], rows["validator"]]).sum()
    indexed = sums.set_index(["epoch", "validator"]).sort_index()
    pd.testing.assert_frame_equal(indexed[expected.columns], expected, check_index_type=False)
    pd.testing.assert_series_equal(sim.measures(full), sim.measures(summary))
    assert sim.measures(full)["votes_out_of_time_share"] > 0


def test_auto_keeps_rows_up_to_five_million() -> None:
    assert choose_detail("auto", MOST_ROWS).is_full
    assert choose_detail("auto", MOST_ROWS).warning == ""
    many = choose_detail("auto", MOST_ROWS + 1)
    assert not many.is_full
    assert "5,000,001 validations are more than 5,000,000" in many.warning
    assert choose_detail("full", 10**9).is_full
    assert choose_detail("summary", 1).warning == ""


def test_auto_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.metrics.validations.MOST_ROWS", 50)
    result = run("auto")
    assert len(result.validations) == 0
    assert [text for text in result.summary["warnings"] if "validation_summary" in text] == result.summary["warnings"][
        :1
    ]


@pytest.mark.parametrize(("committee", "expected"), [(None, 36 + 49 + 49), (3, 18 + 21 + 21), (100, 36 + 49 + 49)])
def test_expected_rows(committee: int | None, expected: int) -> None:
    """Six hosts in epoch 1, seven in epochs 2 and 3."""
    scenario = load_scenario("tests/data/small.yaml", {"protocol.validation_committee": committee}, None)
    assert count_expected_validations(scenario) == expected


def test_an_empty_table_has_its_columns() -> None:
    table = ValidationTable()
    assert table.build_rows().empty
    assert table.build_summary().empty
    table.add(
        ValidationDone(
            epoch=1,
            validator="v",
            names=np.array(["p", "q"], dtype=object),
            places=np.array([1, 0]),
            n_claimed=np.array([10, 10]),
            n_checked=np.array([5, 0]),
            n_invalid=np.array([1, 0]),
            p_value=np.array([0.5, 1.0]),
            votes=np.array([VOTES.index(FRAUD), VOTES.index(OUT_OF_TIME)], dtype=np.int8),
            seconds=np.array([7.0, 8.0]),
        )
    )
    assert table.build_rows()[["participant", "vote", "seconds"]].values.tolist() == [
        ["q", "fraud", 7.0],
        ["p", "out of time", 8.0],
    ]
    row = table.build_summary().iloc[0]
    assert row[["n_participants", "n_claimed", "n_checked", "n_invalid", "n_fraud", "n_out_of_time"]].tolist() == [
        2, 20, 5, 1, 1, 1,
    ]  # fmt: skip
    assert row["last_seconds"] == 8.0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("metrics.validations", "sumary", 'Did you mean "summary"? Known: auto, full, summary.'),
        ("protocol.validation_committee", 0, "0 must be at least 1"),
        ("protocol.validation_committee", 2.5, "2.5"),
    ],
)
def test_mistakes_are_named(key: str, value: object, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("tests/data/small.yaml", {key: value}, None)
    assert f"{key}: " in str(caught.value)
    assert message in str(caught.value)
