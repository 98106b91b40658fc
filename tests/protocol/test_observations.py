"""What the chain knows of an epoch at VE: counts, arrivals, tries, validation work (protocol 3.2, 4.2, 4.8, 5.1)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pow.proofs import ProofBatch
from sim.protocol.blocks.observations import observe_epoch
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import ChainState, EpochObservation, HostRecord, UpcomingEpoch, genesis_state
from sim.protocol.consensus.transactions import HardwareNode, SubmitValidation
from sim.protocol.proofs.draws import get_node_ranges
from sim.protocol.proofs.hits import FiledBatches, SubmitProofBatch
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.tries import find_places
from sim.protocol.versions import LAUNCH, build_rule_book

EPOCH = EpochParams()  # P at 120 in epoch 3: generation of 10 blocks, batches until 12 after P


def params_of(version: str) -> ProtocolParams:
    book = build_rule_book(version, {}, {})
    return ProtocolParams(rule_book=book, epoch=EPOCH, vector_dim=8196, validation_sample_size=4)


def batch(who: str, name: str, nonces: list[int], node_id: int | None = None) -> SubmitProofBatch:
    proofs = ProofBatch(
        public_key=who,
        block_hash="H",
        block_height=120,
        nonces=tuple(nonces),
        distances=(1.0,) * len(nonces),
        node_id=node_id,
    )
    return SubmitProofBatch(name, who, name, proofs)


def state_of(
    batches: list[tuple[int, SubmitProofBatch]],
    votes: list[tuple[str, str]] | None = None,
    n_nodes: int = 1,
    epoch: EpochParams = EPOCH,
) -> ChainState:
    """A chain at VE of epoch 3; `batches` with the block that took each, `votes` as (participant, validator)."""
    params = params_of("v0.2.0")
    hardware = tuple(HardwareNode(node_id, "QwQ-32B") for node_id in range(1, n_nodes + 1))
    return replace(
        genesis_state({"a": 1}, params, LAUNCH.r_target),
        height=138,
        schedule=Schedule.of(3, epoch),
        upcoming=UpcomingEpoch(3, 120, "H"),
        hosts={who: HostRecord("key", hardware) for who in "abc"},
        proofs=FiledBatches(Log(each for _, each in batches), Log(height for height, _ in batches)),
        validations=Log(SubmitValidation("", validator, 120, (who,), (False,)) for who, validator in votes or []),
    )


def observe(state: ChainState, version: str = "v0.2.0", accepted: str = "abc") -> EpochObservation:
    params = params_of(version)
    claims = state.proofs.count_claims(params.rules_at(3), state.episode)
    return observe_epoch(state, 3, claims, {who: claim for who, claim in claims.items() if who in accepted}, params)


def test_arrivals_by_block() -> None:
    """Blocks 121 to 132 take batches."""
    found = [
        (121, batch("a", "x", [1, 2])),
        (124, batch("a", "y", [3])),
        (124, batch("b", "x", [1])),
        (132, batch("b", "y", [5])),
    ]
    seen = observe(state_of(found))
    assert seen.arrivals == (2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1)
    assert seen.valid_nonces == 5
    assert (seen.epoch_index, seen.difficulty) == (3, state_of([]).difficulty)


def test_who_was_rejected_found_nothing() -> None:
    found = [(121, batch("a", "x", [1, 2])), (122, batch("b", "x", [1, 2, 3]))]
    seen = observe(state_of(found), accepted="b")
    assert (sum(seen.arrivals), seen.valid_nonces) == (3, 3)
    assert seen.success_rate == pytest.approx(3 / (3 * (1 + 1 / 3) - 1))


def test_a_nonce_arrives_when_it_first_comes_where_it_counts_once() -> None:
    """The later batch has the earlier key: whatever counts for the weight, the first block brought the nonce."""
    found = [(125, batch("a", "first", [1, 2], 1)), (123, batch("a", "second", [2, 3], 1))]
    assert observe(state_of(found), "v0.2.0").arrivals[2:5] == (2, 0, 2)
    once = observe(state_of(found), "v0.2.2")
    assert once.arrivals[2:5] == (2, 0, 1)
    assert sum(once.arrivals) == once.valid_nonces == 3


def test_a_window_that_governance_shortened_keeps_what_it_took() -> None:
    """Protocol 1.1: lengths act at once on the epoch that is running."""
    short = replace(EPOCH, poc_stage_duration=6)
    seen = observe(state_of([(131, batch("a", "x", [1]))], epoch=short))
    assert (len(seen.arrivals), seen.arrivals[10]) == (11, 1)


def test_an_empty_epoch() -> None:
    seen = observe(state_of([]))
    assert (seen.valid_nonces, seen.success_rate, seen.checked_per_validator) == (0, 0.0, 0.0)
    assert seen.arrivals == (0,) * 12


def test_validation_work_is_that_of_the_votes_on_chain() -> None:
    """Sample size 4: a has 2 nonces, b 6. v checked both, w only b, and a vote on nobody's nonces is no work."""
    found = [(121, batch("a", "x", [1, 2])), (121, batch("b", "x", [1, 2, 3, 4, 5, 6]))]
    votes = [("a", "v"), ("b", "v"), ("b", "w"), ("c", "w")]
    assert observe(state_of(found, votes), accepted="a").checked_per_validator == (2 + 4 + 4) / 2


@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 60))
def test_places_of_a_node_that_takes_every_nth_number(stride: int, n_groups: int, per_group: int) -> None:
    """Protocol 3.2: groups of a node side by side; where every try is valid all places up to the last one are taken."""
    for node_id in range(1, stride + 1):
        ranges = get_node_ranges(node_id, stride, n_groups)
        nonces = [nonce for numbers in ranges for nonce in numbers[:per_group]]
        assert find_places(nonces, stride).tolist() == list(range(1, per_group * n_groups + 1))


def test_places_of_impossible_nonces() -> None:
    assert find_places({2**70, 0, 1, 5}, 2).tolist() == [1, 3, 2**61 + 1]


def test_success_rate_with_and_without_node_ids() -> None:
    """Two nodes, one three times as fast: right where the chain knows them, too low where it has forgotten them."""
    generator = np.random.default_rng(4)
    tried = {1: range(1, 1 + 2 * 3000, 2), 2: range(2, 2 + 2 * 9000, 2)}
    valid = {node: [nonce for nonce in numbers if generator.random() < 0.1] for node, numbers in tried.items()}
    found = [(121, batch("a", str(node), nonces, node)) for node, nonces in valid.items()]
    rate = sum(map(len, valid.values())) / 12_000
    # Up to the slower node's last place: 600 finds, whose standard error is 4 %.
    assert observe(state_of(found, n_nodes=2), "v0.2.2").success_rate == pytest.approx(0.1, rel=0.08)
    forgotten = [(height, replace(each, proofs=replace(each.proofs, node_id=None))) for height, each in found]
    assert observe(state_of(forgotten, n_nodes=2), "v0.2.0").success_rate == pytest.approx(rate * 12 / 18, rel=0.005)
