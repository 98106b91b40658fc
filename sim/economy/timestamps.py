"""False timestamps: the share of liars, the bounds that the chain sets them, and how it reads the timestamps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.units import Seconds


class FalseTimestamps(BaseModel):
    """Some of the decisions' timestamps are false. A timestamp must lie above the median of the last ones,
    for honest hosts as well, who move theirs up to it by a second.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    share: Annotated[float, Field(ge=0.0, lt=1.0, description="share of timestamps that are false")]
    claim: Literal["ahead", "behind"] = Field(
        "ahead", description="false ones: ahead of time by `most_ahead`, or behind, as far as the median allows"
    )
    most_ahead: Annotated[Seconds, Field(ge=0.0)] = Field(7200.0, description="most that the chain accepts")
    median_of: int = Field(11, ge=1, le=1001, description="timestamps whose median is taken")
    reading: Literal["raw", "monotone", "floored"] = Field(
        "monotone",
        description="raw: an interval may be negative; monotone: from the latest timestamp so far to the next later "
        "one; floored: negative intervals count as none",
    )
