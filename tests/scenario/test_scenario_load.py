"""Good scenarios become objects; each mistake gets one clear sentence at its line and column, all at once."""

import subprocess
import sys

import pytest

from pow.params import PRESETS
from sim.errors import ScenarioError
from sim.scenario.hosts import MLNodeConfig
from sim.scenario.load import load_scenario, parse_scenario
from sim.topologies.regions_data import region_table_names

HOST = "{name: a, gpus: H100-SXM, region: EUROPE}"
SMALL = f"name: small\nepochs: 2\nhosts:\n  - {HOST}\n"


def _mistakes(text, **options):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.yaml", **options)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_full_scenario(full_text):
    scenario = parse_scenario(full_text)
    assert scenario.name == "baseline"
    assert scenario.description == (
        "Four data centres, some prosumers that join later, and one host that claims more than it found."
    )
    assert scenario.protocol.block_time == 5.6
    assert scenario.protocol.block_max_bytes == 22_020_096
    assert scenario.work.pow_params == PRESETS["devtest"]
    assert scenario.network.topology.degree == 6
    assert [host.joins for host in scenario.hosts] == [1, 5, 1]
    assert scenario.hosts[2].gpus == (MLNodeConfig(8, "H100-SXM"), MLNodeConfig(2, "RTX-3090"))
    assert scenario.hosts[2].strategy.excess == 0.3
    assert scenario.difficulty.target.valid_nonces_per_epoch == 600


def test_defaults_are_the_protocols():
    scenario = parse_scenario(SMALL)
    assert (scenario.seed, scenario.protocol.epoch_length, scenario.protocol.validation_sample_size) == (1, 40, 200)
    assert (scenario.protocol.r_target, scenario.protocol.version) == (None, "v0.2.0")
    assert (scenario.hosts[0].count, scenario.hosts[0].gpus) == (1, (MLNodeConfig(1, "H100-SXM"),))


@pytest.mark.parametrize("written", ["4 x H100-SXM", "4x H100-SXM", "4 X H100-SXM", "4×H100-SXM", "4 × H100-SXM"])
def test_ways_of_writing_gpus(written):
    assert parse_scenario(SMALL.replace("H100-SXM", written)).hosts[0].gpus == (MLNodeConfig(4, "H100-SXM"),)


@pytest.mark.parametrize(
    ("written", "rate", "model"),
    [
        ("2 x L4 at 3.25 nonces/s", 3.25, None),
        ("2 x L4 for Qwen3-32B", None, "Qwen3-32B"),
        ("2 x L4  at 0.000000001  nonces/s for other", 1e-9, "other"),
        ("2 x L4 at 999999 nonces/s for QwQ-32B", 999_999.0, "QwQ-32B"),
    ],
)
def test_what_is_known_of_an_ml_node(written, rate, model):
    (node,) = parse_scenario(SMALL.replace("H100-SXM", written)).hosts[0].gpus
    assert node == MLNodeConfig(2, "L4", rate, model)
    assert str(node) == written.replace("  ", " ")


def test_aliases_are_copies():
    scenario = parse_scenario(
        "name: small\nepochs: 2\nhosts:\n  - {name: a, gpus: &g [H100-SXM], region: &r JAPAN}\n"
        "  - {name: b, gpus: *g, region: *r}\n",
        overrides=["hosts.b.gpus.0=2 x L4"],
    )
    assert [host.gpus[0].gpu for host in scenario.hosts] == ["H100-SXM", "L4"]
    assert scenario.hosts[1].region == "JAPAN"


def test_inline_parameters_of_the_transformer(full_text):
    inline = (
        "{dim: 64, n_layers: 2, n_heads: 4, n_kv_heads: 4, vocab_size: 128, ffn_dim_multiplier: 1.3, multiple_of: 32, "
        "rope_theta: 500000.0, use_scaled_rope: true, seq_len: 4}"
    )
    assert parse_scenario(full_text.replace("devtest", inline)).work.pow_params == PRESETS["tiny"]
    wrong = _mistakes(full_text.replace("devtest", inline.replace("n_heads: 4", "n_heads: 5")))
    assert wrong == ["x.yaml:24:22: work.params: n_heads is 5; it must divide dim, which is 64"]
    wrong = _mistakes(full_text.replace("devtest", inline.replace("dim: 64", "dmi: 64, dim: 64.5")))
    assert len(wrong) == 2
    assert 'x.yaml:24:31: work.params.dmi: unknown key. Did you mean "dim"?' in wrong[0]
    assert "x.yaml:24:40: work.params.dim: must be a whole number, not 64.5" in wrong[1]
    huge = _mistakes(full_text.replace("devtest", inline.replace("1.3", "1e308")))
    assert "x.yaml:24:22: work.params: these parameters are out of range" in huge[0]


# What is written instead of what in the full scenario, and the one mistake that follows.
ONE_MISTAKE = [
    ("name: baseline", "name: base line", '2:1: name: "base line" must start with a letter'),
    ("name: baseline", "name: 3", "2:1: name: must be text, not 3"),
    ("name: baseline", "nmae: baseline", None),
    ("seed: 1", "seed: -1", "6:1: seed: -1 must be at least 0"),
    ("seed: 1", "seed: 9223372036854775808", "6:1: seed: 9223372036854775808 must be at most 9223372036854775807"),
    ("seed: 1", "seed: one", '6:1: seed: must be a whole number, not "one"'),
    ("seed: 1", "seed: true", "6:1: seed: must be a whole number, not true"),
    ("seed: 1", "seed: '1'", '6:1: seed: must be a whole number, not "1" (without quotes or unit)'),
    ("seed: 1", "seed:", "6:1: seed: must be a whole number, not nothing"),
    ("epochs: 8", "epochs: 8.5", "7:1: epochs: must be a whole number, not 8.5"),
    ("epochs: 8", "epochs: [8]", "7:1: epochs: must be a whole number, not a list"),
    ("epochs: 8", "epochs: 8\nepochs: 9", "8:1: epochs: this key is already given in line 7"),
    ("version: v0.2.0", "version: v0.2.1", '9:3: protocol.version: unknown version "v0.2.1". Did you mean "v0.2.'),
    ("epoch_length: 40", "epoch_length: 20", "10:3: protocol.epoch_length: 20 blocks are too few: generation"),
    ("epoch_shift: 0", "epoch_shift: 40", "11:3: protocol.epoch_shift: 40 must be less than epoch_length, 40"),
    ("stage_duration: 10", "stage_duration: 0", "12:3: protocol.poc_stage_duration: 0 must be at least 1"),
    (
        "exchange_duration: 2",
        "exchange_duration: 9",
        "13:3: protocol.poc_exchange_duration: 9 must be at most 8 (poc_v",
    ),
    ("block_time: 5.6 s", "block_time: 5.6", '17:3: protocol.block_time: 5.6 has no unit; write for instance "5.6 s"'),
    ("block_time: 5.6 s", "block_time: 5 MB", '17:3: protocol.block_time: "5 MB" is a size, but a time is needed'),
    ("block_time: 5.6 s", "block_time: 0 s", '17:3: protocol.block_time: "0 s" must be at least 0.001'),
    ("fraud_threshold: 1e-7", "fraud_threshold: 1", "20:3: protocol.fraud_threshold: 1 must be less than 1"),
    ("p_mismatch: 5e-4", "p_mismatch: .nan", "21:3: protocol.p_mismatch: must be a finite number, not nan"),
    ("r_target: 1.4013564660458173", "r_target: 2.5", "23:3: protocol.r_target: 2.5 must be at most 2"),
    ("params: devtest", "params: devtset", '24:22: work.params: unknown preset "devtset". Did you mean "devtest"?'),
    ("dtype: float32", "dtype: fp32", '24:39: work.dtype: "fp32" is not one of the allowed values. Did you mean "flo'),
    ("kind: kernel", "kind: 3", "24:8: work.kind: must be text, not 3"),
    ("rate_factor: 0.02", "rate_factor: 0", "24:55: work.rate_factor: 0 must be more than 0"),
    ("kind: regions", "kind: region", '27:14: network.topology.kind: unknown topology "region". Did you mean "region'),
    ("degree: 6", "degre: 6", '27:29: network.topology.degre: unknown key. Did you mean "degree"? Known: data, degree'),
    (
        "data: simblock-2019",
        "data: simblock-2091",
        '27:40: network.topology.data: unknown region table "simblock-2091"',
    ),
    ("count: 4", "count: -3", "29:24: hosts.0.count: -3 must be at least 1"),
    ("count: 4", "count: 10001", "29:24: hosts.0.count: 10001 must be at most 10000"),
    (
        "count: 4",
        "cuont: 4",
        '29:24: hosts.0.cuont: unknown key. Did you mean "count"? Known: challenger, collateral_ngonka',
    ),
    ("4 x H100-SXM", "4 x H100SXM", '29:34: hosts.0.gpus: unknown GPU "H100SXM". Did you mean "H100-SXM"? Known: A100'),
    ("4 x H100-SXM", "0 x H100-SXM", "29:34: hosts.0.gpus: 0 GPUs in one ML node; there must be at least 1"),
    ("4 x H100-SXM", "65 x H100-SXM", "29:34: hosts.0.gpus: 65 GPUs in one ML node; there must be at most 64"),
    ("4 x H100-SXM", "four H100-SXM", '29:34: hosts.0.gpus: must be written like 4 x H100-SXM, not "four H100-SXM"'),
    ("4 x H100-SXM", "4 x H100-SXM at 0.0 nonces/s", "29:34: hosts.0.gpus: 0 nonces/s of one ML node; it must be more"),
    (
        "4 x H100-SXM",
        "4 x H100-SXM at 3",
        '29:34: hosts.0.gpus: must be written like 4 x H100-SXM, not "4 x H100-SXM at',
    ),
    ("4 x H100-SXM", "4 x H100-SXM for Qwen", '29:34: hosts.0.gpus: unknown model "Qwen". Did you mean "Qwen2.5-7B"'),
    ("4 x H100-SXM", "[]", "29:34: hosts.0.gpus: must name at least one ML node, for instance 4 x H100-SXM"),
    ("4 x H100-SXM", "1 x RTX-4090", "29:34: hosts.0.gpus: 1 x RTX-4090 can do no work: a group of 1, 2, 4 or 8 GPUs"),
    ("2 x RTX-3090]", "1 x RTX-3090]", "32:26: hosts.2.gpus.1: 1 x RTX-3090 can do no work"),
    ("2 x RTX-3090]", "{}]", "32:26: hosts.2.gpus.1: must be written like 4 x H100-SXM, not a mapping"),
    ("region: EUROPE", "region: EUROP", '30:52: hosts.1.region: unknown region "EUROP". Did you mean "EUROPE"? Known:'),
    (", region: EUROPE", "", "30:5: hosts.1.region: is missing; this key is required"),
    ("joins: epoch 5", "joins: epoch 9", "30:68: hosts.1.joins: epoch 9 is after the last epoch, 8"),
    ("joins: epoch 5", "joins: 0", "30:68: hosts.1.joins: 0 must be at least 1"),
    ("joins: epoch 5", "joins: later", '30:68: hosts.1.joins: "later" is no epoch; write for instance epoch 5'),
    ("name: prosumer", "name: datacenter", '30:6: hosts.1.name: "datacenter" is already the name of hosts.0'),
    (
        "kind: overclaim",
        "kind: overclam",
        '34:16: hosts.2.strategy.kind: unknown strategy "overclam". Did you mean "ov',
    ),
    (", excess: 0.3", "", "34:5: hosts.2.strategy.excess: is missing; this key is required"),
    ("excess: 0.3", "excess: '0.3'", '34:33: hosts.2.strategy.excess: must be a number, not "0.3" (without quotes'),
    ("kind: proportional", "kind: pid9", '36:3: difficulty.kind: unknown controller "pid9".'),
    ("target: {valid_nonces_per_epoch: 600}", "target: 600", "37:3: difficulty.target: must be a mapping, not 600"),
    ("per_epoch: 600", "per_epoch: 0", "37:12: difficulty.target.valid_nonces_per_epoch: 0 must be at least 1"),
    ("per_epoch: 600", "per_epoch: 6, x: 1", "37:39: difficulty.target.x: unknown key."),
    ("max_step: 2.0", "max_step: 1", "38:3: difficulty.max_step: 1 must be more than 1"),
    ("max_step: 2.0", "7: 2.0", "38:3: difficulty: a key must be text, not 7"),
    ("max_step: 2.0", "<<: {}", '38:3: merge keys ("<<") belong to YAML 1.1'),
    ("max_step: 2.0", "max_step: !!float 2", '38:13: the tag "tag:yaml.org,2002:float" is not allowed'),
    ("max_step: 2.0", "max_step: *s", '38:13: the alias "*s" has no anchor "&s" before it'),
    ("max_step: 2.0", "max_step: [2.0", "39:1: not valid YAML: expected ',' or ']'"),
    (
        "max_step: 2.0",
        "max_step: 2.0\n---\nname: b",
        '39:1: a scenario is one YAML document; this "---" starts another',
    ),
]


@pytest.mark.parametrize(("old", "new", "mistake"), [case for case in ONE_MISTAKE if case[2]])
def test_one_mistake_gives_one_message(full_text, old, new, mistake):
    assert old in full_text
    found = _mistakes(full_text.replace(old, new, 1))
    assert len(found) == 1
    assert found[0].startswith(f"x.yaml:{mistake}")


def test_a_misspelt_required_key_is_both_unknown_and_missing(full_text):
    missing, unknown = _mistakes(full_text.replace("name: baseline", "nmae: baseline", 1))
    assert missing == "x.yaml:1:1: name: is missing; this key is required"
    assert unknown.startswith('x.yaml:2:1: nmae: unknown key. Did you mean "name"?')


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "1:1: the file is empty; a scenario is a mapping"),
        ("# only a comment\n", "1:1: the file is empty; a scenario is a mapping"),
        ("- 1\n", "1:1: a scenario is a mapping with the keys name, description, seed, epochs"),
        ("words\n", "1:1: a scenario is a mapping with the keys name"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed here"),
        ("a:\n\t- b\n", "2:1: not valid YAML: found character"),
        ("a: \x07\n", "1:4: not valid YAML: special characters are not allowed"),
        ("[" * 50_000, "1:22: nested more than 20 deep"),
        ("%YAML 1.1\n---\na: 1\n", "2:1: a scenario is YAML 1.2; remove the %YAML line"),
        ("a: &a [*a]\n", '1:8: the alias "*a" stands inside its own anchor'),
        ("a: !!python/object:os.system x\n", '1:4: the tag "tag:yaml.org,2002:python/object:os.system" is not'),
    ],
)
def test_texts_that_are_no_scenario(text, mistake):
    (found,) = _mistakes(text)
    assert found.startswith(f"x.yaml:{mistake}")


def test_alias_bombs_are_bounded():
    lines = ["a0: &a0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 12)]
    (found,) = _mistakes("\n".join(lines))
    assert "aliases unfold to more than 50000 values" in found


def test_long_texts_are_bounded():
    (found,) = _mistakes("a: [" + "0, " * 60_000 + "0]")
    assert "more than 50000 values" in found


def test_empty_host_list_and_nobody_at_the_start():
    assert _mistakes("name: a\nepochs: 2\nhosts: []\n") == ["x.yaml:3:1: hosts: must have at least 1 item"]
    assert _mistakes(SMALL.replace("region", "joins: 2, region")) == [
        "x.yaml:3:1: hosts: some host must join at epoch 1; the first joins at epoch 2"
    ]


def test_memory_rule_follows_the_transformer():
    text = SMALL.replace("H100-SXM", "1 x L4")
    assert "needs at least 38 GiB together, and each has 24 GiB" in _mistakes(text)[0]
    assert parse_scenario(text + "work: {params: testnet}\n").work.min_group_vram_gib == 10


def test_wrong_fields_do_not_hide_what_does_not_fit_together(full_text):
    text = (
        full_text.replace("seed: 1", "seed: x")
        .replace("epoch_shift: 0", "epoch_shft: 0")
        .replace("epoch_length: 40", "epoch_length: 12")
        .replace("degree: 6", "degree: 5")
        .replace("region: JAPAN", "region: JAPON")
        .replace("count: 8, gpus: 2 x RTX-4090", "count: 8, count: 9, gpus: 1 x RTX-4090")
        .replace("name: prosumer", "name: cheater")
        .replace("epoch 5", "epoch 50")
        .replace("max_step: 2.0", "max_step: {}")
        .replace("work: {", "work: {startup: 5, ")
        .replace("startup: 5 s, ", "")
    )
    assert [mistake.split(": ")[0:2] for mistake in _mistakes(text)] == [
        ["x.yaml:6:1", "seed"],
        ["x.yaml:10:3", "protocol.epoch_length"],
        ["x.yaml:11:3", "protocol.epoch_shft"],
        ["x.yaml:24:8", "work.startup"],
        ["x.yaml:27:29", "network.topology.degree"],
        ["x.yaml:30:31", "hosts.1.count"],
        ["x.yaml:30:41", "hosts.1.gpus"],
        ["x.yaml:30:77", "hosts.1.joins"],
        ["x.yaml:31:5", "hosts.2.name"],
        ["x.yaml:33:5", "hosts.2.region"],
        ["x.yaml:38:3", "difficulty.max_step"],
    ]


def _file_mistake(path):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    (mistake,) = caught.value.mistakes
    return str(mistake)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "baseline.yaml").write_text(SMALL)
    assert load_scenario(tmp_path / "baseline.yaml").name == "small"
    assert load_scenario(str(tmp_path / "baseline.yaml")).name == "small"
    missing = tmp_path / "basline.yaml"
    assert (
        _file_mistake(missing)
        == f'{missing}: there is no such file. Did you mean "baseline.yaml"? Known: baseline.yaml.'
    )
    nowhere = tmp_path / "no" / "x.yaml"
    assert _file_mistake(nowhere) == f'{nowhere}: there is no folder "{tmp_path / "no"}"'
    assert _file_mistake(tmp_path) == f"{tmp_path}: is a folder, not a scenario file. Known: baseline.yaml."
    assert "cannot be read" in _file_mistake("a\0b")
    assert _file_mistake("/dev/null") == "/dev/null: is a device, not a file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: caf\xe9\n", ":1:10: byte 0xe9 is not UTF-8; a scenario is YAML text in UTF-8"),
        (b"a: 1\nb: \xff\n", ":2:4: byte 0xff is not UTF-8"),
        (b"\x89PNG\r\n\0\0", ": is a binary file; a scenario is YAML text in UTF-8"),
        (b"#" * 1_200_000, ": has 1.2 MB; a scenario has at most 1 MB"),
        (b"", ":1:1: the file is empty"),
    ],
)
def test_files_that_are_no_text(tmp_path, content, message):
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    assert _file_mistake(file).startswith(f"{file}{message}")


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_scenario(file).name == "small"


def test_importing_stays_light():
    heavy = {"torch", "simpy", "pandas", "scipy", "networkx", "matplotlib"}
    code = "import sys, sim.scenario.load; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "sim.scenario.schema" in loaded
    assert heavy.isdisjoint(loaded)


def test_every_region_of_every_table_is_accepted():
    for table in region_table_names():
        text = SMALL + f"network: {{topology: {{kind: full_mesh, data: {table}}}}}\n"
        assert parse_scenario(text.replace("EUROPE", "AUSTRALIA")).network.topology.data == table
