"""Frames as attributes of a result, typed, so that an editor completes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, overload

from sim.metrics.columns import FRAMES, ROWS

if TYPE_CHECKING:
    import pandas as pd


class FrameOf:
    """The frame of a result that is called like the attribute."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self.__doc__ = f"Frame with one row per {ROWS[name]}."

    @overload
    def __get__(self, result: None, owner: type) -> Self: ...
    @overload
    def __get__(self, result: HasFrames, owner: type) -> pd.DataFrame: ...
    def __get__(self, result: HasFrames | None, owner: type) -> Self | pd.DataFrame:
        return self if result is None else result.get_frame(self._name)


class HasFrames:
    """A result whose frames are attributes; those that it lacks raise AttributeError."""

    epochs = FrameOf()
    participants = FrameOf()
    claims = FrameOf()
    groups = FrameOf()
    ml_nodes = FrameOf()
    blocks = FrameOf()
    transactions = FrameOf()
    validations = FrameOf()
    validation_summary = FrameOf()
    difficulty = FrameOf()
    rewards = FrameOf()
    payments = FrameOf()
    inferences = FrameOf()
    prices = FrameOf()
    confirmations = FrameOf()
    offences = FrameOf()
    challenges = FrameOf()
    segments = FrameOf()
    seeds = FrameOf()
    faults = FrameOf()
    propagation = FrameOf()

    def frame_names(self) -> tuple[str, ...]:
        """Return the names of the frames that are there."""
        raise NotImplementedError

    def get_frame(self, name: str) -> pd.DataFrame:
        """Return a frame by its name."""
        raise NotImplementedError

    def __dir__(self) -> list[str]:
        lacking = FRAMES.keys() - set(self.frame_names())
        return [name for name in super().__dir__() if name not in lacking]
