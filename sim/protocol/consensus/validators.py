"""Validators: the guardians' power, the members that take part, and the proposer of a block (protocol 5.4, 10).

Proposers take turns by CometBFT's weighted round-robin by priority.

Each height every validator's priority grows by its power; the highest priority proposes and pays back the total power.
While powers stay, n · ΣW heights from equal priorities give each validator exactly n · W blocks, unless priorities were
scaled, which happens to large sets of very unequal powers (one block more or less was found after it). Inside a round
no validator is ahead of its share by a block, but one can be behind by more than one.
Reference: CometBFT specification, "Proposer selection procedure" (docs.cometbft.com).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fractions import Fraction

MAX_VALIDATORS = 100
"""Most validators that consensus has at a time. Reference: protocol 10 (staking max_validators)."""
WINDOW_FACTOR = 2  # priorities are kept within this multiple of the total power
MATURITY_THRESHOLD = 2_000_000
GUARDIAN_MULTIPLIER = Fraction(13, 25)
"""0.52: guardians jointly hold m / (1 + m), 34.2 %; until v0.2.12."""


def boost_guardians(
    powers: Mapping[str, int],
    guardians: Collection[str],
    *,
    multiplier: Fraction = GUARDIAN_MULTIPLIER,
    maturity_weight: int = MATURITY_THRESHOLD,
    is_past_youth: bool = True,
) -> dict[str, int]:
    """Return the powers handed to consensus: guardians share `multiplier` of the others' power in a young network.

    Young is a network of less than `maturity_weight`, or where the chain has not passed the height that it must reach
    besides. Unchanged where the network is mature, has one validator, no guardian, or guardians that hold more already.
    Reference: protocol 5.4, network 2.9.
    """
    present = [address for address in powers if address in guardians]
    is_mature = is_past_youth and sum(powers.values()) >= maturity_weight
    if is_mature or len(powers) < 2 or not present:
        return dict(powers)
    held = sum(powers[address] for address in present)
    wanted = multiplier * (sum(powers.values()) - held)
    if wanted < held:
        return dict(powers)
    return {**powers, **dict.fromkeys(present, math.trunc(wanted / len(present)))}


def select_validators(powers: Mapping[str, int], limit: int = MAX_VALIDATORS) -> dict[str, int]:
    """Return the powers of consensus's validators, in address order: the `limit` largest, ties by address.

    Members without power take no part. Raises ValueError if limit < 1. Reference: protocol 10.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; at least one validator must be able to take part")
    largest = sorted(powers, key=lambda address: (-powers[address], address))[:limit]
    return {address: powers[address] for address in sorted(largest) if powers[address] > 0}


def select_proposer(priorities: Mapping[str, int], powers: Mapping[str, int]) -> tuple[str, dict[str, int]]:
    """Return the proposer of the next height and all new priorities; ties go to the lower address."""
    if not powers:
        raise ValueError("no validator has any power: nobody can propose a block")
    total = sum(powers.values())
    current = _rescale(_admit(priorities, powers, total), total)
    raised = {address: current[address] + power for address, power in sorted(powers.items())}
    proposer = max(raised, key=lambda address: raised[address])  # the first of equals, in address order
    raised[proposer] -= total
    return proposer, raised


def _admit(priorities: Mapping[str, int], powers: Mapping[str, int], total: int) -> dict[str, int]:
    """Newcomers start at -1.125 · total, so that leaving and coming back never gains a turn."""
    return {address: priorities.get(address, -(total + (total >> 3))) for address in powers}


def _rescale(priorities: dict[str, int], total: int) -> dict[str, int]:
    """Keep the spread of priorities inside the window and their mean at zero."""
    spread = max(priorities.values()) - min(priorities.values())
    ratio = max(1, -(-spread // (WINDOW_FACTOR * total)))
    scaled = {address: int(priority / ratio) for address, priority in priorities.items()}
    mean = sum(scaled.values()) // len(scaled)
    return {address: priority - mean for address, priority in scaled.items()}
