"""`powsim search` finds attacks by itself from ingredients, and finds nothing where theory says that nothing pays."""

import os
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sim.errors import ScenarioError
from sim.scenario.load import load_scenario
from sim.strategies import strategies
from sim.studies.search import SECTION_FILE, SearchResult, load_search_result, run_search
from sim.studies.search_file import load_search
from sim.studies.search_tables import print_search

ATTACKS = Path(__file__).parents[2] / "scenarios" / "attacks"
BEFORE = "hosts.cheater.strategy."
SMALL = """\
name: small-attacks
seed: 2
epochs: 1
protocol:
  version: v0.2.0
  block_time: 20 s
  epoch_length: 10
  poc_stage_duration: 2
  poc_exchange_duration: 1
  poc_validation_delay: 1
  poc_validation_duration: 3
  validation_sample_size: 20
work: {kind: sphere, params: mainnet, rate_factor: 0.2, startup: 3 s}
network: {tier: paths, topology: {kind: full_mesh}}
hosts:
  - {name: honest, count: 3, gpus: 8 x H100-SXM, region: EUROPE}
  - {name: cheater, gpus: 8 x H100-SXM, region: EUROPE, strategy: mixed}
difficulty: fixed
search:
  parameters:
    hosts.cheater.strategy.when: {choices: [never, always]}
    hosts.cheater.strategy.layers: {choices: [null, 8]}
    hosts.cheater.strategy.invented: {choices: [0.0, 3.0]}
    hosts.cheater.strategy.place: {choices: [last, unsampled]}
    hosts.cheater.strategy.claims: {choices: [at_once, at_end]}
  objective: {measure: cheater_gain, goal: maximise}
  front: [cheater_gain, cheater_rejected_share]
  ablation: true
  trials: 20
  replications: 2
  finalists: 2
"""


def run(text: str, folder: Path) -> SearchResult:
    file = folder / "search.yaml"
    file.write_text(text)
    return run_search(load_search(file), out=folder / "out", root=folder, n_workers=0, report=lambda step: None)


def get_needed(result: SearchResult) -> set[str]:
    """Ingredients without which the winner's gain is smaller, whatever the random numbers."""
    table = result.tables["ablation"]
    return {name.removeprefix(BEFORE) for name in table.loc[table["resolved"] & (table["difference"] > 0), "parameter"]}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return run(SMALL, tmp_path_factory.mktemp("attack"))


def test_the_attack_is_put_together_from_its_ingredients(found: SearchResult) -> None:
    """8 of 64 layers are 8 times the nonces, each with 3 invented ones beside it: 32 times the weight for the work."""
    assert get_needed(found) == {"when", "layers", "invented", "place", "claims"}
    winner, rival = found.summary["winner"], found.summary["against"]
    assert winner["low"] > 12 > 2 > rival["high"]
    assert found.summary["difference"]["resolved"]


def test_the_block_to_paste_is_the_attack(found: SearchResult, tmp_path: Path) -> None:
    block = YAML(typ="safe").load((found.folder / SECTION_FILE).read_text())
    assert block["strategy"].items() >= {"kind": "mixed", "layers": 8, "place": "unsampled"}.items()
    scenario = load_scenario(found.folder / "winner.yaml")
    assert strategies.spec_of(scenario.hosts[1].strategy).items() >= block["strategy"].items()


def test_the_front_shows_gain_against_detection(found: SearchResult, capsys: pytest.CaptureFixture[str]) -> None:
    """No point of the trials has more gain with no more detection; larger gain stands first."""
    front, trials = found.tables["front"], found.tables["trials"]
    assert front["cheater_gain"].is_monotonic_decreasing
    best = front.iloc[0]
    assert best["cheater_gain"] == pytest.approx(trials["cheater_gain"].max())
    assert not ((trials["cheater_gain"] > best["cheater_gain"]) & (trials["cheater_rejected_share"] <= 1)).any()
    print_search(load_search_result(found.folder))
    told = capsys.readouterr().out
    assert "front of cheater_gain and cheater_rejected_share" in told
    assert "strategy:\n  kind: mixed" in told


def test_nothing_pays_where_samples_come_late_and_layers_are_all_run(tmp_path: Path) -> None:
    """3 of 4 nonces are invented, so that each sample holds more of them than an honest claim ever has."""
    repaired = SMALL.replace("seed: 2", "seed: 4").replace("trials: 20", "trials: 8")
    repaired = repaired.replace("size: 20", "size: 20\n  rules: {samples_by_newest_hash: true}")
    repaired = repaired.replace("    hosts.cheater.strategy.layers: {choices: [null, 8]}\n", "")
    found = run(repaired, tmp_path)
    assert (found.tables["trials"]["cheater_gain"] == 0).any()  # it was tried
    difference = found.summary["difference"]
    assert difference["low"] <= 0.0 <= difference["high"]
    assert get_needed(found) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["launch", "v0-2-6"])
def test_known_attacks_are_found_among_many_thousand_mixes(name: str, tmp_path: Path) -> None:
    """predict_sample is place, claims and invented; skip_layers is layers. Budget, trials and seed are the file's."""
    search = load_search(ATTACKS / f"{name}.yaml")
    assert _count_mixes(search.domains) > 200
    found = run_search(
        search, out=tmp_path / "out", root=tmp_path, n_workers=os.cpu_count() or 1, report=lambda s: None
    )
    assert get_needed(found) >= {"when", "layers", "invented", "place", "claims"}
    assert found.summary["winner"]["low"] > 10


@pytest.mark.slow
def test_nothing_is_found_where_nothing_pays(tmp_path: Path) -> None:
    search = load_search(ATTACKS / "answers-repaired.yaml")
    assert _count_mixes(search.domains) > 200
    found = run_search(
        search, out=tmp_path / "out", root=tmp_path, n_workers=os.cpu_count() or 1, report=lambda s: None
    )
    difference = found.summary["difference"]
    assert difference["low"] <= 0.0 <= difference["high"]


def _count_mixes(domains: Any) -> int:
    count = 1
    for domain in domains.values():
        count *= len(domain.choices or (0,))
    return count


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[last, unsampled]", "[last, unsampeld]", ":24:52: search.parameters.hosts.cheater.strategy.place.choices.1"),
        ("[null, 8]", "[null, 65]", "choices.1: the model has 64 layers; 65 of them cannot be run"),
        ("strategy.place:", "strategy.plaec:", 'unknown key. Did you mean "place"?'),
    ],
)
def test_bad_values_of_the_grammar_have_their_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    file = tmp_path / "bad.yaml"
    assert old in SMALL
    file.write_text(SMALL.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load_search(file)
    assert expected in str(caught.value)
