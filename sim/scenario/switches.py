"""`protocol.rules` of a scenario: the switches of the table of versions, each of which may be changed by itself.

The fields are made from `sim.protocol.versions.Rules`, so that a switch is declared and described there and nowhere
else. Reference: protocol 0
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, Field, create_model

from sim.protocol.versions import TABLE, Rules
from sim.scenario.hosts import STRICT

_BOUNDS: dict[str, dict[str, Any]] = {
    "r_target": {"gt": 0, "le": 2},
    "weight_scale": {"gt": 0, "le": 1e6},
    "preserved_share": {"ge": 0, "le": 1},
    "miss_probability": {"ge": 0, "lt": 1},
    "settlement_cap": {"ge": 0, "le": 1},
    "confirmations_per_epoch": {"ge": 0, "le": 100},
    "member_page_limit": {"ge": 0},
    "settlement_page_limit": {"ge": 0},
}


def describe_switches() -> dict[str, str]:
    """Return each switch's meaning: the text under its field in `Rules`, without the reference."""
    source = inspect.getsource(Rules)
    texts = re.findall(r'^    (\w+): [\w ]+\n    """(.*?)"""', source, flags=re.MULTILINE | re.DOTALL)
    return {name: " ".join(re.sub(r"\s*Reference: [^\n]*", "", text).split()) for name, text in texts}


def _make_model() -> type[BaseModel]:
    types, meanings = get_type_hints(Rules), describe_switches()
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(Rules):
        if field.name in TABLE:
            kind = float if types[field.name] is Fraction else types[field.name]
            meaning = meanings[field.name][0].lower() + meanings[field.name][1:].rstrip(".")
            described = Field(None, description=meaning, **_BOUNDS.get(field.name, {}))
            fields[field.name] = (kind | None, described)
    return create_model("RuleSwitches", __config__=STRICT, __doc__="Switches; absent: the version's own.", **fields)


if TYPE_CHECKING:

    class RuleSwitches(BaseModel):
        """What `_make_model` makes, for the type checker."""

else:
    RuleSwitches = _make_model()
