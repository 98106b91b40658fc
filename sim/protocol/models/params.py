"""Terms of the models on which hosts prove compute, and of the groups of hosts that serve them (network 2.9).

Where an annotation holds a sentence, the field is a key of a scenario's `protocol`, with these bounds and this meaning.
Shares and coefficients are exact fractions of the decimals that governance writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

Share = Annotated[Fraction, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class ModelParams:
    """One governance model: how its answers are compared, and what they are worth. Reference: network 2.5, 2.9."""

    name: str
    """Without blanks."""
    distance_threshold: Annotated[
        float, Field(gt=0, le=2), "distance between two unit vectors from which on a recomputed answer is a mismatch"
    ]
    """Models have no common one; 2 is the largest distance of unit vectors."""
    margin_threshold: Annotated[
        float | None,
        Field(gt=0, le=2),
        "the same in the proof scheme decode: largest margin by which another of its vectors may score better",
    ] = None
    coefficient: Annotated[
        Fraction, Field(ge=0, le=1_000_000), "weight of a nonce; with 0 the model is never eligible and pays nothing"
    ] = Fraction(1)
    p_mismatch: Annotated[float, Field(gt=0, lt=1), "share of mismatches that an honest host may have"] = 0.1
    applied_fraud_p: Annotated[
        float,
        Field(gt=0, lt=1),
        "p-value below which validators vote fraud; the chain's own, 0.05, does not reach them as the published code "
        "is wired",
    ] = 0.01
    is_initial: Annotated[
        bool, "the base model: its group has no cap, and lives with few members while few hosts have old weight"
    ] = False
    penalty_start_epoch: Annotated[
        int,
        Field(ge=0, le=1_000_000),
        "first epoch in which hosts that do not serve the model pay a penalty; 0: from the start",
    ] = 0


@dataclass(frozen=True, kw_only=True)
class GroupParams:
    """What governance sets for the groups of all models together. Reference: network 2.7, 2.9."""

    refusal_penalty: Annotated[Share, "part of its reward that a host loses per model that it refuses"] = Fraction(
        "0.1"
    )
    no_participation_penalty: Annotated[
        Share, "part of its reward that a host loses per model that it neither serves, refuses nor delegates"
    ] = Fraction("0.15")
    delegation_share: Annotated[Share, "part of its reward that a host pays its delegate, per model"] = Fraction("0.05")
    cap_factor: Annotated[
        Fraction, Field(ge=0, le=100), "largest weight of a group beside the base model, in old network weights"
    ] = Fraction("0.75")
    deploy_window: Annotated[
        int, Field(ge=0, le=1_000_000), "blocks before P at which intents are frozen; 0: never"
    ] = 500
    max_model_voting_power: Annotated[
        Share, "largest share of one member in the voting power of a model's group; 0: no clip"
    ] = Fraction("0.3")
    v_min: Annotated[
        int, Field(ge=0, le=1_000_000), "fewest members with old and new weight that make a model's group eligible"
    ] = 3
    validation_slots: int = 0
    """Votes drawn per claim; 0: everybody votes. A chain has them from its `validation_committee`."""


MAINNET_GROUPS = GroupParams()


def find_base(models: Iterable[ModelParams]) -> str:
    """Return the name of the base model; of the first where none is it; empty where there is none at all."""
    listed = list(models)
    return next((model.name for model in (*(each for each in listed if each.is_initial), *listed)), "")


def sort_models(models: Iterable[ModelParams]) -> tuple[ModelParams, ...]:
    """Return the models in the order of their names, in which the chain walks over them."""
    return tuple(sorted(models, key=lambda model: model.name))
