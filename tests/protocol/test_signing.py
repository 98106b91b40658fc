"""Signatures on blocks: windows, jail, slashes and the way back (protocol 6.5, 10)."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.signatures import check_release, judge_signatures, release_validator
from sim.protocol.blocks.state import Block, ChainState, genesis_state
from sim.protocol.blocks.transition import apply_block
from sim.protocol.consensus.signing import (
    FOR_GOOD,
    Signing,
    SigningParams,
    follow_validators,
    jail,
    note_absent,
)
from sim.protocol.consensus.transactions import TxResult, Unjail
from sim.protocol.money.collateral import Deposit
from sim.protocol.versions import build_rule_book

MAIN_NET = SigningParams()
SHORT = SigningParams(signed_blocks_window=10, downtime_jail=100.0)
MEMBERS = {"a": 5, "b": 3, "c": 2}


def params(version: str = "v0.2.0", **more: Any) -> ProtocolParams:
    rules = build_rule_book(version, {}, {})
    short = {"signed_blocks_window": 10, "downtime_jail": 100.0}
    return ProtocolParams(rule_book=rules, epoch=EpochParams(), vector_dim=8192, **short, **more)


def find_first_jailed(missed: set[int], last: int, since: int = 1, window: SigningParams = SHORT) -> int | None:
    """Return the height whose missing signature puts the validator into jail."""
    signing = Signing(since={"a": since, "b": 1})
    for height in range(1, last + 1):
        signing, down = note_absent(signing, ["a"] if height in missed else [], height, window)
        if down:
            return height
    return None


def test_main_nets_window_takes_fifty_misses_and_no_more() -> None:
    """Signed fewer than 50 of the last 100, after a whole window: the 101st block since the start at the earliest."""
    assert MAIN_NET.most_missed == 50
    every_other = set(range(1, 1000, 2))
    assert find_first_jailed(every_other, 1000, window=MAIN_NET) is None
    assert find_first_jailed({*every_other, 500}, 1000, window=MAIN_NET) == 500
    assert find_first_jailed(set(range(1, 1000)), 1000, window=MAIN_NET) == 101
    assert find_first_jailed(set(range(1, 1000)), 1000, since=300, window=MAIN_NET) == 400


@pytest.mark.parametrize(
    ("missed", "jailed_at"),
    [
        (set(range(20, 25)), None),  # five of ten
        (set(range(20, 26)), 25),
        ({20, 21, 22, 23, 24, 30}, None),  # the first has left the window
        ({20, 21, 22, 23, 24, 29}, 29),
        (set(range(1, 20)), 11),
        (set(range(1, 11)), 11),  # it signed by the end of its first window, and had missed too much of that
    ],
)
def test_a_window_of_ten(missed: set[int], jailed_at: int | None) -> None:
    assert find_first_jailed(missed, 60) == jailed_at


def test_without_a_window_nobody_is_counted() -> None:
    off = replace(SHORT, signed_blocks_window=0)
    assert note_absent(Signing({"a": 1}), ["a"], 50, off) == (Signing({"a": 1}), [])


def test_a_validator_that_returns_has_a_new_window() -> None:
    signing = Signing({"a": 1, "b": 1}, {"a": (3, 4), "b": (4,)})
    gone = follow_validators(signing, ["b"], 5)
    assert (gone.since, gone.missed) == ({"b": 1}, {"b": (4,)})
    assert follow_validators(gone, ["a", "b"], 9).since == {"a": 9, "b": 1}


def test_a_shorter_time_in_jail_does_not_replace_a_longer_one() -> None:
    signing = jail(jail(Signing(missed={"a": (1,), "b": (1,)}), "a", FOR_GOOD), "a", 10.0)
    assert (signing.jailed, signing.missed) == ({"a": FOR_GOOD}, {"b": (1,)})


def open_state(given: ProtocolParams, height: int = 40) -> ChainState:
    held = {"a": Deposit(1000, {7: 111}), "b": Deposit(30)}
    return replace(genesis_state(MEMBERS, given), height=height, deposits=held)


def judge(given: ProtocolParams, state: ChainState | None = None, **block: Any) -> tuple[ChainState, list[Any]]:
    return judge_signatures(state or open_state(given), Block(40, "AA", "b", 300.0, (), **block), given)


def test_a_double_sign_costs_a_twentieth_and_the_place_for_good() -> None:
    state, rows = judge(params(), evidence=("a",))
    assert state.deposits["a"] == Deposit(950, {7: 106})  # truncated in each part: 50 + 5
    assert (state.slashed, state.powers, state.signing.jailed) == (55, {"b": 3, "c": 2}, {"a": FOR_GOOD})
    assert [(row.participant, row.offence, row.slashed_ngonka, row.jailed_until_seconds) for row in rows[:1]] == [
        ("a", "double sign", 55, FOR_GOOD)
    ]
    assert [(row.kind, row.amount_ngonka, row.reason) for row in rows[1:]] == [("slashed", 55, "double sign")]
    again, none = judge(params(), state, evidence=("a",))
    assert (again.deposits, none) == (state.deposits, [])


def test_missed_blocks_cost_a_hundredth_and_the_place_for_a_while() -> None:
    given = params()
    signing = Signing(dict.fromkeys("abc", 1), {"a": tuple(range(34, 39)), "b": (38,)})
    before = replace(open_state(given), signing=signing)
    state, rows = judge(given, before, absent=("a", "c"))
    assert (state.deposits["a"], state.slashed) == (Deposit(990, {7: 110}), 11)
    assert state.signing.jailed == {"a": 400.0}
    assert set(state.signing.missed) == {"b", "c"}
    assert [row.offence for row in rows[:1]] == ["missed blocks"]
    both, rows = judge(given, before, absent=("a",), evidence=("a",))  # one offence, the graver one
    assert (both.slashed, both.signing.jailed, len(rows)) == (55, {"a": FOR_GOOD}, 2)


def test_without_collateral_only_the_place_is_lost() -> None:
    state, rows = judge(params(), evidence=("c",))
    assert (state.slashed, state.powers, len(rows)) == (0, {"a": 5, "b": 3}, 1)
    assert "c" not in state.deposits


def test_since_v0_2_11_a_slash_is_of_the_required_collateral_and_goes_to_governance() -> None:
    given = params("v0.2.11", collateral_grace_epochs=0, collateral_per_weight_unit=Fraction(100))
    before = open_state(given)
    before = replace(
        before,
        schedule=replace(before.schedule, index=2),
        effective=replace(before.effective, index=2, node_weights={"a": {1: 5}}),
    )
    state, rows = judge(given, before, evidence=("a",))
    # 0.8 x 5 x 100 = 400 ngonka are required: 20 of them are spread over 1111, truncated in each part.
    assert (state.slashed, state.governance, before.deposits["a"].total - state.deposits["a"].total) == (0, 19, 19)
    assert rows[0].slashed_ngonka == 19


def test_when_everybody_is_in_jail_the_last_ones_keep_their_power() -> None:
    state, _ = judge(params(), evidence=("a", "b", "c"))
    assert state.powers == MEMBERS


def test_guardians_that_are_in_jail_are_not_raised() -> None:
    """The others share what guardians have to have: 0.52 of 3 + 2, or of 3."""
    given = params(guardians=frozenset({"b", "c"}))
    one, _ = judge(given, evidence=("b",))
    assert one.powers == {"a": 5, "c": 2}  # 0.52 x 5 = 2.6, truncated
    neither, _ = judge(given, evidence=("b", "c"))
    assert neither.powers == {"a": 5}


def unjail(state: ChainState, seconds: float, given: ProtocolParams) -> tuple[ChainState, str]:
    block = Block(state.height + 1, "AA", "b", seconds, (Unjail("unjail/a", "a"),))
    result = apply_block(state, block, {}, given, lambda memory, seen: (memory, seen.difficulty))
    return result.state, result.tx_results[0]


def test_the_way_out_of_jail_opens_when_its_time_is_over() -> None:
    given = params()
    state = open_state(given, height=10)
    assert unjail(state, 1.0, given)[1] == TxResult.NOT_JAILED
    jailed = replace(state, signing=jail(state.signing, "a", 400.0), powers={"b": 3, "c": 2})
    jailed = replace(jailed, signing=follow_validators(jailed.signing, ["b", "c"], 11))
    assert unjail(jailed, 399.0, given)[1] == TxResult.STILL_JAILED
    after, result = unjail(jailed, 400.0, given)
    assert (result, after.powers, after.signing.jailed) == (TxResult.ACCEPTED, MEMBERS, {})
    assert after.signing.since == {"a": 12, "b": 1, "c": 1}
    forever = replace(jailed, signing=jail(jailed.signing, "a", FOR_GOOD))
    assert check_release(forever, "a", 1e12) is TxResult.STILL_JAILED
    assert release_validator(jailed, "a", given.rules_at(0), given).powers == MEMBERS
