"""The readable rule and the one that runs judge alike (protocol 4.5, 4.6, 4.9)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.blocks import judging, judging_models
from sim.protocol.blocks.fast import judging as fast
from sim.protocol.blocks.fast import judging_models as fast_models
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.state import EpochGroup, HostRecord, UpcomingEpoch, genesis_state
from sim.protocol.consensus.transactions import SubmitValidation
from sim.protocol.proofs.acceptance import Ballot, VoteBar, VotingSnapshot
from sim.protocol.proofs.base import CountedClaim
from sim.protocol.proofs.claimed import name_claim
from sim.protocol.proofs.committee import Committee
from sim.protocol.proofs.log import Log
from sim.protocol.proofs.votes import Reason
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)
GENESIS = genesis_state({"a": 1}, PARAMS, LAUNCH.r_target)
NAMES = "abcdef"
NAME = st.sampled_from(NAMES)
VALIDATIONS = st.lists(
    st.builds(
        lambda by, said: SubmitValidation(
            "tx", by, 1, tuple(who for who, _ in said), tuple(fraud for _, fraud in said)
        ),
        NAME,
        st.lists(st.tuples(NAME, st.booleans()), max_size=6),
    ),
    min_size=4,
    max_size=30,
)
MOSTLY = st.integers(0, 9).map(lambda n: n != 7)  # few failures beside the votes, which decide last
CLAIM = MOSTLY.map(lambda any_weight: CountedClaim(1, 1, {1: 1}, {1: int(any_weight)}))
CLAIMS = st.dictionaries(NAME, CLAIM, min_size=2)
WEIGHTS = st.just({}) | st.dictionaries(NAME, st.integers(0, 5) | st.integers(1, 10**12), min_size=3)


def draw_committee(weights: dict[str, int], n_slots: int, guardians: set[str]) -> Committee:
    voters = {who: weight for who, weight in sorted(weights.items()) if weight > 0}
    return Committee("H", voters, n_slots, frozenset(guardians & voters.keys()))


@settings(max_examples=300)
@given(
    VALIDATIONS,
    CLAIMS,
    WEIGHTS,
    st.lists(MOSTLY, min_size=18),
    st.sets(NAME),
    st.integers(0, 4),
    st.integers(0, 9),
    st.booleans(),
    st.booleans(),
)
def test_all_at_once_is_one_by_one(
    validations: list[SubmitValidation],
    claims: dict[str, CountedClaim],
    weights: dict[str, int],
    has: list[bool],
    guardians: set[str],
    page_limit: int,
    n_slots: int,
    ignores_own_votes: bool,
    first_vote_stands: bool,
) -> None:
    upcoming = UpcomingEpoch(1, 40, "H", draw_committee(weights, n_slots, guardians) if n_slots else None)
    state = replace(
        GENESIS,
        effective=EpochGroup(0, 0, weights),
        hosts={who: HostRecord("key" if has[i] else "", ()) for i, who in enumerate(NAMES) if has[i + 6]},
        seeds={(1, who): "commitment" for i, who in enumerate(NAMES) if has[i + 12]},
        validations=Log(validations),
        upcoming=upcoming,
    )
    rules = replace(
        VERSIONS["v0.2.0"],
        member_page_limit=page_limit,
        ignores_own_votes=ignores_own_votes,
        first_vote_stands=first_vote_stands,
    )
    readable = judging.judge_claims(state, claims, upcoming, rules)
    assert fast.judge_claims(state, claims, upcoming, rules) == readable
    assert list(readable) == list(claims)


MODELS = ("m", "n", "o")
CLAIM_NAME = st.builds(name_claim, NAME, st.sampled_from(MODELS))
VOTES = st.lists(
    st.builds(
        lambda by, said: SubmitValidation("tx", by, 1, tuple(said), tuple(said.values())),
        NAME,
        st.dictionaries(CLAIM_NAME, st.booleans(), min_size=4, max_size=12),
    ),
    min_size=4,
    max_size=24,
)


@settings(max_examples=100)
@given(
    VOTES,
    st.just({}) | st.dictionaries(CLAIM_NAME, CLAIM, min_size=6),
    st.dictionaries(st.sampled_from(MODELS[:2]), WEIGHTS, min_size=1),
    st.lists(MOSTLY, min_size=18),
    st.frozensets(NAME),
    st.sampled_from((0, 5000, 6667)),
    st.sampled_from((0, 0, 5)),
    st.booleans(),
    st.booleans(),
)
def test_claims_of_models_are_judged_at_once_as_one_by_one(
    validations: list[SubmitValidation],
    claims: dict[str, CountedClaim],
    powers: dict[str, dict[str, int]],
    has: list[bool],
    guardians: frozenset[str],
    threshold_bps: int,
    n_slots: int,
    guardians_need_power: bool,
    first_vote_stands: bool,
) -> None:
    """Model "o" never has powers; the whole weight is more or less than those of a model."""
    held = [sum(own.values()) for own in powers.values()]
    snapshot = VotingSnapshot(powers, max(held, default=3) // 2 + 3, guardians, "H")
    ballot = Ballot(snapshot, VoteBar(threshold_bps, n_slots), guardians_need_power=guardians_need_power)
    upcoming = UpcomingEpoch(1, 40, "H", ballot=ballot)
    state = replace(
        GENESIS,
        hosts={who: HostRecord("key" if has[i] else "", ()) for i, who in enumerate(NAMES) if has[i + 6]},
        seeds={(1, who): "commitment" for i, who in enumerate(NAMES) if has[i + 12]},
        validations=Log(validations),
    )
    rules = replace(VERSIONS["v0.2.16"], first_vote_stands=first_vote_stands)
    readable = judging_models.judge_models(state, claims, upcoming, rules)
    assert fast_models.judge_models(state, claims, upcoming, rules) == readable
    assert list(readable) == list(claims)


def test_the_first_vote_on_a_claim_of_a_model_stands_and_another_model_is_another_claim() -> None:
    """a, with all power, says yes to its claim for m and no in the next block, and no to that for n."""
    said = [("a m", False), ("a m", True), ("a n", True)]
    validations = Log(SubmitValidation("tx", "a", 1, (name,), (fraud,)) for name, fraud in said)
    ballot = Ballot(VotingSnapshot({"m": {"a": 5}, "n": {"a": 5}}, 5))
    state = replace(
        GENESIS,
        hosts={"a": HostRecord("key", ())},
        seeds={(1, "a"): "commitment"},
        validations=validations,
    )
    claims = dict.fromkeys(("a m", "a n"), CountedClaim(1, 1, {1: 1}, {1: 1}))
    upcoming = UpcomingEpoch(1, 40, "H", ballot=ballot)
    for judge in (judging_models.judge_models, fast_models.judge_models):
        verdicts = judge(state, claims, upcoming, VERSIONS["v0.2.8"])
        assert [verdict.reason for verdict in verdicts.values()] == [Reason.ACCEPTED, Reason.VOTED_INVALID]
        last = judge(state, claims, upcoming, VERSIONS["v0.2.7"])
        assert last["a m"].reason is Reason.VOTED_INVALID


def test_what_if_own_votes_do_not_count() -> None:
    """A host with 6 of 11 admits itself; without its vote and its weight the others' 5 decide, 3 being a majority."""
    weights = {"a": 6, "b": 3, "c": 2}
    known: dict[str, object] = {"hosts": {"a": HostRecord("key", ())}, "seeds": {(1, "a"): "commitment"}}
    claim = {"a": CountedClaim(1, 1, {1: 1}, {1: 1})}
    said = {who: SubmitValidation("tx", who, 1, ("a",), (who != "a",)) for who in "abc"}
    for voters, usual, changed in (
        ("abc", Reason.ACCEPTED, Reason.VOTED_INVALID),
        ("a", Reason.ACCEPTED, Reason.NO_MEMBER_VOTED),
        ("ac", Reason.ACCEPTED, Reason.NO_QUORUM),
    ):
        state = replace(GENESIS, effective=EpochGroup(0, 0, weights), **known)  # type: ignore[arg-type]
        state = replace(state, validations=Log(said[who] for who in voters))
        for ignores, expected, total in ((False, usual, 11), (True, changed, 5)):
            rules = replace(VERSIONS["v0.2.0"], ignores_own_votes=ignores)
            for judge_claims in (judging.judge_claims, fast.judge_claims):
                verdict = judge_claims(state, claim, UpcomingEpoch(1, 40, "H"), rules)["a"]
                assert (verdict.reason, verdict.total_weight) == (expected, total)


def test_who_has_left_the_group_has_no_vote_and_its_weight_does_not_count() -> None:
    """Protocol 6.3: of 4 + 3 + 3 the 4 has left, so that 3 and 3 are all of 6; without them 4 of 10 are no majority."""
    said = Log(SubmitValidation("tx", who, 1, ("b",), (who == "a",)) for who in "abc")
    group = EpochGroup(0, 0, {"a": 4, "b": 3, "c": 3}, removed={"a": 7})
    state = replace(
        GENESIS, effective=group, validations=said, hosts={"b": HostRecord("key", ())}, seeds={(1, "b"): "commitment"}
    )
    for judge_claims in (judging.judge_claims, fast.judge_claims):
        verdict = judge_claims(
            state, {"b": CountedClaim(1, 1, {1: 1}, {1: 1})}, UpcomingEpoch(1, 40, "H"), VERSIONS["v0.2.6"]
        )["b"]
        assert (verdict.valid_weight, verdict.invalid_weight, verdict.total_weight) == (6, 0, 6)


@pytest.mark.parametrize(("first_stands", "reason"), [(False, Reason.ACCEPTED), (True, Reason.VOTED_INVALID)])
def test_one_verdict_of_a_validator_holds_in_both(first_stands: bool, reason: Reason) -> None:
    """The last one; from v0.2.8 on the first (network 2.1)."""
    rules = replace(VERSIONS["v0.2.0"], first_vote_stands=first_stands)
    said = Log(
        [SubmitValidation("tx", "a", 1, ("b",), (True,)), SubmitValidation("tx", "a", 1, ("c", "b"), (True, False))]
    )
    state = replace(GENESIS, validations=said, hosts={"b": HostRecord("key", ())}, seeds={(1, "b"): "commitment"})
    for judge_claims in (judging.judge_claims, fast.judge_claims):
        verdicts = judge_claims(state, {"b": CountedClaim(1, 1, {1: 1}, {1: 1})}, UpcomingEpoch(1, 40, "H"), rules)
        assert verdicts["b"].reason is reason
