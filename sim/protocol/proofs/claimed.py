"""Every claim of a proof of compute as arrays, as validators read them at block V (protocol 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
INVENTED: Final = -1
"""Code of the stack of answers that were never computed."""


def name_claim(address: str, model: str) -> str:
    """Return the name under which votes and verdicts mean a participant's claim for a language model."""
    return f"{address} {model}" if model else address


def split_claim(name: str) -> tuple[str, str]:
    """Return address and language model of a claim by its name, the inverse of `name_claim`.

    Neither holds a blank; in schemes whose claims are not by model the name is the address, and the model is "".
    """
    address, _, rest = name.partition(" ")
    return address, rest.partition(" ")[0]


def mark_segment(model: str, start: int) -> str:
    """Return what stands for a language model in the name of a claim of the segment that starts at a height."""
    return f"{model} {start}"


def find_segment(name: str) -> int | None:
    """Return the start of the segment that a claim's name means; None for a claim of a proof of compute."""
    start = name.rpartition(" ")[2] if name.count(" ") > 1 else ""
    return int(start) if start else None


@dataclass(frozen=True, eq=False)
class ClaimedNonces:
    """All claims, one after another in the order in which validators read them."""

    block_hash: str
    """Network seed that the nonces were computed under."""
    threshold: float
    """Of the proof scheme: a recomputed nonce is held against it."""
    participants: NDArray[np.object_]
    """(claims,) addresses, or names where claims are by model (`name_claim`)"""
    counts: Ints
    """(claims,) nonces of each claim"""
    nonces: Ints
    """(n,) inside a claim in the order in which sampled positions count"""
    public_keys: tuple[str, ...]
    """(runs,) keys that the nonces were computed with: one run a claim, unless it names several keys."""
    run_lengths: Ints
    """(runs,) nonces of each run"""
    values: NDArray[Any] | None = None
    """(n,) or (n, k) said to have been computed; None where the scheme needs none to find a contradiction."""
    scheme: str = "hits"
    """Name of the proof scheme."""
    models: tuple[str, ...] = ()
    """(claims,) language model of each claim, in the scheme `answers`."""
    distance_thresholds: NDArray[np.float64] | None = None
    """(claims,) in the scheme `answers`: a sampled answer farther from the recomputed one contradicts the claim."""
    is_far: NDArray[np.bool_] | None = None
    """(n,) entries whose claimed value does not count, in the scheme `hits`; None: there is none."""
    stacks: Ints | None = None
    """(runs,) in the scheme `answers`: code of the stack that computed a run's nonces, as `Produced.values` gave it
    under the law, or `INVENTED`: nobody did. Under the law nothing else tells answers apart."""

    @cached_property
    def starts(self) -> Ints:
        """(claims,) place of each claim's first nonce in `nonces`."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def places_by_model(self) -> dict[str, Ints]:
        """Ascending places of the claims for each language model; none where claims are not by model."""
        models = np.array(self.models, dtype=np.object_)
        return {model: np.flatnonzero(models == model) for model in sorted(set(self.models))}

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Place of each claim by its name."""
        return {name: place for place, name in enumerate(self.participants.tolist())}

    @cached_property
    def largest_nonces(self) -> Ints:
        """(claims,) largest absolute nonce of each claim; 0 where it has none."""
        largest = np.zeros(len(self.counts), dtype=np.int64)
        some = np.flatnonzero(self.counts)
        if some.size:
            largest[some] = np.maximum.reduceat(np.abs(self.nonces), self.starts[some])
        return largest

    @cached_property
    def has_duplicates(self) -> NDArray[np.bool_]:
        """(claims,) whether a nonce is claimed more than once."""
        owners = np.repeat(np.arange(len(self.counts)), self.counts)
        order = np.lexsort((self.nonces, owners))
        nonces, owners = self.nonces[order], owners[order]
        found = np.zeros(len(self.counts), dtype=np.bool_)
        found[owners[1:][(nonces[1:] == nonces[:-1]) & (owners[1:] == owners[:-1])]] = True
        return found

    def list_nonces(self, place: int) -> Ints:
        """Return the nonces of one claim, (n,)."""
        return self.nonces[self.starts[place] : self.starts[place] + self.counts[place]]

    @cached_property
    def _run_ends(self) -> Ints:
        return np.cumsum(self.run_lengths)

    @cached_property
    def run_owners(self) -> Ints:
        """(runs,) place of the claim that each run belongs to; a run without nonces belongs to the next one."""
        owners = np.searchsorted(np.cumsum(self.counts), self._run_ends - self.run_lengths, side="right")
        return np.minimum(owners, len(self.counts) - 1)

    def get_requests(self, place: int, positions: Ints) -> list[tuple[str, int]]:
        """Return (public key, nonce) at some positions of one claim."""
        wanted = self.starts[place] + positions
        runs = np.searchsorted(self._run_ends, wanted, side="right")
        keys = [self.public_keys[run] for run in runs.tolist()]
        return list(zip(keys, self.nonces[wanted].tolist(), strict=True))


def gather_claims(
    listed: Sequence[tuple[str, Sequence[tuple[str, Sequence[int]]]]], block_hash: str, threshold: float
) -> ClaimedNonces:
    """Return claims as arrays; `listed` holds (participant, its (public key, nonces) in order).

    Neighbours of one claim with the same key are one run. Reference: protocol 4.1.
    """
    runs = [
        (place, key, list(chain.from_iterable(nonces for _, nonces in group)))
        for place, (_, lists) in enumerate(listed)
        for key, group in groupby(lists, key=itemgetter(0))
    ]
    run_lengths = np.array([len(nonces) for *_, nonces in runs], dtype=np.int64)
    counts = np.zeros(len(listed), dtype=np.int64)
    np.add.at(counts, np.array([place for place, *_ in runs], dtype=np.int64), run_lengths)
    return ClaimedNonces(
        block_hash=block_hash,
        threshold=threshold,
        participants=np.array([participant for participant, _ in listed], dtype=np.object_),
        counts=counts,
        nonces=np.fromiter(chain.from_iterable(nonces for *_, nonces in runs), np.int64, int(run_lengths.sum())),
        public_keys=tuple(key for _, key, _ in runs),
        run_lengths=run_lengths,
    )
