"""The host whose claim is too small to be refuted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity, View
from sim.strategies.cheating import invent
from sim.strategies.events import GenerationOpened

MOST = 100
"""Entries beyond which no test of a network is so weak."""


@strategies.register("tiny_claim")
@dataclass(frozen=True)
class TinyClaim:
    """Computes nothing and invents as many entries as cannot be refuted: all of them wrong are still no proof of fraud.

    Two nonces of `hits`, for 0.0005^2 is above 10^-7; one answer at a cut of 0.05, two at 0.01. Their weight is tiny,
    but it is a member's, which counts where heads are counted. Fate: accepted; it weighs 2 in v0.2.0, 5 in v0.2.6, and
    nothing in v0.2.16, by the coefficients. Reference: protocol 4.4 (table of k), network 2.5.7
    """

    needs: ClassVar = "nothing"
    events: ClassVar = (GenerationOpened,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: GenerationOpened, generator: np.random.Generator) -> Answer:
        """Claim at once, and let ML nodes idle."""
        if not event.node_ids or event.view.state.running is None:
            return None, ()
        node_id = event.node_ids[0]
        n = count_irrefutable(event.view, event.epoch, node_id)
        return None, (ClaimResults(node_id, *invent(event.view, event.epoch, node_id, 0, n, event.blank, generator)),)


def count_irrefutable(view: View, epoch: int, node_id: int) -> int:
    """Return the largest number of entries that the test accepts although every one of them is wrong."""
    proof, episode = view.params.rules_at(epoch).proof, view.state.episode
    models = {node.node_id: node.model for node in view.ml_nodes}
    cut = view.params.get_cut(episode, models[node_id] if proof.claims_by_model else "")
    sizes = np.arange(1, MOST + 1)
    frauds = proof.test_samples(sizes, sizes, *cut).frauds
    return int(frauds.argmax()) if frauds.any() else MOST
