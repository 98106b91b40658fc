"""Consensus from vectors of arrival times against a second implementation that sends every single vote."""

import heapq
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.consensus.rounds import (
    NO_ROUND,
    Period,
    Round,
    Timeouts,
    compute_height,
    select_valid_round,
)

TIMEOUTS = Timeouts(propose_seconds=1.0, prevote_seconds=0.5, precommit_seconds=0.5, delta_seconds=0.25)
NIL = -1
MAX_ROUNDS = 6


@dataclass
class Validator:
    """Algorithm 1 of the Tendermint paper, as one validator runs it."""

    round: int = -1
    step: str = "idle"
    locked_value: int = NIL
    locked_round: int = NO_ROUND
    valid_value: int = NIL
    valid_round: int = NO_ROUND
    decided_seconds: float = math.inf
    decided_value: int = NIL
    proposals: dict = field(default_factory=dict)
    votes: dict = field(default_factory=dict)
    timers: set = field(default_factory=set)


class Chatter:
    """One height, vote by vote, on a heap of messages. The proposer of round r is validator r modulo n."""

    def __init__(self, entries, delays, proposal_delays, powers):
        self.delays, self.proposal_delays, self.powers = delays, proposal_delays, powers
        self.nodes = [Validator() for _ in powers]
        self.heap, self.count = [], 0
        for who, seconds in enumerate(entries):
            self.push(seconds, "enter", who, 0)

    def push(self, seconds, *event):
        self.count += 1
        if seconds < math.inf:
            heapq.heappush(self.heap, (seconds, self.count, event))

    def run(self):
        while self.heap:
            self.now, _, (kind, who, *data) = heapq.heappop(self.heap)
            node = self.nodes[who]
            if node.decided_seconds == math.inf:
                getattr(self, kind)(who, node, *data)
                self.react(who, node)

    def enter(self, who, node, index):
        if index <= node.round or index >= MAX_ROUNDS:
            return
        node.round, node.step = index, "propose"
        if index % len(self.powers) == who:
            value, pol = (node.valid_value, node.valid_round) if node.valid_round >= 0 else (index, NO_ROUND)
            for other, delay in enumerate(self.proposal_delays[index]):
                self.push(self.now + delay, "hear_proposal", other, index, value, pol)
        self.push(self.now + TIMEOUTS.get_propose(index), "propose_timeout", who, index)

    def hear_proposal(self, who, node, index, value, pol):
        node.proposals[index] = (value, pol)

    def hear_vote(self, who, node, index, kind, sender, value):
        node.votes.setdefault((index, kind), {})[sender] = value

    def propose_timeout(self, who, node, index):
        if node.round == index and node.step == "propose":
            self.vote(who, node, "prevote", NIL)

    def prevote_timeout(self, who, node, index):
        if node.round == index and node.step == "prevote":
            self.vote(who, node, "precommit", NIL)

    def precommit_timeout(self, who, node, index):
        self.enter(who, node, index + 1)

    def vote(self, who, node, kind, value):
        node.step = kind
        for other in range(len(self.powers)):
            self.push(self.now + self.delays[other][who], "hear_vote", other, node.round, kind, who, value)

    def has_quorum(self, node, index, kind, value=None):
        votes = node.votes.get((index, kind), {})
        return 3 * sum(self.powers[s] for s, v in votes.items() if value is None or v == value) > 2 * sum(self.powers)

    def react(self, who, node):
        while self.react_once(who, node):
            pass

    def react_once(self, who, node):
        for index, (value, _) in node.proposals.items():
            if self.has_quorum(node, index, "precommit", value):
                node.decided_seconds, node.decided_value = self.now, value
                return False
        for index in range(MAX_ROUNDS - 1, node.round, -1):
            if node.round >= 0 and any(self.has_quorum(node, index, kind) for kind in ("prevote", "precommit")):
                self.enter(who, node, index)
                return True
        index = node.round
        proposal = node.proposals.get(index)
        if node.step == "propose" and proposal is not None:
            value, pol = proposal
            free = node.locked_round == NO_ROUND or node.locked_value == value
            if pol == NO_ROUND:
                self.vote(who, node, "prevote", value if free else NIL)
                return True
            if self.has_quorum(node, pol, "prevote", value):
                self.vote(who, node, "prevote", value if free or node.locked_round <= pol else NIL)
                return True
        if node.step in ("prevote", "precommit") and proposal is not None:
            value = proposal[0]
            if self.has_quorum(node, index, "prevote", value) and node.valid_round < index:
                node.valid_value, node.valid_round = value, index
                if node.step == "prevote":
                    node.locked_value, node.locked_round = value, index
                    self.vote(who, node, "precommit", value)
                return True
        if node.step == "prevote":
            if self.has_quorum(node, index, "prevote", NIL):
                self.vote(who, node, "precommit", NIL)
                return True
            if self.has_quorum(node, index, "prevote") and ("prevote", index) not in node.timers:
                node.timers.add(("prevote", index))
                self.push(self.now + TIMEOUTS.get_prevote(index), "prevote_timeout", who, index)
        if self.has_quorum(node, index, "precommit") and ("precommit", index) not in node.timers:
            node.timers.add(("precommit", index))
            self.push(self.now + TIMEOUTS.get_precommit(index), "precommit_timeout", who, index)
        return False


def drive(entries, delays, proposal_delays, powers):
    """The vectors, round by round, as a chain drives them; returns decisions and the block decided on."""
    n, rounds = len(powers), []
    powers = np.array(powers, dtype=np.int64)
    periods = [Period(-math.inf, np.array(delays))]
    while len(rounds) < MAX_ROUNDS:
        index = len(rounds)
        proposer = index % n
        waiting = Round(index, NO_ROUND, np.full(n, np.inf))
        # Who proposes late, or never, still leaves a round in which the others vote nil.
        outcomes = compute_height(np.array(entries), [*rounds, waiting], powers, periods, TIMEOUTS)
        entry = outcomes[index].entry_seconds[proposer]
        if entry < math.inf:
            valid = select_valid_round(outcomes[:index], proposer, entry)
            value = rounds[valid].value if valid >= 0 else index
            waiting = Round(value, valid, entry + np.array(proposal_delays[index]))
        rounds.append(waiting)
    outcomes = compute_height(np.array(entries), rounds, powers, periods, TIMEOUTS)
    watch(np.array(entries), rounds, powers, periods, outcomes)
    decisions = np.array([outcome.decision_seconds for outcome in outcomes])
    first = decisions.argmin(axis=0)
    return decisions.min(axis=0), [rounds[index].value for index in first]


def watch(entries, rounds, powers, periods, expected):
    """Ask again while blocks arrive, with what was known before: in each answer times up to now are final."""
    kept, known = [], -math.inf
    for now in [*sorted({float(at) for each in rounds for at in each.proposal_seconds if at < math.inf}), math.inf]:
        arrived = [np.where(each.proposal_seconds <= now, each.proposal_seconds, np.inf) for each in rounds]
        seen = [Round(each.value, each.valid_round, at) for each, at in zip(rounds, arrived, strict=True)]
        kept, known = compute_height(entries, seen, powers, periods, TIMEOUTS, kept, known), now
        for found, final in zip(kept, expected, strict=True):
            for name in ("decision_seconds", "precommit_seconds", "entry_seconds", "prevoted_seconds"):
                past, true = getattr(found, name), getattr(final, name)
                assert np.array_equal(np.where(past <= now, past, np.inf), np.where(true <= now, true, np.inf))


@st.composite
def heights(draw):
    n = draw(st.integers(1, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    scale = draw(st.sampled_from([0.05, 0.3, 1.0, 2.0]))
    lost = draw(st.sampled_from([0.0, 0.0, 0.1, 0.3]))
    rng = np.random.default_rng(seed)
    delays = np.where(rng.random((n, n)) < lost, np.inf, rng.exponential(scale, (n, n)))
    np.fill_diagonal(delays, 0.0)
    proposal = np.where(rng.random((MAX_ROUNDS, n)) < lost, np.inf, rng.exponential(scale, (MAX_ROUNDS, n)))
    for index in range(MAX_ROUNDS):
        proposal[index, index % n] = 0.0
    powers = rng.integers(1, draw(st.sampled_from([2, 10])), n).tolist()
    return rng.exponential(scale, n).tolist(), delays.tolist(), proposal.tolist(), powers


@settings(max_examples=400, deadline=None)
@given(heights())
def test_vectors_decide_what_single_votes_decide_and_when(height):
    """Up to the first decision: from then on the driver hands the block to everybody else."""
    entries, delays, proposal_delays, powers = height
    chatter = Chatter(entries, delays, proposal_delays, powers)
    chatter.run()
    seconds, values = drive(entries, delays, proposal_delays, powers)
    expected = [node.decided_seconds for node in chatter.nodes]
    assert min(seconds) == pytest.approx(min(expected), abs=1e-9)
    if min(expected) < math.inf:
        who = int(np.argmin(expected))
        assert values[who] == chatter.nodes[who].decided_value
