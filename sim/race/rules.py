"""A controller in every replication at once: vectorised twins of the plug-ins, or the plug-in itself if it has none.

In the race each interval finds what is wanted (n = 1) and takes a random time t, so that a twin needs D and t only. The
laws stand in the plug-ins; a test holds each twin to its plug-in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sim.difficulty.asert import LARGEST_EXPONENT, Asert
from sim.difficulty.base import Controller
from sim.difficulty.coefficient import Coefficient
from sim.difficulty.digishield import Digishield
from sim.difficulty.ema import ExponentialAverage
from sim.difficulty.epoch_average import PeriodicAverage
from sim.difficulty.fixed import Fixed
from sim.difficulty.kalman import Kalman
from sim.difficulty.lwma import LinearlyWeightedAverage
from sim.difficulty.pid import Pid
from sim.difficulty.proportional import Proportional
from sim.difficulty.sma import SimpleMovingAverage
from sim.difficulty.wtema import RelativeError
from sim.economy.base import Floats
from sim.protocol.state import EpochObservation
from sim.race.windows import RankedSum, RunningSum

N_BEFORE = 200
"""Intervals before the race that met the setpoint exactly: no controller starts from one lucky block."""


@dataclass(frozen=True)
class Start:
    """How a race begins: difficulty of each replication, nonces per interval, number of the first interval."""

    difficulty: Floats
    quota: int
    first_index: int


class Rule(Protocol):
    """The next difficulty of every replication."""

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """Return new difficulties from those in force and from what the interval took, time / wanted time."""


def make_rule(controller: Controller, start: Start) -> Rule:
    """Return the controller's twin, or a rule that asks the controller itself, replication by replication."""
    twin = TWINS.get(type(controller))
    return ReadableRule(controller, start) if twin is None else twin(controller, start)


class ReadableRule:
    """The plug-in's own `next_difficulty` on each replication's history."""

    def __init__(self, controller: Controller, start: Start) -> None:
        self._controller, self._quota, self._index = controller, start.quota, start.first_index
        first = start.first_index - N_BEFORE
        self._histories = [
            [EpochObservation(first + number, float(difficulty), start.quota) for number in range(N_BEFORE)]
            for difficulty in start.difficulty
        ]

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        for history, *seen in zip(self._histories, difficulty.tolist(), time_ratio.tolist(), strict=True):
            history.append(EpochObservation(self._index, seen[0], self._quota, seen[1]))
        self._index += 1
        return np.array([self._controller.next_difficulty(history) for history in self._histories])


class SoundRule:
    """Another rule, whose answers count where they are difficulties: a window of false timestamps may have no length or
    a negative one. Where its answer is none, the difficulty in force stays.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        with np.errstate(divide="ignore"):
            decided = self._rule.decide(difficulty, time_ratio)
        return np.where((decided > 0) & (decided < np.inf), decided, difficulty)


class FixedRule:
    """Twin of `fixed`."""

    def __init__(self, controller: Fixed, start: Start) -> None:
        pass

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        return difficulty


class ProportionalRule:
    """Twin of `proportional`."""

    def __init__(self, controller: Proportional, start: Start) -> None:
        self._max_step = controller.max_step

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        return difficulty * _clamp(1.0 / time_ratio, 1.0 / self._max_step, self._max_step)


class EmaRule:
    """Twin of `ema`."""

    def __init__(self, controller: ExponentialAverage, start: Start) -> None:
        self._decay, self._estimate = -1.0 / controller.lifetime, start.difficulty

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        kept = np.exp(time_ratio * self._decay)
        self._estimate = self._estimate * kept + difficulty / time_ratio * (1.0 - kept)
        return self._estimate


class WtemaRule:
    """Twin of `wtema`."""

    def __init__(self, controller: RelativeError, start: Start) -> None:
        self._share = 1.0 / controller.lifetime

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        return difficulty / (time_ratio * self._share + (1.0 - self._share))


class AsertRule:
    """Twin of `asert`."""

    def __init__(self, controller: Asert, start: Start) -> None:
        self._half_life, self._first = controller.half_life, start.difficulty
        self._surplus = np.zeros_like(start.difficulty)

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        self._surplus += 1.0 - time_ratio
        return self._first * np.exp2(_clamp(self._surplus / self._half_life, -LARGEST_EXPONENT, LARGEST_EXPONENT))


class PidRule:
    """Twin of `pid`."""

    def __init__(self, controller: Pid, start: Start) -> None:
        k_p, k_i, k_d = controller.k_p, controller.k_i, controller.k_d
        self._now, self._once, self._twice = k_i + k_p + k_d, -k_p - 2.0 * k_d, k_d
        self._bound = math.log(controller.max_step)
        self._before = self._before_last = np.zeros_like(start.difficulty)

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        error = -np.log(time_ratio)
        move = self._now * error + self._once * self._before + self._twice * self._before_last
        self._before_last, self._before = self._before, error
        return difficulty * np.exp(_clamp(move, -self._bound, self._bound))


class KalmanRule:
    """Twin of `kalman`: each interval finds as many nonces, so that the gain is one number for all replications."""

    def __init__(self, controller: Kalman, start: Start) -> None:
        self._added, self._noise = controller.drift**2, 1.0 / start.quota
        self._variance, self._estimate = self._noise, np.log(start.difficulty)
        for _ in range(N_BEFORE - 1):
            self._compute_gain()

    def _compute_gain(self) -> float:
        self._variance += self._added
        gain = self._variance / (self._variance + self._noise)
        self._variance *= 1.0 - gain
        return gain

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        self._estimate = self._estimate + self._compute_gain() * (np.log(difficulty / time_ratio) - self._estimate)
        return np.exp(self._estimate)


class EpochAverageRule:
    """Twin of `epoch_average`."""

    def __init__(self, controller: PeriodicAverage, start: Start) -> None:
        self._period, self._max_step = controller.period, controller.max_step
        self._n_seen = N_BEFORE % self._period
        self._elapsed = np.full_like(start.difficulty, float(self._n_seen))

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        self._elapsed += time_ratio
        self._n_seen += 1
        if self._n_seen < self._period:
            return difficulty
        speed = self._period / self._elapsed
        self._n_seen, self._elapsed = 0, np.zeros_like(self._elapsed)
        return difficulty * _clamp(speed, 1.0 / self._max_step, self._max_step)


class SmaRule:
    """Twin of `sma`."""

    def __init__(self, controller: SimpleMovingAverage, start: Start) -> None:
        self._work = RunningSum(controller.window, start.difficulty, N_BEFORE)
        self._time = RunningSum(controller.window, np.ones_like(start.difficulty), N_BEFORE)

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        return self._work.push(difficulty) / self._time.push(time_ratio)


class LwmaRule:
    """Twin of `lwma`."""

    def __init__(self, controller: LinearlyWeightedAverage, start: Start) -> None:
        self._work = RankedSum(controller.window, start.difficulty, N_BEFORE)
        self._time = RankedSum(controller.window, np.ones_like(start.difficulty), N_BEFORE)

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        return self._work.push(difficulty) / self._time.push(time_ratio)


class DigishieldRule:
    """Twin of `digishield`."""

    def __init__(self, controller: Digishield, start: Start) -> None:
        self._target = RunningSum(controller.window, 1.0 / start.difficulty, N_BEFORE)
        self._time = RunningSum(controller.window, np.ones_like(start.difficulty), N_BEFORE)
        self._damping = controller.damping
        self._shortest, self._longest = 1.0 - controller.max_rise, 1.0 + controller.max_fall

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        targets, times = self._target.push(1.0 / difficulty), self._time.push(time_ratio)
        damped = 1.0 + (times / self._time.n_seen - 1.0) / self._damping
        return self._target.n_seen / targets / _clamp(damped, self._shortest, self._longest)


class CoefficientRule:
    """Twin of `coefficient`, in floats."""

    def __init__(self, controller: Coefficient, start: Start) -> None:
        self._controller, self._first = controller, start.difficulty
        self._coefficient = np.ones_like(start.difficulty)
        self._step = np.full_like(start.difficulty, controller.step_ceiling / 2)
        self._direction = np.zeros_like(start.difficulty)

    def decide(self, difficulty: Floats, time_ratio: Floats) -> Floats:
        """See `Rule.decide`."""
        rule, share = self._controller, 1.0 / time_ratio
        rests = np.abs(1.0 - share) <= rule.zone
        direction = np.where(rests, 0.0, np.sign(1.0 - share))
        ceiling = np.where(share < rule.bootstrap_share, rule.bootstrap_ceiling, rule.step_ceiling)
        turns = self._direction * direction < 0.0
        step = np.minimum(np.where(turns, np.maximum(self._step / 2, rule.step_floor), self._step * 2), ceiling)
        self._coefficient = _clamp(self._coefficient * (1.0 + direction * step), rule.low, rule.high)
        self._step = np.where(rests, rule.step_ceiling / 2, step)
        self._direction = direction
        return self._first / self._coefficient


def _clamp(values: Floats, low: float, high: float) -> Floats:
    """Bound every value; `np.clip` takes three times as long on short rows."""
    bounded: Floats = np.minimum(np.maximum(values, low), high)
    return bounded


TWINS: dict[type, Callable[[Any, Start], Rule]] = {
    Fixed: FixedRule,
    Proportional: ProportionalRule,
    ExponentialAverage: EmaRule,
    RelativeError: WtemaRule,
    Asert: AsertRule,
    Pid: PidRule,
    Kalman: KalmanRule,
    PeriodicAverage: EpochAverageRule,
    SimpleMovingAverage: SmaRule,
    LinearlyWeightedAverage: LwmaRule,
    Digishield: DigishieldRule,
    Coefficient: CoefficientRule,
}
