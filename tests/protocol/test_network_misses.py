"""p0 of the miss test follows the network's own misses, from v0.2.10 on (network 2.12)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.service.network_misses import choose_miss_rate

Requests = list[tuple[int, int]]


def spread(missed: int, served: int, n_hosts: int = 5) -> Requests:
    """Missed and all requests of hosts; the first one has what is left over."""
    parts = [(missed // n_hosts, (missed + served) // n_hosts)] * n_hosts
    first = (missed - sum(part[0] for part in parts[1:]), missed + served - sum(part[1] for part in parts[1:]))
    return [first, *parts[1:]]


@pytest.mark.parametrize(
    ("requests", "governed", "rate"),
    [
        (spread(120, 880), 0.1, 0.2),
        (spread(181, 819), 0.1, 0.3),
        (spread(480, 520), 0.1, None),
        (spread(20, 180, 2), 0.1, 0.1),
        (spread(0, 1000), 0.12, 0.2),
        (spread(381, 619), 0.1, None),  # from here on: ours
        (spread(380, 620), 0.1, 0.4),
        (spread(381, 619), 0.7, None),
        (spread(0, 1000), 0.5, 0.5),  # an epoch of grace
        (spread(300, 700), 0.512, 0.512),
        (spread(0, 1000), 0.01, 0.05),
        (spread(31, 969), 0.01, 0.1),
        (spread(500, 499), 0.1, 0.1),
        ([*spread(500, 500, 4), (0, 0)], 0.1, 0.1),
        ([*spread(500, 499, 4), (0, 1)], 0.1, None),
        ([], 0.3, 0.3),
    ],
)
def test_the_rate(requests: Requests, governed: float, rate: float | None) -> None:
    """Network 2.12: the first five are the network's own tests."""
    assert choose_miss_rate(requests, governed) == rate


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 600)), max_size=8), st.integers(1, 999))
def test_the_rule_a_second_time(counts: Requests, per_mille: int) -> None:
    """Step by step, with exact shares."""
    requests = [(missed, missed + served) for missed, served in counts]
    steps = [Fraction(step, 1000) for step in (50, 100, 200, 300, 400, 500)]
    governed = Fraction(per_mille, 1000)
    floor = next((step for step in steps if step >= governed), governed)
    n, missed = sum(total for _, total in requests), sum(missed for missed, _ in requests)
    expected: Fraction | None = floor
    if n >= 1000 and sum(total > 0 for _, total in requests) >= 5:
        share = Fraction(1000 * missed // n, 1000)
        own = next((step for step in steps if step >= share + Fraction(20, 1000)), steps[-1])
        expected = None if share >= Fraction(381, 1000) else max(floor, own)
    assert choose_miss_rate(requests, per_mille / 1000) == (None if expected is None else float(expected))
