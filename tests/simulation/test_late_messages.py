"""Claims that come too late: until v0.2.6 a block holds and refuses them, from v0.2.7 on none does (network 2.1)."""

from __future__ import annotations

import pytest

import sim
from sim.results import Result

LATE_BATCHES = {"work.kind": "sphere", "epochs": 2, "protocol.poc_exchange_duration": 0, "work.startup": "1.6 s"}


def run(tier: str, drops: bool) -> Result:
    return sim.run(
        "tests/data/small.yaml",
        overrides={**LATE_BATCHES, "network.tier": tier, "protocol.rules.drops_late_messages": drops},
    )


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_no_block_holds_what_comes_too_late(tier: str) -> None:
    held, dropped = (run(tier, drops).transactions.set_index("tx_id") for drops in (False, True))
    late = held[held["fate"] == "late"]
    assert len(late) > 0
    assert late["height"].notna().all()
    assert set(dropped.index[dropped["fate"] == "late"]) == set(late.index)
    assert dropped.loc[late.index, "height"].isna().all()
    assert not (dropped["fate"] == "lost").any()
    accepted = held["result"] == "accepted"
    assert (dropped.loc[accepted, "height"] == held.loc[accepted, "height"]).all()
