"""Seven strategies of a package outside powsim, found by their entry points, each a file of under 60 lines.

They prove the seam: a cheater with a mind needs no change of the package.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.strategies import strategies

OUTSIDE = Path(__file__).parent / "outside"
NAMES = ("always_valid", "copycat", "leaver", "no_layers", "no_seed", "sleeper", "vote_pool")
LONGEST = 60  # lines
TEXT = """
name: outside
epochs: {epochs}
seed: 4
protocol:
  {{epoch_length: 30, poc_stage_duration: 6, poc_validation_duration: 12, r_target: 1.41, validation_sample_size: 30}}
work: {{kind: {work}, params: {params}, rate_factor: {rate}}}
hosts:
  - {{name: farm, count: 4, gpus: 2 x H100-SXM, region: EUROPE}}
  - {{name: odd, count: {count}, gpus: 1 x H100-SXM, region: JAPAN, strategy: {strategy}{operator}}}
"""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Any:
    """Put the package on the path, as an installation does, and let the registry look again."""
    strategies.names()  # powsim's own are there
    sys.path.insert(0, str(OUTSIDE))
    before = dict(strategies._plugins), dict(strategies._adapters)
    strategies._is_loaded = False
    yield
    sys.path.remove(str(OUTSIDE))
    strategies._plugins, strategies._adapters = before


def run(strategy: str, **changes: Any) -> Result:
    """Run four honest farms beside a host with a strategy."""
    values = {"epochs": 3, "work": "sphere", "params": "tiny", "rate": 1, "count": 1, "operator": ""} | changes
    return sim.run(parse_scenario(TEXT.format(strategy=strategy, **values)))


def of_odd(result: Result, frame: str, who: str = "participant") -> Any:
    rows = result.frames[frame]
    return rows[rows[who].str.startswith("odd")]


def test_entry_points_find_all_of_them() -> None:
    assert set(NAMES) <= set(strategies.names())
    for name in NAMES:
        file = OUTSIDE / "powsim_cheats" / f"{name}.py"
        assert len(file.read_text(encoding="utf-8").splitlines()) < LONGEST, name


def test_a_fresh_process_finds_them_too() -> None:
    code = "from sim.strategies import strategies; print(*strategies.names())"
    environment = {"PYTHONPATH": f"{OUTSIDE}:{Path(sim.__file__).parent.parent}", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100)
    assert set(NAMES) <= set(done.stdout.split()), done.stderr


def test_a_host_without_a_seed_works_for_nothing() -> None:
    judged = of_odd(run("no_seed"), "participants")
    assert (judged["claimed_nonces"] > 0).all()
    assert set(judged["reason"]) == {"no seed"}
    assert not judged["is_member"].any()


def test_a_copycats_nonces_are_worth_nothing_under_its_own_key() -> None:
    """Of others' nonces a share equal to the hit probability is valid under its own key, far from enough."""
    result = run("copycat")
    judged = of_odd(result, "participants")
    farms = result.participants[result.participants["participant"] != "odd-0"]
    assert (judged["claimed_nonces"].to_numpy() == farms.groupby("epoch")["claimed_nonces"].sum().to_numpy()).all()
    assert set(judged["reason"]) == {"voted invalid"}
    assert of_odd(result, "ml_nodes")["tried"].sum() == 0


@pytest.mark.parametrize("work", ["kernel", "sphere"])
def test_who_leaves_the_layers_out_is_faster_and_not_caught(work: str) -> None:
    """Without layers a distance errs by 6.5e-5, which the margin covers thrice over. Reference: kernel 7."""
    spec = "{kind: no_layers, margin: 0.0002}"
    size = {"params": "devtest", "rate": 0.02} if work == "kernel" else {"params": "devtest", "rate": 1}
    result = run(spec, work=work, epochs=1, **size)
    node, farm = of_odd(result, "ml_nodes").iloc[0], result.ml_nodes.iloc[0]
    assert node["nonces_per_second"] > 5 * farm["nonces_per_second"] / farm["n_gpu_groups"]
    assert node["tried"] > 5 * farm["tried"] / farm["n_gpu_groups"] * 0.9
    assert of_odd(result, "participants")["is_accepted"].all()


def test_who_always_votes_valid_checks_nobody_and_its_votes_count() -> None:
    result = run("always_valid")
    assert of_odd(result, "validations", "validator").empty
    votes = result.transactions[(result.transactions["kind"] == "SubmitValidation")]
    assert (votes[votes["creator"] == "odd-0"]["fate"] == "included").all()
    assert len(votes[votes["creator"] == "odd-0"]) == 3
    total = result.participants.set_index(["epoch", "participant"])
    assert (total["valid_vote_weight"] == total["total_vote_weight"]).all()


def test_hosts_in_a_pool_check_each_claim_once_between_them_and_vote_alike() -> None:
    result = run("vote_pool", count=3, operator=", operator: pool")
    checks = of_odd(result, "validations", "validator")
    assert (checks.groupby(["epoch", "participant"]).size() == 1).all()
    assert len(checks) == 3 * 7
    votes = result.transactions[result.transactions["kind"] == "SubmitValidation"]
    assert set(votes[votes["creator"].str.startswith("odd")]["creator"]) == {"odd-0", "odd-1", "odd-2"}
    judged = result.participants
    assert (judged["valid_vote_weight"] == judged["total_vote_weight"]).all()


def test_a_sleeper_is_accepted_until_it_wakes() -> None:
    judged = of_odd(run("{kind: sleeper, honest_epochs: 3, excess: 0.5}", epochs=5), "participants")
    assert list(judged["is_accepted"]) == [True, True, True, False, False]


def test_a_leaver_leaves_when_an_epoch_does_not_pay_and_tries_again() -> None:
    """Its costs are above any reward: it takes part, is paid for the first time, leaves, and comes back."""
    costly = "{kind: leaver, cost_ngonka: 999999999999999999, pause_epochs: 2}"
    judged = of_odd(run(costly, epochs=8), "participants")
    took_part = judged[judged["claimed_nonces"] > 0]["epoch"].tolist()
    assert 1 in took_part
    assert 8 > len(took_part) > 2
    away = sorted(set(range(1, 9)) - set(took_part))
    assert len(away) >= 2
    assert max(took_part) > min(away)
    content = of_odd(run("{kind: leaver, cost_ngonka: 0}", epochs=8), "participants")
    assert (content["claimed_nonces"] > 0).all()
