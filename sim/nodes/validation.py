"""A host's validation in one epoch: re-execute sampled nonces of every claim, test, vote (protocol 4.1 to 4.8).

1. Participants are checked one after another in random order, each at the rate of all working ML nodes together, in
   the numerics of the ML node whose turn it is.
2. The times at which checks are finished are known as long as no ML node fails or is repaired, so that a check needs
   no event of its own: the host wakes with its sender's period (protocol 3.4).
3. Then it tests the checks that were finished since and tells its agent, whose votes leave in one transaction.
4. Where answers are off chain, a check waits for its leaves, and some claims are refused without one (`evidence`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import cache, cached_property

import numpy as np
import simpy
from numpy.typing import NDArray

from sim.metrics.records import ValidationDone
from sim.metrics.validations import ABSTAINED_CODE, FRAUD_CODE, OUT_OF_TIME_CODE, VALID_CODE
from sim.nodes.context import Context
from sim.nodes.evidence import Evidence
from sim.nodes.ml_node import SENDER_PERIOD_SECONDS
from sim.protocol.blocks.state import ChainState, get_places_to_check
from sim.protocol.proofs.claimed import split_claim
from sim.protocol.proofs.draws import select_positions
from sim.protocol.proofs.leaves import draw_leaves
from sim.strategies.actions import Check, Vote
from sim.strategies.base import MLNode
from sim.work.base import Sample

Ints = NDArray[np.int64]
AHEAD = 256  # claims whose outcomes are drawn together
OnChecks = Callable[..., None]
Draw = Callable[[int, int], Ints]
Fetch = Callable[[Ints, int, Callable[[int], Ints]], Evidence]
REFUSED_P_VALUE = 0.0
"""Of a claim that is refused without a check: no honest host serves such leaves."""


class Validation:
    """A SimPy process that ends when all its checks are made or the host stops it; arrays are in order of checking.

    Where claims are by model, a host has one for each model that its ML nodes serve.
    """

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
        model: str = "",
        fetch: Fetch | None = None,
        draw: Draw | None = None,
    ) -> None:
        """`on_checks` is called with the fields of a `ChecksDone`; raises ValueError for a claim that is not known.

        Claims for other models than `model` are left out; "": none are. `fetch` opens the evidence of claims from their
        places and the draw of what is asked of each; None: all that is checked stands on chain. `draw` gives the sample
        of the one claim that there is, from its size and a seed; None: as the scheme says.
        """
        self._context = context
        self._env = context.env
        self._address = address
        self._on_checks = on_checks
        self._epoch, self._is_confirmation = state.episode.epoch_index, state.episode.is_confirmation
        self._claims = state.claimed_nonces
        rules = context.params.rules_at(self._epoch)
        self._proof, episode = rules.proof, state.episode
        if rules.samples_by_newest_hash:
            episode = replace(episode, block_hash=newest_hash)
        self._may_fall_silent = rules.far_distances_silence and self._claims.is_far is not None
        self._silent: set[int] = set()
        """Numbers of ML nodes whose senders have died."""
        self.model = model
        self._seed = self._proof.compute_sampling_seed(sample_key, newest_hash, episode, model)
        size = context.params.validation_sample_size if task.sample_size is None else task.sample_size
        # Claims of the same length are sampled at the same positions.
        by_count = draw_leaves if model else select_positions
        self._select = cache(lambda n: by_count(n, size, self._seed) if draw is None else draw(size, self._seed))
        self._cut = context.params.get_cut(state.episode, model)
        self._places = self._order(state, task.participants)
        self._evidence = None if fetch is None else fetch(self._places, size, self._select)
        if self._evidence is not None:
            self._rows = np.argsort(self._evidence.due_seconds, kind="stable")
            self._places = self._places[self._rows]
        self._sizes = np.minimum(self._claims.counts[self._places], size)
        n = len(self._places)
        self._turns = np.empty(n, dtype=np.object_)
        """The ML node in whose numerics each claim is checked."""
        self._ml_nodes: Sequence[MLNode] = ()
        self._free_seconds = self._env.now
        """Since when these ML nodes can be used."""
        self._n_queued = n
        """Claims beyond these were refused, without a check by ML nodes."""
        self._started_seconds, self._finished_seconds = np.full((2, n), np.inf)
        self._n_tested = self._n_known = 0
        """Claims whose checks have ended, and those of which the outcome is known."""
        self._n_contradicted = np.zeros(n, dtype=np.int64)
        self._p_values = np.ones(n)
        self._frauds = np.zeros(n, dtype=np.bool_)
        self._votes = np.full(n, OUT_OF_TIME_CODE, dtype=np.int8)
        self.use(ml_nodes)
        self.process = self._env.process(self._run())

    def _order(self, state: ChainState, participants: tuple[str, ...] | None) -> Ints:
        """Return places of claims in the order of their checks."""
        if participants is None:
            own = [self.model] if self.model else []
            event = [state.episode.start_height] if self._is_confirmation else []
            stream = self._context.streams.of_a_time(
                "host", self._address, "validation order", self._epoch, *event, *own
            )
            return stream.permutation(get_places_to_check(state, self._address, own))
        places = self._claims.place_of
        for who in participants:
            if who not in places:
                raise ValueError(f'"{who}" has no claim in epoch {self._epoch}')
        if len(set(participants)) < len(participants):
            raise ValueError("a claim is checked twice")
        own_claims = (who for who in participants if not self.model or split_claim(who)[1] == self.model)
        return np.array([places[who] for who in own_claims], dtype=np.int64)

    def use(self, ml_nodes: Sequence[MLNode]) -> None:
        """Use these ML nodes, in ascending order of their numbers, from the next claim on; wait if there are none.

        The check in progress keeps its numerics and the time at which it is finished. Turns go on with the node after
        the last one that had one. Reference: protocol 4.3.
        """
        self._ml_nodes, self._free_seconds = ml_nodes, self._env.now
        n_begun = int(np.searchsorted(self._started_seconds[: self._n_queued], self._env.now, side="right"))
        self._forget(n_begun)
        self._plan(n_begun)
        last = self._turns[n_begun - 1].node_id if n_begun else 0
        turns = sorted(ml_nodes, key=lambda node: (node.node_id <= last, node.node_id))
        if turns:
            self._turns[n_begun:] = np.resize(np.array(turns, dtype=np.object_), len(self._turns) - n_begun)

    def _plan(self, first: int) -> None:
        """Plan when claims from this one on are begun and finished: one after another, each once its leaves are there.

        A claim is begun when the one before it is finished; while the host waits, none is in progress.
        """
        rest = slice(first, self._n_queued)
        self._started_seconds[rest] = self._finished_seconds[rest] = np.inf
        if not self._ml_nodes or first == self._n_queued:
            return
        start_seconds = max(self._free_seconds, self._finished_seconds[first - 1]) if first else self._free_seconds
        ready_seconds = np.full(self._n_queued - first, start_seconds)
        if self._evidence is not None:
            np.maximum(ready_seconds, self._evidence.due_seconds[self._rows[rest]], out=ready_seconds)
        seconds = np.cumsum(self._sizes[rest]) / sum(node.nonces_per_second for node in self._ml_nodes)
        before = np.concatenate([[0.0], seconds[:-1]])
        self._finished_seconds[rest] = seconds + np.maximum.accumulate(ready_seconds - before)
        self._started_seconds[rest] = ready_seconds
        later = slice(first + 1, self._n_queued)
        np.maximum(ready_seconds[1:], self._finished_seconds[rest][:-1], out=self._started_seconds[later])

    def _take_evidence(self) -> slice:
        """Put what has not arrived behind, and what is refused out of the queue; return what was refused."""
        end = self._n_queued
        if self._evidence is None or not (changed := self._evidence.settle()).size:
            return slice(end, end)
        first = int(np.isin(self._rows[:end], changed).argmax())
        rows = self._rows[first:end]
        due_seconds = np.where(self._evidence.is_refused[rows], np.inf, self._evidence.due_seconds[rows])
        order = first + np.argsort(due_seconds, kind="stable")
        for part in (self._rows, self._places, self._sizes):
            part[first:end] = part[order]
        self.__dict__.pop("_place_of", None)
        self._forget(first)
        self._n_queued -= int(self._evidence.is_refused[rows].sum())
        self._plan(first)
        refused = slice(self._n_queued, end)
        self._finished_seconds[refused] = self._env.now
        self._frauds[refused], self._p_values[refused] = True, REFUSED_P_VALUE
        return refused

    def stop(self) -> None:
        """The window is over. Checks that were finished but not reported are recorded; no vote leaves for them."""
        if self.process.is_alive:
            self.process.interrupt()
        self._take_evidence()
        self._test_finished()
        if self._is_confirmation:
            return  # a row is of an epoch's own proof of compute
        place = np.arange(len(self._places))
        is_tested = place < self._n_tested
        self._context.recorder.add(
            ValidationDone(
                epoch=self._epoch,
                validator=self._address,
                names=self._claims.participants,
                places=self._places,
                n_claimed=self._claims.counts[self._places],
                n_checked=np.where(is_tested, self._sizes, 0),
                n_invalid=np.where(is_tested, self._n_contradicted, 0),
                p_value=np.where(is_tested | (place >= self._n_queued), self._p_values, 1.0),
                votes=self._votes,
                seconds=np.where(is_tested | (place >= self._n_queued), self._finished_seconds, self._env.now),
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
            while self._n_tested < self._n_queued:
                yield self._env.timeout(SENDER_PERIOD_SECONDS)
                self._report(self._take_evidence())
                self._report(self._test_finished())
        except simpy.Interrupt:
            return

    def _test_finished(self) -> slice:
        """Re-execute the samples of the claims that were finished since the last time; return which these are."""
        # Times ascend, since one check follows another; those that are not planned yet are infinite.
        end = int(np.searchsorted(self._finished_seconds[: self._n_queued], self._env.now, side="right"))
        done, self._n_tested = slice(self._n_tested, end), end
        if end > self._n_known:
            # A law draws the outcome of many checks at a time; the kernel computes what is due.
            n_ahead = AHEAD if self._claims.stacks is not None else 0
            self._examine(slice(self._n_known, min(end + n_ahead, self._n_queued)))
        return done

    def _examine(self, rows: slice) -> None:
        """Find the contradictions in the samples of these claims, and test them."""
        places, sizes, turns = self._places[rows], self._sizes[rows], self._turns[rows]
        sample = Sample(
            places,
            sizes,
            [node.dtype for node in turns],
            self._select,
            [node.stack for node in turns],
            np.full(len(places), self._seed, dtype=np.uint64),
        )
        n_contradicted = self._context.work.count_contradictions(self._claims, sample)
        test = self._proof.test_samples(sizes, n_contradicted, *self._cut)
        self._n_contradicted[rows] = n_contradicted
        self._p_values[rows], self._frauds[rows] = test.p_values, test.frauds
        self._n_known = rows.stop

    def _forget(self, first: int) -> None:
        """From this claim on ML nodes or claims are others than the known outcomes are of."""
        self._n_known = min(self._n_known, first)
        self._n_contradicted[first : self._n_queued] = 0

    def _report(self, done: slice) -> None:
        """Tell of these checks together; a claim that gets no vote in answer is one on which the host abstains."""
        if done.start == done.stop:
            return
        told = np.arange(done.start, done.stop)
        if self._may_fall_silent:
            told = told[[self._tells(row) for row in told.tolist()]]
            if not told.size:
                return
        self._votes[told] = ABSTAINED_CODE
        self._on_checks(
            epoch=self._epoch,
            participants=tuple(self._claims.participants[self._places[told]].tolist()),
            n_checked=np.where(told < self._n_queued, self._sizes[told], 0),
            n_contradicted=self._n_contradicted[told],
            p_values=self._p_values[told],
            frauds=self._frauds[told],
        )

    def _tells(self, row: int) -> bool:
        """Whether the ML node that made a check tells its result; of a far distance it dies.

        The host never learns that, and goes on giving the node its turns. Reference: protocol 4.4
        """
        claims, place, node_id = self._claims, self._places[row], self._turns[row].node_id
        assert claims.is_far is not None, "no ML node falls silent"
        sampled = claims.starts[place] + self._select(int(claims.counts[place]))
        if claims.is_far[sampled].any():
            self._silent.add(node_id)
        return node_id not in self._silent
