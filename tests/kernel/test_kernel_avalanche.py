"""One changed element of an input: where it cannot matter, how much it must, and what the layers add."""

import numpy as np
import pytest

from pow.avalanche import BLOCK_HASH, PUBLIC_KEY, _change, compute_expected, measure_avalanche
from pow.inputs import inputs_float32
from pow.params import PRESETS

TINY = PRESETS["tiny"]


def test_one_element_of_each_input_changes_at_the_position_asked_for() -> None:
    inputs = inputs_float32(BLOCK_HASH, PUBLIC_KEY, range(20), TINY)
    for position in (0, 3):
        differs = _change(inputs, position) != inputs
        assert differs.sum(axis=(1, 2)).tolist() == [1] * 20
        assert differs[:, position].any(axis=1).all()


def test_without_layers_only_the_last_position_matters_and_by_the_root_of_the_width() -> None:
    """400 inputs: the root mean square of products of two squared normals has a standard error of 7 %; 4 of them."""
    (found,) = measure_avalanche(TINY, [0], n_nonces=400)
    assert found.from_first == 0.0
    assert found.from_last == pytest.approx(compute_expected(TINY), rel=0.28)
    assert compute_expected(TINY) == 0.125


def test_the_pools_gains_keep_the_first_position_out_and_gains_of_one_less_so() -> None:
    pool, unit = (measure_avalanche(TINY, [1, 2], n_nonces=60, unit_gains=unit) for unit in (False, True))
    for one, other in zip(pool, unit, strict=True):
        assert 0 < one.from_first < 0.1 * other.from_first < 0.01
    assert [row.n_layers for row in pool] == [1, 2]
    assert np.all(np.array([row.from_last for row in pool + unit]) < 0.3)  # an unrelated answer would have 1
