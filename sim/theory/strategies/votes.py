"""Votes that no check stands behind: what a claim needs then, exactly by the power that votes (protocol 4.5, 4.6)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from pow.detection import ClaimLaw, SampleTest, compute_opinions, compute_tails
from pow.params import PRESETS
from pow.sphere import hit_probability
from sim.protocol.versions import LAUNCH
from sim.theory.row import Row
from sim.theory.strategies.gain import BOUND, NETWORK, SUSPECT, get_participants

LIAR, OTHER = "liar", "other"
N_HONEST, N_SUSPECTS, N_LIARS = 5, 4, 16
N_ALL = N_HONEST + N_SUSPECTS + N_LIARS
SAMPLE = 200
LIARS = {"name": LIAR, "count": N_LIARS, "gpus": "1 x H100-SXM at 1000 nonces/s", "region": "EUROPE"}
FAIR: dict[str, Any] = {**NETWORK, "name": "fair", "epochs": 1, "hosts": [*NETWORK["hosts"], LIARS]}
"""Genesis: all weigh the same. Liars invent a share of their claims, vote for themselves, and test the others."""
RINGS = (2, 4, 5, 6)
"""Hosts that collude, beside five others."""


def vote_rows(quick: bool) -> Iterator[Row]:
    """Yield how many claims with inventions pass, by the votes of each kind, and whom a coalition lets through."""
    seeds = range(1, 4 if quick else 5)
    # Nonces invented for one found, such that about half of the claims pass.
    for strategy, excess, always, turned in (
        ("contrarian", Fraction(25, 1000), 0, N_SUSPECTS),
        ("abstain", Fraction(22, 1000), 0, 0),
        ("sell_votes", Fraction(27, 1000), N_SUSPECTS, 0),
    ):
        spec = {"kind": strategy, **({"clients": [LIAR]} if strategy == "sell_votes" else {})}
        frames = pd.concat([_run(spec, excess, seed) for seed in seeds])
        claims = frames[frames["host_group"] == LIAR]
        chances = np.array([compute_accepted(n, excess, always, turned) for n in claims["claimed_nonces"].tolist()])
        distance = float(claims["is_accepted"].sum() - chances.sum())
        score = distance / math.sqrt(float((chances * (1 - chances)).sum()))
        label = f"{strategy} by {N_SUSPECTS} of {N_ALL}: claims accepted with {float(excess):.1%} invented"
        yield Row(label, float(claims["is_accepted"].mean()), float(chances.mean()), score, BOUND)
    yield _collude()


def _run(strategy: Mapping[str, Any], excess: Fraction, seed: int) -> pd.DataFrame:
    overrides = {
        f"hosts.{SUSPECT}.strategy": dict(strategy),
        f"hosts.{SUSPECT}.count": N_SUSPECTS,
        f"hosts.{LIAR}.strategy": {"kind": "overclaim", "excess": float(excess)},
    }
    return get_participants(FAIR, overrides, seed)


def _count_accepted(participants: pd.DataFrame, group: str) -> int:
    return int(participants.loc[participants["host_group"] == group, "is_accepted"].sum())


def compute_accepted(n_claimed: int, excess: Fraction, n_always: int, n_turned: int) -> float:
    """Return the chance that a liar's claim passes: its own yes, `n_always` more, those of the others by the test.

    `n_turned` validators say the opposite of what they found; the rest of the suspects abstains. Samples overlap: given
    the number of contradicted entries, validators are independent.
    """
    n_found = math.ceil(n_claimed / (1 + excess))
    passes = hit_probability(LAUNCH.r_target, PRESETS["devtest"].vocab_size)
    claim = ClaimLaw(Fraction(n_claimed - n_found, n_claimed), passes, 0.0, n_claimed)
    said = compute_opinions(SampleTest(SAMPLE), claim)
    n_checking, needed = N_HONEST + N_LIARS - 1, N_ALL // 2 - n_always
    total = 0.0
    for n_opposed in range(n_turned + 1):
        exactly = _weigh_exactly(n_turned, n_opposed, said.no, said.yes)
        enough, _ = compute_tails(n_checking, max(0, needed - n_opposed), said.yes, said.no)
        total += float(said.weights @ (exactly * enough))
    return total


def _weigh_exactly(n: int, k: int, p: Any, q: Any) -> Any:
    """P(Bin(n, p) = k)."""
    return compute_tails(n, k, p, q)[0] - compute_tails(n, k + 1, p, q)[0]


def _collude() -> Row:
    """Whom rings of several sizes let through, by the weights of the epoch before: more than half must say yes."""
    ours = theory = 0
    for n_ring in RINGS:
        ring = {"kind": "colluders", "expels_above": 0.0}
        overrides = {
            f"hosts.{SUSPECT}.{key}": value
            for key, value in (("operator", "ring"), ("count", n_ring), ("strategy", ring))
        }
        participants = get_participants(NETWORK, overrides, 1)
        ours += _count_accepted(participants, OTHER)
        theory += _count_by_power(participants)
    return Row.exact(f"colluders: claims of 5 others that rings of {RINGS} let through in 2 epochs", ours, theory)


def _count_by_power(participants: pd.DataFrame) -> int:
    """Others' claims that more than half of the weight of the epoch before accepts; genesis: one each."""
    weights: pd.Series = participants.drop_duplicates("participant").set_index("participant")["weight"] * 0 + 1
    count = 0
    for _, rows in participants.groupby("epoch"):
        is_other = rows.set_index("participant")["host_group"] == OTHER
        yes = int(weights.reindex(is_other.index[is_other]).sum())
        count += int((is_other & (rows.set_index("participant")["claimed_nonces"] > 0)).sum()) * (
            yes > int(weights.sum()) // 2
        )
        weights = rows.set_index("participant")["weight"]
    return count
