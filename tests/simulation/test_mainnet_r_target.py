"""The live network's five r_targets, replayed by the controller `schedule` (protocol 8)."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import sim
from pow.sphere import hit_probability
from sim.results import Result

FILE = Path(__file__).parent.parent.parent / "scenarios" / "difficulty" / "mainnet-r-target.yaml"
DIM = 8196
# Protocol 8: r_target, hit probability in % to four digits, tries per valid nonce to three or more.
HISTORY = (
    (1.390051443, 0.1079, 927),
    (1.3931334028176634, 0.369, 271),
    (1.3971164020989417, 1.478, 67.6),
    (1.4013564660458173, 5.0647, 19.74),
    (1.398077, 1.9975, 50.06),
)
Z = float(stats.norm.isf(1e-4 / 2))


@pytest.fixture(scope="module")
def replayed() -> Result:
    return sim.run(FILE)


def test_the_difficulty_frame_shows_exactly_the_historical_values(replayed: Result) -> None:
    """Two epochs each; a decision at VE holds from the next S on."""
    r_targets = [r_target for r_target, _, _ in HISTORY]
    expected = np.repeat(r_targets, 2)
    assert list(replayed.epochs["r_target"]) == list(expected)
    assert list(replayed.difficulty["next_r_target"]) == [*expected[1:], expected[-1]]
    assert replayed.difficulty["setpoint"].isna().all()


def test_the_file_says_the_difficulty_of_each_r_target(replayed: Result) -> None:
    for (r_target, percent, tries), difficulty in zip(HISTORY, replayed.difficulty["difficulty"][::2], strict=True):
        assert difficulty == pytest.approx(1.0 / hit_probability(r_target, DIM), rel=1e-14)
        assert 100.0 / difficulty == pytest.approx(percent, rel=1e-3)
        assert difficulty == pytest.approx(tries, rel=1e-3)


def test_nonces_follow_each_value(replayed: Result) -> None:
    """Valid nonces of an epoch against the exact law, two-sided at error level 1e-4 each; chain load with them."""
    for row in replayed.epochs.itertuples():
        h = hit_probability(row.r_target, DIM)
        assert abs(row.valid - row.tried * h) < Z * np.sqrt(row.tried * h * (1 - h))
    bytes_of = replayed.transactions[replayed.transactions["kind"] == "SubmitProofBatch"].groupby("epoch")["size_bytes"]
    load = bytes_of.sum()
    assert load[1] < load[3] < load[5] < load[9] < load[7]
