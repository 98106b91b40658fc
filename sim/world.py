"""A scenario becomes a world: clock, network, chain, hosts, computing, recorder and random streams."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

import simpy

from sim.blueprint import (
    build_ml_nodes,
    build_params,
    build_traffic,
    count_expected_validations,
    estimate_offer,
    found_chain,
    register_host,
)
from sim.chain.agreement import Agreement
from sim.chain.chain_node import ChainNode
from sim.chain.consensus import Consensus, is_last
from sim.chain.ledger import Ledger
from sim.chain.mempool import HostMempool, Mempool, MempoolRules
from sim.chain.pool import PoolView, SharedPool
from sim.chain.proposals import BlockMaker
from sim.chain.reporting import BlockReporter
from sim.difficulty.base import steer
from sim.metrics.recorder import Recorder
from sim.metrics.records import EpochEnded
from sim.metrics.validations import ValidationTable, choose_detail
from sim.network.gossip import Network
from sim.network.opening import describe_network, open_network
from sim.network.tier import PATHS, choose_tier
from sim.nodes.catch_up import CatchUp
from sim.nodes.context import Context
from sim.nodes.faults import Faults
from sim.nodes.host import Host
from sim.nodes.identity import name_hosts
from sim.nodes.rounds import Rounds, is_validated_in_bulk
from sim.protocol.blocks import BlockResult
from sim.protocol.params import ProtocolParams
from sim.protocol.stages import Schedule
from sim.scenario import Scenario
from sim.streams import Streams
from sim.topologies.base import Member
from sim.work.base import BulkWork, Work, WorkCounts

OnEpochEnd = Callable[[EpochEnded], None]


@dataclass
class World:
    """One run, ready to start."""

    scenario: Scenario
    env: simpy.Environment
    ledger: Ledger
    hosts: dict[str, Host]
    recorder: Recorder
    work: Work
    reporter: BlockReporter
    consensus: Consensus
    on_epoch_end: OnEpochEnd
    catch_up: CatchUp
    faults: Faults
    network_facts: Mapping[str, object]
    """The tier, why it was taken, and what graph it runs on."""
    warnings: tuple[str, ...] = ()
    """What is legal but surprising in how it runs."""
    _counts_before: WorkCounts = field(default_factory=lambda: WorkCounts(0, 0))

    @property
    def is_complete(self) -> bool:
        """Every epoch has ended."""
        return is_last(self.ledger.get_state(self.ledger.height), self.scenario.epochs)

    def run(self) -> None:
        """Let time pass until the last block of the last epoch has reached everybody that it can reach."""
        production = self.start()
        if self.scenario.faults:
            self.faults.start()
            self.env.run(until=production | self.env.process(self._watch()))
            self.faults.close()
        if self.is_complete or not self.scenario.faults:
            self.env.run()

    def start(self) -> simpy.Process:
        """Let the founders enter and validators begin; return the process that ends with the last block."""
        self.let_join(1)
        return self.env.process(self.consensus.run(self.scenario.epochs, self._observe))

    def let_join(self, epoch: int) -> None:
        """Let the hosts enter that join at an epoch."""
        for host in self.hosts.values():
            if host.identity.joins == epoch:
                host.join()
                if self.ledger.height > 0:
                    self.catch_up.start(host.address)

    def _watch(self) -> Generator[simpy.Event, object, None]:
        """Give the chain up where nothing was agreed for the length of an epoch and no fault has to begin or end."""
        protocol = self.scenario.protocol
        while True:
            height = self.ledger.height
            yield self.env.timeout(protocol.epoch_length * protocol.block_time)
            if self.ledger.height == height and not self.faults.are_pending:
                return

    def _observe(self, agreement: Agreement, result: BlockResult) -> None:
        """Record an agreed block, let hosts join whose time has come, close an epoch whose last block it is."""
        self.reporter.report(agreement, result)
        block, schedule = agreement.block, result.state.schedule
        if block.height == schedule.claim:
            self.let_join(schedule.index + 1)
        self.catch_up.watch()
        if schedule.index > 0 and block.height == schedule.next_start - 1:
            self._close_epoch(schedule)

    def _close_epoch(self, schedule: Schedule) -> None:
        start = self.ledger.get_block(schedule.start)
        since = self.work.counts - self._counts_before
        self._counts_before = self.work.counts
        ended = EpochEnded(schedule.index, self.env.now, since.computed, since.shared)
        self.recorder.add(ended)
        self.work.forget(start.block_hash)
        self.on_epoch_end(ended)


def build_world(scenario: Scenario, work: Work, on_epoch_end: OnEpochEnd) -> World:
    """Build everything a run needs; nothing has happened yet."""
    detail = choose_detail(scenario.metrics.validations, count_expected_validations(scenario))
    env, streams = simpy.Environment(), Streams(scenario.seed)
    recorder = Recorder(ValidationTable(is_full=detail.is_full))
    identities = name_hosts(scenario, streams)
    params = build_params(scenario)
    controller = scenario.difficulty
    groups = {group.name: group for group in scenario.hosts}
    ml_nodes = {host.address: build_ml_nodes(groups[host.host_group], scenario) for host in identities}
    registrations = {
        host.address: register_host(host.address, ml_nodes[host.address], groups[host.host_group], streams)
        for host in identities
    }
    founders = [registrations[identity.address] for identity in identities if identity.joins == 1]
    ledger = Ledger(found_chain(founders, params, scenario), params, steer(controller))
    graph = scenario.network.topology.build([Member(host.address, host.region) for host in identities], streams)
    has_bursts = any(fault.kind == "loss" for fault in scenario.faults)
    offer = estimate_offer(scenario, 1.0 / ledger.get_state(0).difficulty)
    choice = choose_tier(scenario.network, graph, offer, has_bursts=has_bursts)
    network = open_network(choice, env, graph, recorder, scenario.network, streams)
    nodes: dict[str, ChainNode] = {}
    clock_offsets: dict[str, float] = {}
    maker = BlockMaker(ledger, streams, build_traffic(scenario, params, streams), clock_offsets)
    consensus = Consensus(
        env,
        ledger,
        network,
        recorder,
        nodes,
        maker,
        timeouts=scenario.consensus.timeouts,
        interval_seconds=scenario.protocol.block_time,
    )
    network.roster.listeners.append(consensus.change_links)
    context = Context(
        env=env,
        network=network,
        ledger=ledger,
        consensus=consensus,
        open_mempool=_choose_mempools(scenario, choice.tier, env, network, ledger),
        work=work,
        recorder=recorder,
        streams=streams,
        params=params,
        rounds=_open_rounds(work, params, choice.tier, len(identities)),
        block_time_seconds=scenario.protocol.block_time,
        ttl_blocks=scenario.mempool.ttl_blocks,
        startup_seconds=scenario.work.startup,
    )
    hosts = {
        who.address: Host(
            context, who, groups[who.host_group].strategy, ml_nodes[who.address], registrations[who.address]
        )
        for who in identities
    }
    nodes.update((address, host.chain) for address, host in hosts.items())
    catch_up = CatchUp(context, hosts, has_faults=bool(scenario.faults))
    return World(
        scenario=scenario,
        env=env,
        ledger=ledger,
        hosts=hosts,
        recorder=recorder,
        work=work,
        reporter=BlockReporter(recorder, params, controller.target),
        consensus=consensus,
        on_epoch_end=on_epoch_end,
        catch_up=catch_up,
        faults=Faults(context, scenario.faults, hosts, catch_up, clock_offsets),
        network_facts=describe_network(choice, graph),
        warnings=(detail.warning,) if detail.warning else (),
    )


def _choose_mempools(
    scenario: Scenario, tier: str, env: simpy.Environment, network: Network, ledger: Ledger
) -> Callable[[str], Mempool]:
    """One mempool a host where deliveries are simulated; views of one pool where arrivals are known ahead."""
    fees = {address: group.fee_ngonka for group in scenario.hosts for address in group.addresses}
    config = scenario.mempool
    rules = MempoolRules(fees if config.order == "fee" else {}, config.ttl_blocks)
    if tier != PATHS:
        return lambda address: HostMempool(network, address, rules)
    pool = SharedPool(env, network, ledger, rules)
    network.roster.listeners.append(pool.change_links)
    return lambda address: PoolView(pool, address)


def _open_rounds(work: Work, params: ProtocolParams, tier: str, n_hosts: int) -> Rounds | None:
    """Return what large networks validate with; None where every validator re-executes nonce by nonce."""
    if isinstance(work, BulkWork) and is_validated_in_bulk(tier, n_hosts):
        return Rounds(work, params)
    return None
