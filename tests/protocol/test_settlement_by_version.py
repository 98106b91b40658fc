"""Who is paid out of an epoch's emission, by which weight, and who gets the remainder, by version (protocol 6.2).

"The network's test" is a case of its own published tests of the settlement of v0.2.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.blocks.entitlements import compute_entitlements, get_full_weight, get_reward_weights
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import ChainState, EpochGroup, HostRecord, genesis_state
from sim.protocol.consensus.transactions import HardwareNode
from sim.protocol.proofs.confirmation import start_confirmation
from sim.protocol.service.inferences import Counts, Service
from sim.protocol.service.status import InferenceRecord, Status
from sim.protocol.switches import Rules
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

EARLY, LATER = ("v0.2.2", "v0.2.3", "v0.2.4"), ("v0.2.5", "v0.2.6")
PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)


@dataclass(frozen=True)
class Host:
    """A member of the epoch that is settled."""

    preserved: int = 0
    confirmed: int = 0
    lost: int = 0
    """What it did not show again in a confirmation."""
    weight: int = 0
    """In the group, after collateral and cap; 0: as heavy as its nodes."""
    is_invalid: bool = False
    is_missing: bool = False
    is_carried: bool = False

    @property
    def full(self) -> int:
        return self.preserved + self.confirmed + self.lost


def settle(hosts: Mapping[str, Host], amount: int, rules: Rules) -> dict[str, int]:
    """Rewards by address."""
    parts = compute_entitlements(state_of(hosts), amount, rules)
    return {who: part.reward_ngonka for who, part in parts.items()}


def state_of(hosts: Mapping[str, Host]) -> ChainState:
    nodes = {who: {1: host.confirmed + host.lost, 2: host.preserved} for who, host in hosts.items()}
    slots = {who: frozenset({2}) for who, host in hosts.items() if host.preserved}
    counts = {who: Counts(n_missed=80, n_finished=20) for who, host in hosts.items() if host.is_missing}
    records = {who: InferenceRecord(status=Status.INVALID) for who, host in hosts.items() if host.is_invalid}
    group = EpochGroup(
        index=1,
        start_height=40,
        weights={who: host.weight or host.full for who, host in hosts.items()},
        node_weights=nodes,
        preserved=slots,
        carried=frozenset(who for who, host in hosts.items() if host.is_carried),
    )
    confirmation = replace(
        start_confirmation(nodes, slots), weights={who: host.confirmed for who, host in hosts.items()}
    )
    return replace(
        genesis_state(dict.fromkeys(hosts, 1), PARAMS, LAUNCH.r_target),
        effective=group,
        hosts={who: HostRecord("key", (HardwareNode(1, "QwQ-32B"), HardwareNode(2, "QwQ-32B"))) for who in hosts},
        confirmation=confirmation,
        service=Service(counts=counts, records=records),
    )


@pytest.mark.parametrize("version", LATER)
@pytest.mark.parametrize(
    ("amount", "pairs", "rewards"),
    [
        (600, [(100, 150), (50, 100)], [300, 300]),
        (1000, [(100, 600), (0, 100)], [500, 500]),
        (500, [(100, 150)], [500]),
        (100, [(0, 1000)] * 3, [34, 33, 33]),
        (1000, [(0, 0), (0, 10)], [0, 1000]),
    ],
)
def test_rewards_of_the_networks_tests(
    version: str, amount: int, pairs: list[tuple[int, int]], rewards: list[int]
) -> None:
    """(preserved, confirmation weight): half or two fifths is the limit of two or three. The last case is our own."""
    hosts = {f"h{i}": Host(*pair, weight=1) for i, pair in enumerate(pairs)}
    rules = replace(VERSIONS[version], caps_positive_weights_only=pairs[0] == (0, 0))
    assert list(settle(hosts, amount, rules).values()) == rewards


def test_effective_weights_of_the_networks_test() -> None:
    hosts = {"a": Host(200, 250), "b": Host(200, 180), "c": Host(300, 0)}
    uncapped, capped = get_reward_weights(state_of(hosts), VERSIONS["v0.2.6"])
    assert uncapped == {"a": 450, "b": 380, "c": 300}
    assert capped == {"a": 450, "b": 380, "c": 300}


def test_nothing_confirmed_and_nothing_preserved_is_no_reward_but_fees() -> None:
    """The network's test."""
    state = state_of({"a": Host(lost=100), "b": Host(0, 100), "c": Host(0, 100), "d": Host(0, 100)})
    state = replace(state, service=Service(counts={"a": Counts(n_finished=5, fees_ngonka=70)}))
    part = compute_entitlements(state, 600, replace(VERSIONS["v0.2.6"], settlement_cap=0.0))["a"]
    assert (part.reward_ngonka, part.fees_ngonka) == (0, 70)


def test_a_member_without_confirmed_weight_makes_the_cap_0_for_all() -> None:
    """The defect that v0.2.14 repaired (#1394), and what its repair would have paid."""
    hosts = {"a": Host(lost=100), **{who: Host(0, 100) for who in "bcd"}}
    assert settle(hosts, 600, VERSIONS["v0.2.6"]) == dict.fromkeys("abcd", 0)
    repaired = replace(VERSIONS["v0.2.6"], caps_positive_weights_only=True)
    assert settle(hosts, 600, repaired) == {"a": 0, "b": 200, "c": 200, "d": 200}


@pytest.mark.parametrize("version", EARLY)
def test_until_v0_2_4_final_weights_count_and_the_miss_test_leaves_the_divisor(version: str) -> None:
    """Weights 60 and 40; the second missed: its 400 fall to the first, like every remainder."""
    hosts = {"a": Host(30, 5, 25, weight=60), "b": Host(0, 40, is_missing=True)}
    assert settle(hosts, 1000, VERSIONS[version]) == {"a": 1000, "b": 0}
    invalid = {"a": Host(0, 60), "b": Host(0, 40, is_invalid=True), "c": Host(0, 20)}
    assert settle(invalid, 1000, VERSIONS[version]) == {"a": 750, "b": 0, "c": 250}


def test_from_v0_2_5_what_is_left_after_the_miss_test_divides() -> None:
    """Of 25 each, b missed: the others share all of it; where all missed, all stays in the module."""
    hosts = {who: Host(0, 25) for who in "acde"} | {"b": Host(0, 25, is_missing=True)}
    assert settle(hosts, 1000, VERSIONS["v0.2.5"]) == {"a": 250, "b": 0, "c": 250, "d": 250, "e": 250}
    nobody = {who: Host(0, 25, is_missing=True) for who in "abcd"}
    assert settle(nobody, 1000, VERSIONS["v0.2.5"]) == dict.fromkeys("abcd", 0)


def test_the_remainder_falls_to_the_first_that_kept_preserved_weight_from_v0_2_5_on() -> None:
    """100 over three: 33 each and 1 left. c is no candidate where it is not paid."""
    hosts = {"a": Host(0, 10), "b": Host(0, 10), "c": Host(0, 10, is_carried=True)}
    for version in ("v0.2.0", *EARLY):
        assert settle(hosts, 100, VERSIONS[version]) == {"a": 34, "b": 33, "c": 33}
    for version in LATER:
        assert settle(hosts, 100, VERSIONS[version]) == {"a": 33, "b": 33, "c": 34}
    unpaid = {**hosts, "c": Host(0, 10, is_missing=True, is_carried=True)}
    assert settle(unpaid, 101, VERSIONS["v0.2.5"]) == {"a": 51, "b": 50, "c": 0}
    both = {**hosts, "b": Host(0, 10, is_carried=True)}
    assert settle(both, 100, VERSIONS["v0.2.5"]) == {"a": 33, "b": 34, "c": 33}


def test_what_if_cap_and_divisor_stand_on_full_weight() -> None:
    """#1372: a has 28 % of 1000 in full; the others showed half again. Their total clips a, 1000 does not."""
    hosts = {"a": Host(0, 280), **{who: Host(0, 120, 120) for who in "bcd"}}
    usual = VERSIONS["v0.2.6"]
    assert get_reward_weights(state_of(hosts), usual)[1]["a"] == 154  # trunc(0.3 · 360 / 0.7)
    changed = replace(usual, caps_rewards_by_full_weight=True)
    assert get_full_weight(state_of(hosts), changed) == 1000
    assert settle(hosts, 1000, changed) == {"a": 280, "b": 120, "c": 120, "d": 120}  # 360 stay in the module
    big = {"a": Host(0, 400), **{who: Host(0, 200) for who in "bcd"}}
    assert settle(big, 1000, changed) == {"a": 300, "b": 200, "c": 200, "d": 200}
    assert settle({"a": Host(0, 3), "b": Host(0, 4)}, 100, changed) == {"a": 42, "b": 42}  # 3 / 7 each, no remainder


HOSTS = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.builds(
        Host,
        st.integers(0, 50),
        st.integers(0, 500),
        st.integers(0, 50),
        st.integers(1, 500),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, False, True]),
        st.booleans(),
    ),
    min_size=1,
)


def naive(hosts: Mapping[str, Host], amount: int, version: str, *, positive_only: bool, full: bool) -> dict[str, int]:
    """The table "settlement by version" of protocol 6.2 a second time."""
    is_late = version in LATER
    weights = {}
    for who, host in hosts.items():
        if not host.is_invalid:
            weights[who] = host.preserved + host.confirmed if is_late else host.weight
    basis = sum(host.full if is_late else host.weight for host in hosts.values())
    if is_late:
        cap = limit_of(list(weights.values()), positive_only, basis if full else None)
        weights = {who: weight if cap is None else min(weight, cap) for who, weight in weights.items()}
    has_miss_test = version != "v0.2.0"
    kept = {who: 0 if has_miss_test and hosts[who].is_missing else weight for who, weight in weights.items()}
    divisor = basis if full else sum((kept if is_late else weights).values())
    paid = {who: floor(Fraction(kept.get(who, 0) * amount, divisor)) if divisor else 0 for who in sorted(hosts)}
    takers = [who for who in paid if paid[who] and hosts[who].is_carried and is_late] + [
        who for who in paid if paid[who]
    ]
    if takers and not full:
        paid[takers[0]] += amount - sum(paid.values())
    return paid


def limit_of(weights: list[int], positive_only: bool, basis: int | None) -> int | None:
    """The settlement's cap, in tenths."""
    counted = sorted(weight for weight in weights if weight or not (positive_only or basis is not None))
    tenths = {2: 5, 3: 4}.get(len(counted), 3)
    if len(counted) < 2:
        return None
    if basis is not None:
        return tenths * basis // 10
    for place, weight in enumerate(counted):
        below, above = sum(counted[:place]), len(counted) - place
        if 10 * weight > tenths * (below + weight * above):
            rest = 10 - tenths * above
            cap = weight if rest <= 0 else tenths * below // rest
            return None if positive_only and not cap else cap
    return None


@given(HOSTS, st.integers(0, 10**9), st.sampled_from(["v0.2.0", *EARLY, *LATER]), st.booleans(), st.booleans())
def test_every_version_against_a_second_implementation(
    hosts: dict[str, Host], amount: int, version: str, positive_only: bool, full: bool
) -> None:
    rules = replace(VERSIONS[version], caps_positive_weights_only=positive_only, caps_rewards_by_full_weight=full)
    assert settle(hosts, amount, rules) == naive(hosts, amount, version, positive_only=positive_only, full=full)
