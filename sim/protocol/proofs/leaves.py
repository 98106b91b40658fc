"""What a validator asks of a claim of answers, and when that alone makes its vote a "no" (network 2.5).

1. It draws leaves by their ranks, from the hash of the newest block that it knows: nobody can know them before.
2. It fetches them with proofs. What cannot be reached is asked for again, with growing pauses.
3. What was served wrongly is a "no" at once; what cannot be had until the last attempt is a "no" too.
4. What stands is computed again. The sign of the vote is all that the chain reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pow.seeds import hash_to_number
from sim.protocol.proofs.merkle_sum import LEAST_DEPTH, STEP_BYTES, as_nonce, as_place, verify

N_ATTEMPTS = 25
REQUEST_TIMEOUT_S = 20.0
FIRST_PAUSE_S = 3.0
LONGEST_PAUSE_S = 45.0
PAUSE_GROWTH = 1.5
N_WORKERS = 10
"""Claims that a validator examines at a time."""

VECTOR_BYTES = 24
LEAF_BYTES = VECTOR_BYTES + 4 + STEP_BYTES * LEAST_DEPTH
"""Of one leaf in a host's answer: vector, nonce, and a proof of the usual depth."""
POROUS_FROM = 100
"""A sampled nonce of this many times the claimed count is too large: others were left out."""
NO_VOTE_VALUE = -1


class LeafFault(StrEnum):
    """Why what a host served makes the vote a "no" at once."""

    WRONG_LEAVES = "leaves missing, doubled or not asked for"
    BAD_PROOF = "a proof fails"
    MALFORMED = "a vector is not 12 finite float16"
    DUPLICATE = "the same nonce twice"
    POROUS = "nonces too far apart"
    NO_SETTINGS = "no settings for the model"


@dataclass(frozen=True)
class ServedLeaf:
    """One leaf as a host serves it."""

    index: int
    nonce: int
    vector: bytes
    proof: bytes


@dataclass(frozen=True)
class Commitment:
    """What a host has put on chain about one model: how many answers, under which root."""

    count: int
    root: bytes


class Porosity(NamedTuple):
    """How far apart sampled nonces say that all are."""

    largest: int
    """Largest absolute nonce."""
    ratio: float
    """Over the claimed count; 0 where nothing is claimed."""

    @property
    def is_porous(self) -> bool:
        """True where so few of the nonces up to the largest are claimed that the claim is refused."""
        return self.ratio >= POROUS_FROM


def compute_leaf_seed(validator_key: str, newest_hash: str, stage_height: int, model: str) -> int:
    """The number that the hash of "{key}:{hash}:{stage}:{model}" gives, for the draw of leaves.

    `newest_hash` is that of the newest block that the validator knows when it begins, `stage_height` P or the trigger
    height of the confirmation. The network reads the number as signed. Reference: network 2.5.3
    """
    return hash_to_number(f"{validator_key}:{newest_hash}:{stage_height}:{model}")


def draw_leaves(count: int, sample_size: int, leaf_seed: int) -> NDArray[np.int64]:
    """Return ranks of leaves in [0, count), without repetition: int64 (min(count, sample_size),).

    All in order, where the sample covers them; otherwise the first steps of a Fisher-Yates shuffle from the front, in
    which step i swaps i with i + a number below count - i. The network's numbers come from Go's `math/rand`, ours from
    NumPy's PCG64 [I]: the law is the same, the ranks are not. Reference: network 2.5.3
    """
    if sample_size >= count:
        return np.arange(count, dtype=np.int64)
    steps = np.arange(sample_size, dtype=np.int64)
    partners = steps + np.random.default_rng(leaf_seed).integers(0, count - steps)
    moved: dict[int, int] = {}  # rank that stands at a place, where it is not the place's own
    drawn = []
    for place, partner in enumerate(partners.tolist()):
        drawn.append(moved.get(partner, partner))
        moved[partner] = moved.get(place, place)
    return np.array(drawn, dtype=np.int64)


def measure_porosity(nonces: Sequence[int], count: int) -> Porosity:
    """Return the largest |nonce| of a sample, read as signed 32-bit numbers, and its ratio to the claimed count."""
    largest = max((abs(as_nonce(as_place(nonce))) for nonce in nonces), default=0)
    return Porosity(largest, largest / count if count > 0 else 0.0)


def find_fault(
    commitment: Commitment,
    asked: Sequence[int],
    served: Sequence[ServedLeaf],
    *,
    has_settings: bool = True,
) -> LeafFault | None:
    """Return what is wrong with served leaves, or None; the first test that fails decides. Reference: network 2.5.4

    `asked` are ranks. The place of missing settings in the order is not known: here it is the last [I].
    """
    tests: tuple[tuple[LeafFault, Callable[[], bool]], ...] = (
        (LeafFault.WRONG_LEAVES, lambda: sorted(leaf.index for leaf in served) != sorted(asked)),
        (LeafFault.BAD_PROOF, lambda: not all(is_proved(commitment, leaf) for leaf in served)),
        (LeafFault.MALFORMED, lambda: not all(is_vector(leaf.vector) for leaf in served)),
        (LeafFault.DUPLICATE, lambda: has_duplicate([leaf.nonce for leaf in served])),
        (LeafFault.POROUS, lambda: measure_porosity([leaf.nonce for leaf in served], commitment.count).is_porous),
        (LeafFault.NO_SETTINGS, lambda: not has_settings),
    )
    return next((fault for fault, is_wrong in tests if is_wrong()), None)


def is_proved(commitment: Commitment, leaf: ServedLeaf) -> bool:
    """Tell whether a leaf stands at its nonce and rank under the committed root: as many levels as its proof has."""
    root, count = commitment.root, commitment.count
    depth = len(leaf.proof) // STEP_BYTES
    return verify(root, count, leaf.nonce, leaf.vector, leaf.proof, depth, index=leaf.index)


def is_vector(vector: bytes) -> bool:
    """Tell whether bytes are 12 finite float16."""
    return len(vector) == VECTOR_BYTES and bool(np.isfinite(np.frombuffer(vector, dtype="<f2")).all())


def has_duplicate(nonces: Collection[int]) -> bool:
    """Tell whether a nonce comes twice."""
    return any(times > 1 for times in Counter(nonces).values())


def compute_pause_s(n_failed: int, first_pause_s: float = FIRST_PAUSE_S) -> float:
    """Return the pause after failure `n_failed` (from 0), in seconds. Reference: network 2.5.2"""
    return float(min(first_pause_s * PAUSE_GROWTH**n_failed, LONGEST_PAUSE_S))


def compute_validated_weight(n_total: int, *, is_fraud: bool) -> int:
    """Return the number that a vote carries: samples for "yes", -1 for "no". Reference: network 2.5.8"""
    return NO_VOTE_VALUE if is_fraud or n_total <= 0 else n_total
