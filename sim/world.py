"""A scenario becomes a world: clock, network, chain, hosts, computing, recorder and random streams."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import simpy

from sim.blueprint import (
    build_params,
    count_expected_validations,
    estimate_bytes_per_second,
    found_chain,
    register_host,
)
from sim.chain.consensus import Consensus, is_last
from sim.chain.late_messages import LateMessages
from sim.chain.ledger import Agreement, Ledger
from sim.chain.mempool import MempoolRules
from sim.chain.pool import open_mempools
from sim.chain.proposals import BlockMaker, Clocks
from sim.chain.reporting import BlockReporter
from sim.chain.traffic import InferenceTraffic
from sim.difficulty.base import steer
from sim.metrics.recorder import Recorder
from sim.metrics.records import EpochEnded
from sim.metrics.validations import ValidationTable, choose_detail
from sim.network.opening import Tier, open_network
from sim.network.tier import choose_tier
from sim.nodes.agent import Agent
from sim.nodes.catch_up import CatchUp
from sim.nodes.context import Context
from sim.nodes.faults import Faults
from sim.nodes.host import Host
from sim.nodes.identity import HostIdentity, build_ml_nodes, gather_operators, name_hosts
from sim.nodes.presence import Presence
from sim.protocol.blocks.params import ProtocolParams
from sim.protocol.blocks.stages import Edge, Schedule
from sim.protocol.blocks.transition import BlockResult
from sim.protocol.consensus.transactions import RegisterHost
from sim.scenario.hosts import HostGroup
from sim.scenario.schema import Scenario
from sim.scenario.strategy_checks import build_name_directory
from sim.strategies.base import Identity, MLNode
from sim.streams import Streams
from sim.topologies.base import Member
from sim.work.base import Work, WorkCounts

OnEpochEnd = Callable[[EpochEnded], None]
WAYS = 4.0  # so many times as long as the longest way a host may take to get the last block
MOST_EPOCHS_WAITED = 100  # lengths of an epoch that a chain may stand still because a fault is to begin or to end


@dataclass
class World:
    """One run, ready to start."""

    context: Context
    hosts: dict[str, Host]
    reporter: BlockReporter
    on_epoch_end: OnEpochEnd
    faults: Faults
    network_facts: Mapping[str, object]
    """The tier, the reason for it, and the graph that it runs on."""
    warnings: tuple[str, ...] = ()
    """Warnings about settings that are legal but change the records that a run keeps."""
    why_halted: str = ""
    """Why the chain was given up, where it was."""
    _counts_before: WorkCounts = field(default_factory=lambda: WorkCounts(0, 0))

    @property
    def is_complete(self) -> bool:
        """Every epoch has ended."""
        return is_last(self.context.ledger.get_state(self.context.ledger.height), self.context.scenario.epochs)

    def run(self) -> None:
        """Let time pass until the last block of the last epoch has reached every host that it can reach."""
        production, watch = self.start(), self.context.env.process(self._watch())
        self.faults.start()
        self.context.env.run(until=production | watch)
        self.why_halted = str((production if production.triggered else watch).value or "")
        self.faults.close()
        if self.is_complete:
            self.context.env.run()
        for address in self.context.presence.away if self.is_complete else self.hosts:
            self.hosts[address].finish()

    def start(self) -> simpy.Process:
        """Let the founders enter and validators begin; return the process that ends with the last block."""
        self.let_join(1)
        consensus, n_epochs = self.context.consensus, self.context.scenario.epochs
        return self.context.env.process(consensus.run(n_epochs, self._observe, lambda: self.faults.are_pending))

    def let_join(self, epoch: int) -> None:
        """Let the hosts enter that join at an epoch."""
        for host in self.hosts.values():
            if host.identity.joins == epoch:
                host.join()
                if self.context.ledger.height > 0:
                    self.context.catch_up.start(host.address)

    def _watch(self) -> Generator[simpy.Event, object, str]:
        """Give the chain up when nothing has happened for an epoch's length that could end a round, and say why.

        Hosts to which the last block may be on its way are waited for, and faults that have still to begin or to end,
        but not for ever. Where rounds go on, consensus itself gives up.
        """
        protocol, consensus = self.context.scenario.protocol, self.context.consensus
        length_seconds, waited_seconds = protocol.epoch_length * protocol.block_time, 0.0
        before = self._look_at_heights()
        while not self.is_complete:
            pause_seconds = max(length_seconds, waited_seconds)
            yield self.context.env.timeout(pause_seconds)
            now, before = before, self._look_at_heights()
            waited_seconds = waited_seconds + pause_seconds if now == before and consensus.is_idle else 0.0
            is_far = waited_seconds < WAYS * self._find_longest_way_seconds()
            may_change = self.faults.are_pending and waited_seconds < MOST_EPOCHS_WAITED * length_seconds
            if waited_seconds and not is_far and not may_change:
                return f"no round can end: votes of more than 2/3 of all power reach nobody for {waited_seconds:.6g} s"
        return ""

    def _look_at_heights(self) -> tuple[int, ...]:
        heights = sorted(host.chain.height for host in self.hosts.values())
        return (self.context.ledger.height, self.context.consensus.n_rounds, *heights)

    def _find_longest_way_seconds(self) -> float:
        """The longest time that the last block may take to a host that it can reach, without upload queues."""
        ledger, routes = self.context.ledger, self.context.network.routes
        block = ledger.get_block(ledger.height) if ledger.height else None
        if block is None or block.proposer not in routes.index:
            return 0.0
        ways = routes.compute_delays(block.proposer, block.size_bytes)
        return float(ways[ways < float("inf")].max(initial=0.0))

    def _observe(self, agreement: Agreement, result: BlockResult) -> None:
        """Record an agreed block, let hosts join whose time has come, close an epoch whose last block it is."""
        self.reporter.report(agreement, result)
        block, schedule = agreement.block, result.state.schedule
        if Edge.P in schedule.edges_at(block.height):
            for address in list(self.context.presence.away):
                self.hosts[address].look_from_outside(block)
        if Edge.CLAIM in schedule.edges_at(block.height):
            self.let_join(schedule.index + 1)
        self.context.catch_up.watch()
        if schedule.ends_at(block.height):
            self._close_epoch(schedule)

    def _close_epoch(self, schedule: Schedule) -> None:
        start = self.context.ledger.get_block(schedule.start)
        now_seconds, counts = self.context.env.now, self.context.work.counts
        since, self._counts_before = counts - self._counts_before, counts
        ended = EpochEnded(epoch=schedule.index, end_seconds=now_seconds, computed=since.computed, shared=since.shared)
        self.context.recorder.add(ended)
        self.context.work.forget(start.block_hash)
        self.context.streams.forget_unused()
        self._forget_blocks(schedule.start)
        self.on_epoch_end(ended)

    def _forget_blocks(self, epoch_start: int) -> None:
        """Forget what no host looks back at; one that is down begins with a later state when it is back."""
        is_up = self.context.network.roster.is_up
        heights = {address: host.chain.height for address, host in self.hosts.items() if host.chain.height > 0}
        lowest = min([epoch_start, *(height for address, height in heights.items() if is_up(address))])
        self.context.ledger.forget(lowest if heights else 0, heights.values())


@dataclass(frozen=True)
class Ground:
    """The parts of a run that need no network: clock, random numbers, rules, machines and registrations."""

    scenario: Scenario
    env: simpy.Environment
    streams: Streams
    recorder: Recorder
    params: ProtocolParams
    identities: Sequence[HostIdentity]
    groups: Mapping[str, HostGroup]
    ml_nodes: Mapping[str, Sequence[MLNode]]
    """Group -> the ML nodes of each of its hosts."""
    registrations: Mapping[str, RegisterHost]
    """Host -> the transaction by which it enters the chain."""


def build_world(scenario: Scenario, work: Work, on_epoch_end: OnEpochEnd, *, is_rehearsed: bool = False) -> World:
    """Build a world at time 0. `is_rehearsed`: strategies are asked everything twice."""
    detail = choose_detail(scenario.metrics.validations, count_expected_validations(scenario))
    ground = _lay_ground(scenario, Recorder(ValidationTable(is_full=detail.is_full)))
    founders = [ground.registrations[who.address] for who in ground.identities if who.joins == 1]
    ledger = Ledger(found_chain(founders, ground.params, scenario), ground.params, steer(scenario.difficulty))
    tier = _open_network(ground, ledger)
    clocks, traffic = Clocks(), InferenceTraffic(scenario, ground.params, ground.streams)
    maker = BlockMaker(ledger, ground.streams, traffic, clocks, LateMessages(ledger, ground.recorder))
    consensus = _open_consensus(ground, ledger, tier, maker)
    context = _gather_context(ground, ledger, tier, consensus, traffic, work)
    hosts = _settle_hosts(ground, context, _appoint_agents(ground, is_rehearsed=is_rehearsed))
    return World(
        context=context,
        hosts=hosts,
        reporter=BlockReporter(ground.recorder, ground.params, scenario.difficulty.target),
        on_epoch_end=on_epoch_end,
        faults=Faults(context, hosts, clocks),
        network_facts=tier.describe(),
        warnings=(detail.warning,) if detail.warning else (),
    )


def _lay_ground(scenario: Scenario, recorder: Recorder) -> Ground:
    streams = Streams(scenario.seed)
    identities = name_hosts(scenario, streams)
    groups = {group.name: group for group in scenario.hosts}
    ml_nodes = {name: build_ml_nodes(group, scenario) for name, group in groups.items()}
    return Ground(
        scenario=scenario,
        env=simpy.Environment(),
        streams=streams,
        recorder=recorder,
        params=build_params(scenario),
        identities=identities,
        groups=groups,
        ml_nodes=ml_nodes,
        registrations={
            who.address: register_host(who.address, ml_nodes[who.host_group], groups[who.host_group], streams)
            for who in identities
        },
    )


def _open_network(ground: Ground, ledger: Ledger) -> Tier:
    """Link the hosts by the topology, in the tier that the scenario asks for or that its load allows."""
    scenario, streams = ground.scenario, ground.streams
    members = [Member(who.address, who.region) for who in ground.identities]
    graph = scenario.network.topology.build(members, streams)
    has_bursts = any(fault.kind == "loss" for fault in scenario.faults)
    load = estimate_bytes_per_second(
        scenario, ground.ml_nodes, ground.params.rule_book.first.proof, 1.0 / ledger.get_state(0).difficulty
    )
    choice = choose_tier(scenario.network, graph, load, has_bursts=has_bursts)
    return open_network(choice, ground.env, graph, ground.recorder, scenario.network, streams)


def _open_consensus(ground: Ground, ledger: Ledger, tier: Tier, maker: BlockMaker) -> Consensus:
    scenario = ground.scenario
    return Consensus(
        ground.env,
        ledger,
        tier.network,
        ground.recorder,
        maker,
        timeouts=scenario.consensus.timeouts,
        interval_seconds=scenario.protocol.block_time,
    )


def _gather_context(
    ground: Ground, ledger: Ledger, tier: Tier, consensus: Consensus, traffic: InferenceTraffic, work: Work
) -> Context:
    scenario, block_seconds = ground.scenario, ground.scenario.protocol.block_time
    catch_up = CatchUp(
        ground.env, tier.network, ledger, patience_seconds=block_seconds, has_faults=bool(scenario.faults)
    )
    return Context(
        scenario=scenario,
        env=ground.env,
        network=tier.network,
        ledger=ledger,
        consensus=consensus,
        catch_up=catch_up,
        presence=Presence(ground.env, tier.network.roster, catch_up, block_seconds),
        traffic=traffic,
        open_mempool=open_mempools(tier.network, ground.env, ledger, _build_mempool_rules(scenario)),
        work=work,
        recorder=ground.recorder,
        streams=ground.streams,
        params=ground.params,
        ttl_blocks=scenario.mempool.ttl_blocks,
    )


def _appoint_agents(ground: Ground, *, is_rehearsed: bool) -> dict[str, Agent]:
    """One agent for each operator, and one for each host that has none."""
    addresses, agents = gather_operators(ground.identities), dict[str, Agent]()
    directory = build_name_directory((group.name, group.addresses, group.operator) for group in ground.groups.values())
    for who in ground.identities:
        if who.operator not in agents:
            strategy = ground.groups[who.host_group].strategy
            identity = Identity(who.operator, addresses[who.operator], directory)
            agents[who.operator] = Agent(strategy, who.strategy_name, identity, is_rehearsed=is_rehearsed)
    return agents


def _settle_hosts(ground: Ground, context: Context, agents: Mapping[str, Agent]) -> dict[str, Host]:
    return {
        who.address: Host(
            context,
            who,
            agents[who.operator],
            ground.ml_nodes[who.host_group],
            ground.registrations[who.address],
        )
        for who in ground.identities
    }


def _build_mempool_rules(scenario: Scenario) -> MempoolRules:
    fees = {address: group.fee_ngonka for group in scenario.hosts for address in group.addresses}
    return MempoolRules(fees if scenario.mempool.order == "fee" else {}, scenario.mempool.ttl_blocks)
