"""The protocols of compute curves: the network's nonces per second h(t), as steps that add up and invert exactly, or
hosts that watch a price and the difficulty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.errors import UserError
from sim.units import Seconds

Floats = NDArray[np.float64]

HORIZON = 4.0  # curves are laid out for so many times the nominal length of a race; then their last value holds
MOST_STEPS = 200_000
LARGEST_FACTOR = 1e9  # more than that, compute does not change here: every float stays far from its limits
DAY_SECONDS = 86_400.0
N_LEVELS = 256  # steps that stand for one smooth rise

Compute = Annotated[float, Field(ge=0.0, le=1e30)]
PriceValue = Annotated[float, Field(gt=0.0, le=1e12)]
Level = Annotated[float, Field(gt=0.0, le=1e30, description="nonces per second before anything changes")]
Factor = Annotated[float, Field(gt=1e-6, le=1e6, description="compute after the change / before")]
Moment = Annotated[Seconds, Field(ge=0.0, description="time of the change, from the start of the race")]
Span = Annotated[Seconds, Field(gt=0.0)]


class CurveError(UserError):
    """A curve that cannot be laid out; `str()` is the whole message."""


@dataclass(frozen=True)
class Steps:
    """`values[i]` (nonces/s, or a price) from `times[i]` (s) to the next; the first time is 0, the last value holds on.

    Prices are above 0. Compute may be 0 in between: no block comes until it is back. Its first value is above 0, for a
    race begins with the difficulty that is right for it, and so is its last, for a block must come some day.
    """

    times: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Offer:
    """What mining this chain looks like at one decision, a row over replications each."""

    price: Floats
    """Money per coin."""
    difficulty: Floats
    """In force: tries that a valid nonce takes."""
    work: Floats
    """Tries that a valid nonce took in the interval that just ended: the difficulty then in force."""
    time: Floats
    """Time that this interval took / wanted time; all that hosts can read of the compute is work over time."""


class Hosts(Protocol):
    """Hosts that come and go: a fold over decisions, as a controller is one over intervals.

    They look at the chain at every decision; their compute stays until the next one. The law is written once, with
    NumPy's functions, for all replications of a race.
    """

    @property
    def switching_time(self) -> float:
        """Seconds of work that compute loses when it joins."""

    def first_compute(self, price: Floats, spacing_seconds: float) -> Floats:
        """Return the nonces per second with which a race begins; its first difficulty is the right one for them."""

    def start(self, first: Offer) -> Any:
        """Return the memory before the first decision, made of the race's beginning."""

    def respond(self, state: Any, offer: Offer) -> tuple[Any, Floats]:
        """Return the memory after a decision and the nonces per second, above 0, until the next one."""


@dataclass(frozen=True)
class Market:
    """One replication's price, and the hosts that watch it."""

    prices: Steps
    hosts: Hosts


class Curve(Protocol):
    """The network's compute over time.

    It may have a method `find_warnings(race_seconds)`, which yields sentences on a layout that is valid and perhaps not
    what a race of that length should have: a series that ends before.
    """

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps | Market:
        """Return the curve from 0 to the horizon; only a random curve draws. Raises CurveError."""


class Price(Protocol):
    """Money per coin over time."""

    def lay_out(self, horizon_seconds: float, generator: np.random.Generator) -> Steps:
        """Return the price from 0 to the horizon; only a random price draws. Raises CurveError."""


def check_layout(laid_out: Steps | Market) -> Steps | Market:
    """Return a layout on which a race can be run. Raises CurveError, also for plug-ins that promise too much."""
    if isinstance(laid_out, Market):
        _check_steps(laid_out.prices, "the price")
        if not laid_out.prices.values.min() > 0:
            raise CurveError("the price must be above 0 at all times")
        return laid_out
    _check_steps(laid_out, "compute")
    first, last = laid_out.values[[0, -1]]
    if not first > 0:
        raise CurveError("compute begins at 0: a race begins with the difficulty that is right for its first value")
    if not last > 0:
        raise CurveError("compute ends at 0: no block would ever come; let it end with the value that holds on")
    return laid_out


def _check_steps(steps: Steps, noun: str) -> None:
    times, values = steps.times, steps.values
    if len(times) != len(values) or not len(times) or times[0] != 0 or not (np.diff(times) > 0).all():
        raise CurveError(f"times of {noun} must grow from 0, one for each value")
    if not (np.isfinite(times).all() and np.isfinite(values).all() and values.min() >= 0):
        raise CurveError(f"times and values of {noun} must be finite numbers, values at least 0")


def warn_of_end(name: str, end_seconds: float, last_value: float, race_seconds: float) -> Iterator[str]:
    """Yield a sentence where a series ends before a race of so many seconds."""
    if end_seconds < race_seconds:
        ends, takes = (f"{seconds / DAY_SECONDS:.4g} d" for seconds in (end_seconds, race_seconds))
        yield f"{name} ends after {ends}, a race takes {takes}: its last value, {last_value:.4g}, holds on"


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


def walk(level: float, moves: Floats, every_seconds: float, passing: float | Floats = 0.0) -> Steps:
    """Steps of equal length whose logarithm moves so in each, within a factor 10⁹ of the level, `passing` on top."""
    limit = np.log(LARGEST_FACTOR)
    logarithms = np.clip(np.concatenate([[0.0], np.cumsum(moves)]), -limit, limit)
    logarithms[1:] += passing
    return Steps(every_seconds * np.arange(len(moves) + 1.0), level * np.exp(logarithms))


def check_n_steps(horizon_seconds: float, step_seconds: float) -> int:
    """How many steps reach the horizon; raises CurveError where they are too many."""
    n_steps = horizon_seconds / step_seconds
    if n_steps > MOST_STEPS:
        raise CurveError(
            f"steps of {step_seconds:g} s until {horizon_seconds:g} s are {n_steps:.3g}; at most {MOST_STEPS}"
        )
    return int(np.ceil(n_steps))
