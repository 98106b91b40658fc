"""`powsim theory`: no row fails, and a wrong law would make one fail."""

from dataclasses import replace

import pytest

from sim.network.gossip import GossipNetwork
from sim.network.links import Link
from sim.theory import committee, network, sphere
from sim.theory.row import Row
from sim.theory.rows import compute_rows
from sim.theory.table import print_theory


@pytest.mark.slow  # continuous integration runs `powsim theory --quick` besides
def test_no_row_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_theory(compute_rows(quick=True))
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    for quantity in (
        "hit probability",
        "critical count",
        "false positives",
        "coalition",
        "drawn slots",
        "KS",
        "without any layer",
        "M/D/1",
        "losses",
        "timestamp",
        "noise over replications",
        "ours / measured",
        "blocks of the heaviest",
        "price with jumps",
        "profit switchers",
        "critical loop gain",
        "published epochs",
    ):
        assert quantity in printed


def test_a_wrong_law_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A hit probability that is wrong by 1e-6 of its value is seen by quadrature, one by 15 % by random points."""
    for error, n_failed in ((1e-6, 4), (0.15, 8)):
        monkeypatch.setattr(sphere, "hit_probability", lambda r, dim, e=error: _right(r, dim) * (1 + e))
        rows = list(sphere.sphere_rows(True))
        assert sum(not row.passed for row in rows) >= n_failed
        assert not print_theory(rows)
    assert "FAILED" in capsys.readouterr().out


def test_a_network_that_is_a_little_wrong_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that take 3 % longer are seen by the queue; 2 % more losses are seen by the lossy link.

    Where the network is right, `powsim theory --quick` runs the same rows, which pass.
    """
    occupy, upload = GossipNetwork._occupy, GossipNetwork._upload
    monkeypatch.setattr(GossipNetwork, "_occupy", lambda self, sender, size: occupy(self, sender, size * 1.03))
    assert not network._queue_row(400).passed
    assert all(row.passed for row in network._arrival_rows(100)), "nothing waits there"
    monkeypatch.setattr(GossipNetwork, "_occupy", occupy)

    def lose_more(self: GossipNetwork, sender: str, link: Link, *args: object) -> None:
        upload(self, sender, replace(link, loss=0.32 if link.loss else 0.0), *args)

    monkeypatch.setattr(GossipNetwork, "_upload", lose_more)
    assert not network._loss_row(40_000).passed


_right = sphere.hit_probability


def test_a_row_passes_up_to_its_bound() -> None:
    assert Row("x", 1.0, 1.0, -2.0, 2.0).passed
    assert not Row("x", 1.0, 1.0, 2.1, 2.0).passed
    assert not Row("x", 1.0, 1.0, float("nan"), 2.0).passed


def test_another_majority_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thirds and one slot more are seen by every published row, a half of the slots even more so."""
    for more, less in ((2, 3), (1, 2)):
        monkeypatch.setattr(
            committee,
            "decide_by_slots",
            lambda valid, invalid, n, more=more, less=less: (
                True if less * valid > more * n + less else False if less * invalid > more * n + less else None
            ),
        )
        rows = [row for row in committee.committee_rows(True) if "coalition" in row.quantity]
        assert not any(row.passed for row in rows)
