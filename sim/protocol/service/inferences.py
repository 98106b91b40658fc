"""The effects of inferences on chain: prices and fees, statuses, counts, and the check behind a claim.

The simulator has no requests. One `InferenceTally` an epoch stands for all transactions about the epoch's requests;
hosts' service is drawn outside, see `sim.chain.traffic`. Reference: protocol 2.1, 6.2, 6.3, 6.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sim.protocol.money.pricing import PricingParams, update_prices
from sim.protocol.service.due_validations import (
    FinishedInference,
    compute_min_average,
    compute_reputation,
    select_due_validations,
)
from sim.protocol.service.status import (
    InferenceRecord,
    Status,
    apply_inference_validation,
    passes_miss_test,
    switch_status,
)
from sim.protocol.versions import Rules


@dataclass(frozen=True)
class Inference:
    """One request: its model, host and height, whether it was missed, and whether its answer was valid."""

    inference_id: str
    model: str
    executor: str
    created_height: int
    is_missed: bool
    is_valid: bool
    """False where validators find the answer wrong; every finished inference is validated once [I]."""


@dataclass(frozen=True)
class InferenceTally:
    """All requests of an epoch. `skipped` holds the due validations that a validator does not make."""

    epoch_index: int
    inferences: tuple[Inference, ...]
    skipped: Mapping[str, frozenset[str]]
    tokens_per_request: int
    tokens_per_window: Mapping[str, int]
    """Tokens of each model in the window that prices look at, taken as even over the epoch [I]."""


@dataclass(frozen=True)
class Counts:
    """Requests of one participant in one epoch."""

    n_missed: int = 0
    n_finished: int = 0
    n_invalid: int = 0
    fees_ngonka: int = 0

    @property
    def n_total(self) -> int:
        """All requests that it should have served."""
        return self.n_missed + self.n_finished


@dataclass(frozen=True)
class EpochInferences:
    """An epoch's inferences, against which a claim is checked."""

    finished: tuple[FinishedInference, ...] = ()
    skipped: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """The part of the chain's state about inferences."""

    records: Mapping[str, InferenceRecord] = field(default_factory=dict)
    counts: Mapping[str, Counts] = field(default_factory=dict)
    """Of the effective epoch, until it is settled."""
    past: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """(missed, finished) requests of each settled epoch, for the reputation."""
    epochs: Mapping[int, EpochInferences] = field(default_factory=dict)
    prices: Mapping[str, int] = field(default_factory=dict)
    """ngonka per token, by model."""

    def is_invalid(self, address: str) -> bool:
        """Whether inferences have made a participant INVALID."""
        return address in self.records and self.records[address].status is Status.INVALID


def apply_tally(
    service: Service,
    tally: InferenceTally,
    model_weights: Mapping[str, Mapping[str, int]],
    heights: range,
    pricing: PricingParams,
    *,
    rounds_price_rises_up: bool = False,
) -> tuple[Service, list[str]]:
    """Count the epoch's requests; return the new service, then the participants that became INVALID.

    `model_weights` are model -> member -> weight, `heights` the epoch's blocks, over which prices walk.
    """
    walk = walk_prices(service.prices, tally, model_weights, heights, pricing, rounds_rises_up=rounds_price_rises_up)
    records, newly_invalid = dict(service.records), []
    counts = {who: Counts() for members in model_weights.values() for who in members}
    for inference in tally.inferences:
        who = inference.executor
        price = walk[inference.created_height - heights.start][inference.model]
        counts[who] = _count(counts[who], inference, price * tally.tokens_per_request)
        if not inference.is_missed:
            before = records.get(who, InferenceRecord())
            records[who] = apply_inference_validation(before, inference.is_valid)
            if records[who].status is Status.INVALID and before.status is not Status.INVALID:
                newly_invalid.append(who)
    epochs = {index: kept for index, kept in service.epochs.items() if index >= tally.epoch_index - 1}
    epochs[tally.epoch_index] = EpochInferences(_list_finished(tally, model_weights), tally.skipped)
    return replace(service, records=records, counts=counts, epochs=epochs, prices=walk[-1]), newly_invalid


def _count(counts: Counts, inference: Inference, fee_ngonka: int) -> Counts:
    if inference.is_missed:
        return replace(counts, n_missed=counts.n_missed + 1)
    return replace(
        counts,
        n_finished=counts.n_finished + 1,
        n_invalid=counts.n_invalid + (not inference.is_valid),
        fees_ngonka=counts.fees_ngonka + fee_ngonka,
    )


def walk_prices(
    prices: Mapping[str, int],
    tally: InferenceTally,
    model_weights: Mapping[str, Mapping[str, int]],
    heights: range,
    pricing: PricingParams,
    *,
    rounds_rises_up: bool = False,
) -> list[dict[str, int]]:
    """Prices at each of the epoch's blocks; a model's capacity is its group's weight. Reference: protocol 6.6."""
    capacities = {model: sum(weights.values()) for model, weights in model_weights.items()}
    walk, current = [], dict(prices)
    for _ in heights:
        current = update_prices(
            current,
            tally.tokens_per_window,
            capacities,
            tally.epoch_index,
            params=pricing,
            rounds_rises_up=rounds_rises_up,
        )
        walk.append(current)
    return walk


def _list_finished(
    tally: InferenceTally, model_weights: Mapping[str, Mapping[str, int]]
) -> tuple[FinishedInference, ...]:
    traffic = Counter(inference.model for inference in tally.inferences)
    averages = {model: compute_min_average(n_requests) for model, n_requests in traffic.items()}
    return tuple(
        FinishedInference(
            inference_id=inference.inference_id,
            executor=inference.executor,
            model_weights=model_weights[inference.model],
            created_height=inference.created_height,
            min_average=averages[inference.model],
        )
        for inference in tally.inferences
        if not inference.is_missed
    )


def validated_enough(
    service: Service,
    address: str,
    epoch_index: int,
    seed: int,
    rules: Rules,
    *,
    cutoff_height: int,
    has_node_during_poc: bool,
) -> bool:
    """Whether a participant made enough of the validations that its seed drew.

    All of them in v0.2.0, later as many as the miss test asks for. Reference: protocol 2.1.6, 6.3.
    """
    inferences = service.epochs.get(epoch_index, EpochInferences())
    due = select_due_validations(
        inferences.finished,
        address,
        seed,
        compute_reputation(service.past.get(address, ())),
        cutoff_height=cutoff_height,
        has_node_during_poc=has_node_during_poc,
    )
    n_missed, p0 = len(inferences.skipped.get(address, frozenset()).intersection(due)), rules.miss_probability
    if rules.requires_every_validation:
        return n_missed == 0
    return not p0 or passes_miss_test(n_missed, len(due), miss_rate=p0)


def close_service(service: Service) -> Service:
    """After the settlement: the epoch's counts join the past that reputation looks at."""
    past = dict(service.past)
    for who, counts in service.counts.items():
        past[who] = (*past.get(who, ()), (counts.n_missed, counts.n_finished))
    return replace(service, past=past, counts={})


def switch_service(service: Service, rules: Rules) -> Service:
    """S: statuses are reset or stay, by version. Reference: protocol 6.3."""
    records = {
        who: switch_status(record, resets_status=rules.resets_statuses) for who, record in service.records.items()
    }
    return replace(service, records=records)


def compute_tokens_per_window(n_tokens: int, epoch_seconds: float, window_seconds: float) -> int:
    """Tokens in one window if the epoch's tokens come evenly, truncated."""
    return int(n_tokens * Fraction(window_seconds) / Fraction(epoch_seconds))
