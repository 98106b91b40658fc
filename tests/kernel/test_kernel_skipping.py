"""What a host saves and risks that leaves layers out (kernel 7)."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pow.params import PRESETS
from pow.skipping import compute_skipping_rms, get_layers_speedup
from sim.work.base import Task
from sim.work.kernel import KernelWork
from sim.work.sphere import SphereWork

DEVTEST, TINY = PRESETS["devtest"], PRESETS["tiny"]
HASH, GROUPS = "AB" * 32, (range(1, 200_001),)


def test_a_host_is_faster_by_the_work_that_it_leaves_out() -> None:
    """Half of the layers take half of the time that is not the head's; without any layer the head remains."""
    whole, none = get_layers_speedup(DEVTEST, 16), get_layers_speedup(DEVTEST, 0)
    assert whole == 1.0
    assert 10 < none < math.inf
    assert 1 / get_layers_speedup(DEVTEST, 8) == pytest.approx((1 + 1 / none) / 2)


def test_the_error_falls_with_the_root_of_the_layers_left_out() -> None:
    assert compute_skipping_rms(DEVTEST, 0) == 6.5e-5
    assert compute_skipping_rms(DEVTEST, 12) == pytest.approx(6.5e-5 / 2)
    assert compute_skipping_rms(TINY, 2) == 0.0


@pytest.mark.parametrize("n_layers", [-1, 17])
def test_a_number_of_layers_that_the_model_does_not_have_is_refused(n_layers: int) -> None:
    for function in (compute_skipping_rms, get_layers_speedup):
        with pytest.raises(ValueError, match=f"n_layers is {n_layers}; it must be at least 0 and at most 16"):
            function(DEVTEST, n_layers)


def test_models_whose_error_is_not_known_are_named() -> None:
    with pytest.raises(ValueError, match="known for the models devtest, testnet, mainnet only"):
        compute_skipping_rms(TINY, 1)
    task = Task(HASH, "key", "float32", GROUPS, 1.4, n_layers=1)
    with SphereWork(TINY.vocab_size, TINY) as work, pytest.raises(ValueError, match="known for the models"):
        work.produce(task, range(100))


def test_the_law_adds_the_error_of_skipped_layers_to_the_distances() -> None:
    """About 10 000 claimed nonces: their root mean square error to 3 % at level 1e-5; each kept one lies below 1.4."""
    task = Task(HASH, "key", "f16data_f64compute", GROUPS, 1.4, n_layers=4)
    with SphereWork(DEVTEST.vocab_size, DEVTEST) as work:
        found = work.produce(task, range(200_000))
        requests = [("key", nonce) for nonce in found.nonces.tolist()]
        truth = work.distances(HASH, task.numerics, requests)
        again = work.produce(replace(task, n_layers=8), range(200_000))
    assert found.values.max() < 1.4
    inner = found.values < 1.4 - 5 * compute_skipping_rms(DEVTEST, 4)  # beyond, only small errors are kept
    rms = float(np.sqrt(np.mean((found.values - truth)[inner] ** 2)))
    assert rms == pytest.approx(compute_skipping_rms(DEVTEST, 4), rel=4.4 / math.sqrt(2 * inner.sum()))
    errors = dict(zip(again.nonces.tolist(), again.values.tolist(), strict=True))
    assert sum(errors.get(n) == v for n, v in zip(found.nonces.tolist(), found.values.tolist(), strict=True)) == 0


def test_the_kernel_computes_as_many_layers_as_the_task_says() -> None:
    """A threshold of 2 keeps every nonce; re-execution always takes all layers."""
    whole = Task(HASH, "key", "float32", (range(1, 11),), 2.0)
    with KernelWork(TINY, None, None) as work:
        none = work.produce(replace(whole, n_layers=0), range(10))
        all_named, all_meant = (work.produce(task, range(10)) for task in (replace(whole, n_layers=2), whole))
        truth = work.distances(HASH, "float32", [("key", nonce) for nonce in range(1, 11)])
        assert work.counts.computed == 20
    assert np.array_equal(all_named.values, truth)
    assert np.array_equal(all_meant.values, truth)
    assert 0 < np.abs(none.values - truth).max() < 1e-2
