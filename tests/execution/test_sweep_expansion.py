"""From a sweep file to runs: designs, seeds, identity."""

import json
from pathlib import Path
from typing import Any

import pytest

from sim.execution.plan import Plan
from sim.execution.sweep_file import RunSpec, Sweep, load_sweep_file
from sim.execution.sweep_schema import sweep_json_schema
from sim.execution.worker import Order

ROOT = Path(__file__).parent.parent.parent
BASE = (ROOT / "tests" / "data" / "small.yaml").read_text()


def load(tmp_path: Path, section: str, **options: Any) -> Sweep:
    file = tmp_path / "sweep.yaml"
    file.write_text(BASE + "sweep:\n" + "".join(f"  {line}\n" for line in section.splitlines()))
    return load_sweep_file(file, **options)


def expand(sweep: Sweep, version: str) -> list[RunSpec]:
    return Plan(sweep, Order(version, ())).start([])


def values(sweep: Sweep) -> list[tuple[Any, ...]]:
    return [point.values for point in sweep.points]


def test_grid_is_every_combination_the_last_axis_fastest(tmp_path: Path) -> None:
    sweep = load(tmp_path, "grid: {epochs: [2, 3], difficulty.max_step: [1.5, 2, 4]}")
    assert sweep.axes == ("epochs", "difficulty.max_step")
    assert values(sweep) == [(2, 1.5), (2, 2), (2, 4), (3, 1.5), (3, 2), (3, 4)]
    scenario = json.loads(sweep.points[-1].scenario_json)
    assert (scenario["epochs"], scenario["difficulty"]["max_step"]) == (3, 4)


def test_list_takes_the_sets_as_they_are(tmp_path: Path) -> None:
    section = "list:\n  - {difficulty: fixed, epochs: 2}\n  - {epochs: 3, difficulty: {kind: fixed}}"
    sweep = load(tmp_path, section)
    assert sweep.axes == ("difficulty", "epochs")
    assert values(sweep) == [("fixed", 2), ({"kind": "fixed"}, 3)]


def test_zip_advances_its_axes_together(tmp_path: Path) -> None:
    assert values(load(tmp_path, "zip: {epochs: [2, 3], hosts.big.count: [3, 4]}")) == [(2, 3), (3, 4)]


def test_latin_hypercube_has_one_point_in_every_slice(tmp_path: Path) -> None:
    ranges = "{difficulty.max_step: [1.5, 3.5], protocol.block_time: [2 s, 6 s], hosts.big.count: [1, 4]}"
    points = values(load(tmp_path, f"latin_hypercube: {{n: 20, ranges: {ranges}}}"))
    steps, times, counts = zip(*points, strict=True)
    assert sorted(int((step - 1.5) / 2 * 20) for step in steps) == list(range(20))
    assert sorted(int((float(text.removesuffix(" s")) - 2) / 4 * 20) for text in times) == list(range(20))
    assert [counts.count(count) for count in (1, 2, 3, 4)] == [5, 5, 5, 5]
    assert all(isinstance(count, int) for count in counts)


@pytest.mark.parametrize("n", [1, 7, 16])
def test_sobol_fills_the_range_evenly(tmp_path: Path, n: int) -> None:
    points = values(load(tmp_path, f"sobol: {{n: {n}, ranges: {{difficulty.max_step: [2.0, 4.0]}}}}"))
    assert len(points) == n
    assert all(2 <= step < 4 for (step,) in points)
    if n == 16:
        assert sorted(int((step - 2) / 2 * 16) for (step,) in points) == list(range(16))


def test_sampled_designs_repeat_and_follow_the_seed(tmp_path: Path) -> None:
    section = "latin_hypercube: {n: 5, ranges: {difficulty.max_step: [1.5, 3.5]}}"
    first, again, other = (values(load(tmp_path, section, overrides=[f"seed={seed}"])) for seed in (1, 1, 2))
    assert first == again != other


def test_designs_are_crossed(tmp_path: Path) -> None:
    section = "grid: {epochs: [2, 3]}\nlist: [{hosts.big.count: 1}, {hosts.big.count: 2}]"
    assert values(load(tmp_path, section)) == [(2, 1), (2, 2), (3, 1), (3, 2)]


def test_a_parent_is_set_before_what_stands_in_it(tmp_path: Path) -> None:
    whole = "{kind: proportional, target: {valid_nonces_per_epoch: 9}}"
    section = f"grid:\n  difficulty.max_step: [3.0]\n  difficulty: [{whole}]"
    (point,) = load(tmp_path, section).points
    assert json.loads(point.scenario_json)["difficulty"]["max_step"] == 3.0


def test_replications_alone_are_a_sweep(tmp_path: Path) -> None:
    sweep = load(tmp_path, "replications: 3")
    assert (sweep.axes, values(sweep)) == ((), [()])
    assert len(expand(sweep, "v")) == 3


def test_variants_share_their_seeds_and_replications_do_not(tmp_path: Path) -> None:
    specs = expand(load(tmp_path, "grid: {epochs: [2, 3]}\nreplications: 3"), "v")
    assert [(spec.replication, spec.point) for spec in specs] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    seeds = {replication: {s.seed for s in specs if s.replication == replication} for replication in range(3)}
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == 3


def test_run_id_is_the_hash_of_all_that_matters(tmp_path: Path) -> None:
    section = "grid: {epochs: [2, 3]}\nreplications: 2"
    ids = [spec.run_id for spec in expand(load(tmp_path, section), "v")]
    assert len(set(ids)) == 4
    assert ids == [spec.run_id for spec in expand(load(tmp_path, section), "v")]
    assert not set(ids) & {spec.run_id for spec in expand(load(tmp_path, section), "w")}
    assert not set(ids) & {spec.run_id for spec in expand(load(tmp_path, section, overrides=["seed=9"]), "v")}
    more = expand(load(tmp_path, "grid: {epochs: [4, 3, 2]}\nreplications: 2"), "v")
    assert set(ids) < {spec.run_id for spec in more}, "a run stays itself when points are added around it"


def test_a_sweep_file_may_name_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    file = tmp_path / "sweep.yaml"
    file.write_text("name: steps\nscenario: base.yaml\nsweep: {grid: {difficulty.max_step: [1.5, 2]}}\n")
    sweep = load_sweep_file(file, ["sweep.replications=4", "epochs=2"])
    assert (sweep.name, sweep.seed, sweep.config.replications, len(sweep.points)) == ("steps", 7, 4, 2)
    assert json.loads(sweep.points[0].scenario_json)["epochs"] == 2


def test_the_text_of_a_sweep_is_the_same_sweep(tmp_path: Path) -> None:
    sweep = load(tmp_path, "grid: {difficulty.max_step: [1.5, 2]}\ntime_limit: 5 min\nreplications: 2")
    file = tmp_path / "again.yaml"
    file.write_text(sweep.text)
    assert load_sweep_file(file) == sweep
    assert sweep.config.time_limit == 300


def test_json_schema_accepts_both_forms_of_a_sweep_file() -> None:
    import jsonschema
    from ruamel.yaml import YAML

    schema = sweep_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    whole = YAML(typ="safe", pure=True).load(ROOT / "scenarios" / "sweeps" / "sample-size.yaml")
    beside = {"scenario": "x.yaml", "sweep": {"list": [{"epochs": 1}], "until": whole["sweep"].get("until")}}
    assert validator.is_valid(whole)
    assert validator.is_valid(beside)
    for wrong in ({**whole, "epohcs": 1}, {"scenario": "x.yaml"}, {**beside, "epochs": 3}):
        assert not validator.is_valid(wrong)
    whole["sweep"]["replications"] = 0
    assert not validator.is_valid(whole)
