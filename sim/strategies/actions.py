"""Actions that a strategy may ask of its host. Only the host executes them.

A law of nature cannot be broken: an action that would compute beyond the hardware, use messages that were not received
or change the past is an error that names strategy, host and height. A rule of the chain can: a forbidden message is
sent, and the chain refuses or punishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.models.stances import Stance, StanceKind


class Action:
    """Something that a host may be asked to do."""


@dataclass(frozen=True)
class CommitSeed(Action):
    """Commit to a private seed for an epoch; without it a host becomes no member. Reference: protocol 2.1."""

    epoch: int
    """The epoch that the seed is for."""
    seed: int | None = None
    """The seed, from 0 to 2^63 - 1; None: the host draws one."""


@dataclass(frozen=True)
class Compute(Action):
    """Let ML nodes generate until the stage ends. Nodes that no action names stay idle."""

    node_ids: tuple[int, ...] | None = None
    """None: all that are in the proof of compute and that no other action names."""
    n_layers: int | None = None
    """Layers of the model that are computed, from 0 to all; None: all. Fewer are faster and err. Reference: kernel 7"""
    numerics: str | None = None
    """None: those of the GPU, or a coarser kind that `work.dtype` may name."""
    public_key: str | None = None
    """Key that the nonces are computed under; None: the host's own."""
    share: float = 1.0
    """Part of its rate at which each node computes, above 0; the rest serves others, or stands idle."""
    stack: str | None = None
    """Stack that computes in the scheme `answers`, as `hosts.stack` names it; None: the ML node's own."""
    place: tuple[int, int] | None = None
    """(number, number of ML nodes) that each of these nodes is told, by which it picks its nonces; None: its own number
    among the host's. Nodes with one place try the same nonces. Reference: protocol 3.2"""
    block_hash: str | None = None
    """Network seed that the host assumes, before a proof of compute has one: 64 hexadecimal digits. They generate at
    once, for as long as the blocks up to the next P should take. None: the seed of the running proof."""


@dataclass(frozen=True, eq=False)
class ClaimResults(Action):
    """Claim results of one ML node; a claim without nonces is not sent. Reference: protocol 3.1."""

    node_id: int
    """Number of the ML node, as claimed; the chain does not know whether it is true."""
    nonces: Sequence[int] | NDArray[np.int64]
    """(n,) the nonces claimed, each from 0 to 2^63 - 1; in the scheme `answers` of 32 bits with a sign."""
    values: Sequence[float] | NDArray[Any]
    """(n, ...) its result for each nonce, as claimed: in the scheme `hits` the distance, in `answers` the answer as
    `ResultsFound` shows it. Validators use the sender's key."""


@dataclass(frozen=True)
class Check(Action):
    """Re-execute samples of claims, in this order, until the validation ends. Reference: protocol 4.1."""

    participants: tuple[str, ...] | None = None
    """None: all that the rules ask this host to check, in a random order; empty: none."""
    sample_size: int | None = None
    """Nonces of each claim; None: as many as the rules say."""
    sample_key: str | None = None
    """Validator key from which the sample is drawn; None: the host's own, as the rules say."""


@dataclass(frozen=True, eq=False)
class Vote(Action):
    """Tell the chain which claims are frauds; no vote on claims that are left out. No rule asks for a check first."""

    participants: tuple[str, ...]
    """(n,) addresses, or names of claims as `ChecksDone` gives them."""
    frauds: NDArray[np.bool_]
    """(n,) True where the participant of the same place is called a fraud."""


@dataclass(frozen=True)
class Propose(Action):
    """Fill the block that this host proposes."""

    tx_ids: tuple[str, ...] | None = None
    """Pending transactions in their order, cut where the block is full; None: as the mempool orders them."""
    hash_index: int = 0
    """Which of the candidate hashes the block gets, see `ProposalDue.get_hash`."""


@dataclass(frozen=True)
class Sign(Action):
    """Sign the height that begins, in answer to `SignatureDue`; without it a host signs once, as the software does."""

    n_votes: int
    """0: it proposes nothing and votes for nothing; 1: once; 2: it also signs a vote that contradicts the first."""


@dataclass(frozen=True)
class CollectReward(Action):
    """Claim the reward of a settled epoch by revealing its seed. Reference: protocol 2.1, 6.4."""

    epoch: int
    """The settled epoch."""


@dataclass(frozen=True)
class ShowWeight(Action):
    """Show a share of the weight again in the confirmation that has begun. Reference: protocol 6.7."""

    share: float
    """From 0 to 1: a host cannot show more than it has."""


@dataclass(frozen=True)
class Join(Action):
    """Come back after `Leave`: the host catches up and takes part again."""


@dataclass(frozen=True)
class Leave(Action):
    """Leave the network: ML nodes stop, the chain goes on without the host. It is still asked at each new epoch."""


@dataclass(frozen=True)
class AddCollateral(Action):
    """Deposit coins of the own balance as collateral. Reference: protocol 6.5."""

    ngonka: int
    """Amount, at least 1."""


@dataclass(frozen=True)
class WithdrawCollateral(Action):
    """Begin to take collateral back; it is free an epoch later. Reference: protocol 6.5."""

    ngonka: int
    """Amount, at least 1."""


@dataclass(frozen=True)
class RegisterHardware(Action):
    """Tell the chain which ML nodes the host has; no rule tests whether it is true. Reference: protocol 5.1."""

    nodes: tuple[tuple[int, str], ...]
    """(number of the node, model that it serves)"""


@dataclass(frozen=True)
class Delegate(Action):
    """Lend the voting power on a model to another host, until it is lent to another or to "". Until v0.2.11 it is
    refused. Reference: network 2.7
    """

    model: str
    """Name of the model."""
    to: str
    """Address of the host that gets the power."""


@dataclass(frozen=True)
class Refuse(Action):
    """Say that the host will not serve a model in the next epoch. Refused until v0.2.11. Reference: network 2.7"""

    model: str
    """Name of the model."""


@dataclass(frozen=True)
class Intend(Action):
    """Say that the host will serve a model in the next epoch. Refused until v0.2.11. Reference: network 2.7"""

    model: str
    """Name of the model."""


@dataclass(frozen=True)
class ChallengeHost(Action):
    """Demand a long proof of compute of one host, for a stake of free coins. Refused until v0.2.15.

    Reference: network 2.13
    """

    target: str
    """Address of the host."""


def read_stance(action: Delegate | Refuse | Intend) -> Stance:
    """Return the last word on its model that an action puts on the chain."""
    match action:
        case Delegate():
            return Stance(StanceKind.DELEGATES, action.to)
        case Refuse():
            return Stance(StanceKind.REFUSES)
        case Intend():
            return Stance(StanceKind.INTENDS)


KNOWN_ACTIONS = dict.fromkeys(Action.__subclasses__())
"""All of them; a class that somebody derives elsewhere is none, for no host could do it."""
