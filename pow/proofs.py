"""`ProofBatch`: the proof that a host submits. No torch here, since the chain's rules use it.

Reference: protocol 3.1
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pow.seeds import NONCE_LIMIT, check_nonce


@dataclass(frozen=True, kw_only=True)
class ProofBatch:
    """Nonces found valid by one ML node, with the distances it claims. Reference: protocol 3.1

    The checks are those that need no chain state: at least one nonce, each in [0, 2^63), as many distances as nonces,
    each finite and at least 0. As on the chain, neither an upper bound for distances nor distinct nonces are demanded,
    so a cheater's batch can be written down too. `node_id` is None where the sender's node is unknown.
    Raises ValueError.
    """

    public_key: str
    block_hash: str
    block_height: int
    nonces: tuple[int, ...]
    distances: tuple[float, ...]
    node_id: int | None = None

    def __post_init__(self) -> None:
        if self.block_height < 1:
            raise ValueError(f"block_height is {self.block_height}; it must be at least 1")
        if not self.nonces:
            raise ValueError("nonces is empty; a proof batch holds at least one nonce")
        if len(self.nonces) != len(self.distances):
            raise ValueError(f"there are {len(self.nonces)} nonces but {len(self.distances)} distances")
        if not self._is_plain():
            self._check_each()
        if self.node_id is not None and self.node_id < 0:
            raise ValueError(f"node_id is {self.node_id}; it must be at least 0")

    def _is_plain(self) -> bool:
        """Whether all numbers are in their bounds, at the speed of built-ins; batches are large and many."""
        is_whole = set(map(type, self.nonces)) == {int} and min(self.nonces) >= 0 and max(self.nonces) < NONCE_LIMIT
        return is_whole and all(map(math.isfinite, self.distances)) and min(self.distances) >= 0

    def _check_each(self) -> None:
        """Name the first number that is wrong."""
        for nonce in self.nonces:
            check_nonce(nonce)
        for nonce, distance in zip(self.nonces, self.distances, strict=True):
            if not 0 <= distance < math.inf:
                raise ValueError(f"the distance of nonce {nonce} is {distance}; it must be finite and at least 0")

    def __len__(self) -> int:
        """Count the nonces, duplicates included."""
        return len(self.nonces)
