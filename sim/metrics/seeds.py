"""The life of each seed: committed, in a block, known to others, revealed with the claim of its reward, or burnt.

Reference: protocol 2.1, 2.2
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Sequence

import pandas as pd

from sim.metrics import records
from sim.metrics.recorder import Recorder
from sim.protocol.blocks import records as facts

SHARES = {"known_half_seconds": 0.5, "known_most_seconds": 0.9, "known_all_seconds": 1.0}
CLAIMED, BURNT, WAITING, UNPAID, NOT_SETTLED, NO_MEMBER, IN_NO_BLOCK = FATES = (
    "claimed",
    "burnt",
    "waiting",
    "unpaid",
    "not settled",
    "no member",
    "in no block",
)
Key = tuple[int, str]
"""An epoch and a participant."""


def build_seeds(recorder: Recorder) -> pd.DataFrame:
    """Return one row for each commitment that was sent, in the order of sending."""
    taken = {row.tx_id: row for row in recorder.rows(facts.SeedCommitted)}
    included = {row.tx_id: row.included_seconds for row in recorder.rows(records.TransactionIncluded)}
    joined = sorted(row.epoch for row in recorder.rows(records.HostJoined))
    copies = Counter((row.epoch, row.commitment) for row in taken.values())
    claims = {(row.epoch, row.participant): row for row in recorder.rows(facts.RewardClaimed)}
    fates = _Fates(recorder.rows(facts.RewardSettled), claims)
    rows = []
    for sent in recorder.rows(records.TransactionSent):
        if sent.kind != "SubmitSeed":
            continue
        seed = taken.get(sent.tx_id)
        epoch = sent.epoch if seed is None else seed.epoch
        claim = claims.get((epoch, sent.creator)) if seed is not None else None
        n_others = sum(entered <= epoch for entered in joined) - 1
        delays = recorder.delays_seconds.get(sent.tx_id, ())
        rows.append(
            {
                "epoch": epoch,
                "participant": sent.creator,
                "sent_seconds": sent.created_seconds,
                "height": None if seed is None else seed.height,
                "included_seconds": included.get(sent.tx_id, math.nan),
                **{name: _find_delay(delays, share, n_others) for name, share in SHARES.items()},
                "is_copied": seed is not None and copies[epoch, seed.commitment] > 1,
                "claim_height": None if claim is None else claim.height,
                "fate": IN_NO_BLOCK if seed is None else fates.find((epoch, sent.creator)),
            }
        )
    columns = ("epoch", "participant", "sent_seconds", "height", "included_seconds", *SHARES)
    return pd.DataFrame(rows, columns=[*columns, "is_copied", "claim_height", "fate"])


def _find_delay(delays: Sequence[float], share: float, n_others: int) -> float:
    """Return the delay after which this share of the other hosts knew it; NaN where so many never did."""
    n_needed = math.ceil(share * n_others)
    return delays[n_needed - 1] if 1 <= n_needed <= len(delays) else math.nan


class _Fates:
    """What became of the reward to which a seed belongs."""

    def __init__(self, settled: Sequence[facts.RewardSettled], claimed: Container[Key]) -> None:
        self._settled = {(row.epoch, row.participant): row.reward_ngonka + row.fees_ngonka for row in settled}
        self._last = max((row.epoch for row in settled), default=0)
        self._claimed = claimed

    def find(self, key: Key) -> str:
        """Return one of FATES for a commitment that the chain took."""
        if key in self._claimed:
            return CLAIMED
        if key[0] > self._last:
            return NOT_SETTLED
        if key not in self._settled:
            return NO_MEMBER
        if self._settled[key] == 0:
            return UNPAID
        return WAITING if key[0] == self._last else BURNT
