"""Poor uplinks make proof batches miss their window: what `scenarios/slow-links.yaml` is about."""

from pathlib import Path

import pytest

import sim
from sim.results import Result

SCENARIO = Path(__file__).parent.parent.parent / "scenarios" / "slow-links.yaml"
FARMS = ("dsl-0", "radio-0", "modem-0")  # by their uplinks, the best first


def run(radio: str | None = None) -> Result:
    return sim.run(SCENARIO, overrides={"network.topology.links.7.bandwidth": radio} if radio else None)


def missed_share(result: Result, farm: str) -> float:
    """Share of the farm's batches of epoch 3 that no block has inside their window."""
    sent = result.frames["transactions"].query("kind == 'SubmitProofBatch' and epoch == 3 and creator == @farm")
    assert set(sent["fate"]) <= {"included", "late", "lost"}
    assert sent["size_bytes"].mean() > 8_000
    return float((sent["fate"] != "included").mean())


@pytest.fixture(scope="module")
def as_written() -> Result:
    return run()


def test_the_poorer_the_uplink_the_more_batches_miss_their_window(as_written: Result) -> None:
    shares = [missed_share(as_written, farm) for farm in FARMS]
    assert shares[0] == 0
    assert 0.2 < shares[1] < 0.7 < shares[2]
    hubs = as_written.frames["transactions"].query("creator.str.startswith('hub')")
    assert (hubs["fate"] == "included").all()


def test_missed_batches_are_missing_weight(as_written: Result) -> None:
    """What the chain counts is what lay inside the window: the same GPUs weigh less behind a poorer uplink."""
    frame = as_written.frames["participants"].query("epoch == 3").set_index("participant")
    weights = [frame.loc[farm, "weight"] for farm in FARMS]
    assert weights[0] > weights[1] > weights[2] > 0


def test_one_uplink_shrinks(as_written: Result) -> None:
    shares = [missed_share(run(rate), "radio-0") for rate in ("100 kbit/s", "12 kbit/s")]
    assert shares[0] == 0
    assert shares[0] < missed_share(as_written, "radio-0") < shares[1]
