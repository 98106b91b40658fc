"""A host: one network endpoint, one chain node, its ML nodes, and an agent that decides (protocol 1.5).

It acts when a block is applied, on *its own* chain state at that height: a host that is behind still uses the old
difficulty, and a host that hears P too late misses the proof of compute. Each thing that happens to it is an event for
its agent; the executor carries out the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from sim.chain.chain_node import SIGNS_ONCE, ChainNode, Choice
from sim.chain.consensus import Proposal
from sim.chain.mempool import pick
from sim.metrics.records import HostJoined
from sim.nodes.agent import Agent
from sim.nodes.callbacks import Callbacks
from sim.nodes.challenge_duty import ChallengeDuty
from sim.nodes.context import Context
from sim.nodes.executor import Executor
from sim.nodes.guard import Guard
from sim.nodes.identity import HostIdentity
from sim.nodes.ml_node import Generation
from sim.protocol.blocks.stages import Edge
from sim.protocol.blocks.state import Block, ChainState, get_places_to_check
from sim.protocol.consensus.transactions import RegisterHost, Transaction
from sim.strategies import events
from sim.strategies.actions import Action, Propose, RegisterHardware, Sign, read_stance
from sim.strategies.base import Event, MLNode, View
from sim.work.base import Produced

MOST_SIGNED = 2
"""Votes of one kind at one height: more would prove no more."""


class Host:
    """Turns blocks, results and checks into events for its agent, and lets its executor carry out the actions."""

    def __init__(
        self,
        context: Context,
        identity: HostIdentity,
        agent: Agent,
        ml_nodes: Sequence[MLNode],
        registration: RegisterHost,
    ) -> None:
        self._context = context
        self.identity = identity
        self.address = identity.address
        self._agent = agent
        mempool, on_applied = context.open_mempool(self.address), context.consensus.note_applied
        sign = self.sign if agent.wants(events.SignatureDue) else None
        self.chain = ChainNode(context.ledger, self.address, mempool, self.on_block, on_applied, self.choose, sign)
        self.callbacks = Callbacks(context, self.address)
        self._executor = Executor(
            context,
            self.chain,
            registration,
            ml_nodes,
            self._take_results,
            self._take_checks,
            self.callbacks,
            self.crash,
            Guard(identity.guard_mode),
        )
        self._production = self._executor.production
        self._duty = ChallengeDuty(context, self.address, self._executor, self._tell)
        self._is_starting = self._must_register = False
        self._last_view: View | None = None
        self._tried_unjail = (0.0, 0)
        """End of the time in jail, and epoch, of the last request to be let out."""
        changes = (events.PricesChanged, events.ConfirmationOpened, events.BlockApplied)
        self._wants_changes = any(map(agent.wants, changes))
        context.consensus.register(self.chain)
        context.catch_up.register(self.chain, self.catch_up)

    # Joining the network, leaving it, catching up

    def join(self) -> None:
        """Enter the network; where the chain has started, it has to catch up before it acts."""
        self._context.network.join(self.address, self.receive)
        row = self.identity
        self._context.recorder.add(
            HostJoined(
                epoch=row.joins,
                participant=row.address,
                host_group=row.host_group,
                region=row.region,
                strategy=row.strategy_name,
                gpus=row.gpus,
                seconds=self._context.env.now,
            )
        )
        self._is_starting = self._must_register = self._context.ledger.height > 0

    def crash(self) -> None:
        """Stop generation and checks, and lose the memory; the chain so far and the seeds are on disk."""
        self._production.pause()
        self._executor.outbox.claims.pause()
        self._stop_validation()
        self.chain.lose_memory()
        self._is_starting = True

    def catch_up(self, height: int) -> None:
        """Have the blocks up to a height that a peer has sent. A host that has just started does not act upon them."""
        if self._is_starting:
            self._is_starting = False
            self.chain.sync_to(height)
        else:
            self.chain.catch_up_to(height)
        if self._must_register:
            self._must_register = False
            self._executor.register()

    def finish(self) -> None:
        """End generation and checks when the run is over."""
        self._production.stop()
        self._executor.outbox.claims.pause()
        self._stop_validation()
        self.callbacks.flush()

    # Messages and blocks

    def receive(self, payload: Proposal | Transaction) -> None:
        """Take a message from the network."""
        if isinstance(payload, Proposal):
            self._context.consensus.receive(self.address, payload)
        else:
            self.chain.mempool.add(payload)

    def on_block(self, block: Block, state: ChainState) -> None:
        """Tell the agent of the epoch's edges, of changes and of the block. Reference: protocol 1.5."""
        schedule = state.schedule
        self._is_starting = False
        for edge in schedule.edges_at(block.height):
            match edge:
                case Edge.P:
                    self._follow_base(state)
                    self._tell(events.EpochOpened, epoch=schedule.index, block_hash=block.block_hash)
                case Edge.E:
                    self._end_generation(schedule.index)
                case Edge.V:
                    self._open_validation(state)
                case Edge.VE:
                    self._stop_validation()
                case Edge.CLAIM:
                    self._tell_reward(state)
                    self._declare(state)
        if block.height == 1:
            self._declare(state)
        if self.address in state.signing.jailed:
            self._leave_jail(block, state)
        if state.challenges or self._duty.is_running:
            self._duty.follow(state)
        self._follow_confirmation(block.height, state)
        self._generate(state)
        self._executor.outbox.claims.resume()
        if self._wants_changes:
            self._tell_changes(block, state)

    def choose(self, get_hash: Callable[[int], str]) -> Choice:
        """Fill a block that this host proposes, as its agent wants it or as the software does."""
        proposal = Propose()
        if self._agent.wants(events.ProposalDue):
            event = events.ProposalDue(self._view(), height=self.chain.height + 1, get_hash=get_hash)
            for action in self._agent.ask(event, self._stream("strategy")):
                if isinstance(action, Propose):
                    proposal = action
                else:
                    self._do(event, action)
            try:
                get_hash(proposal.hash_index)
                if proposal.tx_ids is not None:
                    pick(self.chain.mempool.list_pending(), proposal.tx_ids)
            except ValueError as error:
                raise self._agent.fail(event, f"Propose: {error}") from error
        return proposal.tx_ids, proposal.hash_index

    def sign(self, height: int) -> int:
        """Return how many votes of each kind the host signs at a height that begins."""
        n_votes, event = SIGNS_ONCE, events.SignatureDue(self._view(), height=height)
        for action in self._agent.ask(event, self._stream("strategy")):
            if not isinstance(action, Sign):
                self._do(event, action)
            elif not 0 <= action.n_votes <= MOST_SIGNED:
                message = f"Sign: {action.n_votes} votes at one height; it must be from 0 to {MOST_SIGNED}"
                raise self._agent.fail(event, message)
            else:
                n_votes = action.n_votes
        return n_votes

    # Events for the agent

    def _tell(self, kind: type[Any], state: ChainState | None = None, **details: Any) -> None:
        """Tell the agent of an event, if it wants that kind, and carry out its actions."""
        if self._agent.wants(kind):
            self._ask(kind(self._view(state), **details), self._stream("strategy"))

    def _ask(self, event: Event, generator: np.random.Generator) -> None:
        for action in self._agent.ask(event, generator):
            self._do(event, action)

    def _do(self, event: Event, action: Action) -> None:
        try:
            self._executor.do(action)
        except ValueError as error:
            raise self._agent.fail(event, f"{type(action).__name__}: {error}") from error

    def _view(self, state: ChainState | None = None) -> View:
        """Return the host's view; the ML nodes of a host report together, so that the last one often serves again."""
        now, failed = self._context.env.now, self._production.failed
        state, last = self.chain.state if state is None else state, self._last_view
        if last is None or last.seconds != now or last.state is not state or last.failed is not failed:
            params, ml_nodes = self._context.params, self._production.ml_nodes
            last = View(self.address, now, state, params, ml_nodes, failed, self.chain.mempool.list_pending)
            self._last_view = last
        return last

    def _generate(self, state: ChainState) -> None:
        """Send the ML nodes into generation at the first block of GENERATE that the host applies.

        At each later one those are sent again that have failed and are repaired. Reference: protocol 1.5.
        """
        episode, schedule = state.running, state.schedule
        if episode is None:
            return
        last = episode.generation_end if episode.is_confirmation else schedule.generation_wind_down
        if self.chain.height >= last:
            return
        self._executor.guard.note(episode, self.chain.height)
        if self._duty.is_running:
            return
        if self._production.start_height != episode.start_height:
            self._production.open(state, episode)
            node_ids = tuple(node.node_id for node in self._production.dispatched)
            blank = self._production.get_blank()
            self._tell(events.GenerationOpened, epoch=episode.epoch_index, node_ids=node_ids, blank=blank)
        self._production.start()

    def _follow_confirmation(self, height: int, state: ChainState) -> None:
        """Act at the heights of a confirmation in which hosts compute, as at edges. Reference: network 2.11."""
        episode = state.running
        if episode is None or not episode.is_confirmation:
            return
        if height == episode.generation_end and not self._duty.is_running:
            self._end_generation(episode.epoch_index)
        if height == episode.validation_start:
            self._open_validation(state)
        if height == episode.validation_end:
            self._stop_validation()

    def _end_generation(self, epoch: int) -> None:
        """ML nodes stop. What the agent claims then is part of the complete claim, and of the rows of ML nodes."""
        self._production.pause()
        self._tell(events.GenerationEnded, epoch=epoch)
        self._executor.end_generation()

    def _tell_results(self, generation: Generation, produced: Produced) -> None:
        if len(produced.nonces) and self._agent.wants(events.ResultsFound):
            assignment = generation.assignment
            event = events.ResultsFound(
                self._view(),
                assignment.epoch_index,
                generation.node_id,
                produced.n_tried,
                produced.nonces,
                produced.values,
                assignment.threshold,
                assignment.is_early,
            )
            self._ask(event, generation.generator)

    def _tell_checks(self, **details: Any) -> None:
        self._tell(events.ChecksDone, **details)

    # Callbacks of ML nodes

    def _take_results(self, generation: Generation, produced: Produced) -> None:
        """An ML node calls back with nonces; what comes too late for the epoch is dropped."""
        if self.callbacks.are_prompt:
            self._tell_results(generation, produced)
            return

        def lose() -> None:
            generation.note_lost(len(produced.nonces))

        def arrive() -> None:
            if generation.assignment.is_early or self._is_open(generation.assignment.epoch_index):
                self._tell_results(generation, produced)
            else:
                lose()

        self.callbacks.carry(arrive, lose)

    def _take_checks(self, **details: Any) -> None:
        """ML nodes call back with checks; what comes too late for the epoch is dropped."""
        if self.callbacks.are_prompt:
            self._tell_checks(**details)
            return

        def arrive() -> None:
            if self._is_open(details["epoch"]):
                self._tell_checks(**details)

        self.callbacks.carry(arrive, lambda: None)

    def _is_open(self, epoch: int) -> bool:
        """Tell whether the proof of compute of this epoch is the one that the host knows as the latest."""
        running = self.chain.state.running
        return self._duty.is_running or (running is not None and running.epoch_index == epoch)

    def _open_validation(self, state: ChainState) -> None:
        """Read the claims once, unless the host comes too late to check or vote. Reference: protocol 4.1."""
        episode = state.running
        if episode is None or self.chain.height >= episode.validation_end:
            return
        self._executor.opening = state
        claims = state.claimed_nonces
        self._tell(
            events.ClaimsKnown,
            epoch=episode.epoch_index,
            participants=tuple(claims.participants.tolist()),
            n_claimed=claims.counts,
            duties=get_places_to_check(state, self.address, self._production.models),
        )
        self._duty.open_checks(state)

    def _stop_validation(self) -> None:
        self._duty.stop_checks()
        self._executor.stop_validation()

    def _tell_reward(self, state: ChainState) -> None:
        settlement = state.settled.get(self.address)
        if settlement is not None and self._executor.has_seed(settlement.epoch_index):
            self._tell(events.RewardDue, epoch=settlement.epoch_index, amount_ngonka=settlement.amount)

    def _follow_base(self, state: ChainState) -> None:
        """Register ML nodes anew that serve the base model, when another one is it. Reference: network 2.1."""
        rules = self._context.params.rules_at(state.schedule.index)
        wanted, record = self._production.list_hardware(rules), state.hosts.get(self.address)
        if wanted is not None and record is not None and record.nodes != wanted:
            self._executor.do(RegisterHardware(tuple((node.node_id, node.model) for node in wanted)))

    def _declare(self, state: ChainState) -> None:
        """Say what the scenario wants said about models and the chain does not hold. Reference: network 2.7."""
        rules = self._context.params.rules_at(state.schedule.index)
        names = {model.name for model in rules.models} if rules.groups_models else set[str]()
        for action in self.identity.stances:
            held = state.stances.get(action.model, {}).get(self.address)
            if action.model in names and held != read_stance(action):
                self._executor.do(action)

    def _leave_jail(self, block: Block, state: ChainState) -> None:
        """Ask to be let out as soon as it can be, once an epoch: people see to it at once [I]."""
        try_now = (state.signing.jailed[self.address], state.schedule.index)
        if try_now[0] <= block.time_seconds and try_now != self._tried_unjail:
            self._tried_unjail = try_now
            self._executor.unjail()

    def _tell_changes(self, block: Block, state: ChainState) -> None:
        """Tell of prices, confirmations and the block itself."""
        before = self._context.ledger.get_state(block.height - 1)
        if state.service.prices != before.service.prices:
            self._tell(events.PricesChanged, ngonka_per_token=state.service.prices)
        end_height, own = state.confirmation.end_height, state.confirmation.initial.get(self.address)
        if end_height is not None and before.confirmation.end_height is None and own is not None:
            epoch = state.effective.index
            self._tell(events.ConfirmationOpened, epoch=epoch, end_height=end_height, initial_weight=own)
        self._tell(events.BlockApplied, block=block)

    def look_from_outside(self, block: Block) -> None:
        """Tell the agent of a host that has left that an epoch has opened."""
        state = self._context.ledger.get_state(block.height)
        epoch, block_hash = state.schedule.index, block.block_hash
        self._tell(events.EpochOpened, state=state, epoch=epoch, block_hash=block_hash, is_away=True)

    # Failures of ML nodes

    def fail_nodes(self, node_ids: Iterable[int]) -> None:
        """ML nodes fail: each breaks off its generation, and checks go on with the others."""
        self._production.fail(node_ids)
        self._executor.use_working_nodes()

    def repair_nodes(self, node_ids: Iterable[int]) -> None:
        """Undo one failure; an ML node works again once no other holds. It generates from the host's next block on."""
        self._production.repair(node_ids)
        self._executor.use_working_nodes()

    @property
    def node_ids(self) -> tuple[int, ...]:
        """Numbers of all its ML nodes."""
        return tuple(node.node_id for node in self._production.ml_nodes)

    def _stream(self, *name: str | int) -> np.random.Generator:
        return self._context.streams("host", self.address, *name)
