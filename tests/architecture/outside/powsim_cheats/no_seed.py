"""The host without a seed: it works for nothing, and nobody learns what it could have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim.strategies import strategies
from sim.strategies.base import Answer, Identity
from sim.strategies.events import EpochOpened


@strategies.register("no_seed")
@dataclass(frozen=True)
class NoSeed:
    """Generates, claims and votes like everybody, but never submits a seed. Reference: protocol 4.6, test 6."""

    events: ClassVar = (EpochOpened,)

    def start(self, identity: Identity) -> None:
        """Nothing to remember."""

    def react(self, memory: None, event: EpochOpened, generator: np.random.Generator) -> Answer:
        """Do nothing where an honest host submits its seed."""
        return None, ()
