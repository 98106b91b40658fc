"""Heights, stages and windows of an epoch (protocol 1.1)."""

import pytest

from sim.protocol.blocks import schedule_at
from sim.protocol.params import EpochParams, ProtocolParams
from sim.protocol.stages import Schedule, Stage
from sim.protocol.versions import VERSIONS

MAINNET = EpochParams(
    epoch_length=17280,
    epoch_shift=16980,
    poc_stage_duration=60,
    poc_exchange_duration=5,
    poc_validation_delay=5,
    poc_validation_duration=20,
    set_new_validators_delay=120,
)
PROPOSAL_3 = EpochParams(
    epoch_length=15391,
    poc_stage_duration=60,
    poc_exchange_duration=5,
    poc_validation_delay=5,
    poc_validation_duration=120,
    set_new_validators_delay=120,
)
HEIGHTS = [
    "start",
    "generation_wind_down",
    "generation_end",
    "last_batch",
    "validation_start",
    "validation_wind_down",
    "validation_end",
    "set_validators",
    "claim",
    "next_start",
]


@pytest.mark.parametrize(
    ("params", "offsets"),
    [
        (EpochParams(), (0, 8, 10, 12, 12, 16, 18, 19, 20, 40)),
        (MAINNET, (0, 48, 60, 65, 65, 81, 85, 205, 206, 17280)),
        (PROPOSAL_3, (0, 48, 60, 65, 65, 161, 185, 305, 306, 15391)),
    ],
)
def test_offsets_of_the_published_table(params: EpochParams, offsets: tuple[int, ...]) -> None:
    schedule = Schedule.of(3, params)
    assert tuple(getattr(schedule, name) - schedule.start for name in HEIGHTS) == offsets


def test_mainnet_epoch_1() -> None:
    schedule = Schedule.of(1, MAINNET)
    assert tuple(getattr(schedule, name) for name in HEIGHTS) == (300, 348, 360, 365, 365, 381, 385, 505, 506, 17580)


def test_windows_include_both_ends_and_exclude_the_opening_block() -> None:
    schedule = Schedule.of(1, MAINNET)
    assert [h for h in range(290, 600) if schedule.accepts_batch(h)] == list(range(301, 366))
    assert [h for h in range(290, 600) if schedule.accepts_validation(h)] == list(range(366, 386))


def test_stages_follow_each_other() -> None:
    schedule = Schedule.of(1, EpochParams())
    stages = [schedule.stage_at(h) for h in range(40, 80)]
    assert stages == (
        [Stage.GENERATE] * 8
        + [Stage.GENERATE_WIND_DOWN] * 4
        + [Stage.VALIDATE] * 4
        + [Stage.VALIDATE_WIND_DOWN] * 2
        + [Stage.INFERENCE] * 22
    )
    with pytest.raises(ValueError, match=r"height 80 is outside epoch 1: \[40, 80\)"):
        schedule.stage_at(80)


@pytest.mark.parametrize(("height", "index"), [(1, None), (299, None), (300, 1), (17579, 1), (17580, 2)])
def test_epoch_of_a_height(height: int, index: int | None) -> None:
    params = ProtocolParams(rules=VERSIONS["v0.2.0"], epoch=MAINNET, vector_dim=8196)
    schedule = schedule_at(height, params)
    assert (schedule.index if schedule else None) == index
