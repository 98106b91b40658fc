"""The models of main net and their terms, vote by vote: v0.2.9 of February to proposal 101 of September 2026.

Facts published by the network; the day of a vote is turned into the epoch in which it acted. Reference: network 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from sim.protocol.models.params import ModelParams, sort_models

QWEN, KIMI, MINIMAX = "Qwen3-235B-A22B", "Kimi-K2.6", "MiniMax-M2.7"
GLM_5_2, GLM_5_3, DEEPSEEK = "GLM-5.2-FP8", "GLM-5.3-Flash", "DeepSeek-V4-Flash-0731"

DISTANCE_THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {QWEN: 0.2, KIMI: 0.4, MINIMAX: 0.75, DEEPSEEK: 0.41, GLM_5_3: 0.44}
)
"""As governance set them; the one of GLM-5.2-FP8, which never started, is not published."""
MARGIN_THRESHOLDS: Mapping[str, float] = MappingProxyType({MINIMAX: 0.04, DEEPSEEK: 0.025, GLM_5_3: 0.025})
"""Of the scheme `decode`, not live; the stricter ends of .04-.05 and .025-.03 [I]. Reference: network 2.10"""
PENALTY_STARTS: Mapping[str, int] = MappingProxyType({MINIMAX: 278, DEEPSEEK: 360, GLM_5_3: 394, GLM_5_2: 500})


@dataclass(frozen=True)
class ModelVote:
    """From this epoch on a model has this coefficient; None: it is out."""

    epoch_index: int
    source: str
    model: str
    coefficient: str | None
    is_initial: bool = False


VOTES = (
    ModelVote(159, "v0.2.9", QWEN, "0.262", is_initial=True),
    ModelVote(176, "v0.2.10", QWEN, "0.3593", is_initial=True),
    ModelVote(249, "v0.2.12", KIMI, "1.26"),
    ModelVote(277, "v0.2.13", KIMI, "0.78"),
    ModelVote(277, "v0.2.13", MINIMAX, "0.3024"),
    ModelVote(308, "proposal 78", MINIMAX, "0.3024", is_initial=True),
    ModelVote(308, "proposal 78", QWEN, None),
    ModelVote(308, "proposal 78", KIMI, None),
    ModelVote(311, "proposal 79", KIMI, "0.9"),
    ModelVote(311, "proposal 79", GLM_5_2, "2.47"),
    ModelVote(360, "proposal 94", DEEPSEEK, "0.214"),
    ModelVote(367, "proposal 96", KIMI, "0.945"),
    ModelVote(367, "proposal 96", GLM_5_2, "2.5935"),
    ModelVote(395, "proposal 101", GLM_5_3, "0.62"),
    ModelVote(395, "proposal 101", KIMI, None),
    ModelVote(395, "proposal 101", GLM_5_2, None),
    ModelVote(403, "seen in epoch 403", DEEPSEEK, "0.246"),
)
"""In the order of their epochs. Between two observations the epoch of a change is the first in which it was seen."""


def models_at(epoch_index: int) -> tuple[ModelParams, ...]:
    """Return main net's models of an epoch, by name; none before v0.2.9 decided weights by answers.

    A model without a published threshold is left out: nothing of it could be checked.
    """
    latest = {vote.model: vote for vote in VOTES if vote.epoch_index <= epoch_index}
    return sort_models(
        _describe(vote) for vote in latest.values() if vote.model in DISTANCE_THRESHOLDS and vote.coefficient
    )


def _describe(vote: ModelVote) -> ModelParams:
    return ModelParams(
        name=vote.model,
        distance_threshold=DISTANCE_THRESHOLDS[vote.model],
        margin_threshold=MARGIN_THRESHOLDS.get(vote.model),
        coefficient=Fraction(vote.coefficient or 0),
        is_initial=vote.is_initial,
        penalty_start_epoch=PENALTY_STARTS.get(vote.model, 0),
    )
