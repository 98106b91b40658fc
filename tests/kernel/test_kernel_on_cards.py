"""The kernel on a real CUDA card (`make test-gpu`). The same path with the CPU as the card: test_kernel_engines."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pow import cuda
from pow.agreement import BOUNDS as AGREEMENT_BOUNDS
from pow.answer_kernel import AnswerKernel
from pow.answers import measure
from pow.distances import distances
from pow.kernel import Kernel
from pow.params import PRESETS, PowParams, mode_of
from pow.placement import Card

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() == 0, reason="torch finds no CUDA card on this machine"),
]
DEVICE = "cuda:0"
# (mode, golden mode, bound). float32 and mixed as on the CPU (kernel 6): another order of float32 sums moves a distance
# by 1e-7, and a bfloat16 product of 8 bits is the same number in any order but for its float32 sum. float16: an H100
# lay within 5.6e-6 of a CPU on devtest; tiny's 128 dimensions make its errors about 5 times as large.
BOUNDS = [("float32", "float32", 5e-7), ("mixed", "f16data_f32compute", 2e-6)]
TINY_BOUNDS, DEVTEST_BOUNDS = ([*BOUNDS, ("float16", "float16", bound)] for bound in (1e-4, 2e-5))
MAINNET_BOUND = 2e-4  # float16 against float32 arithmetic, 6e-5 on an H100; a wrong weight would change 0.008
CARD_BYTES = 4e9
H100 = json.loads((Path(__file__).parents[1] / "data" / "h100" / "distances.json").read_text(encoding="utf-8"))
# Distances that an H100 left, by preset, number type, layers (all unless named), batch, and place of the weights. Any
# card is held to them within the bounds of `pow.agreement`, some 4 times what batches, products and CPUs differ by.


def check_case(case: dict, mode: str, golden_mode: str, bound: float) -> None:
    params = PowParams(**case["params"])
    with Kernel(case["block_hash"], params, mode, DEVICE) as kernel:
        found = kernel.distances(case["public_key"], case["nonces"])
    assert np.abs(found - case["distances"][golden_mode]).max() <= bound


@pytest.mark.parametrize(("mode", "golden_mode", "bound"), TINY_BOUNDS)
def test_golden_distances_tiny_on_a_card(mode: str, golden_mode: str, bound: float, distances_tiny_case: dict) -> None:
    check_case(distances_tiny_case, mode, golden_mode, bound)


@pytest.mark.parametrize(("mode", "golden_mode", "bound"), DEVTEST_BOUNDS)
def test_golden_distances_devtest_on_a_card(
    mode: str, golden_mode: str, bound: float, distances_devtest_case: dict
) -> None:
    check_case(distances_devtest_case, mode, golden_mode, bound)


def test_float64_on_a_card_sees_every_layer(distances_tiny_case: dict) -> None:
    """At 1e-12 a missing mask, rotation or scale shows (kernel 6)."""
    check_case(distances_tiny_case, "f16data_f64compute", "f16data_f64compute", 1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "mixed"])
@pytest.mark.parametrize("preset", ["tiny", "devtest"])
def test_bits_on_a_card_depend_on_nothing_but_the_nonce(preset: str, dtype: str) -> None:
    """Two runs, other neighbours, another place in the batch, one card alone."""
    nonces = list(range(40))
    with Kernel("hash", PRESETS[preset], dtype, DEVICE, batch_size=16) as kernel:
        together = kernel.distances("key", nonces)
        others = [
            kernel.distances("key", nonces),
            kernel.distances("key", nonces[::-1])[::-1],
            np.array([kernel.distances("key", [nonce])[0] for nonce in nonces]),
        ]
    with Kernel("hash", PRESETS[preset], dtype, DEVICE, batch_size=16, n_threads=1) as again:
        others.append(again.distances("key", nonces))
    for other in others:
        assert np.array_equal(together, other)


def test_all_cards_agree_with_one() -> None:
    with Kernel("hash", PRESETS["devtest"], "float32", "cuda", batch_size=16) as kernel:
        found = kernel.distances("key", range(100))
        names = {card.name for card in kernel.placement.cards}
    with Kernel("hash", PRESETS["devtest"], "float32", DEVICE, batch_size=16) as kernel:
        alone = kernel.distances("key", range(100))
    assert found == pytest.approx(alone, abs=5e-7)
    if len(names) == 1:
        assert np.array_equal(found, alone)


@pytest.mark.parametrize("dtype", ["float16", "float32", "mixed"])
def test_the_automatic_batch_fits(dtype: str) -> None:
    """What placement says a batch needs is not exceeded, for models of both shapes."""
    for preset in ("devtest", "whitepaper"):
        with Kernel("hash", PRESETS[preset], dtype, DEVICE) as kernel:
            found = kernel.distances("key", range(kernel.batch_size + 1))
        assert found[:4] == pytest.approx(distances("hash", "key", range(4), PRESETS[preset], dtype), abs=3e-4)


def test_mainnet_in_float16_fits_a_small_card(monkeypatch: pytest.MonkeyPatch, distances_v2_case: dict) -> None:
    """A card of 4 GB is described in the place of the real one; the memory that tensors take is the real one's."""
    case, first = distances_v2_case, cuda.list_cards()[0]
    small = Card(first.index, first.name, int(CARD_BYTES), int(min(first.free_bytes, 0.95 * CARD_BYTES)))
    monkeypatch.setattr(cuda, "list_cards", lambda: (small,))
    torch.cuda.reset_peak_memory_stats(first.index)
    with Kernel(case["block_hash"], PRESETS["mainnet"], "float16", DEVICE) as kernel:
        found = kernel.distances(case["public_key"], case["nonces"])
    assert torch.cuda.max_memory_allocated(first.index) < CARD_BYTES
    assert np.abs(found - case["distances"]["f16data_f32compute"]).max() <= MAINNET_BOUND


@pytest.mark.parametrize("name", H100["distances"])
def test_golden_distances_of_an_h100(name: str) -> None:
    """All layers or the first few; batches and weights as this version chooses and lays them."""
    preset, dtype, *rest = name.split("/")
    n_layers = next((int(part.removeprefix("layers")) for part in rest if part.startswith("layers")), None)
    golden = np.array(H100["distances"][name])
    with Kernel(H100["block_hash"], PRESETS[preset], dtype, DEVICE, n_layers=n_layers) as kernel:
        found = kernel.distances(H100["public_key"], range(len(golden)))
    assert np.abs(found - golden).max() <= AGREEMENT_BOUNDS[mode_of(dtype).name]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_answers_on_a_card_are_near_those_of_the_cpu(dtype: str) -> None:
    """And the same in another order and batch; an unrelated answer lies 1.4 away."""
    on_card = AnswerKernel(PRESETS["devtest"], dtype, DEVICE, batch_size=16)
    found = on_card.answers("hash", "key", range(40))
    assert np.array_equal(found[::-1], on_card.answers("hash", "key", range(39, -1, -1)))
    assert measure(found, AnswerKernel(PRESETS["devtest"], dtype).answers("hash", "key", range(40))).max() < 0.05
