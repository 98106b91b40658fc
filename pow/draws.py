"""The draws of a batch again, for speed: the same bits as `pow.inputs`, with NumPy's seeding done for all at once.

For a small model half the time goes into seeding two generators a nonce, under Python's lock. Here
1. SeedSequence's mixing of entropy words into a state runs over all nonces together;
2. PCG64's first state is computed from it in integers and set into one generator, which then draws as always.

NumPy promises both never to change. Reference: kernel 1; M. E. O'Neill 2014, "PCG: a family of simple fast
space-efficient statistically good algorithms for random number generation", and 2015, "Developing a seed_seq
alternative".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from pow.distances import Request, fill_up
from pow.params import PowParams
from pow.seeds import INPUT_HASHES, PERMUTATION_HASHES, input_seed, permutation_seed

Words = npt.NDArray[np.uint32]

POOL_WORDS: Final = 4
INIT_A, MULT_A, INIT_B, MULT_B = 0x43B0D7E5, 0x931E8875, 0x8B51F9DD, 0x58F38DED
MIX_LEFT, MIX_RIGHT, SHIFT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715), np.uint32(16)
PCG_MULTIPLIER, MASK_128 = 0x2360ED051FC65DA44385DF649FCCF645, 2**128 - 1


def draw_batch(
    block_hash: str, params: PowParams, requests: Sequence[Request], batch_size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Draw inputs (batch_size, T, D) and permutations (batch_size, V); the last request fills the batch up."""
    rows = fill_up(len(requests), batch_size)
    return (
        draw_inputs(block_hash, requests, params)[rows],
        draw_permutations(block_hash, requests, params.vocab_size)[rows],
    )


def draw_inputs(block_hash: str, requests: Sequence[Request], params: PowParams) -> npt.NDArray[np.float32]:
    """Draw the inputs of (public key, nonce) pairs, float32 (n, seq_len, dim); see `inputs.input_of`."""
    words = expand([input_seed(block_hash, key, nonce) for key, nonce in requests], INPUT_HASHES)
    draws = np.empty((params.seq_len, params.dim))
    found = np.empty((len(requests), *draws.shape), dtype=np.float32)
    for row, generator in enumerate(seeded(words)):
        found[row] = generator.standard_normal(out=draws)
    return found


def draw_permutations(block_hash: str, requests: Sequence[Request], vocab_size: int) -> npt.NDArray[np.int64]:
    """Draw the permutations of (public key, nonce) pairs, int64 (n, vocab_size); see `inputs.permutation_of`."""
    words = expand([permutation_seed(block_hash, key, nonce) for key, nonce in requests], PERMUTATION_HASHES)
    found = np.empty((len(requests), vocab_size), dtype=np.int64)
    found[:] = np.arange(vocab_size)
    for row, generator in zip(found, seeded(words), strict=True):
        generator.shuffle(row)  # as `permutation` does with a range of its own
    return found


def expand(seed_strings: Sequence[str], n_hashes: int) -> Words:
    """Expand texts into entropy, uint32 (n, 8 * n_hashes); see `seeds.entropy`."""
    endings = [f"_{i}".encode() for i in range(n_hashes)]
    digests = [hashlib.sha256(text + ending).digest() for text in map(str.encode, seed_strings) for ending in endings]
    return np.frombuffer(b"".join(digests), dtype="<u4").astype(np.uint32).reshape(len(seed_strings), -1)


def seeded(words: Words) -> Iterator[np.random.Generator]:
    """Give, for each row of entropy words in turn, a generator as `Generator(PCG64(SeedSequence(row)))` would be.

    It is one object with another state each time: use it before asking for the next.
    """
    bits = np.random.PCG64(0)
    generator = np.random.Generator(bits)
    for high, low, sequence_high, sequence_low in mix_states(words).tolist():
        increment = ((sequence_high << 64 | sequence_low) << 1 | 1) & MASK_128
        state = ((increment + (high << 64 | low)) * PCG_MULTIPLIER + increment) & MASK_128
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }
        yield generator


def mix_states(words: Words) -> npt.NDArray[np.uint64]:
    """Mix rows of at least 4 entropy words as SeedSequence does, uint64 (n, 4): its `generate_state(4, np.uint64)`."""
    n_words = words.shape[1]
    constants = _constants(INIT_A, MULT_A, POOL_WORDS * n_words)
    pool = _hash(words[:, :POOL_WORDS], constants[: POOL_WORDS + 1])
    used = POOL_WORDS
    for source in range(POOL_WORDS):  # every word into every other
        others = [place for place in range(POOL_WORDS) if place != source]
        hashed = _hash(pool[:, [source]], constants[used : used + POOL_WORDS])
        pool[:, others] = _mix(pool[:, others], hashed)
        used += POOL_WORDS - 1
    for source in range(POOL_WORDS, n_words):  # the remaining words into all
        pool = _mix(pool, _hash(words[:, [source]], constants[used : used + POOL_WORDS + 1]))
        used += POOL_WORDS
    return _hash(np.tile(pool, 2), _constants(INIT_B, MULT_B, 2 * POOL_WORDS)).astype("<u4").view("<u8")


@cache
def _constants(first: int, factor: int, n: int) -> Words:
    """Return first * factor^k modulo 2^32 for k = 0 … n."""
    return np.array([first * pow(factor, k, 2**32) % 2**32 for k in range(n + 1)], dtype=np.uint32)


def _hash(values: Words, constants: Words) -> Words:
    mixed = (values ^ constants[:-1]) * constants[1:]
    return mixed ^ (mixed >> SHIFT)


def _mix(x: Words, y: Words) -> Words:
    mixed: Words = MIX_LEFT * x - MIX_RIGHT * y
    return mixed ^ (mixed >> SHIFT)
