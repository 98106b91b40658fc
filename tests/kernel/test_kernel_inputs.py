import dataclasses

import numpy as np
import pytest

from pow.inputs import inputs, inputs_float32, permutations
from pow.params import PRESETS
from pow.seeds import input_generator

TINY = PRESETS["tiny"]


def test_golden_inputs(inputs_case, sha256) -> None:
    case = inputs_case
    params = dataclasses.replace(TINY, dim=case["dim"], seq_len=case["seq_len"])
    drawn = inputs(case["block_hash"], case["public_key"], case["nonces"], params)
    assert drawn.dtype == np.float16
    assert list(drawn.shape) == case["shape"]
    assert sha256(drawn) == case["sha256_f16"]
    assert [sha256(row) for row in drawn] == case["per_nonce_sha256_f16"]
    assert drawn.ravel()[:8].tolist() == case["first8_f16"]
    assert drawn[-1].ravel()[-4:].tolist() == case["last_nonce_last4_f16"]
    unrounded = inputs_float32(case["block_hash"], case["public_key"], case["nonces"], params)
    assert unrounded.dtype == np.float32
    assert sha256(unrounded) == case["sha256_f32"]
    assert unrounded.ravel()[:8].tolist() == case["first8_f32"]


def test_golden_permutations(permutations_case, sha256) -> None:
    case = permutations_case
    drawn = permutations(case["block_hash"], case["public_key"], [case["nonce"]], case["dim"])
    assert drawn.dtype == np.int64
    assert drawn.shape == (1, case["dim"])
    assert drawn[0, :16].tolist() == case["first16"]
    assert sha256(drawn) == case["sha256_i64"]


def test_rounding_twice_is_not_rounding_once() -> None:
    params = PRESETS["testnet"]
    once = input_generator("hash", "key", 0).standard_normal((1, params.seq_len, params.dim)).astype(np.float16)
    n_changed = np.count_nonzero(inputs("hash", "key", [0], params) != once)
    assert 0 < n_changed < 3e-4 * once.size


def test_each_nonce_is_drawn_by_itself() -> None:
    together = inputs("hash", "key", [5, 9], TINY)
    assert np.array_equal(together[1], inputs("hash", "key", (9,), TINY)[0])
    assert np.array_equal(
        permutations("hash", "key", range(3), 128)[2], permutations("hash", "key", np.array([2]), 128)[0]
    )


@pytest.mark.parametrize("draw", [lambda n: inputs("h", "k", n, TINY), lambda n: permutations("h", "k", n, 128)])
def test_mistaken_nonces(draw) -> None:
    with pytest.raises(ValueError, match="nonces is empty; at least one nonce is needed"):
        draw([])
    with pytest.raises(ValueError, match=r"nonce is -4; it must be at least 0 and below 2\^63"):
        draw([1, -4])
    with pytest.raises(TypeError, match=r"nonce is 0\.5; it must be an integer"):
        draw([0.5])


def test_mistaken_vocabulary() -> None:
    with pytest.raises(ValueError, match="vocab_size is 0; it must be at least 1"):
        permutations("h", "k", [0], 0)
