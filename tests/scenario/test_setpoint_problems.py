"""Setpoints that no difficulty can meet: refused with their place, or doubted where only late blocks could help."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pow.devices import gpu_groups
from sim.cli import app
from sim.errors import ScenarioError
from sim.gpus import load_gpu
from sim.scenario.load import load_scenario
from sim.scenario.setpoints import find_setpoint_problems

FILE = Path(__file__).parent.parent / "data" / "setpoints.yaml"
find_doubts_of = partial(find_setpoint_problems, lateness=1.0)
STAGE, BLOCK_SECONDS, STARTUP, SAMPLE, N_HOSTS, WINDOW = 20, 5.6, 10.0, 50, 9, 22


def rate() -> float:
    """Tries per second, added up by hand: three of each host."""
    machines = ["4 x H100-SXM", "2 x H100-SXM", "4 x RTX-4090", "1 x L40S", "2 x H200"]
    total = 0.0
    for machine in machines:
        n_gpus, _, name = machine.partition(" x ")
        gpu = load_gpu(name)
        total += len(gpu_groups((gpu.vram_gib,) * int(n_gpus), 38.0)) * gpu.raw_nonces_per_second
    return 3 * total * 0.06875


TRIES = rate() * (STAGE * BLOCK_SECONDS - STARTUP)
LATE_TRIES = rate() * (2 * STAGE * BLOCK_SECONDS - STARTUP)
FEWEST = (STARTUP + 1000 / rate()) / BLOCK_SECONDS
QUOTA = {"quota": 1000}
LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    (
        "valid_nonces_per_epoch",
        {"valid_nonces_per_epoch": int(TRIES)},
        {"valid_nonces_per_epoch": int(TRIES) + 1},
        {"valid_nonces_per_epoch": int(LATE_TRIES) + 1},
        "the hosts find about",
    ),
    (
        "success_rate",
        {"success_rate": 1.01 / TRIES},
        {"success_rate": 0.99 / TRIES},
        {"success_rate": 0.99 / LATE_TRIES},
        "not even one is then valid",
    ),
    (
        "blocks_until_quota",
        {"blocks_until_quota": FEWEST * 1.01, **QUOTA},
        {"blocks_until_quota": FEWEST * 0.99, **QUOTA},
        {"blocks_until_quota": FEWEST * 0.49, **QUOTA},
        "1000 tries take at least",
    ),
]


@pytest.mark.parametrize(("name", "fine", "doubtful", "impossible", "why"), LIMITS)
def test_what_hosts_can_do(
    name: str, fine: dict[str, Any], doubtful: dict[str, Any], impossible: dict[str, Any], why: str
) -> None:
    assert find_doubts_of(load(fine)) == []
    doubts = find_doubts_of(load(doubtful))
    assert len(doubts) == 1
    assert f"difficulty.target.{name}: {doubtful[name]:.10g} " in str(doubts[0])
    assert why in str(doubts[0])
    with pytest.raises(ScenarioError) as caught:
        load(impossible)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"blocks_until_quota": WINDOW + 0.5, "quota": 10}, "no batch is taken after block 22"),
        ({"checked_nonces_per_validator": SAMPLE * N_HOSTS + 1.0}, "the samples of all hosts are 450"),
    ],
)
def test_what_schedule_and_sample_rule_out(target: dict[str, Any], why: str) -> None:
    name = next(iter(target))
    assert find_doubts_of(load({**target, name: target[name] - 1.0})) == []
    with pytest.raises(ScenarioError, match=why):
        load(target)


def test_a_sample_larger_than_what_can_be_found() -> None:
    target, sample = {"checked_nonces_per_validator": LATE_TRIES + 1}, {"protocol.validation_sample_size": 10**6}
    with pytest.raises(ScenarioError, match="the hosts find about"):
        load(target, **sample)


def test_longer_stages_to_come_count() -> None:
    target = {"valid_nonces_per_epoch": int(TRIES * 1.05)}
    assert find_doubts_of(load(target))
    longer = [{"height": 89, "poc_stage_duration": 22}]
    assert find_doubts_of(load(target, **{"protocol.changes": longer})) == []


def test_the_place_in_the_file(tmp_path: Path) -> None:
    """Line and column of the key, as of any other mistake."""
    file = tmp_path / "x.yaml"
    text = FILE.read_text().replace("valid_nonces_per_epoch: 300", "valid_nonces_per_epoch: 3000000")
    file.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith("difficulty"))
    column = text.splitlines()[line - 1].index("valid_nonces") + 1
    assert f"x.yaml:{line}:{column}: difficulty.target.valid_nonces_per_epoch: 3000000 nonces" in str(caught.value)


def test_nothing_controlled_nothing_doubted() -> None:
    assert find_doubts_of(load_scenario(FILE, {"difficulty": "fixed"})) == []


def load(target: dict[str, Any], **overrides: Any) -> Any:
    return load_scenario(FILE, {"difficulty.target": target, **overrides})


def test_a_doubt_is_told_once_and_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", str(FILE), "--set", f"difficulty.target.valid_nonces_per_epoch={int(TRIES) + 1}"]
    assert app(command, standalone_mode=False) is None
    told = capsys.readouterr()
    assert "fine: setpoints" in told.out
    assert told.err.count("difficulty.target.valid_nonces_per_epoch: ") == 1
    app(["check", str(FILE)], standalone_mode=False)
    assert capsys.readouterr().err == ""


def test_a_rule_that_acts_on_a_wait_belongs_in_races() -> None:
    """An epoch ends by itself; a wrapper of a rule without such a law is fine."""
    rule = {"kind": "sma", "target": {"valid_nonces_per_epoch": 4}}
    pause = {"kind": "minimum_after_pause", "rule": rule}
    with pytest.raises(ScenarioError, match=r"difficulty: compact_target acts while a block is awaited; an epoch ends"):
        load_scenario(FILE, {"difficulty": {"kind": "compact_target", "rule": pause}})
    assert load_scenario(FILE, {"difficulty": {"kind": "compact_target", "rule": rule}}).difficulty.target
