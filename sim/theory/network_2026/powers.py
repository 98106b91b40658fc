"""Caps, trusted weight, voting powers and guardians in 2026 (network 2.9.6 to 2.9.9, 2.17, 2.19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from sim.protocol.consensus.validators import boost_guardians
from sim.protocol.models.delegation import ModelMode, Participation
from sim.protocol.models.trusted_weight import OldEpoch, cap_by_trust, compute_trusted
from sim.protocol.models.voting_power import clip_powers, compute_voting_powers
from sim.protocol.money.collateral import compute_activated_weight
from sim.protocol.proofs.weights import cap_weights
from sim.theory.row import Row

CAP = 0.3
CAPPED: tuple[tuple[list[int], float, list[int]], ...] = (
    ([1000, 2000, 4000, 8000], CAP, [1000, 2000, 2250, 2250]),
    ([1000], CAP, [1000]),
    ([1000, 2000, 9000], 0.0, [1000, 2000, 9000]),
    ([1000, 2000, 7000], CAP, [1000, 2000, 2000]),
    ([100, 200, 300, 400], CAP, [100, 200, 225, 225]),
    ([10, 10, 10, 970], CAP, [10, 10, 10, 12]),
    ([1, 1, 1, 97], CAP, [1, 1, 1, 1]),
    ([*[10] * 9, 900], CAP, [*[10] * 9, 38]),
    ([700, 200, 100], CAP, [200, 200, 100]),
    ([0, 0, 0, 0, 10], CAP, [0, 0, 0, 0, 10]),
    ([0, 5, 7], CAP, [0, 5, 5]),
)
"""Weights, share (0: off), weights under the cap."""
CLIPPED: tuple[tuple[list[int], str, list[int]], ...] = (
    ([800, 100, 100], "0.5", [500, 100, 100]),
    ([400, 400, 200], "0.3", [300, 300, 200]),
    ([1000], "0.1", [1000]),
    ([100, 100, 100], "0.5", [100, 100, 100]),
)
"""Powers, largest share, powers that are left."""
GUARDIANS: tuple[tuple[list[int], list[int], str, list[int]], ...] = (
    ([1000], [2000, 1500], "0.60", [2100]),
    ([1000], [2000, 1500], "0.43", [1505]),
    ([500, 700], [3500], "0.52", [910, 910]),
    ([500, 700, 800], [3500], "0.52", [500, 700, 800]),
    ([10], [90], "0.52", [46]),
)
"""Guardians, others, multiplier, guardians raised."""
COLLATERAL = (("none deposited", 0, 200, 200), ("800 at 1 a unit", 800, 200, 1000), ("grace", 0, 100, 1000))
"""Case, deposit, epoch, what is left of a weight of 1000."""


def power_rows() -> Iterator[Row]:
    """Yield every step from consensus weight to powers."""
    for case, deposited, epoch, weight in COLLATERAL:
        found = compute_activated_weight(1000, deposited, epoch, per_weight_unit=Fraction(1))
        yield Row.exact(f"network of 2026: collateral, {case}", found, weight)
    for weights, share, expected in CAPPED:
        capped = list(cap_weights(_name(weights), share, positive_only=True).values())
        yield Row.exact(f"network of 2026: power cap of {weights}", capped, expected)
    yield from _trust_rows()
    yield Row.exact(
        "network of 2026: power, no mode", compute_voting_powers(["a"], {"a": 42}, {}, Fraction(0)), {"a": 42}
    )
    away = {"d": Participation(ModelMode.DELEGATE, "x")}
    found_powers = compute_voting_powers(["a"], {"a": 100, "d": 500}, away, Fraction(0))
    yield Row.exact("network of 2026: power, delegated to no member", found_powers, {"a": 100})
    for powers, share_text, expected in CLIPPED:
        clipped = list(clip_powers(_name(powers), Fraction(share_text)).values())
        yield Row.exact(f"network of 2026: clip of {powers}", clipped, expected)
    for guardians, others, multiplier, raised in GUARDIANS:
        named = _name(guardians)
        everybody = {**named, **{f"other {place}": power for place, power in enumerate(others)}}
        boosted = boost_guardians(everybody, named, multiplier=Fraction(multiplier))
        yield Row.exact(
            f"network of 2026: guardians {guardians}, others {others}, {multiplier}",
            [boosted[who] for who in named],
            raised,
        )


def _name(weights: list[int]) -> dict[str, int]:
    return {str(place): weight for place, weight in enumerate(weights)}


def _trust_rows() -> Iterator[Row]:
    unscaled = cap_by_trust({"a": 999}, compute_trusted(_describe({"a": 120}, {"a": 10}, {}, None)))
    yield Row.exact("network of 2026: trusted, no scales stored", unscaled, {"a": 120})
    removed = cap_by_trust({"a": 100, "b": 100}, compute_trusted(_describe({"a": 100}, {}, {}, None)))
    yield Row.exact("network of 2026: trusted, b was removed", removed, {"a": 100, "b": 0})
    partly = compute_trusted(_describe({"a": 100}, {"a": 10}, {"trusted": 10, "other": 90}, "1"))
    yield Row.exact("network of 2026: trusted, 10 of 100 confirmed", partly, {"a": 10})
    without = compute_trusted(_describe({"a": 100}, {}, {"other": 100}, "1"))
    yield Row.exact("network of 2026: trusted, a model without power", without, {"a": 0})
    guardians = {"a": 100, "g": 100}
    alike = cap_by_trust({"a": 500, "g": 500}, compute_trusted(_describe(guardians, {}, {}, None)))
    yield Row.exact("network of 2026: trusted, guardians alike", alike, guardians)
    grown = cap_by_trust({"a": 900}, compute_trusted(_describe({"a": 100}, {"a": 95}, {"trusted": 100}, "1")))
    yield Row.exact("network of 2026: trusted, 100 grows to 900, 95 confirmed", grown, {"a": 95})


def _describe(
    weights: Mapping[str, int], confirmed: Mapping[str, int], nodes: Mapping[str, int], scale: str | None
) -> OldEpoch:
    return OldEpoch(
        index=7,
        weights=weights,
        node_weights={who: {model: {1: weight} for model, weight in nodes.items()} for who in weights},
        voting_powers={"trusted": {"a": 1}},
        confirmed=confirmed,
        scales=None if scale is None else dict.fromkeys(nodes, Fraction(scale)),
    )
