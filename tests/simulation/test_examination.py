"""What a validator makes of leaves that have arrived: real proofs, odd nonces, the guard (network 2.5.4, 2.6)."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from sim.nodes import examination
from sim.nodes.examination import Examination, serve_leaves
from sim.nodes.guard import Guard
from sim.protocol.proofs.answer_book import AnswerBook
from sim.protocol.proofs.answers import Answers
from sim.protocol.proofs.base import Episode, NodeClaim, OwnClaims
from sim.protocol.proofs.commits import Commits
from sim.protocol.proofs.early_share import GuardMode, Streak
from sim.protocol.proofs.leaves import draw_leaves
from sim.protocol.versions import VERSIONS

RULES = VERSIONS["v0.2.16"]
EPISODE = Episode(3, 100, "HASH", 130, 130, 135, 375)
"""A stage of 30 blocks: early counts are those of block 110."""


def commit(store: Commits, host: str, book: AnswerBook, height: int, nonces: Sequence[int], *, real: bool) -> Commits:
    numbers = np.array(nonces, dtype=np.int64)
    values = np.zeros(len(numbers), dtype=np.int64)
    if real:
        drawn = np.random.default_rng(height).standard_normal((len(numbers), 12))
        values = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)
    book.append(NodeClaim(1, "key", numbers, values, "m"))
    (message,) = Answers().build_messages(OwnClaims(host, 100, "HASH", book, False, "tx", "", store))
    _, store = store.take(message, height, EPISODE, RULES)
    return store


def examine(store: Commits, guard: Guard | None = None, *, may_repeat: bool = False) -> Examination:
    return Examination(
        claims=store.read_claims(EPISODE, 0.0),
        held=store.by_claim,
        select=partial(draw_leaves, sample_size=5, leaf_seed=3),
        early_seed=4,
        guard=None if guard is None else guard.open(store, EPISODE, "m", {"a": 1, "b": 1, "c": 1}),
        may_repeat=may_repeat,
    )


def list_refused(examination: Examination) -> list[int]:
    places = np.arange(len(examination.claims.counts))
    suspects = examination.find_suspects(places)
    return [place for place in places.tolist() if suspects[place] and examination.refuses(place)]


def put_one(nonces: Sequence[int], *, real: bool = False) -> Commits:
    return commit(Commits(), "a", AnswerBook(), 105, nonces, real=real)


def test_real_leaves_are_held_against_their_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = examine(put_one(range(50), real=True))
    assert list_refused(checks) == []

    def serve_others(tree: object, ranks: list[int]) -> object:
        return [*serve_leaves(tree, ranks[1:]), *serve_leaves(tree, [0])]  # type: ignore[arg-type]

    monkeypatch.setattr(examination, "serve_leaves", serve_others)
    assert list_refused(checks) == [0]


@pytest.mark.parametrize("real", [False, True])
def test_nonces_too_far_apart(real: bool) -> None:
    assert list_refused(examine(put_one(range(0, 990, 99), real=real))) == []
    assert list_refused(examine(put_one(range(0, 5000, 200), real=real))) == [0]


def test_a_nonce_twice_in_the_sample() -> None:
    """Five of six leaves are sampled: of three pairs at least two are whole."""
    twice = put_one([1, 1, 2, 2, 3, 3])
    assert list_refused(examine(twice, may_repeat=True)) == [0]
    assert list_refused(examine(put_one([1, 2, 3, 4, 5, 6]), may_repeat=True)) == []


def build_stage(*, real: bool = False) -> Commits:
    """Three hosts, of which c has shown nothing at the early height."""
    store = Commits()
    for host, early in (("a", 40), ("b", 50), ("c", 0)):
        book = AnswerBook()
        if early:
            store = commit(store, host, book, 109, range(early), real=real)
        store = commit(store, host, book, 125, range(early, 100), real=real)
    return store


def note(guard: Guard, height: int = 110) -> Guard:
    guard.note(EPISODE, height)
    return guard


@pytest.mark.parametrize(("real", "noted"), [(False, 110), (True, 110), (False, 125)])
def test_the_guard_refuses_a_second_miss(real: bool, noted: int) -> None:
    """Also where the counts of block 110 are asked for late."""
    store, guard = build_stage(real=real), Guard()
    guard.streaks["c", "m"] = Streak(1)
    assert list_refused(examine(store, note(guard, noted))) == [2]
    assert guard.streaks["c", "m"] == Streak(2, 100, is_no=True)
    assert guard.streaks["a", "m"].misses == 0


def test_the_guard_forgives_or_observes_or_has_noted_nothing() -> None:
    store, forgiving = build_stage(), Guard()
    assert list_refused(examine(store, note(forgiving))) == []
    assert forgiving.streaks["c", "m"].misses == 1
    observing = Guard(GuardMode.OBSERVE)
    observing.streaks["c", "m"] = Streak(1)
    assert list_refused(examine(store, note(observing))) == []
    late = Guard()
    late.streaks["c", "m"] = Streak(1)
    late.note(EPISODE, 109)
    assert list_refused(examine(store, late)) == []
    assert late.streaks["c", "m"] == Streak(1)


def test_false_leaves_are_refused_though_the_share_passes() -> None:
    store = commit(build_stage(), "d", AnswerBook(), 109, range(0, 5000, 200), real=False)
    assert list_refused(examine(store, note(Guard()))) == [3]


@pytest.mark.parametrize("gone", ["vectors", "root"])
def test_early_leaves_that_are_gone_are_a_no_at_once(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either other vectors stood under the early root, or more leaves, so that no proof leads to it."""
    store = build_stage(real=True)
    assert list_refused(examine(store, note(Guard()))) == []
    first = store.by_host["a"]["m"].answers
    rebuild = first.rebuild_tree
    drawn_anew = put_one(range(40), real=True).by_host["a"]["m"].answers.rebuild_tree(40)
    other = drawn_anew if gone == "vectors" else rebuild(41)
    monkeypatch.setattr(first, "rebuild_tree", lambda count: other if count == 40 else rebuild(count))
    assert list_refused(examine(store, note(Guard()))) == [0]
