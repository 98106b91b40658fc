"""Sections of a scenario about the chain: timeouts of consensus, mempools, and the records that a run keeps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.consensus.rounds import Timeouts
from sim.scenario.hosts import StrictModel
from sim.units import Seconds

_Timeout = Annotated[Seconds, Field(gt=0)]


class ConsensusConfig(StrictModel):
    """How long validators wait for each other; the defaults are CometBFT's."""

    timeout_propose: _Timeout = Field(
        Timeouts.propose_seconds, description="wait for a round's block before a validator prevotes nil"
    )
    timeout_prevote: _Timeout = Field(
        Timeouts.prevote_seconds, description="wait for more prevotes after 2/3 of them that do not agree"
    )
    timeout_precommit: _Timeout = Field(
        Timeouts.precommit_seconds, description="wait for more precommits after 2/3 of them, before the next round"
    )
    timeout_delta: Seconds = Field(Timeouts.delta_seconds, description="by how much all three grow with each round")

    @property
    def timeouts(self) -> Timeouts:
        """The same as a rule's value."""
        return Timeouts(self.timeout_propose, self.timeout_prevote, self.timeout_precommit, self.timeout_delta)


class MempoolConfig(StrictModel):
    """In which order a proposer takes transactions, and for how long a host keeps them."""

    order: Literal["first_come", "fee"] = Field(
        "first_come",
        description="`first_come`: by arrival at the proposer; `fee`: the highest fee per byte first, then by arrival",
    )
    ttl_blocks: int | None = Field(
        None, ge=1, le=10**9, description="blocks after which a host forgets a pending transaction; null: it keeps it"
    )


class MetricsConfig(StrictModel):
    """Which records a run stores."""

    validations: Literal["auto", "full", "summary"] = Field(
        "auto",
        description="`full`: a row per epoch, validator and participant; `summary`: sums by validator; `auto`: `full` "
        "up to 5 million expected rows",
    )
    keep: Literal["memory", "disk"] = Field(
        "memory",
        description="where rows wait for the end of a run: `disk`: those of epochs that are over are written into its "
        "results folder meanwhile, so that a run of any length takes bounded memory; a run without folder has `memory`",
    )
