"""Executes the actions of a strategy; no other way leads from an action to the network.

An action that no host could carry out raises ValueError, which becomes the error that names strategy, host and height.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import simpy

from pow.params import mode_of
from sim.chain.chain_node import ChainNode
from sim.nodes.callbacks import Callbacks
from sim.nodes.context import Context
from sim.nodes.examination import Inquiry
from sim.nodes.guard import Guard
from sim.nodes.ml_node import OnResults
from sim.nodes.outbox import Outbox
from sim.nodes.production import Production
from sim.nodes.validation import Draw, OnChecks, Validation
from sim.protocol.blocks.checks import commit_seed
from sim.protocol.blocks.state import ChainState
from sim.protocol.consensus import transactions as messages
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.commits import Commits
from sim.protocol.proofs.slices import SliceCommit
from sim.strategies import actions
from sim.strategies.base import MLNode

SEED_LIMIT = 2**63
SEED_EPOCHS = 100
"""Seeds of older epochs are thrown away: a reward can be claimed until the next settlement."""


class Executor:
    """The hands of one host: its ML nodes, its checks, its seeds and its outbox."""

    def __init__(
        self,
        context: Context,
        chain: ChainNode,
        registration: messages.RegisterHost,
        ml_nodes: Sequence[MLNode],
        on_results: OnResults,
        on_checks: OnChecks,
        callbacks: Callbacks,
        stop: Callable[[], None],
        guard: Guard,
    ) -> None:
        """`stop` is called when the host leaves."""
        self._context = context
        self._chain = chain
        self._registration = registration
        self._on_checks = on_checks
        self._stop = stop
        self.outbox = Outbox(context, chain, registration.validator_key)
        self.production = Production(
            context, chain.address, registration.validator_key, ml_nodes, on_results, callbacks.after_all
        )
        self._validations: tuple[Validation, ...] = ()
        """One, or one for each model that the host serves where claims are by model."""
        self.opening: ChainState | None = None
        """After block V, where this host has acted upon it."""
        self.segment: ChainState | None = None
        """Of a challenge, while the agent is asked about it; as `ChainState.sealed_segments` has it."""
        self._seeds: dict[int, int] = {}
        self.guard = guard

    def register(self) -> None:
        """Make the host known to the chain."""
        self.outbox.send(self._registration)

    def has_seed(self, epoch: int) -> bool:
        """Tell whether the host holds the seed of an epoch, which it needs for its reward."""
        return epoch in self._seeds

    def end_generation(self) -> None:
        """Stop the ML nodes, and send the messages that the proof scheme has for a complete claim."""
        self.production.stop()
        self.outbox.claims.complete()

    @property
    def checks(self) -> tuple[simpy.Process, ...]:
        """Checks that run, each until it ends."""
        return tuple(validation.process for validation in self._validations)

    def stop_validation(self) -> None:
        """End the checks that run, if any do."""
        for validation in self._validations:
            validation.stop()
        self._validations = ()

    def use_working_nodes(self) -> None:
        """Let checks go on with the ML nodes that have not failed."""
        for validation in self._validations:
            validation.use(self._select_nodes(validation.model))

    def do(self, action: actions.Action) -> None:
        """Carry out one action; raises ValueError for one that no host could do."""
        _CARRY_OUT[type(action)](self, action)

    # The proof of compute

    def _commit_seed(self, action: actions.CommitSeed) -> None:
        seed = action.seed
        if seed is None:
            seed = int(
                self._context.streams.of_a_time("host", self._chain.address, "seed", action.epoch).integers(SEED_LIMIT)
            )
        if not 0 <= seed < SEED_LIMIT:
            raise ValueError(f"the seed of epoch {action.epoch} is {seed}; it must be from 0 to 2^63 - 1")
        first = self._chain.state.schedule.index - SEED_EPOCHS
        kept = {epoch: own for epoch, own in self._seeds.items() if epoch >= first}
        self._seeds = {**kept, action.epoch: seed}
        tx_id = self.outbox.name("seed", action.epoch)
        commitment = commit_seed(seed, self._chain.address)
        self.outbox.send(messages.SubmitSeed(tx_id, self._chain.address, action.epoch, commitment))

    def _compute(self, action: actions.Compute) -> None:
        if action.numerics is not None:
            mode_of(action.numerics)
        if not 0.0 < action.share <= 1.0:
            raise ValueError(f"it cannot compute at {action.share:g} of its rate; the share is above 0 and at most 1")
        if action.block_hash is not None and self.outbox.slices.is_open:
            return  # a challenge has all its ML nodes
        if action.block_hash is not None:
            self.production.open_early(self._chain.state, action.block_hash)
        self.production.assign(action)
        if action.block_hash is not None:
            self.production.start()  # no block opens a stage for them

    def _claim_results(self, action: actions.ClaimResults) -> None:
        if len(action.nonces) != len(action.values):
            raise ValueError(f"{len(action.nonces)} nonces are claimed with {len(action.values)} values")
        if len(action.nonces):
            sender = self.outbox.slices if self.outbox.slices.is_open else self.outbox.claims
            sender.add(action, self.production.get_model(action.node_id))  # refuses what cannot be sent
            self.production.note_claimed(action.node_id, action.nonces)

    def _check(self, action: actions.Check) -> None:
        if self.segment is not None:
            self._check_segment(self.segment, action)
            return
        if self._validations:
            raise ValueError("checks of this epoch are running already")
        state = self._chain.state
        episode = state.running
        if episode is None or not episode.validation_start <= state.height < episode.validation_end:
            raise ValueError("claims can be checked from block V to block VE only")
        if self.opening is not None and self.opening.episode.start_height == episode.start_height:
            state = self.opening  # claims are read once, also by a host that has caught up beyond V
        # A host without a working ML node in this proof of compute makes no checks. Reference: protocol 4.1.
        if self.production.start_height == episode.start_height and self.production.working:
            by_model = self._context.params.rules_at(episode.epoch_index).proof.claims_by_model
            models = self._list_models(state) if by_model else [""]
            self._validations = tuple(self._open_validation(state, action, model) for model in models)

    def _check_segment(self, seen: ChainState, action: actions.Check) -> None:
        """Check a segment of a challenge beside the claims of the proof of compute, with the same ML nodes."""
        if not self.production.working:
            return
        assert isinstance(seen.proofs, Commits), "only answers are committed slice by slice"
        held = {split_claim(name)[1]: commit for name, commit in seen.proofs.by_claim.items()}
        draws = {model: commit.draw for model, commit in held.items() if isinstance(commit, SliceCommit)}
        models = [model for model in self._list_models(seen) if model in draws]
        self._validations += tuple(self._open_validation(seen, action, model, draws[model]) for model in models)

    def _list_models(self, state: ChainState) -> list[str]:
        """Models that the host serves, and those on whose claims its vote counts though it has no instance of them.

        The others' claims it votes on as well, on the network, and nothing reads those votes. Reference: network 2.5.4.
        """
        heard = [] if state.ballot is None else state.ballot.list_heard(self._chain.address)
        return sorted({*self.production.models, *heard})

    def _open_validation(
        self, state: ChainState, action: actions.Check, model: str, draw: Draw | None = None
    ) -> Validation:
        newest_hash = self._context.ledger.get_block(state.height).block_hash
        key = action.sample_key or self._registration.validator_key
        guard = self.guard if draw is None else Guard()  # which judges no challenge
        inquiry = Inquiry(self._context, self._chain.address, key, newest_hash, state, model, guard)
        return Validation(
            self._context,
            self._chain.address,
            key,
            state,
            newest_hash,
            action,
            self._select_nodes(model),
            self._on_checks,
            model,
            partial(inquiry.open, has_instance=model in self.production.models) if model else None,
            draw,
        )

    def _select_nodes(self, model: str) -> list[MLNode]:
        """Working ML nodes that serve a model; "": all of them."""
        return [node for node in self.production.working if not model or node.model == model]

    def _vote(self, action: actions.Vote) -> None:
        if len(action.participants) != len(action.frauds):
            raise ValueError(f"{len(action.participants)} participants have {len(action.frauds)} votes")
        for validation in self._validations:
            validation.note_votes(action)
        self.outbox.send_votes(action.participants, tuple(action.frauds.tolist()))

    # Money and membership

    def _collect_reward(self, action: actions.CollectReward) -> None:
        if action.epoch not in self._seeds:
            raise ValueError(f"it has no seed of epoch {action.epoch} to reveal")
        tx_id = self.outbox.name("claim", action.epoch)
        seed = self._seeds.pop(action.epoch)
        self.outbox.send(messages.ClaimReward(tx_id, self._chain.address, action.epoch, seed))

    def _add_collateral(self, action: actions.AddCollateral) -> None:
        amount = _check_amount(action.ngonka)
        self.outbox.send(messages.DepositCollateral(self.outbox.name("deposit"), self._chain.address, amount))

    def _withdraw_collateral(self, action: actions.WithdrawCollateral) -> None:
        amount = _check_amount(action.ngonka)
        self.outbox.send(messages.ReleaseCollateral(self.outbox.name("withdrawal"), self._chain.address, amount))

    def _register_hardware(self, action: actions.RegisterHardware) -> None:
        nodes = tuple(messages.HardwareNode(node_id, model) for node_id, model in action.nodes)
        tx_id, key = self.outbox.name("hardware"), self._registration.validator_key
        self.outbox.send(messages.RegisterHost(tx_id, self._chain.address, key, nodes))

    def _delegate(self, action: actions.Delegate) -> None:
        tx_id = self.outbox.name("delegation")
        self.outbox.send(messages.DelegatePower(tx_id, self._chain.address, action.model, action.to))

    def _refuse(self, action: actions.Refuse) -> None:
        self.outbox.send(messages.RefuseModel(self.outbox.name("refusal"), self._chain.address, action.model))

    def _intend(self, action: actions.Intend) -> None:
        self.outbox.send(messages.DeclareIntent(self.outbox.name("intent"), self._chain.address, action.model))

    def _challenge_host(self, action: actions.ChallengeHost) -> None:
        tx_id = self.outbox.name("challenge", None, action.target)
        self.outbox.send(messages.OpenChallenge(tx_id, self._chain.address, action.target))

    def _show_weight(self, action: actions.ShowWeight) -> None:
        end_height = self._chain.state.confirmation.end_height
        if end_height is None:
            raise ValueError("no confirmation is running")
        if not 0.0 <= action.share <= 1.0:
            raise ValueError(f"it cannot show {action.share:g} of its weight; the share is from 0 to 1")
        self._context.traffic.show_weight(self._chain.address, end_height, action.share)

    def unjail(self) -> None:
        """Ask to be a validator again."""
        self.outbox.send(messages.Unjail(self.outbox.name("unjail"), self._chain.address))

    def _leave(self, action: actions.Leave) -> None:
        self._context.presence.leave(self._chain.address, self._stop)

    def _join(self, action: actions.Join) -> None:
        self._context.presence.join(self._chain.address)

    def _propose(self, action: actions.Propose) -> None:
        raise ValueError("it is not its turn to propose")

    def _sign(self, action: actions.Sign) -> None:
        raise ValueError("no height begins for it")


def _check_amount(ngonka: int) -> int:
    if ngonka < 1:
        raise ValueError(f"{ngonka} ngonka; it must be at least 1")
    return ngonka


# A table, for the look-up of `functools.singledispatchmethod` costs as much as the cheaper actions do.
_CARRY_OUT: Mapping[type, Callable[[Executor, Any], None]] = {
    actions.CommitSeed: Executor._commit_seed,
    actions.Compute: Executor._compute,
    actions.ClaimResults: Executor._claim_results,
    actions.Check: Executor._check,
    actions.Vote: Executor._vote,
    actions.CollectReward: Executor._collect_reward,
    actions.AddCollateral: Executor._add_collateral,
    actions.WithdrawCollateral: Executor._withdraw_collateral,
    actions.RegisterHardware: Executor._register_hardware,
    actions.Delegate: Executor._delegate,
    actions.Refuse: Executor._refuse,
    actions.Intend: Executor._intend,
    actions.ChallengeHost: Executor._challenge_host,
    actions.ShowWeight: Executor._show_weight,
    actions.Leave: Executor._leave,
    actions.Join: Executor._join,
    actions.Propose: Executor._propose,
    actions.Sign: Executor._sign,
}
