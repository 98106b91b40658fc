"""Changes of an epoch's lengths while a chain runs."""

from __future__ import annotations

from pydantic import BaseModel, Field

from sim.scenario.hosts import STRICT


class EpochChangeConfig(BaseModel):
    """One change of an epoch's lengths by governance. Reference: protocol 0 (proposal 3), 1.1."""

    model_config = STRICT

    height: int = Field(ge=1, description="block from which on it holds, in the epoch that is running too")
    epoch_length: int | None = Field(None, ge=1, description="blocks from one PoC start to the next")
    poc_stage_duration: int | None = Field(None, ge=1, description="blocks of generation")
    poc_exchange_duration: int | None = Field(None, ge=0, description="blocks after generation for batches")
    poc_validation_delay: int | None = Field(None, ge=0, description="blocks from generation to validation")
    poc_validation_duration: int | None = Field(None, ge=1, description="blocks of validation")
    set_new_validators_delay: int | None = Field(None, ge=0, description="blocks from validation to the new weights")
    inference_validation_cutoff: int | None = Field(None, ge=0, description="blocks in which none is validated")
