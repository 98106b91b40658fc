"""What governance changes while a scenario runs, the version and the lengths of an epoch; and what-if switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, Field

from sim.errors import did_you_mean
from sim.problems import explained
from sim.protocol.params import EpochParams
from sim.protocol.versions import VERSIONS, Rules
from sim.scenario.declared import make_section
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


class _Height(BaseModel):
    """One change of an epoch's lengths by governance. Reference: protocol 0 (proposal 3), 1.1."""

    model_config = STRICT

    height: int = Field(ge=1, description="block from which on it holds, in the epoch that is running too")


class _Switches(BaseModel):
    """Switches; absent: the version's own."""

    model_config = STRICT


if TYPE_CHECKING:
    RuleSwitches = _Switches

    class EpochChangeConfig(_Height):
        """What `make_section` makes, for the type checker."""

        def __getattr__(self, name: str) -> int | None: ...

else:
    EpochChangeConfig = make_section(
        "EpochChangeConfig", _Height, EpochParams, is_optional=True, without=("epoch_shift",)
    )
    RuleSwitches = make_section("RuleSwitches", _Switches, Rules, is_optional=True)
