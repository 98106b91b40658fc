import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from pow.validation import count_invalid, critical_count, fraud_test, is_valid

R = 1.4013564660458173


def true_p_value(n: int, k: int, p: float) -> mpf:
    with mpmath.workdps(40):
        below = mpmath.fsum(mpmath.binomial(n, i) * mpf(p) ** i * (1 - mpf(p)) ** (n - i) for i in range(k))
        return 1 - below


def test_golden_verdicts(validation_case) -> None:
    case = validation_case
    test = fraud_test(case["n"], case["k_invalid"], case["p"], case["fraud_threshold"])
    assert case["k_invalid"] == case["n_invalid"]
    assert float(test.p_values) == pytest.approx(case["probability_honest"], rel=1e-11)
    assert bool(test.frauds) is case["fraud_detected"]
    recomputed = [R + 0.001] * case["k_invalid"] + [case["r_target"]] * (case["n"] - case["k_invalid"])
    assert count_invalid(recomputed, case["r_target"]) == case["n_invalid"]


def test_golden_critical_counts(golden) -> None:
    for n, critical in golden("validation")["critical_k_at_1e7"]:
        assert critical_count(n) == critical


# The table of protocol 4.4: from, to, smallest count that is a fraud.
COLUMNS = [(1, 2, None), (3, 17, 3), (18, 80, 4), (81, 213, 5), (214, 422, 6), (423, 709, 7), (710, 1068, 8)]
COLUMNS += [(1069, 1493, 9), (1494, 1980, 10), (1981, 1981, 11)]


@pytest.mark.parametrize(("first", "last", "critical"), COLUMNS)
def test_table_of_critical_counts(first: int, last: int, critical: int | None) -> None:
    assert critical_count(first) == critical_count(last) == critical


@pytest.mark.parametrize("n", [1, 7, 200, 2000])
@pytest.mark.parametrize("p", [5e-4, 1e-2, 0.4])
def test_p_values_against_mpmath(n: int, p: float) -> None:
    for k in {0, 1, 3, 10, n // 2, n}:
        if k <= n and true_p_value(n, k, p) > mpf(10) ** -25:
            assert float(fraud_test(n, k, p).p_values) == pytest.approx(float(true_p_value(n, k, p)), rel=1e-11)


@settings(deadline=None)  # a busy machine is no failure
@given(n=st.integers(0, 5000), p=st.floats(1e-6, 0.5), threshold=st.sampled_from([1e-12, 1e-7, 0.01]))
def test_critical_count_is_the_first_fraud(n: int, p: float, threshold: float) -> None:
    k = critical_count(n, p, threshold)
    if k is None:
        assert not fraud_test(n, n, p, threshold).frauds
    else:
        assert fraud_test(n, k, p, threshold).frauds
        assert not fraud_test(n, k - 1, p, threshold).frauds


def test_the_threshold_is_strict() -> None:
    p_value = float(fraud_test(200, 5).p_values)
    assert not fraud_test(200, 5, threshold=p_value).frauds
    assert fraud_test(200, 5, threshold=np.nextafter(p_value, 1)).frauds


def test_nothing_checked_is_no_fraud() -> None:
    assert fraud_test(0, 0).p_values == 1.0
    assert not fraud_test(0, 0, threshold=1.0).frauds
    assert critical_count(0) is None


def test_certain_mismatch() -> None:
    assert fraud_test(10, 10, p_mismatch=1.0).p_values == 1.0
    assert fraud_test(10, 1, p_mismatch=0.0).p_values == 0.0


def test_equality_is_neither_valid_nor_invalid() -> None:
    distances = [np.nextafter(R, 0), R, np.nextafter(R, 2)]
    assert is_valid(distances, R).tolist() == [True, False, False]
    assert count_invalid(distances, R) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fraud_test(-1, 0), "n_checked is -1; it must be at least 0"),
        (lambda: fraud_test(3, 4), "n_invalid is 4; it must be at least 0 and at most n_checked, which is 3"),
        (lambda: fraud_test(3, -1), "n_invalid is -1; it must be at least 0"),
        (lambda: fraud_test(3, 1, p_mismatch=1.5), r"p_mismatch is 1\.5; it must be at least 0 and at most 1"),
        (lambda: critical_count(3, threshold=float("nan")), "threshold is nan; it must be at least 0 and at most 1"),
        (lambda: count_invalid([1.0, float("nan")], R), "a distance is nan; it must be finite and at least 0"),
        (lambda: is_valid([-0.5], R), r"a distance is -0\.5; it must be finite and at least 0"),
        (lambda: is_valid([1.0], 0.0), r"r_target is 0\.0; it must be above 0 and at most 2"),
    ],
)
def test_mistakes_name_value_and_bound(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_test_of_many_samples_is_that_of_each() -> None:
    """Bit by bit, for every count up to 20 of samples between 0 and 400."""
    pairs = [(n, k) for n in (0, 1, 2, 17, 80, 81, 200, 213, 400) for k in range(min(n, 20) + 1)]
    many = fraud_test(np.array([n for n, _ in pairs]), np.array([k for _, k in pairs]))
    one_by_one = [fraud_test(n, k) for n, k in pairs]
    assert many.p_values.tolist() == [float(test.p_values) for test in one_by_one]
    assert many.frauds.tolist() == [bool(test.frauds) for test in one_by_one]
    assert fraud_test(200, np.array([4, 5])).frauds.tolist() == [False, True]


@pytest.mark.parametrize(
    ("n_checked", "n_invalid", "message"),
    [
        (5, 6, "n_invalid is 6; it must be at least 0 and at most n_checked, which is 5"),
        (5, -1, "n_invalid is -1"),
        (-1, 0, "n_checked is -1"),
    ],
)
def test_one_wrong_sample_among_many_is_named(n_checked: int, n_invalid: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fraud_test(np.array([3, n_checked]), np.array([0, n_invalid]))
