"""`apply_block`: a hand-made chain through one epoch and a half."""

import math
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from pow.proofs import ProofBatch
from pow.sphere import hit_probability
from sim.protocol.blocks.checks import commit_seed
from sim.protocol.blocks.fast.tallies import read_votes
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.records import ParticipantJudged, RewardSettled
from sim.protocol.blocks.state import Block, ChainState, genesis_state
from sim.protocol.blocks.transition import BlockResult, apply_block
from sim.protocol.consensus.transactions import (
    ClaimReward,
    HardwareNode,
    RegisterHost,
    SubmitSeed,
    SubmitValidation,
    Transaction,
    TxResult,
)
from sim.protocol.proofs.hits import SubmitProofBatch
from sim.protocol.proofs.votes import Reason
from sim.protocol.versions import LAUNCH, build_rule_book

R = TypeVar("R")
PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)


def registration(who: str, n_nodes: int = 1) -> RegisterHost:
    nodes = tuple(HardwareNode(i, "QwQ-32B") for i in range(1, n_nodes + 1))
    return RegisterHost(f"host/{who}", who, f"key of {who}", nodes)


@dataclass
class HandMadeChain:
    """Applies blocks one by one; transactions are queued for a height."""

    params: ProtocolParams = PARAMS
    factor: float = 1.0
    queued: dict[int, list[Transaction]] = field(default_factory=dict)
    results: dict[int, BlockResult] = field(default_factory=dict)

    def __post_init__(self) -> None:
        founders = [registration(who) for who in "abc"]
        self.state: ChainState = genesis_state({"a": 1, "b": 1, "c": 1}, self.params, LAUNCH.r_target, founders)

    def at(self, height: int, *transactions: Transaction) -> None:
        self.queued.setdefault(height, []).extend(transactions)

    def run_to(self, height: int) -> ChainState:
        while self.state.height < height:
            h = self.state.height + 1
            block = Block(h, f"HASH{h}", "a", 5.0 * h, tuple(self.queued.get(h, ())))
            self.results[h] = apply_block(
                self.state, block, {}, self.params, lambda control, seen: (control, seen.difficulty * self.factor)
            )
            self.state = self.results[h].state
        return self.state

    def rows(self, height: int, kind: type[R]) -> list[R]:
        return [row for row in self.results[height].rows if isinstance(row, kind)]

    def fate(self, height: int) -> tuple[TxResult, ...]:
        return self.results[height].tx_results


def seed(who: str, epoch: int) -> SubmitSeed:
    return SubmitSeed(f"seed/{who}/{epoch}", who, epoch, commit_seed(42, who))


def batch(who: str, start: int, *nonces: int, batch_id: str = "0") -> SubmitProofBatch:
    proofs = ProofBatch(
        public_key=who, block_hash="H", block_height=start, nonces=nonces, distances=(1.0,) * len(nonces)
    )
    return SubmitProofBatch(f"batch/{who}/{batch_id}", who, batch_id, proofs)


def vote(who: str, about: str, start: int, is_fraud: bool = False) -> SubmitValidation:
    return SubmitValidation(f"vote/{who}/{about}", who, start, (about,), (is_fraud,))


def test_before_epoch_1_nothing_is_open() -> None:
    chain = HandMadeChain()
    chain.at(39, batch("a", 40, 1))
    chain.run_to(39)
    assert chain.state.schedule.index == 0
    assert chain.fate(39) == (TxResult.NO_UPCOMING_EPOCH,)
    assert chain.state.upcoming is None


def test_batch_window_and_start_height() -> None:
    chain = HandMadeChain()
    chain.at(40, batch("a", 40, 1))  # the opening block itself: the epoch exists only after it
    chain.at(41, batch("a", 40, 1), batch("a", 39, 1, batch_id="1"))
    chain.at(52, batch("b", 40, 1))
    chain.at(53, batch("c", 40, 1))
    chain.run_to(53)
    assert chain.fate(40) == (TxResult.NO_UPCOMING_EPOCH,)
    assert chain.fate(41) == (TxResult.ACCEPTED, TxResult.WRONG_START)
    assert chain.fate(52) == (TxResult.ACCEPTED,)
    assert chain.fate(53) == (TxResult.OUTSIDE_WINDOW,)
    assert sorted(batch.creator for batch in chain.state.proofs.messages) == ["a", "b"]


def test_validation_window() -> None:
    chain = HandMadeChain()
    for height in (52, 53, 58, 59):
        chain.at(height, vote("a", "b", 40))
    chain.run_to(59)
    accepted = [height for height in (52, 53, 58, 59) if chain.fate(height) == (TxResult.ACCEPTED,)]
    assert accepted == [53, 58]


def test_same_batch_id_overwrites_and_the_last_vote_wins() -> None:
    chain = HandMadeChain()
    chain.at(41, batch("a", 40, 1, 2, 3))
    chain.at(42, batch("a", 40, 9))
    chain.at(53, vote("b", "a", 40, is_fraud=True))
    chain.at(54, vote("b", "a", 40, is_fraud=False))
    chain.run_to(54)
    assert [b.proofs.nonces for b in chain.state.proofs.by_participant["a"]] == [(9,)]
    assert read_votes(chain.state.validations, ["a"], ["b"]).frauds.tolist() == [False]


def full_epoch(factor: float = 1.0) -> HandMadeChain:
    """a is accepted with 3 nonces, b voted fraud, c has no seed; a's own claim of epoch 1 follows an epoch later."""
    chain = HandMadeChain(factor=factor)
    chain.at(41, seed("a", 1), seed("b", 1), batch("a", 40, 1, 2, 3), batch("b", 40, 4), batch("c", 40, 5))
    for voter in "abc":
        chain.at(53, vote(voter, "a", 40), vote(voter, "b", 40, is_fraud=voter != "b"), vote(voter, "c", 40))
    return chain


def test_formation_of_an_epoch() -> None:
    chain = full_epoch(factor=2.0)
    before = chain.run_to(57)
    assert before.effective.index == 0
    chain.run_to(58)
    reasons = {row.participant: row.reason for row in chain.rows(58, ParticipantJudged)}
    assert reasons == {"a": Reason.ACCEPTED, "b": Reason.VOTED_INVALID, "c": Reason.NO_SEED}
    assert chain.state.observed.valid_nonces == 3
    assert chain.state.effective.index == 0
    after = chain.run_to(59)
    assert after.effective.weights == {"a": 3}
    assert after.powers == {"a": 3}
    assert after.upcoming is None


def test_one_block_can_form_and_switch_the_epoch() -> None:
    """set_new_validators_delay 0: VE and S are the same block."""
    chain = full_epoch()
    chain.params = replace(PARAMS, epoch=EpochParams(set_new_validators_delay=0))
    assert chain.run_to(57).effective.index == 0
    after = chain.run_to(58)
    assert after.effective.index == 1
    assert after.effective.weights == {"a": 3}
    assert chain.run_to(80).upcoming is not None


def test_difficulty_is_in_force_from_s_on() -> None:
    chain = full_epoch(factor=2.0)
    assert chain.run_to(58).threshold == LAUNCH.r_target
    state = chain.run_to(59)
    assert state.difficulty == pytest.approx(2 / hit_probability(LAUNCH.r_target, 8196), rel=1e-12)
    assert hit_probability(state.threshold, 8196) == pytest.approx(1 / state.difficulty, rel=1e-9)


def test_an_unchanged_difficulty_keeps_the_very_same_r_target() -> None:
    assert full_epoch(factor=1.0).run_to(60).threshold == LAUNCH.r_target


def test_settlement_and_claim_one_epoch_later() -> None:
    chain = full_epoch()
    chain.run_to(80)
    good, wrong, again = ClaimReward("c1", "a", 1, 42), ClaimReward("c2", "a", 1, 41), ClaimReward("c3", "a", 1, 42)
    chain.at(97, good)  # before VE of epoch 2: nothing is settled yet
    chain.at(100, wrong, good, again)
    state = chain.run_to(100)
    assert chain.fate(97) == (TxResult.NOTHING_TO_CLAIM,)
    assert chain.fate(100) == (TxResult.WRONG_SEED, TxResult.ACCEPTED, TxResult.NOTHING_TO_CLAIM)
    emission = sum(row.reward_ngonka for row in chain.rows(98, RewardSettled))
    assert state.balances == {}
    assert sum(state.vesting["a"]) == state.emitted == emission
    assert len(state.vesting["a"]) == 180
    chain.run_to(138)  # VE of epoch 3 unlocks the first slice, which holds the remainder of the division
    assert chain.state.balances == {"a": emission // 180 + emission % 180}
    assert len(chain.state.vesting["a"]) == 179


def test_without_vesting_a_claim_is_free_at_once() -> None:
    chain = full_epoch()
    chain.params = replace(PARAMS, vesting_epochs=0)
    chain.at(100, ClaimReward("c1", "a", 1, 42))
    state = chain.run_to(100)
    assert state.balances == {"a": state.emitted}
    assert state.vesting == {}


def test_unclaimed_rewards_are_burnt_and_coins_are_conserved() -> None:
    chain = full_epoch()
    chain.at(81, seed("a", 2), batch("a", 80, 7))
    chain.at(93, vote("a", "a", 80))
    state = chain.run_to(140)
    assert state.burnt == sum(row.reward_ngonka for row in chain.rows(98, RewardSettled)) > 0
    assert count_coins(state) == state.emitted


def count_coins(state: ChainState) -> int:
    """Owned, vesting, waiting for a claim, burnt, or left in the module, in ngonka."""
    waiting = sum(record.amount for record in state.settled.values())
    vesting = sum(map(sum, state.vesting.values()))
    return sum(state.balances.values()) + vesting + waiting + state.burnt + state.left


def test_an_epoch_without_members_keeps_the_validators() -> None:
    state = HandMadeChain().run_to(59)
    assert dict(state.effective.weights) == {}
    assert state.powers == {"a": 1, "b": 1, "c": 1}
    assert math.isclose(state.difficulty, 1 / hit_probability(LAUNCH.r_target, 8196))


def test_blocks_must_follow_each_other() -> None:
    state = genesis_state({"a": 1}, PARAMS, LAUNCH.r_target)
    with pytest.raises(ValueError, match="block 2 does not follow height 0"):
        apply_block(state, Block(2, "H", "a", 0.0, ()), {}, PARAMS, lambda control, seen: (control, seen.difficulty))


def test_a_transaction_is_stored_once() -> None:
    """Twice in a block, and again in a later one; the same nonces under another id are another transaction."""
    twice, other = batch("a", 40, 1, 2), batch("a", 40, 1, 2, batch_id="1")
    chain = HandMadeChain()
    chain.at(41, twice, twice, other)
    chain.run_to(41)
    assert chain.fate(41) == (TxResult.ACCEPTED, TxResult.REPLAYED, TxResult.ACCEPTED)
    again = Block(42, "HASH42", "a", 210.0, (twice, other, batch("b", 40, 1)))
    included = {twice.tx_id, other.tx_id}
    result = apply_block(chain.state, again, {}, PARAMS, lambda control, seen: (control, seen.difficulty), included)
    assert result.tx_results == (TxResult.REPLAYED, TxResult.REPLAYED, TxResult.ACCEPTED)
    assert [stored.tx_id for stored in result.state.proofs.messages] == [twice.tx_id, other.tx_id, "batch/b/0"]
