"""What validators found: a row each, or only sums by validator where all-to-all checking makes too many rows."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from sim.metrics.records import OUT_OF_TIME, VOTES, ValidationDone, ValidationsDone

MOST_ROWS = 5_000_000  # expected rows beyond which `auto` keeps sums only
AUTO, FULL, SUMMARY = "auto", "full", "summary"
OUT_OF_TIME_CODE = VOTES.index(OUT_OF_TIME)
ROW_FIELDS = tuple(field.name for field in fields(ValidationDone))


@dataclass(frozen=True)
class Detail:
    """Whether rows are kept, and what has to be said about it."""

    is_full: bool
    warning: str = ""


def choose_detail(asked: str, n_rows: int) -> Detail:
    """Take what the scenario asks for; `auto` keeps rows while at most 5 million are expected."""
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
        self._rows: list[ValidationDone] = []
        self._bundles: list[ValidationsDone] = []
        self._sums: dict[tuple[int, str], list[float]] = {}

    def add(self, row: ValidationDone) -> None:
        """Take one."""
        votes = [float(row.vote == vote) for vote in VOTES]
        self._add_up(row.epoch, row.validator, [1, row.n_claimed, row.n_checked, row.n_invalid, *votes], row.seconds)
        if self._is_full:
            self._rows.append(row)

    def add_many(self, done: ValidationsDone) -> None:
        """Take all of one validator's."""
        sums = [len(done.places), *(part.sum() for part in (done.n_claimed, done.n_checked, done.n_invalid))]
        votes = np.bincount(done.votes, minlength=len(VOTES))
        self._add_up(done.epoch, done.validator, [*sums, *votes], float(done.seconds.max(initial=0.0)))
        if self._is_full:
            self._bundles.append(done)

    def _add_up(self, epoch: int, validator: str, values: list[float], seconds: float) -> None:
        sums = self._sums.setdefault((epoch, validator), [0.0] * (len(values) + 1))
        for place, value in enumerate(values):
            sums[place] += value
        sums[-1] = max(sums[-1], seconds)

    def build_rows(self) -> pd.DataFrame:
        """Return one row per validation, in the order in which they were taken; none where only sums are kept."""
        columns = dict(zip(ROW_FIELDS, zip(*map(astuple, self._rows), strict=True), strict=False))
        single = pd.DataFrame({name: columns.get(name, ()) for name in ROW_FIELDS})
        frames = [single, *_build_bundles(self._bundles)]
        return pd.concat([frame for frame in frames if len(frame)] or [single])

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


def digest_validations(done: ValidationsDone) -> str:
    """Hash over every value, for the trace."""
    digest = hashlib.sha256(repr((done.epoch, done.validator)).encode())
    for part in (done.places, done.n_claimed, done.n_checked, done.n_invalid, done.p_values, done.votes, done.seconds):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _build_bundles(bundles: list[ValidationsDone]) -> list[pd.DataFrame]:
    """One table of all bundles; texts are looked up for whole columns at a time."""
    if not bundles:
        return []
    lengths = [len(done.places) for done in bundles]
    participants = [np.array(done.names, dtype=object)[done.places] for done in bundles]
    return [
        pd.DataFrame(
            {
                "epoch": np.repeat([done.epoch for done in bundles], lengths),
                "validator": np.repeat(np.array([done.validator for done in bundles], dtype=object), lengths),
                "participant": np.concatenate(participants),
                "n_claimed": np.concatenate([done.n_claimed for done in bundles]),
                "n_checked": np.concatenate([done.n_checked for done in bundles]),
                "n_invalid": np.concatenate([done.n_invalid for done in bundles]),
                "p_value": np.concatenate([done.p_values for done in bundles]),
                "vote": np.array(VOTES, dtype=object)[np.concatenate([done.votes for done in bundles])],
                "seconds": np.concatenate([done.seconds for done in bundles]),
            }
        )
    ]
