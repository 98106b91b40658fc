"""The way of a coin: minted, shared, settled, claimed, vested, or burnt (protocol 6.1, 6.2, 2.2, 6.4)."""

from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.money.accounts import Settlement, unlock, vest, write_settlements
from sim.protocol.money.rewards import compute_epoch_reward, select_entitled, split_reward

NAMES = st.sampled_from("abcd")
EPOCH = st.tuples(st.dictionaries(NAMES, st.integers(0, 1000)), st.sets(NAMES), st.sets(NAMES))


@given(st.lists(EPOCH, min_size=1, max_size=10), st.integers(0, 4), st.integers(1, 10**4), st.booleans())
def test_no_coin_is_lost_or_made(
    epochs: list[tuple[dict[str, int], set[str], set[str]]], n_vesting: int, supply: int, recomputes: bool
) -> None:
    """After every epoch: minted = owned + locked + unclaimed + burnt + what stays since nobody was entitled."""
    minted = owned = burnt = stays = 0
    stored: dict[str, Settlement] = {}
    locked: dict[str, tuple[int, ...]] = {}
    for index, (weights, punished, claiming) in enumerate(epochs, start=1):
        amount = compute_epoch_reward(index, minted, initial_reward=1000, supply_cap=supply)
        kept, divisor = select_entitled(weights, set(), punished, recomputes_total=recomputes)
        shares = split_reward(kept, amount, divisor=divisor)
        minted, stays = minted + amount, stays + amount - sum(shares.values())
        assert minted <= supply
        for who in locked:
            locked[who], free = unlock(locked[who])
            owned += free
        new = {who: Settlement(index, share, "") for who, share in shares.items()}
        stored, lost = write_settlements(stored, new, previous_epoch_index=index)
        burnt += lost
        for who in claiming & stored.keys():
            locked[who], free = vest(locked.get(who, ()), stored.pop(who).amount, n_epochs=n_vesting)
            owned += free
        unclaimed = sum(record.amount for record in stored.values())
        assert minted == owned + sum(map(sum, locked.values())) + unclaimed + burnt + stays
