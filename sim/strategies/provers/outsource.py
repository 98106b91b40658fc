"""The host that lets others compute: nonces belong to a key, and nobody asks whose hardware found them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.protocol.money.rewards import EPOCH_FACTOR, compute_epoch_reward
from sim.strategies import strategies
from sim.strategies.base import Answer, Identity, Surroundings, View
from sim.strategies.events import BlockApplied, GenerationOpened, ResultsFound
from sim.strategies.provers.pooling import Pool, claim_parcels, lend_nodes, send_parcel


@strategies.register("outsource")
@dataclass(frozen=True)
class Outsource:
    """The operator's first host claims what the ML nodes of its other hosts compute under its key, a delay later.

    It buys in a proof only if a nonce earned its price by the weights of the effective epoch. The others sell all that
    they compute and claim nothing. Reference: protocol 3.5 (keys are public), 9 (nonces computed on demand)
    """

    delay: Annotated[
        float, Field(ge=0.0, le=1e6, description="seconds until results of others are there, a cold start included")
    ] = 0.0
    price_ngonka: Annotated[
        float, Field(ge=0.0, le=1e18, description="price of a tried nonce, in ngonka, above which it buys none")
    ] = 0.0
    needs: ClassVar = "ML nodes of others: further hosts of the operator"
    events: ClassVar = (GenerationOpened, ResultsFound, BlockApplied)

    def start(self, identity: Identity) -> Pool:
        """Know the hosts: who buys, and who sells."""
        return Pool(identity.addresses, {})

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """An operator of one host has nobody to share with."""
        if len(surroundings.own) == 1:
            yield Problem((), "nobody computes for it: give its operator more hosts")

    def react(
        self, memory: Pool, event: GenerationOpened | ResultsFound | BlockApplied, generator: np.random.Generator
    ) -> Answer:
        """Lend all ML nodes but the buyer's to it, pass results on, claim what has come."""
        view, (buyer, *_) = event.view, memory.addresses
        is_buyer = view.address == buyer
        match event:
            case BlockApplied():
                return claim_parcels(memory, view) if is_buyer else (memory, ())
            case ResultsFound():
                return (memory, None) if is_buyer else (send_parcel(memory, buyer, event, self.delay), ())
        if not is_buyer and self.price_ngonka > expect_pay(view, event.epoch):
            return memory, ()
        return memory, lend_nodes(view, memory.addresses, dict.fromkeys(event.node_ids, buyer))


def expect_pay(view: View, epoch: int) -> float:
    """Return what a tried nonce of the host's first ML node would earn if all weights stayed as they are, in ngonka."""
    rules, state = view.params.rules_at(epoch), view.state
    emission = compute_epoch_reward(epoch, state.emitted, epoch_factor=EPOCH_FACTOR if rules.emits_exactly else None)
    weight = float(rules.weight_scale) * rules.proof.hit_probability(state.threshold, view.params.vector_dim)
    if rules.proof.claims_by_model:
        worth = {model.name: float(model.coefficient) for model in rules.models}
        weight *= worth.get(view.ml_nodes[0].model, 1.0)
    return emission * weight / max(1, sum(state.effective.weights.values()))
