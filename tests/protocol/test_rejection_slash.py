"""The what-if that slashes hosts whose claims were voted invalid."""

from dataclasses import replace
from fractions import Fraction

import pytest

from sim.protocol.blocks.params import EpochParams, ProtocolParams
from sim.protocol.blocks.settling import slash_rejected
from sim.protocol.blocks.state import genesis_state
from sim.protocol.money.collateral import Deposit
from sim.protocol.proofs.claimed import name_claim
from sim.protocol.proofs.votes import Reason, Verdict
from sim.protocol.versions import VERSIONS, build_rule_book

PARAMS = ProtocolParams(rule_book=build_rule_book("v0.2.0", {}, {}), epoch=EpochParams(), vector_dim=8192)
STATE = replace(
    genesis_state({"a": 1, "b": 1, "c": 1}, PARAMS), deposits={who: Deposit(active=1000) for who in ("a", "b", "c")}
)


def judge(**reasons: Reason) -> dict[str, Verdict]:
    return {
        name_claim(who, model): Verdict(name_claim(who, model), reason, 0, 0, 3)
        for who, reason in reasons.items()
        for model in ("x", "y")
    }


@pytest.mark.parametrize(("share", "left"), [("0", 1000), ("0.25", 750), ("1", 0)])
def test_hosts_that_are_voted_invalid_lose_the_share_once(share: str, left: int) -> None:
    rules = replace(VERSIONS["v0.2.0"], rejection_slash=Fraction(share))
    verdicts = judge(a=Reason.ACCEPTED, b=Reason.VOTED_INVALID, c=Reason.NO_QUORUM)
    after, payments = slash_rejected(STATE, verdicts, rules)
    assert {who: deposit.active for who, deposit in after.deposits.items()} == {"a": 1000, "b": left, "c": 1000}
    assert after.slashed == 1000 - left
    assert sum(row.amount_ngonka for row in payments) == 1000 - left


def test_slashed_coins_go_to_governance_where_all_do() -> None:
    rules = replace(VERSIONS["v0.2.16"], rejection_slash=Fraction(1, 2))
    after, _ = slash_rejected(STATE, judge(b=Reason.VOTED_INVALID), rules)
    assert (after.governance, after.slashed) == (500, 0)
