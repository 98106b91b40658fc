"""`faults` of a scenario: what it takes, and every mistake at its place, all at once."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.scenario.faults import (
    AnyFault,
    ApiFault,
    BandwidthFault,
    ChurnFault,
    ClockSkewFault,
    CrashFault,
    LatencyFault,
    LossFault,
    MLNodeFault,
    PartitionFault,
    build_directory,
    resolve,
)
from sim.scenario.load import dump_scenario, parse_scenario, scenario_json_schema
from sim.scenario.schema import Scenario

HEAD = """\
name: x
epochs: {epochs}
network: {{tier: {tier}, topology: {{kind: regions, degree: 4}}}}
hosts:
  - {{name: big, count: 3, gpus: 4 x H100-SXM, region: NORTH_AMERICA}}
  - {{name: pair, count: 2, gpus: [4 x RTX-4090, 1 x L40S], region: EUROPE}}
  - {{name: drawn, count: 2, gpus: 4 x H100-SXM, region: {{JAPAN: 0.5, EUROPE: 0.5}}}}
faults:
"""


def parse(*faults: str, tier: str = "events", epochs: str = "2") -> Scenario:
    return parse_scenario(
        HEAD.format(tier=tier, epochs=epochs) + "".join(f"  - {fault}\n" for fault in faults), "x.yaml"
    )


def mistakes(*faults: str, tier: str = "events") -> list[str]:
    """The same whether or not something else is wrong, which then comes first."""
    with pytest.raises(ScenarioError) as alone:
        parse(*faults, tier=tier)
    with pytest.raises(ScenarioError) as beside:
        parse(*faults, tier=tier, epochs="many")
    found = [str(mistake) for mistake in alone.value.mistakes]
    assert [str(mistake) for mistake in beside.value.mistakes][1:] == found
    return found


def test_every_kind_is_read_with_its_units() -> None:
    scenario = parse(
        "{kind: crash, at: 2 h, lasts: 30 min, hosts: big, share: 0.5}",
        "{kind: churn, hosts: [pair-0, EUROPE], mean_up: 1 h, mean_down: 90 s}",
        "{kind: partition, at: 10 s, groups: [NORTH_AMERICA, [pair, drawn-1]]}",
        "{kind: partition, at: 1 d, shares: [0.25, 0.5]}",
        "{kind: latency, at: 0 s, factor: 3, hosts: big, to: [pair]}",
        "{kind: loss, at: 0 s, lasts: 1 min, probability: 0.3}",
        "{kind: bandwidth, at: 0 s, factor: 0.1}",
        "{kind: ml_node, at: 0 s, hosts: pair, node: 2}",
        "{kind: api, at: 0 s, hosts: big, probability: 0.5, delay: 9 s}",
        "{kind: clock_skew, at: 0 s, offset: -2 s}",
    )
    expected: list[AnyFault] = [
        CrashFault.model_construct(kind="crash", at=7200.0, lasts=1800.0, hosts=("big",), share=0.5),
        ChurnFault.model_construct(kind="churn", hosts=("pair-0", "EUROPE"), mean_up=3600.0, mean_down=90.0),
        PartitionFault.model_construct(kind="partition", at=10.0, groups=(("NORTH_AMERICA",), ("pair", "drawn-1"))),
        PartitionFault.model_construct(kind="partition", at=86400.0, shares=(0.25, 0.5)),
        LatencyFault.model_construct(kind="latency", at=0.0, factor=3.0, hosts=("big",), to=("pair",)),
        LossFault.model_construct(kind="loss", at=0.0, lasts=60.0, probability=0.3),
        BandwidthFault.model_construct(kind="bandwidth", at=0.0, factor=0.1),
        MLNodeFault.model_construct(kind="ml_node", at=0.0, hosts=("pair",), node=2),
        ApiFault.model_construct(kind="api", at=0.0, hosts=("big",), probability=0.5, delay=9.0),
        ClockSkewFault.model_construct(kind="clock_skew", at=0.0, offset=-2.0),
    ]
    assert list(scenario.faults) == expected
    assert parse_scenario(dump_scenario(scenario)) == scenario


def test_the_example_of_the_page_is_fine() -> None:
    page = Path("docs/scenario.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(faults:.*?)```", page, re.DOTALL)
    text = HEAD.format(tier="events", epochs="2").replace("name: pair", "name: farm").replace("name: big", "name: lab")
    assert len(parse_scenario(text.replace("faults:\n", example)).faults) == 9


def test_the_schema_accepts_what_loads_and_no_more() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(scenario_json_schema())
    good = {
        "name": "x",
        "epochs": 1,
        "hosts": [{"name": "a", "gpus": "H100-SXM", "region": "EUROPE"}],
        "faults": [
            {"kind": "crash", "at": "1 s", "lasts": "1 s", "hosts": ["a"]},
            {"kind": "clock_skew", "at": "2 s", "offset": "-2 s", "hosts": ["a"]},
            {"kind": "partition", "at": "2 s", "groups": ["EUROPE"]},
        ],
    }
    assert list(validator.iter_errors(good)) == []
    parse_scenario(json.dumps(good))
    for fault in ({"kind": "krash", "at": "2 s"}, {"kind": "crash"}, {"kind": "crash", "at": "-2 s"}):
        assert list(validator.iter_errors({**good, "faults": [fault]})) != []
        with pytest.raises(ScenarioError):
            parse_scenario(json.dumps({**good, "faults": [fault]}))


KNOWN = "Known: EUROPE, JAPAN, NORTH_AMERICA, big, big-0, big-1, big-2, drawn, drawn-0, drawn-1, pair, pair-0, pair-1."
DOWN_AND_SIDED = (
    "at once; let one end before the other begins, or leave the host out of one"  # the end of a long sentence
)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "{kind: krash, at: 1 s}",
            '9:6: faults.0.kind: "krash" is no kind of fault. Did you mean "crash"? Known: api, bandw',
        ),
        (
            "{at: 1 s}",
            "9:5: faults.0: must be a mapping with a `kind`, one of crash, churn, partition, latency, loss, ",
        ),
        ("3", "9:5: faults.0: must be a mapping with a `kind`"),
        ("{kind: crash}", "9:5: faults.0.at: is missing; this key is required"),
        (
            "{kind: crash, at: 1 s, factor: 2}",
            '9:28: faults.0.factor: unknown key. Did you mean "at"? Known: at, hosts, kind, lasts, share.',
        ),
        ("{kind: crash, at: 1}", '9:19: faults.0.at: 1 has no unit; write for instance "1 s"'),
        ("{kind: crash, at: -1 s}", '9:19: faults.0.at: "-1 s" must not be negative'),
        ("{kind: crash, at: 1 s, lasts: 0 s}", '9:28: faults.0.lasts: "0 s" must be more than 0'),
        ("{kind: crash, at: 1 s, share: 0}", "9:28: faults.0.share: 0 must be more than 0"),
        ("{kind: crash, at: 1 s, share: 1.5}", "9:28: faults.0.share: 1.5 must be at most 1"),
        ("{kind: crash, at: 1 s, hosts: []}", "9:28: faults.0.hosts: must have at least 1 item"),
        (
            "{kind: crash, at: 1 s, hosts: bgi}",
            f'9:28: faults.0.hosts: no host, host group or region is called "bgi". Did you mean "big"? {KNOWN}',
        ),
        (
            "{kind: latency, at: 1 s, factor: 2, to: [big, pair-2]}",
            '9:51: faults.0.to.1: no host, host group or region is called "pair-2". Did you mean "pair-',
        ),
        ("{kind: latency, at: 1 s, factor: 0}", "9:30: faults.0.factor: 0 must be at least 1e-06"),
        ("{kind: loss, at: 1 s, probability: 0.95}", "9:27: faults.0.probability: 0.95 must be at most 0.9"),
        ("{kind: bandwidth, at: 1 s, factor: -1}", "9:32: faults.0.factor: -1 must be at least 1e-06"),
        ("{kind: churn, mean_up: 0 s, mean_down: 1 s}", '9:19: faults.0.mean_up: "0 s" must be at least 1'),
        ("{kind: partition, at: 1 s}", "9:5: faults.0: a partition has either `groups` or `shares`"),
        ("{kind: partition, at: 1 s, shares: [0.5], groups: [big]}", "9:5: faults.0: a partition has either"),
        (
            "{kind: partition, at: 1 s, shares: [0.5, 0]}",
            "9:46: faults.0.shares.1: 0 must be more than 0 and at most 1",
        ),
        ("{kind: partition, at: 1 s, shares: [0.5, 0.6]}", "9:32: faults.0.shares: the shares must sum to at most 1"),
        (
            "{kind: partition, at: 1 s, groups: [big, [pair, big-1]]}",
            '9:53: faults.0.groups.1.1: "big-1" stands on the side faults.0.groups.0 already',
        ),
        (
            "{kind: partition, at: 1 s, groups: [big, EUROPA]}",
            '9:46: faults.0.groups.1: no host, host group or region is called "EUROPA". Did you mean "EUROPE"?',
        ),
        (
            "{kind: ml_node, at: 1 s, hosts: [pair, big-0], node: 2}",
            '9:52: faults.0.node: 2 must be at most 1, the number of ML nodes of a host of "big"',
        ),
        ("{kind: clock_skew, at: 1 s}", "9:5: faults.0.offset: is missing; this key is required"),
    ],
)
def test_mistakes_are_told_with_their_places(fault: str, message: str) -> None:
    (found,) = mistakes(fault)
    assert found.startswith(f"x.yaml:{message}")


def test_all_mistakes_at_once() -> None:
    found = mistakes(
        "{kind: crash, at: 1 s, hosts: bgi, share: 2}", "{kind: loss, at: 1 s, probability: 0}", "{kind: crash}"
    )
    assert [line.split(": ")[1] for line in found] == [
        "faults.0.hosts",
        "faults.0.share",
        "faults.1.probability",
        "faults.2.at",
    ]


def test_the_tier_paths_knows_no_losses() -> None:
    (found,) = mistakes("{kind: loss, at: 1 s, probability: 0.5}", tier="paths")
    assert found.startswith("x.yaml:9:6: faults.0.kind: the tier `paths` knows no losses; take `tier: events`")
    assert parse("{kind: loss, at: 1 s, probability: 0.5}", tier="auto")


PARTITION = "{kind: partition, at: 100 s, lasts: 50 s, groups: [big, pair-0]}"


@pytest.mark.parametrize(
    ("crash", "who"),
    [
        ("{kind: crash, at: 149 s, hosts: [pair-1, pair-0]}", '"pair-0"'),
        ("{kind: crash, at: 90 s, lasts: 11 s, hosts: big-2}", '"big-2"'),
        ("{kind: crash, at: 0 s}", '"big-0" and 3 more'),
        ("{kind: crash, at: 120 s, lasts: 1 s, hosts: NORTH_AMERICA}", '"big-0" and 2 more'),
    ],
)
def test_a_host_is_not_down_and_on_a_side_at_once(crash: str, who: str) -> None:
    (found,) = mistakes(PARTITION, crash)
    assert found.startswith(
        f"x.yaml:10:5: faults.1: {who} would be down by faults.1 and on a side of the partition faults.0"
    )
    assert found.endswith(DOWN_AND_SIDED)
    (found,) = mistakes(crash, PARTITION)
    assert found.startswith(
        f"x.yaml:10:5: faults.1: {who} would be down by faults.0 and on a side of the partition faults.1"
    )


@pytest.mark.parametrize(
    "crash",
    [
        "{kind: crash, at: 150 s, hosts: pair-0}",
        "{kind: crash, at: 90 s, lasts: 10 s, hosts: pair-0}",
        "{kind: crash, at: 120 s, hosts: pair-1}",
        "{kind: crash, at: 120 s, share: 0.1}",
        "{kind: ml_node, at: 120 s, hosts: big}",
    ],
)
def test_what_does_not_overlap_is_fine(crash: str) -> None:
    assert len(parse(PARTITION, crash).faults) == 2


def test_a_large_network_does_not_list_its_hosts() -> None:
    text = HEAD.format(tier="events", epochs="2").replace("count: 3", "count: 300")
    with pytest.raises(ScenarioError, match=r"Known: EUROPE, JAPAN, NORTH_AMERICA, big, drawn, pair\.$"):
        parse_scenario(text + "  - {kind: crash, at: 1 s, hosts: bgi}\n")


def test_a_name_is_a_hosts_before_it_is_a_groups_and_a_groups_before_it_is_a_regions() -> None:
    directory = build_directory([("a-0", "a", "a-0"), ("a-1", "a", "a"), ("a-0-0", "a-0", "EUROPE")])
    assert directory == {
        "a-0": ("a-0",),
        "a": ("a-0", "a-1"),
        "a-1": ("a-1",),
        "a-0-0": ("a-0-0",),
        "EUROPE": ("a-0-0",),
    }
    assert resolve(["EUROPE", "a", "a-1", "nobody"], directory) == ["a-0-0", "a-0", "a-1"]


VALUES: Any = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.sampled_from(["1 s", "big", "crash"])
KEYS = st.sampled_from(["kind", "at", "lasts", "hosts", "share", "groups", "shares", "factor", "to", "node", "offset"])
KINDS = st.fixed_dictionaries({"kind": st.sampled_from(["crash", "partition", "latency", "ml_node", "churn"])})


@given(st.lists(st.builds(dict.__or__, KINDS | st.just({}), st.dictionaries(KEYS, VALUES | st.lists(VALUES)))) | VALUES)
def test_whatever_stands_there_gives_a_scenario_or_mistakes(faults: Any) -> None:
    tree = {
        "name": "x",
        "epochs": 1,
        "hosts": [{"name": "big", "gpus": "H100-SXM", "region": "EUROPE"}],
        "faults": faults,
    }
    with contextlib.suppress(ScenarioError):  # and no other error
        parse_scenario(json.dumps(tree))
