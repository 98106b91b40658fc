"""A scenario in the terms of a run: the chain's parameters, registrations and load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from sim.nodes.ml_node import SENDER_PERIOD_SECONDS
from sim.protocol.blocks.params import ChainParams, EpochParams, ProtocolParams, accumulate_changes
from sim.protocol.blocks.state import ChainState, genesis_state
from sim.protocol.consensus.transactions import (
    CLAIM_BYTES,
    ENVELOPE_BYTES,
    SEED_BYTES,
    VERDICT_BYTES,
    HardwareNode,
    RegisterHost,
)
from sim.protocol.models.challenge import ChallengeParams
from sim.protocol.models.params import GroupParams
from sim.protocol.money.pricing import PricingParams
from sim.protocol.proofs.base import ProofScheme
from sim.protocol.versions import GOVERNED, SCHEMES, adjust_scheme, build_rule_book
from sim.scenario.declared import read_parameters, read_values
from sim.scenario.hosts import HostGroup
from sim.scenario.models import read_models
from sim.scenario.schema import ProtocolConfig, Scenario
from sim.strategies.base import MLNode
from sim.streams import Streams

PUBLIC_KEY_BYTES = 33
GENESIS_WEIGHT = 1  # every founding host is a genesis validator of weight 1 (protocol 0)


def found_chain(founders: Sequence[RegisterHost], params: ProtocolParams, scenario: Scenario) -> ChainState:
    """Return the genesis state: every founding host is a member."""
    weights = {founder.creator: GENESIS_WEIGHT for founder in founders}
    return genesis_state(weights, params, get_first_scheme(scenario, params).threshold, founders)


def get_first_scheme(scenario: Scenario, params: ProtocolParams) -> ProofScheme:
    """Return the proof scheme as it begins: the version's, with the parameters that the scenario gives for genesis."""
    return adjust_scheme(params.rule_book.first.proof, read_parameters(SCHEMES, scenario.protocol))


def count_expected_validations(scenario: Scenario) -> int:
    """Return the largest number of checks in a run: of every host by every host, or by as many as there are slots."""
    edges = sorted({group.joins for group in scenario.hosts} | {scenario.epochs + 1})
    present = [sum(group.count for group in scenario.hosts if group.joins <= start) for start in edges[:-1]]
    slots = scenario.protocol.validation_committee
    return sum(
        (end - start) * n * (n if slots is None else min(n, slots))
        for (start, end), n in zip(pairwise(edges), present, strict=True)
    )


def _read_switches(config: ProtocolConfig) -> dict[str, object]:
    """Switches that the scenario changes in all versions."""
    alpha = config.confirmation_alpha
    given: dict[str, object] = {} if alpha is None else {"confirmation_alpha": alpha}
    return config.rules.model_dump(exclude_none=True) | given


def _read_votes(config: ProtocolConfig) -> dict[int, dict[str, object]]:
    """What governance sets with each upgrade, by its epoch, and at genesis: models stay until others are voted in."""
    base: dict[str, object] = {} if config.models is None else {"models": read_models(config.models)}
    votes = {0: base}
    for upgrade in config.upgrades:
        voted = {} if upgrade.models is None else {"models": read_models(upgrade.models)}
        votes[upgrade.epoch] = {**base, **upgrade.model_dump(include=set(GOVERNED), exclude_none=True), **voted}
    return votes


def build_params(scenario: Scenario) -> ProtocolParams:
    """Return the parameters that the chain carries."""
    config = scenario.protocol
    epoch = EpochParams(**read_values(EpochParams, config))
    return ProtocolParams(
        rule_book=build_rule_book(
            config.version,
            {upgrade.epoch: upgrade.version for upgrade in config.upgrades},
            _read_switches(config),
            _read_votes(config),
        ),
        epoch=epoch,
        **read_values(ChainParams, config),
        vector_dim=scenario.work.pow_params.vocab_size,
        guardians=frozenset(address for group in scenario.hosts if group.guardian for address in group.addresses),
        challenges=ChallengeParams(**read_values(ChallengeParams, config)),
        challengers=frozenset(address for group in scenario.hosts if group.challenger for address in group.addresses),
        epoch_changes=accumulate_changes(
            epoch,
            [(change.height, change.model_dump(exclude={"height"}, exclude_none=True)) for change in config.changes],
        ),
        pricing=PricingParams(**read_values(PricingParams, scenario.inference)),
        groups=GroupParams(**read_values(GroupParams, config), validation_slots=config.validation_committee or 0),
    )


def register_host(address: str, ml_nodes: Sequence[MLNode], group: HostGroup, streams: Streams) -> RegisterHost:
    """Return the registration by which a host enters the chain; founders are registered at genesis."""
    public_key = streams("host", address, "public key").bytes(PUBLIC_KEY_BYTES).hex()
    nodes = tuple(HardwareNode(node.node_id, node.model) for node in ml_nodes if node.is_registered)
    return RegisterHost(f"host/{address}", address, public_key, nodes, group.collateral_ngonka)


def estimate_bytes_per_second(
    scenario: Scenario, ml_nodes: Mapping[str, Sequence[MLNode]], proof: ProofScheme, hit_probability: float
) -> float:
    """Estimate the new messages of all hosts together in the busiest stage, blocks included, before a controller acts.

    Generation: a claim per ML node and period, and its nonces. Validation: a vote of every host, or of a committee, on
    every host. Edges of an epoch: a seed or a claim of a reward of every host within one block time. Blocks carry all
    of it again. All hosts count as there from the start. `ml_nodes`: group -> the ML nodes of each of its hosts.
    """
    protocol, n_hosts = scenario.protocol, sum(group.count for group in scenario.hosts)
    machines = [(group.count, ml_nodes[group.name]) for group in scenario.hosts]
    rate = hit_probability * sum(count * sum(node.nonces_per_second for node in nodes) for count, nodes in machines)
    claims_per_second = min(sum(count * len(nodes) for count, nodes in machines) / SENDER_PERIOD_SECONDS, rate)
    generation = claims_per_second * ENVELOPE_BYTES + rate * proof.bytes_per_nonce
    votes = n_hosts * min(n_hosts, protocol.validation_committee or n_hosts)
    validation = votes * VERDICT_BYTES / (protocol.poc_validation_duration * protocol.block_time)
    edges = n_hosts * (ENVELOPE_BYTES + max(SEED_BYTES, CLAIM_BYTES)) / protocol.block_time
    return 2.0 * max(generation, validation, edges)
