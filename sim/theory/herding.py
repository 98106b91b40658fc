"""Hosts who share a fixed pot per time: from which loop gain on they come and go together for ever.

A share of them mines that falls with c, the cost over revenue of the last w intervals, seen d intervals late (`window`
and `delay` of `profit_driven` with `paid_per: time`). What all earn is fixed, so that c grows with the compute H: near
the balance H* a compute that is h above it takes K h / w off each of the next w answers, K the loop gain. Without
chance

    h_n = - K / w · (h_(n-1-d) + ... + h_(n-w-d)),

with the poles z^(w+d) + K / w · (z^(w-1) + ... + 1) = 0. For small K all lie inside the unit circle. They first reach
it as z = e^(iθ): the sum is e^(iθ(w-1)/2) · sin(w θ/2) / sin(θ/2), its phase is right for θ = 2 π / (w + 1 + 2 d), and
the size then gives K = w · sin(θ/2) / sin(w θ/2). Beyond, compute swings with the period 2 π / θ = w + 1 + 2 d
intervals, whatever the controller does. It is the cobweb of economists, with an average and a delay in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from sim.economy.base import Floats, Offer
from sim.economy.profit_driven import HOUR_SECONDS, ProfitDriven
from sim.theory.loop import find_limit
from sim.theory.row import Row

CASES = ((6, 1), (1, 0), (1, 2), (3, 2), (12, 1))  # window, delay
BETWEEN = (0.2, 8.0, 0.002)  # where limits are sought, and how exactly
STEADY, VARIABLE, SPACING_SECONDS, N_DECISIONS = 990.0, 20.0, 600.0, 2000
PUSH = 1e-6  # of the compute, at the beginning: no share is near 0 or 1


def compute_critical_gain(window: int, delay: int) -> float:
    """Return the loop gain from which on compute swings for ever; 1 where the last interval is seen at once."""
    half = math.pi / (window + 1 + 2 * delay)
    return window * math.sin(half) / math.sin(window * half)


def compute_period(window: int, delay: int) -> int:
    """Return the intervals from one swing to the next at the critical gain."""
    return window + 1 + 2 * delay


def compute_loop_gain(hosts: ProfitDriven, spacing_seconds: float, price: float = 1.0) -> float:
    """Return the loop gain of hosts paid per time, greedy ones aside, where some but not all variable ones mine.

    It is variable / (2 · variable_margin) · cost of one nonce/s over revenue: about variable / (2 · variable_margin ·
    H*), for at the balance H* cost and revenue are nearly equal.
    """
    cost = hosts.cost * spacing_seconds / (HOUR_SECONDS * hosts.reward * price)
    return hosts.variable / (2.0 * hosts.variable_margin) * cost


def herding_rows(quick: bool) -> Iterator[Row]:
    """Hosts of a lab, without chance, beside the poles; the period of their swings."""
    for window, delay in CASES[: 2 if quick else None]:
        ours, limit = find_limit(partial(_dies_out, window, delay), *BETWEEN), compute_critical_gain(window, delay)
        quantity = f"paid per time: critical loop gain, window {window}, delay {delay}"
        yield Row.relative(f"{quantity}, relative", ours, limit, 0.01)
    ours = _measure_period(6, 1)
    yield Row.relative("intervals of a swing there, window 6, delay 1, relative", ours, compute_period(6, 1), 0.01)


def _dies_out(window: int, delay: int, gain: float) -> bool:
    away, seen = np.abs(_follow(window, delay, gain)), window + delay
    return bool(away[-100:].max() < away[seen : seen + 100].max())


def _measure_period(window: int, delay: int) -> float:
    """Intervals between upward crossings of the balance, a little above the critical gain."""
    away = _follow(window, delay, 1.001 * compute_critical_gain(window, delay))[500:]
    crossings = np.flatnonzero((away[:-1] < 0.0) & (away[1:] >= 0.0))
    return float(np.diff(crossings).mean())


def _follow(window: int, delay: int, gain: float) -> Floats:
    """Return compute / balance - 1 after each decision; the first interval saw a little more than the balance."""
    balance = STEADY + VARIABLE / 2.0
    hosts = ProfitDriven(
        steady=STEADY,
        variable=VARIABLE,
        variable_margin=VARIABLE / (2.0 * gain * balance),
        greedy=0.0,
        window=window,
        delay=delay,
        paid_per="time",
        cost=HOUR_SECONDS / (SPACING_SECONDS * balance),
    )
    one, difficulty = np.ones(1), np.full(1, balance * SPACING_SECONDS)
    state, found = hosts.start(Offer(one, difficulty, difficulty, one)), []
    compute = np.full(1, balance * (1.0 + PUSH))
    for _ in range(N_DECISIONS):
        state, compute = hosts.respond(state, Offer(one, difficulty, difficulty, balance / compute))
        found.append(float(compute[0]) / balance - 1.0)
    return np.array(found)
