"""The effects of inferences on chain: prices and fees, statuses, counts, and the check behind a claim.

The simulator has no requests. One `InferenceTally` an epoch stands for all transactions about the epoch's requests;
hosts' service is drawn outside, see `sim.chain.traffic`. Reference: protocol 2.1, 6.2, 6.3, 6.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from types import MappingProxyType

from sim.protocol.money.pricing import PricingParams, update_prices
from sim.protocol.service.due_validations import (
    FinishedInference,
    compute_min_average,
    compute_reputation,
    select_due_validations,
)
from sim.protocol.service.misses import passes_miss_test
from sim.protocol.service.sequential import judge_sequentially
from sim.protocol.service.status import (
    FAILED,
    InferenceRecord,
    News,
    Status,
    count_news,
    judge_by_share,
    restart_counts,
)
from sim.protocol.switches import Rules


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

    def get_status(self, address: str) -> Status:
        """Standing of a participant; RAMPING before anything is known of it."""
        return self.records.get(address, InferenceRecord()).status


@dataclass(frozen=True)
class Failure:
    """A participant became INVALID or INACTIVE in this block, or by a request of it."""

    participant: str
    status: Status
    height: int


def take_news(record: InferenceRecord, news: News, rules: Rules) -> InferenceRecord:
    """Count what happened, then judge by the version's rule; the z-test is asked at validations only.

    Reference: protocol 6.3.
    """
    counted = count_news(record, news)
    if rules.judges_sequentially:
        return judge_sequentially(counted, news, rules.confirmation_alpha)
    return judge_by_share(counted) if news.valid or news.invalid else counted


def apply_tally(
    service: Service,
    tally: InferenceTally,
    model_weights: Mapping[str, Mapping[str, int]],
    heights: range,
    pricing: PricingParams,
    rules: Rules,
    removed: Mapping[str, int],
    away: Mapping[str, Container[int]] = MappingProxyType({}),
) -> tuple[Service, list[Failure]]:
    """Count the epoch's requests; return the new service, then who failed by them, in their order.

    `model_weights` are model -> member -> weight, `heights` the epoch's blocks, over which prices walk, `removed` the
    members that have left the group, with the block at whose end they did, `away` heights at which a member is excused.
    No request reaches one of them.
    """
    walk = walk_prices(
        service.prices, tally, model_weights, heights, pricing, rounds_rises_up=rules.rounds_price_rises_up
    )
    records, failures, gone = dict(service.records), list[Failure](), dict(removed)
    counts = {who: Counts() for members in model_weights.values() for who in members}
    reached = []
    for inference in tally.inferences:
        who, height = inference.executor, inference.created_height
        if (who in gone and height > gone[who]) or (who in away and height in away[who]):
            continue
        reached.append(inference)
        price = walk[height - heights.start][inference.model]
        counts[who] = _count(counts[who], inference, price * tally.tokens_per_request)
        before = records.get(who, InferenceRecord())
        after = records[who] = _serve(before, inference, rules)
        if after.status is not before.status and after.status in FAILED:
            failures.append(Failure(who, after.status, height))
            if rules.judges_sequentially:
                gone[who] = height - 1
    epochs = {index: kept for index, kept in service.epochs.items() if index >= tally.epoch_index - 1}
    finished = _list_finished(reached, model_weights, removed)
    epochs[tally.epoch_index] = EpochInferences(finished, tally.skipped)
    return replace(service, records=records, counts=counts, epochs=epochs, prices=walk[-1]), failures


def _serve(record: InferenceRecord, inference: Inference, rules: Rules) -> InferenceRecord:
    """A request expires, or it is served and its answer validated: events of their own, each of which is judged."""
    if inference.is_missed:
        return take_news(record, News(missed=1), rules)
    served = take_news(record, News(served=1), rules)
    return take_news(served, News(valid=1) if inference.is_valid else News(invalid=1), rules)


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
    inferences: Collection[Inference], model_weights: Mapping[str, Mapping[str, int]], removed: Mapping[str, int]
) -> tuple[FinishedInference, ...]:
    traffic = Counter(inference.model for inference in inferences)
    averages = {model: compute_min_average(n_requests) for model, n_requests in traffic.items()}

    @cache
    def get_present(model: str, gone: frozenset[str]) -> Mapping[str, int]:
        weights = model_weights[model]
        return {who: weight for who, weight in weights.items() if who not in gone} if gone else weights

    return tuple(
        FinishedInference(
            inference_id=inference.inference_id,
            executor=inference.executor,
            model_weights=get_present(
                inference.model, frozenset(who for who, height in removed.items() if inference.created_height > height)
            ),
            created_height=inference.created_height,
            min_average=averages[inference.model],
        )
        for inference in inferences
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

    All of them in v0.2.0, later as many as the miss test asks for, none from v0.2.11 on. Reference: protocol 2.1.6,
    6.3, network 2.1.
    """
    if not rules.asks_for_validations:
        return True
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
    return not p0 or passes_miss_test(n_missed, len(due), miss_rate=p0, approximates=rules.approximates_misses)


def close_service(service: Service) -> Service:
    """After the settlement: the epoch's counts join the past that reputation looks at; records start anew.

    What falls between VE and S counts for the next settlement. Reference: protocol 6.3.
    """
    past = dict(service.past)
    for who, counts in service.counts.items():
        past[who] = (*past.get(who, ()), (counts.n_missed, counts.n_finished))
    records = {who: restart_counts(record) for who, record in service.records.items()}
    return replace(service, records=records, past=past, counts={})


def switch_service(
    service: Service, rules: Rules, members: Collection[str], height: int
) -> tuple[Service, list[Failure]]:
    """S: statuses stay (v0.2.0), or everybody is ACTIVE; from v0.2.5 to v0.2.10 each member is judged at once.

    A member that has had no request is ACTIVE as well.

    A run of wrong answers outlives the switch until v0.2.12, so that whoever was INVALID by one is so again: at once,
    or with the next answer. Reference: protocol 6.3, network 2.1.
    """
    if not rules.resets_statuses:
        return service, []
    admitted = {who: _admit(record, rules) for who, record in service.records.items()}
    new = InferenceRecord(status=Status.ACTIVE)
    judged = {who: admitted.get(who, new) for who in sorted(members)}
    if not rules.judges_sequentially:
        return replace(service, records={**admitted, **judged}), []
    if rules.judges_at_switch:
        judged = {who: take_news(record, News(), rules) for who, record in judged.items()}
    failures = [Failure(who, record.status, height) for who, record in judged.items() if record.status in FAILED]
    return replace(service, records={**service.records, **judged}), failures


def _admit(record: InferenceRecord, rules: Rules) -> InferenceRecord:
    run = 0 if rules.restarts_runs else record.n_consecutive_invalidations
    return replace(record, status=Status.ACTIVE, n_consecutive_invalidations=run)


def confirm_records(
    service: Service, ratios: Mapping[str, Fraction], rules: Rules, height: int
) -> tuple[Service, list[Failure]]:
    """A confirmation is read out: each member has its confirmed ratio and is judged. Reference: protocol 6.7."""
    records, failures = dict(service.records), list[Failure]()
    for who, ratio in sorted(ratios.items()):
        before = records.get(who, InferenceRecord())
        after = records[who] = take_news(replace(before, confirmed_ratio=ratio), News(), rules)
        if after.status is not before.status and after.status in FAILED:
            failures.append(Failure(who, after.status, height))
    return replace(service, records=records), failures


def forget_epochs(service: Service, failures: Collection[Failure]) -> Service:
    """The number of completed epochs, on which the reputation rests, starts anew. Reference: protocol 6.3."""
    past = {**service.past, **{failure.participant: () for failure in failures}}
    return replace(service, past=past)


def compute_tokens_per_window(n_tokens: int, epoch_seconds: float, window_seconds: float) -> int:
    """Tokens in one window if the epoch's tokens come evenly, truncated."""
    return int(n_tokens * Fraction(window_seconds) / Fraction(epoch_seconds))
