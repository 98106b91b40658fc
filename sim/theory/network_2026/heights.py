"""Main net's clock in blocks: the starts of its epochs, the epochs of its versions, its pace (network 2.1, 2.2).

Two lengths give all of them: 17 280 blocks an epoch, and 15 391 since proposal 1, which passed in epoch 15.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from sim.protocol.blocks.params import EpochChange, EpochParams, get_epoch_at
from sim.protocol.blocks.stages import Schedule
from sim.theory.row import Row

GENESIS = EpochParams(epoch_length=17_280, epoch_shift=16_980)
SHORTER = EpochChange(254_950, EpochParams(epoch_length=15_391))
"""About the block in which proposal 1 passed."""
OBSERVED_STARTS = {1: 300, 15: 242_220, 56: 873_251, 311: 4_797_956, 331: 5_105_776, 359: 5_536_724, 360: 5_552_115}
"""Epoch -> P. The first two are the network's own formulas, the others were seen on the chain."""
VERSIONS = {
    "v0.2.2": (517_935, 32, 14_068),
    "v0.2.3": (645_400, 41, 3_014),
    "v0.2.4": (937_700, 60, 2_885),
    "v0.2.5": (1_404_000, 90, 7_455),
    "v0.2.6": (1_820_000, 117, 7_898),
    "v0.2.7": (2_054_000, 132, 11_033),
    "v0.2.8": (2_387_000, 154, 5_431),
    "v0.2.9": (2_451_000, 158, 7_867),
    "v0.2.10": (2_712_600, 175, 7_820),
    "v0.2.11": (3_186_100, 206, 4_199),
    "v0.2.12": (3_834_200, 248, 5_877),
    "v0.2.13": (4_267_300, 276, 8_029),
    "v0.2.14": (5_195_700, 336, 12_969),
    "v0.2.15": (5_316_315, 344, 10_456),
    "v0.2.16": (6_449_400, 418, 4_607),
}
"""Height of the upgrade, the epoch that it fell into, and the blocks since its P."""
LIVE = EpochParams(35 + 5 + 240 + 120 + 1, 0, 35, 0, 5, 240, 120)
STAGES = {"VE": (LIVE, 280, 400), "VE until v0.2.8": (EpochParams(306, 0, 60, 5, 5, 120, 120), 185, 305)}
"""Lengths with the offsets of VE and S from P."""
REPORTED = ((4_267_300, "2026-05-26T14:42:02"), (5_105_776, "2026-07-17T12:50:53"))
"""Heights with the time that was reported for them."""
BLOCK_SECONDS = 5.350
ANNOUNCED = (
    (4_797_956, "2026-06-28T12:47:00"),
    (5_195_700, "2026-07-23T03:45:00"),
    (5_316_315, "2026-07-30T15:28:00"),
    (5_552_115, "2026-08-14T02:09:00"),
)
"""Heights with the time that was announced for them: estimates, which are reported and not judged."""


def height_rows() -> Iterator[Row]:
    """Yield epochs, versions, stages and times."""
    starts = list_starts(max(OBSERVED_STARTS) + 100)
    for epoch, start in OBSERVED_STARTS.items():
        yield Row.exact(f"network of 2026: P of epoch {epoch}", starts[epoch], start)
    for version, (height, epoch, offset) in VERSIONS.items():
        found = max(index for index, start in starts.items() if start <= height)
        where = f"{version}, block {height}: epoch and blocks since its P"
        yield Row.exact(f"network of 2026: {where}", (found, height - starts[found]), (epoch, offset))
    for label, (lengths, validation_end, switch) in STAGES.items():
        schedule = Schedule.of(1, lengths)
        found_offsets = (schedule.validation_end - schedule.start, schedule.set_validators - schedule.start)
        yield Row.exact(f"network of 2026: blocks from P to {label}, and to S", found_offsets, (validation_end, switch))
    yield from _time_rows()


def list_starts(n_epochs: int) -> dict[int, int]:
    """Return P of each epoch from 1 on; a new length acts at once on the epoch that is running."""
    schedule, starts = Schedule.of(0, GENESIS), {}
    for epoch in range(1, n_epochs + 1):
        last = schedule.start + SHORTER.epoch.epoch_length - 1
        now = get_epoch_at(last, GENESIS, [SHORTER])
        schedule = Schedule(epoch, schedule.start + now.epoch_length, now)
        starts[epoch] = schedule.start
    return starts


def _time_rows() -> Iterator[Row]:
    (first, start), (last, end) = REPORTED
    seconds = _seconds_between(start, end)
    yield Row.relative("network of 2026: block interval, May to July 2026 [s]", seconds / (last - first), 5.350, 1e-4)
    for (before, earlier), (height, later) in pairwise(((first, start), *ANNOUNCED)):
        ours, told = (height - before) * BLOCK_SECONDS / 86_400, _seconds_between(earlier, later) / 86_400
        label = f"network of 2026: from block {before} to {height}, by announcements [days]"
        yield Row(label, ours, told, ours / told, math.inf)


def _seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
