"""A host's validation in one epoch: re-execute sampled nonces of every claim, test, vote (protocol 4.1 to 4.8).

1. Participants are checked one after another in random order, each at the rate of all working ML nodes together, in
   the numerics of the ML node whose turn it is.
2. The times at which checks are finished are known as long as no ML node fails or is repaired, so that a check needs
   no event of its own: the host wakes with its sender's period (protocol 3.4).
3. Then it tests what was finished since, asks its strategy, and sends the verdicts in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import cache, partial

import numpy as np
import simpy

from sim.metrics.records import ValidationDone
from sim.metrics.validations import OUT_OF_TIME_CODE
from sim.nodes.context import Context
from sim.nodes.ml_node import SENDER_PERIOD_SECONDS, MLNode
from sim.protocol.sampling import select_positions
from sim.protocol.state import ChainState, get_places_to_check
from sim.strategies.base import ABSTAINS, SAYS_FRAUD, Strategy, ValidationView
from sim.work.base import Sample

SendVotes = Callable[[tuple[str, ...], tuple[bool, ...]], None]


class Validation:
    """A SimPy process that ends when every claim is checked or the host stops it; arrays are in order of checking."""

    def __init__(
        self,
        context: Context,
        address: str,
        validator_key: str,
        state: ChainState,
        newest_hash: str,
        strategy: Strategy,
        ml_nodes: Sequence[MLNode],
        send_votes: SendVotes,
    ) -> None:
        assert state.upcoming is not None, "validation without an upcoming epoch"
        self._context = context
        self._env = context.env
        self._address = address
        self._strategy = strategy
        self._send_votes = send_votes
        self._epoch = state.upcoming.index
        self._claims = state.claimed_nonces
        self._proof = context.params.rules_at(self._epoch).proof
        seed = self._proof.compute_sampling_seed(validator_key, newest_hash, state.episode)
        size = context.params.validation_sample_size
        # Claims of the same length are sampled at the same positions.
        self._select = cache(partial(select_positions, sample_size=size, sampling_seed=seed))
        order = context.streams("host", address, "validation order", self._epoch)
        self._places = order.permutation(get_places_to_check(state, address))
        self._sizes = np.minimum(self._claims.counts[self._places], size)
        n = len(self._places)
        self._turns = np.empty(n, dtype=np.object_)
        """The ML node in whose numerics each claim is checked."""
        self._finished_seconds = np.full(n, np.inf)
        self._n_tested = 0
        self._n_invalid = np.zeros(n, dtype=np.int64)
        self._p_values = np.ones(n)
        self._votes = np.full(n, OUT_OF_TIME_CODE, dtype=np.int8)
        self.use(ml_nodes)
        self._process = self._env.process(self._run())

    def use(self, ml_nodes: Sequence[MLNode]) -> None:
        """Use these ML nodes, in ascending order of their numbers, from the next claim on; wait if there are none.

        The check in progress keeps its numerics and the time at which it is finished. Turns go on with the node after
        the last one that had one. Reference: protocol 4.3.
        """
        now = self._env.now
        n_planned = int(np.searchsorted(self._finished_seconds, np.inf))
        # A claim is begun when the one before it is finished; while the host waits, none is in progress.
        n_begun = min(int(np.searchsorted(self._finished_seconds, now, side="right")) + 1, n_planned)
        self._finished_seconds[n_begun:] = np.inf
        if ml_nodes:
            start_seconds = max(now, self._finished_seconds[n_begun - 1]) if n_begun else now
            rate = sum(node.nonces_per_second for node in ml_nodes)
            self._finished_seconds[n_begun:] = start_seconds + np.cumsum(self._sizes[n_begun:]) / rate
            last = self._turns[n_begun - 1].node_id if n_begun else 0
            turns = sorted(ml_nodes, key=lambda node: (node.node_id <= last, node.node_id))
            self._turns[n_begun:] = np.resize(np.array(turns, dtype=np.object_), len(self._turns) - n_begun)

    def stop(self) -> None:
        """The window is over: claims that are not checked yet get no verdict from this validator."""
        if self._process.is_alive:
            self._process.interrupt()
        self._test_finished()
        is_tested = np.arange(len(self._places)) < self._n_tested
        self._context.recorder.add(
            ValidationDone(
                epoch=self._epoch,
                validator=self._address,
                names=self._claims.participants,
                places=self._places,
                n_claimed=self._claims.counts[self._places],
                n_checked=np.where(is_tested, self._sizes, 0),
                n_invalid=self._n_invalid,
                p_values=self._p_values,
                votes=self._votes,
                seconds=np.where(is_tested, self._finished_seconds, self._env.now),
            )
        )

    def _run(self) -> Generator[simpy.Event, object, None]:
        try:
            while self._n_tested < len(self._places):
                yield self._env.timeout(SENDER_PERIOD_SECONDS)
                self._send(self._test_finished())
        except simpy.Interrupt:
            return

    def _test_finished(self) -> slice:
        """Re-execute the samples of the claims that were finished since the last time; return which these are."""
        end = int(np.searchsorted(self._finished_seconds, self._env.now, side="right"))
        done, self._n_tested = slice(self._n_tested, end), end
        if done.start == end:
            return done
        places, sizes = self._places[done], self._sizes[done]
        sample = Sample(places, sizes, [node.dtype for node in self._turns[done]], self._select)
        n_invalid = self._context.work.count_contradictions(self._claims, sample)
        params = self._context.params
        test = self._proof.test_samples(sizes, n_invalid, params.p_mismatch, params.fraud_threshold)
        names = self._claims.participants[places]
        view = ValidationView(names, names == self._address, sizes, n_invalid, test.p_values, test.frauds)
        self._n_invalid[done], self._p_values[done] = n_invalid, test.p_values
        self._votes[done] = self._strategy.vote(view)
        return done

    def _send(self, done: slice) -> None:
        """Send the verdicts on these claims together."""
        spoken = done.start + np.flatnonzero(self._votes[done] != ABSTAINS)
        if len(spoken):
            names = self._claims.participants[self._places[spoken]].tolist()
            self._send_votes(tuple(names), tuple((self._votes[spoken] == SAYS_FRAUD).tolist()))
