"""What governance changes while a scenario runs: the version, and the lengths of an epoch."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from sim.errors import did_you_mean
from sim.problems import explained
from sim.protocol.versions import VERSIONS
from sim.scenario.hosts import STRICT, EpochNumber


def _check_version(version: str) -> str:
    if version not in VERSIONS:
        raise explained(f'unknown version "{version}".{did_you_mean(version, VERSIONS)}')
    return version


Version = Annotated[str, AfterValidator(_check_version), Field(json_schema_extra={"enum": list(VERSIONS)})]


class UpgradeConfig(BaseModel):
    """One change of the version. Reference: protocol 0."""

    model_config = STRICT

    epoch: EpochNumber = Field(description="epoch from whose start on the version's rules hold")
    version: Version = Field(description="version that comes into force")


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
