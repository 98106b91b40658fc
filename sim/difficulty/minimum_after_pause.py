"""The smallest difficulty after a long wait, as on test networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from sim.difficulty import controllers
from sim.difficulty.base import Interval, Numbers, Target
from sim.difficulty.compact_target import Rule
from sim.difficulty.waiting import Relief, WaitingLaw, get_waiting_law


class PausedState(NamedTuple):
    """Memory of `minimum_after_pause`."""

    rule: Any
    """Memory of the wrapped rule."""
    own: Numbers
    """Difficulty that the rule decided last."""


@controllers.register("minimum_after_pause")
@dataclass(frozen=True)
class MinimumAfterPause:
    """Lets a block that has been awaited for `after` wanted times be found at the difficulty `minimum`, under any rule.

    Law: D(w) = D' up to a wait w of `after`, min(D', `minimum`) from there on; the next block is the rule's again. With
    the rate λ before and μ after it a block takes (1 - e^(-λT)) / λ + e^(-λT) / μ on average. `counts_as: own`: the
    rule takes the block in as if it had been found at the rule's own difficulty; `minimum`: at the smallest, so that
    rules that average difficulties fall with every pause. A chain cannot stop for longer than `after`, but
    whoever claims a late timestamp has the smallest difficulty at once: races with false timestamps refuse the rule.
    In a network it never acts and is refused. Sources: Bitcoin's testnet (20 minutes, `after` 2; its rule looks for the
    last block without the minimum: `own`; BIP 94 mends its renewals), Zcash's testnet (six spacings; `minimum`: such
    blocks are averaged as they are; ZIP 205, ZIP 208).
    """

    rule: Rule
    after: Annotated[float, Field(gt=0.0, le=1e6, description="wait, in wanted times of an interval")] = 2.0
    minimum: Annotated[float, Field(ge=1.0, le=1e300, description="tries per valid nonce after that wait")] = 1.0
    counts_as: Annotated[
        Literal["own", "minimum"], Field(description="difficulty at which the rule takes such an interval in")
    ] = "own"

    @property
    def target(self) -> Target | None:
        """That of the rule."""
        return self.rule.target

    def start(self, first: Interval) -> PausedState:
        """Begin as the rule does."""
        return PausedState(self.rule.start(first), first.difficulty)

    def decide(self, state: PausedState, interval: Interval) -> tuple[PausedState, Numbers]:
        """Return the rule's decision; it takes an interval after a pause in as `counts_as` says."""
        if self.counts_as == "own":
            is_paused = interval.time > self.after
            interval = replace(interval, difficulty=np.where(is_paused, state.own, interval.difficulty)[()])
        memory, decided = self.rule.decide(state.rule, interval)
        return PausedState(memory, decided), decided

    @property
    def waiting(self) -> WaitingLaw:
        """The minimum, and what the rule itself does while it waits."""
        law = get_waiting_law(self.rule)

        def ease(state: PausedState, difficulty: Numbers) -> Sequence[Relief]:
            return [*(law(state.rule, difficulty) if law else ()), Relief(self.after, self.minimum)]

        return ease
