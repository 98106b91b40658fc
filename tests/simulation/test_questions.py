"""The answers that files in scenarios/questions give hold: sign and size of each effect, in runs of single points."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from scipy import stats

import sim
from pow.validation import critical_count
from sim.results import Result

QUESTIONS = Path(__file__).parent.parent.parent / "scenarios" / "questions"
SMALL = "DeepSeek-V4-Flash-0731"
BOTH = ["4 x H200 for MiniMax-M2.7", f"2 x H200 for {SMALL}"]


def ask(name: str, changes: dict[str, object] | None = None) -> Result:
    """The file's scenario with other values, as one of its points or smaller."""
    tree = YAML(typ="safe", pure=True).load(QUESTIONS / f"{name}.yaml")
    tree.pop("sweep", None)
    return sim.run(tree, overrides=changes)


def find_accepted(result: Result, group: str, model: str, epoch: int = 1) -> set[bool]:
    rows = result.claims[(result.claims.epoch == epoch) & (result.claims.model == model)]
    return set(rows[rows.participant.str.startswith(group)].is_accepted)


@pytest.mark.parametrize(
    ("bar", "n_lend", "guard", "is_accepted"),
    [
        (5000, 3, BOTH[0], True),  # 7 of 12
        (6667, 3, BOTH[0], False),  # not more than two thirds, and the guardian says no
        (6667, 3, BOTH, True),  # 8 of 12: not either, and the guardian says yes
    ],
)
def test_a_small_group_lives_by_its_power_or_by_a_guardian(
    bar: int, n_lend: int, guard: object, is_accepted: bool
) -> None:
    changes = {"protocol.rules.vote_threshold_bps": bar, "hosts.guard.gpus": guard}
    result = ask("small-group", {**changes, "hosts.lends.count": n_lend, "hosts.rest.count": 7 - n_lend})
    assert find_accepted(result, "small", SMALL) == {is_accepted}
    assert find_accepted(result, "rest", "MiniMax-M2.7") == {True}
    assert result.claims.invalid_vote_power.max() == 0, "whoever has not the model has no power in its group"


def test_the_power_of_guardians_that_are_down_is_missing() -> None:
    """Six of ten lenders there: half of all weight is just left, two thirds are not."""
    lent = {f"hosts.lends-{number}.count": count for number, count in enumerate((3, 3, 2, 2))}
    for version, is_accepted in (("v0.2.13", False), ("v0.2.14", True)):
        result = ask("failing-guardians", {**lent, "protocol.version": version})
        assert find_accepted(result, "member", "Kimi-K2.6") == {True}
        assert find_accepted(result, "member", "Kimi-K2.6", epoch=2) == {is_accepted}
        row = result.claims[(result.claims.epoch == 2) & (result.claims.participant == "member-0")].iloc[0]
        assert row.valid_vote_power / row.total_vote_weight == pytest.approx(9 / 18, abs=0.01)


def test_a_vote_lent_to_an_idle_host_costs_as_much_as_silence() -> None:
    rewards = ask("idle-delegate").rewards
    rows = rewards[rewards.epoch == 2].set_index("participant")
    kept = rows.weight / rows.uncapped_weight.clip(lower=1)
    lenders = {"lends-well-0": 0.95, "lends-to-failing-0": 0.95, "lends-to-idle-0": 0.85, "nothing-0": 0.85}
    for who, share in {**lenders, "refuses-0": 0.9, "serves-1": 1.0}.items():
        assert kept[who] == pytest.approx(share, abs=0.001), who
    received = rows.weight - rows.uncapped_weight
    assert received["serves-0"] == pytest.approx(2 * 0.05 * rows.uncapped_weight["lends-well-0"], abs=2)
    assert rows.weight["fails-0"] == 0, "a share that is paid to it is lost"


@pytest.mark.parametrize(
    ("bar", "is_guardian", "n_new", "old_and_new"),
    [
        (5000, False, 5, (True, False)),
        (6667, False, 7, (False, False)),
        (6667, True, 5, (False, True)),
    ],
)
def test_the_larger_build_throws_out_the_other(
    bar: int, is_guardian: bool, n_new: int, old_and_new: tuple[bool, bool]
) -> None:
    changes = {"protocol.rules.vote_threshold_bps": bar, "hosts.first.guardian": is_guardian}
    counts = {"hosts.old.count": 12 - n_new, "hosts.new.count": n_new - 1}
    result = ask("staggered-upgrade", {**changes, **counts})
    found = [find_accepted(result, side, "MiniMax-M2.7") for side in ("old", "new")]
    assert found == [{is_accepted} for is_accepted in old_and_new]
    checks = result.validations
    apart = checks[checks.validator.str.startswith("old") & checks.participant.str.startswith("new")]
    assert 0.19 < (apart.n_invalid / apart.n_checked).mean() < 0.27


@pytest.mark.parametrize(("cut", "critical", "largest"), [(0.05, 28, 14), (0.01, 31, 16)])
def test_votes_on_invented_answers_follow_the_exact_law(cut: float, critical: int, largest: int) -> None:
    """Each of 13 liars is judged by 24 others, so that all counts together are known to some standard errors."""
    claims = ask("largest-excess", {"protocol.models.0.applied_fraud_p": cut}).claims
    assert critical_count(200, 0.1, cut) == critical
    liars = claims[claims.participant.str.startswith("liar")]
    excesses = liars.participant.str.split("-").str[1].astype(int)
    yes = [stats.binom.cdf(critical - 1, 200, (1 - 0.00282) * e / (100 + e)) for e in excesses]
    spread = sum(24 * share * (1 - share) for share in yes) ** 0.5
    assert (liars.valid_vote_power - 1).sum() == pytest.approx(24 * sum(yes), abs=4 * spread)
    assert excesses[liars.is_accepted].max() in (largest, largest + 2)
    assert set(claims[claims.participant.str.startswith("honest")].is_accepted) == {True}


@pytest.mark.parametrize(("is_trusted", "shares"), [(False, (3 / 8, 1 / 6)), (True, (1 / 6, 0.0))])
def test_a_rent_of_one_proof_buys_votes_where_they_follow_weight_at_once(
    is_trusted: bool, shares: tuple[float, float]
) -> None:
    """Five others, and a tenant that goes from 1 to 3 in epoch 3 alone, and fails the confirmation after it."""
    strategy = {"kind": "rent_for_poc", "own": 1, "first_epoch": 3, "keeps": False}
    changes = {"epochs": 4, "hosts.others.count": 5, "hosts.tenant.strategy": strategy}
    result = ask(
        "rented-votes",
        {**changes, "protocol.rules.trusts_confirmed_weight": is_trusted, "protocol.rules.fixed_power_cap": 0.5},
    )
    rows = result.participants.set_index(["epoch", "participant"])
    assert rows.weight[3]["tenant-0"] == pytest.approx(3 * rows.weight[3]["others-0"], rel=0.01)
    for epoch, share in zip((3, 4), shares, strict=True):
        power = rows.consensus_power[epoch]
        assert power["tenant-0"] / power.sum() == pytest.approx(share, abs=0.01)
    failed = result.confirmations[result.confirmations.is_failed]
    assert list(zip(failed.epoch, failed.participant, strict=True)) == [(3, "tenant-0")]


def test_a_late_start_is_forgiven_once() -> None:
    rules = {"confirmations_per_epoch": 0, "moves_coefficients": False}
    result = ask("late-burst", {"epochs": 2, "hosts.slow.count": 1, "protocol.rules": rules})
    by_epoch = [result.claims[result.claims.epoch == epoch].set_index("participant").is_accepted for epoch in (1, 2)]
    assert by_epoch[0].all()
    assert {who for who, is_accepted in by_epoch[1].items() if not is_accepted} >= {"late-20-0", "late-40-0"}
    assert by_epoch[1][["late-10-0", "prompt-0", "prompt-5"]].all()


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({}, (True, False)),
        ({"confirmation_safety_blocks": 1}, (True, True)),
        ({"reseats_empty_epochs": True}, (True, True)),
    ],
)
def test_an_overlap_that_outlasts_the_stage_leaves_nobody_weight(
    changes: dict[str, object], weights: tuple[bool, bool]
) -> None:
    rules = {"confirmations_per_epoch": 100, "confirmation_shuts_out_proof": True, **changes}
    result = ask("overlap", {"hosts.host.count": 3, "protocol.rules": rules})
    assert tuple(result.epochs.total_weight[1:] > 0) == weights
    refused = result.transactions.result == "a confirmation still counts as running"
    assert set(result.transactions[refused].epoch) <= {3}
    assert refused.any() == (changes in ({}, {"reseats_empty_epochs": True}))


def test_seven_that_fail_have_weight_before_they_have_votes() -> None:
    result = ask("seven-failures", {"epochs": 3})
    rows = result.participants[result.participants.epoch == 2].set_index("participant")
    second, failed = rows.weight, result.confirmations[result.confirmations.is_failed]
    assert failed.groupby("height").size().tolist() == [4, 3]
    frozen, left = second.sum(), second.drop(failed.participant).sum()
    assert frozen // 3 + 1 < left < frozen // 2 + 1
    third = result.participants[result.participants.epoch == 3].set_index("participant")
    voting = rows.consensus_power.drop(failed.participant).sum()
    assert third.total_vote_weight.max() == voting, "votes on claims are held against the weight that is left"
    assert third.is_accepted[failed.participant].all()
    assert (third.weight[failed.participant] == second[failed.participant]).all()
    assert (third.consensus_power[failed.participant] == 0).all()


@pytest.mark.parametrize(("ngonka", "is_dearer"), [(2_000_000_000, False), (6_000_000_000, True)])
def test_a_slash_is_worth_a_reward_from_some_gnk_a_unit_on(ngonka: int, is_dearer: bool) -> None:
    result = ask("collateral", {"protocol.collateral_per_weight_unit": ngonka})
    rewards = result.rewards[result.rewards.epoch == 2].set_index("participant")
    slashed = result.payments.query("kind == 'slashed' and epoch == 2").set_index("participant").amount_ngonka
    assert rewards.reward_ngonka["fails-0"] == 0
    assert "cheats-0" not in rewards.index
    assert list(slashed.index) == ["fails-0"]
    weight = result.participants.query("epoch == 2 and participant == 'fails-0'").uncapped_weight.item()
    assert slashed["fails-0"] == pytest.approx(0.08 * ngonka * weight, rel=1e-6)
    assert (slashed["fails-0"] > rewards.reward_ngonka["honest-0"]) == is_dearer
