"""The table of versions and the rules in force at an epoch (protocol 0)."""

import dataclasses
import itertools
import re
from fractions import Fraction
from pathlib import Path
from typing import get_origin, get_type_hints

import pytest

from sim.protocol.switches import Rules
from sim.protocol.versions import (
    HISTORY,
    SCHEMES,
    VERSION_NAMES,
    VERSIONS,
    WHAT_IFS,
    build_rule_book,
    override_rules,
    read_history,
)
from sim.scenario.declared import find_keys

FIRST_SIX = list(VERSIONS.values())[:6]
SIM = Path(__file__).parent.parent.parent / "sim"


def test_the_table_has_a_row_for_every_switch_and_a_column_for_every_version() -> None:
    assert {field.name for field in dataclasses.fields(Rules)} == {"version", *HISTORY, *WHAT_IFS}
    assert all(set(history) <= set(VERSION_NAMES) and "v0.2.0" in history for history in HISTORY.values())
    assert list(VERSIONS) == ["v0.2.0", *(f"v0.2.{number}" for number in range(2, 17))]


@pytest.mark.parametrize("switch", sorted(HISTORY))
def test_values_have_their_type_and_the_switch_a_meaning(switch: str) -> None:
    hint = get_type_hints(Rules)[switch]
    assert all(isinstance(value, get_origin(hint) or hint) for value in HISTORY[switch].values() if switch != "proof")
    assert switch != "proof" or {type(value) for value in HISTORY["proof"].values()} == set(SCHEMES)
    assert [len(meaning) > 10 for name, _, _, meaning in find_keys(Rules) if name == switch] == [True]


@pytest.mark.parametrize("switch", sorted(HISTORY))
def test_each_entry_of_a_row_is_a_change_and_they_stand_in_order(switch: str) -> None:
    values = list(HISTORY[switch].values())
    assert len(values) > 1
    assert all(before != after for before, after in itertools.pairwise(values))
    assert list(HISTORY[switch]) == sorted(HISTORY[switch], key=VERSION_NAMES.index)
    assert [read_history(switch)[VERSION_NAMES.index(version)] for version in HISTORY[switch]] == values


@pytest.mark.parametrize("switch", sorted(WHAT_IFS))
def test_no_version_turns_a_what_if_on(switch: str) -> None:
    assert not WHAT_IFS[switch]
    assert not any(getattr(rules, switch) for rules in VERSIONS.values())
    on = WHAT_IFS[switch] is False or "0.5"
    assert getattr(build_rule_book("v0.2.0", {2: "v0.2.6"}, {switch: on}).rules_at(2), switch)
    assert [len(meaning) > 10 for name, _, _, meaning in find_keys(Rules) if name == switch] == [True]


@pytest.mark.parametrize("path", sorted(SIM.rglob("*.py")), ids=lambda path: path.relative_to(SIM).as_posix())
def test_no_rule_asks_for_a_version(path: Path) -> None:
    assert not re.search(r"version\w*\s*(==|!=|<|>)", path.read_text())


def test_changes_of_the_published_history() -> None:
    """Row by row what protocol 0 says of each upgrade."""
    launch, v2, v3, v4, v5, v6 = FIRST_SIX
    assert (launch.counts_duplicates, v2.counts_duplicates) == (True, False)
    assert (launch.stores_node_ids, v2.stores_node_ids) == (False, True)
    assert (launch.settlement_page_limit, v2.settlement_page_limit) == (100, 0)
    assert dataclasses.replace(v2, version="v0.2.3") == v3
    assert dataclasses.replace(v3, version="v0.2.4") == v4
    assert (v3.member_page_limit, v5.member_page_limit) == (100, 0)
    assert (v3.preserved_share, v5.preserved_share) == (0.0, 0.1)
    assert v5.settlement_cap == 0.3
    assert (v4.fixed_power_cap, v5.fixed_power_cap) == (0.0, 0.3)
    assert (v4.remainder_prefers_preserved, v5.remainder_prefers_preserved) == (False, True)
    assert (v6.proof.threshold, v6.weight_scale, v6.miss_probability) == (1.398077, Fraction(5, 2), 0.4)
    assert (v5.missing_confirmation_keeps_weight, v6.missing_confirmation_keeps_weight) == (True, False)
    assert [rules.judges_sequentially for rules in FIRST_SIX] == [False] * 4 + [True] * 2
    assert [rules.slashes_downtime_at_settlement for rules in FIRST_SIX] == [True] * 4 + [False] * 2
    assert [rules.confirmation_alpha for rules in FIRST_SIX] == [0] * 4 + [Fraction(1, 2)] * 2
    assert [rules.confirmations_per_epoch for rules in FIRST_SIX] == [0] * 4 + [1] * 2


def test_rules_at_an_epoch() -> None:
    book = build_rule_book("v0.2.0", {12: "v0.2.2", 20: "v0.2.6"}, {})
    assert [book.rules_at(epoch).version for epoch in (0, 1, 11, 12, 19, 20, 99)] == [
        *["v0.2.0"] * 3,
        *["v0.2.2"] * 2,
        *["v0.2.6"] * 2,
    ]


def test_overridden_switches_hold_in_all_versions() -> None:
    book = build_rule_book("v0.2.0", {2: "v0.2.6"}, {"counts_duplicates": True, "weight_scale": 1.1})
    for epoch in (1, 2):
        rules = book.rules_at(epoch)
        assert rules.counts_duplicates is True
        assert rules.weight_scale == Fraction(11, 10)
    assert book.rules_at(2).proof.threshold == 1.398077


def test_a_vote_sets_values_from_an_epoch_on_and_a_what_if_stands_above_it() -> None:
    """Protocol 0: proposal 17 sets p0 to 0.10 and asks for four confirmations in v0.2.6."""
    proposal_17 = {"miss_probability": 0.1, "confirmations_per_epoch": 4.0}
    upgrades = {2: "v0.2.6", 5: "v0.2.6"}
    book = build_rule_book("v0.2.5", upgrades, {}, {5: proposal_17})
    found = [(rules.miss_probability, rules.confirmations_per_epoch) for rules in map(book.rules_at, (1, 2, 4, 5, 9))]
    assert found == [(0.1, 1.0), (0.4, 1.0), (0.4, 1.0), (0.1, 4.0), (0.1, 4.0)]
    assert book.rules_at(5).approximates_misses
    what_if = build_rule_book("v0.2.5", upgrades, {"miss_probability": 0.2}, {5: proposal_17})
    assert (what_if.rules_at(5).miss_probability, what_if.rules_at(5).confirmations_per_epoch) == (0.2, 4.0)


def test_an_unknown_switch_is_refused() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        override_rules(VERSIONS["v0.2.0"], {"nonsense": 1})
