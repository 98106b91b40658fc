"""Agreement on block after block, on the SimPy clock.

The rules of one height are in `sim.protocol.consensus.rounds`. Here are the steps that take time: a proposer builds a
block when it enters its round, the block travels, votes take the ways that are open, and every host applies the block
when it has both the block and the precommits for it. The next height begins a target interval later, at each validator
by itself. Nothing sets a block time: it is the target interval and the time of the rounds. A chain that cannot agree
stands still, until it is given up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial

import numpy as np
import simpy

from sim.chain.chain_node import SIGNS_ONCE, ChainNode
from sim.chain.delivery import BlockDelivery
from sim.chain.height import HeightState
from sim.chain.ledger import Agreement, Ledger
from sim.chain.proposals import BlockMaker
from sim.metrics.recorder import Recorder
from sim.network.base import Flood, Foresight, Message
from sim.protocol.blocks.state import Block, ChainState
from sim.protocol.blocks.transition import BlockResult
from sim.protocol.consensus.rounds import NO_ROUND, Floats, Timeouts
from sim.protocol.consensus.validators import select_validators

VOTE_BYTES = 200  # a signed vote on the wire [I]
PROPOSAL_BYTES = 300  # a signed proposal without its block [I]


@dataclass(frozen=True, eq=False)
class Proposal:
    """A block on its way, in one round."""

    block: Block
    round_index: int

    @property
    def message_id(self) -> str:
        """Name of its gossip."""
        return f"block/{self.block.height}/{self.round_index}"


OnAgreed = Callable[[Agreement, BlockResult], None]


class Consensus:
    """Runs the validators of all heights; every host's chain node is registered before it runs."""

    def __init__(
        self,
        env: simpy.Environment,
        ledger: Ledger,
        network: Flood | Foresight,
        recorder: Recorder,
        maker: BlockMaker,
        *,
        timeouts: Timeouts,
        interval_seconds: float,
    ) -> None:
        self._env = env
        self._ledger = ledger
        self._network = network
        self._send = (
            partial(self._foresee, network) if isinstance(network, Foresight) else partial(self._flood, network)
        )
        """Lets a proposed block spread: (height, proposal, proposer)."""
        self._recorder = recorder
        self._nodes: dict[str, ChainNode] = {}
        self._maker = maker
        self._timeouts = timeouts
        self._interval_seconds = interval_seconds
        self._applied_seconds: dict[str, float] = {}
        """When each host applied the last agreed block."""
        self._height: HeightState | None = None
        self._closed: tuple[HeightState, int] | None = None
        """The last height that was agreed on, and its deciding round: votes on it still come in."""
        self._evidence: set[str] = set()
        """Validators that were seen to sign twice, until a block says so."""
        self._delivery: BlockDelivery | None = None
        self._wake = env.event()
        self._is_idle = False
        self._delays = np.empty((0, 0))
        self._delays_of: tuple[int, tuple[str, ...]] = (-1, ())
        """The revision of the links and the validators that the delays are of."""
        network.roster.listeners.append(self.change_links)

    def register(self, node: ChainNode) -> None:
        """Take a host's node into consensus: it proposes, and gets the blocks that are agreed."""
        self._nodes[node.address] = node

    def run(
        self, last_epoch: int, on_agreed: OnAgreed, may_change: Callable[[], bool] = lambda: False
    ) -> Generator[simpy.Event, object, str]:
        """SimPy process: agree on blocks until the last one before the P that follows `last_epoch`.

        Returns why a height was given up, nothing where none was. `may_change` tells whether links or hosts are going
        to change: a height that would be given up is not, for a long time.
        """
        self._applied_seconds = dict.fromkeys(self._network.roster.handlers, self._env.now)
        while not is_last(self._ledger.get_state(self._ledger.height), last_epoch):
            height = yield from self._agree(may_change)
            if why := height.tell_stall(may_change=may_change()):
                return why
            self._close(height, on_agreed)
        return ""

    @property
    def n_rounds(self) -> int:
        """Rounds of the height that validators are agreeing on."""
        return 0 if self._height is None else self._height.n_rounds

    @property
    def is_idle(self) -> bool:
        """Nothing is going to happen at this height unless hosts get the last block, or links change."""
        return self._is_idle

    def receive(self, address: str, proposal: Proposal) -> None:
        """A host has got a proposed block."""
        block, height = proposal.block, self._height
        if height is not None and block.height == height.number:
            if height.note_arrivals(proposal.round_index, [(address, self._env.now)]):
                self._rouse()
        elif self._delivery is not None and block is self._delivery.block:
            if self._closed is not None:
                self._closed[0].note_arrivals(proposal.round_index, [(address, self._env.now)])
            self._delivery.note_arrival(address)
        elif block is self._ledger.get_block(block.height):
            self._nodes[address].receive(block)

    def change_links(self) -> None:
        """Links have changed: blocks and votes that have not arrived set out again over the new ones."""
        if self._height is not None:
            self._resend(self._height)
        self._rouse()

    def note_applied(self, address: str, height: int) -> None:
        """A host has applied a block; the next height begins for it after the target interval."""
        if height == self._ledger.height:
            self._applied_seconds[address] = self._env.now
            if self._height is not None and self._admit(self._height, address):
                self._rouse()

    # One height

    def _agree(self, may_change: Callable[[], bool]) -> Generator[simpy.Event, object, HeightState]:
        """Return the height when its first validator decides, or when it is given up."""
        height = self._height = self._open(self._ledger.get_state(self._ledger.height))
        while True:
            if self._delays_of[0] != self._network.roster.revision:
                height.change_links(self._env.now, self._compute_vote_delays(height.validators, among=True))
            height.evaluate(self._env.now)
            if height.decision_seconds <= self._env.now or height.tell_stall(may_change=may_change()):
                break
            if height.proposal_seconds <= self._env.now:
                self._propose(height)
            elif height.skip_seconds <= self._env.now:
                height.add_round(None)
            else:
                yield from self._wait(height)
        self._height = None
        return height

    def _open(self, state: ChainState) -> HeightState:
        powers = select_validators(state.powers)
        delays = self._compute_vote_delays(tuple(powers), among=True)
        height = HeightState(state.height + 1, powers, state.priorities, self._timeouts, delays)
        for address in powers:
            if address in self._applied_seconds:
                self._admit(height, address)
        return height

    def _admit(self, height: HeightState, address: str) -> bool:
        """Let a validator enter the height, as `HeightState.admit`; who signs nothing does not."""
        sign = self._nodes[address].sign
        n_votes = SIGNS_ONCE if sign is None or not height.is_validator(address) else sign(height.number)
        if n_votes > SIGNS_ONCE:
            height.double_signers.add(address)
        return n_votes > 0 and height.admit(address, self._applied_seconds[address] + self._interval_seconds)

    def _propose(self, height: HeightState) -> None:
        """The proposer of the next round sends a new block, or one again that has had 2/3 of prevotes."""
        now, index, proposer = self._env.now, height.n_rounds, height.proposer
        if not self._network.roster.is_up(proposer):
            height.add_round(None)
            return
        valid_round = height.get_valid_round(now)
        kept = None if valid_round == NO_ROUND else height.blocks[valid_round]
        block = self._make_block(proposer) if kept is None else kept
        proposal = Proposal(block, index)
        self._recorder.trace((proposal.message_id, proposer, block.block_hash))
        height.add_round(block, valid_round)
        height.note_arrivals(index, [(proposer, now)])
        if valid_round != NO_ROUND:
            self._remind(height, proposer, valid_round)
        self._send(height, proposal, proposer)

    def _make_block(self, proposer: str) -> Block:
        """Build a block with what its proposer knows of signatures; nobody reports itself."""
        absent: tuple[str, ...] = ()
        if self._closed is not None:
            height, index = self._closed
            place = self._network.routes.index[proposer]
            delays = self._compute_vote_delays(height.validators, among=False)[place : place + 1]
            absent = height.list_absent(index, delays, self._env.now)
        evidence = tuple(sorted(self._evidence - {proposer}))
        return self._maker.make(self._nodes[proposer], self._env.now, absent, evidence)

    def _foresee(self, network: Foresight, height: HeightState, proposal: Proposal, proposer: str) -> None:
        """Give the height all arrivals at once."""
        size_bytes = proposal.block.size_bytes
        network.record(proposal.message_id, proposer, size_bytes)
        arrivals = self._env.now + network.delays(proposer, size_bytes)
        height.note_arrivals(proposal.round_index, zip(network.routes.index, arrivals.tolist(), strict=True))

    def _flood(self, network: Flood, height: HeightState, proposal: Proposal, proposer: str) -> None:
        """Send the block hop by hop; the height hears of each arrival from `receive`."""
        network.broadcast(Message(proposal.message_id, proposer, proposal, proposal.block.size_bytes))

    def _remind(self, height: HeightState, proposer: str, valid_round: int) -> None:
        """Hosts that hold the block from an earlier round need only the new proposal (300 bytes), not the block."""
        routes = self._network.routes
        delays = routes.compute_delays(proposer, PROPOSAL_BYTES)
        kept = height.arrivals[valid_round]
        words = zip(routes.index, (self._env.now + delays).tolist(), strict=True)
        height.note_arrivals(height.n_rounds - 1, [(who, max(at, kept[who])) for who, at in words if who in kept])

    def _resend(self, height: HeightState) -> None:
        """Hosts that have a block pass it on to peers without it for as long as the height lasts."""
        now, routes = self._env.now, self._network.routes
        for index, block in list(height.blocks.items()):
            if block is None:
                continue
            owners = [address for address, at in height.arrivals[index].items() if at <= now]
            delays = routes.compute_delays_from_any(owners, block.size_bytes)
            height.replace_arrivals(index, now, zip(routes.index, (now + delays).tolist(), strict=True))

    def _close(self, height: HeightState, on_agreed: OnAgreed) -> None:
        """The first validator has decided: the block is agreed, and each host applies it when it can."""
        now, index = self._env.now, height.deciding_round
        block, n_present = height.blocks[index], len(self._network.routes.index)
        assert block is not None, "a decision on nothing"
        self._applied_seconds = {}
        self._closed = (height, index)
        self._evidence = (self._evidence | height.double_signers) - set(block.evidence)
        result = self._ledger.append(block, height.priorities)
        on_agreed(Agreement(block, index, now), result)
        commits = height.compute_commits(index, self._compute_vote_delays(height.validators, among=False))
        arrivals = height.arrivals[index]
        # Hosts that join when this block is agreed were not there when it was sent: its proposer gives it to them.
        routes = self._network.routes
        newcomers = list(routes.index)[n_present:]
        if newcomers:
            delays = routes.compute_delays(block.proposer, block.size_bytes)
            arrivals |= zip(newcomers, (now + delays[n_present:]).tolist(), strict=True)
        commits_by_host = dict(zip(routes.index, commits.tolist(), strict=True))
        self._delivery = BlockDelivery(self._env, self._nodes, self._network.roster, block, arrivals, commits_by_host)

    def _compute_vote_delays(self, validators: tuple[str, ...], *, among: bool) -> Floats:
        """Return the seconds that a vote takes, (receivers, validators): among them, or to all hosts."""
        routes = self._network.routes
        key = (self._network.roster.revision, validators)
        if self._delays_of != key:
            rows = [routes.compute_delays(address, VOTE_BYTES) for address in validators]
            self._delays, self._delays_of = np.ascontiguousarray(np.array(rows).T), key
        return self._delays[[routes.index[address] for address in validators]] if among else self._delays

    # Waiting

    def _wait(self, height: HeightState) -> Generator[simpy.Event, object, None]:
        """Sleep until something may happen. A first proposer that has not entered is not waited for without end."""
        until = min(height.proposal_seconds, height.decision_seconds, height.skip_seconds)
        if until < math.inf or height.n_rounds or height.is_overdue:
            yield from self._sleep(until)
            return
        due = self._env.now + self._timeouts.get_propose(0)
        yield from self._sleep(due)
        height.note_overdue(self._env.now >= due)

    def _sleep(self, until_seconds: float) -> Generator[simpy.Event, object, None]:
        wake = self._wake = self._env.event()
        self._is_idle = until_seconds == math.inf
        if until_seconds < math.inf:
            alarm = self._env.timeout(until_seconds - self._env.now)
            alarm.callbacks.append(lambda _: self._rouse(wake))
        yield wake
        self._is_idle = False

    def _rouse(self, wake: simpy.Event | None = None) -> None:
        """End a sleep, by default the last one; without effect where it has ended."""
        wake = self._wake if wake is None else wake
        if not wake.triggered:
            wake.succeed()


def is_last(state: ChainState, last_epoch: int) -> bool:
    """Tell whether this is the state after the last block before the P that follows an epoch."""
    return state.schedule.index == last_epoch and state.schedule.ends_at(state.height)
