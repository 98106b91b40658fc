"""Who signs nothing, or signs twice: what the chain sees of it, and what it costs (protocol 6.5)."""

from itertools import combinations
from math import inf
from typing import Any

import pytest
from scipy import stats

import sim
from sim.nodes.agent import StrategyError
from sim.results import Result
from sim.scenario.load import parse_scenario
from sim.strategies.actions import Action, Sign
from sim.strategies.events import EpochOpened, SignatureDue

TEXT = """
name: signatures
epochs: 3
protocol:
  {epoch_length: 30, poc_stage_duration: 6, poc_validation_duration: 8, signed_blocks_window: 12, downtime_jail: 100 s,
  max_individual_power_percentage: null, r_target: 1.3}
work: {kind: sphere, params: tiny, rate_factor: 2.0, startup: 1 s}
hosts:
  - {name: farm, count: 5, gpus: 1 x H100-SXM, region: EUROPE, collateral_ngonka: 1000}
  - {name: odd, gpus: 1 x H100-SXM, region: EUROPE, collateral_ngonka: 1000, strategy: honest}
"""


def run(strategy: object = "honest", **changes: Any) -> Result:
    return sim.run(parse_scenario(TEXT, overrides={"hosts.1.strategy": strategy, **changes}))


@pytest.fixture(scope="module")
def honest() -> Result:
    return run()


def test_honest_hosts_lack_no_signature(honest: Result) -> None:
    assert honest.blocks["n_absent"].sum() == 0
    assert len(honest.frames["offences"]) == 0
    assert "odd-0" in set(honest.blocks["proposer"])


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_who_is_silent_is_jailed_slashed_and_comes_back_when_its_time_is_over(tier: str, honest: Result) -> None:
    """Absent from block 1 on: a whole window of 12 ends with block 13, which block 14 shows. Back, it starts anew."""
    result = run("silent", **{"network.tier": tier})
    blocks, offences = result.blocks.set_index("height"), result.frames["offences"]
    assert list(offences["offence"].unique()) == ["missed blocks"]
    assert len(offences) >= 2
    first = offences.iloc[0]
    assert (first["participant"], first["height"], first["slashed_ngonka"]) == ("odd-0", 14, 10)
    assert first["jailed_until_seconds"] == blocks.at[14, "timestamp_seconds"] + 100.0
    assert blocks.loc[2:14, "n_absent"].eq(1).all()
    back = result.transactions.query("kind == 'Unjail' and fate == 'included'")["height"].astype(int).tolist()
    for height in back:
        assert blocks.at[height, "timestamp_seconds"] >= first["jailed_until_seconds"]
    # Block 15 still shows the votes on block 14, to which it belonged; then none is missing until it is back.
    assert blocks.loc[16 : back[0] + 1, "n_absent"].eq(0).all()
    assert blocks.loc[back[0] + 2 : back[0] + 13, "n_absent"].eq(1).all()
    assert offences["height"].tolist()[1] == back[0] + 14
    assert "odd-0" not in set(blocks["proposer"])
    # Its weight, its votes on claims and its rewards stay: "you continue to receive most of the rewards".
    ours, theirs = (r.participants.query("participant == 'odd-0'") for r in (result, honest))
    assert ours["weight"].gt(0).tolist() == theirs["weight"].gt(0).tolist()
    assert (result.rewards.query("participant == 'odd-0'")["reward_ngonka"] > 0).all()
    paid = result.payments.query("kind == 'slashed'")["amount_ngonka"]
    assert paid.tolist() == offences["slashed_ngonka"].tolist()


def test_silence_below_the_limit_costs_nothing() -> None:
    """Signing every third block misses the limit; a quarter of silence rarely reaches more than 6 of 12."""
    often, seldom = (len(run({"kind": "silent", "share": share}).frames["offences"]) for share in (0.8, 0.1))
    assert (often > 0, seldom) == (True, 0)


def test_a_third_of_silence_halts_the_chain() -> None:
    result = run("silent", **{"hosts.1.count": 3})  # 3 of 8: the five others are less than 2/3
    assert result.provenance["status"] == "halted"
    assert len(result.blocks) == 0


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_who_signs_twice_is_on_chain_a_block_later_and_never_comes_back(tier: str) -> None:
    result = run({"kind": "double_sign", "first_epoch": 1}, **{"network.tier": tier})
    start = int(result.epochs.at[0, "start_height"])
    (row,) = result.frames["offences"].to_dict("records")
    assert (row["participant"], row["offence"], row["slashed_ngonka"]) == ("odd-0", "double sign", 50)
    assert start + 2 <= row["height"] <= start + 3  # signed after P, shown by the next proposer that is not itself
    assert row["jailed_until_seconds"] == inf
    later = result.blocks.query(f"height > {row['height']}")
    assert "odd-0" not in set(later["proposer"])
    assert later["n_absent"].iloc[1:].sum() == 0
    assert len(result.transactions.query("kind == 'Unjail'")) == 0
    assert (result.participants.query("participant == 'odd-0'")["consensus_power"] == 0).all()


class Once:
    """Answers one kind of event with one action."""

    def __init__(self, kind: type, action: Action) -> None:
        self.events, self._action = (kind,), action

    def start(self, identity: object) -> None:
        """No memory."""

    def react(self, memory: None, event: object, generator: object) -> tuple[None, tuple[Action, ...]]:
        """Always the same."""
        return None, (self._action,)


@pytest.mark.parametrize(
    ("kind", "action", "message"),
    [
        (EpochOpened, Sign(0), "Sign: no height begins for it"),
        (SignatureDue, Sign(3), "Sign: 3 votes at one height; it must be from 0 to 2"),
    ],
)
def test_only_a_validator_at_a_new_height_signs(
    kind: type, action: Action, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.nodes.agent import Agent

    original = Agent.__init__
    odd = Once(kind, action)

    def build(self: Agent, given: Any, name: str, identity: Any, **more: Any) -> None:
        original(self, odd if identity.addresses == ("odd-0",) else given, name, identity, **more)

    monkeypatch.setattr(Agent, "__init__", build)
    with pytest.raises(StrategyError, match=message):
        run()


def test_the_share_of_silent_heights_is_as_asked() -> None:
    """Of about 90 heights of which none jails; error level 1e-4."""
    result = run({"kind": "silent", "share": 0.3}, **{"protocol.signed_blocks_window": 0})
    n_heights = len(result.blocks) - 1
    assert stats.binomtest(int(result.blocks["n_absent"].sum()), n_heights, 0.3).pvalue > 1e-4


def test_nobody_reports_itself() -> None:
    """All sign twice at block 1: block 2 says so of all but its proposer, who goes on alone."""
    twice = {"kind": "double_sign", "first_epoch": 0}
    result = run(twice, **{"hosts.0.strategy": twice, "epochs": 1})
    proposer = result.blocks.set_index("height").at[2, "proposer"]
    offences = result.frames["offences"]
    assert offences["height"].unique().tolist() == [2]
    assert set(offences["participant"]) == {*(f"farm-{k}" for k in range(5)), "odd-0"} - {proposer}
    assert set(result.blocks.query("height > 2")["proposer"]) == {proposer}


@pytest.mark.parametrize("tier", ["events", "paths"])
def test_a_signature_that_comes_after_the_next_proposal_is_missing(tier: str) -> None:
    """Blocks come every 1.2 s or so; a block takes 0.8 s to the far host, and its vote as long back."""
    names = [f"farm-{k}" for k in range(5)]
    near = [{"between": list(pair), "latency": "50 ms"} for pair in combinations(names, 2)]
    far = [{"between": ["odd-0", name], "latency": "800 ms"} for name in names]
    changes = {"network.topology": {"kind": "edges", "links": near + far}, "protocol.block_time": "1 s"}
    result = run(**changes, **{"network.tier": tier, "epochs": 1, "consensus.timeout_propose": "5 s"})
    offences = result.frames["offences"]
    assert set(offences["participant"]) == {"odd-0"}
    assert result.blocks["n_absent"].iloc[1:12].mean() > 0.5
