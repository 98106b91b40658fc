"""Answers of proof of compute v2: golden seeded parts, worked rows, and the law of the reduction."""

import numpy as np
import pytest

from pow.answers import (
    decode,
    encode,
    inputs,
    inputs_float32,
    measure,
    mirror,
    normals,
    places,
    reduce,
    reflection,
    seed,
    strong_normals,
    words,
)

FLOAT32 = 2e-6  # what the golden file allows between two float32 paths


def test_golden_seeds_and_draws(golden_answers_case) -> None:
    case = golden_answers_case
    block_hash, key = case["block_hash"], case["public_key"]
    assert {text: seed(text) for text in case["seeds"]} == case["seeds"]
    of_nonce_0 = case["seeds"][f"{block_hash}_{key}_nonce0"]
    assert words(of_nonce_0, 10).tolist() == case["murmur3_32_of_0_to_9"]
    assert words(of_nonce_0, 10).dtype == np.uint32
    for n in (7, 8):  # an odd number leaves the last sine out
        assert normals(of_nonce_0, n) == pytest.approx(case[f"normals_{n}"], abs=FLOAT32)
        assert normals(of_nonce_0, n).dtype == np.float32
    for layer, golden in case["householder_H16"].items():
        assert reflection(block_hash, int(layer), 16) == pytest.approx(golden, abs=FLOAT32)


@pytest.mark.parametrize(("name", "dim", "strong"), [("", 16, False), ("strong_", 18, True)])
def test_golden_answer_inputs(golden_answers_case, name: str, dim: int, strong: bool) -> None:
    """18 is no multiple of 8, so that the last of the eight seeds draws fewer numbers."""
    case = golden_answers_case
    golden = case[f"inputs_{name}L4_H{dim}_float16"]
    drawn = inputs(case["block_hash"], case["public_key"], [int(nonce) for nonce in golden], 4, dim, strong=strong)
    assert (drawn.dtype, drawn.shape) == (np.float16, (len(golden), 4, dim))
    assert drawn.reshape(len(golden), -1).tolist() == list(golden.values())


def test_golden_answers(golden_answers_case) -> None:
    case = golden_answers_case
    block_hash, key = case["block_hash"], case["public_key"]
    nonces = [int(nonce) for nonce in case["hidden_H256"]]
    hidden = np.array(list(case["hidden_H256"].values()), dtype=np.float32)
    mirrored = mirror(hidden, reflection(block_hash, 0, 256))[:, :8]
    golden = np.array(list(case["hidden_after_layer_0_reflection_first_8"].values()))
    assert np.abs(mirrored - golden).max() < FLOAT32
    picked = [places(block_hash, key, nonce, 256) for nonce in nonces]
    assert [each.tolist() for each in picked] == list(case["picked_places"].values())
    assert picked[0].dtype == np.int64
    found = reduce(hidden, block_hash, key, nonces)
    assert (found.dtype, found.shape) == (np.float16, (len(nonces), 12))
    assert encode(found) == list(case["answer_base64"].values())
    assert np.array_equal(decode(encode(found)), found)
    assert np.abs(found - np.array(list(case["answer_float32"].values()))).max() < 5e-4  # float16


def test_worked_rows() -> None:
    """Reference: network 2.19."""
    assert words(0, 4).tolist() == [4279838538, 2277397642, 1536518961, 4104946907]
    assert seed("abc") == 3128432319
    assert normals(3128432319, 4) == pytest.approx([1.35066952, 0.70746977, -0.06626331, 1.03824194], abs=FLOAT32)
    assert seed("00ff_layer_0_householder") == 1200375476
    assert normals(1200375476, 4) == pytest.approx([0.74411625, -1.33759637, 0.93092352, 0.52172121], abs=FLOAT32)
    expected = [110, 471, 1781, 1879, 2012, 2534, 2965, 3050, 3155, 3607, 3788, 3976]
    assert places("00ff", "02aa", 7, 4096).tolist() == expected


def test_no_counter_gives_the_same_word() -> None:
    """So the smallest words never tie, and the places need no second rule."""
    assert len(np.unique(words(12345, 100_000))) == 100_000


def test_strong_draws_use_the_whole_hash() -> None:
    text = "hash_key_nonce0"
    first = normals(seed(text), 3)  # the first of eight seeds is the weak generator's
    drawn = strong_normals(text, 20)
    assert np.array_equal(drawn[:3], first)
    assert len(np.unique(drawn)) == 20
    assert np.array_equal(inputs_float32("hash", "key", [0], 4, 5, strong=True).ravel(), drawn)


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_answers_are_unit_vectors_of_the_picked_places(k: int) -> None:
    """Mirrors keep lengths, and states that agree at the picked places give the same answer."""
    hidden = np.random.default_rng(1).normal(size=(8, 40)).astype(np.float32)
    found = reduce(hidden, "hash", "key", range(8), k)
    assert np.linalg.norm(found.astype(np.float64), axis=1) == pytest.approx(1.0, abs=1e-3)
    other, picked = hidden.copy(), places("hash", "key", 3, 40, k)
    elsewhere = np.setdiff1d(np.arange(40), picked)
    other[3, elsewhere] = other[3, elsewhere[::-1]]  # the norm is the same
    assert np.array_equal(reduce(other, "hash", "key", range(8), k), found)


def test_states_that_are_not_finite_give_nan() -> None:
    hidden = np.ones((3, 20), dtype=np.float16)
    hidden[0, 5], hidden[2, 1] = np.inf, np.nan
    assert np.isnan(reduce(hidden, "hash", "key", range(3))).all(axis=1).tolist() == [True, False, True]


def test_distances_of_answers_are_euclids() -> None:
    one, other = np.array([[1, 0]], np.float16), np.array([[0, 1], [1, 0]], np.float16)
    assert measure(one, other) == pytest.approx([2**0.5, 0.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: seed(b"x"), TypeError, "text is b'x'; it must be text"),
        (lambda: words(2**32, 1), ValueError, "seed is 4294967296; it must be at least 0 and below 2"),
        (lambda: words(0, -1), ValueError, "n is -1; it must be at least 0"),
        (lambda: inputs("h", "k", [-1], 1, 1), ValueError, "nonce is -1"),
        (lambda: inputs("h", "k", [1], 0, 1), ValueError, "seq_len is 0; it must be at least 1"),
        (lambda: reflection("h", -1, 4), ValueError, "layer is -1 and dim 4"),
        (lambda: places("h", "k", 1, 11), ValueError, "k is 12; it must be at least 1 and at most dim, which is 11"),
        (
            lambda: reduce(np.ones((2, 20)), "h", "k", [1]),
            ValueError,
            r"has the shape \(2, 20\); it must be \(1, dim\)",
        ),
        (lambda: encode(np.ones(12)), ValueError, r"vectors have the shape \(12,\)"),
    ],
)
def test_mistakes_in_answers_are_told(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
