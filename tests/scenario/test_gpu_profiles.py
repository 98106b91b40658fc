import csv

import pytest

from sim.errors import UserError
from sim.gpus import TFLOP_PER_NONCE, gpu_names, load_gpu, read_profile

GOOD = """name: X1
vram_gib: 80
fp16_dense_tflops: 912
memory_gb_per_s: 3350
tdp_watts: 700
mfu: 0.5
status: estimated
source: a test
date: "2025"
"""


def test_profiles_agree_with_the_table(data_folder):
    with (data_folder / "gpus.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["name"] for row in rows) == list(gpu_names())
    for row in rows:
        profile = load_gpu(row["name"])
        for column in ("vram_gib", "fp16_dense_tflops", "memory_gb_per_s", "tdp_watts"):
            assert getattr(profile, column) == float(row[column]), (row["name"], column)
        rent = profile.rent_usd_per_hour
        assert [row["rent_usd_per_hour_low"], row["rent_usd_per_hour_high"]] == (
            ["", ""] if rent is None else [str(rent.low), str(rent.high)]
        )


def test_estimates_are_the_share_that_a_card_reached():
    """Reference: protocol 7.4: 396 of 989 TFLOP/s on an H100 with aligned weights and unfused steps, 43.5 nonces/s."""
    shares = {load_gpu(name).mfu for name in gpu_names() if load_gpu(name).status == "estimated"}
    assert shares == {round(396 / 989.4, 2)}
    profile = load_gpu("H100-SXM")
    assert profile.raw_nonces_per_second == profile.mfu * 989.4 / TFLOP_PER_NONCE
    assert profile.raw_nonces_per_second == pytest.approx(43.5, rel=0.01)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match=r'unknown GPU "RTX4090"\. Did you mean "RTX-4090"\? Known: A100'):
        load_gpu("RTX4090")


def _read(tmp_path, text, name="X1.yaml"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return read_profile(file)


def test_a_measured_rate_takes_the_estimates_place(tmp_path):
    assert _read(tmp_path, GOOD).raw_nonces_per_second == 0.5 * 912 / 9.12
    measured = GOOD.replace("estimated", "measured") + "network_nonces_per_second: 61.5\n"
    assert _read(tmp_path, measured).raw_nonces_per_second == 61.5


def test_our_own_kernels_rate_is_not_that_of_hosts(tmp_path):
    profile = _read(tmp_path, GOOD + "kernel_nonces_per_second: 13.3\n")
    assert (profile.kernel_nonces_per_second, profile.status) == (13.3, "estimated")
    assert profile.raw_nonces_per_second == 0.5 * 912 / 9.12


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mfu: 0.5", "mfu: 1.5", "X1.yaml: mfu: 1.5 must be at most 1"),
        ("mfu: 0.5", "mfu: 0.5\ntdp_watt: 3", 'X1.yaml: tdp_watt: unknown key. Did you mean "tdp_watts"?'),
        ("vram_gib: 80", "vram_gib: -1", "X1.yaml: vram_gib: -1 must be more than 0"),
        ("estimated", "measured", 'X1.yaml: status must be "measured" exactly where'),
        ("mfu: 0.5", "mfu: 0.5\nnetwork_nonces_per_second: 9", 'X1.yaml: status must be "measured" exactly where'),
        (
            "mfu: 0.5",
            "mfu: 0.5\nkernel_nonces_per_second: 0",
            "X1.yaml: kernel_nonces_per_second: 0 must be more than 0",
        ),
        ("name: X1", "name: X2", 'X1.yaml: holds the GPU "X2"; file and GPU must have the same name'),
        ("name: X1", "name: [X1", "X1.yaml: not YAML"),
        ("mfu: 0.5", "mfu: 0.5\nrent_usd_per_hour: {low: 3, high: 2}", "X1.yaml: rent_usd_per_hour: the low rent 3"),
    ],
)
def test_wrong_profiles_are_refused(tmp_path, old, new, message):
    with pytest.raises(UserError) as caught:
        _read(tmp_path, GOOD.replace(old, new))
    assert str(caught.value).startswith(message)
