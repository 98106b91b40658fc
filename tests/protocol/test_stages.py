"""Heights, stages and windows of an epoch (protocol 1.1)."""

import random
from dataclasses import replace

import pytest

from sim.protocol.blocks.checks import check_validation
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.stages import Edge, Schedule, Stage, find_broken_edge, select_epoch
from sim.protocol.blocks.state import UpcomingEpoch, genesis_state
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.versions import build_rule_book

MAINNET = EpochParams(
    epoch_length=17280,
    epoch_shift=16980,
    poc_stage_duration=60,
    poc_exchange_duration=5,
    poc_validation_delay=5,
    poc_validation_duration=20,
    set_new_validators_delay=120,
    inference_validation_cutoff=80,
)
PROPOSAL_3 = EpochParams(
    epoch_length=15391,
    poc_stage_duration=60,
    poc_exchange_duration=5,
    poc_validation_delay=5,
    poc_validation_duration=120,
    set_new_validators_delay=120,
    inference_validation_cutoff=80,
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
    heights = tuple(getattr(schedule, name) for name in HEIGHTS)
    assert heights == (300, 348, 360, 365, 365, 381, 385, 505, 506, 17580)


def test_the_window_of_votes_includes_both_ends_and_excludes_the_opening_block() -> None:
    schedule = Schedule.of(1, MAINNET)
    params = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=MAINNET, vector_dim=8196)
    state = replace(genesis_state({"a": 1}, params), schedule=schedule, upcoming=UpcomingEpoch(1, 300, "00"))
    fates = {h: check_validation(replace(state, height=h), 300) for h in range(290, 600)}
    assert [h for h, fate in fates.items() if fate is TxResult.ACCEPTED] == list(range(366, 386))


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


def follow(height: int, params: EpochParams) -> list[tuple[int, int, int]]:
    """(height, epoch index, P) of every block up to `height`, by the rule alone: S makes an epoch effective."""
    effective, seen = Schedule.of(0, params), []
    for h in range(1, height + 1):
        running = select_epoch(effective, h)
        seen.append((h, running.index, running.start))
        if h == running.set_validators:
            effective = running
    return seen


@pytest.mark.parametrize(
    "params", [EpochParams(), EpochParams(epoch_shift=39), EpochParams(set_new_validators_delay=0)]
)
def test_every_height_belongs_to_the_epoch_whose_range_holds_it(params: EpochParams) -> None:
    """The chain's rule from the effective epoch against the plain quotient, which holds while nothing changes."""
    for height, index, start in follow(200, params):
        assert index == (height + params.epoch_shift) // params.epoch_length
        assert start == index * params.epoch_length - params.epoch_shift


@pytest.mark.parametrize(("height", "index"), [(1, 0), (299, 0), (300, 1), (505, 1), (506, 1), (17579, 1), (17580, 2)])
def test_epoch_of_a_height_on_main_net(height: int, index: int) -> None:
    effective = Schedule.of(0, MAINNET) if height <= 505 else Schedule.of(1, MAINNET)
    assert select_epoch(effective, height).index == index


def test_an_epoch_ends_with_the_block_before_the_next_p() -> None:
    first, zeroth = Schedule.of(1, EpochParams()), Schedule.of(0, EpochParams())
    assert [height for height in range(1, 200) if first.ends_at(height)] == [79]
    assert not zeroth.ends_at(39)


def test_epoch_0_is_all_inference_and_closed() -> None:
    schedule = Schedule.of(0, MAINNET)
    assert schedule.next_start == 300
    stages = {getattr(schedule, name) for name in HEIGHTS} - {schedule.start, 300}
    assert stages == {0}
    assert {schedule.stage_at(h) for h in range(1, 300)} == {Stage.INFERENCE}


def test_the_chain_panics_beyond_the_followers_switch() -> None:
    effective = Schedule.of(0, EpochParams())
    assert select_epoch(effective, 59).index == 1
    with pytest.raises(ValueError, match="height 60 is beyond block 59"):
        select_epoch(effective, 60)


def test_a_change_of_parameters_acts_at_once_on_the_running_epoch() -> None:
    """Proposal 3 in the middle of an epoch: only (index, P) is stored, so the same epoch's window grows."""
    running = Schedule(7, 100_000, replace(PROPOSAL_3, poc_validation_duration=20))
    changed = Schedule(running.index, running.start, PROPOSAL_3)
    assert running.validation_end < 100_100 <= changed.validation_end
    assert changed.validation_end - running.validation_end == 100


PLAIN = EpochParams()
LONGER = replace(PLAIN, poc_validation_duration=10)


@pytest.mark.parametrize(
    ("height", "changed", "broken"),
    [
        (45, LONGER, None),  # in epoch 1's generation: VE moves from 58 to 62
        (58, LONGER, None),  # in block VE itself: it is no longer VE
        (59, LONGER, (62, "epoch 1 has VE twice")),
        (70, LONGER, None),
        (57, replace(PLAIN, poc_validation_duration=4), (57, "epoch 1 misses VE")),
        (70, replace(PLAIN, epoch_length=30), None),  # P of epoch 2 in that very block
        (71, replace(PLAIN, epoch_length=30), (71, "epoch 2 misses P")),
        (100, replace(PLAIN, epoch_length=41), None),  # the effective epoch is 2 by then: P of epoch 3 is 121
        (90, replace(PLAIN, epoch_length=60), (90, "epoch 2 turns back into epoch 1")),  # P would be 100 now
        (150, replace(PLAIN, epoch_length=21), (150, "epoch 4 misses P")),
        (159, replace(PLAIN, epoch_length=19), (159, "height 159 is beyond block 158")),
    ],
)
def test_a_change_must_not_break_an_epoch(height: int, changed: EpochParams, broken: tuple[int, str] | None) -> None:
    found = find_broken_edge(300, lambda at: changed if at >= height else PLAIN, [height])
    assert (found is None) == (broken is None)
    if found and broken:
        assert found[0] == broken[0]
        assert found[1].startswith(broken[1])


def test_a_shorter_epoch_moves_the_next_start_of_the_running_one() -> None:
    """17 280 to 15 391 blocks while epoch 1 is effective: epoch 2 starts 1 889 blocks earlier than it would have."""
    before = Schedule.of(1, MAINNET)
    after = Schedule(1, before.start, replace(MAINNET, epoch_length=15391))
    assert select_epoch(before, 15691).index == 1
    assert select_epoch(after, 15691) == Schedule(2, 15691, after.params)
    assert select_epoch(after, 15690).index == 1


def find_broken_edge_block_by_block(end, epoch_at):
    """The same, one block after the other."""
    effective, running, seen = Schedule.of(0, epoch_at(0)), Schedule.of(0, epoch_at(0)), set()
    for height in range(1, end):
        effective = replace(effective, params=epoch_at(height))
        try:
            before, running = running, select_epoch(effective, height)
        except ValueError as error:
            return height, str(error)
        if running.index < before.index:
            return height, f"epoch {before.index} turns back into epoch {running.index}"
        seen = seen if running.index == before.index else set()
        now = running.edges_at(height)
        for edge, at in running.edges.items():
            if edge in now and edge in seen:
                return height, f"epoch {running.index} has {edge.label} twice"
            if at < height and edge not in seen:
                return height, f"epoch {running.index} misses {edge.label}"
        seen.update(now)
        if Edge.S in now:
            effective = running
    return None


def test_blocks_that_are_passed_over_change_nothing() -> None:
    generator = random.Random(20)
    n_broken = 0
    for _ in range(300):
        length, validation = generator.randint(24, 60), generator.randint(1, 12)
        changed = replace(PLAIN, epoch_length=length, poc_validation_duration=validation)
        heights = sorted(generator.sample(range(1, 260), 2))

        def epoch_at(height, changed=changed, heights=heights):
            return changed if heights[0] <= height < heights[1] else PLAIN

        expected = find_broken_edge_block_by_block(400, epoch_at)
        assert find_broken_edge(400, epoch_at, heights) == expected
        n_broken += expected is not None
    assert 30 < n_broken < 290
