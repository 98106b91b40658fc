"""The chain's store of answers: commitments, distributions, and what they lead to (network 2.7)."""

from typing import Any

import numpy as np
import pytest

from sim.protocol import verify
from sim.protocol.consensus.transactions import TxResult
from sim.protocol.proofs.answer_book import AnswerBook
from sim.protocol.proofs.answers import Answers
from sim.protocol.proofs.base import Episode, NodeClaim, OwnClaims
from sim.protocol.proofs.claimed import INVENTED, name_claim, split_claim
from sim.protocol.proofs.commit_rules import CommitFault
from sim.protocol.proofs.commits import Commits, DistributeWeight, StoreCommit
from sim.protocol.versions import VERSIONS

RULES, SCHEME = VERSIONS["v0.2.16"], Answers()
P, STAGE, EXCHANGE = 100, 20, 2
EPISODE = Episode(3, P, "HASH", P + STAGE, P + STAGE + EXCHANGE, P + STAGE + 5, P + STAGE + 45)


def law(node_id: int, nonces: range, model: str = "m", stack: int = 0) -> NodeClaim:
    return NodeClaim(node_id, "key", np.array(nonces), np.full(len(nonces), stack), model)


def vectors(n: int, seed: int = 1) -> np.ndarray[Any, Any]:
    drawn = np.random.default_rng(seed).standard_normal((n, 12))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)


def own(book: AnswerBook, store: Commits | None = None, *, is_complete: bool = False) -> OwnClaims:
    return OwnClaims("a", P, "HASH", book, is_complete, "tx", "", store or Commits())


def commit(book: AnswerBook) -> StoreCommit:
    (message,) = SCHEME.build_messages(own(book))
    return message


def put(store: Commits, message: Any, height: int, episode: Episode = EPISODE) -> tuple[str, Commits]:
    return store.take(message, height, episode, RULES)


def put_all(*steps: tuple[NodeClaim, int]) -> tuple[AnswerBook, Commits]:
    """Claims, each committed to in a block."""
    book, store = AnswerBook(), Commits()
    for claim, height in steps:
        book.append(claim)
        fate, store = put(store, commit(book), height)
        assert fate == TxResult.ACCEPTED
    return book, store


def test_names_of_claims_hold_address_and_model() -> None:
    assert split_claim(name_claim("host-1", "MiniMax-M2.7")) == ("host-1", "MiniMax-M2.7")
    assert split_claim(name_claim("host-1", "")) == ("host-1", "")


def test_commitments_rise_and_the_chain_remembers_when() -> None:
    book, store = put_all((law(1, range(10)), P + 1), (law(1, range(10, 25)), P + 4), (law(2, range(50, 55)), P + 9))
    held = store.by_host["a"]["m"]
    assert (held.count, held.height) == (30, P + 9)
    found = [held.find_at(height) for height in (P, P + 1, P + 3, P + 4, P + 30)]
    assert [each.count if each else 0 for each in found] == [0, 10, 10, 25, 30]
    assert SCHEME.build_messages(own(book)) == ()  # nothing has come since
    assert store.participants == ("a m",)


@pytest.mark.parametrize(
    ("height", "fate"),
    [
        (P, TxResult.OUTSIDE_WINDOW),
        (P + 1, TxResult.ACCEPTED),
        (P + STAGE + EXCHANGE, TxResult.ACCEPTED),
        (P + STAGE + EXCHANGE + 1, TxResult.OUTSIDE_WINDOW),
    ],
)
def test_commitments_have_a_window(height: int, fate: str) -> None:
    book = AnswerBook()
    book.append(law(1, range(3)))
    assert put(Commits(), commit(book), height)[0] == fate


def test_a_confirmation_takes_commitments_from_its_first_block_on() -> None:
    episode = Episode(3, 200, "HASH", 221, 221, 226, 240, first_claim=202)
    book = AnswerBook()
    book.append(law(1, range(3)))
    message = StoreCommit("tx", "a", 200, book.commit("a"), book)
    fates = [put(Commits(), message, height, episode)[0] for height in (201, 202, 221, 222)]
    assert fates == [TxResult.OUTSIDE_WINDOW, TxResult.ACCEPTED, TxResult.ACCEPTED, TxResult.OUTSIDE_WINDOW]
    assert episode.n_claim_blocks == 20


def test_one_bad_entry_refuses_the_whole_message() -> None:
    """Network 2.19: model 1 has 10; in the same block 12, and 4 of model 2: refused, and model 2 is not stored."""
    book, store = put_all((law(1, range(10), "1"), P + 10))
    book.append(law(1, range(10, 12), "1"))
    book.append(law(2, range(20, 24), "2"))
    message = commit(book)
    assert put(store, message, P + 10) == (CommitFault.SAME_BLOCK, store)
    fate, after = put(store, message, P + 11)
    assert fate == TxResult.ACCEPTED
    assert {model: held.count for model, held in after.by_host["a"].items()} == {"1": 12, "2": 4}
    assert put(after, message, P + 12)[0] == CommitFault.NOT_RISING


def test_models_that_governance_does_not_know_are_refused() -> None:
    book = AnswerBook()
    book.append(law(1, range(3), "m"))
    known = {model.name: model for model in RULES.models}
    episode = Episode(3, P, "HASH", P + STAGE, P + STAGE, P + STAGE + 5, P + STAGE + 45, models=known)
    assert put(Commits(), commit(book), P + 1, episode)[0] == CommitFault.UNKNOWN_MODEL


def spread(book: AnswerBook, store: Commits) -> DistributeWeight:
    (message,) = SCHEME.build_messages(own(book, store, is_complete=True))
    return message


def test_the_distribution_splits_what_is_committed_and_no_more() -> None:
    """Two more answers of node 2 came too late for a commitment."""
    book, store = put_all((law(1, range(10)), P + 1), (law(2, range(20, 25)), P + 2))
    book.append(law(2, range(30, 32)))
    message = spread(book, store)
    assert message.entries == (("m", ((1, 10), (2, 5))),)
    fate, after = put(store, message, P + STAGE + EXCHANGE)
    assert fate == TxResult.ACCEPTED
    assert SCHEME.build_messages(own(book, after, is_complete=True)) == ()  # the chain has it
    last, too_late = EPISODE.validation_end, EPISODE.validation_end + 1
    assert [put(store, message, height)[0] for height in (last, too_late)] == ["accepted", "outside its window"]


def test_a_distribution_stays_when_the_count_rises_after_it() -> None:
    book, store = put_all((law(1, range(10)), P + 1))
    _, store = put(store, spread(book, store), P + 2)
    book.append(law(2, range(20, 25)))
    _, store = put(store, commit(book), P + 3)
    (claim,) = store.count_claims(RULES, EPISODE).values()
    assert (claim.claimed_nonces, claim.counts) == (15, {1: 10})


def test_a_distribution_needs_a_commitment_and_its_sum() -> None:
    book, store = put_all((law(1, range(10)), P + 1))
    message = spread(book, store)
    assert put(Commits(), message, P + 3)[0] == CommitFault.NO_COMMITMENT
    wrong = DistributeWeight("tx", "a", P, (("m", ((1, 9),)),))
    assert put(store, wrong, P + 3)[0] == CommitFault.WRONG_SUM
    assert put(store, DistributeWeight("tx", "a", P, ()), P + 3)[0] == CommitFault.NO_ENTRY


def test_claims_are_weighed_by_their_distribution_in_the_time_that_the_stage_took() -> None:
    """22 blocks in 340 s: f = 5.41 * 22 / 340 = .35005882...; node 2 is preserved, its answers are struck.

    The claim is weighed as a whole: 1021 f = 357.4; its nodes one by one: 350 + 2 + 2 + 2.
    """
    book, store = put_all(
        (law(1, range(1000)), P + 1),
        (law(2, range(2000, 2500)), P + 2),
        (small(3), P + 3),
        (small(4), P + 4),
        (small(5), P + 5),
    )
    timed = Episode(
        *(3, P, "HASH", P + STAGE, P + STAGE + EXCHANGE, P + STAGE + 5, P + STAGE + 45),
        preserved={"a": frozenset({2})},
        start_seconds=1000.9,
        validation_seconds=1340.2,
    )
    (without,) = store.count_claims(RULES, timed).values()
    assert (without.claimed_nonces, without.counted_nonces, without.weight) == (1521, 0, 0)
    _, store = put(store, spread(book, store), P + STAGE + 3, timed)
    (claim,) = store.count_claims(RULES, timed).values()
    assert claim.counts == {1: 1000, 3: 7, 4: 7, 5: 7}
    assert claim.node_weights == {1: 350, 3: 2, 4: 2, 5: 2}
    assert claim.weight == 357
    (unscaled,) = store.count_claims(VERSIONS["v0.2.9"], timed).values()
    assert unscaled.weight == 1021


def small(node_id: int) -> NodeClaim:
    return law(node_id, range(5000 + 10 * node_id, 5007 + 10 * node_id))


def test_the_first_answers_may_end_inside_what_a_node_sent_together() -> None:
    book, _ = put_all((law(1, range(10)), P + 1), (law(2, range(20, 25)), P + 2))
    answers = book.by_model["m"]
    assert answers.split(12) == {1: 10, 2: 2}
    assert [run.nonces.tolist() for run in answers.read_runs(12)] == [list(range(10)), [20, 21]]
    with pytest.raises(ValueError, match="16 answers of m are asked for; there are 15"):
        answers.split(16)


def test_arrivals_are_the_rises_of_accepted_claims() -> None:
    _, store = put_all((law(1, range(10)), P + 1), (law(1, range(10, 30)), P + 4))
    told = store.observe(["a m"], {}, EPISODE, RULES)
    assert (told.success_rate, sum(told.arrivals)) == (1.0, 30)
    assert (told.arrivals[0], told.arrivals[3]) == (10, 20)
    assert store.observe([], {}, EPISODE, RULES).success_rate == 0.0


def test_validators_read_the_codes_of_the_law_by_node_and_stack() -> None:
    mixed = NodeClaim(2, "key", np.array([21, 23, -2]), np.array([5, 5, INVENTED]), "m")
    _, store = put_all((law(1, range(10)), P + 1), (mixed, P + 2), (law(1, range(10, 12)), P + 3))
    claims = store.read_claims(EPISODE, 0.0)
    assert claims.stacks is not None
    assert dict(zip(claims.stacks.tolist(), claims.run_lengths.tolist(), strict=True)) == {0: 12, INVENTED: 1, 5: 2}
    assert claims.counts.tolist() == [15]
    assert claims.models == ("m",)
    assert claims.distance_thresholds is not None
    assert claims.distance_thresholds.tolist() == [0.4]  # where governance has set nothing


def test_validators_read_vectors_by_rank_under_a_root_that_proves_them() -> None:
    """Negative nonces come last. The root on chain is that of the first commitment, the book has grown since."""
    book, first, later = AnswerBook(), vectors(4), vectors(2, seed=2)
    book.append(NodeClaim(1, "key", np.array([7, 3, -1, 5]), first, "m"))
    _, store = put(Commits(), commit(book), P + 1)
    book.append(NodeClaim(1, "key", np.array([4, 9]), later, "m"))
    claims, held = store.read_claims(EPISODE, 0.0), store.by_host["a"]["m"]
    assert claims.nonces.tolist() == [3, 5, 7, -1]
    assert np.array_equal(claims.values, first[[1, 3, 0, 2]])
    assert claims.get_requests(0, np.array([1])) == [("key", 5)]
    other = AnswerBook()  # of b, under the same key
    other.append(NodeClaim(1, "key", np.array([2, 8]), later, "m"))
    _, both = put(store, StoreCommit("tx", "b", P, other.commit("b"), other), P + 1)
    assert both.read_claims(EPISODE, 0.0).run_lengths.tolist() == [4, 2]
    tree = held.answers.rebuild_tree(held.count)
    leaf = first[3].tobytes()
    assert verify(held.root, held.count, 5, leaf, tree.prove(5), tree.depth)
    assert not verify(held.root, held.count, 4, later[0].tobytes(), held.answers.rebuild_tree(6).prove(4), tree.depth)
    with pytest.raises(ValueError, match="nonce 7 is in the tree already"):
        book.append(NodeClaim(1, "key", np.array([7]), first[:1], "m"))


def test_invented_answers_have_nonces_of_their_own_and_look_like_computed_ones() -> None:
    generator = np.random.default_rng(1)
    assert SCHEME.invent_nonces(range(2, 12, 3), generator).tolist() == [-2, -5, -8, -11]
    assert SCHEME.fabricate(np.array([3]), 2, 0.0, 64, generator).tolist() == [INVENTED] * 2
    invented = SCHEME.fabricate(vectors(1), 500, 0.0, 64, generator)
    assert invented.dtype == np.float16
    assert np.allclose(np.linalg.norm(invented.astype(np.float64), axis=1), 1.0, atol=1e-3)
