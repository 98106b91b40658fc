"""The challenger: demands a long proof of compute of one host, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sim.errors import did_you_mean
from sim.problems import Problem
from sim.protocol.switches import Rules
from sim.strategies import strategies
from sim.strategies.actions import ChallengeHost
from sim.strategies.base import MOST_LISTED, Answer, Identity, Surroundings
from sim.strategies.events import BlockApplied


@strategies.register("challenge")
@dataclass(frozen=True)
class Challenger:
    """Challenges one host in one epoch, with coins of its own balance as the stake; is honest in all else.

    It loses the stake to a target that passes, and has the target's open reward where it fails. Reference: network 2.13
    """

    host: Annotated[str, Field(min_length=1, description="address of the host, as `farm-0`", examples=["farm-0"])]
    epoch: Annotated[int, Field(ge=1, le=1_000_000, description="epoch in which it is challenged", examples=[2])]
    blocks: Annotated[
        int, Field(ge=1, le=1_000_000, description="blocks from the epoch's weights coming into force to the message")
    ] = 1
    needs: ClassVar = "free coins, and a place on the list of challengers where there is one"
    events: ClassVar = (BlockApplied,)

    def start(self, identity: Identity) -> None:
        """No memory."""

    def react(self, memory: None, event: BlockApplied, generator: np.random.Generator) -> Answer:
        """Send the challenge at its height."""
        schedule = event.view.state.schedule
        is_time = schedule.index == self.epoch and event.view.height == schedule.set_validators + self.blocks
        return memory, (ChallengeHost(self.host),) if is_time else ()

    def doubt(self, rules: Rules) -> str:
        """The chain may know no challenges."""
        return "" if rules.allows_challenges else "these rules know no challenges, so that every one is refused"

    def find_problems(self, surroundings: Surroundings) -> Iterator[Problem]:
        """Yield a host that the scenario has not, or that is the challenger itself."""
        everybody = surroundings.everybody
        if self.host not in everybody:
            known = sorted(everybody)[:MOST_LISTED]
            yield Problem(("host",), f'unknown host "{self.host}".{did_you_mean(self.host, known)}')
        elif surroundings.own == (self.host,):
            yield Problem(("host",), f"{self.host} is this very host; it must be another one")
