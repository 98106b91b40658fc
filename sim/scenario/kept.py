"""How much a run keeps of what happens in it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from sim.scenario.hosts import STRICT


class MetricsConfig(BaseModel):
    """What a run keeps."""

    model_config = STRICT

    validations: Literal["auto", "full", "summary"] = Field(
        "auto",
        description="`full`: a row per epoch, validator and participant; `summary`: sums by validator; `auto`: `full` "
        "up to 5 million expected rows",
    )
