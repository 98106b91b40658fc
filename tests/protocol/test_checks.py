"""What the chain checks in a message, and what it does not (protocol 2.1.2, 3.1, 4.5)."""

from dataclasses import replace

import pytest

from pow.proofs import ProofBatch
from sim.protocol.blocks.checks import check_stateless, commit_seed, is_late
from sim.protocol.blocks.fast.tallies import read_votes
from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.stages import Schedule
from sim.protocol.blocks.state import ChainState, UpcomingEpoch, genesis_state
from sim.protocol.blocks.transition import Draft, apply_transaction
from sim.protocol.consensus.transactions import (
    ClaimReward,
    RegisterHost,
    SubmitSeed,
    SubmitValidation,
    TxResult,
)
from sim.protocol.money.accounts import Settlement
from sim.protocol.proofs.hits import BLANK_BATCH_ID, SubmitProofBatch
from sim.protocol.versions import LAUNCH, VERSIONS, build_rule_book

PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8196)
START = 40


def state_at(height: int, has_upcoming: bool = True) -> ChainState:
    genesis = genesis_state({"a": 1}, PARAMS, LAUNCH.r_target)
    upcoming = UpcomingEpoch(1, START, "H") if has_upcoming else None
    return replace(genesis, height=height, schedule=Schedule.of(1, PARAMS.epoch), upcoming=upcoming)


def batch(creator: str = "a", batch_id: str = "0", start: int = START, **changes: object) -> SubmitProofBatch:
    proofs = {"nonces": (1, 2), "distances": (1.0, 1.0), "node_id": 3, **changes}
    content = ProofBatch(public_key="k", block_hash="H", block_height=start, **proofs)  # type: ignore[arg-type]
    return SubmitProofBatch("tx", creator, batch_id, content)


def fate(transaction: object, height: int = 41, version: str = "v0.2.0", has_upcoming: bool = True) -> TxResult:
    draft = Draft(state_at(height, has_upcoming))
    return apply_transaction(draft, transaction, PARAMS, VERSIONS[version])  # type: ignore[arg-type]


# Seeds: protocol 2.1.2


def test_a_seed_needs_an_address_and_an_epoch() -> None:
    assert check_stateless(SubmitSeed("tx", "", 1, "c")) is TxResult.NO_ADDRESS
    assert check_stateless(SubmitSeed("tx", "a", 0, "c")) is TxResult.NO_EPOCH


@pytest.mark.parametrize("height", [1, 39, 40, 58, 79])
def test_a_seed_has_no_window_and_its_signature_and_sender_are_not_checked(height: int) -> None:
    assert fate(SubmitSeed("tx", "stranger", 99, "no signature at all"), height) is TxResult.ACCEPTED


def test_a_later_seed_overwrites() -> None:
    draft = Draft(state_at(41))
    for commitment in ("first", "second"):
        apply_transaction(draft, SubmitSeed("tx", "a", 1, commitment), PARAMS, VERSIONS["v0.2.0"])
    assert draft.finish().seeds == {(1, "a"): "second"}


# Proof batches: protocol 3.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 0}, "block_height is 0"),
        ({"nonces": (), "distances": ()}, "nonces is empty"),
        ({"nonces": (-1, 2)}, "nonce is -1"),
        ({"distances": (1.0,)}, "2 nonces but 1 distances"),
        ({"distances": (1.0, -0.1)}, "distance of nonce 2 is -0.1"),
        ({"distances": (1.0, float("nan"))}, "distance of nonce 2 is nan"),
        ({"distances": (1.0, float("inf"))}, "distance of nonce 2 is inf"),
    ],
)
def test_a_malformed_batch_cannot_be_written(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        batch(**changes)  # type: ignore[arg-type]


def test_a_batch_needs_an_address_and_a_batch_id() -> None:
    assert fate(batch(creator="")) is TxResult.NO_ADDRESS
    assert fate(batch(batch_id=" ")) is BLANK_BATCH_ID


def test_stateful_checks_of_a_batch_in_their_order() -> None:
    """Each later mistake is there as well; the first check decides."""
    assert fate(batch(start=39), height=60, has_upcoming=False) is TxResult.NO_UPCOMING_EPOCH
    assert fate(batch(start=39), height=60) is TxResult.WRONG_START
    assert fate(batch(), height=60) is TxResult.OUTSIDE_WINDOW


@pytest.mark.parametrize(("height", "is_open"), [(40, False), (41, True), (52, True), (53, False)])
def test_batch_window(height: int, is_open: bool) -> None:
    assert (fate(batch(), height) is TxResult.ACCEPTED) == is_open


@pytest.mark.parametrize(
    "changes",
    [
        {"nonces": (5, 5), "distances": (1.0, 1.0)},  # duplicates
        {"creator": "stranger"},  # registration
        {"distances": (1.0, 1e300)},  # no comparison with the threshold, no upper bound
        {"nonces": tuple(range(50_000)), "distances": (1.0,) * 50_000},  # number, rate, plausibility
        {"node_id": 77},  # hardware
        {"node_id": None},
    ],
)
def test_what_a_batch_is_not_checked_for(changes: dict[str, object]) -> None:
    assert fate(batch(**changes)) is TxResult.ACCEPTED  # type: ignore[arg-type]


@pytest.mark.parametrize(("version", "known"), [("v0.2.0", None), ("v0.2.2", 3), ("v0.2.6", 3)])
def test_node_ids_are_known_from_v0_2_2_on(version: str, known: int | None) -> None:
    draft = Draft(state_at(41))
    apply_transaction(draft, batch(), PARAMS, VERSIONS[version])
    state = draft.finish()
    assert set(state.proofs.count_claims(VERSIONS[version], state.episode)["a"].counts) == {known}


def test_the_same_batch_id_overwrites_silently_and_only_for_the_same_address() -> None:
    draft = Draft(state_at(41))
    for transaction in (batch(nonces=(1, 2)), batch(nonces=(8, 9)), batch(creator="b", nonces=(3, 4))):
        assert apply_transaction(draft, transaction, PARAMS, VERSIONS["v0.2.0"]) is TxResult.ACCEPTED
    stored = draft.finish().proofs.by_participant
    assert {who: [batch.proofs.nonces for batch in batches] for who, batches in stored.items()} == {
        "a": [(8, 9)],
        "b": [(3, 4)],
    }


# Validations: protocol 4.5


@pytest.mark.parametrize(("height", "is_open"), [(52, False), (53, True), (58, True), (59, False)])
def test_validation_window(height: int, is_open: bool) -> None:
    assert (fate(SubmitValidation("tx", "a", START, ("b",), (True,)), height) is TxResult.ACCEPTED) == is_open


def test_stateful_checks_of_a_validation_in_their_order() -> None:
    vote = SubmitValidation("tx", "a", 39, ("b",), (True,))
    assert fate(vote, height=41, has_upcoming=False) is TxResult.NO_UPCOMING_EPOCH
    assert fate(vote, height=41) is TxResult.WRONG_START


@pytest.mark.parametrize(("creator", "participant"), [("stranger", "a"), ("a", "nobody"), ("", ""), ("a", "a")])
def test_neither_creator_nor_target_of_a_validation_is_checked(creator: str, participant: str) -> None:
    assert fate(SubmitValidation("tx", creator, START, (participant,), (False,)), 53) is TxResult.ACCEPTED


def test_a_validator_may_change_its_vote() -> None:
    draft = Draft(state_at(53))
    for is_fraud in (True, False):
        apply_transaction(draft, SubmitValidation("tx", "a", START, ("b",), (is_fraud,)), PARAMS, VERSIONS["v0.2.0"])
    votes = read_votes(draft.finish().validations, ["b"], ["a"])
    assert votes.pairs.tolist() == [0]
    assert votes.frauds.tolist() == [False]


@pytest.mark.parametrize("height", [52, 53, 58, 59])
def test_verdicts_that_leave_together_have_one_fate(height: int) -> None:
    """A bundle stands for its votes: same window, same start, size of all of them."""
    together = SubmitValidation("tx", "a", START, ("b", "c"), (True, False))
    apart = SubmitValidation("tx", "a", START, ("b",), (True,))
    assert fate(together, height) is fate(apart, height)
    assert fate(replace(together, start_height=39), height) is TxResult.WRONG_START
    assert together.size_bytes == 2 * apart.size_bytes


# Claims: protocol 2.1.5


def test_a_claim_needs_record_epoch_amount_and_seed_in_this_order() -> None:
    state = replace(state_at(60), settled={"a": Settlement(1, 9, commit_seed(42, "a")), "b": Settlement(1, 0, "")})
    for claim, expected in [
        (ClaimReward("tx", "c", 1, 42), TxResult.NOTHING_TO_CLAIM),
        (ClaimReward("tx", "a", 2, 42), TxResult.NOTHING_TO_CLAIM),
        (ClaimReward("tx", "b", 1, 42), TxResult.NOTHING_TO_CLAIM),
        (ClaimReward("tx", "a", 1, 41), TxResult.WRONG_SEED),
        (ClaimReward("tx", "a", 1, 42), TxResult.ACCEPTED),
    ]:
        assert apply_transaction(Draft(state), claim, PARAMS, VERSIONS["v0.2.0"]) is expected


# The draft of a block


def test_an_old_state_never_changes_and_a_new_one_cannot_be_written_into() -> None:
    before = state_at(41)
    draft = Draft(before)
    apply_transaction(draft, batch(), PARAMS, VERSIONS["v0.2.0"])
    after = draft.finish()
    assert len(before.proofs.messages) == 0
    apply_transaction(draft, SubmitSeed("tx", "a", 1, "c"), PARAMS, VERSIONS["v0.2.0"])
    apply_transaction(draft, batch(), PARAMS, VERSIONS["v0.2.0"])
    assert len(after.proofs.messages) == 1
    with pytest.raises(TypeError):
        draft.finish().seeds[1, "b"] = "d"  # type: ignore[index]


def test_a_block_copies_a_mapping_once() -> None:
    draft = Draft(state_at(41))
    draft.seeds[1, "a"] = "c"
    assert draft.state.seeds[1, "a"] == "c"
    assert draft.seeds is draft.seeds
    assert draft.state.hosts is state_at(41).hosts or draft.state.hosts == {}


def test_a_registration_makes_a_participant_known() -> None:
    draft = Draft(state_at(41))
    apply_transaction(draft, RegisterHost("tx", "b", "key", ()), PARAMS, VERSIONS["v0.2.0"])
    assert draft.finish().hosts["b"].validator_key == "key"
    assert fate(RegisterHost("tx", "", "key", ())) is TxResult.NO_ADDRESS


def test_a_second_registration_replaces_the_hardware_and_adds_to_the_deposit() -> None:
    draft = Draft(state_at(41))
    for key, amount in (("old", 5), ("new", 7)):
        apply_transaction(draft, RegisterHost("tx", "b", key, (), amount), PARAMS, VERSIONS["v0.2.0"])
    state = draft.finish()
    assert state.hosts["b"].validator_key == "new"
    assert state.deposits["b"].active == 12


# Lateness as mempools ask for it: network 2.1


@pytest.mark.parametrize(
    ("height", "claim_is_late", "vote_is_late"),
    [(START, False, False), (51, False, False), (52, True, False), (57, True, False), (58, True, True)],
)
def test_a_message_is_late_where_the_next_block_would_refuse_it_for_its_window(
    height: int, claim_is_late: bool, vote_is_late: bool
) -> None:
    """Batches are taken up to block 52, votes up to block 58."""
    rules, vote = VERSIONS["v0.2.7"], SubmitValidation("tx", "v", START, ("a",), (True,))
    assert is_late(state_at(height), rules, batch()) is claim_is_late
    assert is_late(state_at(height), rules, vote) is vote_is_late
    assert not is_late(state_at(height), rules, SubmitSeed("tx", "a", 1, "c"))


def test_messages_of_another_proof_of_compute_are_late_unless_it_is_to_come() -> None:
    rules = VERSIONS["v0.2.7"]
    assert is_late(state_at(41), rules, batch(start=START - 1))
    assert not is_late(state_at(41), rules, batch(start=42))
    assert is_late(state_at(70, has_upcoming=False), rules, batch())
