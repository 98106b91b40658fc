"""Versions, upgrades, switches and inconsistent parameters of the chain are told with their place."""

from fractions import Fraction

import pytest

from sim.blueprint import build_params
from sim.errors import ScenarioError
from sim.scenario.load import dump_scenario, parse_scenario

TEXT = """name: rules
epochs: 9
protocol:
  version: v0.2.0
  upgrades: [{epoch: 4, version: v0.2.2}, {epoch: epoch 7, version: v0.2.6}]
  rules: {counts_duplicates: true, weight_scale: 1.1}
hosts:
  - {name: a, count: 4, gpus: [1 x H100-SXM, 1 x H100-SXM], region: EUROPE, unregistered: 2}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.yaml")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_upgrades_and_switches_reach_the_rules() -> None:
    scenario = parse_scenario(TEXT)
    params = build_params(scenario)
    assert [params.rules_at(epoch).version for epoch in (1, 3, 4, 6, 7, 9)] == ["v0.2.0"] * 2 + ["v0.2.2"] * 2 + [
        "v0.2.6"
    ] * 2
    assert {params.rules_at(epoch).counts_duplicates for epoch in (1, 4, 7)} == {True}
    assert {params.rules_at(epoch).weight_scale for epoch in (1, 4, 7)} == {Fraction(11, 10)}
    assert parse_scenario(dump_scenario(scenario)) == scenario


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (
            "version: v0.2.0",
            "version: v0.2.1",
            '4:3: protocol.version: unknown version "v0.2.1". Did you mean "v0.2.0" or "v0.2.2"? Known: v0.2.0, ',
        ),
        ("version: v0.2.2", "version: v0.2.17", '5:25: protocol.upgrades.0.version: unknown version "v0.2.17". Did'),
        ("v0.2.0", "v0.2.9-post3", '4:3: protocol.version: unknown version "v0.2.9-post3". Did you mean "v0.2.9"'),
        ("v0.2.0", "v0.1", '4:3: protocol.version: unknown version "v0.1". Did you mean "v0.2.0"? Known: '),
        ("version: v0.2.2", "version: v2", '5:25: protocol.upgrades.0.version: unknown version "v2".'),
        (
            "epoch: 4",
            "epoch: 8",
            "5:44: protocol.upgrades.1.epoch: epoch 7 must be after epoch 8: upgrades stand in ri",
        ),
        ("epoch: 4", "epoch: 7", "5:44: protocol.upgrades.1.epoch: epoch 7 must be after epoch 7"),
        (
            "epoch: 4",
            "epoch: 1",
            "5:15: protocol.upgrades.0.epoch: epoch 1 must be after epoch 1: the version of epoch",
        ),
        ("epoch: 4", "epoch: 0", "5:15: protocol.upgrades.0.epoch: 0 must be at least 1"),
        ("epoch: epoch 7", "epoch: 10", "5:44: protocol.upgrades.1.epoch: epoch 10 is after the last epoch, 9"),
        ("epoch: 4, ", "", "5:14: protocol.upgrades.0.epoch: is missing; this key is required"),
        (
            "counts_duplicates: true",
            "count_duplicates: true",
            '6:11: protocol.rules.count_duplicates: unknown key. Did you mean "counts_duplicates"? Known: adap',
        ),
        ("duplicates: true", "duplicates: 1", "6:11: protocol.rules.counts_duplicates: must be true or false, not 1"),
        ("weight_scale: 1.1", "weight_scale: 0", "6:36: protocol.rules.weight_scale: 0 must be more than 0"),
        (
            "weight_scale: 1.1",
            "settlement_cap: 2",
            "6:36: protocol.rules.settlement_cap: 2 must be at most 1",
        ),
        (
            "  version",
            "  max_individual_power_percentage: 0\n  version",
            "4:3: protocol.max_individual_power_percentage: 0 leaves no member any weight, and the chain takes it",
        ),
        (
            "  version",
            "  max_individual_power_percentage: 0.2\n  version",
            "4:3: protocol.max_individual_power_percentage: 0.2 is too little for 4 hosts: so small shares add up",
        ),
        (
            "  version",
            "  poc_validation_duration: 0\n  version",
            "4:3: protocol.poc_validation_duration: 0 must be at least 1",
        ),
        (
            "  version",
            "  poc_stage_duration: 41\n  version",
            "3:1: protocol.epoch_length: 40 blocks are too few: generation, delay, validation",
        ),
        (
            "  version",
            "  r_target: 1.0\n  version",
            "4:3: protocol.r_target: 1 is met by no try: its chance in 8192 dimensions is hardly a number; a chance",
        ),
        ("weight_scale: 1.1", "r_target: 0.9", "6:36: protocol.rules.r_target: 0.9 is met by no try: its chance in "),
        (
            "weight_scale: 1.1",
            "proof: {kind: hits, r_target: 0.5}",
            "6:36: protocol.rules.proof: 0.5 is met by no try: its chance in 8192 dimensions is hardly a number; a",
        ),
        (
            "unregistered: 2",
            "unregistered: 3",
            "8:77: hosts.0.unregistered: 3 must be at most 2, the number of ML nodes",
        ),
    ],
)
def test_one_mistake_gives_one_message(old: str, new: str, mistake: str) -> None:
    (found,) = mistakes(TEXT.replace(old, new, 1))
    assert found.startswith(f"x.yaml:{mistake}")


CHANGES = TEXT.replace("  version", "  changes: [{height: 45, poc_validation_duration: 9}]\n  version", 1)


def test_changes_of_lengths_hold_from_their_height_on() -> None:
    text = CHANGES.replace("9}]", "9}, {height: 200, set_new_validators_delay: 3}]")
    params = build_params(parse_scenario(text))
    lengths = [params.epoch_at(height) for height in (44, 45, 199, 200)]
    assert [epoch.poc_validation_duration for epoch in lengths] == [6, 9, 9, 9]
    assert [epoch.set_new_validators_delay for epoch in lengths] == [1, 1, 1, 3]


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("height: 45", "height: 59", "height: with these lengths epoch 1 has VE twice at block 61; change them in"),
        (
            "height: 45, poc_validation_duration: 9",
            "height: 70, epoch_length: 25",
            "height: with these lengths epoch 2",
        ),
        ("validation_duration: 9", "validation_duration: 29", "poc_validation_duration: 40 blocks are too few"),
        ("9}]", "9}, {height: 45}]", "height: block 45 must be after block 45"),
        ("height: 45", "height: 0", "height: 0 must be at least 1"),
        (
            "poc_validation_duration: 9",
            "poc_validation_duratio: 9",
            "poc_validation_duratio: unknown key. Did you mean",
        ),
    ],
)
def test_changes_that_break_an_epoch(old: str, new: str, mistake: str) -> None:
    (found,) = mistakes(CHANGES.replace(old, new, 1))
    assert mistake.partition(": ")[2] in found
    assert found.startswith("x.yaml:4:")


PRICES = TEXT + "inference: {requests_per_epoch: 5, base_price: 20, min_price: 10, stable_from: 0.3}\n"


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("base_price: 20", "base_price: 5", "9:36: inference.base_price: 5 must be at least min_price, 10"),
        (
            "base_price: 20, min_price: 10",
            "min_price: 101",
            "9:36: inference.min_price: 101 must be at most base_price",
        ),
        ("min_price: 10", "max_price: 19", "9:52: inference.max_price: 19 must be at least base_price, 20"),
        ("stable_from: 0.3", "stable_from: 0.7", "9:67: inference.stable_from: 0.7 must be at most stable_to, 0.6"),
        ("stable_from: 0.3", "stable_to: 0.3", "9:67: inference.stable_to: 0.3 must be at least stable_from, 0.4"),
        ("base_price: 20", "base_price: -1", "9:36: inference.base_price: -1 must be at least 0"),
        ("base_price: 20", "base_price: 0.5", "9:36: inference.base_price: must be a whole number, not 0.5"),
        ("base_price: 20", "base_price: x", '9:36: inference.base_price: must be a whole number, not "x"'),
        ("stable_from: 0.3", "utilization_window: 0 s", "9:67: inference.utilization_window: "),
        ("stable_from: 0.3", "largest_price_step: 2", "9:67: inference.largest_price_step: 2 must be at most 1"),
        ("stable_from: 0.3", "elasticity: 0.1", '9:67: inference.elasticity: unknown key. Did you mean "price_elas'),
    ],
)
def test_prices_that_cannot_be(old: str, new: str, mistake: str) -> None:
    (found,) = mistakes(PRICES.replace(old, new, 1).replace("epoch: epoch 7", "epoch: 7"))
    assert found.startswith(f"x.yaml:{mistake}")


def test_prices_reach_the_chain_as_exact_numbers() -> None:
    pricing = build_params(parse_scenario(PRICES + "\n")).pricing
    assert (pricing.base_price, pricing.min_price, pricing.stable_from) == (20, 10, Fraction(3, 10))
    assert (pricing.stable_to, pricing.price_elasticity) == (Fraction(3, 5), Fraction(1, 20))


def test_no_cap_is_written_null() -> None:
    text = TEXT.replace("  version", "  max_individual_power_percentage: null\n  version", 1)
    assert build_params(parse_scenario(text)).max_individual_power_percentage is None


def test_a_quarter_is_enough_for_four() -> None:
    text = TEXT.replace("  version", "  max_individual_power_percentage: 0.25\n  version", 1)
    assert parse_scenario(text).protocol.max_individual_power_percentage == 0.25


MODELS = """\
name: models
epochs: 9
protocol:
  version: v0.2.8
  models:
    - {name: A, distance_threshold: 0.4, is_initial: true}
    - {name: B, distance_threshold: 0.4, coefficient: 0.5}
  upgrades: [{epoch: 5, version: v0.2.8, models: [{name: C, distance_threshold: 0.4}]}]
hosts:
  - {name: a, gpus: 1 x H100-SXM, region: EUROPE, model: A, delegates: [{model: B, to: b-0}], refuses: [C]}
  - {name: b, gpus: [1 x H100-SXM for B, 1 x H100-SXM for C], region: EUROPE, intents: [MiniMax-M2.7]}
  - {name: c, count: 2, gpus: 1 x H100-SXM, region: EUROPE, model: C, delegates: [{model: B, to: a-0}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (
            "distance_threshold: 0.4, coefficient",
            "coefficient",
            "7:7: protocol.models.1.distance_threshold: is missing",
        ),
        ("name: B,", "name: A,", '7:8: protocol.models.1.name: "A" is listed already, as number 0'),
        ("name: B,", "name: B B,", '7:8: protocol.models.1.name: "B B" must be a model\'s name'),
        (
            "coefficient: 0.5",
            "is_initial: true",
            "7:42: protocol.models.1.is_initial: one model is the base model: number 0",
        ),
        ("model: A,", "model: D,", '10:51: hosts.0.model: unknown model "D". Known: A, B, C, Deep'),
        ("1 x H100-SXM for C", "1 x H100-SXM for E", '11:42: hosts.1.gpus.1: unknown model "E". Known: A, B, C, Deep'),
        ("refuses: [C]", "refuses: [B]", "10:105: hosts.0.refuses.0: B stands in delegates.0.model already"),
        ("to: b-0", "to: b", '10:84: hosts.0.delegates.0.to: unknown host "b". Did you mean "b-0"'),
        ("to: a-0", "to: c-1", "12:94: hosts.2.delegates.0.to: c-1 is this very host, which cannot delegate"),
        ("to: b-0", "to: c-0", "10:84: hosts.0.delegates.0.to: the delegations of B go in a circle: a -> c -> a"),
    ],
)
def test_mistakes_in_models_and_stances(old: str, new: str, mistake: str) -> None:
    first, *_ = mistakes(MODELS.replace(old, new, 1))
    assert first.startswith(f"x.yaml:{mistake}")


def test_models_of_a_scenario() -> None:
    """They hold in every version until governance votes others in."""
    book = build_params(parse_scenario(MODELS)).rule_book
    assert [[model.name for model in book.rules_at(epoch).models] for epoch in (0, 4, 5)] == [["A", "B"]] * 2 + [["C"]]
    assert book.first.models[1].coefficient == Fraction(1, 2)
