"""A validator's early-share guard: what it has noted in the running stage, and its streaks (network 2.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sim.protocol.proofs.base import Episode
from sim.protocol.proofs.commits import Commits
from sim.protocol.proofs.early_share import (
    GuardMode,
    GuardVerdict,
    LeafCheck,
    StageShares,
    Streak,
    find_early_height,
    judge_early,
    needs_leaves,
)


@dataclass(frozen=True)
class ModelGuard:
    """The guard in one proof of compute, for the claims of one model."""

    guard: Guard
    stage: StageShares
    episode: Episode
    model: str

    def needs_leaves(self, host: str) -> bool:
        """Tell whether early leaves are asked for besides the sample."""
        return needs_leaves(self.stage, host)

    @property
    def early_height(self) -> int:
        """Of the early counts."""
        return get_early_height(self.episode)

    def list_concerned(self) -> set[str]:
        """Return the hosts whose share or streak makes a difference: they miss, or a pass may end their misses."""
        missed = {host for (host, model), streak in self.guard.streaks.items() if model == self.model and streak.misses}
        return missed | self.stage.missing

    def refuses(self, host: str, leaves: LeafCheck | None) -> bool:
        """Judge a host whose leaves have arrived, early ones too if they were asked for."""
        key = (host, self.model)
        verdict, self.guard.streaks[key] = judge_early(
            self.stage,
            host,
            self.guard.streaks[key],
            self.episode.start_height,
            is_confirmation=self.episode.is_confirmation,
            leaves=leaves,
            mode=self.guard.mode,
        )
        return verdict is GuardVerdict.VOTE_NO


class Guard:
    """Kept by a host from one proof of compute to the next; it is on disk and outlives a crash."""

    def __init__(self, mode: GuardMode = GuardMode.ENFORCE) -> None:
        self.mode = mode
        self.streaks: defaultdict[tuple[str, str], Streak] = defaultdict(Streak)
        """By host and model."""
        self._noted: int | None = None
        """Key of the last stage whose early counts were noted."""

    def note(self, episode: Episode, height: int) -> None:
        """The host has applied a block while its ML nodes generate: from the early height on it can note the counts."""
        if self._noted != episode.start_height and height >= get_early_height(episode):
            self._noted = episode.start_height

    def open(self, store: Commits, episode: Episode, model: str, powers: Mapping[str, int]) -> ModelGuard | None:
        """Return the guard of one model's claims in `store`; None where early counts were not noted."""
        if self._noted != episode.start_height:
            return None
        stage = store.measure_early(get_early_height(episode), model, powers)
        return ModelGuard(self, stage, episode, model) if stage.median is not None else None


def get_early_height(episode: Episode) -> int:
    """Return the height whose counts are the early ones, in a regular stage or a confirmation."""
    n_blocks = episode.generation_end - episode.opening + 1
    start = episode.opening if episode.is_confirmation else episode.start_height
    height = find_early_height(start, n_blocks)
    assert height is not None, "a stage without blocks"
    return height
