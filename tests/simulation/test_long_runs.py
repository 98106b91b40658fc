"""Long runs: what is over is forgotten, what was computed is kept, and neither changes a bit of a result."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim
from sim.errors import UserError
from sim.execution.sweep_file import specify
from sim.files.sums import sum_line
from sim.results import Result
from sim.runner import resume_run, run_into_folder
from sim.scenario.load import load_scenario
from sim.streams import Streams
from sim.work import works
from sim.work.kernel import KernelWork
from sim.world import World, build_world

MINI: dict[str, Any] = {
    "name": "mini",
    "epochs": 9,
    "protocol": {"epoch_length": 30, "poc_stage_duration": 6, "poc_validation_duration": 6, "r_target": 1.3},
    "work": {"kind": "sphere", "params": "tiny", "rate_factor": 0.01, "startup": "3 s"},
    "network": {"topology": "full_mesh"},
    "hosts": [{"name": "a", "count": 2, "gpus": "8 x H100-SXM", "region": "EUROPE"}],
}
KERNEL: dict[str, Any] = {"epochs": 2, "work.kind": "kernel"}


def run_into(folder: Path, overrides: dict[str, Any]) -> Result:
    scenario = load_scenario(MINI, overrides)
    return run_into_folder(scenario, out=folder, root=folder, progress=False)[0]


def test_what_is_over_is_written_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in several pieces, a ledger that keeps forty blocks: the same rows, hashes and summary."""
    whole, forgotten = sim.run(MINI), []
    monkeypatch.setattr("sim.metrics.keeping.EPOCHS_AT_ONCE", 2)
    monkeypatch.setattr("sim.chain.ledger.KEPT_BLOCKS", 40)
    monkeypatch.setattr(
        "sim.metrics.recorder.Recorder.forget",
        lambda self, last, forget=sim.metrics.recorder.Recorder.forget: (forgotten.append(last), forget(self, last)),
    )
    kept = run_into(tmp_path / "out", {"metrics.keep": "disk"})
    assert forgotten == [-1, 1, 3]
    for name in ("trace_hash", "outcome_hash"):
        assert kept.provenance[name] == whole.provenance[name]
    assert kept.summary == whole.summary
    loaded = sim.load_result(tmp_path / "out")
    for name, frame in whole.frames.items():
        pd.testing.assert_frame_equal(loaded.frames[name], frame)
    assert not list((tmp_path / "out").glob(".*"))


def measure_memory(world: World) -> dict[str, int]:
    """Entries of everything that once grew with the epochs."""
    ledger, executors = world.context.ledger, [host._executor for host in world.hosts.values()]
    return {
        "ids in blocks": len(ledger._heights),
        "blocks": len(ledger._blocks) + len(ledger._aside),
        "ids that were given": sum(len(each) for own in executors for each in own.outbox._named.values()),
        "seeds": sum(len(own._seeds) for own in executors),
    }


@pytest.mark.parametrize("tier", ["paths", "events"])
def test_nothing_grows_with_the_epochs(tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of transactions, names and seeds; a host that is down for good holds no block back."""
    for name, value in {"sim.chain.ledger.KEPT_BLOCKS": 40, "sim.nodes.executor.SEED_EPOCHS": 3}.items():
        monkeypatch.setattr(name, value)
    down = {"kind": "crash", "hosts": ["a-3"], "at": "200 s"}
    unpaid = {"work.rate_factor": 1e-6, "hosts.0.count": 4, "epochs": 24, "network.tier": tier, "faults": [down]}
    unpaid |= {"protocol": {"epoch_length": 16, "poc_stage_duration": 3, "poc_validation_duration": 4}}
    found, scenario = [], load_scenario(MINI, unpaid)
    with works.build("sphere").open(scenario.work.settings) as work:
        world = build_world(scenario, work, lambda _: found.append(measure_memory(world)))
        world.run()
    assert len(found) == 24
    assert found[-1]["ids in blocks"] > 0
    for name, entries in found[13].items():
        assert found[-1][name] <= entries + 2, name


def test_a_host_that_was_down_for_long_begins_with_a_later_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a newcomer does: peers have forgotten the blocks in between. It validates again like any other."""
    down = {"kind": "crash", "hosts": ["a-1"], "at": "200 s", "lasts": "600 s"}
    scenario = load_scenario(MINI, {"hosts.0.count": 4, "epochs": 9, "faults": [down]})
    whole = sim.run(scenario)
    monkeypatch.setattr("sim.chain.ledger.KEPT_BLOCKS", 40)
    short = sim.run(scenario)
    assert short.provenance["outcome_hash"] == whole.provenance["outcome_hash"]
    last = short.frames["participants"].query("participant == 'a-1'").iloc[-1]
    assert last["is_accepted"]


def test_streams_of_a_time_are_forgotten_when_nothing_uses_them() -> None:
    streams = Streams(1)
    first = streams.of_a_time("host", 1)
    for _ in range(2):
        streams.forget_unused()
        assert streams.of_a_time("host", 1) is first
    for _ in range(3):
        streams.forget_unused()
    assert streams.of_a_time("host", 1) is not first


def interrupt_at(n_calls: int) -> Callable[[KernelWork, Any], None]:
    calls, compute = [], KernelWork._compute_pending

    def call(work: KernelWork, numbers: Any) -> None:
        compute(work, numbers)
        calls.append(work)
        if len(calls) == n_calls:
            raise KeyboardInterrupt

    return call


def test_a_run_goes_on_with_the_same_bytes(tmp_path: Path, powsim: Callable[..., Any]) -> None:
    whole, out = run_into(tmp_path / "whole", KERNEL), tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KernelWork, "_compute_pending", interrupt_at(1))
        with pytest.raises(KeyboardInterrupt):
            run_into(out, KERNEL)
    assert list((out / "distances").iterdir())
    with pytest.raises(UserError, match="is another scenario, or has another seed"):
        resume_run(out, load_scenario(MINI, {**KERNEL, "seed": 7}))
    after = resume_run(out)
    assert 0 < after.provenance["work"]["of_these_stored"] < after.provenance["work"]["computed"]
    assert after.provenance["trace_hash"] == whole.provenance["trace_hash"]
    for name in whole.frames:
        assert (out / f"{name}.parquet").read_bytes() == (tmp_path / "whole" / f"{name}.parquet").read_bytes()
    assert not (out / "distances").exists()
    for arguments, told in (
        (("--resume", out), "the run is finished; nothing is left to do"),
        (("--resume", tmp_path), "not the folder of a run"),
        ((), "no FILE"),
    ):
        done = powsim("run", *arguments)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_distances_serve_a_second_run(tmp_path: Path) -> None:
    cache, plain = tmp_path / "cache", sim.run(MINI, overrides=KERNEL)
    first, second = (sim.run(MINI, overrides={**KERNEL, "work.cache": str(cache)}) for _ in range(2))
    work = second.provenance["work"]
    assert work["of_these_stored"] == work["computed"] == plain.provenance["work"]["computed"]
    assert {each.provenance["trace_hash"] for each in (plain, first, second)} == {plain.provenance["trace_hash"]}
    (file,) = cache.iterdir()
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0].replace("1.", "2.", 1), *lines[1:], "torn"]))
    third = sim.run(MINI, overrides={**KERNEL, "work.cache": str(cache)})
    assert third.provenance["trace_hash"] == plain.provenance["trace_hash"]
    assert 0 < third.provenance["work"]["of_these_stored"] < work["computed"]


def test_a_distance_that_is_not_computed_here_is_told(tmp_path: Path) -> None:
    """The checksum fits; one answer in a thousand, the first one too, is computed again."""
    cache = tmp_path / "cache"
    sim.run(MINI, overrides={**KERNEL, "work.cache": str(cache)})
    (file,) = cache.iterdir()
    lines = [json.loads(line.partition(" ")[2]) for line in file.read_text().splitlines()]
    for line in lines:
        line["distances"] = {key: dict.fromkeys(own, 1.5) for key, own in line["distances"].items()}
    file.write_text("".join(f"{sum_line(json.dumps(line))}\n" for line in lines))
    with pytest.raises(UserError, match=r"is 1\.5 there, and computed again .*: remove the folder"):
        sim.run(MINI, overrides={**KERNEL, "work.cache": str(cache)})


def test_the_cache_is_no_part_of_a_run_id(tmp_path: Path) -> None:
    ids = {
        specify(load_scenario(MINI, overrides).model_dump_json(), 1, 0, 0, "v").run_id
        for overrides in ({}, {"work.cache": "one"}, {"work.cache": str(tmp_path)})
    }
    assert len(ids) == 1
