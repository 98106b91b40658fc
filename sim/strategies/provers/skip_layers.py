"""The host that skips layers: a cheaper kernel whose small error it keeps away from the threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.problems import Problem
from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.cheating import claim_sure, find_excess_layers
from sim.strategies.events import GenerationOpened, ResultsFound

TWO_ERRORS_WITHOUT_LAYERS = 1.4e-4
"""Twice the error of main net's model without any layer. Reference: kernel 7"""


@strategies.register("skip_layers")
@dataclass(frozen=True)
class SkipLayers:
    """Runs the first `layers` of the model only, and claims what lies nearer than the threshold less `margin`.

    The norms of `hits` leave the layers next to no influence, so that nearly all that it claims is valid for validators
    who run all of them. For `answers` the law takes each as wrong, since trained layers matter [I]; random ones, as
    those of the kernel's models, do not. Fate: accepted in v0.2.0 and v0.2.6; by the law voted invalid in v0.2.16.
    Reference: kernel 7, network 2.4
    """

    layers: Annotated[int, Field(ge=0, le=1000, description="layers that are run, the first ones", examples=[0])]
    margin: Annotated[
        float, Field(ge=0.0, le=2.0, description="distance by which its threshold is below that of the rules")
    ] = TWO_ERRORS_WITHOUT_LAYERS
    needs: ClassVar = "its own build of the kernel"
    events: ClassVar = (GenerationOpened, ResultsFound)

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """Refuse layers that the model does not have."""
        return find_excess_layers(self.layers, surroundings)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: GenerationOpened | ResultsFound, generator: np.random.Generator) -> Answer:
        """Run few layers; keep what is safely inside."""
        if isinstance(event, GenerationOpened):
            return None, (Compute(n_layers=self.layers),)
        return None, (claim_sure(event, self.margin),)
