"""How far answers of one model lie apart: number types and batches here, another machine's file, and public pairs.

The public pairs are those of stacks with the newest build (`sim.work.stacks`), of models that networks serve; ours are
of the transformer at hand.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pow.answers import K_DIM, decode, measure
from pow.params import MODES, PowParams, mode_of
from sim.documents.source import FileKind, read_source
from sim.errors import UserError
from sim.work.stacks import CURRENT_BUILD, load_shipped_pairs

ANSWERS = FileKind("a file of answers", "CSV", (".csv",))
HEADER = "nonce,answer"
LEVELS = (0.5, 0.9, 0.99, 1.0)
UNRELATED = 1.0
"""Median distance beyond which answers have nothing to do with each other."""
_LAYOUT = "{:<58}{:>8}{:>9}{:>9}{:>9}{:>9}"
Answers = NDArray[np.float16]


@dataclass(frozen=True)
class AnswerPlan:
    """Nonces of one key to compute, and where."""

    params: PowParams
    block_hash: str
    public_key: str
    nonces: Sequence[int]
    device: str
    n_threads: int | None

    def compute(self, dtype: str, batch_size: int | None = None) -> tuple[Answers, int]:
        """Return the answers, float16 (n, 12), and the batch size they were computed in; NaN where there is none."""
        from pow.answer_kernel import AnswerKernel  # loads torch

        kernel = AnswerKernel(self.params, dtype, self.device, batch_size=batch_size, n_threads=self.n_threads)
        return kernel.answers(self.block_hash, self.public_key, self.nonces), kernel.batch_size


def compare_answers(plan: AnswerPlan, dtype: str, answers: Answers, batch_size: int) -> Iterator[str]:
    """Yield the lines of a table: these answers beside other number types, other batches, and the public pairs."""
    yield _LAYOUT.format("distance of answers", "nonces", *(f"p{100 * level:g}" for level in LEVELS[:-1]), "max")
    for other in MODES:
        if other != mode_of(dtype).name:
            yield _write_measured(f"{dtype} to {other}", measure(answers, plan.compute(other)[0]))
    for size in sorted({1, 2 * batch_size} - {batch_size}):
        found, _ = plan.compute(dtype, size)
        yield _write_measured(f"{dtype}, batches of {batch_size} to {size}", measure(answers, found))
    yield from _write_public_pairs()


def compare_with_file(file: Path, nonces: Sequence[int], answers: Answers) -> str:
    """Return the line of these answers beside another machine's. Raises UserError where they are of other nonces."""
    theirs = read_answers(file)
    missing = next((nonce for nonce in nonces if nonce not in theirs), None)
    if missing is not None:
        raise UserError(f"--against {file}: has no answer to nonce {missing}")
    distances = measure(answers, np.stack([theirs[nonce] for nonce in nonces]))
    if np.nanmedian(distances) > UNRELATED:
        raise UserError(f"--against {file}: its answers are unrelated; block hash, key and parameters must be the same")
    return _write_measured(f"this machine to {file.name}", distances)


def read_answers(file: Path) -> dict[int, Answers]:
    """Return the answers that `powsim kernel answers` printed, by nonce. Raises UserError with file and line."""
    lines = list(csv.reader(read_source(file, ANSWERS).splitlines()))
    if not lines or ",".join(lines[0]) != HEADER:
        raise UserError(f'{file}:1:1: the header must be "{HEADER}"')
    found: dict[int, Answers] = {}
    for number, cells in enumerate(lines[1:], start=2):
        try:
            nonce, answer = cells
            found[int(nonce)] = decode([answer])[0]
        except ValueError:
            raise UserError(f"{file}:{number}:1: must be a nonce and an answer in base64") from None
        if len(found[int(nonce)]) != K_DIM:
            raise UserError(f"{file}:{number}:1: the answer has {len(found[int(nonce)])} numbers; it must have {K_DIM}")
    return found


def _write_measured(label: str, distances: NDArray[np.float64]) -> str:
    known = distances[~np.isnan(distances)]
    return _write_line(label, len(known), np.quantile(known, LEVELS) if len(known) else np.full(len(LEVELS), np.nan))


def _write_public_pairs() -> Iterator[str]:
    pairs = load_shipped_pairs()
    for model in pairs.models:
        newest = [stack for stack in pairs.list_stacks(model) if stack.split(" ")[1:] == [CURRENT_BUILD]]
        for a, b in combinations(newest, 2):
            quantiles = pairs.get_law(model, a, b).draw(np.array(LEVELS))
            yield _write_line(f"{model}: {a} to {b}", "public", quantiles)


def _write_line(label: str, n: object, quantiles: NDArray[np.float64]) -> str:
    return _LAYOUT.format(label, n, *(f"{value:.5f}" for value in quantiles.tolist()))
