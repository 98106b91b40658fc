"""Whole runs beside their bars (`make bench`): seconds, SimPy events and memory, each run in a program of its own.

Beside each run stands what as many bare SimPy timeouts with a callback take in the same minute.
"""

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import simpy
from ruamel.yaml import YAML

from sim.scenario.load import load_scenario
from sim.scenario.schema import Scenario

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parent.parent.parent
LAUNCH, LARGE = (ROOT / "scenarios" / f"{name}.yaml" for name in ("mainnet-launch", "ten-thousand-hosts"))
LAUNCH_SECONDS, ALL_TO_ALL_SECONDS, LARGE_SECONDS, LARGE_MEGABYTES = 30, 60, 120, 3000
ANSWERS_SECONDS, CONFIRMED_SECONDS = 90, 30
TABLE = ROOT / "sim" / "topologies" / "data" / "simblock-2019.yaml"
LARGEST_EXPONENT, FACTOR = 1.15, 10

ALL_TO_ALL = """
name: all-to-all
epochs: 10
protocol:
  version: v0.2.5  # before it only the first 100 members' votes count
  epoch_length: 100
  poc_stage_duration: 10
  poc_validation_duration: 40
  validation_sample_size: 1
work: {kind: sphere, params: mainnet, rate_factor: 0.02, startup: 10 s}
consensus: {timeout_propose: 10 min}  # blocks full of votes take a minute over such links
network: {tier: paths, topology: {kind: random_regular, degree: 8}}
hosts: [{name: host, count: 1000, gpus: 8 x H100-SXM, region: EUROPE}]
"""

ANSWERS = """
name: answers-all-to-all
epochs: 3
protocol:
  version: v0.2.16
  epoch_length: 100
  poc_stage_duration: 35
  poc_exchange_duration: 0
  poc_validation_delay: 5
  poc_validation_duration: 40
  deploy_window: 20
  validation_sample_size: 1
  rules: {confirmations_per_epoch: 0}
work: {kind: sphere, startup: 5 s}
consensus: {timeout_propose: 10 min}
network: {tier: paths, topology: {kind: random_regular, degree: 8}}
hosts:
  - {name: plain, count: 900, gpus: 8 x H200 at 20 nonces/s for MiniMax-M2.7, region: EUROPE}
  - name: both
    count: 100
    gpus: [8 x H200 at 20 nonces/s for MiniMax-M2.7, 8 x B200 at 20 nonces/s for GLM-5.3-Flash]
    region: EUROPE
"""

CONFIRMED = """
name: answers-confirmed
epochs: 10
protocol:
  version: v0.2.16
  epoch_length: 480
  poc_stage_duration: 35
  poc_exchange_duration: 0
  poc_validation_delay: 5
  poc_validation_duration: 40
  set_new_validators_delay: 5
  deploy_window: 100
  rules: {confirmations_per_epoch: 40, confirmation_safety_blocks: 5, upgrade_pause_blocks: 0}  # 4 find the time
network: {tier: paths}
work: {kind: sphere, startup: 5 s}
hosts:
  - name: three
    count: 14
    gpus:
      - 8 x H200 at 80 nonces/s for MiniMax-M2.7
      - 8 x H200 at 80 nonces/s for DeepSeek-V4-Flash-0731
      - 8 x B200 at 80 nonces/s for GLM-5.3-Flash
    region: EUROPE
  - name: two
    count: 12
    gpus: [8 x H200 at 80 nonces/s for MiniMax-M2.7, 8 x H100-SXM at 80 nonces/s for DeepSeek-V4-Flash-0731]
    region: NORTH_AMERICA
"""

PROGRAM = """
import json, sys, time
import simpy
import sim, sim.results, sim.runner, sim.world

clocks, start = [], simpy.Environment.__init__

def note(self, *arguments, **keywords):
    clocks.append(self)
    start(self, *arguments, **keywords)

simpy.Environment.__init__ = note
started = time.perf_counter()
result = sim.run(sys.argv[1], overrides=json.loads(sys.argv[2]))
seconds = time.perf_counter() - started
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
megabytes = int(status["VmHWM"].split()[0]) * 1024 / 1e6
events = sum(next(clock._eid) for clock in clocks)
accepted = int(result.frames["epochs"]["accepted"].min())
print(json.dumps([seconds, events, megabytes, accepted]))
"""


@dataclass(frozen=True)
class Cost:
    """What a run took; `n_accepted` participants at least in every epoch."""

    seconds: float
    n_events: int
    megabytes: float
    n_accepted: int


def measure_run(file: Path, **overrides: object) -> Cost:
    """Run a scenario in a program of its own, whose largest memory is its own too."""
    command = [sys.executable, "-c", PROGRAM, str(file), json.dumps(overrides)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def measure_bare(n_events: int) -> float:
    """Seconds of as many SimPy timeouts with a callback."""
    env = simpy.Environment()

    def tick(_: Any) -> None:
        nonlocal n_events
        n_events -= 1
        if n_events > 0:
            env.timeout(1.0).callbacks.append(tick)

    started = time.perf_counter()
    env.timeout(1.0).callbacks.append(tick)
    env.run()
    return time.perf_counter() - started


def show(title: str, cost: Cost, bar_seconds: float = math.inf) -> None:
    """Wall times are told beside their bar and not asserted: they are the machine's as much as the program's."""
    bare = measure_bare(cost.n_events)
    verdict = f"bar: {bar_seconds:g} s, {'kept' if cost.seconds <= bar_seconds else 'MISSED'}"
    print(f"\n{title} ({verdict if bar_seconds < math.inf else 'no bar'})")
    print(f"  {cost.seconds:8.1f} s, {cost.megabytes:8.0f} MB, {cost.n_events:>10} SimPy events")
    print(f"  {bare:8.1f} s for as many bare timeouts with a callback: {cost.seconds / max(bare, 1e-9):.1f} times")
    assert cost.n_accepted > 0


def scale_down(scenario: Scenario, factor: int) -> dict[str, int]:
    """The overrides that leave one host of so many in every group."""
    return {f"hosts.{group.name}.count": group.count // factor for group in scenario.hosts}


def test_mainnet_launch() -> None:
    cost = measure_run(LAUNCH)
    show("mainnet-launch, 60 hosts, 30 epochs", cost, LAUNCH_SECONDS)


def test_all_to_all_validation(tmp_path: Path) -> None:
    file = tmp_path / "all-to-all.yaml"
    file.write_text(ALL_TO_ALL)
    cost = measure_run(file)
    show("1000 hosts check each other, 10 epochs", cost, ALL_TO_ALL_SECONDS)


def test_a_thousand_hosts_with_answers(tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text(ANSWERS)
    show("1000 hosts check each other's answers, 3 epochs", measure_run(file), ANSWERS_SECONDS)


def test_confirmations_of_three_models(tmp_path: Path) -> None:
    file = tmp_path / "confirmed.yaml"
    file.write_text(CONFIRMED)
    show("26 hosts, 3 models, 10 epochs with about 4 confirmations each", measure_run(file), CONFIRMED_SECONDS)


def write_wide_table(file: Path) -> str:
    """Links like the scenario's with a hundred times their bandwidth, so that no block fills them."""
    table = YAML(typ="safe").load(TABLE.read_text())
    for rate in ("upload_bits_per_second", "download_bits_per_second"):
        table[rate] = [100 * each for each in table[rate]]
    YAML(typ="safe").dump(table, file)
    return str(file)


def test_ten_thousand_hosts(tmp_path: Path) -> None:
    """And the power with which time grows from a tenth of the hosts.

    In the scenario itself blocks of so many hosts fill the links, so that a phase of as many blocks lasts longer and ML
    nodes send more. How the program grows is seen where both networks live through the same time.
    """
    scenario = load_scenario(LARGE)
    assert sum(group.count for group in scenario.hosts) == 10_000
    tenth = scale_down(scenario, FACTOR)
    wide = {"network.topology.data": write_wide_table(tmp_path / "wide.yaml")}
    small, large = measure_run(LARGE, **tenth), measure_run(LARGE)
    show("1000 hosts, 3 epochs", small)
    show("ten-thousand-hosts, 3 epochs", large, LARGE_SECONDS)
    print(f"  time grows with hosts to the power of {compute_exponent(small, large):.2f}, with longer epochs")
    exponent = compute_exponent(measure_run(LARGE, **tenth, **wide), measure_run(LARGE, **wide))
    print(f"  over links that blocks do not fill, to the power of {exponent:.2f} (bar: {LARGEST_EXPONENT})")
    assert large.megabytes <= LARGE_MEGABYTES
    assert exponent <= LARGEST_EXPONENT


def compute_exponent(small: Cost, large: Cost) -> float:
    return math.log(large.seconds / small.seconds) / math.log(FACTOR)
