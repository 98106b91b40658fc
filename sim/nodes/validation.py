"""A host's validation in one epoch: re-execute sampled nonces of every claim, test, vote (protocol 4.1 to 4.8).

1. Participants are checked one after another in random order, each at the rate of all working ML nodes together, in
   the numerics of the ML node whose turn it is.
2. The times at which checks are finished are known as long as no ML node fails or is repaired, so that a check needs
   no event of its own: the host wakes with its sender's period (protocol 3.4).
3. Then it tests the checks that were finished since and tells its agent, whose votes leave in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import cache, cached_property, partial

import numpy as np
import simpy
from numpy.typing import NDArray

from sim.metrics.records import ValidationDone
from sim.metrics.validations import ABSTAINED_CODE, FRAUD_CODE, OUT_OF_TIME_CODE, VALID_CODE
from sim.nodes.context import Context
from sim.nodes.ml_node import SENDER_PERIOD_SECONDS
from sim.protocol.blocks.state import ChainState, get_places_to_check
from sim.protocol.proofs.draws import select_positions
from sim.strategies.actions import Check, Vote
from sim.strategies.base import MLNode
from sim.work.base import Sample

Ints = NDArray[np.int64]
OnChecks = Callable[..., None]


class Validation:
    """A SimPy process that ends when all its checks are made or the host stops it; arrays are in order of checking."""

    def __init__(
        self,
        context: Context,
        address: str,
        sample_key: str,
        state: ChainState,
        newest_hash: str,
        task: Check,
        ml_nodes: Sequence[MLNode],
        on_checks: OnChecks,
    ) -> None:
        """`on_checks` is called with the fields of a `ChecksDone`; raises ValueError for a claim that is not known."""
        assert state.upcoming is not None, "validation without an upcoming epoch"
        self._context = context
        self._env = context.env
        self._address = address
        self._on_checks = on_checks
        self._epoch = state.upcoming.index
        self._claims = state.claimed_nonces
        self._proof = context.params.rules_at(self._epoch).proof
        seed = self._proof.compute_sampling_seed(sample_key, newest_hash, state.episode)
        size = context.params.validation_sample_size if task.sample_size is None else task.sample_size
        # Claims of the same length are sampled at the same positions.
        self._select = cache(partial(select_positions, sample_size=size, sampling_seed=seed))
        self._places = self._order(state, task.participants)
        self._sizes = np.minimum(self._claims.counts[self._places], size)
        n = len(self._places)
        self._turns = np.empty(n, dtype=np.object_)
        """The ML node in whose numerics each claim is checked."""
        self._finished_seconds = np.full(n, np.inf)
        self._n_tested = 0
        self._n_contradicted = np.zeros(n, dtype=np.int64)
        self._p_values = np.ones(n)
        self._frauds = np.zeros(n, dtype=np.bool_)
        self._votes = np.full(n, OUT_OF_TIME_CODE, dtype=np.int8)
        self.use(ml_nodes)
        self._process = self._env.process(self._run())

    def _order(self, state: ChainState, participants: tuple[str, ...] | None) -> Ints:
        """Return places of claims in the order of their checks."""
        if participants is None:
            stream = self._context.streams.of_a_time("host", self._address, "validation order", self._epoch)
            return stream.permutation(get_places_to_check(state, self._address))
        places = {who: place for place, who in enumerate(self._claims.participants.tolist())}
        for who in participants:
            if who not in places:
                raise ValueError(f'"{who}" has no claim in epoch {self._epoch}')
        if len(set(participants)) < len(participants):
            raise ValueError("a claim is checked twice")
        return np.array([places[who] for who in participants], dtype=np.int64)

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
        """The window is over. Checks that were finished but not reported are recorded; no vote leaves for them."""
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
                n_invalid=self._n_contradicted,
                p_value=self._p_values,
                votes=self._votes,
                seconds=np.where(is_tested, self._finished_seconds, self._env.now),
            )
        )

    def note_votes(self, vote: Vote) -> None:
        """The host has voted; a row shows the last vote on its claim, if there was one before the window closed."""
        codes = np.where(vote.frauds, FRAUD_CODE, VALID_CODE).tolist()
        for who, code in zip(vote.participants, codes, strict=True):
            if (place := self._place_of.get(who)) is not None:
                self._votes[place] = code

    @cached_property
    def _place_of(self) -> dict[str, int]:
        return {who: place for place, who in enumerate(self._claims.participants[self._places].tolist())}

    def _run(self) -> Generator[simpy.Event, object, None]:
        try:
            while self._n_tested < len(self._places):
                yield self._env.timeout(SENDER_PERIOD_SECONDS)
                self._report(self._test_finished())
        except simpy.Interrupt:
            return

    def _test_finished(self) -> slice:
        """Re-execute the samples of the claims that were finished since the last time; return which these are."""
        # Times ascend, since one check follows another; those that are not planned yet are infinite.
        end = int(np.searchsorted(self._finished_seconds, self._env.now, side="right"))
        done, self._n_tested = slice(self._n_tested, end), end
        if done.start == end:
            return done
        places, sizes = self._places[done], self._sizes[done]
        sample = Sample(places, sizes, [node.dtype for node in self._turns[done]], self._select)
        n_contradicted = self._context.work.count_contradictions(self._claims, sample)
        params = self._context.params
        test = self._proof.test_samples(sizes, n_contradicted, params.p_mismatch, params.fraud_threshold)
        self._n_contradicted[done] = n_contradicted
        self._p_values[done], self._frauds[done] = test.p_values, test.frauds
        return done

    def _report(self, done: slice) -> None:
        """Tell of these checks together; a claim that gets no vote in answer is one on which the host abstains."""
        if done.start == done.stop:
            return
        self._votes[done] = ABSTAINED_CODE
        self._on_checks(
            epoch=self._epoch,
            participants=tuple(self._claims.participants[self._places[done]].tolist()),
            n_checked=self._sizes[done],
            n_contradicted=self._n_contradicted[done],
            p_values=self._p_values[done],
            frauds=self._frauds[done],
        )
