"""Which inferences a participant had to validate before it may claim (protocol 2.1, items 6 to 8)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from sim.protocol.proofs.draws import compute_hash_uniform

MIN_AVERAGE, HALFWAY_AVERAGE, MAX_AVERAGE = 0.01, 0.05, 1.0
"""Validations per inference."""
MIN_TRAFFIC, HALF_TRAFFIC, FULL_TRAFFIC = 100, 5_000, 10_000
"""Requests of an epoch."""
EPOCHS_TO_MAX_REPUTATION = 30
MISS_CUTOFF = Fraction(1, 100)


def compute_min_average(n_requests: int) -> float:
    """Validations per inference that the best reputation still owes, by the epoch's traffic in requests.

    Two straight lines that meet at half the full traffic. Reference: protocol 2.1.7.
    """
    if n_requests >= FULL_TRAFFIC:
        return MIN_AVERAGE
    if n_requests >= HALF_TRAFFIC:
        return MIN_AVERAGE + (HALFWAY_AVERAGE - MIN_AVERAGE) * (FULL_TRAFFIC - n_requests) / HALF_TRAFFIC
    if n_requests > MIN_TRAFFIC:
        above = (HALF_TRAFFIC - n_requests) / (HALF_TRAFFIC - MIN_TRAFFIC)
        return HALFWAY_AVERAGE + (MAX_AVERAGE - HALFWAY_AVERAGE) * above
    return MAX_AVERAGE


def compute_reputation(epochs: Iterable[tuple[int, int]]) -> int:
    """Reputation, 0 to 100, from (missed, inferences) of each past epoch.

    An epoch without inferences has missed none [I]. Reference: protocol 2.1.8.
    """
    fractions = [Fraction(missed, inferences) if inferences else Fraction(0) for missed, inferences in epochs]
    credit = len(fractions) - sum(fraction for fraction in fractions if fraction > MISS_CUTOFF)
    return max(0, min(100, math.trunc(100 * credit / EPOCHS_TO_MAX_REPUTATION)))


def compute_draw_probability(
    validator_weight: int,
    executor_weight: int,
    model_weight: int,
    min_average: float,
    reputation: int,
) -> float:
    """Chance that a validator must check an inference: its share of all weight but the executor's, times the target.

    The target falls from 1 at reputation 0 to `min_average` at 100. Raises ValueError where no weight
    besides the executor's is left. Reference: protocol 2.1.6.
    """
    others = model_weight - executor_weight
    if others <= 0:
        raise ValueError(f"the model's weight {model_weight} must exceed its executor's weight {executor_weight}")
    target = min_average + (MAX_AVERAGE - min_average) * (1.0 - reputation / 100)
    return min(1.0, target * validator_weight / others)


def is_drawn(seed: int, inference_id: str, probability: float) -> bool:
    """Whether the participant's seed draws it as validator of the inference. Reference: protocol 2.1.6."""
    return compute_hash_uniform(f"{seed}:{inference_id}") < probability


@dataclass(frozen=True)
class FinishedInference:
    """The facts of an inference for the claim check; weights are of the members of the model's group."""

    inference_id: str
    executor: str
    model_weights: Mapping[str, int]
    created_height: int
    min_average: float
    """Of the traffic on its model and epoch."""


def select_due_validations(
    inferences: Iterable[FinishedInference],
    validator: str,
    seed: int,
    reputation: int,
    *,
    cutoff_height: int,
    has_node_during_poc: bool,
) -> list[str]:
    """Return the inferences that the validator was drawn for, in the given order.

    Neither its own nor those of models that it or the executor does not serve. From the cut-off height on only where
    one of its nodes stays active during the proof of compute. Reference: protocol 2.1.6.
    """
    due = []
    for inference in inferences:
        weights, executor = inference.model_weights, inference.executor
        is_late = inference.created_height >= cutoff_height and not has_node_during_poc
        if is_late or executor == validator or not {executor, validator} <= weights.keys():
            continue
        probability = compute_draw_probability(
            weights[validator], weights[executor], sum(weights.values()), inference.min_average, reputation
        )
        if is_drawn(seed, inference.inference_id, probability):
            due.append(inference.inference_id)
    return due
