"""Proof messages whose window is over: from v0.2.7 on mempools refuse them and no block holds them (network 2.1)."""

from __future__ import annotations

from functools import partial

from sim.chain.ledger import Ledger
from sim.chain.mempool import Mempool
from sim.metrics.recorder import Recorder
from sim.metrics.records import TransactionRefused
from sim.protocol.blocks.checks import is_late


class LateMessages:
    """What proposers find in their mempools too late to be taken, told once each.

    The network asks at every host; copies travel on here, and only proposers ask [I].
    """

    def __init__(self, ledger: Ledger, recorder: Recorder) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._known: set[str] = set()

    def drop(self, mempool: Mempool) -> None:
        """Let a proposer forget what the next block would refuse for its window."""
        state = self._ledger.get_state(self._ledger.height)
        rules = self._ledger.params.rules_at(state.schedule.index)
        if not rules.drops_late_messages:
            return
        for transaction in mempool.drop(partial(is_late, state, rules)):
            if transaction.tx_id not in self._known:
                self._known.add(transaction.tx_id)
                self._recorder.add(TransactionRefused(tx_id=transaction.tx_id, height=state.height))
