"""The network of 2026 beside its own tests: the rows of `powsim theory`, one test each."""

import pytest

from sim.theory.network_2026.rows import network_2026_rows
from sim.theory.row import Row

ROWS = list(network_2026_rows(True))


@pytest.mark.parametrize("row", ROWS, ids=[row.quantity for row in ROWS])
def test_a_worked_number_of_the_network(row: Row) -> None:
    assert row.passed, row


def test_every_row_has_its_own_name() -> None:
    assert len({row.quantity for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("ours", "theory"), [(2**63 - 1, 2**63 - 2), ([1], [2]), (None, 0), (0.1, 0.2)])
def test_exact_rows_see_any_difference(ours: object, theory: object) -> None:
    assert not Row.exact("x", ours, theory).passed
    assert Row.exact("x", ours, ours).passed
