"""The table of pairs is whole and true: every pair is tested or apart, and every test that it names exists."""

import ast
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from mixtures import ALONE_SEEDS, ALWAYS, ANSWER_SEEDS, CHALLENGE_SEEDS, OPTIONAL, SEEDS, select_mechanisms
from table import ALONE, ANSWERS, CHALLENGES, MANY, MECHANISMS, ROWS, cover

TESTS = Path(__file__).parent.parent
PAIRS = list(combinations(MECHANISMS, 2))


@cache
def list_tests(file: str) -> dict[str, bool]:
    """Tests of a file, and whether each runs in `make test`."""
    tree = ast.parse((TESTS / file).read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {each.name: "mark.slow" not in "".join(map(ast.unparse, each.decorator_list)) for each in functions}


def test_rows_are_those_of_the_mechanisms_in_their_order() -> None:
    assert list(ROWS) == list(MECHANISMS)
    order = list(MECHANISMS)
    for name, row in ROWS.items():
        above = set(order[: order.index(name) + 1])
        assert row.own.keys() | row.apart.keys() <= above | {"work"}, name
        assert not (row.own.keys() & row.apart.keys()) - {"work"}, name


def test_every_mechanism_can_be_mixed() -> None:
    assert set(MECHANISMS) == ALWAYS | set(OPTIONAL) | {"answers", "challenges"}


@pytest.mark.parametrize(("first", "second"), PAIRS + [(name, name) for name, row in ROWS.items() if name in row.own])
def test_every_pair_has_a_test_that_exists_or_a_reason(first: str, second: str) -> None:
    test, reason = cover(first, second)
    if not test:
        assert len(reason.split()) > 5
        return
    file, _, name = test.partition("::")
    assert (TESTS / file).is_file(), f"{first} x {second}: no file tests/{file}"
    assert list_tests(file).get(name), f"{first} x {second}: make test has no {name} in tests/{file}"


def test_every_pair_of_the_mixtures_is_on_at_once_in_one_of_them() -> None:
    mixed = [pair for pair in PAIRS if cover(*pair)[0] == MANY]
    assert len(mixed) > 50
    assert [pair for pair in mixed if not any(set(pair) <= select_mechanisms(seed) for seed in SEEDS)] == []


@pytest.mark.parametrize(("test", "seeds"), [(ANSWERS, ANSWER_SEEDS), (CHALLENGES, CHALLENGE_SEEDS)])
def test_every_pair_of_answers_is_on_at_once_in_one_of_their_mixtures(test: str, seeds: tuple[int, ...]) -> None:
    mixed = [first for first, second in PAIRS if cover(first, second)[0] == test]
    assert len(mixed) > 15
    assert [each for each in mixed if not any(each in select_mechanisms(seed) for seed in seeds)] == []


def test_what_leaves_others_alone_is_held_against_all_that_it_is_said_to_leave_alone() -> None:
    for first, second in PAIRS:
        if cover(first, second)[0] == ALONE:
            assert any({first, second} <= select_mechanisms(seed) for seed in ALONE_SEEDS), (first, second)
