"""Warnings: valid settings that are probably a mistake, each printed once before the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from sim.documents.yaml_tree import read_document
from sim.errors import Mistake
from sim.problems import Problem
from sim.protocol.blocks.params import EpochParams
from sim.protocol.blocks.running import FIRST_CONFIRMED_EPOCH, get_trigger_heights
from sim.protocol.blocks.stages import Schedule
from sim.protocol.versions import VERSIONS, override_rules
from sim.scenario.changes import find_schemes
from sim.scenario.declared import read_values
from sim.scenario.fault_checks import build_raw_directory
from sim.scenario.faults import PartitionFault, resolve
from sim.scenario.model_warnings import find_model_warnings, list_rules
from sim.scenario.overrides import Overrides, apply_overrides
from sim.scenario.raw import read_hosts
from sim.scenario.sample_warnings import find_large_samples
from sim.scenario.schema import Scenario
from sim.scenario.setpoints import find_setpoint_problems
from sim.scenario.strategy_checks import find_doubtful_strategies

USUAL_WAY_SECONDS = 0.05  # of a block to everybody, at least: one way over a continent, and what relays take
ROUNDS = 1.25  # so much longer than block_time says a block may take: rounds of votes come on top


def locate_warnings(scenario: Scenario, path: str | os.PathLike[str], overrides: Overrides = ()) -> list[Mistake]:
    """Return the warnings about the scenario of a file, each at its place."""
    found = list(find_warnings(scenario))
    if not found:
        return []
    document = read_document(path)
    apply_overrides(document, overrides)
    return [document.locate(problem) for problem in found]


def find_warnings(scenario: Scenario) -> Iterator[Problem]:
    """Yield all warnings about a whole scenario."""
    yield from find_setpoint_problems(scenario, lateness=1.0)  # every block on time
    yield from _find_closed_windows(scenario)
    yield from _find_idle_confirmations(scenario)
    yield from _find_crowded_confirmations(scenario)
    yield from _find_short_epochs(scenario)
    yield from find_large_samples(scenario)
    yield from _find_hasty_rounds(scenario)
    yield from _find_late_faults(scenario)
    yield from _find_whole_partitions(scenario)
    yield from find_model_warnings(scenario)
    yield from find_doubtful_strategies(scenario.hosts, [rules for _, rules in list_rules(scenario)])


def _find_closed_windows(scenario: Scenario) -> Iterator[Problem]:
    """Batches come after their nonces; commitments to answers rise while generation runs, and main net has no pause."""
    listing = [scheme for scheme in find_schemes(scenario.protocol) if not scheme.claims_by_model]
    if scenario.protocol.poc_exchange_duration == 0 and listing:
        message = "0: proof batches count up to the last block of generation only, so that its last nonces are lost"
        yield Problem(("protocol", "poc_exchange_duration"), message)


def _find_idle_confirmations(scenario: Scenario) -> Iterator[Problem]:
    """An alpha of 0 once failed a member that shows nothing; on the chain it switches the test off."""
    protocol = scenario.protocol
    names = (protocol.version, *(upgrade.version for upgrade in protocol.upgrades))
    switched = protocol.rules.model_dump(exclude_none=True)
    is_confirmed = any(override_rules(VERSIONS[name], switched).confirmations_per_epoch for name in names)
    message = (
        "0 switches the test off: a member that shows nothing in a confirmation stays ACTIVE and keeps the part of its "
        "reward that it need not confirm; any larger share makes it fail"
    )
    if is_confirmed and protocol.confirmation_alpha == 0:
        yield Problem(("protocol", "confirmation_alpha"), message)
    for index, upgrade in enumerate(protocol.upgrades):
        if is_confirmed and getattr(upgrade, "confirmation_alpha", None) == 0:
            yield Problem(("protocol", "upgrades", index, "confirmation_alpha"), message)


def _get_schedule(scenario: Scenario) -> Schedule:
    """Return an epoch that may have confirmations, with the lengths at genesis and its P at 0."""
    return Schedule(FIRST_CONFIRMED_EPOCH, 0, EpochParams(**read_values(EpochParams, scenario.protocol)))


def _find_crowded_confirmations(scenario: Scenario) -> Iterator[Problem]:
    """Main net's blocks of safety, of which short epochs have not enough, would silently let no confirmation begin."""
    protocol = scenario.protocol
    switched = protocol.rules.model_dump(exclude_none=True)
    schedule = _get_schedule(scenario)
    for name in dict.fromkeys([protocol.version, *(upgrade.version for upgrade in protocol.upgrades)]):
        rules = override_rules(VERSIONS[name], switched)
        roomy = get_trigger_heights(schedule, replace(rules, confirmation_safety_blocks=0))
        if rules.confirmations_per_epoch and roomy and not get_trigger_heights(schedule, rules):
            message = (
                f"an epoch of {protocol.epoch_length} blocks leaves no room for a confirmation in {name}, which keeps "
                f"{rules.confirmation_safety_blocks} blocks free before the next one; lower "
                "rules.confirmation_safety_blocks"
            )
            yield Problem(("protocol", "epoch_length"), message)
            return


def _find_short_epochs(scenario: Scenario) -> Iterator[Problem]:
    """A confirmation is asked for, and no block could begin one that ends before the next epoch."""
    protocol = scenario.protocol
    if not getattr(protocol.rules, "confirmations_per_epoch", None):
        return  # a version's own confirmations are not what a small scenario is about
    schedule = _get_schedule(scenario)
    heights = get_trigger_heights(schedule, replace(VERSIONS[protocol.version], confirmation_safety_blocks=0))
    if not heights:
        least = schedule.set_validators + schedule.next_start - heights.stop + 1
        message = f"no confirmation fits into an epoch of {protocol.epoch_length} blocks: one ends at {least} at best"
        yield Problem(("protocol", "rules", "confirmations_per_epoch"), message)


def _find_hasty_rounds(scenario: Scenario) -> Iterator[Problem]:
    """A time-out that never grows and is shorter than any way can be is a chain that never agrees."""
    consensus = scenario.consensus
    if consensus.timeout_delta > 0.0 or sum(group.count for group in scenario.hosts) == 1:
        return
    for key in ("timeout_propose", "timeout_prevote", "timeout_precommit"):
        if (seconds := getattr(consensus, key)) < USUAL_WAY_SECONDS:
            message = (
                f"{seconds:g} s, which `timeout_delta: 0 s` never lets grow, may be shorter than the way of a message, "
                "some 0.05 s to 0.3 s: the chain is given up where validators never agree"
            )
            yield Problem(("consensus", key), message)


def _find_late_faults(scenario: Scenario) -> Iterator[Problem]:
    """A run ends one epoch after its last one began to be judged; a chain that halts makes it longer."""
    protocol = scenario.protocol
    longest = max([protocol.epoch_length, *(change.epoch_length or 0 for change in protocol.changes)])
    end_seconds = ROUNDS * (scenario.epochs + 1) * longest * protocol.block_time
    for index, fault in enumerate(scenario.faults):
        if fault.at > end_seconds:
            message = f"{fault.at:g} s is after the end of the run, which takes about {end_seconds:.4g} s at most"
            yield Problem(("faults", index, "at"), f"{message} unless the chain halts")


def _find_whole_partitions(scenario: Scenario) -> Iterator[Problem]:
    partitions = {index: fault for index, fault in enumerate(scenario.faults) if isinstance(fault, PartitionFault)}
    directory = build_raw_directory(list(read_hosts(scenario.hosts))) if partitions else {}
    n_hosts = sum(group.count for group in scenario.hosts)
    for index, fault in partitions.items():
        groups = fault.groups or ()
        is_whole = len(groups) == 1 and len(resolve(groups[0], directory)) == n_hosts
        if is_whole or fault.shares == (1.0,):
            key = "groups" if groups else "shares"
            yield Problem(("faults", index, key), "all hosts stand on this one side, so that nobody is cut off")
