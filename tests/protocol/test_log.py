"""The append-only list that versions of the chain's state share, beside plain tuples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.proofs.log import Log


@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.integers(), max_size=4)), max_size=20))
def test_every_version_stays_as_it_was(steps: list[tuple[int, list[int]]]) -> None:
    """Extend any earlier version again and again: all of them equal tuples that are copied each time."""
    logs, plain = [Log[int]()], [()]
    for origin, items in steps:
        logs.append(logs[origin % len(logs)].extended(items))
        plain.append((*plain[origin % len(plain)], *items))
    for log, expected in zip(logs, plain, strict=True):
        assert tuple(log) == expected
        assert len(log) == len(expected)
        assert log == Log(expected)
        assert log[1:3] == list(expected[1:3])
        assert log[-2:] == list(expected[-2:])


def test_places_outside_and_differences() -> None:
    log = Log([1, 2, 3])
    longer = log.extended([4])
    assert (log[0], log[-1], longer[-1]) == (1, 3, 4)
    for index in (3, -4):
        with pytest.raises(IndexError):
            log[index]
    assert log != longer
    assert log != Log([1, 2, 4])
    assert log != (1, 2, 3)
    assert repr(log) == "Log([1, 2, 3])"
    assert 4 not in log


def test_one_history_shares_its_storage() -> None:
    """A thousand blocks of a thousand votes: the versions together hold each item once."""
    versions = [Log[int]()]
    for block in range(1000):
        versions.append(versions[-1].extended(range(1000 * block, 1000 * (block + 1))))
    assert len({id(version._shared) for version in versions}) == 1
    assert list(versions[3]) == list(range(3000))
