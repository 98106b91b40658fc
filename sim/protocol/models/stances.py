"""What hosts have declared about each model: a delegate, a refusal, an intent to serve it (network 2.7, 2.9).

1. Of the three messages of a host about a model the last one wins, and clears the others.
2. A delegation persists. Refusals and intents hold until the next VE.
3. At VE those count that stood at V; for a model that starts, those that stood some blocks before P.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class StanceKind(StrEnum):
    """A host's messages about a model."""

    DELEGATES = "delegates"
    REFUSES = "refuses"
    INTENDS = "intends"


@dataclass(frozen=True)
class Stance:
    """The last word of a host about a model."""

    kind: StanceKind
    delegate: str = ""
    """Of a delegation; "" takes the last word back."""


Stances = Mapping[str, Mapping[str, Stance]]
"""By model and host."""


def declare(stances: Stances, who: str, model: str, stance: Stance) -> dict[str, Mapping[str, Stance]]:
    """Return the stances after a message. Reference: network 2.7."""
    others = {host: known for host, known in stances.get(model, {}).items() if host != who}
    is_kept = stance.kind is not StanceKind.DELEGATES or stance.delegate
    return {**stances, model: {**others, who: stance} if is_kept else others}


def forget_epoch(stances: Stances) -> dict[str, Mapping[str, Stance]]:
    """Return what is left after VE: delegations only. Reference: network 2.7."""
    return {model: select_kind(known, StanceKind.DELEGATES) for model, known in stances.items()}


def select_kind(stances: Mapping[str, Stance], kind: StanceKind) -> dict[str, Stance]:
    """Return one model's stances of this kind, by host."""
    return {who: stance for who, stance in stances.items() if stance.kind is kind}


def is_freeze_height(height: int, next_start: int, deploy_window: int) -> bool:
    """Whether the stances on models that start are frozen in this block: the one `deploy_window` before P.

    A window of 0 freezes never. Reference: network 2.9.
    """
    return deploy_window > 0 and height == next_start - deploy_window
