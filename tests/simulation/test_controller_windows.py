"""Sums over the last rows, beside plain sums of them."""

from typing import Any

import numpy as np
import pytest

from sim.difficulty.windows import MovingSum, RankedSum

CLASSES = pytest.mark.parametrize("cls", [MovingSum, RankedSum])


def add_up(cls: Any, rows: list[Any], window: int) -> Any:
    seen = np.array(rows[-window:])
    return (np.arange(1, len(seen) + 1) if cls is RankedSum else np.ones(len(seen))) @ seen


@CLASSES
@pytest.mark.parametrize("window", [1, 2, 7, 300])
def test_sums_do_not_drift(cls: Any, window: int) -> None:
    """With rows that differ by a factor 10¹⁶: one that has left leaves no rounding error behind."""
    generator, ring, rows = np.random.default_rng(1), cls(window), []
    for _ in range(1000):
        rows.append(10.0 ** generator.uniform(-8, 8, 3))
        ring = ring.push(rows[-1])
        assert ring.total == pytest.approx(add_up(cls, rows, window), rel=1e-12)


@CLASSES
def test_a_window_that_was_kept_goes_on_another_way(cls: Any) -> None:
    """Forks at every place of the window, those included at which the newer rows become the older part."""
    window, generator = 5, np.random.default_rng(2)
    rows, kept = generator.random((23, 2)), [cls(window)]
    for row in rows:
        kept.append(kept[-1].push(row))
    for number, ring in enumerate(kept):
        own = list(rows[:number])
        for row in generator.random((12, 2)):
            own.append(row)
            ring = ring.push(row)
            assert ring.total == pytest.approx(add_up(cls, own, window), rel=1e-12)
    for number, ring in enumerate(kept[1:], 1):
        assert ring.total == pytest.approx(add_up(cls, list(rows[:number]), window), rel=1e-12)


def test_rows_that_count_are_counted() -> None:
    ring, counts = MovingSum(3), []
    for _ in range(5):
        ring = ring.push(np.float64(1.0))
        counts.append(ring.n_seen)
    assert counts == [1, 2, 3, 3, 3]


@CLASSES
def test_a_long_window_costs_as_much_as_a_short_one(cls: Any) -> None:
    """Sums and products are counted, not seconds: eight a row, whatever the window."""
    for window in (10, 5000):
        Counted.n_sums = 0
        counted, ring = Counted(), cls(window)
        for _ in range(20_000):
            ring = ring.push(counted)
            ring.total  # noqa: B018
        assert Counted.n_sums <= 8 * 20_000


class Counted:
    """A row that counts what is done with it."""

    n_sums = 0
    __array_ufunc__ = None  # NumPy's numbers leave sums with it to it

    def __add__(self, other: object) -> "Counted":
        Counted.n_sums += 1
        return self

    __radd__ = __mul__ = __rmul__ = __add__
