"""How far one changed element of an input travels: does the model scramble, or only the seed?

A good hash turns one changed bit into an unrelated answer. Here one element of the input (T, D) is replaced by another
draw, and the angle between the two answers is measured. Without layers only the last position matters, and its answer
turns by about sqrt(2 / D): the head is a random projection, which keeps angles. Reference: kernel 3, 7
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pow.inputs import inputs_float32
from pow.params import PowParams
from pow.transformer import Transformer, build

BLOCK_HASH, PUBLIC_KEY = "avalanche", "key"
UNRELATED = np.sqrt(2.0)  # root mean square chord between independent directions
BATCH_SIZE = 64


@dataclass(frozen=True)
class Avalanche:
    """The answer's movement after one element of the input has changed."""

    unit_gains: bool
    n_layers: int
    """Layers that were computed."""
    from_first: float
    """Element at the first position: root mean square chord, over that of unrelated answers."""
    from_last: float
    """The same for an element at the last position."""


def compute_expected(params: PowParams) -> float:
    """Give the movement of an answer whose layers do nothing, from an element at the last position: sqrt(1 / D)."""
    return 1.0 / float(np.sqrt(params.dim))


def measure_avalanche(
    params: PowParams, n_layers: Sequence[int], *, n_nonces: int, unit_gains: bool = False
) -> list[Avalanche]:
    """Measure it in float32 on the CPU for each number of layers; errors as `transformer.build`."""
    inputs = inputs_float32(BLOCK_HASH, PUBLIC_KEY, range(n_nonces), params)
    first, last = (_change(inputs, position) for position in (0, params.seq_len - 1))
    found = []
    for kept in n_layers:
        model = build(BLOCK_HASH, params, "float32", n_layers=kept, unit_gains=unit_gains)
        before = _answer(model, inputs)
        moved = [_compute_movement(before, _answer(model, changed)) for changed in (first, last)]
        found.append(Avalanche(unit_gains, kept, *moved))
    return found


def _change(inputs: npt.NDArray[np.float32], position: int) -> npt.NDArray[np.float32]:
    """Replace one element of each input (n, T, D) at a position by one of another input there: an independent draw."""
    generator, changed, n = np.random.default_rng(position), inputs.copy(), len(inputs)
    elements = generator.integers(inputs.shape[2], size=n)
    changed[np.arange(n), position, elements] = np.roll(inputs, 1, axis=0)[np.arange(n), position, elements]
    return changed


def _answer(model: Transformer, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Give the directions of the answers, float64 (n, V)."""
    logits = [model.last_logits(inputs[i : i + BATCH_SIZE]).numpy() for i in range(0, len(inputs), BATCH_SIZE)]
    answers = np.concatenate(logits).astype(np.float64)
    directions: npt.NDArray[np.float64] = answers / np.linalg.norm(answers, axis=1, keepdims=True)
    return directions


def _compute_movement(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.sum((before - after) ** 2, axis=1))) / UNRELATED)
