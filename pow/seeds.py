"""From text to random numbers, and from a node's number to its nonces.

Every seed string of the kernel stands in this file and nowhere else. Reference: kernel 1
"""

from __future__ import annotations

import hashlib
import operator
from typing import Final

import numpy as np
import numpy.typing as npt

INPUT_HASHES: Final = 4
PERMUTATION_HASHES: Final = 1
NONCE_LIMIT: Final = 2**63  # a nonce travels in a signed 64-bit field


def entropy(seed_string: str, n_hashes: int) -> npt.NDArray[np.uint32]:
    """Expand a text into uint32 words, shape (8 * n_hashes,).

    Word group i is the SHA-256 digest of `"{seed_string}_{i}"` in UTF-8, read as little-endian words.
    Raises TypeError if the seed is not text, ValueError if n_hashes < 1. Reference: kernel 1
    """
    _check_text("seed_string", seed_string)
    if n_hashes < 1:
        raise ValueError(f"n_hashes is {n_hashes}; it must be at least 1")
    digests = [hashlib.sha256(f"{seed_string}_{i}".encode()).digest() for i in range(n_hashes)]
    return np.frombuffer(b"".join(digests), dtype="<u4").astype(np.uint32)


def hash_to_number(text: str) -> int:
    """Read the first 8 bytes of the text's SHA-256, in UTF-8, as a big-endian number below 2^64."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def generator(seed_string: str, n_hashes: int) -> np.random.Generator:
    """Give a fresh PCG64 generator seeded with `entropy(seed_string, n_hashes)`. Reference: kernel 1"""
    words = entropy(seed_string, n_hashes)
    # Not default_rng: the bit generator is part of the specification, NumPy's default may change.
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def parameter_generator(block_hash: str) -> np.random.Generator:
    """Give the generator of the pool of model parameters."""
    _check_text("block_hash", block_hash)
    return generator(block_hash, 4)


def target_generator(block_hash: str) -> np.random.Generator:
    """Give the generator of the target vector."""
    _check_text("block_hash", block_hash)
    return generator(f"{block_hash}_target", 1)


def input_generator(block_hash: str, public_key: str, nonce: int) -> np.random.Generator:
    """Give the generator of one nonce's input."""
    return generator(input_seed(block_hash, public_key, nonce), INPUT_HASHES)


def input_seed(block_hash: str, public_key: str, nonce: int) -> str:
    """Give the seed string of one nonce's input. No underscore stands between "nonce" and its number."""
    return f"{_node_seed(block_hash, public_key)}_nonce{check_nonce(nonce)}"


def permutation_generator(block_hash: str, public_key: str, nonce: int) -> np.random.Generator:
    """Give the generator of one nonce's permutation."""
    return generator(permutation_seed(block_hash, public_key, nonce), PERMUTATION_HASHES)


def permutation_seed(block_hash: str, public_key: str, nonce: int) -> str:
    """Give the seed string of one nonce's permutation. Here an underscore stands between "nonce" and its number."""
    return f"{_node_seed(block_hash, public_key)}_nonce_{check_nonce(nonce)}_permutations"


def name_offset(block_hash: str, name: str) -> int:
    """Give the 32-bit number that places the parameter `name` in the pool. Reference: kernel 2"""
    _check_text("block_hash", block_hash)
    return int(hashlib.sha256(f"{block_hash}_{name}".encode()).hexdigest()[:8], 16)


def check_nonce(nonce: int) -> int:
    """Give the nonce as a plain int. Raises TypeError if it is no integer, ValueError outside [0, 2^63)."""
    if isinstance(nonce, (bool, np.bool_)):
        raise TypeError(f"nonce is {nonce!r}; it must be an integer")
    try:
        number = operator.index(nonce)
    except TypeError:
        raise TypeError(f"nonce is {nonce!r}; it must be an integer") from None
    if not 0 <= number < NONCE_LIMIT:
        raise ValueError(f"nonce is {number}; it must be at least 0 and below 2^63 = {NONCE_LIMIT}")
    return number


def nonce_range(node_id: int, n_nodes: int, group_id: int = 0, n_groups: int = 1) -> range:
    """Give all nonces of one GPU group of one ML node: node_id + group_id·n_nodes + k·n_groups·n_nodes, below 2^63.

    Groups of a node never collide; two nodes do not iff they share n_nodes and differ modulo n_nodes.
    Raises ValueError if n_nodes or n_groups < 1, node_id < 0, or group_id is not in [0, n_groups).
    Reference: kernel 4, protocol 3.2
    """
    if n_nodes < 1:
        raise ValueError(f"n_nodes is {n_nodes}; it must be at least 1")
    if n_groups < 1:
        raise ValueError(f"n_groups is {n_groups}; it must be at least 1")
    if node_id < 0:
        raise ValueError(f"node_id is {node_id}; it must be at least 0")
    if not 0 <= group_id < n_groups:
        raise ValueError(f"group_id is {group_id}; it must be at least 0 and below n_groups, which is {n_groups}")
    return range(node_id + group_id * n_nodes, NONCE_LIMIT, n_groups * n_nodes)


def _node_seed(block_hash: str, public_key: str) -> str:
    _check_text("block_hash", block_hash)
    _check_text("public_key", public_key)
    return f"{block_hash}_{public_key}"


def _check_text(name: str, value: object) -> None:
    # Bytes would be formatted as "b'...'" and give wrong but plausible numbers.
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; it must be text")
