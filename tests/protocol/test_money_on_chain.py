"""Money through `apply_block`: inferences, statuses, collateral, settlement, confirmation (protocol 6)."""

from dataclasses import replace
from fractions import Fraction
from itertools import chain

import pytest

from sim.protocol.blocks.checks import commit_seed
from sim.protocol.blocks.entitlements import (
    INACTIVE,
    INVALID,
    MISSED,
    NOT_SETTLED,
    PAID,
    UNCONFIRMED,
    compute_entitlements,
)
from sim.protocol.blocks.epochs import activate_weight
from sim.protocol.blocks.formation import list_governance_models
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.payments import Payment, PaymentKind
from sim.protocol.blocks.records import PriceReached, RewardSettled, WeightConfirmed
from sim.protocol.blocks.running import apply_inferences, get_trigger_heights
from sim.protocol.blocks.settling import settle_epoch
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import Block, ChainState, EpochGroup, HostRecord, genesis_state
from sim.protocol.blocks.transition import BlockResult, apply_block
from sim.protocol.consensus.transactions import ClaimReward, HardwareNode, Transaction, TxResult
from sim.protocol.money.accounts import Settlement
from sim.protocol.money.collateral import Deposit
from sim.protocol.money.pricing import PricingParams
from sim.protocol.proofs.confirmation import ConfirmationTally, start_confirmation
from sim.protocol.proofs.votes import select_voters
from sim.protocol.service.inferences import Counts, Inference, InferenceTally, Service, apply_tally, close_service
from sim.protocol.service.status import InferenceRecord, Status
from sim.protocol.switches import Rules
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

PEOPLE = ("a", "b", "c", "d")


def params_of(version: str = "v0.2.0", **changes: object) -> ProtocolParams:
    book = build_rule_book(version, {}, {})
    return replace(ProtocolParams(rule_book=book, epoch=EpochParams(), vector_dim=8196), **changes)  # type: ignore[arg-type]


def effective_state(version: str = "v0.2.0", height: int = 78, **changes: object) -> ChainState:
    """Epoch 1 is effective; everybody has weight 25 on one node and 1 000 ngonka of collateral."""
    params = params_of(version)
    state = genesis_state(dict.fromkeys(PEOPLE, 1), params, LAUNCH.r_target)
    nodes = {who: {1: 25} for who in PEOPLE}
    known: dict[str, object] = {
        "height": height,
        "schedule": Schedule.of(1, params.epoch),
        "effective": EpochGroup(1, 40, dict.fromkeys(PEOPLE, 25), nodes),
        "hosts": {who: HostRecord("key", (HardwareNode(1, "QwQ-32B"),)) for who in PEOPLE},
        "deposits": {who: Deposit(1000) for who in PEOPLE},
        "seeds": {(1, who): commit_seed(7, who) for who in PEOPLE},
        "confirmation": start_confirmation(nodes, {}),
    }
    return replace(state, **{**known, **changes})  # type: ignore[arg-type]


def requests(who: str, n: int, missed: int = 0, invalid: int = 0, height: int = 60) -> list[Inference]:
    """n requests; the first are missed, the last ones are answered wrongly."""
    return [
        Inference(f"1/{who}/{i}", "QwQ-32B", who, height, is_missed=i < missed, is_valid=i < n - invalid)
        for i in range(n)
    ]


def tally(*inferences: list[Inference], skipped: dict[str, frozenset[str]] | None = None) -> InferenceTally:
    return InferenceTally(1, tuple(chain.from_iterable(inferences)), skipped or {}, 1000, {"QwQ-32B": 3000})


def apply(state: ChainState, *transactions: Transaction, params: ProtocolParams, **parts: object) -> BlockResult:
    block = Block(state.height + 1, "00" * 32, "a", 0.0, transactions, **parts)  # type: ignore[arg-type]
    return apply_block(state, block, {}, params, lambda control, seen: (control, seen.difficulty))


# Inferences: protocol 6.3, 6.6


def test_becoming_invalid_costs_a_fifth_of_the_collateral_once() -> None:
    result = apply(effective_state(), params=params_of(), inferences=tally(requests("a", 30, invalid=10)))
    assert result.state.service.records["a"].status is Status.INVALID
    assert result.state.deposits["a"] == Deposit(800)
    assert [(p.participant, p.kind, p.amount_ngonka, p.reason) for p in result.rows if isinstance(p, Payment)] == [
        ("a", PaymentKind.SLASHED, 200, "INVALID")
    ]
    again, _ = apply_inferences(result.state, tally(requests("a", 30, invalid=10)), params_of())
    assert again.deposits["a"] == Deposit(800)


def test_fees_follow_the_price_at_each_block() -> None:
    """Grace of main net is over at epoch 1: the price walks from 100, u = 3 000 / (100 · 60) = 0.5 leaves it there."""
    dynamic = params_of(pricing=PricingParams(price_grace_epochs=0))
    state, _ = apply_inferences(effective_state(), tally(requests("a", 10, missed=3)), dynamic)
    assert state.service.counts["a"] == Counts(n_missed=3, n_finished=7, fees_ngonka=7 * 100 * 1000)
    assert state.service.prices == {"QwQ-32B": 100}
    free, _ = apply_inferences(effective_state(), tally(requests("a", 10)), params_of())
    assert free.service.counts["a"].fees_ngonka == 0
    idle = replace(tally(requests("a", 1, height=79)), tokens_per_window={})
    state, rows = apply_inferences(effective_state(), idle, dynamic)
    price = state.service.prices["QwQ-32B"]
    assert state.service.counts["a"].fees_ngonka == 1000 * price
    assert PriceReached(epoch=1, model="QwQ-32B", price_ngonka=price) in rows
    assert price < 70  # 40 blocks without traffic, at least 1 lost in each (protocol 6.6)


def test_statuses_are_reset_at_the_switch_from_v0_2_2_on() -> None:
    for version, status in (("v0.2.0", Status.INVALID), ("v0.2.2", Status.ACTIVE)):
        state, _ = apply_inferences(effective_state(version), tally(requests("a", 30, invalid=10)), params_of(version))
        group = EpochGroup(2, 80, dict.fromkeys(PEOPLE, 25), {who: {1: 25} for who in PEOPLE})
        state = replace(state, height=98, next_group=group, schedule=Schedule.of(2, EpochParams()))
        after = apply(state, params=params_of(version)).state
        assert after.effective.index == 2
        assert after.service.records["a"].status is status


# The claim: protocol 2.1.6


def claimed(version: str, skipped: int, cutoff: int = 10_000, in_poc: bool = True, height: int = 60) -> TxResult:
    served = [requests(who, 60, height=height) for who in PEOPLE]
    missing = {"a": frozenset(f"1/{who}/{i}" for who in "bcd" for i in range(skipped))}
    state, _ = apply_inferences(effective_state(version), tally(*served, skipped=missing), params_of(version))
    record = Settlement(1, 9, commit_seed(7, "a"), cutoff_height=cutoff, has_node_during_poc=in_poc)
    result = apply(replace(state, settled={"a": record}), ClaimReward("tx", "a", 1, 7), params=params_of(version))
    return result.tx_results[0]


def test_one_missed_validation_blocks_the_claim_at_launch_only() -> None:
    """180 inferences of others, a third of them drawn (equal weights, full target): 60 on average."""
    assert claimed("v0.2.0", skipped=0) is TxResult.ACCEPTED
    assert claimed("v0.2.0", skipped=3) is TxResult.MISSED_VALIDATIONS
    assert claimed("v0.2.2", skipped=3) is TxResult.ACCEPTED
    assert claimed("v0.2.2", skipped=60) is TxResult.MISSED_VALIDATIONS


def test_late_inferences_need_no_validation_without_a_node_during_the_proof_of_compute() -> None:
    assert claimed("v0.2.0", skipped=60, cutoff=60, in_poc=False) is TxResult.ACCEPTED
    assert claimed("v0.2.0", skipped=60, cutoff=60, in_poc=True) is TxResult.MISSED_VALIDATIONS
    assert claimed("v0.2.0", skipped=60, cutoff=61, in_poc=False) is TxResult.MISSED_VALIDATIONS


# The settlement: protocol 6.2, 6.3


def entitlements(version: str, rules: Rules | None = None, **changes: object) -> dict[str, tuple[int, str]]:
    parts = compute_entitlements(effective_state(version, **changes), 1000, rules or VERSIONS[version])
    return {who: (part.reward_ngonka, part.reason) for who, part in parts.items()}


MISSING = Service(counts={"b": Counts(n_missed=50, n_finished=50)})


def test_a_missing_host_is_paid_at_launch_and_its_part_falls_to_the_first_until_v0_2_5() -> None:
    assert entitlements("v0.2.0", service=MISSING) == dict.fromkeys(PEOPLE, (250, PAID))
    lost = {"a": (500, PAID), "b": (0, MISSED), "c": (250, PAID), "d": (250, PAID)}
    assert entitlements("v0.2.2", service=MISSING) == lost
    assert entitlements("v0.2.3", service=MISSING) == lost
    shared = {"a": (334, PAID), "b": (0, MISSED), "c": (333, PAID), "d": (333, PAID)}
    assert entitlements("v0.2.5", service=MISSING) == shared


def test_v0_2_6_tolerates_more_misses() -> None:
    """p0 = 0.40: 45 of 100 pass, 48 too, 49 do not."""
    some = Service(counts={"b": Counts(n_missed=45, n_finished=55)})
    assert entitlements("v0.2.5", service=some)["b"][1] == MISSED
    assert entitlements("v0.2.6", service=some)["b"][1] == PAID
    assert entitlements("v0.2.6", service=MISSING)["b"][1] == MISSED


def test_only_a_page_of_participants_is_settled_at_launch() -> None:
    short = replace(VERSIONS["v0.2.0"], settlement_page_limit=2)
    found = entitlements("v0.2.0", short)
    assert [reason for _, reason in found.values()] == [PAID, PAID, NOT_SETTLED, NOT_SETTLED]
    assert sum(reward for reward, _ in found.values()) == 1000


def test_the_invalid_lose_reward_and_fees() -> None:
    state, _ = apply_inferences(
        effective_state(), tally(requests("b", 30, invalid=10)), params_of(pricing=PricingParams(price_grace_epochs=0))
    )
    parts = compute_entitlements(state, 1000, VERSIONS["v0.2.0"])
    assert (parts["b"].reward_ngonka, parts["b"].fees_ngonka, parts["b"].reason) == (0, 0, INVALID)
    assert state.service.counts["b"].fees_ngonka > 0
    assert sum(part.reward_ngonka for part in parts.values()) == 1000


@pytest.mark.parametrize("version", ["v0.2.0", "v0.2.4", "v0.2.5"])
def test_downtime_costs_a_tenth_of_the_collateral_until_v0_2_4(version: str) -> None:
    """More than 5 % of the requests missed; 5 % exactly are not. From v0.2.5 on the settlement slashes nobody."""
    counts = {"a": Counts(n_missed=5, n_finished=95), "b": Counts(n_missed=6, n_finished=94)}
    after, rows = settle_epoch(effective_state(version, service=Service(counts=counts)), params_of(version))
    assert sum(isinstance(row, RewardSettled) for row in rows) == len(PEOPLE)
    slashed = 0 if version == "v0.2.5" else 100
    deposits = {"a": 1000, "b": 1000 - slashed, "c": 1000, "d": 1000}
    assert {who: deposit.active for who, deposit in after.deposits.items()} == deposits
    assert after.slashed == slashed


def test_from_v0_2_5_rewards_follow_confirmed_weight_under_a_second_cap() -> None:
    """c showed 5 of 25, so that the others hold more than 30 % each of what is left: the second cap binds."""
    state = effective_state("v0.2.5")
    weights = {"a": 25, "b": 25, "c": 5, "d": 25}
    state = replace(state, confirmation=replace(state.confirmation, weights=weights))
    parts = compute_entitlements(state, 10_000, VERSIONS["v0.2.5"])
    assert {who: part.uncapped_weight for who, part in parts.items()} == weights
    # Protocol 5.3 at 0.30: p = 5, 25, 25, 25; the first 25 exceeds 0.3 · 80, so cap = 0.3 · 5 / (1 - 0.9) = 15.
    assert {who: part.weight for who, part in parts.items()} == {"a": 15, "b": 15, "c": 5, "d": 15}
    assert sum(part.reward_ngonka for part in parts.values()) == 10_000


# Confirmation: protocol 6.7


SECOND = {"schedule": Schedule.of(2, EpochParams()), "effective": EpochGroup(2, 80, dict.fromkeys(PEOPLE, 25))}
"""Confirmations start with epoch 2: its S is block 99, and an event of 20 blocks may be triggered up to block 100."""


def often(version: str, expected: float = 100.0, **switches: object) -> ProtocolParams:
    book = build_rule_book(version, {}, {"confirmations_per_epoch": expected, **switches})
    return replace(params_of(version), rule_book=book)


def test_a_confirmation_is_triggered_runs_and_closes() -> None:
    """Alpha is 0.5: 12 of 25 fail, 13 do not; silence keeps the weight in v0.2.5, from v0.2.6 on it fails."""
    state = effective_state("v0.2.5", height=99, **SECOND)
    triggered = apply(state, params=often("v0.2.5"))
    assert triggered.state.confirmation.end_height == 100 + 1 + 10 - 1 + 2 + 2 + 6
    shown = ConfirmationTally({"a": 13, "b": 12})
    at_end = replace(triggered.state, height=118)
    for version, silent, failed in (("v0.2.5", 25, {"b"}), ("v0.2.6", 0, {"b", "c", "d"})):
        closed = apply(at_end, params=params_of(version), confirmation=shown)
        confirmed = [row for row in closed.rows if isinstance(row, WeightConfirmed)]
        assert {row.participant for row in confirmed if row.is_failed} == failed
        assert closed.state.confirmation.weights == {"a": 13, "b": 12, "c": silent, "d": silent}
        assert closed.state.confirmation.end_height is None
        assert {who for who in PEOPLE if closed.state.service.get_status(who) is Status.INACTIVE} == failed
        assert {who: closed.state.deposits[who].active for who in PEOPLE} == {
            who: 900 if who in failed else 1000 for who in PEOPLE
        }
        assert closed.state.effective.removed == dict.fromkeys(failed, 119)
        assert closed.state.effective.present == closed.state.powers == dict.fromkeys({*PEOPLE} - failed, 25)
        assert closed.state.effective.weights == dict.fromkeys(PEOPLE, 25)
        payments = [row for row in closed.rows if isinstance(row, Payment)]
        assert [(p.participant, p.reason) for p in payments] == [(who, "INACTIVE") for who in sorted(failed)]


def test_an_alpha_of_0_fails_nobody() -> None:
    state = replace(
        effective_state("v0.2.6", height=118, **SECOND), confirmation=start_confirmation({"a": {1: 25}}, {})
    )
    closed = apply(state, params=often("v0.2.6", confirmation_alpha=0), confirmation=ConfirmationTally({}))
    assert closed.state.confirmation.weights == {"a": 0}
    assert closed.state.service.get_status("a") is Status.ACTIVE


def test_one_confirmation_runs_at_a_time_and_the_next_waits_for_the_delay() -> None:
    """After a read-out at the end of block h the next one may be triggered from h + set_new_validators_delay on."""
    params = often("v0.2.5")
    state = effective_state("v0.2.5", height=99, **SECOND)
    running = replace(state, confirmation=replace(state.confirmation, end_height=119))
    assert apply(running, params=params).state.confirmation.end_height == 119
    lengths = EpochParams(set_new_validators_delay=3, epoch_length=60)
    long = replace(params, epoch=lengths)
    state = effective_state("v0.2.5", height=110, schedule=Schedule.of(2, lengths), effective=EpochGroup(2, 120, {}))
    state = replace(state, confirmation=replace(state.confirmation, end_height=141), height=140)
    after = apply(state, params=long, confirmation=ConfirmationTally({})).state
    heights = []
    for _ in range(4):
        after = apply(after, params=long).state
        heights.append(after.confirmation.end_height)
    assert heights == [None, None, 144 + 1 + 19, 164]


def test_confirmations_begin_with_the_second_epoch_and_only_at_s() -> None:
    first = effective_state("v0.2.5", height=59)
    assert get_trigger_heights(first.schedule, VERSIONS["v0.2.5"]) == range(59, 61)
    assert apply(first, params=often("v0.2.5")).state.confirmation.end_height is None
    before_s = replace(effective_state("v0.2.5", height=90), effective=EpochGroup(1, 40, {"a": 1}))
    assert apply(before_s, params=often("v0.2.5")).state.confirmation.end_height is None


def test_whoever_left_the_group_has_no_vote_no_power_and_no_requests() -> None:
    """Three of four wrong answers in a row are five by block 63: a is out; what falls to it later reaches nobody."""
    params = params_of("v0.2.5")
    early, late = requests("a", 6, invalid=6, height=62), requests("a", 4, height=63)
    result = apply(effective_state("v0.2.5"), params=params, inferences=tally(early, late, requests("b", 3)))
    after = result.state
    assert after.service.records["a"].status is Status.INVALID
    assert (after.service.counts["a"].n_total, after.service.counts["b"].n_total) == (5, 3)
    assert after.deposits["a"] == Deposit(800)
    assert after.effective.removed == {"a": 62}
    assert "a" not in after.powers
    assert "a" not in select_voters(after.effective.present, 0)
    # Two confirmed out before: requests up to that block count, and those of others have fewer validators afterwards.
    gone = replace(effective_state("v0.2.5").effective, removed={"a": 61})
    state = effective_state("v0.2.5", effective=gone)
    parts = (
        requests("a", 2, height=61),
        requests("a", 2, height=62),
        requests("b", 1, height=61),
        requests("c", 1, height=62),
    )
    after = apply(state, params=params, inferences=tally(*parts)).state
    assert after.service.counts["a"].n_total == 2
    finished = {each.executor: set(each.model_weights) for each in after.service.epochs[1].finished}
    assert finished == {"a": set(PEOPLE), "b": set(PEOPLE), "c": {"b", "c", "d"}}


def test_a_failure_restarts_the_reputation() -> None:
    service = Service(past={"a": ((0, 9),) * 9, "b": ((0, 9),) * 9})
    for version, kept in (("v0.2.4", 9), ("v0.2.5", 0)):
        state = effective_state(version, service=service)
        after = apply(state, params=params_of(version), inferences=tally(requests("a", 30, invalid=10))).state
        assert after.service.records["a"].status is Status.INVALID
        assert [len(after.service.past[who]) for who in "ab"] == [kept, 9]


def test_a_run_of_wrong_answers_costs_again_at_the_switch_but_not_the_place_in_the_group() -> None:
    """From v0.2.5 on S makes a ACTIVE and judges it: INVALID again, slashed again, but a member of the new group."""
    records = {"a": InferenceRecord(n_consecutive_invalidations=5, status=Status.INVALID)}
    group = EpochGroup(2, 80, dict.fromkeys(PEOPLE, 25), {who: {1: 25} for who in PEOPLE})
    for version, active, status in (("v0.2.4", 1000, Status.ACTIVE), ("v0.2.5", 800, Status.INVALID)):
        state = effective_state(version, height=98, service=Service(records), next_group=group)
        state = replace(state, schedule=Schedule.of(2, EpochParams()))
        after = apply(state, params=params_of(version)).state
        assert after.service.get_status("a") is status
        assert after.deposits["a"].active == active
        assert (after.effective.index, after.effective.removed, after.effective.present) == (2, {}, group.weights)
        assert after.powers["a"] == 25


def test_statuses_other_than_active_are_not_paid_from_v0_2_5_on() -> None:
    """INACTIVE for a confirmation or for misses; fees are lost too. Until v0.2.4 only INVALID is not paid."""
    records = {
        "b": InferenceRecord(status=Status.INACTIVE, confirmed_ratio=Fraction(1, 3)),
        "c": InferenceRecord(status=Status.INACTIVE, confirmed_ratio=Fraction(1)),
        "d": InferenceRecord(status=Status.RAMPING),
    }
    service = Service(records, {who: Counts(n_finished=1, fees_ngonka=7) for who in PEOPLE})
    parts = compute_entitlements(effective_state("v0.2.6", service=service), 1000, VERSIONS["v0.2.6"])
    assert {who: part.reason for who, part in parts.items()} == {"a": PAID, "b": UNCONFIRMED, "c": INACTIVE, "d": PAID}
    assert [part.fees_ngonka for part in parts.values()] == [7, 0, 0, 7]
    assert [parts[who].reward_ngonka for who in "bc"] == [0, 0]


def test_what_is_not_confirmed_costs_the_reward_but_not_the_fees() -> None:
    """A confirmed weight of 0 with nothing preserved, at an alpha of 0 (protocol 6.2)."""
    service = Service(counts={"b": Counts(n_finished=1, fees_ngonka=7)})
    state = effective_state("v0.2.6", service=service)
    state = replace(state, confirmation=replace(state.confirmation, weights={"a": 25, "b": 0, "c": 25, "d": 25}))
    part = compute_entitlements(state, 1000, VERSIONS["v0.2.6"])["b"]
    assert (part.reward_ngonka, part.fees_ngonka, part.reason) == (0, 7, PAID)


def test_records_restart_at_the_settlement_in_every_version() -> None:
    for version, rules in VERSIONS.items():
        model = list_governance_models(rules)[0]
        state = effective_state(version)
        state = replace(state, hosts={who: HostRecord("key", (HardwareNode(1, model),)) for who in PEOPLE})
        asked = [replace(request, model=model) for request in requests("a", 30, invalid=3)]
        state, _ = apply_inferences(state, tally(asked), params_of(version))
        before = state.service.records["a"]
        assert before.n_validated == 30
        after, _ = settle_epoch(state, params_of(version))
        assert after.service.records["a"] == InferenceRecord(n_consecutive_invalidations=3, status=before.status)


def test_inferences_are_pruned_after_two_epochs_and_counts_become_the_past() -> None:
    service = Service()
    for epoch in (1, 2, 3):
        one = replace(tally(requests("a", 5, missed=2)), epoch_index=epoch)
        models, heights = {"QwQ-32B": {"a": 1, "b": 1}}, range(40, 80)
        service, _ = apply_tally(service, one, models, heights, PricingParams(), VERSIONS["v0.2.0"], {})
        service = close_service(service)
    assert list(service.epochs) == [2, 3]
    assert service.past["a"] == ((2, 3),) * 3
    assert service.past["b"] == ((0, 0),) * 3
    assert service.counts == {}


@pytest.mark.parametrize(("version", "expected"), [("v0.2.0", None), ("v0.2.3", None)])
def test_nothing_is_confirmed_before_v0_2_5(version: str, expected: int | None) -> None:
    state = effective_state(version, height=59)
    assert apply(state, params=params_of(version)).state.confirmation.end_height is expected


# Collateral and guardians: protocol 6.5, 5.4


def test_collateral_activates_weight_after_the_grace() -> None:
    state = effective_state(deposits={"a": Deposit(84), "b": Deposit(0)})
    params = params_of(collateral_grace_epochs=1, collateral_per_weight_unit=Fraction(21, 5))
    assert [activate_weight(state, "a", 100, index, params) for index in (1, 2)] == [100, 40]  # 20 + 84 / 4.2
    assert activate_weight(state, "b", 100, 2, params) == 20
    assert activate_weight(state, "unknown", 100, 2, params) == 20


def test_guardians_are_boosted_in_consensus_only() -> None:
    params = params_of(guardians=frozenset({"a"}))
    group = EpochGroup(2, 80, {"a": 10, "b": 500, "c": 500})
    state = replace(effective_state(), height=98, next_group=group, schedule=Schedule.of(2, EpochParams()))
    after = apply(state, params=params).state
    assert after.effective.weights == {"a": 10, "b": 500, "c": 500}
    assert after.powers == {"a": 520, "b": 500, "c": 500}
