"""The protocol of strategies: agents with a memory. Event and memory go in, the next memory and actions come out.

Only the host executes actions, so that a strategy can neither touch the network nor see beyond its host's messages.
A strategy is pure: its memory is a value that it never changes in place, and its draws come from the generator that it
is given. The shape is that of cpr's agents (`prepare`, `observe`, `apply`). Source: https://github.com/pkel/cpr
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from sim.errors import did_you_mean
from sim.problems import Problem
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.state import ChainState
from sim.protocol.consensus.transactions import Transaction
from sim.protocol.models.params import find_base
from sim.protocol.switches import Rules
from sim.strategies.actions import Action

MOST_LISTED = 30
"""Names that a message lists; in a larger network it names groups and operators only."""


@dataclass(frozen=True)
class MLNode:
    """A GPU machine. `node_id` starts at 1 within its host; a GPU group works as one device (protocol 7.2)."""

    node_id: int
    gpu: str
    n_gpus: int
    n_gpu_groups: int
    group_nonces_per_second: float
    dtype: str
    """Numerics of its GPUs."""
    model: str
    """The model that it serves between two proofs of compute."""
    is_registered: bool = True
    """The chain knows it as hardware of its host."""
    group_answers_per_second: Mapping[str, float] = field(default_factory=dict)
    """Rate of a group where claims are by model, by the model that it serves."""
    follows_base: bool = False
    """Where claims are by model it serves the network's base model, whichever that is."""
    stack: str = ""
    """Software and card that compute, in the scheme `answers`: answers of one stack agree to the bit."""
    batch_size: int = 1
    """Nonces that each of its GPU groups finishes at once; 1: one after the other."""

    def as_prover(self, rules: Rules) -> MLNode:
        """Return the node as it is under these rules: with the model that it serves then, and its rate."""
        if not rules.proof.claims_by_model:
            return self
        model = find_base(rules.models) if self.follows_base else self.model
        return replace(self, model=model, group_nonces_per_second=self.group_answers_per_second.get(model, 0.0))

    @property
    def nonces_per_second(self) -> float:
        """Raw rate of all groups together."""
        return self.n_gpu_groups * self.group_nonces_per_second


@dataclass(frozen=True)
class Identity:
    """The hosts for which a strategy decides, as it learns once at the start."""

    operator: str
    """Name of the operator, or the host's address where it has none."""
    addresses: tuple[str, ...]
    """All hosts that share the memory, in the order of joining."""
    directory: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Hosts behind the names that a strategy's parameters may hold, those of operators, host groups and hosts: whom it
    has an agreement with, or an eye on, knows it from outside the chain."""

    def resolve(self, names: Iterable[str]) -> frozenset[str]:
        """Return the addresses of hosts by these names; a name that the directory lacks is an address itself."""
        return frozenset(address for name in names for address in self.directory.get(name, (name,)))


@dataclass(frozen=True)
class Surroundings:
    """The scenario around some hosts, as their strategy may judge its own parameters by it before anything runs."""

    own: tuple[str, ...]
    """All hosts of the operator."""
    directory: Mapping[str, tuple[str, ...]]
    """As in `Identity`."""
    n_layers: int | None
    """Of the model that is computed; None: not known."""

    @property
    def everybody(self) -> frozenset[str]:
        """All hosts of the scenario."""
        return frozenset(address for addresses in self.directory.values() for address in addresses)

    def find_strangers(self, field_name: str, names: Iterable[str]) -> Iterator[Problem]:
        """Yield a problem for each name in a field that no host, host group or operator with hosts has."""
        several = [name for name, addresses in self.directory.items() if len(addresses) > 1]
        known = self.directory if len(self.directory) <= MOST_LISTED else several
        for place, name in enumerate(names):
            if not self.directory.get(name):
                message = f'no host, host group or operator is called "{name}".{did_you_mean(name, known)}'
                yield Problem((field_name, place), message)


@dataclass(frozen=True, eq=False)
class View:
    """One host's knowledge at the moment of an event: its own chain state, mempool, ML nodes and money."""

    address: str
    """The host's own."""
    seconds: float
    """Time on the clock of the simulation."""
    state: ChainState
    """At the host's own height; a host that is behind sees an old one."""
    params: ProtocolParams
    """Parameters of the chain, with the rules of every epoch."""
    ml_nodes: tuple[MLNode, ...]
    """The host's own."""
    failed: frozenset[int]
    """Numbers of those that a fault holds down."""
    list_pending: Callable[[], tuple[Transaction, ...]]
    """Return the transactions in the host's mempool, in the order of arrival."""

    @property
    def height(self) -> int:
        """Height of the host's chain."""
        return self.state.height

    @property
    def balance_ngonka(self) -> int:
        """Coins that the host is free to use."""
        return self.state.balances.get(self.address, 0)

    @property
    def vesting_ngonka(self) -> int:
        """Coins that unlock later."""
        return sum(self.state.vesting.get(self.address, ()))

    @property
    def collateral_ngonka(self) -> int:
        """Collateral that activates weight."""
        deposit = self.state.deposits.get(self.address)
        return 0 if deposit is None else deposit.active

    @property
    def weight(self) -> int:
        """Weight in the effective epoch; 0 where the host is no member."""
        return self.state.effective.weights.get(self.address, 0)


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happened to one host; see `sim.strategies.events`."""

    view: View


Answer = tuple[Any, tuple[Action, ...] | None]
"""The next memory, and the actions; None: those of an honest host."""


class Strategy(Protocol):
    """Decides for one host, or for all hosts of one operator.

    A strategy that is not honest may also have `needs: ClassVar[str]`, one line on the knowledge or means that it has
    beyond an honest host's; `doubt(rules: Rules) -> str`, why these rules make it meaningless, or ""; and
    `find_problems(surroundings: Surroundings) -> Iterable[Problem]`, what is wrong with its parameters in a scenario,
    each at the name of a parameter.
    """

    events: ClassVar[tuple[type[Event], ...]]
    """Kinds of events that it answers; an honest host answers all others."""

    def start(self, identity: Identity) -> Any:
        """Return the memory before the first event: any value that is never changed in place."""

    def react(self, memory: Any, event: Any, generator: np.random.Generator) -> Answer:
        """Return the next memory and the actions in their order, or None to act as an honest host does."""
