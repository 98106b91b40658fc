"""The fast draws of a batch against NumPy's own seeding and the readable draws, bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.draws import draw_batch, draw_inputs, draw_permutations, expand, mix_states, seeded
from pow.inputs import input_of, permutation_of
from pow.params import PRESETS
from pow.seeds import NONCE_LIMIT, entropy

TINY = PRESETS["tiny"]
REQUESTS = st.lists(st.tuples(st.text(max_size=70), st.integers(0, NONCE_LIMIT - 1)), min_size=1, max_size=5)
WORDS = st.integers(4, 40).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=n, max_size=n), min_size=1, max_size=4)
)


@given(WORDS)
def test_states_are_those_of_seed_sequence(rows: list[list[int]]) -> None:
    words = np.array(rows, dtype=np.uint32)
    expected = [np.random.SeedSequence(row).generate_state(4, np.uint64) for row in words]
    assert np.array_equal(mix_states(words), expected)


@given(WORDS)
def test_generators_are_those_of_pcg64(rows: list[list[int]]) -> None:
    """Their states, which decide all draws; nothing is left of the generator before (half a 64-bit draw, say)."""
    words = np.array(rows, dtype=np.uint32)
    for row, generator in zip(words, seeded(words), strict=True):
        assert generator.bit_generator.state == np.random.PCG64(np.random.SeedSequence(row)).state
        generator.integers(10, dtype=np.uint32)


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4), st.integers(1, 5))
def test_entropy_is_expanded_alike(texts: list[str], n_hashes: int) -> None:
    assert np.array_equal(expand(texts, n_hashes), [entropy(text, n_hashes) for text in texts])


@given(st.text(max_size=70), REQUESTS)
def test_draws_are_the_readable_ones(block_hash: str, requests: list[tuple[str, int]]) -> None:
    inputs = [input_of(block_hash, key, nonce, TINY) for key, nonce in requests]
    orders = [permutation_of(block_hash, key, nonce, TINY.vocab_size) for key, nonce in requests]
    assert np.array_equal(draw_inputs(block_hash, requests, TINY), inputs)
    assert np.array_equal(draw_permutations(block_hash, requests, TINY.vocab_size), orders)


@pytest.mark.parametrize("preset", ["devtest", "testnet"])
def test_draws_of_larger_models(preset: str) -> None:
    params, requests = PRESETS[preset], [("key", 7), ("other", 7), ("key", 8)]
    x, orders = draw_batch("AB" * 32, params, requests, 4)
    for row, (key, nonce) in enumerate([*requests, requests[-1]]):  # the last fills the batch up
        assert np.array_equal(x[row], input_of("AB" * 32, key, nonce, params))
        assert np.array_equal(orders[row], permutation_of("AB" * 32, key, nonce, params.vocab_size))
    assert (x.dtype, orders.dtype) == (np.float32, np.int64)
