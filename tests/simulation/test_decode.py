"""The scheme `decode`: its rates and thresholds, with the claims, samples and votes of `answers`."""

from pathlib import Path
from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.runner import run as run_scenario
from sim.scenario.load import parse_scenario

FLEET = """
name: decode
seed: 1
epochs: 1
protocol:
  version: v0.2.16
  rules: {{confirmations_per_epoch: 0, proof: {proof}}}
  models: [{{name: MiniMax-M2.7, distance_threshold: 0.75, {margin}coefficient: 0.3024, is_initial: true}}]
  block_time: 20 s
  epoch_length: 30
  poc_stage_duration: 5
  poc_exchange_duration: 0
  poc_validation_delay: 1
  poc_validation_duration: 10
  deploy_window: 2
work: {{kind: {work}, params: devtest, startup: 0 s{pairs}}}
network: {{tier: paths, topology: {{kind: full_mesh}}}}
hosts:
  - {{name: fine, count: 3, gpus: 2 x H200 for MiniMax-M2.7, region: EUROPE, stack: ours}}
  - name: liar
    gpus: 2 x H200 for MiniMax-M2.7
    region: EUROPE
    stack: ours
    strategy: {{kind: overclaim, excess: 0.3}}
  - {{name: other, gpus: 2 x H200 for MiniMax-M2.7, region: EUROPE, stack: {other}}}
"""
GIVEN = {"proof": "decode", "margin": "margin_threshold: 0.04, ", "work": "sphere", "pairs": "", "other": "ours"}


def write(**changed: str) -> str:
    return FLEET.format(**{**GIVEN, **changed})


def run(text: str) -> Any:
    return run_scenario(parse_scenario(text)).frames["claims"].set_index("participant")


def test_hosts_prove_at_the_published_pace_of_decoding_and_an_invented_nonce_is_found() -> None:
    decoded, read = run(write()), run(write(proof="answers"))
    ratio = (6832 / 8) / (1728 / 2)  # MiniMax on an H200, nonces a minute: 6832 of eight, 1728 of two
    claimed = [claims.loc["fine-0", "claimed_nonces"] for claims in (decoded, read)]
    assert claimed[0] / claimed[1] == pytest.approx(ratio, rel=1e-3)
    assert decoded.index[~decoded.is_accepted].tolist() == ["liar-0"]


def test_margins_of_two_stacks_come_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "margins.csv"
    table.write_text("model,a,b,p50,max\nMiniMax-M2.7,ours,theirs,0.02,0.042\nMiniMax-M2.7,ours,far,0.2,0.7\n", "utf-8")
    for other, is_accepted in (("theirs", True), ("far", False)):
        claims = run(write(pairs=f", pairs: {table}", other=other))
        assert claims.loc["other-0", "is_accepted"] == is_accepted, other


@pytest.mark.parametrize(
    ("changed", "place", "message"),
    [
        ({"margin": ""}, "8:12: protocol.models.0", "MiniMax-M2.7 has no margin_threshold"),
        ({"other": "theirs"}, "hosts.2.stack", 'nobody has published how "ours" and "theirs" differ by this scheme'),
        ({"work": "kernel"}, "work.kind", '"kernel" computes for the proof scheme hits or answers, not for decode'),
    ],
)
def test_mistakes(changed: dict[str, str], place: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(write(**changed))
    assert place in str(caught.value)
    assert message in str(caught.value)


def test_a_model_of_main_net_without_a_published_margin_is_named() -> None:
    lines = [line for line in write().splitlines() if "models:" not in line]
    text = (
        "\n".join(lines)
        .replace("v0.2.16", "v0.2.10")
        .replace(" for MiniMax-M2.7", "")
        .replace("H200", "H100-SXM at 5 nonces/s")
    )
    with pytest.raises(ScenarioError, match=r"protocol.rules.proof: no margin is published for Qwen3-235B-A22B"):
        parse_scenario(text)
