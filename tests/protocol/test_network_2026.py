"""The network of 2026 beside its own tests: the rows of `powsim theory`, one test each."""

import pytest

from sim.theory.network_2026 import answers
from sim.theory.network_2026.rows import GROUPS
from sim.theory.row import Row
from sim.work.pair_laws import PairLaw
from sim.work.stacks import load_shipped_pairs

ROWS = [row for group in GROUPS for row in group()]  # `powsim theory --quick` computes those of answers besides


@pytest.mark.parametrize("row", ROWS, ids=[row.quantity for row in ROWS])
def test_a_worked_number_of_the_network(row: Row) -> None:
    assert row.passed, row


def test_every_row_has_its_own_name() -> None:
    assert len({row.quantity for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("ours", "theory"), [(2**63 - 1, 2**63 - 2), ([1], [2]), (None, 0), (0.1, 0.2)])
def test_exact_rows_see_any_difference(ours: object, theory: object) -> None:
    assert not Row.exact("x", ours, theory).passed
    assert Row.exact("x", ours, ours).passed


def test_a_wrong_law_of_pairs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mismatches that are half as many are seen in most pairs; so is the gap beside wholly wrong places."""

    def count_failed() -> int:
        return sum(not row.passed for row in answers._pair_rows())

    assert count_failed() == 0
    right = PairLaw.share_above
    with monkeypatch.context() as patched:
        patched.setattr(PairLaw, "share_above", lambda law, threshold: right(law, threshold) / 2)
        assert count_failed() > 100
    monkeypatch.setattr(PairLaw, "at_least", lambda law, other, share: law)
    monkeypatch.setattr(answers, "load_shipped_pairs", load_shipped_pairs.__wrapped__)
    assert count_failed() == 5
