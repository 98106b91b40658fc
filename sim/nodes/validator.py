"""A host's validation in one epoch: re-execute sampled nonces of everybody, test, vote (protocol 4.1 to 4.8)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import simpy

from pow.validation import FraudTest, count_invalid, fraud_test
from sim.metrics.records import ABSTAINED, FRAUD, OUT_OF_TIME, VALID, ValidationDone
from sim.nodes.context import Context
from sim.nodes.ml_node import MLNode
from sim.protocol.params import ProtocolParams
from sim.protocol.sampling import compute_sampling_seed, select_positions
from sim.protocol.state import ChainState, get_places_to_check
from sim.strategies.base import Strategy, ValidationView, Vote
from sim.work.base import Request


@dataclass(frozen=True)
class Sample:
    """What one validator re-executes of one participant."""

    participant: str
    n_claimed: int
    requests: tuple[Request, ...]


def sample_claims(state: ChainState, params: ProtocolParams, address: str, validator_key: str) -> list[Sample]:
    """Read all batches once, at V, and sample positions of everybody it checks. Reference: protocol 4.1, 4.2, 4.9."""
    assert state.upcoming is not None, "validation without an upcoming epoch"
    seed = compute_sampling_seed(validator_key, state.upcoming.block_hash, state.upcoming.start_height)
    samples = []
    claims = state.claimed_nonces
    for place in get_places_to_check(state, address).tolist():
        n = int(claims.counts[place])
        positions = select_positions(n, params.validation_sample_size, seed)
        samples.append(Sample(claims.participants[place], n, tuple(claims.get_requests(place, positions))))
    return samples


class Validator:
    """One host's validation of one epoch: a SimPy process that ends when all are checked or the host stops it."""

    def __init__(
        self,
        context: Context,
        address: str,
        state: ChainState,
        samples: list[Sample],
        strategy: Strategy,
        ml_nodes: Sequence[MLNode],
        send_vote: Callable[[str, Vote], None],
    ) -> None:
        assert state.upcoming is not None, "validation without an upcoming epoch"
        self._env = context.env
        self._work = context.work
        self._params = context.params
        self._recorder = context.recorder
        self._address = address
        self._upcoming = state.upcoming
        self._threshold = state.threshold
        self._pending = list(samples)
        self._strategy = strategy
        self._send_vote = send_vote
        self._repaired: simpy.Event | None = None
        self.use(ml_nodes)
        self._process = self._env.process(self._run())

    def use(self, ml_nodes: Sequence[MLNode]) -> None:
        """Go on with these ML nodes; with none, wait. A participant that is being checked is finished as it began."""
        self._ml_nodes = itertools.cycle(ml_nodes)  # participants go round-robin over the nodes (protocol 4.3)
        self._nonces_per_second = sum(node.nonces_per_second for node in ml_nodes)
        if ml_nodes and self._repaired is not None:
            self._repaired.succeed()
            self._repaired = None

    def stop(self) -> None:
        """The window is over: whoever is not checked yet gets no vote from this validator."""
        if self._process.is_alive:
            self._process.interrupt()
        nothing = fraud_test(0, 0)
        for sample in self._pending:
            self._note(sample, nothing, OUT_OF_TIME)
        self._pending = []

    def _run(self) -> Generator[simpy.Event, object, None]:
        try:
            while self._pending:
                while not self._nonces_per_second:
                    self._repaired = self._env.event()
                    yield self._repaired
                dtype = next(self._ml_nodes).dtype
                yield self._env.timeout(len(self._pending[0].requests) / self._nonces_per_second)
                self._finish(self._pending.pop(0), dtype)
        except simpy.Interrupt:
            return

    def _finish(self, sample: Sample, dtype: str) -> None:
        distances = self._work.distances(self._upcoming.block_hash, dtype, sample.requests)
        n_invalid = count_invalid(distances, self._threshold)
        test = fraud_test(len(distances), n_invalid, self._params.p_mismatch, self._params.fraud_threshold)
        vote = self._strategy.vote(ValidationView(sample.participant, sample.participant == self._address, test))
        if vote is not None:
            self._send_vote(sample.participant, vote)
        self._note(sample, test, ABSTAINED if vote is None else FRAUD if vote.is_fraud else VALID)

    def _note(self, sample: Sample, test: FraudTest, vote: str) -> None:
        self._recorder.add(
            ValidationDone(
                epoch=self._upcoming.index,
                validator=self._address,
                participant=sample.participant,
                n_claimed=sample.n_claimed,
                n_checked=test.n_checked,
                n_invalid=test.n_invalid,
                p_value=test.p_value,
                vote=vote,
                seconds=self._env.now,
            )
        )
