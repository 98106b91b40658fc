"""A host: one network endpoint, one chain node, its ML nodes and a strategy (protocol 1.5).

It acts when a block is applied, on what *its own* chain state says at that height: a host that is behind still uses
the old difficulty, and a host that hears P too late misses the round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from sim.chain.chain_node import ChainNode
from sim.chain.consensus import Proposal
from sim.metrics.records import HostJoined
from sim.nodes.context import Context
from sim.nodes.identity import HostIdentity
from sim.nodes.ml_node import Assignment, Generation, MLNode, report_preserved
from sim.nodes.outbox import Outbox
from sim.nodes.validation import Validation
from sim.protocol.checks import commit_seed
from sim.protocol.nonces import compute_n_nodes
from sim.protocol.stages import Edge, Schedule
from sim.protocol.state import Block, ChainState
from sim.protocol.transactions import (
    ClaimReward,
    RegisterHost,
    SubmitSeed,
    Transaction,
)
from sim.strategies.base import Strategy


class Host:
    """Executes what the rules of its software and its strategy ask for."""

    def __init__(
        self,
        context: Context,
        identity: HostIdentity,
        strategy: Strategy,
        ml_nodes: Sequence[MLNode],
        registration: RegisterHost,
    ) -> None:
        self._context = context
        self.identity = identity
        self.address = identity.address
        self.public_key = registration.validator_key
        self._registration = registration
        mempool, on_applied = context.open_mempool(self.address), context.consensus.note_applied
        self.chain = ChainNode(context.ledger, self.address, mempool, self.on_block, on_applied)
        context.consensus.register(self.chain)
        self._strategy = strategy
        self._ml_nodes = tuple(ml_nodes)
        self._seeds: dict[int, int] = {}
        self._generations: list[Generation] = []
        self._dispatched_epoch = 0
        self._dispatched: tuple[MLNode, ...] = ()
        self._validation: Validation | None = None
        self._outbox = Outbox(context, self.chain, self.public_key)
        self._failed: Counter[int] = Counter()
        """ML node -> faults that hold it down."""
        self._is_starting = self._must_register = False

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
        """Stop everything and lose what is in memory; the chain so far and the seeds are on disk."""
        self._pause(self._generations)
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
            self._outbox.send(self._registration)

    def finish(self) -> None:
        """End what still runs when the run is over."""
        self._stop_generation()
        self._stop_validation()

    # What arrives

    def receive(self, payload: Proposal | Transaction) -> None:
        """Take a message from the network."""
        if isinstance(payload, Proposal):
            self._context.consensus.receive(self.address, payload)
        else:
            self.chain.mempool.add(payload)

    def on_block(self, block: Block, state: ChainState) -> None:
        """Act at the edges of the epoch. Reference: protocol 1.5."""
        schedule = state.schedule
        self._is_starting = False
        for edge in schedule.edges_at(block.height):
            match edge:
                case Edge.P:
                    self._submit_seed(schedule)
                case Edge.E:
                    self._stop_generation()
                case Edge.V:
                    self._start_validation(state, block.block_hash)
                case Edge.VE:
                    self._stop_validation()
                case Edge.CLAIM:
                    self._claim_reward(state)
        if self.chain.height < schedule.generation_wind_down:
            self._dispatch(schedule, state)

    # What it does

    def _submit_seed(self, schedule: Schedule) -> None:
        seed = self._seeds[schedule.index] = int(self._stream("seed", schedule.index).integers(2**63))
        tx_id = f"seed/{self.address}/{schedule.index}"
        self._outbox.send(SubmitSeed(tx_id, self.address, schedule.index, commit_seed(seed, self.address)))

    def _dispatch(self, schedule: Schedule, state: ChainState) -> None:
        """Send the ML nodes into generation at the first block of GENERATE that the host applies.

        At each later one those are sent again that have failed and are repaired. Reference: protocol 1.5.
        """
        if state.upcoming is None:
            return
        if self._dispatched_epoch != schedule.index:
            self._stop_generation()  # of an epoch whose end it has missed
            self._prepare_generation(schedule, state, state.upcoming.block_hash)
        for generation in self._generations:
            if not self._failed[generation.node_id]:
                generation.start()

    def _prepare_generation(self, schedule: Schedule, state: ChainState, block_hash: str) -> None:
        """Give each ML node its task. Preserved nodes neither produce nor check nonces. Reference: protocol 5.2."""
        self._dispatched_epoch = schedule.index
        preserved = state.effective.preserved.get(self.address, frozenset())
        self._dispatched = tuple(node for node in self._ml_nodes if node.node_id not in preserved)
        for node in self._ml_nodes:
            if node.node_id in preserved:
                self._context.recorder.add(report_preserved(node, self.address, schedule.index, state.threshold))
        blocks_left = schedule.generation_end - state.height
        # By how fast blocks have come; a clock that is wrong by hours must not announce nonces by the million.
        pace = self._context.ledger.compute_interval(state.height)
        block_seconds = min(pace, 2 * self._context.block_time_seconds)
        rules = self._context.params.rules_at(schedule.index)
        assignment = Assignment(
            epoch_index=schedule.index,
            start_height=schedule.start,
            block_hash=block_hash,
            public_key=self.public_key,
            proof=rules.proof,
            threshold=state.threshold,
            dim=self._context.params.vector_dim,
            n_nodes=compute_n_nodes(
                [node.node_id for node in self._dispatched],
                max(node.node_id for node in self._ml_nodes),
                counts_nodes_handed_out=rules.counts_nodes_handed_out,
            ),
            expected_seconds=blocks_left * block_seconds,
        )
        self._generations = [
            Generation(
                self._context,
                node,
                assignment,
                self._strategy,
                self._stream("strategy", schedule.index, node.node_id),
                lambda node, claim: self._outbox.send_claim(node, claim, assignment),
            )
            for node in self._dispatched
        ]

    def _stop_generation(self) -> None:
        for generation in self._generations:
            self._context.recorder.add(generation.stop(self.address))
        self._generations = []
        self._outbox.complete_claims()

    # What fails

    def fail_nodes(self, node_ids: Iterable[int]) -> None:
        """ML nodes fail: each breaks off its generation, and the others check on without it."""
        self._failed.update(node_ids)
        self._pause(generation for generation in self._generations if self._failed[generation.node_id])
        self._use_working_nodes()

    def repair_nodes(self, node_ids: Iterable[int]) -> None:
        """Undo one failure; an ML node works again once no other holds. It generates from the host's next block on."""
        self._failed.subtract(node_ids)
        self._use_working_nodes()

    @property
    def node_ids(self) -> tuple[int, ...]:
        """Numbers of all its ML nodes."""
        return tuple(node.node_id for node in self._ml_nodes)

    def _use_working_nodes(self) -> None:
        if self._validation is not None:
            self._validation.use(self._get_working_nodes())

    def _get_working_nodes(self) -> list[MLNode]:
        """Return those that are in the round and have not failed."""
        return [node for node in self._dispatched if not self._failed[node.node_id]]

    def _stop_validation(self) -> None:
        if self._validation is not None:
            self._validation.stop()
            self._validation = None

    @staticmethod
    def _pause(generations: Iterable[Generation]) -> None:
        for generation in generations:
            generation.pause()

    # What it checks and claims

    def _start_validation(self, state: ChainState, block_hash: str) -> None:
        is_in_round = state.upcoming is not None and self._dispatched_epoch == state.upcoming.index
        is_over = self.chain.height >= state.schedule.validation_end
        ml_nodes = self._get_working_nodes()
        if not is_in_round or not ml_nodes or is_over:
            return  # no ML node of this host is in the round: it checks nobody (protocol 4.1)
        self._validation = Validation(
            self._context,
            self.address,
            self.public_key,
            state,
            block_hash,
            self._strategy,
            ml_nodes,
            self._outbox.send_votes,
        )

    def _claim_reward(self, state: ChainState) -> None:
        settlement = state.settled.get(self.address)
        if settlement is None or settlement.epoch_index not in self._seeds:
            return
        seed = self._seeds.pop(settlement.epoch_index)
        tx_id = f"claim/{self.address}/{settlement.epoch_index}"
        self._outbox.send(ClaimReward(tx_id, self.address, settlement.epoch_index, seed))

    def _stream(self, *name: str | int) -> np.random.Generator:
        return self._context.streams("host", self.identity.address, *name)
