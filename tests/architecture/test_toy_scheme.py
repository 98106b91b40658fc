"""The seam of proofs carries a scheme of which the package knows nothing: the coins of docs/plugins.md (plan 1).

Everything particular stands in that example: messages, store, window, sample from a fresh hash, test, work. Statistical
assertions have an error level of 1e-4 each, two-sided.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

import sim
from sim.errors import ScenarioError
from sim.protocol.proofs import schemes
from sim.protocol.proofs.base import Episode
from sim.results import Result
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_json_schema
from sim.work import works

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"
LEVEL = 1e-4
Z = float(stats.norm.isf(LEVEL / 2))
WHAT_IF = {"protocol.rules": {"proof": "coins"}, "work.kind": "coins", "work.rate_factor": 1.0}


@pytest.fixture(scope="module")
def coins() -> Iterator[ModuleType]:
    """The page's example, registered as in a notebook, and gone afterwards."""
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (text,) = (text for text in re.findall(r"^```python\n(.*?)^```", page, re.S | re.M) if "@schemes.register" in text)
    module = sys.modules["coins_of_the_page"] = ModuleType("coins_of_the_page")
    scenario_json_schema.cache_clear()
    exec(compile(text, "docs/plugins.md", "exec"), module.__dict__)
    yield module
    for registry in (schemes, works):
        registry._plugins.pop("coins")
        registry._adapters.pop("coins", None)
    scenario_json_schema.cache_clear()
    del sys.modules["coins_of_the_page"]


def run(**changes: Any) -> Result:
    return sim.run(SMALL, overrides={**WHAT_IF, **changes})


@pytest.fixture(scope="module")
def steered(coins: ModuleType) -> Result:
    """Eight epochs in which a controller looks for the coins that give 400 nonces."""
    return run(
        epochs=8, difficulty={"kind": "proportional", "target": {"valid_nonces_per_epoch": 400}, "max_step": 2.0}
    )


def test_whole_epochs_run_with_messages_of_the_scheme_only(steered: Result) -> None:
    assert steered.provenance["status"] == "finished"
    assert len(steered.epochs) == 8
    kinds = set(steered.transactions["kind"])
    assert "SubmitCoins" in kinds
    assert "SubmitProofBatch" not in kinds
    sent = steered.transactions.query("kind == 'SubmitCoins'")
    assert set(sent["fate"]) == {"included"}
    assert not sent.duplicated(["epoch", "creator"]).any()  # one message a host, when its generation has ended
    assert steered.provenance["work"]["kind"] == "coins"


def test_claims_become_weights(steered: Result) -> None:
    """Version v0.2.0: weight 1 a nonce; each honest host claims what its ML nodes found, and the chain counts it."""
    honest = steered.participants.query("host_group != 'liar' and claimed_nonces > 0")
    assert len(honest) > 40
    sent = steered.ml_nodes.groupby(["epoch", "participant"])["claimed"].sum()
    assert (
        honest["claimed_weight"] == sent.loc[list(zip(honest["epoch"], honest["participant"], strict=True))].values
    ).all()
    assert (honest["valid"] >= honest["claimed_weight"]).all()  # what was found after the last look is not sent
    assert honest["is_accepted"].all()
    assert honest["is_member"].all()
    assert (honest["weight"] > 0).all()


def test_a_liar_is_caught_by_the_ordinary_fraud_test(steered: Result) -> None:
    """Where coins fall one in four or less, a share of 0.23 is fabricated, and most of it counts for nobody."""
    told = steered.participants.query("host_group == 'liar' and claimed_nonces > 0").set_index("epoch")
    assert (told["claimed_nonces"] > told["valid"]).all()
    checks = steered.validations.query("participant == 'liar-0' and validator != 'liar-0' and n_checked > 0")
    assert (checks["n_invalid"] > 0).all()
    assert set(told["reason"]) == {"voted invalid"}
    honest = steered.validations.query("participant != 'liar-0' and n_checked > 0")
    assert (honest["n_invalid"] == 0).all()


def test_success_rates_are_one_over_the_difficulty(steered: Result) -> None:
    epochs = steered.epochs
    expected = 1.0 / epochs["difficulty"]
    assert np.allclose(epochs["r_target"], expected, rtol=1e-12)  # the scheme's threshold is its probability
    sd = np.sqrt(expected * (1 - expected) / epochs["tried"])
    assert (np.abs(epochs["valid"] / epochs["tried"] - expected) < Z * sd).all()


def test_controllers_steer_it(steered: Result) -> None:
    """From coins of 1/4 the accepted nonces come to the setpoint; the last four epochs, spread of each 5 % and more."""
    decided = steered.difficulty.set_index("epoch")
    assert decided["difficulty"].iloc[0] == 4.0
    assert decided["difficulty"].nunique() > 4
    counted = steered.participants[steered.participants["is_accepted"]].groupby("epoch")["counted_nonces"].sum()
    assert counted.iloc[-4:].mean() == pytest.approx(400, rel=0.2)


def test_a_controller_may_hold_the_success_rate_that_the_chain_estimates(coins: ModuleType) -> None:
    result = run(epochs=6, difficulty={"kind": "proportional", "target": {"success_rate": 0.1}, "max_step": 2.0})
    assert result.epochs["success_rate"].iloc[-2:].mean() == pytest.approx(0.1, rel=0.2)


def test_samples_are_drawn_from_the_block_at_which_validation_starts(
    coins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every validator is given the hash of its block V, and the height P of the epoch."""
    seen, draw = set(), coins.Coins.compute_sampling_seed

    def spy(self: object, validator_key: str, newest_hash: str, episode: Any, model: str) -> int:
        seen.add((episode.epoch_index, episode.start_height, newest_hash))
        return draw(self, validator_key, newest_hash, episode)

    monkeypatch.setattr(coins.Coins, "compute_sampling_seed", spy)
    result = run(epochs=2, difficulty="fixed")
    starts, hashes = result.epochs.set_index("epoch")["start_height"], result.blocks.set_index("height")["block_hash"]
    delay = 8  # blocks from P to V: generation and delay of small.yaml
    assert seen == {(epoch, start, hashes[start + delay]) for epoch, start in starts.items()}


def test_the_scheme_of_the_network_samples_what_is_known_from_p_on(coins: ModuleType) -> None:
    episode = Episode(1, 40, "P", 50, 52, 52, 58)
    hits = schemes.build({"kind": "hits", "r_target": 1.4})
    assert len({hits.compute_sampling_seed("key", newest, episode) for newest in ("a", "b")}) == 1


def test_a_scheme_refuses_in_its_own_words(coins: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coins.FiledCoins, "take", lambda self, message, height, episode, rules: ("bent coins", self))
    result = run(epochs=2, difficulty="fixed")
    sent = result.transactions.query("kind == 'SubmitCoins'")
    assert (set(sent["fate"]), set(sent["result"])) == ({"refused"}, {"bent coins"})
    assert set(result.participants["reason"]) == {"no claim"}


# As a scenario's keys


def load(text: str) -> Any:
    base = SMALL.read_text(encoding="utf-8")
    base = base.replace("validation_sample_size: 40}", f"validation_sample_size: 40, {text}}}")
    return parse_scenario(base.replace("params: tiny,", "params: tiny, kind: coins,"))


def test_parameters_of_the_scheme_are_those_of_its_spec(coins: ModuleType) -> None:
    scenario = load("rules: {proof: {kind: coins, probability: 0.5}}")
    assert scenario.protocol.rules.proof == coins.Coins(0.5)
    assert parse_scenario(dump_scenario(scenario)) == scenario
    result = run(
        **{"epochs": 2, "difficulty": "fixed", "protocol.rules": {"proof": {"kind": "coins", "probability": 0.5}}}
    )
    assert result.epochs["difficulty"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rules: {proof: coin}",
            'unknown proof scheme "coin". Did you mean "coins"? Known: answers, coins, decode, hits.',
        ),
        ("rules: {proof: {kind: coins, probability: 2}}", "rules.proof.probability: 2 must be at most 1"),
        ("rules: {proof: {kind: coins, probabilty: 1}}", 'probabilty: unknown key. Did you mean "probability"?'),
        (
            "rules: {proof: coins}, r_target: 1.4",
            "protocol.r_target: the proof scheme in force, coins, has",
        ),
        ("rules: {proof: coins, r_target: 1.4}", "rules.r_target: the proof scheme in force, coins, has"),
        ("rules: {}", 'work.kind: "coins" computes for the proof scheme coins, not for hits. Known: kernel, sphere.'),
    ],
)
def test_mistakes_are_told_with_their_place(coins: ModuleType, text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(text)
    assert message in str(caught.value)


def test_a_kind_of_work_that_is_not_there_is_told_with_the_nearest(coins: ModuleType) -> None:
    with pytest.raises(ScenarioError, match=r'unknown kind of work "coin"\. Did you mean "coins"\?'):
        load_scenario(SMALL, {"work.kind": "coin"})
