"""Effects of faults on the network, as data: which hosts are down, which links are cut, slow or lossy.

1. A `Disturbance` is the effect of one fault while it lasts. Any number may hold at a time.
2. A host is down while one of them holds it down; two hosts are apart while one of them puts them on different sides.
3. Factors multiply. A transfer survives if it survives each loss on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

UNNAMED_SIDE = -1
"""The side of a partition for all hosts that it does not name."""


@dataclass(frozen=True)
class Disturbance:
    """The effect of one fault; by default none."""

    down: frozenset[str] = frozenset()
    sides: Mapping[str, int] = field(default_factory=dict)
    """Host -> its side of a partition; links between sides are cut."""
    ends: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    """Between these, in both directions, `latency_factor` and `loss` hold."""
    latency_factor: float = 1.0
    loss: float = 0.0
    slow: frozenset[str] = frozenset()
    bandwidth_factor: float = 1.0
    """On everything that the slow hosts send and receive."""

    def parts(self, a: str, b: str) -> bool:
        """Tell whether it keeps two hosts from exchanging anything."""
        return a in self.down or b in self.down or self.sides.get(a, UNNAMED_SIDE) != self.sides.get(b, UNNAMED_SIDE)

    def touches(self, a: str, b: str) -> bool:
        """Tell whether a link between two hosts has its latency factor and its loss."""
        here, there = self.ends
        return (a in here and b in there) or (b in here and a in there)


class Conditions:
    """All disturbances that hold now."""

    def __init__(self) -> None:
        self._held: dict[object, Disturbance] = {}
        self._sort()

    def add(self, key: object, disturbance: Disturbance) -> None:
        """Let a disturbance hold until its key is removed; raise ValueError for a key that is taken."""
        if key in self._held:
            raise ValueError(f"disturbance {key!r} holds already")
        self._held[key] = disturbance
        self._sort()

    def remove(self, key: object) -> Disturbance:
        """End a disturbance and return it; raise KeyError for an unknown key."""
        removed = self._held.pop(key)
        self._sort()
        return removed

    def is_down(self, address: str) -> bool:
        """Tell whether a host is held down."""
        return address in self._down

    def are_apart(self, a: str, b: str) -> bool:
        """Tell whether two hosts cannot exchange anything: one is down, or they are on different sides."""
        return a in self._down or b in self._down or any(each.parts(a, b) for each in self._splits)

    def get_latency_factor(self, a: str, b: str) -> float:
        """Return the factor on a link's latency."""
        return prod(each.latency_factor for each in self._changed if each.touches(a, b))

    def get_loss(self, a: str, b: str, loss: float) -> float:
        """Return the probability that a transfer over a link is lost which without faults is lost with `loss`."""
        held = [each.loss for each in self._changed if each.loss and each.touches(a, b)]
        return 1.0 - prod((1.0 - each for each in held), start=1.0 - loss) if held else loss

    def get_bandwidth_factor(self, address: str) -> float:
        """Return the factor on a host's upload and download rates."""
        return prod(each.bandwidth_factor for each in self._slowed if address in each.slow)

    def _sort(self) -> None:
        held = self._held.values()
        self.is_calm = not held
        """No disturbance holds."""
        self._down = frozenset().union(*(each.down for each in held))
        self._splits = [each for each in held if each.sides]
        self._changed = [each for each in held if each.ends[0]]
        self._slowed = [each for each in held if each.slow]
