"""When honesty is the only answer that pays: the condition of Proof of Sampling (arXiv 2405.00295).

1. A host that leaves out a part of its work saves that part's cost. It earns the reward unless it is found out; then it
   earns nothing and loses a slash.
2. It is found out where somebody checks and says so: a checker that colludes with it does not. So the chance is that of
   a check, times what does not collude, times the power of the test.
3. Cheating earns R - d·(R + S), honesty R - C, where C is the cost that is saved: honesty is the only answer where
   d·(R + S) > C. It is an equilibrium of all at once, since what others claim changes neither side.

All amounts are in one unit, the caller's: coins, or rewards.
"""

from __future__ import annotations

from math import inf


def compute_found_out(checked: float, colluding: float, power: float = 1.0) -> float:
    """Give the chance that a cheat is found out.

    `checked`: chance that its claim is checked; `colluding`: share of checkers that let it pass; `power`: chance that a
    check finds it. Raises ValueError for a number outside [0, 1].
    """
    for name, share in (("checked", checked), ("colluding", colluding), ("power", power)):
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"{name} is {share}; it must be from 0 to 1")
    return checked * (1.0 - colluding) * power


def compute_needed_slash(saved_cost: float, found_out: float, reward: float) -> float:
    """Give the slash from which on cheating earns less than honesty; at least 0, infinite for what is never found."""
    if found_out <= 0.0:
        return inf if saved_cost > 0.0 else 0.0
    return max(0.0, saved_cost / found_out - reward)


def compute_needed_check(saved_cost: float, slash: float, reward: float, colluding: float = 0.0) -> float:
    """Give the chance of a check from which on cheating earns less than honesty; above 1: no check suffices."""
    at_stake = (1.0 - colluding) * (reward + slash)
    return saved_cost / at_stake if at_stake > 0.0 else inf


def pays_to_be_honest(saved_cost: float, found_out: float, reward: float, slash: float) -> bool:
    """Tell whether honesty is the only answer that pays best."""
    return found_out * (reward + slash) > saved_cost
