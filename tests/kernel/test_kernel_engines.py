"""The path of the cards, with the CPU in the place of every card: order, look-ahead, errors, closing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pow import cuda, engines, placement
from pow.engines import CardEngine, DistanceJob, draw_ahead
from pow.kernel import Kernel, place_kernel
from pow.params import PRESETS, PowParams
from pow.placement import GIB, Card
from pow.sphere import target

HASH, KEY, TINY = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD", "key", PRESETS["tiny"]
TWO_CARDS = (Card(0, "X1", 80 * GIB, 79 * GIB), Card(1, "X1", 80 * GIB, 79 * GIB))
FLAGS = ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch, settings_of_torch: None) -> None:
    """A machine with two cards, both of which are its CPU."""
    monkeypatch.setenv(cuda.WORKSPACE[0], "")
    monkeypatch.setattr(cuda, "list_cards", lambda: TWO_CARDS)
    monkeypatch.setattr(cuda, "get_device", lambda card: torch.device("cpu"))


class Model:
    """Counts what it is given; its logits are the first inputs, so that a distance belongs to its nonce alone."""

    block_hash, params = HASH, TINY

    def __init__(self, pause: float = 0.0, fails_at: int | None = None) -> None:
        self.n_batches, self.pause, self.fails_at = 0, pause, fails_at
        self.has_begun = threading.Event()

    def last_logits(self, inputs: np.ndarray) -> torch.Tensor:
        self.has_begun.set()
        time.sleep(self.pause)
        if self.n_batches == self.fails_at:
            raise OSError("the card fell off the bus")
        self.n_batches += 1
        return torch.from_numpy(inputs.reshape(len(inputs), -1)[:, : TINY.vocab_size].copy())


def cut(n: int, size: int) -> list[list[tuple[str, int]]]:
    requests = [(KEY, nonce) for nonce in range(n)]
    return [requests[begin : begin + size] for begin in range(0, n, size)]


def open_engine(*models: Model, batch_size: int = 4, n_threads: int = 2) -> CardEngine:
    job = DistanceJob(HASH, TINY, target(HASH, TINY.vocab_size), batch_size)
    return CardEngine(models, job, n_threads)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(1, 3))
def test_every_distance_comes_back_in_its_place(n: int, batch_size: int, n_cards: int, n_threads: int) -> None:
    models = [Model() for _ in range(n_cards)]
    engine = open_engine(*models, batch_size=batch_size, n_threads=n_threads)
    found = np.concatenate(engine.compute(cut(n, batch_size)))
    single = open_engine(Model(), batch_size=1)
    expected = np.concatenate(single.compute(cut(n, 1)))
    engine.close()
    single.close()
    assert np.array_equal(found, expected)
    assert len(set(found)) == n
    n_batches = -(-n // batch_size)
    assert [model.n_batches for model in models] == [len(range(k, n_batches, n_cards)) for k in range(n_cards)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("f16data_f64compute", 1e-13), ("float32", 5e-7), ("mixed", 2e-6)])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_kernel_on_cards_agrees_with_the_cpu(device: str, dtype: str, tolerance: float, two_cards: None) -> None:
    with Kernel(HASH, TINY, dtype) as kernel:
        expected = kernel.distances(KEY, range(50))
    with Kernel(HASH, TINY, dtype, device, batch_size=8, n_threads=2) as kernel:
        assert [card.index for card in kernel.placement.cards] == ([0, 1] if device == "cuda" else [1])
        assert kernel.linear == "torch"
        found = kernel.distances(KEY, range(50))
        assert np.array_equal(found, kernel.distances(KEY, range(50)))
        alone = [kernel.distances(KEY, [nonce])[0] for nonce in range(50)]
    assert found == pytest.approx(expected, abs=tolerance)
    assert alone == pytest.approx(found, abs=tolerance)


def test_the_golden_distances_by_the_cards_path(two_cards: None, golden) -> None:
    for case in golden("distances_tiny")["cases"]:
        params = PowParams(**case["params"])
        with Kernel(case["block_hash"], params, "f16data_f64compute", "cuda", batch_size=4) as kernel:
            found = kernel.distances(case["public_key"], case["nonces"])
        assert found == pytest.approx(case["distances"]["f16data_f64compute"], abs=1e-13)


def test_skipped_layers_and_gains_reach_the_cards(two_cards: None) -> None:
    results = []
    for options in ({}, {"n_layers": 0}, {"unit_gains": True}):
        with Kernel(HASH, TINY, "float32", **options) as cpu, Kernel(HASH, TINY, "float32", "cuda", **options) as cards:
            results.append(cards.distances(KEY, range(8)))
            assert results[-1] == pytest.approx(cpu.distances(KEY, range(8)), abs=5e-7)
    assert np.abs(results[0] - results[1]).min() > 1e-7
    assert np.abs(results[0] - results[2]).min() > 1e-7


@given(st.integers(0, 30), st.integers(1, 6))
def test_the_look_ahead_is_bounded(n: int, n_ahead: int) -> None:
    drawn: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        for given_out, item in enumerate(
            draw_ahead(threads, lambda item: drawn.append(item) or item, range(n), n_ahead)
        ):
            assert item == given_out
            assert len(drawn) <= item + n_ahead + 1
    assert drawn == list(range(n))


def test_the_look_ahead_is_used() -> None:
    """While the first item is in hand the next ones are drawn."""
    drawn: list[int] = []
    with ThreadPoolExecutor(1) as threads:
        items = draw_ahead(threads, lambda item: drawn.append(item) or item, range(9), 3)
        next(items)
        threads.submit(int).result()
        assert drawn == [0, 1, 2, 3]
        items.close()


def test_an_error_of_a_drawing_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    real = engines.draw_batch

    def draw(block_hash: str, params: PowParams, batch: list[tuple[str, int]], batch_size: int) -> object:
        if (KEY, 21) in batch:
            raise MemoryError("no room for the draws of 21")
        return real(block_hash, params, batch, batch_size)

    monkeypatch.setattr(engines, "draw_batch", draw)
    models = [Model(), Model()]
    engine = open_engine(*models)
    with pytest.raises(MemoryError, match="no room for the draws of 21"):
        engine.compute(cut(4000, 4))
    assert sum(model.n_batches for model in models) < 500
    assert len(engine.compute(cut(20, 4))) == 5  # the engine goes on
    engine.close()


def test_an_error_of_one_card_ends_the_others() -> None:
    models = [Model(pause=0.001), Model(fails_at=3)]
    engine = open_engine(*models)
    with pytest.raises(OSError, match="the card fell off the bus"):
        engine.compute(cut(4000, 4))
    assert models[0].n_batches < 490
    engine.close()


def test_an_error_while_measuring_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*arguments: object) -> object:
        raise FloatingPointError("the logits are all zero")

    monkeypatch.setattr(engines, "chord_distances", measure)
    engine = open_engine(Model())
    with pytest.raises(FloatingPointError, match="the logits are all zero"):
        engine.compute(cut(9, 4))
    engine.close()


def test_closing_while_it_computes() -> None:
    model = Model(pause=0.005)
    engine = open_engine(model)
    with ThreadPoolExecutor(1) as caller:
        running = caller.submit(engine.compute, cut(4000, 4))
        assert model.has_begun.wait(10)
        engine.close()
        with pytest.raises(RuntimeError, match="the kernel is closed"):
            running.result(timeout=10)
    assert model.n_batches < 900
    with pytest.raises(RuntimeError, match="the kernel is closed"):
        engine.compute(cut(4, 4))


def test_settings_are_strict_on_cards_and_can_be_loosened(two_cards: None) -> None:
    with Kernel(HASH, TINY, "float32", "cuda"):
        assert torch.are_deterministic_algorithms_enabled()
        assert [getattr(torch.backends.cuda.matmul, name) for name in FLAGS] == [False] * 3
    cuda.set_deterministic(False)
    assert not torch.are_deterministic_algorithms_enabled()
    assert [getattr(torch.backends.cuda.matmul, name) for name in FLAGS] == [True] * 3


def test_the_workspace_of_the_user_stays(monkeypatch: pytest.MonkeyPatch, settings_of_torch: None) -> None:
    import os

    monkeypatch.setenv(cuda.WORKSPACE[0], ":16:8")
    cuda.set_deterministic()
    assert os.environ[cuda.WORKSPACE[0]] == ":16:8"
    monkeypatch.delenv(cuda.WORKSPACE[0])
    cuda.set_deterministic()
    assert os.environ[cuda.WORKSPACE[0]] == ":4096:8"


def test_the_cpu_has_nothing_to_wait_for() -> None:
    cuda.synchronize(torch.device("cpu"))
    assert cuda.get_peak_bytes(torch.device("cpu")) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cuda:2"}, "device 'cuda:2' is not to be had: there are cuda:0, cuda:1"),
        ({"device": "cuda", "linear": "onednn"}, "linear 'onednn' computes on the CPU; on a card it is 'torch'"),
        ({"device": "cuda", "linear": "x"}, "unknown linear 'x'"),
        ({"device": "cuda", "torch_threads": 2}, "torch_threads is 2; on 'cuda' there is nothing for them to do"),
        ({"device": "cuda", "batch_size": 10**9}, r"too little memory on cuda:0 \(X1, .*1000000000 nonces a batch"),
    ],
)
def test_mistakes_are_told_before_any_work(
    arguments: dict[str, object], message: str, two_cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pow.parameters.pool", lambda *_: pytest.fail("work was done"))
    with pytest.raises(ValueError, match=message):
        Kernel(HASH, TINY, **arguments)


def test_draws_need_memory_of_the_host(two_cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pow.devices.get_available_bytes", lambda: 2_000_000_000)
    assert place_kernel(TINY, "float32", "cuda", n_threads=2).batch_size > 1
    with pytest.raises(ValueError, match="too little memory: the model in float16 needs about"):
        place_kernel(PRESETS["mainnet"], "float16", "cuda", n_threads=16)


def test_without_a_card_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="torch finds no CUDA card"):
        Kernel(HASH, TINY, device="cuda")


def test_cards_are_described_by_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that torch has taken and does not use counts as free."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (70 + index, 80))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda index: 6)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda index: 4)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"X{index}")
    assert cuda.list_cards() == (Card(0, "X0", 80, 72), Card(1, "X1", 80, 73))
    assert cuda.get_device(cuda.list_cards()[1]) == torch.device("cuda:1")
    assert placement.place("cuda:1", TWO_CARDS, TINY, "float32", 10**6).cards == TWO_CARDS[1:]
