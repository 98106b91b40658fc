"""Messages whose arrivals were recorded when they set out: those that a fault prevents are taken back.

An arrival holds if, at its time, the receiver has an open link to a host that has the message. So a message that stops
at one host stops for all that stand behind it; a longer way that a fault leaves open is not looked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import simpy

from sim.metrics.recorder import Recorder
from sim.network.links import Roster


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Where a message of one size from one origin goes, in the order of arrival."""

    receivers: array[int]
    delays_seconds: array[float]
    digest: str
    """Hash over both, for the trace."""


class Departure(NamedTuple):
    """A message that set out over links which have not changed since."""

    message_id: str
    origin: str
    start_seconds: float
    arrivals: Arrivals

    @property
    def end_seconds(self) -> float:
        """Time of the last arrival."""
        return self.start_seconds + self.arrivals.delays_seconds[-1]


@dataclass(eq=False)
class Flight:
    """A message that was on its way when links changed."""

    sent: Departure
    reached: set[str]
    """Hosts that have it by now."""
    n_settled: int
    """Arrivals, in their order, of which it is known whether they took place."""


class Flights:
    """All messages of a network that are on their way.

    While links stay as they are a message needs no event, so that runs without faults do no work here.
    """

    def __init__(self, env: simpy.Environment, roster: Roster, recorder: Recorder) -> None:
        self._env = env
        self._roster = roster
        self._recorder = recorder
        self._undisturbed: deque[Departure] = deque()
        self._disturbed: list[Flight] = []
        roster.before_change.append(self._brace)

    def add(self, message_id: str, origin: str, arrivals: Arrivals) -> None:
        """Note a message that sets out now, and whose arrivals have been recorded."""
        now = self._env.now
        while self._undisturbed and self._undisturbed[0].end_seconds <= now:
            self._undisturbed.popleft()
        self._undisturbed.append(Departure(message_id, origin, now, arrivals))

    def _brace(self) -> None:
        """Links are about to change: settle the arrivals up to now over the present ones, and watch the others."""
        addresses, now = list(self._roster.handlers), self._env.now
        self._settle_all(now)
        for sent in self._undisturbed:
            if sent.end_seconds > now:
                n = bisect_right(sent.arrivals.delays_seconds, now - sent.start_seconds)
                reached = {sent.origin, *(addresses[place] for place in sent.arrivals.receivers[:n])}
                self._disturbed.append(Flight(sent, reached, n))
        self._undisturbed.clear()
        if self._disturbed:
            end = max(flight.sent.end_seconds for flight in self._disturbed)
            self._env.timeout(end - now).callbacks.append(lambda _: self._settle_all(end))

    def _settle_all(self, until_seconds: float) -> None:
        for flight in self._disturbed:
            self._settle(flight, until_seconds)
        self._disturbed = [flight for flight in self._disturbed if flight.sent.end_seconds > until_seconds]

    def _settle(self, flight: Flight, until_seconds: float) -> None:
        """Take back the arrivals up to a time that the present links do not allow."""
        sent, addresses = flight.sent, list(self._roster.handlers)
        delays, receivers = sent.arrivals.delays_seconds, sent.arrivals.receivers
        n_due = bisect_right(delays, until_seconds - sent.start_seconds)
        if until_seconds >= sent.end_seconds:
            n_due = len(delays)  # the difference may be rounded down
        for number in range(flight.n_settled, n_due):
            receiver = addresses[receivers[number]]
            if any(link.receiver in flight.reached for link in self._roster.get_peers(receiver)):
                flight.reached.add(receiver)
            else:
                self._recorder.lose_delivery(sent.message_id, receiver, self._env.now, delays[number])
        flight.n_settled = n_due
