"""The hosts of epoch 403 under the rules of v0.2.16 weigh what they weighed (scenarios/mainnet-2026-10.yaml)."""

import csv
from collections import Counter
from pathlib import Path

import pytest

import sim
from sim.results import Result

NODES = Path(sim.__path__[0]) / "theory" / "data" / "epoch403" / "nodes.csv"
COEFFICIENTS = {"MiniMax-M2.7": 0.3024, "DeepSeek-V4-Flash-0731": 0.246, "GLM-5.3-Flash": 0.62}


@pytest.fixture(scope="module")
def run() -> Result:
    return sim.run("scenarios/mainnet-2026-10.yaml")


def load_observed() -> Counter[str]:
    """Raw weight by model, as the chain stored it."""
    observed = Counter[str]()
    with NODES.open() as lines:
        for row in csv.DictReader(lines):
            observed[row["model"].split("/")[-1]] += int(row["poc_weight"])
    return observed


@pytest.mark.slow
def test_models_weigh_what_they_weighed(run: Result) -> None:
    """Raw weight by model in the third epoch, beside that of epoch 403: within 3 %."""
    groups = run.groups[run.groups["epoch"] == 3].set_index("model")
    for model, weight in load_observed().items():
        assert groups.loc[model, "raw_weight"] == pytest.approx(weight, rel=0.03)
    assert groups["is_eligible"].all()
    total = sum(COEFFICIENTS[model] * weight for model, weight in load_observed().items())
    weights = run.participants[run.participants["epoch"] == 3]["weight"]
    assert weights.sum() == pytest.approx(total, rel=0.05)  # coefficients move by a tenth at most


@pytest.mark.slow
def test_confirmations_are_computed_and_nobody_fails(run: Result) -> None:
    rows = run.confirmations
    assert set(rows["epoch"]) == {2, 3}
    assert not rows["is_failed"].any()
    sums = rows.groupby(["epoch", "height"])[["measured", "weight_before"]].sum()
    assert (sums["measured"] / sums["weight_before"]).between(0.97, 1.05).all()


@pytest.mark.slow
def test_small_models_are_decided_by_lent_votes(run: Result) -> None:
    groups = run.groups[run.groups["epoch"] == 3].set_index("model")
    claims = run.claims[run.claims["epoch"] == 3]
    own = run.participants[run.participants["epoch"] == 3].set_index("participant")["weight"]
    for model in ("DeepSeek-V4-Flash-0731", "GLM-5.3-Flash"):
        mine = claims[claims["model"] == model]
        members = mine[mine["mode"] == "direct"]["participant"]
        assert own.loc[members].sum() < 0.42 * own.sum()
        assert groups.loc[model, "voting_power"] > 0.9 * groups.loc[model, "total_power"]
        assert (mine["mode"] == "delegate").sum() > 15
