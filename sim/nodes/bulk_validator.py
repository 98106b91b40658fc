"""A host's validation in one epoch, all participants at once: the twin of `validator` for large networks.

1. Order, sample sizes and times are those of the readable validator; a participant has no event of its own.
2. The invalid nonces of a claim are known one by one; how many of them a sample holds is drawn from the exact law of
   sampling without replacement (hypergeometric), for each validator and participant.
3. Verdicts leave together with the sender's next period (protocol 3.4), as one transaction that stands for one each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence

import numpy as np
import simpy
from numpy.typing import NDArray

from pow.validation import fraud_tests
from sim.metrics.records import ValidationsDone
from sim.metrics.validations import OUT_OF_TIME_CODE
from sim.nodes.context import Context
from sim.nodes.ml_node import SENDER_PERIOD_SECONDS, MLNode
from sim.nodes.rounds import Round
from sim.strategies.base import ABSTAINS, SAYS_FRAUD, Strategy, ValidationsView, vote_on_all

Ints = NDArray[np.int64]
SendVotes = Callable[[tuple[str, ...], tuple[bool, ...]], None]


def count_invalid_in_samples(round_: Round, order: Ints, dtypes: Sequence[str], generator: np.random.Generator) -> Ints:
    """Draw how many invalid nonces one validator's samples hold, int64 (n,) in its order.

    `dtypes` are the numerics of its ML nodes, that participants go round over (protocol 4.3).
    """
    found = np.zeros(len(order), dtype=np.int64)
    for turn, dtype in enumerate(dtypes):
        found[turn :: len(dtypes)] = round_.count_invalid(dtype)[order[turn :: len(dtypes)]]
    sampled = np.flatnonzero((found > 0) & (round_.n_checked[order] < round_.n_claimed[order]))
    good = round_.n_claimed[order[sampled]] - found[sampled]
    found[sampled] = generator.hypergeometric(found[sampled], good, round_.n_checked[order[sampled]])
    return found


class BulkValidator:
    """One host's validation of one epoch: a SimPy process with one event for each transaction that it sends."""

    def __init__(
        self,
        context: Context,
        address: str,
        round_: Round,
        order: Ints,
        strategy: Strategy,
        ml_nodes: Sequence[MLNode],
        generator: np.random.Generator,
        send_votes: SendVotes,
    ) -> None:
        self._env = context.env
        self._recorder = context.recorder
        self._address = address
        self._round = round_
        self._order = order
        self._send_votes = send_votes
        self._start_seconds = context.env.now
        self._n_checked = round_.n_checked[order]
        self._n_invalid = count_invalid_in_samples(round_, order, [node.dtype for node in ml_nodes], generator)
        params = context.params
        self._p_values, frauds = fraud_tests(
            self._n_checked, self._n_invalid, params.p_mismatch, params.fraud_threshold
        )
        names = round_.names[order]
        view = ValidationsView(
            tuple(names.tolist()), names == address, self._n_checked, self._n_invalid, self._p_values, frauds
        )
        self._votes = vote_on_all(strategy, view)
        self._finished_seconds = np.full(len(order), np.inf)
        self._due = np.cumsum(self._n_checked)
        """Nonces that have been recomputed when each participant is finished."""
        self._done, self._since_seconds, self._rate = 0.0, context.env.now, 0.0
        self._n_sent = 0
        self._process: simpy.Process | None = None
        self.use(ml_nodes)

    def use(self, ml_nodes: Sequence[MLNode]) -> None:
        """Go on at the rate of these ML nodes; with none, wait. The numerics stay those of the nodes it began with."""
        now = self._env.now
        self._done += self._rate * (now - self._since_seconds)
        self._since_seconds, self._rate = now, sum(node.nonces_per_second for node in ml_nodes)
        is_open = self._finished_seconds > now
        left = np.maximum(self._due[is_open] - self._done, 0.0)
        self._finished_seconds[is_open] = now + left / self._rate if self._rate else np.inf
        if self._process is not None and self._process.is_alive:
            self._process.interrupt()
        self._process = self._env.process(self._run())

    def stop(self) -> None:
        """The window is over: whoever is not checked yet gets no vote from this validator."""
        if self._process is not None and self._process.is_alive:
            self._process.interrupt()
        late = self._finished_seconds > self._env.now
        n_checked = np.where(late, 0, self._n_checked)
        self._round.work.note_shared(int(n_checked.sum()))
        self._recorder.add_validations(
            ValidationsDone(
                epoch=self._round.upcoming.index,
                validator=self._address,
                names=self._round.participants,
                places=self._order,
                n_claimed=self._round.n_claimed[self._order],
                n_checked=n_checked,
                n_invalid=np.where(late, 0, self._n_invalid),
                p_values=np.where(late, 1.0, self._p_values),
                votes=np.where(late, OUT_OF_TIME_CODE, self._votes).astype(np.int8),
                seconds=np.where(late, self._env.now, self._finished_seconds),
            )
        )

    def _run(self) -> Generator[simpy.Event, object, None]:
        spoken = np.flatnonzero(self._votes != ABSTAINS)
        participants = tuple(self._round.names[self._order[spoken]].tolist())
        frauds = tuple((self._votes[spoken] == SAYS_FRAUD).tolist())
        periods = np.ceil((self._finished_seconds[spoken] - self._start_seconds) / SENDER_PERIOD_SECONDS)
        leaves = self._start_seconds + periods * SENDER_PERIOD_SECONDS
        n_known = int(np.count_nonzero(leaves < np.inf))
        starts = 1 + np.flatnonzero(np.diff(leaves[self._n_sent : n_known])) + self._n_sent
        try:
            for first, end in itertools.pairwise([self._n_sent, *starts.tolist(), n_known]):
                if first < end:
                    yield self._env.timeout(max(0.0, leaves[first] - self._env.now))
                    self._n_sent = end
                    self._send_votes(participants[first:end], frauds[first:end])
        except simpy.Interrupt:
            return
