"""Standing as a server of inferences: downtime, the z-test until v0.2.4, sequential tests from v0.2.5 on (6.3)."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.service.inferences import Service, confirm_records, switch_service, take_news
from sim.protocol.service.sequential import ANSWERS, REQUESTS, SequentialTest, judge_sequentially
from sim.protocol.service.status import InferenceRecord, News, Status, is_down, judge_by_share, restart_counts
from sim.protocol.versions import VERSIONS

OLD, NEW = VERSIONS["v0.2.4"], VERSIONS["v0.2.5"]
RIGHT, WRONG = (News(served=1), News(valid=1)), (News(served=1), News(invalid=1))
MISSED = (News(missed=1),)
TEST_NET = {"answers": ANSWERS, "requests": SequentialTest(Decimal("0.1"), Decimal("0.2"), Decimal(4))}


@pytest.mark.parametrize(
    ("n_missed", "n_inferences", "down"),
    [(0, 0, False), (1, 0, True), (1, 19, False), (1, 18, True), (5, 95, False), (6, 94, True), (3, 57, False)],
)
def test_downtime_is_more_than_one_in_twenty(n_missed: int, n_inferences: int, down: bool) -> None:
    """Protocol 6.3."""
    assert is_down(n_missed, n_inferences) is down


def run_of(rules: object, *events: tuple[News, ...], record: InferenceRecord | None = None) -> InferenceRecord:
    record = record or InferenceRecord()
    for news in (each for event in events for each in event):
        record = take_news(record, news, rules)  # type: ignore[arg-type]
    return record


# Until v0.2.4


def test_five_consecutive_invalidations_are_invalid_even_while_ramping() -> None:
    """Protocol 6.3 (a): 0.05^5 < 1e-6 <= 0.05^4."""
    assert run_of(OLD, *[WRONG] * 4).status is Status.RAMPING
    assert run_of(OLD, *[WRONG] * 5).status is Status.INVALID
    assert run_of(OLD, *[WRONG] * 4, RIGHT, WRONG).status is Status.RAMPING


def test_invalid_by_share_after_ten_measurements() -> None:
    """Protocol 6.3 (b): z(1 of 10) = 0.73, z(2 of 10) = 2.18."""
    assert run_of(OLD, WRONG, *[RIGHT] * 8).status is Status.RAMPING
    assert run_of(OLD, WRONG, *[RIGHT] * 9).status is Status.ACTIVE
    assert run_of(OLD, WRONG, WRONG, *[RIGHT] * 8).status is Status.INVALID


def test_the_ramp_ends_with_finished_requests_not_with_validated_ones() -> None:
    """Protocol 6.3: RAMPING while fewer than 10 requests are finished; looked at again at a validation only."""
    unseen = run_of(OLD, *[(News(served=1),)] * 9)
    assert unseen == InferenceRecord(n_finished=9)
    assert run_of(OLD, RIGHT, record=unseen).status is Status.ACTIVE
    assert run_of(OLD, RIGHT, record=run_of(OLD, *[(News(served=1),)] * 8)).status is Status.RAMPING


@pytest.mark.parametrize(("n", "limit"), [(10, 1), (20, 1), (53, 4), (100, 7), (1000, 56)])
def test_largest_share_that_is_not_invalid(n: int, limit: int) -> None:
    """z <= 1: n·0.05 + sqrt(n·0.05·0.95), by hand 1.19, 1.97, 4.24, 7.18, 56.89."""
    assert judge_by_share(InferenceRecord(n, n, limit)).status is Status.ACTIVE
    assert judge_by_share(InferenceRecord(n, n, limit + 1)).status is Status.INVALID


def test_invalid_turns_active_again_by_later_validations() -> None:
    """Protocol 6.3, until v0.2.4: 2 of 20 are above the limit of 1.97, 2 of 21 below 2.05."""
    invalid = run_of(OLD, WRONG, WRONG, *[RIGHT] * 18)
    assert invalid == InferenceRecord(20, 20, 2, 0, Status.INVALID)
    assert run_of(OLD, MISSED, (News(served=1),), record=invalid).status is Status.INVALID
    assert run_of(OLD, RIGHT, record=invalid) == InferenceRecord(21, 21, 2, 0, Status.ACTIVE)


def test_counts_restart_at_the_settlement_run_and_status_do_not() -> None:
    """Protocol 6.3, in every version."""
    full = InferenceRecord(9, 8, 5, 3, Status.INVALID, Decimal(1), Decimal(2), Fraction(1, 2))
    assert restart_counts(full) == InferenceRecord(n_consecutive_invalidations=3, status=Status.INVALID)


# From v0.2.5 on: the network's own tests of statuses


@pytest.mark.parametrize(
    ("before", "news", "status", "answers", "requests"),
    [
        (InferenceRecord(), News(valid=95, invalid=5), Status.ACTIVE, "-1.670650117850", "0"),
        (InferenceRecord(), News(valid=7, invalid=7), Status.INVALID, "4.473559715030", "0"),
        (InferenceRecord(status=Status.INVALID), News(valid=7, invalid=7), Status.INVALID, "0", "0"),
        (InferenceRecord(n_consecutive_invalidations=20), News(), Status.INVALID, "0", "0"),
        (InferenceRecord(), News(served=50, missed=60), Status.INACTIVE, "0", "35.699679050800"),
        (InferenceRecord(status=Status.INACTIVE), News(served=50, missed=60), Status.INACTIVE, "0", "0"),
    ],
)
def test_statuses_of_the_networks_own_tests(
    before: InferenceRecord, news: News, status: Status, answers: str, requests: str
) -> None:
    """Protocol 6.3: p0 0.05, p1 0.1, H 4; downtime 0.1 / 0.2, H 4."""
    judged = judge_sequentially(before, news, Fraction(0), **TEST_NET)
    assert (judged.status, judged.answers_llr, judged.requests_llr) == (status, Decimal(answers), Decimal(requests))


@pytest.mark.parametrize("rates", [("0", "0.2"), ("1", "0.2"), ("0.1", "1.1"), ("0.1", "1"), ("0.1", "0")])
def test_a_rate_outside_of_0_and_1_judges_nobody(rates: tuple[str, str]) -> None:
    """Protocol 6.3."""
    unusable = SequentialTest(Decimal(rates[0]), Decimal(rates[1]), Decimal(4))
    down = News(served=50, missed=60)
    assert judge_sequentially(InferenceRecord(), down, Fraction(0), ANSWERS, unusable).status is Status.ACTIVE
    wrong = News(invalid=70)
    assert judge_sequentially(InferenceRecord(), wrong, Fraction(0), unusable, REQUESTS).status is Status.ACTIVE


def test_what_failures_and_successes_add() -> None:
    """Protocol 6.3, by the chain's decimals."""
    assert (ANSWERS.per_failure, ANSWERS.per_success) == (Decimal("0.693147180560"), Decimal("-0.054067221270"))
    assert (REQUESTS.per_failure, REQUESTS.per_success) == (Decimal("0.010152371464"), Decimal("-0.693147180560"))


def first_hit(events: list[tuple[News, ...]]) -> int:
    record = InferenceRecord()
    for place, event in enumerate(events, start=1):
        record = run_of(NEW, event, record=record)
        if record.status is not Status.ACTIVE:
            assert record.status is Status.INVALID
            return place
    return 0


@pytest.mark.parametrize(("every", "hit"), [(1, 5), (2, 14), (4, 32), (5, 45), (8, 104), (12, 492)])
def test_first_answer_at_which_a_steady_share_of_wrong_ones_is_invalid(every: int, hit: int) -> None:
    """Protocol 6.3: every answer of this step is wrong, the others are right."""
    assert first_hit([WRONG if k % every == 0 else RIGHT for k in range(1, 600)]) == hit


@pytest.mark.parametrize(("n_valid", "n_invalid"), [(10, 7), (20, 8), (50, 10), (100, 14), (200, 22)])
def test_early_good_answers_are_credit(n_valid: int, n_invalid: int) -> None:
    """Protocol 6.3: as many wrong answers are needed after so many right ones, where no run ends it sooner."""
    credit = run_of(NEW, *[RIGHT] * n_valid)
    for n in (n_invalid - 1, n_invalid):
        judged = judge_sequentially(credit, News(invalid=n), Fraction(0))
        assert (judged.status is Status.INVALID) is (n == n_invalid)


def test_downtime_needs_9850_misses_without_one_served() -> None:
    """Protocol 6.3: in effect off."""
    for n, status in ((9849, Status.ACTIVE), (9850, Status.INACTIVE)):
        assert judge_sequentially(InferenceRecord(), News(missed=n), Fraction(0)).status is status
    assert judge_sequentially(InferenceRecord(), News(missed=9850, served=1), Fraction(0)).status is Status.ACTIVE


def test_new_hosts_are_active_at_once() -> None:
    """Protocol 6.3: from v0.2.5 on there is no ramp."""
    assert [run_of(rules, RIGHT).status for rules in (OLD, NEW)] == [Status.RAMPING, Status.ACTIVE]


EVENTS = st.lists(st.sampled_from([RIGHT, RIGHT, RIGHT, WRONG, WRONG, MISSED]), max_size=80)


@given(EVENTS, st.booleans())
def test_sequential_statuses_against_sums_of_logarithms(events: list[tuple[News, ...]], is_test_net: bool) -> None:
    """A second implementation: everything counted from the start, in floating point, with the earliest hit kept."""
    p0, p1, limit = (0.1, 0.2, 4.0) if is_test_net else (0.98, 0.99, 100.0)
    record, n, status, run = InferenceRecord(), dict.fromkeys(("valid", "invalid", "served", "missed"), 0), "", 0
    for news in (each for event in events for each in event):
        counted = replace(
            record, n_consecutive_invalidations=0 if news.valid else record.n_consecutive_invalidations + news.invalid
        )
        record = judge_sequentially(counted, news, Fraction(0), **(TEST_NET if is_test_net else {}))
        run = 0 if news.valid else run + news.invalid
        for name, more in news._asdict().items():
            n[name] += more
        wrong = n["invalid"] * log(2) + n["valid"] * log(0.9 / 0.95)
        down = n["missed"] * log(p1 / p0) + n["served"] * log((1 - p1) / (1 - p0))
        if not status:
            status = "INVALID" if run >= 5 or wrong >= 4 else "INACTIVE" if down >= limit else ""
        assert record.status == (status or "ACTIVE")


@given(EVENTS)
def test_old_statuses_against_shares_in_integers(events: list[tuple[News, ...]]) -> None:
    """A second implementation: z > 1 is (20·wrong - n)² > 19·n, where 20·wrong > n."""
    record, wrong, n, run, status = InferenceRecord(), 0, 0, 0, "RAMPING"
    for event in events:
        record = run_of(OLD, event, record=record)
        if event is not MISSED:
            n += 1
            wrong, run = (wrong + 1, run + 1) if event is WRONG else (wrong, 0)
            excess = 20 * wrong - n
            is_invalid = run >= 5 or (n >= 10 and excess > 0 and excess**2 > 19 * n)
            status = "INVALID" if is_invalid else "RAMPING" if n < 10 else "ACTIVE"
        assert record.status == status


# Confirmations and the switch


@pytest.mark.parametrize(
    ("ratio", "alpha", "status"),
    [
        *[("1/2", "1/2", "ACTIVE"), ("0.4999999999999999", "1/2", "INACTIVE"), ("1", "1", "ACTIVE")],
        *[("0", "0", "ACTIVE"), ("0", "0.0001", "INACTIVE"), ("0.69", "0.7", "INACTIVE"), ("0.7", "0.7", "ACTIVE")],
    ],
)
def test_a_ratio_below_alpha_is_inactive(ratio: str, alpha: str, status: str) -> None:
    """Protocol 6.7: strictly below; an alpha of 0 switches the test off."""
    rules = replace(NEW, confirmation_alpha=Fraction(alpha))
    service, failures = confirm_records(Service(), {"a": Fraction(ratio)}, rules, 77)
    assert service.get_status("a") == status
    assert [(each.participant, each.status, each.height) for each in failures] == (
        [("a", Status.INACTIVE, 77)] if status == "INACTIVE" else []
    )


def test_an_earlier_hit_comes_before_the_ratio() -> None:
    """Protocol 6.3: the order of the tests. Whoever failed before fails no second time."""
    records = {"run": InferenceRecord(n_consecutive_invalidations=5), "gone": InferenceRecord(status=Status.INVALID)}
    service, failures = confirm_records(Service(records), dict.fromkeys(records, Fraction(0)), NEW, 9)
    assert {who: service.get_status(who) for who in records} == dict.fromkeys(records, Status.INVALID)
    assert [failure.participant for failure in failures] == ["run"]


def test_the_switch_by_version() -> None:
    """Protocol 6.3: v0.2.0 leaves statuses, v0.2.2 makes everybody ACTIVE, v0.2.5 judges members at once."""
    records = {
        "run": InferenceRecord(n_consecutive_invalidations=5, status=Status.INVALID),
        "four": InferenceRecord(n_consecutive_invalidations=4, status=Status.INVALID),
        "down": InferenceRecord(requests_llr=Decimal(100), status=Status.INACTIVE),
        "left": InferenceRecord(status=Status.INVALID),
    }
    members = ["down", "four", "new", "run"]
    found = {}
    for version in ("v0.2.0", "v0.2.2", "v0.2.5"):
        service, failures = switch_service(Service(records), VERSIONS[version], members, 59)
        found[version] = [service.get_status(who).value for who in ("run", "four", "down", "left", "new")]
        assert [failure.participant for failure in failures] == (["down", "run"] if version == "v0.2.5" else [])
    assert found == {
        "v0.2.0": ["INVALID", "INVALID", "INACTIVE", "INVALID", "RAMPING"],
        "v0.2.2": ["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE"],
        "v0.2.5": ["INVALID", "ACTIVE", "INACTIVE", "INVALID", "ACTIVE"],
    }


def test_one_valid_answer_ends_a_run_even_of_the_invalid() -> None:
    """Protocol 6.3: the status stays until the switch, after which the host is ACTIVE."""
    invalid = run_of(NEW, *[WRONG] * 6)
    assert (invalid.status, invalid.n_consecutive_invalidations) == (Status.INVALID, 6)
    ended = run_of(NEW, RIGHT, record=invalid)
    assert (ended.status, ended.n_consecutive_invalidations) == (Status.INVALID, 0)
    assert ended.answers_llr == invalid.answers_llr  # logarithms of the INVALID stand still
    for record, status in ((invalid, Status.INVALID), (ended, Status.ACTIVE)):
        service, _ = switch_service(Service({"a": restart_counts(record)}), NEW, ["a"], 59)
        assert service.get_status("a") is status
