"""Values from outside the file take the place of the file's, and mistakes name the option."""

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.scenario.load import parse_scenario

SMALL = """name: small
epochs: 2
hosts:
  - {name: a, gpus: H100-SXM, region: EUROPE}
  - {name: b, gpus: H200, region: JAPAN}
"""


def _mistakes(overrides, **options):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(SMALL, "x.yaml", overrides, **options)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_paths_through_mappings_positions_and_names():
    scenario = parse_scenario(
        SMALL,
        overrides=[
            "epochs=5",
            "hosts.0.count=3",
            "hosts.b.joins=epoch 4",
            "hosts.b.gpus=[2 x L4, H200]",
            "protocol.block_time=6 s",
            "difficulty={kind: proportional, target: {valid_nonces_per_epoch: 10}}",
            "difficulty.target.valid_nonces_per_epoch=20",
            "description=",
            "description=a = b",
        ],
    )
    assert (scenario.epochs, scenario.hosts[0].count, scenario.hosts[1].joins) == (5, 3, 4)
    assert [str(node) for node in scenario.hosts[1].gpus] == ["2 x L4", "1 x H200"]
    assert scenario.protocol.block_time == 6.0
    assert scenario.difficulty.target.valid_nonces_per_epoch == 20
    assert scenario.description == "a = b"


def test_mappings_of_python_values():
    overrides = {
        "hosts.0.count": np.int64(3),
        "work.rate_factor": np.float64(0.5),
        "hosts.a.gpus": ("2 x L4",),
        "seed": 9,
    }
    scenario = parse_scenario(SMALL, overrides=overrides)
    assert (scenario.hosts[0].count, scenario.work.rate_factor, scenario.seed) == (3, 0.5, 9)


def test_seed_comes_last():
    assert parse_scenario(SMALL, overrides=["seed=3"], seed=4).seed == 4
    assert _mistakes([], seed=-4) == ["--seed -4: seed: -4 must be at least 0"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hosts.0.cuont=3", 'hosts.0.cuont: unknown key. Did you mean "count"? Known: challenger'),
        ("hosts.0.count=-3", "hosts.0.count: -3 must be at least 1"),
        ("hosts.2.count=3", '"hosts" has no item "2" (positions: 0 to 1). Known: a, b.'),
        ("hosts.aa.count=3", '"hosts" has no item "aa" (positions: 0 to 1). Did you mean "a"?'),
        ("epochs.x=3", '"epochs" is 2, which has no part "x"; set "epochs" itself'),
        ("protcol.block_time=3 s", 'protcol: unknown key. Did you mean "protocol"?'),
        ("difficulty.max_step=3", "difficulty.kind: is missing; it names the controller. Known: "),
        ("protocol.block_time=3", 'protocol.block_time: 3 has no unit; write for instance "3 s"'),
        ("hosts.1.region=JAPON", 'hosts.1.region: unknown region "JAPON". Did you mean "JAPAN"?'),
        ("hosts=[]", "hosts: must have at least 1 item"),
        ("epochs=[1", "not valid YAML: expected ',' or ']'"),
        ("epochs={a: 1, a: 2}", "this key is already given"),
        ("epochs", "an override is written key.path=value"),
        ("=3", "an override is written key.path=value"),
        ("a..b=3", 'the path "a..b" has an empty part'),
        ("protocol.=3", 'the path "protocol." has an empty part'),
    ],
)
def test_mistakes_name_the_option(override, message):
    found = _mistakes([override])
    assert len(found) == 1
    assert found[0].startswith(f"--set {override}: {message}")


def test_an_override_may_mend_the_file_and_a_mistake_beside_it_stays():
    text = SMALL.replace("H200", "H2000").replace("JAPAN", "JAPON")
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.yaml", ["hosts.b.gpus=H200"])
    assert [mistake.path for mistake in caught.value.mistakes] == ["hosts.1.region"]


def test_objects_cannot_stand_in_a_scenario():
    assert "a value of type object cannot stand in a scenario" in _mistakes({"seed": object()})[0]


def test_one_text_is_one_override():
    assert parse_scenario(SMALL, overrides="epochs=7").epochs == 7
