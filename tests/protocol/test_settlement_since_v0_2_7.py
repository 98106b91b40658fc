"""Rewards by full weight, and governance's account, from v0.2.7 on (network 2.12).

"The network's test" is a case of its own published tests of the settlement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.blocks.entitlements import compute_entitlements, get_miss_rate
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.payments import Payment
from sim.protocol.blocks.settling import settle_epoch
from sim.protocol.blocks.standing import punish_failures
from sim.protocol.blocks.state import ChainState, EpochGroup, HostRecord, genesis_state
from sim.protocol.models.delegation import DelegatedShare
from sim.protocol.money.accounts import Settlement
from sim.protocol.money.collateral import Deposit
from sim.protocol.money.rewards import EPOCH_FACTOR, compute_epoch_reward
from sim.protocol.proofs.confirmation import Confirmation
from sim.protocol.service.inferences import Counts, Failure, Service
from sim.protocol.service.status import InferenceRecord, Status
from sim.protocol.switches import Rules
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

HALVED = ("v0.2.7", "v0.2.8")
FULL = tuple(VERSIONS)[tuple(VERSIONS).index("v0.2.9") :]


@dataclass(frozen=True)
class Member:
    """Of the epoch that is settled."""

    weight: int
    confirmed: int
    raw: int
    is_inactive: bool = False
    is_missing: bool = False
    penalties: tuple[str, ...] = ()
    leaves: tuple[tuple[str, str], ...] = ()
    """Delegate and share."""


def params_of(version: str, **changes: object) -> ProtocolParams:
    book = build_rule_book(version, {}, {})
    params = ProtocolParams(rule_book=book, epoch=EpochParams(), vector_dim=8196)
    return replace(params, **changes)  # type: ignore[arg-type]


def state_of(members: Mapping[str, Member], index: int = 1) -> ChainState:
    """An epoch without preserved nodes, of which everything is known but the emission."""
    counts = {who: Counts(n_missed=80, n_finished=20) for who, member in members.items() if member.is_missing}
    records = {who: InferenceRecord(status=Status.INACTIVE) for who, member in members.items() if member.is_inactive}
    group = EpochGroup(
        index=index,
        start_height=40,
        weights={who: member.weight for who, member in members.items()},
        node_weights={who: {1: member.raw} for who, member in members.items()},
        penalties={who: tuple(map(Fraction, member.penalties)) for who, member in members.items()},
        delegated_shares={
            who: tuple(DelegatedShare(to, Fraction(share)) for to, share in member.leaves)
            for who, member in members.items()
        },
    )
    state = genesis_state(dict.fromkeys(members, 1), params_of("v0.2.16"), LAUNCH.r_target)
    return replace(
        state,
        effective=group,
        hosts={who: HostRecord("key", ()) for who in members},
        confirmation=Confirmation(
            {who: member.raw for who, member in members.items()},
            {who: member.confirmed for who, member in members.items()},
        ),
        service=Service(counts=counts, records=records),
    )


def settle(members: Mapping[str, Member], amount: int, rules: Rules) -> list[int]:
    parts = compute_entitlements(state_of(members), amount, rules)
    return [part.reward_ngonka for part in parts.values()]


def name(*members: Member) -> dict[str, Member]:
    return dict(zip("abcdefgh", members, strict=False))


WHOLE = Member(1000, 1000, 1000)


@pytest.mark.parametrize("version", ["v0.2.9", "v0.2.16"])
@pytest.mark.parametrize(
    ("amount", "members", "rewards"),
    [
        (600, (Member(300, 250, 300), Member(150, 150, 150)), [200, 200]),
        (600, (Member(500, 500, 500), Member(500, 500, 500)), [300, 300]),
        (1200, (Member(200, 1000, 1000), WHOLE), [200, 200]),
        (100, (WHOLE, WHOLE, WHOLE), [33, 33, 33]),
        (1000, (Member(60, 60, 60), Member(40, 40, 40, is_inactive=True)), [600, 0]),
        (1000, (Member(60, 60, 60), Member(40, 40, 40, is_missing=True)), [400, 0]),  # both count for the cap: 40 each
    ],
)
def test_rewards_by_full_weight(version: str, amount: int, members: tuple[Member, ...], rewards: list[int]) -> None:
    """The first three are the network's own tests, the fifth is the worked number of network 2.17."""
    assert settle(name(*members), amount, VERSIONS[version]) == rewards


def test_a_raw_weight_of_0_is_no_reward_and_its_part_goes_to_nobody() -> None:
    assert settle(name(WHOLE, Member(1000, 10, 0)), 1000, VERSIONS["v0.2.14"]) == [500, 0]


@pytest.mark.parametrize(
    ("member", "rewards"),
    [
        (replace(WHOLE, penalties=("0.5",)), [250, 500]),
        (replace(WHOLE, penalties=("0.5", "0.7")), [0, 500]),
        (replace(WHOLE, leaves=(("b", "0.1"),)), [450, 550]),
        (replace(WHOLE, penalties=("0.8",), leaves=(("b", "0.3"),)), [70, 530]),
        (replace(WHOLE, leaves=(("c", "0.1"),)), [450, 500]),
    ],
)
def test_penalties_and_shares_touch_rewards_from_v0_2_14_on(member: Member, rewards: list[int]) -> None:
    """The first is the network's own test: R = 1000 and two of 1000 leave 250 to governance."""
    members = name(member, WHOLE)
    assert settle(members, 1000, VERSIONS["v0.2.14"]) == rewards
    assert settle(members, 1000, VERSIONS["v0.2.13"]) == [500, 500]  # taken from the weights before


@pytest.mark.parametrize("version", HALVED)
def test_in_v0_2_7_the_divisor_precedes_the_miss_test_and_governance_has_the_rest(version: str) -> None:
    quarter = Member(25, 25, 25)
    members = name(quarter, replace(quarter, is_missing=True), quarter, replace(quarter, is_inactive=True), quarter)
    assert settle(members, 1001, VERSIONS[version]) == [250, 0, 250, 0, 250]


def test_one_host_that_misses_all_is_spared_where_the_whole_network_does() -> None:
    """From v0.2.10 on: 400 of 1000 requests missed, 80 by each of five."""
    members = name(*[Member(10, 10, 10, is_missing=True)] * 5)
    state = state_of(members)
    many = {who: Counts(n_missed=80, n_finished=120) for who in members}
    state = replace(state, service=replace(state.service, counts=many))
    rates = {version: get_miss_rate(state, VERSIONS[version]) for version in ("v0.2.9", "v0.2.10", "v0.2.16")}
    assert rates == {"v0.2.9": 0.1, "v0.2.10": 0.0, "v0.2.16": 0.0}
    off = replace(VERSIONS["v0.2.10"], miss_probability=0.0)
    assert get_miss_rate(state, off) == 0.0
    half = {who: Counts(n_missed=30, n_finished=170) for who in members}
    state = replace(state, service=replace(state.service, counts=half))
    assert get_miss_rate(state, VERSIONS["v0.2.10"]) == 0.2
    assert {part.reason for part in compute_entitlements(state, 10, VERSIONS["v0.2.10"]).values()} == {"paid"}


MEMBERS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Member,
        st.integers(0, 500),
        st.integers(0, 500),
        st.integers(0, 500),
        st.sampled_from([False, False, True]),
        st.sampled_from([False, False, True]),
        st.lists(st.sampled_from(["0.1", "0.15", "0.5"]), max_size=3).map(tuple),
        st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["0.05", "0.3"])), max_size=2).map(tuple),
    ),
    min_size=1,
)


def naive(members: Mapping[str, Member], amount: int, version: str) -> dict[str, int]:
    """The seven steps of network 2.12, one member after the other."""
    late = VERSIONS[version].caps_positive_weights_only
    weights: dict[str, int] = {}
    for who, member in sorted(members.items()):
        share = Fraction(member.confirmed, member.raw) if member.raw else Fraction(0)
        if not member.is_inactive:
            weights[who] = min(member.weight, floor(member.weight * share))
    cap = limit_of(list(weights.values()), late)
    weights = {who: weight if cap is None else min(weight, cap) for who, weight in weights.items()}
    weights = {who: 0 if members[who].is_missing else weight for who, weight in weights.items()}
    if not VERSIONS[version].penalizes_weight:
        weights = {
            who: weight - min(weight, sum(floor(Fraction(part) * weight) for part in members[who].penalties))
            for who, weight in weights.items()
        }
        moved = [
            (who, to, floor(Fraction(share) * weight))
            for who, weight in weights.items()
            for to, share in members[who].leaves
        ]
        after = dict(weights)
        for who, to, part in moved:
            after[who] -= part
            if weights.get(to):
                after[to] += part
        weights = after
    divisor = sum(member.weight for member in members.values())
    return {who: weights.get(who, 0) * amount // divisor if divisor else 0 for who in sorted(members)}


def limit_of(weights: list[int], positive_only: bool) -> int | None:
    """The settlement's cap, in tenths."""
    counted = sorted(weight for weight in weights if weight or not positive_only)
    tenths = {2: 5, 3: 4}.get(len(counted), 3)
    if len(counted) < 2:
        return None
    for place, weight in enumerate(counted):
        below, above = sum(counted[:place]), len(counted) - place
        if 10 * weight > tenths * (below + weight * above):
            rest = 10 - tenths * above
            cap = weight if rest <= 0 else tenths * below // rest
            return None if positive_only and not cap else cap
    return None


@given(MEMBERS, st.integers(0, 10**9), st.sampled_from(FULL))
def test_the_seven_steps_against_a_second_implementation(members: dict[str, Member], amount: int, version: str) -> None:
    parts = compute_entitlements(state_of(members), amount, VERSIONS[version])
    assert {who: part.reward_ngonka for who, part in parts.items()} == naive(members, amount, version)


@given(MEMBERS, st.sampled_from(["v0.2.6", *HALVED, *FULL]))
def test_every_coin_of_a_settlement_has_its_place(members: dict[str, Member], version: str) -> None:
    """What is minted and paid waits for claims, is with governance, or stays in the module; unclaimed records too."""
    state = state_of(members, index=9)
    stale = {who: Settlement(8, 1000, "") for who in members}
    counts = {who: replace(state.service.counts.get(who, Counts()), fees_ngonka=7) for who in members}
    state = replace(state, settled=stale, service=replace(state.service, counts=counts))
    after, rows = settle_epoch(state, params_of(version))
    waiting = sum(record.amount for record in after.settled.values())
    minted = compute_epoch_reward(9, 0, epoch_factor=None if version in ("v0.2.6", "v0.2.7") else EPOCH_FACTOR)
    assert after.emitted == minted
    assert after.fees == 7 * len(members)
    assert minted + after.fees + 1000 * len(members) == waiting + after.governance + after.left + after.burnt
    assert after.governance == sum(row.amount_ngonka for row in rows if is_of(row, "governance"))
    if version == "v0.2.6":
        assert (after.governance, after.burnt) == (0, 1000 * len(members))
    else:
        assert (after.left, after.burnt) == (0, 0)
        assert not any(is_of(row, kind) for row in rows for kind in ("left", "burnt", "remainder"))


def is_of(row: object, kind: str) -> bool:
    return isinstance(row, Payment) and row.kind == kind


@pytest.mark.parametrize(
    ("version", "grace", "taken", "burnt"),
    [("v0.2.10", 0, 500, 500), ("v0.2.11", 0, 336, 0), ("v0.2.11", 180, 0, 0), ("v0.2.16", 0, 336, 0)],
)
def test_from_v0_2_11_a_failure_costs_a_tenth_of_the_required_collateral(
    version: str, grace: int, taken: int, burnt: int
) -> None:
    """Weight 1000 of nodes requires 3360 ngonka; 5000 are there. Governance has what is not burnt."""
    state = replace(state_of(name(WHOLE)), deposits={"a": Deposit(5000)})
    params = params_of(version, collateral_grace_epochs=grace)
    after, payments = punish_failures(state, [Failure("a", Status.INACTIVE, 5)], VERSIONS[version], params)
    assert after.deposits["a"] == Deposit(5000 - taken)
    assert (after.slashed, after.governance) == (burnt, taken - burnt)
    assert [row.amount_ngonka for row in payments if is_of(row, "slashed")] == [taken] * (taken > 0)
    assert sum(row.amount_ngonka for row in payments if is_of(row, "governance")) == after.governance
