"""Counting the stored validations of a whole network at once: a million votes in a fraction of a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.protocol.consensus.transactions import SubmitValidation

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """The last verdict of each member on each claimant, in ascending order of `pairs`."""

    pairs: Ints
    """Place of the claimant times the number of voters, plus the place of the voter."""
    frauds: NDArray[np.bool_]
    n_claimants: int
    n_voters: int


@dataclass(frozen=True)
class Tally:
    """Votes on each claimant, in the unit of the rule (weight, slots or guardians): int64 (claimants,)."""

    valid: Ints
    invalid: Ints
    total: int
    n_votes: Ints
    """Number of counted votes on each claimant."""


def read_votes(validations: Iterable[SubmitValidation], claimants: Sequence[str], voters: Sequence[str]) -> Votes:
    """Keep members' votes on claimants; the last verdict of a pair holds. Reference: protocol 4.5, 4.6."""
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
    known = place >= 0
    # `np.unique` gives the first place of each pair: read from the end, that is the last verdict.
    last, index = np.unique(pairs[known][::-1], return_index=True)
    return Votes(last, fraud[known][::-1][index], len(claimants), len(voters))


def tally_weights(votes: Votes, weights: Sequence[int]) -> Tally:
    """Add up the weights behind each verdict. Reference: protocol 4.6."""
    place, seat = np.divmod(votes.pairs, max(votes.n_voters, 1))
    held = np.array(weights, dtype=np.int64)[seat]
    # `np.add.at` adds integers; `np.bincount` with weights would add floats, and votes count to the last unit.
    valid, invalid = np.zeros((2, votes.n_claimants), dtype=np.int64)
    np.add.at(valid, place[~votes.frauds], held[~votes.frauds])
    np.add.at(invalid, place[votes.frauds], held[votes.frauds])
    return Tally(valid, invalid, sum(weights), np.bincount(place, minlength=votes.n_claimants))


def tally_slots(votes: Votes, holders: Ints) -> Tally:
    """Count the slots behind each verdict; `holders`: voters' places, (claimants, slots). Reference: protocol 4.9."""
    n, n_slots = holders.shape
    wanted = holders + votes.n_voters * np.arange(n)[:, np.newaxis]
    # Pairs ascend, so that a slot's vote is found by bisection; a place behind the last pair is no vote either.
    place = np.minimum(np.searchsorted(votes.pairs, wanted), max(len(votes.pairs) - 1, 0))
    if len(votes.pairs) == 0:
        nothing = np.zeros(n, dtype=np.int64)
        return Tally(nothing, nothing, n_slots, nothing)
    said = votes.pairs[place] == wanted
    fraud = votes.frauds[place]
    valid, invalid = (said & ~fraud).sum(axis=1), (said & fraud).sum(axis=1)
    return Tally(valid, invalid, n_slots, valid + invalid)


def tally_guardians(votes: Votes, voters: Mapping[str, int], guardians: frozenset[str]) -> Tally:
    """Count the guardians behind each verdict, one voice each."""
    return tally_weights(votes, [int(voter in guardians) for voter in voters])
