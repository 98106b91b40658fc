"""Uniform numbers that everybody derives alike from a text (protocol 2.1, 6.7)."""

from __future__ import annotations

import hashlib

LARGEST = 2**64 - 1


def compute_hash_uniform(text: str) -> float:
    """First 8 bytes of SHA-256 of the text, big-endian [I], over 2^64 - 1: in [0, 1]. Reference: protocol 2.1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / LARGEST
