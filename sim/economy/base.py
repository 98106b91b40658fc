"""The protocols of compute curves: the network's nonces per second h(t), as steps that add up and invert exactly, or
hosts that watch a price and the difficulty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.errors import UserError
from sim.units import Seconds

Floats = NDArray[np.float64]

HORIZON = 4.0  # curves are laid out for so many times the nominal length of a race; then their last value holds
MOST_STEPS = 200_000
LARGEST_FACTOR = 1e9  # more than that, compute does not change here: every float stays far from its limits
N_LEVELS = 256  # steps that stand for one smooth rise

Level = Annotated[float, Field(gt=0.0, le=1e30, description="nonces per second before anything changes")]
Factor = Annotated[float, Field(gt=1e-6, le=1e6, description="compute after the change / before")]
Moment = Annotated[Seconds, Field(ge=0.0, description="time of the change, from the start of the race")]
Span = Annotated[Seconds, Field(gt=0.0)]


class CurveError(UserError):
    """A curve that cannot be laid out; `str()` is the whole message."""


@dataclass(frozen=True)
class Steps:
    """`values[i]` (nonces/s, or a price; above 0) from `times[i]` (s) to the next; the first time is 0, the last value
    holds on.
    """

    times: Floats
    values: Floats


@dataclass(frozen=True)
class Offer:
    """Mining on this chain, as hosts see it at one decision."""

    price: float
    """Money per coin."""
    difficulty: float
    """In force: tries that a valid nonce takes."""
    ideal: float
    """Tries that a valid nonce would take at the wanted pace, with the compute of the interval that just ended."""


class Hosts(Protocol):
    """Hosts that come and go. They look at the chain at every decision; their compute stays until the next one."""

    @property
    def switching_time(self) -> float:
        """Seconds of work that compute loses when it joins."""

    def first_compute(self, price: float, spacing_seconds: float) -> float:
        """Return the nonces per second with which a race begins; its first difficulty is the right one for them."""

    def next_compute(self, offers: Sequence[Offer]) -> float:
        """Return nonces per second, above 0, until the next decision; `offers` begins with the price,
        difficulty and compute of the race's beginning and ends with the present ones.
        """


@dataclass(frozen=True)
class Market:
    """One replication's price, and the hosts that watch it."""

    prices: Steps
    hosts: Hosts


class Curve(Protocol):
    """The network's compute over time."""

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps | Market:
        """Return the curve from 0 to the horizon; only a random curve draws. Raises CurveError."""


class Price(Protocol):
    """Money per coin over time."""

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the price from 0 to the horizon; only a random price draws. Raises CurveError."""


def sample(value_at: Callable[[Floats], Floats], start: float, end: float, n_steps: int) -> tuple[Floats, Floats]:
    """Steps of equal length from `start` to `end` seconds, each with the value in its middle."""
    edges = np.linspace(start, end, n_steps + 1)
    return edges[:-1], value_at((edges[:-1] + edges[1:]) / 2)


def join(*parts: tuple[Floats, Floats]) -> Steps:
    """Put parts one after the other; where one begins at the time of the last step, it takes that step's place."""
    times = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1] for part in parts])
    is_kept = np.append(np.diff(times) > 0, True)
    return Steps(times[is_kept], values[is_kept])


def at(time: float, value: float) -> tuple[Floats, Floats]:
    """One step."""
    return np.array([time]), np.array([value])


def check_n_steps(horizon_seconds: float, step_seconds: float) -> int:
    """How many steps reach the horizon; raises CurveError where they are too many."""
    n_steps = horizon_seconds / step_seconds
    if n_steps > MOST_STEPS:
        raise CurveError(
            f"steps of {step_seconds:g} s until {horizon_seconds:g} s are {n_steps:.3g}; at most {MOST_STEPS}"
        )
    return int(np.ceil(n_steps))
