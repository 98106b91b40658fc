"""The host of low precision: computes in coarser numerics than validators do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from pow.params import mode_of
from sim.problems import Problem
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import Compute
from sim.strategies.base import Answer, Identity, Surroundings
from sim.strategies.cheating import claim_sure
from sim.strategies.events import GenerationOpened, ResultsFound

TWO_ERRORS_OF_BFLOAT16 = 1e-4
"""Twice the error of bfloat16. Reference: kernel 6"""


@strategies.register("low_precision")
@dataclass(frozen=True)
class LowPrecision:
    """Computes in coarser `numerics`, and claims what lies nearer than the threshold less `margin`.

    An operation counts alike in all numerics here: multiply its gain by how much faster a card is in the coarser ones.
    The law of answers knows no numerics but stacks, of which `stack` names one. Fate: accepted in v0.2.0 and v0.2.6; in
    v0.2.16 another quantisation is voted invalid. Reference: kernel 6, network 3.1
    """

    numerics: Annotated[str, Field(description="numerics as `work.dtype` names them", min_length=1)] = "bfloat16"
    margin: Annotated[
        float, Field(ge=0.0, le=2.0, description="distance by which its threshold is below that of the rules")
    ] = TWO_ERRORS_OF_BFLOAT16
    stack: Annotated[
        str, Field(description='software and card whose answers it gives, such as "H100 awq 2026-04"; "": its own')
    ] = ""
    needs: ClassVar = "its own build of the kernel, or a smaller copy of the language model"
    events: ClassVar = (GenerationOpened, ResultsFound)

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """Refuse numerics that no kernel has."""
        try:
            mode_of(self.numerics)
        except ValueError as error:
            yield Problem(("numerics",), str(error))

    def doubt(self, rules: Rules) -> str:
        """Answers need a stack."""
        has_no_law = rules.proof.claims_by_model and not self.stack
        return "the law of answers knows stacks and no numerics; `stack` names a coarser one" if has_no_law else ""

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: GenerationOpened | ResultsFound, generator: np.random.Generator) -> Answer:
        """Compute coarsely; keep what is safely inside."""
        if isinstance(event, GenerationOpened):
            return None, (Compute(numerics=self.numerics, stack=self.stack or None),)
        return None, (claim_sure(event, self.margin),)
