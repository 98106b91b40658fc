import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.devices import MAINNET_MIN_GROUP_VRAM_GIB as MAINNET_MIN
from pow.devices import TESTNET_MIN_GROUP_VRAM_GIB as TESTNET_MIN
from pow.devices import auto_batch_size, gpu_groups, memory_per_nonce_mib
from pow.params import PRESETS

MAINNET = PRESETS["mainnet"]


@pytest.mark.parametrize(
    ("vram_gib", "groups"),
    [
        ([24], []),
        ([24, 24], [(0, 1)]),
        ([24, 24, 24], [(0, 1)]),
        ([16, 16, 16, 16], [(0, 1, 2, 3)]),
        ([16, 16], []),
        ([80] * 8, [(0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,)]),
        ([80, 24, 24], [(0,), (1, 2)]),
        ([24, 80], [(0, 1)]),
        ([8, 80], [(0, 1)]),
        ([1, 1, 1, 80], [(0, 1, 2, 3)]),
        ([1, 1, 80], [(1, 2)]),
        ([], [(0,)]),
    ],
)
def test_worked_examples_of_the_grouping(vram_gib: list[float], groups: list[tuple[int, ...]]) -> None:
    assert gpu_groups(vram_gib, MAINNET_MIN) == groups


def test_testnet_needs_less() -> None:
    assert gpu_groups([24, 8, 8], TESTNET_MIN) == [(0,), (1, 2)]


@given(st.lists(st.sampled_from([8, 16, 24, 40, 80]), min_size=1, max_size=16))
def test_groups_are_disjoint_runs_that_hold_the_model(vram_gib: list[float]) -> None:
    groups = gpu_groups(vram_gib, MAINNET_MIN)
    members = [index for group in groups for index in group]
    assert members == sorted(set(members))
    for group in groups:
        assert len(group) in (1, 2, 4, 8)
        assert group == tuple(range(group[0], group[0] + len(group)))
        assert sum(vram_gib[index] for index in group) >= MAINNET_MIN


@pytest.mark.parametrize(
    ("free_gib", "expected"),
    [
        ([79.2], 250),  # H100 or A100-80
        ([78.63], 247),  # observed
        ([139.9], 647),  # H200
        ([44.3], 23),  # L40S
        ([23.5, 23.5], 20),  # two 4090 or 3090
        ([31.4, 31.4], 71),  # two 5090
        ([22.0, 22.0], 10),  # two L4
        ([39.4], 1),  # A100-40
    ],
)
def test_worked_examples_of_the_batch_size(free_gib: list[float], expected: int) -> None:
    # The free memory behind an estimate is known to about 0.2 GiB only, that is one nonce.
    assert auto_batch_size([1024 * gib for gib in free_gib], MAINNET) == pytest.approx(expected, abs=1)


def test_memory_of_one_mainnet_nonce() -> None:
    assert memory_per_nonce_mib(MAINNET) == 127.0


def test_the_fullest_gpu_decides() -> None:
    assert auto_batch_size([80_000, 60_000], MAINNET) == auto_batch_size([60_000, 60_000], MAINNET)
    assert auto_batch_size([80_000, 0], MAINNET) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gpu_groups([24, 0], MAINNET_MIN), "GPU 1 has 0 GiB; it must be positive"),
        (lambda: gpu_groups([24], 0), "min_group_vram_gib is 0; it must be positive"),
        (lambda: auto_batch_size([], MAINNET), "free_mib is empty; a group has at least one GPU"),
        (lambda: auto_batch_size([1.0, -2.0], MAINNET), r"GPU 1 has -2\.0 MiB free; it must be at least 0"),
        (lambda: auto_batch_size([1.0], MAINNET, -1.0), r"weights_mib is -1\.0; it must be at least 0"),
    ],
)
def test_mistakes_name_value_and_bound(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
