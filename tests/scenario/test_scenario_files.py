"""The scenarios of main net say what the protocol page says of it, and what their own comments say."""

from collections import Counter
from pathlib import Path

import pytest

from pow.params import PRESETS
from sim.protocol.blocks.formation import GOVERNANCE_MODELS
from sim.protocol.versions import LAUNCH
from sim.scenario.hosts import MODEL_NAMES
from sim.scenario.load import load_scenario
from sim.scenario.schema import Scenario
from sim.theory.epoch56 import GUARDIANS, load_observed_nodes

FOLDER = Path(__file__).parent.parent.parent / "scenarios"
NAMES = ("mainnet-launch", "mainnet-2025-10", "mainnet-epoch-56", "mainnet-2026-09", "slow-links", "ten-thousand-hosts")


def load(name: str) -> Scenario:
    return load_scenario(FOLDER / f"{name}.yaml")


def count_machines(scenario: Scenario) -> list[int]:
    """ML nodes of each host."""
    return [len(group.gpus) for group in scenario.hosts for _ in group.addresses]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_named_like_its_scenario_and_asks_or_tells(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert load(name).name == name


def test_launch_has_the_parameters_of_section_10() -> None:
    """Protocol 10, column "main-net genesis"; protocol 1.1 for main net's epoch 1, which starts at block 300."""
    protocol = load("mainnet-launch").protocol
    assert protocol.version == "v0.2.0"
    windows = (protocol.poc_stage_duration, protocol.poc_exchange_duration, protocol.poc_validation_delay)
    assert windows == (60, 5, 5)
    assert (protocol.poc_validation_duration, protocol.set_new_validators_delay) == (20, 120)
    assert protocol.inference_validation_cutoff == 80
    assert protocol.epoch_length - protocol.epoch_shift == 17_280 - 16_980
    assert (protocol.block_max_bytes, protocol.block_time) == (22_020_096, 5.6)
    assert (protocol.max_individual_power_percentage, protocol.vesting_epochs) == (0.25, 180)
    assert (protocol.collateral_grace_epochs, protocol.fraud_threshold, protocol.p_mismatch) == (180, 1e-7, 5e-4)


def test_launch_has_sixty_hosts_by_zipf() -> None:
    scenario = load("mainnet-launch")
    machines = sorted(count_machines(scenario), reverse=True)
    assert machines == [max(1, round(61.1 / rank)) for rank in range(1, 61)]
    assert {str(machine) for group in scenario.hosts for machine in group.gpus} == {"8 x H100-SXM"}
    assert 8 * sum(machines) == 2272
    assert round(100 * sum(machines[:2]) / sum(machines)) == 32
    assert sum(group.count for group in scenario.hosts if group.guardian) == 3
    assert scenario.work.pow_params == PRESETS["mainnet"]
    assert (scenario.epochs, scenario.network.tier, scenario.work.kind) == (30, "paths", "sphere")


def test_scaled_scenarios_scale_checking_as_they_scale_generation() -> None:
    """Both by the same share of main net's, so that validation takes as long as it does there."""
    for name in ("mainnet-launch", "mainnet-2025-10"):
        scenario = load(name)
        assert scenario.protocol.validation_sample_size == 200 * scenario.work.rate_factor


def test_october_has_120_blocks_of_validation() -> None:
    protocol = load("mainnet-2025-10").protocol
    assert (protocol.version, protocol.poc_validation_duration, protocol.block_time) == ("v0.2.3", 120, 5.6)


def test_epoch_56_has_the_observed_nodes() -> None:
    """Rates follow from weights, by the hit probability of v0.2.3 and 255 s of generation; models have short names."""
    scenario = load("mainnet-epoch-56")
    hit = LAUNCH.hit_probability(LAUNCH.r_target, scenario.work.pow_params.vocab_size)
    nodes = [(group.name, node) for group in scenario.hosts for node in group.gpus]
    for (name, node), observed in zip(nodes, load_observed_nodes(), strict=True):
        assert (name, node.n_gpus) == (observed.address, 1)
        assert node.model is not None
        assert observed.hardware.model.startswith(node.model)
        assert node.nonces_per_second == pytest.approx(observed.weight / (hit * 255), abs=0.0051)
    assert [group.name for group in scenario.hosts if group.guardian] == list(GUARDIANS)
    assert {node.model for _, node in nodes} == set(GOVERNANCE_MODELS) < set(MODEL_NAMES)


def test_ten_thousand_hosts() -> None:
    scenario = load("ten-thousand-hosts")
    gpus = Counter[str]()
    for group in scenario.hosts:
        for machine in group.gpus:
            gpus[machine.gpu] += group.count * machine.n_gpus
    assert len(count_machines(scenario)) == 10_000
    assert gpus == {"H100-SXM": 45_800}
    assert scenario.epochs == 3
