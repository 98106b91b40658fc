"""An ML node's callbacks to the API of its host: found nonces, finished checks.

They arrive at once, unless a fault of the API makes them late or loses them. Chain node and ML nodes go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sim.nodes.context import Context

Then = Callable[[], None]


class Callbacks:
    """Those to one host."""

    def __init__(self, context: Context, address: str) -> None:
        self._context = context
        self._address = address
        self._troubles: list[tuple[float, float]] = []
        """Probability of a loss and delay in seconds of each fault that holds."""
        self._n_under_way = 0
        self._waiting: list[Then] = []

    @property
    def are_prompt(self) -> bool:
        """No fault holds."""
        return not self._troubles

    def trouble(self, loss: float, delay_seconds: float) -> Then:
        """Begin a fault; return how to end it. Delays of faults that hold together add up, each loses by itself."""
        held = (loss, delay_seconds)
        self._troubles.append(held)
        return partial(self._troubles.remove, held)

    def carry(self, arrive: Then, lose: Then) -> None:
        """Let a callback arrive after its delay at a host that is up; otherwise, or by chance, it is lost."""
        generator = self._context.streams("host", self._address, "callbacks")
        if any(generator.random() < loss for loss, _ in self._troubles):
            lose()
            return
        self._n_under_way += 1
        timeout = self._context.env.timeout(sum(delay for _, delay in self._troubles))
        timeout.callbacks.append(lambda _: self._end(arrive, lose))

    def _end(self, arrive: Then, lose: Then) -> None:
        self._n_under_way -= 1
        (arrive if self._context.network.roster.is_up(self._address) else lose)()
        if not self._n_under_way:
            self.flush()

    def after_all(self, then: Then) -> None:
        """Call this when no callback is under way any more."""
        self._waiting.append(then)
        if not self._n_under_way:
            self.flush()

    def flush(self) -> None:
        """Call what waits: no callback is under way, or the run is over."""
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()
