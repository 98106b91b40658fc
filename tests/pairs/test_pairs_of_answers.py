"""The scheme `answers` with much else at once, at random: laws that hold whatever is turned on."""

import pytest
from laws_of_answers import check_all_of_answers
from mixtures import ANSWER_SEEDS, mix_answers
from observed import observe_tree


@pytest.mark.parametrize("seed", ANSWER_SEEDS)
def test_laws_hold_with_answers_and_much_else_at_once(seed: int) -> None:
    assert check_all_of_answers(observe_tree(mix_answers(seed))) > 0, "nothing happened"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 340))
def test_laws_hold_with_answers_and_much_more(seed: int) -> None:
    check_all_of_answers(observe_tree(mix_answers(seed)))
