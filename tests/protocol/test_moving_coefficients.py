"""Coefficients inside a run (network 2.14): launch terms from the page, and epochs by hand."""

from dataclasses import replace
from fractions import Fraction

from sim.protocol.models.history import models_at
from sim.protocol.models.moving import count_work, launch_terms, move_coefficients
from sim.protocol.models.params import ModelParams

DEEPSEEK, GLM, MINIMAX = models_at(403)
TWO = (
    ModelParams(name="a", distance_threshold=0.4, coefficient=Fraction(1), is_initial=True),
    ModelParams(name="b", distance_threshold=0.4, coefficient=Fraction(2)),
)


def test_launch_terms() -> None:
    """Network 2.14: a tenth around each coefficient, MiniMax fixed; 3333 basis points each, 3334 for the base model."""
    terms = launch_terms((DEEPSEEK, GLM, MINIMAX))
    assert (terms[GLM.name].low, terms[GLM.name].high) == (Fraction("0.558"), Fraction("0.682"))
    assert (terms[DEEPSEEK.name].low, terms[DEEPSEEK.name].high) == (Fraction("0.2214"), Fraction("0.2706"))
    assert (terms[MINIMAX.name].low, terms[MINIMAX.name].high) == (Fraction("0.3024"), Fraction("0.3024"))
    assert [term.target for term in terms.values()] == [Fraction("0.3333"), Fraction("0.3333"), Fraction("0.3334")]
    assert terms[GLM.name].difficulty == Fraction("2.668169014084")
    assert launch_terms([replace(GLM, coefficient=Fraction("0.8"))])[GLM.name].high == Fraction("0.847197025352")
    assert launch_terms([replace(GLM, coefficient=Fraction(0))]) == {}


def test_two_epochs() -> None:
    """b has a tenth of the work and wants half: undiluted, then 2 · 1.05; a is over its half and earns less."""
    memory, first = move_coefficients(None, TWO, {"a": 90, "b": 10})
    assert first[1].coefficient == 2
    assert round(float(first[0].coefficient), 9) == round(0.9 + 0.1 * 50 / 90, 9)
    memory, second = move_coefficients(memory, TWO, {"a": 50, "b": 50})
    assert [model.coefficient for model in second] == [Fraction("0.95"), Fraction("2.1")]
    _, third = move_coefficients(memory, TWO, {"a": 50, "b": 50})
    assert [model.coefficient for model in third] == [Fraction("0.95"), Fraction("2.1")]


def test_a_model_that_comes_later_starts_at_its_floor() -> None:
    memory, _ = move_coefficients(None, TWO[:1], {"a": 10})
    _, both = move_coefficients(memory, TWO, {"a": 5, "b": 5})
    assert both[1].coefficient == Fraction("1.8")


def test_work_is_counted_by_model() -> None:
    assert count_work(TWO, {"h": {"a": {1: 5, 2: 6}}, "i": {"a": {1: 4}, "c": {1: 9}}}) == {"a": 15, "b": 0}
