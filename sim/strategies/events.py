"""Events that a host's strategy is asked about, each with the host's `View`.

A strategy names the kinds of events that it wants. An honest host answers the others, and an event of a kind that
neither answers is not made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.protocol.blocks.state import Block
from sim.strategies.base import Event


@dataclass(frozen=True, eq=False)
class EpochOpened(Event):
    """Block P was applied: a seed is due, and the block's hash is the network seed. Hosts that have left hear of it."""

    epoch: int
    """Number of the epoch."""
    block_hash: str
    """Hash of block P."""
    is_away: bool = False
    """The host has left; its view is that of an observer who reads the chain without being part of it."""


@dataclass(frozen=True, eq=False)
class GenerationOpened(Event):
    """The first block of GENERATE that the host applies: its ML nodes are free to compute. Reference: protocol 1.5."""

    epoch: int
    """Number of the epoch."""
    node_ids: tuple[int, ...]
    """Those that are in this proof of compute; preserved ones are not."""
    blank: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    """(0, ...) no results, in the type and shape of those that ML nodes will find."""


@dataclass(frozen=True, eq=False)
class SegmentOpened(Event):
    """The host has been challenged: a segment of a long proof of compute starts for it. Reference: network 2.13."""

    epoch: int
    """Number of the epoch."""
    node_ids: tuple[int, ...]
    """All of its ML nodes."""


@dataclass(frozen=True, eq=False)
class ResultsFound(Event):
    """Results of one ML node in the last 5 s of generation. Reference: protocol 3.4."""

    epoch: int
    """Number of the epoch."""
    node_id: int
    """Number of the ML node within its host."""
    n_tried: int
    """Nonces that it tried in these 5 s."""
    nonces: NDArray[np.int64]
    """(n,) those that may be claimed, in the order of their computation."""
    values: NDArray[Any]
    """(n, ...) its result for each: in the scheme `hits` the distance, below the threshold; in `answers` a vector of 12
    numbers, or under the law the code of the stack that computed it."""
    threshold: float
    """By it a result counts; in the scheme `hits` the largest distance."""
    is_early: bool = False
    """They were computed before the proof of compute began, under a network seed that was assumed."""


@dataclass(frozen=True, eq=False)
class GenerationEnded(Event):
    """The stage's end was applied: ML nodes have stopped, and late claims are still taken for some blocks."""

    epoch: int
    """Number of the epoch."""


@dataclass(frozen=True, eq=False)
class ClaimsKnown(Event):
    """Block V was applied: all claims are known, and checks and votes may begin. Reference: protocol 4.1."""

    epoch: int
    """Number of the epoch."""
    participants: tuple[str, ...]
    """All participants with a claim; where claims are by model, their names (`sim.protocol.proofs.claimed`)."""
    n_claimed: NDArray[np.int64]
    """(n,) nonces in each claim."""
    duties: NDArray[np.int64]
    """(m,) places in `participants` of the claims that the rules ask this host to check."""


@dataclass(frozen=True, eq=False)
class ChecksDone(Event):
    """Checks that ended in the last 5 s; every array is (n,). Reference: protocol 4.3 to 4.5."""

    epoch: int
    """Number of the epoch."""
    participants: tuple[str, ...]
    """Addresses, or names of claims as in `ClaimsKnown`."""
    n_checked: NDArray[np.int64]
    """Nonces that were re-executed."""
    n_contradicted: NDArray[np.int64]
    """Those of them whose result contradicts the claim."""
    p_values: NDArray[np.float64]
    """Chance of at least so many contradictions in an honest claim."""
    frauds: NDArray[np.bool_]
    """Where the test of the rules says fraud."""


@dataclass(frozen=True, eq=False)
class BlockApplied(Event):
    """The host applied a block; its transactions are public from now on."""

    block: Block
    """The block, with its transactions in their order."""


@dataclass(frozen=True, eq=False)
class ProposalDue(Event):
    """It is the host's turn to propose a block."""

    height: int
    """Height of the block."""
    get_hash: Callable[[int], str]
    """Return candidate number i, from 0 on, for the block's hash; 0 is that of a proposer that tries once."""


@dataclass(frozen=True, eq=False)
class SignatureDue(Event):
    """The next height begins for a validator: it will propose if it is its turn, and vote. Reference: protocol 6.5."""

    height: int
    """The height."""


@dataclass(frozen=True, eq=False)
class ConfirmationOpened(Event):
    """A random re-check of the weights has begun. Reference: protocol 6.7."""

    epoch: int
    """Number of the epoch."""
    end_height: int
    """Block in which the weights shown are counted."""
    initial_weight: int
    """Weight that the host is asked to show."""


@dataclass(frozen=True, eq=False)
class RewardDue(Event):
    """A settled reward can be claimed. Reference: protocol 6.4."""

    epoch: int
    """Number of the epoch."""
    amount_ngonka: int
    """Emission and fees together, in ngonka."""


@dataclass(frozen=True, eq=False)
class PricesChanged(Event):
    """The chain has set new prices for the tokens of some models. Reference: protocol 6.6."""

    ngonka_per_token: Mapping[str, int]
    """By model."""
