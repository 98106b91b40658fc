"""Agents: a strategy at work. An agent asks it, keeps its memory, and refuses malformed answers."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np

from sim.errors import ExitStatus, UserError
from sim.strategies.actions import KNOWN_ACTIONS, Action
from sim.strategies.base import Event, Identity, Strategy
from sim.strategies.honest import Honest

MOST_ACTIONS = 1000  # in answer to one event; no software sends as many messages at once
HONEST = Honest()


class StrategyError(UserError):
    """A strategy tried an action that no host can do; the program's input was in order, hence status 1."""

    exit_status = ExitStatus.FAILED
    finished: Any = None
    """The result up to the error, for callers in this process."""

    def __reduce__(self) -> tuple[type[StrategyError], tuple[str]]:
        """Cross a process border without the result."""
        return (type(self), (str(self),))


class Agent:
    """The decisions of one host, or of all hosts of one operator, which share the memory."""

    def __init__(self, strategy: Strategy, name: str, identity: Identity, *, is_rehearsed: bool = False) -> None:
        """`is_rehearsed`: every answer is asked for twice, and two answers that differ are an error."""
        self._strategy = strategy
        self.name = name
        self._wanted = frozenset(strategy.events)
        self._honest = frozenset(HONEST.events)
        self._memory = strategy.start(identity)
        self._is_rehearsed = is_rehearsed

    def wants(self, kind: type[Event]) -> bool:
        """Tell whether the strategy, or `honest` in its place, answers this kind of event."""
        return kind in self._wanted or kind in self._honest

    def ask(self, event: Event, generator: np.random.Generator) -> tuple[Action, ...]:
        """Return the actions in answer to an event; raises StrategyError for a malformed answer."""
        actions = None
        if type(event) in self._wanted:
            answer = self._react if not self._is_rehearsed else self._react_twice
            self._memory, actions = answer(event, generator)
        if actions is not None:
            return actions
        return HONEST.react(None, event, generator)[1] or () if type(event) in self._honest else ()

    def fail(self, event: Event, message: str) -> StrategyError:
        """Return the error that names strategy, host, epoch and height."""
        view = event.view
        place = f"epoch {view.state.schedule.index}, height {view.height}"
        return StrategyError(f"strategy {self.name}, host {view.address}, {place}: {message}")

    def _react(self, event: Event, generator: np.random.Generator) -> tuple[Any, tuple[Action, ...] | None]:
        try:
            answer = self._strategy.react(self._memory, event, generator)
        except Exception as error:
            raise self.fail(event, f"{type(error).__name__} at {type(event).__name__}: {error}") from error
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise self.fail(event, f"react returned {_show(answer)}; it must return (memory, actions)")
        memory, actions = answer
        if actions is not None:
            self._check(event, actions)
        return memory, actions

    def _check(self, event: Event, actions: object) -> None:
        if not isinstance(actions, tuple):
            raise self.fail(event, f"the actions are {_show(actions)}; they must be a tuple of actions, or None")
        if len(actions) > MOST_ACTIONS:
            raise self.fail(event, f"{len(actions)} actions at one {type(event).__name__}; at most {MOST_ACTIONS}")
        for action in actions:
            if type(action) not in KNOWN_ACTIONS:
                known = ", ".join(kind.__name__ for kind in KNOWN_ACTIONS)
                raise self.fail(event, f"{_show(action)} is no action. Known: {known}")

    def _react_twice(self, event: Event, generator: np.random.Generator) -> tuple[Any, tuple[Action, ...] | None]:
        """Ask twice with equal memories and draws."""
        kind, before, twin = type(event).__name__, copy.deepcopy(self._memory), copy.deepcopy(generator)
        first = self._react(event, generator)
        if not is_equal(self._memory, before):
            raise self.fail(event, f"it changed its memory in place at {kind}; react must return a new one")
        second = self._react(event, twin)
        for noun, one, other in zip(("memories", "answers"), first, second, strict=True):
            if not is_equal(one, other):
                raise self.fail(event, f"two equal {kind} gave two {noun}: {_show(one)} and {_show(other)}")
        return first


def is_equal(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, arrays and fields included."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(is_equal(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_equal, one, other))
    return one is other or bool(one == other)


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
