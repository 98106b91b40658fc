"""The real work of a host for its proof: operations of the layers that its GPUs really ran."""

import json
from typing import Any

import pytest

import sim
from pow.params import PRESETS, PowParams
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.strategies import events
from sim.strategies.actions import Compute

TEXT = """
name: work
epochs: 2
protocol: {epoch_length: 24, poc_stage_duration: 5, poc_validation_duration: 5}
work: {kind: sphere, params: devtest}
hosts:
  - {name: farm, count: 2, gpus: [1 x H100-SXM at 9 nonces/s, 2 x L40S at 4 nonces/s], region: EUROPE}
  - {name: odd, gpus: [1 x H100-SXM at 9 nonces/s, 2 x L40S at 4 nonces/s], region: EUROPE}
"""


def count_by_matrices(params: PowParams, n_layers: int) -> int:
    """Operations of one nonce: two for each entry of each matrix and position; the head reads the last position."""
    wide, narrow = (params.dim, params.dim), (params.dim, params.kv_dim)
    feed = (params.dim, params.hidden_dim)
    layer = [wide, narrow, narrow, wide, feed, feed, feed]
    entries = params.seq_len * n_layers * sum(rows * columns for rows, columns in layer)
    return 2 * (entries + params.dim * params.vocab_size)


def check_sums(result: Result, per_nonce: dict[str, int]) -> None:
    """Compare each participant's work with that of its ML nodes' nonces."""
    nodes = result.ml_nodes
    for row in result.participants.itertuples():
        mine = nodes[(nodes["epoch"] == row.epoch) & (nodes["participant"] == row.participant)]
        tried = sum(mine["tried"])
        assert row.tried == tried > 0
        assert row.work_operations == pytest.approx(tried * per_nonce[row.participant], rel=1e-12)
        assert sum(mine["work_operations"]) == row.work_operations


def test_it_is_that_of_the_nonces_tried_in_the_layers_run(scripted: Any) -> None:
    some = scripted("odd-0", events.GenerationOpened, lambda event: Compute(n_layers=4))
    params = PRESETS["devtest"]
    whole, part = count_by_matrices(params, params.n_layers), count_by_matrices(params, 4)
    result = some(parse_scenario(TEXT))
    check_sums(result, {"farm-0": whole, "farm-1": whole, "odd-0": part})
    work = result.participants.groupby("participant")["work_operations"].sum()
    assert work["odd-0"] == pytest.approx(work["farm-0"], rel=0.02), "a GPU does as much, for whatever it computes"


def test_work_before_the_stage_counts_as_well() -> None:
    cheat = {"kind": "precompute", "guess": "0123456789ABCDEF" * 4, "lead": 4}
    result = sim.run(parse_scenario(TEXT, overrides={"hosts.odd.strategy": cheat}))
    params = PRESETS["devtest"]
    nodes, whole = result.ml_nodes, count_by_matrices(params, params.n_layers)
    assert nodes.loc[nodes["participant"] == "odd-0", "tried_early"].min() > 0
    expected = ((nodes["tried"] + nodes["tried_early"]) * whole).groupby([nodes["epoch"], nodes["participant"]]).sum()
    found = result.participants.set_index(["epoch", "participant"])["work_operations"]
    assert found.to_dict() == pytest.approx(expected.to_dict(), rel=1e-12)


def test_answers_have_it_too(answers_text: str) -> None:
    result = sim.run(parse_scenario(answers_text, overrides={"epochs": 1}))
    params = PRESETS["tiny"]
    whole = count_by_matrices(params, params.n_layers)
    check_sums(result, dict.fromkeys(result.participants["participant"], whole))


@pytest.fixture
def answers_text() -> str:
    """A small network whose answers are drawn."""
    host = {"gpus": ["2 x H200 at 4 nonces/s", "1 x H100-SXM at 3 nonces/s"], "region": "EUROPE"}
    return json.dumps(
        {
            "name": "answers",
            "epochs": 1,
            "protocol": {
                "version": "v0.2.16",
                "epoch_length": 30,
                "poc_stage_duration": 6,
                "poc_exchange_duration": 1,
                "poc_validation_delay": 3,
                "poc_validation_duration": 8,
                "rules": {"confirmations_per_epoch": 0},
            },
            "work": {"kind": "sphere", "params": "tiny"},
            "hosts": [{"name": "two", "count": 2, "model": "MiniMax-M2.7", **host}],
        }
    )


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a run in which one host answers one kind of event in its own way."""
    from sim.nodes.agent import Agent

    original = Agent.__init__

    def choose(address: str, kind: type, answer: Any) -> Any:
        class Scripted:
            """One answer, without a memory."""

            events = (kind,)

            def start(self, identity: Any) -> None:
                return None

            def react(self, memory: None, event: Any, generator: Any) -> Any:
                return None, (answer(event),)

        def build(self: Agent, given: Any, name: str, identity: Any, **more: Any) -> None:
            is_odd = identity.addresses == (address,)
            original(self, Scripted() if is_odd else given, "scripted" if is_odd else name, identity, **more)

        monkeypatch.setattr(Agent, "__init__", build)
        return sim.run

    return choose
