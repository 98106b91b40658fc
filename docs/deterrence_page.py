"""What rules take from cheats, and what it would take to make honesty pay, as tables of the page "Detection"."""

from __future__ import annotations

from fractions import Fraction

from tables import write_table

from sim.theory.strategies.deterrence import SHARES, Deterrence, join_versions, list_deterrences, list_slashes

ABSURD = 1e6
"""Rewards: nobody holds collateral worth so many."""


def write_slashes() -> str:
    """One line an offence: the share of the collateral that each version takes."""
    versions = join_versions(list_slashes)
    headings = ["offence", *(name for name, _ in versions)]
    rows = [[offence, *(_show_share(told[offence]) for _, told in versions)] for offence in versions[0][1]]
    return write_table(headings, rows)


def write_needed_slashes() -> str:
    """One line for versions with one test and one majority: the slash that a share invented needs, in rewards."""
    headings = ["rules of", *(f"{float(share):.1%} invented" for share in SHARES)]
    return write_table(headings, [[name, *map(_show_needed, needs)] for name, needs in list_deterrences()])


def _show_share(share: Fraction) -> str:
    return f"{float(share):.0%}" if share else "nothing"


def _show_needed(need: Deterrence) -> str:
    if need.needed_slash > ABSURD:
        return "no slash would do"
    return f"{need.needed_slash:.3g}" if need.needed_slash else "none: the lost reward is enough"
