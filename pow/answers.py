"""The kernel of proof of compute v2: a nonce's answer is a unit vector of 12 numbers. No torch here.

1. A text's seed is the first 8 hexadecimal digits of its SHA-256; a counter mixed with it gives uniforms, and those, by
   Box and Muller, normal numbers.
2. Block hash, public key and nonce draw one input, seq_len × dim normal numbers, which stand for embedded tokens.
3. A language model reads it. After each decoder layer its state is mirrored at a plane that block hash and layer draw
   (`reflection`), so that no layer's work can be known beforehand (`pow.hidden`).
4. The last position's state after the final norm is reduced to 12 of its numbers, at drawn places, which 11 drawn
   mirrors turn in all directions; length one, float16. Every nonce has an answer, and every answer counts.
5. Two answers agree if their distance does not exceed the model's threshold.

The network leaves the order of the 12 places to its device's selection of the smallest, which promises none; here they
ascend. Every step is rounded to float32 as the network rounds it, from sums, logarithms and cosines in float64, so that
neither the order of a sum nor a processor's cosine decides a bit.

Reference: network 2.4
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pow.seeds import check_nonce, input_seed

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint32]

K_DIM: Final = 12
"""Numbers of an answer."""
SEED_DIGITS: Final = 8
TINY: Final = np.float32(1e-8)
"""Added to a length by which is divided."""
SMALLEST_UNIFORM: Final = np.float32(1e-10)
TWO_PI: Final = np.float32(2 * np.pi)
STRONG_SEEDS: Final = 8
WORD_LIMIT: Final = 2**32


def seed(text: str) -> int:
    """Give the seed of a text, below 2^32. Raises TypeError if it is no text."""
    if not isinstance(text, str):
        raise TypeError(f"text is {text!r}; it must be text")
    return int(hashlib.sha256(text.encode()).hexdigest()[:SEED_DIGITS], 16)


def words(seed: int, n: int) -> Words:
    """Mix the counters 0 … n − 1 with a seed, uint32 (n,), no word twice. Raises ValueError outside their bounds.

    This is murmur3 of one 32-bit word, but for the length that the published function mixes in at its end.
    """
    if not 0 <= seed < WORD_LIMIT:
        raise ValueError(f"seed is {seed}; it must be at least 0 and below 2^32")
    if not 0 <= n <= WORD_LIMIT:
        raise ValueError(f"n is {n}; it must be at least 0 and at most 2^32")
    return mix(np.arange(n, dtype=np.uint32), np.uint32(seed))


def mix(counters: Words, seeds: Words | np.uint32) -> Words:
    """Mix counters with seeds, in the shape of both together."""
    x: Words = _rotate(counters * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    x = _rotate(seeds ^ x, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def _rotate(x: Words, n_bits: int) -> Words:
    return (x << np.uint32(n_bits)) | (x >> np.uint32(32 - n_bits))


def normals(seed: int, n: int) -> Floats:
    """Draw n normal numbers, float32 (n,); errors as `words`. The first half are cosines, the second half sines."""
    return to_normals(words(seed, n + n % 2))[:n]


def to_normals(drawn: Words) -> Floats:
    """Turn an even number of words into as many normal numbers, along the last axis. Source: Box and Muller 1958."""
    uniforms = drawn.astype(np.float32) * np.float32(1 / WORD_LIMIT)
    first, second = np.split(uniforms, 2, axis=-1)
    radius = np.sqrt(np.float32(-2) * _in_float64(np.log, np.maximum(first, SMALLEST_UNIFORM)))
    angle = TWO_PI * second
    return np.concatenate((radius * _in_float64(np.cos, angle), radius * _in_float64(np.sin, angle)), axis=-1)


def _in_float64(function: Callable[[Any], Any], x: Floats) -> Floats:
    rounded: Floats = function(x.astype(np.float64)).astype(np.float32)
    return rounded


def inputs(
    block_hash: str, public_key: str, nonces: Sequence[int], seq_len: int, dim: int, *, strong: bool = False
) -> npt.NDArray[np.float16]:
    """Draw the inputs of several nonces as a float16 model reads them, float16 (n, seq_len, dim).

    `strong`: by the generator that uses the whole hash; the network has it, switched off, for inputs only. Raises
    ValueError if a nonce is outside [0, 2^63), or seq_len or dim < 1.
    """
    return inputs_float32(block_hash, public_key, nonces, seq_len, dim, strong=strong).astype(np.float16)


def inputs_float32(
    block_hash: str, public_key: str, nonces: Sequence[int], seq_len: int, dim: int, *, strong: bool = False
) -> Floats:
    """Draw the same inputs before they are rounded to a model's type, float32 (n, seq_len, dim); errors as `inputs`."""
    for name, value in (("seq_len", seq_len), ("dim", dim)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    texts = [input_seed(block_hash, public_key, nonce) for nonce in nonces]
    found = np.empty((len(texts), seq_len * dim), dtype=np.float32)
    for row, text in zip(found, texts, strict=True):
        row[:] = strong_normals(text, seq_len * dim) if strong else normals(seed(text), seq_len * dim)
    return found.reshape(-1, seq_len, dim)


def strong_normals(text: str, n: int) -> Floats:
    """Draw n normal numbers by all eight 32-bit words of a text's hash, each for an eighth of them, float32 (n,)."""
    share = -(-n // STRONG_SEEDS)
    seeds = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=">u4").tolist()
    return np.concatenate([normals(each, share) for each in seeds])[:n]


def reflection(block_hash: str, layer: int, dim: int) -> Floats:
    """Draw the unit vector across whose plane the state is mirrored after a layer, float32 (dim,); layers from 0 on.

    Raises ValueError if dim < 1 or layer < 0.
    """
    if dim < 1 or layer < 0:
        raise ValueError(f"layer is {layer} and dim {dim}; they must be at least 0 and 1")
    return unit(normals(seed(f"{block_hash}_layer_{layer}_householder"), dim))


def places(block_hash: str, public_key: str, nonce: int, dim: int, k: int = K_DIM) -> npt.NDArray[np.int64]:
    """Draw the k of dim places that a nonce's answer is made of, int64 (k,), ascending.

    Raises ValueError if the nonce is outside [0, 2^63) or not 1 ≤ k ≤ dim.
    """
    if not 1 <= k <= dim:
        raise ValueError(f"k is {k}; it must be at least 1 and at most dim, which is {dim}")
    drawn = words(seed(pick_text(block_hash, public_key, nonce, k)), dim)
    return np.sort(np.argsort(drawn)[:k]).astype(np.int64)


def pick_text(block_hash: str, public_key: str, nonce: int, k: int) -> str:
    """Give the text whose seed draws the places. Here an underscore stands between "nonce" and its number."""
    return f"{block_hash}_{public_key}_nonce_{check_nonce(nonce)}_pick_{k}"


def turn_texts(block_hash: str, public_key: str, nonce: int, k: int) -> list[str]:
    """Give the texts whose seeds draw the k − 1 mirrors that turn an answer in all directions."""
    return [f"{block_hash}_{public_key}_nonce_{check_nonce(nonce)}_haar_hh_{k}_{j}" for j in range(k - 1)]


def reduce(
    hidden: npt.NDArray[np.floating], block_hash: str, public_key: str, nonces: Sequence[int], k: int = K_DIM
) -> npt.NDArray[np.float16]:
    """Reduce the last hidden states (n, dim) of several nonces to their answers, float16 (n, k).

    A state that is not finite gives NaN. Raises ValueError if the states are not one for each nonce, or as `places`.
    """
    if hidden.ndim != 2 or len(hidden) != len(nonces):
        raise ValueError(f"hidden has the shape {hidden.shape}; it must be ({len(nonces)}, dim), a row for each nonce")
    found = np.empty((len(nonces), k), dtype=np.float16)
    for row, nonce, state in zip(found, nonces, hidden, strict=True):
        vector = unit(state.astype(np.float32))[places(block_hash, public_key, nonce, len(state), k)]
        for text in turn_texts(block_hash, public_key, nonce, k):
            vector = mirror(vector, unit(normals(seed(text), k)))
        row[:] = unit(vector)
    return found


def unit(x: Floats) -> Floats:
    """Scale vectors along the last axis to length one, float32 in the shape of x; NaN where one is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.divide(x, np.sqrt(_dot(x, x)) + TINY, dtype=np.float32)


def mirror(x: Floats, normal: Floats) -> Floats:
    """Mirror vectors across the plane with this unit normal, along the last axis, in the shape of x."""
    return x - np.float32(2) * _dot(x, normal) * normal


def _dot(x: Floats, y: Floats) -> Floats:
    product: Floats = (x.astype(np.float64) * y).sum(axis=-1, keepdims=True).astype(np.float32)
    return product


def encode(vectors: npt.ArrayLike) -> list[str]:
    """Give answers (n, k) as they travel: base64 of little-endian float16. Raises ValueError for another shape."""
    found = np.asarray(vectors)
    if found.ndim != 2:
        raise ValueError(f"vectors have the shape {found.shape}; it must be (n, k), a row for each answer")
    return [base64.b64encode(row.tobytes()).decode() for row in found.astype("<f2")]


def decode(texts: Sequence[str]) -> npt.NDArray[np.float16]:
    """Give the answers of such texts, float16 (n, k). Raises ValueError for a text that is none, or other lengths."""
    return np.array([np.frombuffer(base64.b64decode(text, validate=True), "<f2") for text in texts], dtype=np.float16)


def measure(answers: npt.NDArray[np.float16], others: npt.NDArray[np.float16]) -> npt.NDArray[np.float64]:
    """Measure the distances of answers from others of the same nonces, (n, k) each or one for all, float64 (n,)."""
    apart: npt.NDArray[np.float64] = np.linalg.norm(answers.astype(np.float64) - others.astype(np.float64), axis=-1)
    return apart
