"""`powsim theory`: no row fails, and a wrong law would make one fail."""

import pytest

from sim.theory import Row, compute_rows, sphere
from sim.theory.table import print_theory


def test_no_row_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_theory(compute_rows(quick=True))
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    for quantity in ("hit probability", "critical count", "false positives", "KS", "without any layer", "false"):
        assert quantity in printed


def test_a_wrong_law_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A hit probability that is wrong by 1e-6 of its value is seen by quadrature, one by 15 % by random points."""
    for error, n_failed in ((1e-6, 4), (0.15, 8)):
        monkeypatch.setattr(sphere, "hit_probability", lambda r, dim, e=error: _right(r, dim) * (1 + e))
        rows = list(sphere.sphere_rows(True))
        assert sum(not row.passed for row in rows) >= n_failed
        assert not print_theory(rows)
    assert "FAILED" in capsys.readouterr().out


_right = sphere.hit_probability


def test_a_row_passes_up_to_its_bound() -> None:
    assert Row("x", 1.0, 1.0, -2.0, 2.0).passed
    assert not Row("x", 1.0, 1.0, 2.1, 2.0).passed
    assert not Row("x", 1.0, 1.0, float("nan"), 2.0).passed
