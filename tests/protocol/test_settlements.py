"""The amount and the life of a settlement record (protocol 2.2, 6.2)."""

from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.accounts import Settlement, add_work_coins, write_settlements


def record(epoch_index: int, amount: int) -> Settlement:
    return Settlement(epoch_index, amount, commitment="")


def test_fees_are_paid_on_top_but_not_to_the_invalid() -> None:
    """Protocol 6.2."""
    amounts = add_work_coins({"b": 10, "a": 5, "e": 8}, {"b": 7, "c": 3, "d": 9}, invalid={"d", "e"})
    assert list(amounts.items()) == [("a", 5), ("b", 17), ("c", 3), ("d", 0), ("e", 0)]


def test_an_overwritten_record_is_burnt() -> None:
    """Protocol 2.2."""
    kept, burnt = write_settlements({"a": record(1, 7)}, {"a": record(2, 5)}, previous_epoch_index=1)
    assert (kept, burnt) == ({"a": record(2, 5)}, 7)


def test_records_older_than_the_previous_epoch_are_burnt() -> None:
    """Protocol 2.2: "anything with epoch < previous epoch"."""
    stored = {"a": record(1, 7), "b": record(2, 11)}
    assert write_settlements(stored, {}, previous_epoch_index=2) == ({"b": record(2, 11)}, 7)
    assert write_settlements(stored, {}, previous_epoch_index=1) == (stored, 0)


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.dictionaries(NAMES, st.integers(0, 10**12)), max_size=8), st.data())
def test_every_coin_is_claimed_burnt_or_stored(epochs: list[dict[str, int]], data: st.DataObject) -> None:
    stored: dict[str, Settlement] = {}
    written = claimed = burnt = 0
    for index, amounts in enumerate(epochs, start=1):
        new = {who: record(index, amount) for who, amount in amounts.items()}
        stored, lost = write_settlements(stored, new, previous_epoch_index=index)
        assert all(settlement.epoch_index == index for settlement in stored.values())
        written, burnt = written + sum(amounts.values()), burnt + lost
        for who in data.draw(st.sets(NAMES)) & stored.keys():
            claimed += stored.pop(who).amount
    assert written == claimed + burnt + sum(settlement.amount for settlement in stored.values())
