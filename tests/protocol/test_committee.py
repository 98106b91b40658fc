"""Committees drawn by weight (protocol 4.9): the draw beside a readable one, its frequencies, its published risks."""

import hashlib
from dataclasses import replace
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pow.proofs import ProofBatch
from sim.protocol.blocks.fast.tallies import read_votes, tally_slots
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.records import ParticipantJudged
from sim.protocol.blocks.state import Block, ChainState, genesis_state
from sim.protocol.blocks.transition import apply_block
from sim.protocol.consensus.transactions import RegisterHost, SubmitSeed, SubmitValidation
from sim.protocol.proofs.committee import Committee, decide_by_guardians, decide_by_slots, draw_slots
from sim.protocol.proofs.hits import SubmitProofBatch
from sim.protocol.proofs.votes import Reason, decide_by_majority
from sim.protocol.versions import LAUNCH, build_rule_book

LEVEL = 1e-4


def draw_one(block_hash: str, address: str, slot: int, weights: dict[str, int]) -> str:
    """The readable twin: walk along the members until the ticket falls into one's part."""
    digest = hashlib.sha256(f"{block_hash}_{address}_{slot}".encode()).digest()
    ticket = int.from_bytes(digest[:8], "big") % sum(weights.values())
    for member, weight in weights.items():
        if ticket < weight:
            return member
        ticket -= weight
    raise AssertionError("a ticket beyond all weights")


@given(
    st.text(max_size=4),
    st.lists(st.text(max_size=3), min_size=1, max_size=4, unique=True),
    st.dictionaries(st.text(max_size=3), st.integers(1, 10**9), min_size=1, max_size=6),
    st.integers(1, 9),
)
def test_the_draw_is_the_readable_one(block_hash: str, who: list[str], weights: dict[str, int], n_slots: int) -> None:
    committee, members = Committee(block_hash, weights, n_slots), list(weights)
    holders = [[members[seat] for seat in row] for row in committee.draw(who).tolist()]
    expected = [[draw_one(block_hash, address, slot, weights) for slot in range(n_slots)] for address in who]
    assert holders == expected
    assert Committee(block_hash, weights, n_slots).draw(who[::-1])[::-1].tolist() == committee.draw(who).tolist()
    duties = committee.assign(who)
    for member in members:
        mine = [place for place, slots in enumerate(expected) if member in slots]
        assert duties[member].tolist() == mine


def test_a_guardian_checks_everybody_and_without_members_nobody_does() -> None:
    committee = Committee("H", {"a": 1, "b": 10**9, "g": 1}, 2, frozenset({"g"}))
    assert committee.assign(["x", "y"])["g"].tolist() == [0, 1]
    assert Committee("H", {}, 2).assign(["x"]) == {}
    assert committee.assign([]) == {}
    assert Committee("H", {}, 2).draw(["x"]).tolist() == [[-1, -1]]
    nothing = tally_slots(read_votes([], ["x"], []), Committee("H", {}, 2).draw(["x"]))
    assert (nothing.valid.tolist(), nothing.invalid.tolist(), nothing.total.tolist()) == ([0], [0], [2])


def test_slots_follow_weights() -> None:
    """20 000 participants x 10 slots over unequal weights: chi-square, error level 1e-4.

    A share of 10 % that is off by 3 % of itself is found with probability above 0.9.
    """
    weights = [1, 2, 3, 4, 5, 10, 20, 55]
    slots = draw_slots("HASH", [f"host-{i}" for i in range(20_000)], weights, 10)
    observed = np.bincount(slots.ravel(), minlength=len(weights))
    assert stats.chisquare(observed, np.array(weights) * slots.size / sum(weights)).pvalue > LEVEL
    # Slots of one participant are drawn independently: equal neighbours as often as chance has it.
    equal = int((slots[:, :-1] == slots[:, 1:]).sum())
    chance = sum((weight / sum(weights)) ** 2 for weight in weights)
    assert stats.binomtest(equal, slots[:, 1:].size, chance).pvalue > LEVEL


@pytest.mark.parametrize(
    ("n", "share", "published", "digits"),
    [
        (128, "0.49", 2.45e-5, 5e-3),
        (128, "0.45", 3.45e-7, 5e-3),
        (128, "0.40", 4.78e-10, 5e-3),
        (64, "0.49", 2.51e-3, 5e-3),
    ],
)
def test_a_coalition_passes_a_fake_as_published(n: int, share: str, published: float, digits: float) -> None:
    """P[Bin(n, f) > 2n/3], in exact fractions, by our own rule of when slots decide (protocol 4.9)."""
    f = Fraction(share)
    passed = sum(comb(n, k) * f**k * (1 - f) ** (n - k) for k in range(n + 1) if decide_by_slots(k, n - k, n))
    assert float(passed) == pytest.approx(published, rel=digits)


@pytest.mark.parametrize(("share", "published"), [("0.30", 21.3), ("0.333", 50.8), ("0.40", 94.3), ("0.49", 99.98)])
def test_abstention_blocks_a_quorum_as_published(share: str, published: float) -> None:
    """128 slots, the coalition silent, everybody else says valid: per cent without a decision (protocol 4.9)."""
    f, n = Fraction(1, 3) if share == "0.333" else Fraction(share), 128
    blocked = sum(comb(n, k) * f**k * (1 - f) ** (n - k) for k in range(n + 1) if decide_by_slots(n - k, 0, n) is None)
    assert 100 * float(blocked) == pytest.approx(published, abs=0.05 if published < 99 else 0.005)


def test_a_simulated_coalition_blocks_as_often_as_the_binomial_says() -> None:
    """Our own draw: 20 000 participants, 64 slots, 40 % of the weight silent; two-sided, error level 1e-4."""
    n = 20_000
    slots = draw_slots("HASH", [f"host-{i}" for i in range(n)], [40, 25, 35], 64)
    n_honest = (slots != 0).sum(axis=1)
    blocked = sum(decide_by_slots(valid, 0, 64) is None for valid in n_honest.tolist())
    expected = stats.binom(64, 0.6).cdf(42)
    assert stats.binomtest(blocked, n, expected).pvalue > LEVEL


@pytest.mark.parametrize(
    ("valid", "invalid", "n", "decided"),
    [(43, 0, 64, True), (42, 0, 64, None), (0, 43, 64, False), (21, 42, 64, None), (2, 0, 3, None), (3, 0, 3, True)],
)
def test_more_than_two_thirds_of_all_slots(valid: int, invalid: int, n: int, decided: bool | None) -> None:
    assert decide_by_slots(valid, invalid, n) is decided


@pytest.mark.parametrize(
    ("valid", "invalid", "n", "decided"),
    [(2, 0, 3, True), (1, 0, 3, None), (0, 2, 3, False), (1, 1, 2, None), (0, 0, 0, None), (1, 0, 1, True)],
)
def test_more_than_half_of_the_weight(valid: int, invalid: int, n: int, decided: bool | None) -> None:
    assert decide_by_majority(valid, invalid, n) is decided


@pytest.mark.parametrize(
    ("valid", "invalid", "decided"), [(3, 0, True), (1, 0, True), (2, 1, False), (0, 1, False), (0, 0, None)]
)
def test_guardians_that_vote_must_agree(valid: int, invalid: int, decided: bool | None) -> None:
    """Protocol 4.9: at least one voice, and all of those that vote."""
    assert decide_by_guardians(valid, invalid) is decided


# The whole rule on a chain of hand-made blocks: P = 40, V = 52, VE = 58

MEMBERS = [f"m{i}" for i in range(9)]


def run_chain(votes: dict[str, bool], guardians: frozenset[str] = frozenset()) -> ParticipantJudged:
    """What becomes of m0's claim when each member votes on it once (True: fraud)."""
    params = ProtocolParams(
        rule_book=build_rule_book("v0.2.0", {}, {}),
        epoch=EpochParams(),
        vector_dim=8196,
        validation_committee=12,
        guardians=guardians,
    )
    founders = [RegisterHost("", who, "key", ()) for who in MEMBERS]
    state: ChainState = genesis_state(dict.fromkeys(MEMBERS, 1), params, LAUNCH.r_target, founders)
    proofs = ProofBatch(public_key="k", block_hash="H", block_height=40, nonces=(1,), distances=(1.0,), node_id=1)
    said = [SubmitValidation(who, who, 40, ("m0",), (is_fraud,)) for who, is_fraud in votes.items()]
    content = {41: (SubmitProofBatch("batch", "m0", "b", proofs), SubmitSeed("seed", "m0", 1, "c")), 54: tuple(said)}
    for height in range(1, 59):
        block = Block(height, f"HASH{height}", "m0", 5.0 * height, content.get(height, ()))
        result = apply_block(state, block, {}, params, lambda control, seen: (control, seen.difficulty))
        state = result.state
    return next(row for row in result.rows if isinstance(row, ParticipantJudged) and row.participant == "m0")


def held_slots() -> dict[str, int]:
    """How many of m0's slots each member holds, by the readable draw with the hash of block V."""
    holders = [draw_one("HASH52", "m0", slot, dict.fromkeys(MEMBERS, 1)) for slot in range(12)]
    return {who: holders.count(who) for who in MEMBERS}


def test_slots_decide_on_a_chain() -> None:
    held = held_slots()
    by_holding = sorted(MEMBERS, key=lambda who: held[who])
    for n_fraud in range(10):
        votes = {who: place < n_fraud for place, who in enumerate(by_holding)}
        n_invalid = sum(held[who] for who in by_holding[:n_fraud])
        row = run_chain(votes)
        assert (row.valid_vote_weight, row.invalid_vote_weight, row.total_vote_weight) == (
            12 - n_invalid,
            n_invalid,
            12,
        )
        expected = Reason.ACCEPTED if n_invalid < 4 else Reason.VOTED_INVALID if n_invalid > 8 else Reason.NO_QUORUM
        assert row.reason is expected


def test_who_holds_no_slot_has_no_say() -> None:
    strangers = [who for who, n in held_slots().items() if n == 0]
    assert strangers, "with 12 slots over 9 members some member should hold none; take another hash"
    assert run_chain(dict.fromkeys(strangers, False)).reason is Reason.NO_MEMBER_VOTED


def test_guardians_decide_what_slots_leave_open() -> None:
    held = held_slots()
    half = {who: False for who in MEMBERS if held[who]}
    while sum(held[who] for who in half) > 8:
        half.pop(max(half, key=lambda who: held[who]))
    assert run_chain(half).reason is Reason.NO_QUORUM
    silent = [who for who in MEMBERS if who not in half]
    voice = next(who for who in half)
    assert run_chain(half, frozenset({voice})).reason is Reason.ACCEPTED
    assert run_chain({**half, voice: True}, frozenset({voice})).reason is Reason.VOTED_INVALID
    assert run_chain(half, frozenset({voice, silent[0]})).reason is Reason.ACCEPTED  # all voices that there are
    second = next(who for who in half if who != voice)
    split = {**half, second: True}
    assert run_chain(split, frozenset({voice, second})).reason is Reason.VOTED_INVALID
    assert run_chain(half, frozenset({silent[0]})).reason is Reason.NO_QUORUM
    clear = dict.fromkeys(MEMBERS, False)
    assert run_chain({**clear, voice: held[voice] < 4}, frozenset({voice})).reason is Reason.ACCEPTED


def test_a_draw_is_a_value() -> None:
    one, other = Committee("H", {"a": 1}, 3), Committee("H", {"a": 1}, 3)
    one.draw(["x"])
    assert one == other
    assert replace(one, block_hash="I") != other
