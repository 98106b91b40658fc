"""A chain that cannot agree is given up, with or without faults, and says why; one that is slow goes on."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

import sim
from sim.chain import height as heights
from sim.chain.stalling import PATIENCE_ROUNDS, are_growing
from sim.metrics.records import BlockAgreed
from sim.protocol.consensus.rounds import NO_ROUND, Period, Round, Timeouts, compute_height, leave_behind
from sim.results import Result
from sim.scenario.load import load_scenario
from sim.work.sphere import SphereWork
from sim.world import build_world

SMALL = yaml.safe_load(
    """
name: stall
epochs: 1
protocol: {epoch_length: 30, poc_stage_duration: 6, poc_validation_duration: 12, r_target: 1.3}
work: {kind: sphere, params: tiny, rate_factor: 0.05}
hosts: [{name: farm, count: 4, gpus: 8 x H100-SXM, region: NORTH_AMERICA}]
"""
)
HASTE = {"timeout_propose": "1 ms", "timeout_prevote": "1 s", "timeout_precommit": "1 s"}


def run(consensus: dict, *faults: dict, **changed: object) -> Result:
    return sim.run({**SMALL, "consensus": consensus, "faults": list(faults), **changed})


@pytest.mark.parametrize("faults", [(), ({"kind": "clock_skew", "at": "0 s", "offset": "1 ms"},)])
def test_a_chain_whose_time_outs_never_suffice_halts(faults: tuple) -> None:
    result = run({**HASTE, "timeout_delta": "0 s"}, *faults)
    assert result.provenance["status"] == "halted"
    (warning,) = result.summary["warnings"]
    assert "the chain halted after block 0" in warning
    assert f"in {PATIENCE_ROUNDS} of the 36 rounds of block 1 no vote and no proposal arrived in time" in warning
    assert "propose 0.001 s" in warning


def test_time_outs_that_grow_are_waited_for() -> None:
    """A block needs about 35 ms: so many rounds of 1 ms more each, of which 30 bring nothing new."""
    scenario = load_scenario({**SMALL, "consensus": {**HASTE, "timeout_delta": "0.8 ms"}})
    world = build_world(scenario, SphereWork(scenario.work.pow_params.vocab_size).__enter__(), lambda ended: None)
    chain = world.start()
    while not world.context.ledger.height:
        world.context.env.step()
    assert not chain.triggered
    assert world.context.ledger.height == 1
    assert next(iter(world.context.recorder.rows(BlockAgreed))).round > PATIENCE_ROUNDS


def test_a_fault_that_ends_is_waited_for() -> None:
    slow = {"kind": "latency", "at": "0 s", "lasts": "10 min", "factor": 500}
    result = run({"timeout_delta": "0 s"}, slow)
    assert result.provenance["status"] == "finished"
    assert result.blocks["time_seconds"].min() > 600


def test_growth_ends_where_it_is_too_little_to_matter() -> None:
    grows = Timeouts(1.0, 1.0, 1.0, 0.5)
    assert are_growing(grows, 100)
    assert not are_growing(grows, 10_000)
    assert not are_growing(Timeouts(1.0, 1.0, 1.0, 0.0), 1)
    assert not are_growing(Timeouts(0.0, 1.0, 1.0, 0.0), 1)


def test_the_cost_of_a_round_does_not_grow_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a few rounds are looked at, however many there were."""
    looked = []
    compute = heights.compute_height

    def count(entries: object, rounds: list, *rest: object) -> object:
        looked.append(len(rounds))
        return compute(entries, rounds, *rest)

    monkeypatch.setattr(heights, "compute_height", count)
    result = run({**HASTE, "timeout_delta": "0 s"})
    assert result.provenance["status"] == "halted"
    assert len(looked) > PATIENCE_ROUNDS
    assert max(looked) <= heights.OPEN_ROUNDS + 2


@pytest.mark.parametrize("seed", range(4))
def test_rounds_that_were_left_behind_give_the_same_outcomes(seed: int) -> None:
    """All rounds at once against the last of them, after the first have been left behind."""
    generator = np.random.default_rng(seed)
    n, n_rounds, n_left = 4, 9, 5
    powers = generator.integers(1, 10, n)
    periods = [Period(-math.inf, generator.uniform(0.1, 0.4, (n, n)))]
    timeouts = Timeouts(0.2, 0.5, 0.1, 0.01)
    rounds, entries = [], np.zeros(n)
    for index in range(n_rounds):
        before = compute_height(entries, rounds, powers, periods, timeouts)
        start = float(before[-1].next_entry_seconds.min()) if rounds else 0.0
        if not math.isfinite(start):
            break
        rounds.append(Round(index, NO_ROUND, start + generator.uniform(0.0, 1.0, n)))
    whole = compute_height(entries, rounds, powers, periods, timeouts)
    assert len(rounds) == n_rounds, "another seed is needed"
    past = leave_behind(None, rounds[:2], whole[:2], math.inf)
    past = leave_behind(past, rounds[2:n_left], whole[2:n_left], math.inf)
    last = compute_height(entries, rounds[n_left:], powers, periods, timeouts, past=past)
    for expected, found in zip(whole[n_left:], last, strict=True):
        for name, values in vars(expected).items():
            assert np.array_equal(values, getattr(found, name)), name


def test_the_hang_that_was_reported_ends_with_3(powsim, tmp_path: Path) -> None:
    file = tmp_path / "hang.yaml"
    file.write_text(yaml.safe_dump({**SMALL, "consensus": {**HASTE, "timeout_delta": "0 s"}}))
    done = powsim("run", str(file), "--out", str(tmp_path / "out"))
    assert done.returncode == 3
    assert "was given up" in done.stdout
