"""Checks of validators: a row each, or only sums by validator where all-to-all checking makes too many rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.metrics.records import VOTES, ValidationDone
from sim.protocol.proofs.claimed import split_claim

MOST_ROWS = 5_000_000  # expected rows beyond which `auto` keeps sums only
AUTO, FULL, SUMMARY = "auto", "full", "summary"
VALID_CODE, FRAUD_CODE, ABSTAINED_CODE, OUT_OF_TIME_CODE = range(len(VOTES))


@dataclass(frozen=True)
class Detail:
    """Whether rows are kept, and the warning if they are not."""

    is_full: bool
    warning: str = ""


def choose_detail(asked: str, n_rows: int) -> Detail:
    """Choose as the scenario asks; `auto` keeps rows while at most 5 million are expected."""
    if asked != AUTO:
        return Detail(asked == FULL)
    if n_rows <= MOST_ROWS:
        return Detail(True)
    return Detail(
        False,
        f"about {n_rows:,} validations are more than {MOST_ROWS:,}: `validations` stays empty, `validation_summary` "
        "has their sums by validator (`metrics: {validations: full}` keeps every row)",
    )


class ValidationTable:
    """Takes validations as they end. Sums are kept always, rows only on request."""

    def __init__(self, *, is_full: bool = True) -> None:
        self._is_full = is_full
        self._kept: list[ValidationDone] = []
        self._sums: dict[tuple[int, str], list[float]] = {}

    def add(self, done: ValidationDone) -> None:
        """Take all checks of one validator in an epoch; a second validation in it, after a crash, adds to the sums."""
        counts = [len(done.places), *(part.sum() for part in (done.n_claimed, done.n_checked, done.n_invalid))]
        values = [*counts, *np.bincount(done.votes, minlength=len(VOTES))]
        sums = self._sums.setdefault((done.epoch, done.validator), [0.0] * (len(values) + 1))
        for place, value in enumerate(values):
            sums[place] += value
        sums[-1] = max(sums[-1], float(done.seconds.max(initial=0.0)))
        if self._is_full:
            self._kept.append(done)

    def forget(self, last_epoch: int) -> None:
        """Forget the validations of the epochs up to one."""
        self._kept = [done for done in self._kept if done.epoch > last_epoch]
        self._sums = {key: sums for key, sums in self._sums.items() if key[0] > last_epoch}

    def build_rows(self) -> pd.DataFrame:
        """Return one row per check, validator after validator as they ended; none where only sums are kept."""
        lengths = [len(done.places) for done in self._kept]
        claims, names = pd.factorize(self._join_names())
        hosts, models = zip(*map(split_claim, names), strict=True) if len(names) else ((), ())
        return pd.DataFrame(
            {
                "epoch": np.repeat([done.epoch for done in self._kept], lengths),
                "validator": np.repeat(np.array([done.validator for done in self._kept], dtype=object), lengths),
                "participant": np.array(hosts, dtype=object)[claims],
                "model": np.array(models, dtype=object)[claims],
                **{name: self._join(name) for name in ("n_claimed", "n_checked", "n_invalid", "p_value", "seconds")},
                "vote": np.array(VOTES, dtype=object)[self._join("votes").astype(np.int8)],
            }
        )

    def _join_names(self) -> NDArray[np.object_]:
        """Return the name of the claim of every check."""
        parts = [done.names[done.places] for done in self._kept]
        return np.concatenate(parts) if parts else np.empty(0, dtype=object)

    def _join(self, name: str) -> NDArray[Any]:
        """Return one array of all validations; an empty one where none is kept."""
        return np.concatenate([getattr(done, name) for done in self._kept]) if self._kept else np.empty(0)

    def build_summary(self) -> pd.DataFrame:
        """Return one row per epoch and validator."""
        keys = list(self._sums)
        sums = np.array(list(self._sums.values())).reshape(len(keys), -1 if keys else 9)
        names = ("n_participants", "n_claimed", "n_checked", "n_invalid")
        votes = ("n_valid", "n_fraud", "n_abstained", "n_out_of_time")
        return pd.DataFrame(
            {
                "epoch": [epoch for epoch, _ in keys],
                "validator": [validator for _, validator in keys],
                **{name: sums[:, place] for place, name in enumerate((*names, *votes, "last_seconds"))},
            }
        )


def digest_validation(done: ValidationDone) -> str:
    """Hash over every value, for the trace."""
    digest = hashlib.sha256(repr((done.epoch, done.validator)).encode())
    for part in (done.places, done.n_claimed, done.n_checked, done.n_invalid, done.p_value, done.votes, done.seconds):
        digest.update(part.tobytes())
    return digest.hexdigest()
