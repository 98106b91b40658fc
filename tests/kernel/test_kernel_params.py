import dataclasses

import pytest

from pow.params import DTYPES, MODES, PRESETS, PowParams, mode_of

TINY = PRESETS["tiny"]
EXACT = ("mainnet", "devtest", "tiny")  # kernel 2 rounds the others to three digits


@pytest.mark.parametrize(
    ("preset", "n_parameters", "hidden_dim"),
    [
        ("mainnet", 17_763_122_944, 49_152),
        ("testnet", 2_970_000_000, 28_672),
        ("devtest", 75_514_368, 2048),
        ("whitepaper", 2_290_000_000, 22_528),
        ("tiny", 135_488, 224),
    ],
)
def test_presets_have_the_published_sizes(preset: str, n_parameters: int, hidden_dim: int) -> None:
    params = PRESETS[preset]
    assert params.n_parameters == pytest.approx(n_parameters, rel=0 if preset in EXACT else 2e-3)
    assert params.hidden_dim == hidden_dim
    assert params.norm_eps == 1e-5


def test_presets_are_those_of_the_golden_files(golden) -> None:
    names = {"tiny": "tiny", "devtest": "devtest", "v1": "testnet", "v2": "mainnet"}
    for file in ("distances_tiny", "distances_devtest", "distances_v1", "distances_v2"):
        for case in golden(file)["cases"]:
            if case["model"] in names:
                assert PowParams(**case["params"]) == PRESETS[names[case["model"]]]


def test_sizes_of_golden_models(pool_weights_case) -> None:
    params = PowParams(**pool_weights_case["params"])
    assert params.n_parameters == pool_weights_case["total_params"]
    assert params.pool_size == pool_weights_case["pool_size"]


def test_params_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TINY.dim = 128


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 0}, "dim is 0; it must be at least 1"),
        ({"n_layers": -3}, "n_layers is -3; it must be at least 1"),
        ({"n_heads": 5, "n_kv_heads": 5}, "n_heads is 5; it must divide dim, which is 64"),
        ({"n_kv_heads": 3}, "n_kv_heads is 3; it must divide n_heads, which is 4"),
        ({"dim": 12, "n_heads": 4}, "12 / 4 = 3 is odd"),
        ({"vocab_size": 1}, "vocab_size is 1; a distance needs at least 2"),
        ({"ffn_dim_multiplier": -1.0}, "ffn_dim_multiplier is -1.0; it must be positive"),
        ({"ffn_dim_multiplier": 0.001}, "ffn_dim_multiplier is 0.001; with dim 64 the feed-forward has no width"),
        ({"norm_eps": 0.0}, "norm_eps is 0.0; it must be positive"),
        ({"rope_theta": float("inf")}, "rope_theta is inf; it must be positive and finite"),
    ],
)
def test_mistakes_name_value_and_bound(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)


@pytest.mark.parametrize("value", [4.0, True, "4"])
def test_counts_are_integers(value: object) -> None:
    with pytest.raises(TypeError, match=r"n_layers is .*; it must be an integer"):
        dataclasses.replace(TINY, n_layers=value)


def test_every_dtype_has_a_mode() -> None:
    assert {mode_of(dtype).name for dtype in DTYPES} == set(MODES)
    assert mode_of("mixed") == mode_of("f16data_bf16linears_f32resid")


def test_unknown_dtype_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown dtype 'fp16'; known are float16, .*mixed"):
        mode_of("fp16")
