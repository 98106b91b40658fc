"""Rates of the scheme `decode` beside what the network published from them: difficulties and corridors (2.10).

A B300 proved 2047 nonces of DeepSeek a minute, by the proposal itself too. Difficulty and corridor follow from the
rates of four cards, each with its fastest quantisation, by mechanisms 1.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sim.protocol.models.history import DEEPSEEK, GLM_5_3, MINIMAX
from sim.theory.models.allocation import Speed, derive_terms
from sim.theory.row import Row
from sim.work.rates import get_nonces_per_second

CARDS = ("H100", "H200", "B200", "B300")
PUBLISHED = {
    GLM_5_3: ("0.819402772277", "1.788592573289", "5.633007600434"),
    DEEPSEEK: ("0.240818483384", "0.6101088", "1.921481481481"),
}
"""Model -> low, high, difficulty."""
NVFP4 = {(DEEPSEEK, "B200"): 11_152, (DEEPSEEK, "B300"): 17_183}
"""Nonces a minute of eight cards, faster than the quantisation whose answers the network takes."""
ONE_B300_PER_MINUTE = 2047


def decode_rows() -> Iterator[Row]:
    """Yield the rate of one card, and the terms of two models."""
    ours = 60 * get_nonces_per_second(DEEPSEEK, "B300", "decode")
    yield Row.exact("network of 2026: DECODE, DeepSeek's nonces a minute on a B300", ours, ONE_B300_PER_MINUTE)
    speeds = {(model, card): _read_speed(model, card) for model in (MINIMAX, *PUBLISHED) for card in CARDS}
    targets = dict.fromkeys(PUBLISHED, Fraction(1, 3))
    derived = derive_terms(speeds, MINIMAX, Fraction("0.3024"), "H100", targets, Fraction("0.05"))
    for model, expected in PUBLISHED.items():
        terms = derived[model]
        for name, value, text in zip(
            ("floor", "ceiling", "difficulty"), (terms.low, terms.high, terms.difficulty), expected, strict=True
        ):
            yield Row.exact(f"network of 2026: DECODE, {name} of {model}", value, Fraction(text))


def _read_speed(model: str, card: str) -> Speed:
    accepted = round(8 * 60 * get_nonces_per_second(model, card, "decode"))
    return Speed(max(accepted, NVFP4.get((model, card), 0)), 8)
