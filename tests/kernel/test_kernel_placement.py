"""Which cards compute and how much at once, on descriptions of cards that need not exist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.devices import BYTES_OF, auto_batch_size, gpu_groups
from pow.parameters import parameters, weights_bytes
from pow.params import DTYPES, MODES, PRESETS, PowParams, mode_of
from pow.placement import (
    DRAWN_BATCH_BYTES,
    GIB,
    Card,
    card_batch_size,
    check_device,
    drawn_bytes,
    get_min_group_vram_gib,
    nonce_bytes,
    place,
)

MAINNET, TESTNET, DEVTEST = PRESETS["mainnet"], PRESETS["testnet"], PRESETS["devtest"]
MAINNET_F16 = weights_bytes(MAINNET, "float16")
MODELS = st.sampled_from([MAINNET, TESTNET, DEVTEST, PRESETS["whitepaper"], PRESETS["tiny"]])


def make_cards(*total_gib: float, free: float = 0.97) -> list[Card]:
    return [Card(i, "X1", int(gib * GIB), int(free * gib * GIB)) for i, gib in enumerate(total_gib)]


def indices(groups: tuple[tuple[Card, ...], ...]) -> list[tuple[int, ...]]:
    return [tuple(card.index for card in group) for group in groups]


@pytest.mark.parametrize(
    ("total_gib", "groups"),  # protocol 7.2
    [
        ([24, 24], [(0, 1)]),
        ([24, 24, 24], [(0, 1)]),
        ([16] * 4, [(0, 1, 2, 3)]),
        ([80] * 8, [(i,) for i in range(8)]),
        ([80, 24, 24], [(0,), (1, 2)]),
        ([24, 80], [(0, 1)]),
    ],
)
def test_all_cards_are_grouped_by_the_networks_rule(total_gib: list[float], groups: list[tuple[int, ...]]) -> None:
    found = place("cuda", make_cards(*total_gib), MAINNET, "float16", MAINNET_F16)
    assert indices(found.groups) == groups
    assert [card.index for card in found.cards] == [index for group in groups for index in group]


def test_testnet_needs_less_and_other_models_their_weights() -> None:
    assert indices(place("cuda", make_cards(24, 8, 8), TESTNET, "float16", 10**9).groups) == [(0,), (1, 2)]
    assert indices(place("cuda", make_cards(1, 1), DEVTEST, "float16", 10**7).groups) == [(0,), (1,)]
    assert get_min_group_vram_gib(DEVTEST, 3 * GIB) == 3


def test_one_card_is_taken_whatever_the_rule_says() -> None:
    """Mainnet in float16 on 4 GB."""
    found = place("cuda:1", make_cards(80, 4e9 / GIB), MAINNET, "float16", MAINNET_F16)
    assert indices(found.groups) == [(1,)]
    assert MAINNET_F16 + found.batch_size * nonce_bytes(MAINNET, "float16") < 4e9


def test_the_card_with_the_least_free_memory_decides() -> None:
    full = Card(1, "X1", 24 * GIB, 3 * GIB)
    found = place("cuda", [*make_cards(80), full, *make_cards(0, 0, 24)[2:]], MAINNET, "float16", MAINNET_F16)
    assert indices(found.groups) == [(0,), (1, 2)]
    assert found.batch_size == auto_batch_size([3 * 1024], MAINNET, MAINNET_F16 / 2**20)


def test_a_given_batch_size_is_kept() -> None:
    assert place("cuda:0", make_cards(80), MAINNET, "float16", MAINNET_F16, 3).batch_size == 3


@given(
    st.lists(st.tuples(st.sampled_from([4, 8, 16, 24, 40, 80]), st.floats(0.9, 1.0)), min_size=1, max_size=12),
    MODELS,
    st.sampled_from(DTYPES),
)
def test_laws_of_a_placement(sizes: list[tuple[int, float]], params: PowParams, dtype: str) -> None:
    cards = [Card(i, "X1", gib * GIB, int(free * gib * GIB)) for i, (gib, free) in enumerate(sizes)]
    weights = weights_bytes(params, dtype)
    groups = gpu_groups([gib for gib, _ in sizes], get_min_group_vram_gib(params, weights))
    fits = all(weights + nonce_bytes(params, dtype) <= cards[index].free_bytes for group in groups for index in group)
    if not groups or not fits:
        with pytest.raises(ValueError, match=r"too little memory on cuda:|neighbouring cards"):
            place("cuda", cards, params, dtype, weights)
        return
    found = place("cuda", cards, params, dtype, weights)
    assert indices(found.groups) == groups
    order = [card.index for card in found.cards]
    assert order == sorted(set(order))  # at most one group each, in the machine's order
    assert set(found.cards) <= set(cards)
    for group in found.groups:
        assert len(group) in (1, 2, 4, 8)
        assert sum(card.total_bytes for card in group) >= get_min_group_vram_gib(params, weights) * GIB * (1 - 1e-9)
    assert found.batch_size >= 1
    for card in found.cards:
        assert weights + found.batch_size * nonce_bytes(params, dtype) <= card.free_bytes
    if found.batch_size > 1:
        assert found.batch_size * drawn_bytes(params) <= DRAWN_BATCH_BYTES
        free_mib = [card.free_bytes / 2**20 for card in found.cards]
        assert found.batch_size <= min(auto_batch_size([free], params, weights / 2**20) for free in free_mib)


@given(st.integers(0, 200 * GIB), st.integers(0, 20 * GIB), MODELS, st.sampled_from(DTYPES))
def test_more_memory_never_means_smaller_batches(free: int, more: int, params: PowParams, dtype: str) -> None:
    weights = weights_bytes(params, dtype)
    sizes = [card_batch_size([memory, 300 * GIB], params, dtype, weights) for memory in (free, free + more)]
    assert 1 <= sizes[0] <= sizes[1]


@pytest.mark.parametrize("model", ["tiny", "tinygqa", "tinytile", "devtest"])
@pytest.mark.parametrize("dtype", MODES)
def test_weights_take_what_is_said(model: str, dtype: str, golden) -> None:
    """Counted again over the memory behind the tensors; parameters of one pool share it."""
    cases = {case["model"]: PowParams(**case["params"]) for case in golden("distances_tiny")["cases"]}
    params = (PRESETS | cases)[model]
    storages = {}
    for weight in parameters("hash", params, dtype).values():
        storages[weight.untyped_storage().data_ptr()] = weight.untyped_storage().nbytes()
    # Where everything is larger than the pool nothing shows it, yet it lies there while the model is made.
    is_pool_shown = any(size == params.pool_size * BYTES_OF[mode_of(dtype).linear] for size in storages.values())
    pool = 0 if is_pool_shown else params.pool_size * BYTES_OF[mode_of(dtype).linear]
    assert weights_bytes(params, dtype) == sum(storages.values()) + pool


def test_weights_of_mainnet() -> None:
    """1.8 GB in float16 (kernel 2); "mixed" holds norms and head in float32 beside the bfloat16 pool."""
    assert MAINNET_F16 == 2 * MAINNET.pool_size == pytest.approx(1.78e9, rel=0.01)
    head_and_norms = 4 * (MAINNET.vocab_size + 2 * MAINNET.n_layers + 1) * MAINNET.dim
    assert weights_bytes(MAINNET, "mixed") == MAINNET_F16 + head_and_norms


@pytest.mark.parametrize(
    ("device", "cards", "message"),
    [
        ("cuda", [], "device 'cuda' is not to be had: torch finds no CUDA card on this machine"),
        ("cuda:7", make_cards(80, 80), "device 'cuda:7' is not to be had: there are cuda:0, cuda:1"),
        ("cuda", make_cards(24), r"device 'cuda': no 1, 2, 4, 8 neighbouring cards have the 38 GiB .*'cuda:0' takes"),
        ("cuda:0", make_cards(1), r"too little memory on cuda:0 \(X1, 1\.0 of 1\.1 GB free\): float16 with 1 nonces a"),
        ("cuda", make_cards(80, free=0.02), r"float16 with 1 nonces a batch needs about 1\.9 GB"),
    ],
)
def test_what_is_not_there_is_told(device: str, cards: list[Card], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        place(device, cards, MAINNET, "float16", MAINNET_F16)


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cuda:-1", "", "CPU", "cuda:0\n", "cpu:0"])
def test_unknown_devices(device: str) -> None:
    with pytest.raises(ValueError, match=r"unknown device .* known are 'cpu', 'cuda'"):
        check_device(device)
