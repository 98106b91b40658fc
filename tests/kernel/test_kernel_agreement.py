"""How far machines agree: the law of mismatches, stored distances of a card, and this machine beside them."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pow.agreement import BOUNDS, R_TARGET, MachineAgreement, compare_distances, conviction_probability
from pow.kernel import Kernel
from pow.params import PRESETS, mode_of
from pow.sphere import distance_ppf, hit_probability, mismatch_probability
from sim.agreement.pairs import Side, list_pairs, load_measured
from sim.agreement.stored import get_shipped_names, load_distances
from sim.agreement.table import write_line, write_who_agrees

H100 = Path(__file__).parents[1] / "data" / "h100"
DIM = 8192
N_HERE = 8


def measured_rows() -> list[dict[str, str]]:
    with (H100 / "agreement.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_differences_by_hand() -> None:
    found = compare_distances([1.0, 1.0, 1.0, 1.0], [1.0, 1.2, 1.0, 0.8], DIM)
    assert (found.n_compared, found.dim) == (4, DIM)
    assert found.rms_difference == pytest.approx(math.sqrt(0.08 / 4))
    assert found.max_difference == pytest.approx(0.2)


@pytest.mark.parametrize(("left", "right"), [([], []), ([1.0], [1.0, 1.0]), ([[1.0]], [[1.0]])])
def test_distances_that_cannot_be_compared(left: list, right: list) -> None:
    with pytest.raises(ValueError, match="both must be"):
        compare_distances(left, right, DIM)


def test_a_distance_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a distance is not finite"):
        compare_distances([1.0, math.nan], [1.0, 1.0], DIM)


def test_the_law_of_verdicts_by_simulation() -> None:
    """Distances of the law, and normal differences: both shares are binomial; error level 1e-4."""
    rms, n = 4e-5, 200_000
    rng = np.random.default_rng(20261128)
    truth = distance_ppf(rng.uniform(0.04, 0.06, n), DIM)  # only near r_target = the 5.06 % quantile it matters
    other = truth + rng.normal(0.0, rms, n)
    law = MachineAgreement(n, rms, rms, DIM)
    accepted, found = other < R_TARGET, truth < R_TARGET
    n_wrong, n_differing = int((accepted & ~found).sum()), int((accepted != found).sum())
    bound = float(stats.norm.isf(0.5e-4))
    expected = n / 0.02 * hit_probability(R_TARGET, DIM) * law.mismatch_probability
    assert abs(n_wrong - expected) < bound * math.sqrt(expected)
    expected = n / 0.02 / law.nonces_per_differing_verdict
    assert abs(n_differing - expected) < bound * math.sqrt(expected)


def test_no_difference_is_no_risk() -> None:
    same = compare_distances([1.0, 1.2], [1.0, 1.2], DIM)
    assert same.mismatch_probability == 0.0
    assert same.nonces_per_differing_verdict == math.inf
    assert same.conviction_probability(10_000) == 0.0


@pytest.mark.parametrize(("n", "count"), [(200, 5), (1000, 8), (2000, 11)])
def test_convictions_are_the_binomial_tail(n: int, count: int) -> None:
    """The critical counts are the published ones (protocol 4.4)."""
    for mismatch in (5e-4, 1.85e-3, 5e-3):
        assert conviction_probability(n, mismatch) == pytest.approx(float(stats.binom.sf(count - 1, n, mismatch)))
    assert conviction_probability(2, 1.0) == 0.0  # so few are never a fraud


def test_the_shipped_card_is_the_measured_one() -> None:
    measured = json.loads((H100 / "distances.json").read_text(encoding="utf-8"))
    shipped = load_distances("h100")
    assert (shipped.block_hash, shipped.public_key) == (measured["block_hash"], measured["public_key"])
    expected = [values for name, values in measured["distances"].items() if "layers" not in name]
    assert [list(each.distances) for each in shipped.sets] == expected
    assert all(each.nonces == tuple(range(len(each.distances))) for each in shipped.sets)


def test_the_measured_differences_are_those_of_the_table() -> None:
    """`measured.csv` names the two sides of what `agreement.csv` tells in words."""
    rows = {
        (row["params"], row["dtype"], row["n_compared"], float(row["rms_difference"])): row for row in measured_rows()
    }
    with (H100.parents[2] / "sim" / "agreement" / "data" / "measured.csv").open(encoding="utf-8", newline="") as file:
        ours = list(csv.DictReader(file))
    for row in ours:
        source = rows[row["params"], row["dtype"], row["n_compared"], float(row["rms_difference"])]
        assert float(row["max_difference"]) == float(source["max_difference"])
        assert (row["machine"] == "Zen 5") == ("Zen 5" in source["what"])
        assert (row["other_dtype"] == "f16data_f64compute" != row["dtype"]) == ("float64" in source["what"])
    assert len(list(load_measured())) == len(ours) == 13


def test_differences_from_stored_distances_are_as_measured() -> None:
    """Where the distances were kept, the table's figures follow from them."""
    pairs = {(pair.params, pair.left, pair.right): pair.agreement for pair in list_pairs()}
    truth = Side("H100", "f16data_f64compute")
    checked = 0
    for row in measured_rows():
        sides = (Side("H100", mode_of(row["dtype"]).name), truth)
        found = pairs.get((row["params"], *sides)) or pairs.get((row["params"], *sides[::-1]))
        if row["params"] == "mainnet" and row["what"] == "against float64 on the card" and found:
            assert found.rms_difference == pytest.approx(float(row["rms_difference"]), rel=5e-3)
            assert found.max_difference == pytest.approx(float(row["max_difference"]), rel=5e-3)
            checked += 1
    assert checked == 3


def test_every_pair_stands_once_and_differs_in_one_thing() -> None:
    pairs = list_pairs()
    assert len({pair.key for pair in pairs}) == len(pairs) == 52
    for pair in pairs:
        left, right = pair.left, pair.right
        assert (left.machine != right.machine) + (left.mode != right.mode) + (left.note != right.note) == 1
    (mixed,) = [
        pair
        for pair in pairs
        if pair.params == "devtest"
        and {pair.left, pair.right}
        == {Side("H100", "f16data_bf16linears_f32resid"), Side("H100", "f16data_f64compute")}
    ]
    assert mixed.agreement.n_compared == 4000  # and not the 300 whose distances are stored


def test_machines_agree_within_the_bounds_that_the_command_judges_by() -> None:
    for pair in list_pairs():
        if pair.is_of_machines:
            assert 3 * pair.agreement.max_difference < BOUNDS[pair.left.mode], write_line(pair)


def test_the_table_has_a_line_for_each_pair() -> None:
    lines = list(write_who_agrees(list_pairs()))
    assert len(lines) == 52 + 5
    (line,) = [line for line in lines if line.startswith("mainnet  float16, H100") and " float64 " in line]
    assert line.split()[3:] == [
        "float64",
        "32",
        "1.78e-05",
        "3.86e-05",
        "1.8e-03",
        "5,300",
        "4.1e-05",
        "0.00066",
        "0.31",
    ]


@pytest.mark.parametrize(
    "dtype", ["f16data_f64compute", "f16data_f32compute", "float32", "mixed", "bfloat16", "float16"]
)
def test_this_machine_computes_what_the_card_computed(dtype: str) -> None:
    (stored,) = [each for each in load_distances("h100").select("devtest", dtype, N_HERE).sets if not each.note]
    with Kernel(load_distances("h100").block_hash, PRESETS["devtest"], dtype, batch_size=N_HERE) as kernel:
        here = kernel.distances("study", stored.nonces)
    assert np.abs(here - stored.distances).max() < BOUNDS[stored.mode]


def test_the_layers_that_a_card_left_out() -> None:
    """The distances of main net with some of its layers lie as far from all layers' as `agreement.csv` says."""
    found = json.loads((H100 / "distances.json").read_text(encoding="utf-8"))["distances"]
    whole = np.array(found["mainnet/float16/batch69/aligned"])
    for n_layers in (0, 1, 4, 16, 32):
        (row,) = [row for row in measured_rows() if row["what"].startswith(f"{n_layers} of 64 layers")]
        rms = compare_distances(found[f"mainnet/float16/layers{n_layers}/batch69"], whole, 8196).rms_difference
        assert rms == pytest.approx(float(row["rms_difference"]), rel=3.9 / math.sqrt(2 * 96))  # error level 1e-4


def test_mismatches_of_a_card_are_more_than_the_network_assumes() -> None:
    """float16 against float64 on main net's model: 1.8e-3, and 2e-4 between two product kernels."""
    assert mismatch_probability(1.78e-5, R_TARGET, 8196) == pytest.approx(1.8e-3, rel=0.03)
    assert mismatch_probability(1.98e-6, R_TARGET, 8196) == pytest.approx(2e-4, rel=0.04)
    assert get_shipped_names() == ("h100", "xeon")
