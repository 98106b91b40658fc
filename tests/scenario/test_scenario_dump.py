"""A resolved scenario is a scenario file; the JSON Schema describes both."""

import io
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from pow.params import PRESETS
from sim.difficulty import controllers
from sim.scenario.hosts import HostGroup
from sim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_json_schema
from sim.scenario.schema import ProtocolConfig, Scenario, WorkConfig

GPUS = st.sampled_from(["H100-SXM", "8 x H100-SXM", "2 x RTX-3090", "4 x L4 at 5.5 nonces/s for other"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)


def _host(name):
    return st.builds(
        lambda **values: HostGroup(name=name, **values),
        count=st.integers(1, 100),
        gpus=GPUS | st.lists(GPUS, min_size=1, max_size=3),
        region=st.sampled_from(["EUROPE", "JAPAN"]),
        strategy=st.sampled_from(["honest", {"kind": "overclaim", "excess": 0.1}]),
    )


SCENARIOS = st.builds(
    Scenario,
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}", fullmatch=True),
    description=TEXTS,
    seed=st.integers(0, 2**63 - 1),
    epochs=st.integers(1, 1_000_000),
    protocol=st.builds(
        ProtocolConfig,
        block_time=st.floats(2.0, 200.0).map(lambda seconds: f"{seconds!r} s"),
        r_target=st.none() | st.floats(1.2, 2),  # nearer ones are met by no try in 8192 dimensions
        fraud_threshold=st.floats(0, 1, exclude_min=True, exclude_max=True),
        version=st.sampled_from(["v0.2.0", "v0.2.6"]),
    ),
    # Neither too many nonces in a generation for a run nor too few for the setpoint, whatever the hosts.
    work=st.builds(WorkConfig, params=st.sampled_from(["tiny", PRESETS["devtest"]]), rate_factor=st.just(0.05)),
    hosts=st.tuples(_host("a"), _host("b")),
    difficulty=st.floats(1, 1000, exclude_min=True).map(
        lambda step: {"kind": "proportional", "target": {"valid_nonces_per_epoch": 3}, "max_step": step}
    ),
)


@given(SCENARIOS)
@settings(max_examples=60, deadline=None)
def test_a_dumped_scenario_loads_to_an_equal_one(scenario):
    assert parse_scenario(dump_scenario(scenario)) == scenario


def test_the_dump_holds_every_default_with_units(full_text):
    text = dump_scenario(parse_scenario(full_text))
    for line in ("block_time: 5.6 s", "block_max_bytes: 22020096 B", "joins: epoch 5", "kind: honest", "jitter: 0.1"):
        assert line in text
    assert parse_scenario(text) == parse_scenario(full_text)


def test_dumps_are_files(tmp_path, full_text):
    scenario = parse_scenario(full_text)
    file = tmp_path / "scenario.yaml"
    file.write_text(dump_scenario(scenario), encoding="utf-8")
    assert load_scenario(file) == scenario


def test_scenarios_are_immutable_hashable_and_cross_processes(full_text):
    scenario = parse_scenario(full_text)
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert hash(scenario) == hash(parse_scenario(full_text))
    with pytest.raises(ValidationError, match="frozen"):
        scenario.epochs = 3


def test_scenarios_made_in_python_obey_the_same_rules():
    host = HostGroup(name="a", gpus="H100-SXM", region="EUROPE")
    scenario = Scenario(name="made", epochs=2, hosts=[host], difficulty=controllers.build("fixed"))
    assert scenario == parse_scenario("name: made\nepochs: 2\nhosts: [{name: a, gpus: H100-SXM, region: EUROPE}]\n")
    with pytest.raises(ValidationError, match=r"is already the name of hosts\.0"):
        Scenario(name="made", epochs=2, hosts=[host, host])
    with pytest.raises(ValidationError, match="20 blocks are too few"):
        ProtocolConfig(epoch_length=20)


def test_json_schema_accepts_what_loads(full_text):
    jsonschema = pytest.importorskip("jsonschema")
    schema = scenario_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    full = YAML(typ="safe", pure=True).load(full_text)
    assert list(validator.iter_errors(full)) == []
    resolved = YAML(typ="safe", pure=True).load(io.StringIO(dump_scenario(parse_scenario(full_text))))
    assert list(validator.iter_errors(resolved)) == []
    full["hosts"][0]["cuont"] = 3
    full["protocol"]["block_time"] = 5.6
    full["difficulty"]["max_step"] = 0
    assert len(list(validator.iter_errors(full))) == 3


def test_every_field_is_described():
    schema = scenario_json_schema()
    for model in (schema, *(schema["$defs"][name] for name in ("ProtocolConfig", "WorkConfig", "HostGroup"))):
        for name, field in model["properties"].items():
            assert field.get("description"), name
