"""Counting the stored validations of a whole network at once: a million votes in a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.protocol.consensus.transactions import SubmitValidation
from sim.protocol.proofs.committee import NOBODY

Ints = NDArray[np.int64]
NOT_A_VOTER = -1


@dataclass(frozen=True)
class Votes:
    """The verdict of each member on each claimant that stands, in ascending order of `pairs`."""

    pairs: Ints
    """Place of the claimant times the number of voters, plus the place of the voter."""
    frauds: NDArray[np.bool_]
    n_claimants: int
    n_voters: int
    silent: Ints
    """(claimants,) place of the voter who counts nowhere in the claimant's total; `NOT_A_VOTER` where all count."""


@dataclass(frozen=True)
class Tally:
    """Votes on each claimant, in the unit of the rule (weight, slots or guardians): int64 (claimants,)."""

    valid: Ints
    invalid: Ints
    total: Ints
    """Of all that count, whether they voted or not."""
    n_votes: Ints
    """Number of counted votes on each claimant."""


def read_votes(
    validations: Iterable[SubmitValidation],
    claimants: Sequence[str],
    voters: Sequence[str],
    *,
    ignores_own: bool = False,
    first_stands: bool = False,
) -> Votes:
    """Keep members' votes on claimants, those on themselves too unless `ignores_own`; one verdict of a pair holds.

    It is the last one, or the first (`first_stands`). Reference: protocol 4.5, 4.6.
    """
    places = {claimant: place for place, claimant in enumerate(claimants)}
    seats = {voter: seat for seat, voter in enumerate(voters)}
    about: list[int] = []
    frauds: list[bool] = []
    by: list[tuple[int, int]] = []
    for validation in validations:
        seat = seats.get(validation.creator)
        if seat is None:
            continue
        about.extend([places.get(participant, -1) for participant in validation.participants])
        frauds.extend(validation.verdicts)
        by.append((seat, len(validation.participants)))
    says = np.array(by, dtype=np.int64).reshape(-1, 2)
    place, fraud = np.array(about, dtype=np.int64), np.array(frauds, dtype=np.bool_)
    pairs = place * len(voters) + np.repeat(says[:, 0], says[:, 1])
    silent = np.array([seats.get(who, NOT_A_VOTER) if ignores_own else NOT_A_VOTER for who in claimants], np.int64)
    known = place >= 0
    known[known] &= silent[place[known]] != (pairs - place * len(voters))[known]
    # `np.unique` gives the first place of each pair: read from the end, that is the last verdict.
    order = slice(None, None, None if first_stands else -1)
    kept, index = np.unique(pairs[known][order], return_index=True)
    return Votes(kept, fraud[known][order][index], len(claimants), len(voters), silent)


def tally_weights(votes: Votes, weights: Sequence[int]) -> Tally:
    """Add up the weights behind each verdict. Reference: protocol 4.6."""
    place, seat = np.divmod(votes.pairs, max(votes.n_voters, 1))
    all_held = np.array([*weights, 0], dtype=np.int64)
    total = all_held.sum() - all_held[votes.silent]  # the 0 at the end stands for NOT_A_VOTER
    return add_up(votes, place, all_held[seat], total)


def tally_powers(votes: Votes, held: Ints, rows: Ints) -> Tally:
    """Add up what voters hold in the row of each claimant; `held` is (rows, voters), `rows` (claimants,).

    Reference: network 2.7.
    """
    place, seat = np.divmod(votes.pairs, max(votes.n_voters, 1))
    return add_up(votes, place, held[rows[place], seat], held.sum(axis=1)[rows])


def add_up(votes: Votes, place: Ints, held: Ints, total: Ints) -> Tally:
    """Add up what stands behind each verdict; `place` is the claimant of each pair, `held` what its voter holds."""
    # `np.add.at` adds integers; `np.bincount` with weights would add floats, and votes count to the last unit.
    valid, invalid = np.zeros((2, votes.n_claimants), dtype=np.int64)
    np.add.at(valid, place[~votes.frauds], held[~votes.frauds])
    np.add.at(invalid, place[votes.frauds], held[votes.frauds])
    return Tally(valid, invalid, total, np.bincount(place, minlength=votes.n_claimants))


def tally_slots(votes: Votes, holders: Ints) -> Tally:
    """Count the slots behind each verdict; `holders`: voters' places, (claimants, slots). Reference: protocol 4.9."""
    n, n_slots = holders.shape
    wanted = holders + votes.n_voters * np.arange(n)[:, np.newaxis]
    # Pairs ascend, so that a slot's vote is found by bisection; a place behind the last pair is no vote either.
    place = np.minimum(np.searchsorted(votes.pairs, wanted), max(len(votes.pairs) - 1, 0))
    total = n_slots - ((holders == votes.silent[:, np.newaxis]) & (holders != NOBODY)).sum(axis=1)
    if len(votes.pairs) == 0:
        nothing = np.zeros(n, dtype=np.int64)
        return Tally(nothing, nothing, total, nothing)
    said = votes.pairs[place] == wanted
    fraud = votes.frauds[place]
    valid, invalid = (said & ~fraud).sum(axis=1), (said & fraud).sum(axis=1)
    return Tally(valid, invalid, total, valid + invalid)


def tally_guardians(votes: Votes, voters: Mapping[str, int], guardians: frozenset[str]) -> Tally:
    """Count the guardians behind each verdict, one voice each."""
    return tally_weights(votes, [int(voter in guardians) for voter in voters])
