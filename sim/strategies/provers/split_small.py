"""The host that invents what a small sample cannot refute: many tiny hosts weigh more than one with their hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.strategies import strategies
from sim.strategies.actions import ClaimResults
from sim.strategies.base import Answer, Identity, View
from sim.strategies.cheating import invent
from sim.strategies.events import GenerationOpened, ResultsFound

Counts = Mapping[tuple[str, str], tuple[int, int]]
"""(host, model) -> nonces found and nonces invented in the proof of compute that runs"""


@strategies.register("split_small")
@dataclass(frozen=True)
class SplitSmall:
    """Adds as many invented nonces to its claim as the binomial test forgives if it samples every one of them.

    Of 3 nonces the launch rules forgive 2, of 20 they forgive 3, of 200 they forgive 4: hardware that is split over
    hosts (`count`, with a rate `at ... nonces/s`) invents more per nonce found. Nothing is left to chance, except the
    mismatches of what it computed. Reference: protocol 4.4 (critical counts), mechanisms 9 (splitting into small hosts)
    """

    spare: Annotated[
        int, Field(ge=0, le=10_000, description="contradictions that it leaves to nonces that it computed")
    ] = 0
    needs: ClassVar = "many hosts, each with an address and a key, and little hardware for each"
    events: ClassVar = (GenerationOpened, ResultsFound)

    def start(self, identity: Identity) -> Counts:
        """Nothing is found or invented yet."""
        return {}

    def react(self, memory: Counts, event: GenerationOpened | ResultsFound, generator: np.random.Generator) -> Answer:
        """Claim what was found, and what can be added to it by now."""
        view = event.view
        if isinstance(event, GenerationOpened):
            return {key: counts for key, counts in memory.items() if key[0] != view.address}, None
        proof = view.params.rules_at(event.epoch).proof
        model = next(node.model for node in view.ml_nodes if node.node_id == event.node_id)
        key = (view.address, model if proof.claims_by_model else "")
        n_found, n_invented = memory.get(key, (0, 0))
        n_found += len(event.nonces)
        n_more = max(0, self.count_forgiven(n_found, view, event.epoch, key[1]) - n_invented)
        nonces, values = invent(view, event.epoch, event.node_id, n_invented, n_more, event.values, generator)
        claim = ClaimResults(
            event.node_id, np.concatenate([event.nonces, nonces]), np.concatenate([event.values, values])
        )
        return {**memory, key: (n_found, n_invented + n_more)}, (claim,)

    def count_forgiven(self, n_found: int, view: View, epoch: int, model: str) -> int:
        """Return the most nonces that can stand in a claim beside those found, all sampled and none called a fraud."""
        params = view.params
        cut = params.get_cut(view.state.running, model)
        added = np.arange(n_found + 4)
        n_checked = np.minimum(n_found + added, params.validation_sample_size)
        n_contradicted = np.minimum(added + self.spare, n_checked)
        test = params.rules_at(epoch).proof.test_samples(n_checked, n_contradicted, *cut)
        return int(added[~test.frauds].max(initial=0))
