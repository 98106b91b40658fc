"""Vesting (protocol 6.4)."""

from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.accounts import unlock, vest


def test_the_first_slice_takes_the_remainder() -> None:
    """Protocol 6.4: amount // 180 an epoch."""
    schedule, free = vest((), 1000)
    assert (schedule, free) == ((105, *[5] * 179), 0)


def test_a_second_amount_lies_on_top_of_what_is_left() -> None:
    schedule, _ = vest((7, 7), 10, n_epochs=3)
    assert schedule == (11, 10, 3)
    assert vest((1, 1, 1), 5, n_epochs=2)[0] == (4, 3, 1)


def test_zero_epochs_are_immediate() -> None:
    """Protocol 6.4: the code's default."""
    assert vest((3, 2), 10, n_epochs=0) == ((3, 2), 10)


def test_unlock_takes_one_slice() -> None:
    assert unlock((3, 2)) == ((2,), 3)
    assert unlock(()) == ((), 0)


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 12), st.integers(0, 15)), max_size=12))
def test_everything_is_released_exactly_once(steps: list[tuple[int, int, int]]) -> None:
    """A ledger of single dues, (epoch, amount), says epoch by epoch what must come free."""
    schedule: tuple[int, ...] = ()
    dues: list[tuple[int, int]] = []
    epoch = released = at_once = 0
    for amount, n_epochs, n_unlocks in [*steps, (0, 1, 30)]:
        schedule, free = vest(schedule, amount, n_epochs=n_epochs)
        at_once += free
        dues += [(epoch + i, amount // n_epochs + (amount % n_epochs if i == 0 else 0)) for i in range(n_epochs)]
        for _ in range(n_unlocks):
            schedule, slice_ = unlock(schedule)
            assert slice_ == sum(due for due_epoch, due in dues if due_epoch == epoch)
            released += slice_
            epoch += 1
    assert schedule == ()
    assert released + at_once == sum(amount for amount, _, _ in steps)
