"""The environment that all actors of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import simpy

from sim.chain.consensus import Consensus
from sim.chain.ledger import Ledger
from sim.chain.mempool import Mempool
from sim.chain.traffic import InferenceTraffic
from sim.metrics.recorder import Recorder
from sim.network.base import Network
from sim.nodes.catch_up import CatchUp
from sim.nodes.presence import Presence
from sim.protocol.blocks.params import ProtocolParams
from sim.scenario.schema import Scenario
from sim.streams import Streams
from sim.work.base import Work


@dataclass(frozen=True)
class Context:
    """The scenario, the clock, the network, the computing, the rules and the recorder of one run."""

    scenario: Scenario
    env: simpy.Environment
    network: Network
    ledger: Ledger
    consensus: Consensus
    catch_up: CatchUp
    presence: Presence
    traffic: InferenceTraffic
    open_mempool: Callable[[str], Mempool]
    """Give a host its view of the pending transactions."""
    work: Work
    recorder: Recorder
    streams: Streams
    params: ProtocolParams
    ttl_blocks: int | None
    """Blocks for which mempools keep a transaction."""
