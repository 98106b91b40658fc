"""What skipped layers cost and save."""

from dataclasses import replace

import numpy as np
import pytest

from pow.distances import distances_of
from pow.layers import BLOCK_HASH, PUBLIC_KEY, choose_layers, measure_layers
from pow.params import PRESETS
from pow.transformer import build

TINY = PRESETS["tiny"]


def test_rows_against_the_readable_path() -> None:
    rows = measure_layers(TINY, n_nonces=300)
    assert [row.n_layers for row in rows] == [0, 1, 2]
    requests = [(PUBLIC_KEY, nonce) for nonce in range(300)]
    whole, skipped = (distances_of(build(BLOCK_HASH, TINY, "float32", n_layers=n), requests) for n in (2, 0))
    assert rows[0].rms_error == pytest.approx(np.sqrt(np.mean((whole - skipped) ** 2)), rel=1e-3)
    assert rows[-1].rms_error == 0.0
    assert rows[-1].claimed_share == rows[-1].advantage == rows[-1].work == 1.0
    assert rows[-1].n_claimed == rows[-1].n_valid > 5
    assert rows[0].work < rows[1].work < 1.0
    assert rows[0].rms_error > rows[1].rms_error


def test_pool_gains_make_layers_worthless_and_unit_gains_do_not() -> None:
    """Kernel 7: a property of the specification, and a repair."""
    (pool, *_), (unit, *_) = (measure_layers(TINY, n_nonces=300, unit_gains=gains) for gains in (False, True))
    assert unit.rms_error > 10 * pool.rms_error
    assert pool.claimed_share > 0.9


@pytest.mark.parametrize(
    ("n_layers", "chosen"), [(2, [0, 1, 2]), (16, list(range(0, 17, 2))), (64, list(range(0, 65, 8)))]
)
def test_layers_that_are_tried(n_layers: int, chosen: list[int]) -> None:
    assert choose_layers(n_layers) == chosen


def test_little_memory_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from pow import devices
    from pow.kernel import Kernel

    monkeypatch.setattr(devices, "get_available_bytes", lambda: 2_000_000_000)
    for dtype, needed in (("float32", "3.6"), ("mixed", "3.6"), ("float16", None)):
        if needed is None:
            devices.check_memory(PRESETS["mainnet"], dtype)
            continue
        with pytest.raises(ValueError, match=f"in {dtype} needs about {needed} GB, 2.0 GB are free"):
            Kernel(BLOCK_HASH, PRESETS["mainnet"], dtype)
    monkeypatch.setattr(devices, "get_available_bytes", lambda: None)
    devices.check_memory(PRESETS["mainnet"], "float32")


def test_available_memory_is_some() -> None:
    from pow.devices import get_available_bytes

    assert (get_available_bytes() or 0) > 10_000_000


def test_layers_of_a_larger_model_are_as_many() -> None:
    assert [row.n_layers for row in measure_layers(replace(TINY, n_layers=3), n_nonces=10)] == [0, 1, 2, 3]
