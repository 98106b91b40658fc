"""A second implementation of statuses: who is ACTIVE when, who leaves the group, and who is slashed for it.

It reads the agreed blocks, one request after the other, and takes heights and members from the first implementation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import log
from typing import Any

from observed import Observed

BAD = ("INVALID", "INACTIVE")


@dataclass
class Host:
    """What is known of one host since the last settlement; its status and its run of wrong answers go on."""

    status: str = "RAMPING"
    run: int = 0
    right: int = 0
    wrong: int = 0
    served: int = 0
    missed: int = 0
    ratio: Fraction | None = None
    answers: float = 0.0
    requests: float = 0.0

    def restart(self) -> None:
        """VE."""
        self.__dict__ |= Host(self.status, self.run).__dict__

    def look(self, rules: Any, *, is_validation: bool = False) -> None:
        """Judge by all that is counted."""
        if not rules.judges_sequentially:
            n, wrong = self.right + self.wrong, self.wrong
            if is_validation:
                is_share_bad = n >= 10 and 20 * wrong > n and (20 * wrong - n) ** 2 > 19 * n
                is_ramping = self.served < 10
                self.status = "INVALID" if self.run >= 5 or is_share_bad else "RAMPING" if is_ramping else "ACTIVE"
        elif self.status not in BAD:
            alpha = rules.confirmation_alpha
            is_unconfirmed = alpha > 0 and self.ratio is not None and self.ratio < alpha
            is_wrong = self.run >= 5 or self.answers >= 4
            self.status = "INVALID" if is_wrong else "INACTIVE" if self.requests >= 100 or is_unconfirmed else "ACTIVE"

    def serve(self, inference: Any, rules: Any) -> None:
        """One request; logarithms of hosts that have failed stand still."""
        moves = self.status not in BAD
        if inference.is_missed:
            self.missed += 1
            self.requests += moves * log(99 / 98)
            return self.look(rules)
        self.served += 1
        self.requests -= moves * log(2)
        self.look(rules)
        moves = self.status not in BAD
        self.right, self.wrong = self.right + inference.is_valid, self.wrong + (not inference.is_valid)
        self.run = 0 if inference.is_valid else self.run + 1
        if self.run < 5:
            self.answers += moves * (log(18 / 19) if inference.is_valid else log(2))
        return self.look(rules, is_validation=True)


@dataclass
class Standing:
    """What follows from a run's blocks."""

    removed: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    """Effective epoch -> member that left its group -> height."""
    slashed: list[tuple[int, str, str]] = field(default_factory=list)
    """(height, host, reason)"""
    told: dict[tuple[int, str], str] = field(default_factory=dict)
    """(epoch, host) -> status after the epoch's requests."""
    failed: set[tuple[int, str]] = field(default_factory=set)
    """(height, host) of failed confirmations."""


def follow(run: Observed) -> Standing:
    """Walk through all blocks."""
    hosts: dict[str, Host] = defaultdict(Host)
    found = Standing()
    for block in run.blocks:
        before, state = run.state_after(block.height - 1), run.state_after(block.height)
        rules = run.params.rules_at(state.schedule.index)
        gone = found.removed[before.effective.index]
        if block.inferences is not None:
            out = set[str]()
            for inference in block.inferences.inferences:
                who = inference.executor
                if who in out or inference.created_height > gone.get(who, block.height):
                    continue
                old = hosts[who].status
                hosts[who].serve(inference, rules)
                if old != hosts[who].status and hosts[who].status in BAD:
                    found.slashed.append((block.height, who, hosts[who].status))
                    if rules.judges_sequentially:
                        gone[who] = inference.created_height
                        out.add(who)
            for who in before.effective.weights:
                found.told[block.inferences.epoch_index, who] = hosts[who].status
        for edge in state.schedule.edges_at(block.height):
            if edge.name == "VE" and before.effective.index > 0:
                for host in hosts.values():
                    host.restart()
            if edge.name == "S":
                found.slashed += [(block.height, *each) for each in switch(hosts, run, block.height)]
        if block.confirmation is not None:
            for who, initial in state.confirmation.initial.items():
                host, old = hosts[who], hosts[who].status
                host.ratio = Fraction(state.confirmation.weights[who], initial) if initial else Fraction(1)
                host.look(rules)
                if old != host.status and host.status in BAD:
                    found.slashed.append((block.height, who, host.status))
                    found.failed.add((block.height, who))
                    if who in state.effective.weights:
                        found.removed[state.effective.index][who] = block.height
    return found


def switch(hosts: dict[str, Host], run: Observed, height: int) -> Iterator[tuple[str, str]]:
    """S: yield whoever fails again at once."""
    rules, members = run.params.rules_at(run.state_after(height).effective.index), run.state_after(height).effective
    if not rules.resets_statuses:
        return
    for who in sorted({*members.weights, *hosts}):
        if rules.judges_sequentially and who not in members.weights:
            continue
        hosts[who].status = "ACTIVE"
        if rules.judges_sequentially:
            hosts[who].look(rules)
        if hosts[who].status in BAD:
            yield who, hosts[who].status
