"""Parts that several cheats share: invented entries, claims by a stricter threshold, votes that spare the own claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.problems import Problem
from sim.protocol.proofs.claimed import split_claim
from sim.strategies.actions import ClaimResults, Vote
from sim.strategies.base import Surroundings, View
from sim.strategies.events import ChecksDone, ResultsFound


def spare_self(event: ChecksDone) -> Vote:
    """Vote as the test says, but never against the host's own claim. Reference: protocol 4.6 (self-votes)."""
    is_self = np.array([split_claim(name)[0] == event.view.address for name in event.participants], np.bool_)
    return Vote(event.participants, event.frauds & ~is_self)


def invent(
    view: View, epoch: int, node_id: int, n_before: int, n: int, like: NDArray[Any], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Invent n entries for an ML node that has invented n_before in this proof: nonces (n,), values (n, ...).

    Nonces of a host never repeat; values have type and shape of those in `like`, and look true.
    """
    proof, params = view.params.rules_at(epoch).proof, view.params
    step = max((node.node_id for node in view.ml_nodes), default=1)
    numbers = range(n_before * step + node_id, (n_before + n) * step + node_id, step)
    nonces = proof.invent_nonces(numbers, generator)
    return nonces, proof.fabricate(like, n, view.state.threshold, params.vector_dim, generator)


def find_excess_layers(layers: int | None, surroundings: Surroundings) -> Iterator[Problem]:
    """Yield the mistake in a parameter `layers` that asks for more layers than the model has."""
    n_layers = surroundings.n_layers
    if layers is not None and n_layers is not None and layers > n_layers:
        yield Problem(("layers",), f"the model has {n_layers} layers; {layers} of them cannot be run")


def claim_sure(event: ResultsFound, margin: float) -> ClaimResults:
    """Claim the results that a small error leaves valid."""
    proof = event.view.params.rules_at(event.epoch).proof
    is_sure = proof.find_sure(event.values, event.threshold, margin)
    return ClaimResults(event.node_id, event.nonces[is_sure], event.values[is_sure])
