"""Cheats by knowledge or by time: what is computed early, placed where nobody looks, sent late, or shown once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from sim.runner import run
from sim.theory.row import Row
from sim.theory.strategies.gain import NETWORK, SUSPECT, Gain, get_participants, make_row, measure_gain

SHORT = NETWORK | {"epochs": 1}
OTHERS, SAMPLE, LARGE_SAMPLE = 5, 200, 400
RATE = 1000
"""Nonces/s of a host."""
STAGE = 5
"""Blocks of 5.6 s, in which an ML node tells its results five times."""
WITHIN = 2e-3
"""A proof of compute ends when a block does, and what is sent makes blocks larger: nonces tried differ a little."""
CONFIRMED: dict[str, Any] = {
    "protocol.version": "v0.2.6",
    "protocol.epoch_length": 60,
    "protocol.inference_validation_cutoff": 2,
    "protocol.rules": {"confirmations_per_epoch": 20.0},
}
"""A confirmation between the second proof of compute and the third, nearly certainly."""


def foreknowledge_rows(_quick: bool) -> Iterator[Row]:
    """Yield one or two rows a strategy; every closed form takes its claims from runs of honest hosts."""
    yield from _sample_rows()
    yield from _early_rows()
    yield _seed_row()
    yield _late_claim_row()
    yield _late_start_row()
    yield _rent_row()


def _measure(cheat: dict[str, Any], n_seeds: int, common: dict[str, Any] | None = None) -> Gain:
    return measure_gain(cheat, range(1, n_seeds + 1), network=SHORT, common=common)


def _sample_rows() -> Iterator[Row]:
    """Five samples of 200 leave room for any claim of 1300; five of 400 for N with N (1 - (1 - 400 / N)^5) = found."""
    gain = _measure({"kind": "predict_sample", "excess": 4.0}, 2)
    label = f"gain of predict_sample, {OTHERS} samples of {SAMPLE}, 4 invented for 1 found; relative"
    yield Row.relative(label, gain.mean, 5.0, WITHIN)
    common = {"protocol.validation_sample_size": LARGE_SAMPLE}
    gain = _measure({"kind": "predict_sample", "excess": 4.0}, 6, common)
    found = [_count_claimed(get_participants(SHORT, common, seed)) for seed in range(1, 7)]
    theory = np.array([_find_room(n) / n for n in found])
    label = f"gain of predict_sample, {OTHERS} samples of {LARGE_SAMPLE}, over its closed form"
    yield make_row(label, gain.by_seed / theory, 1.0)


def _count_claimed(participants: pd.DataFrame) -> int:
    return int(participants.loc[participants["host_group"] == SUSPECT, "claimed_nonces"].sum())


def _find_room(n_found: int) -> float:
    def overlap(n: float) -> float:
        return n * (1.0 - (1.0 - LARGE_SAMPLE / n) ** OTHERS) - n_found

    return float(optimize.brentq(overlap, n_found, 10 * n_found))


def _early_rows() -> Iterator[Row]:
    """As many blocks before the stage as in it: under the right hash they earn as much, under a wrong one nothing."""
    gains = []
    for seed in range(1, 5):
        blocks = run(SHORT, seed=seed).blocks
        guess = blocks.loc[blocks["epoch"] == 1, "block_hash"].iloc[0]
        spec = {"kind": "precompute", "guess": guess, "lead": STAGE}
        gains.append(measure_gain(spec, [seed], network=SHORT).mean)
    yield make_row("gain of precompute by real work, hash guessed", np.array(gains), 1.0)
    gain = _measure({"kind": "precompute", "guess": "0" * 64, "lead": STAGE}, 2)
    yield Row.absolute("gain of precompute by real work, hash not guessed", gain.mean, 0.5, WITHIN)


def _seed_row() -> Row:
    """A seed that comes at V counts: a host is accepted where its part of all claims is what it wants."""
    below = 1.0 / (OTHERS + 1)
    changes = {f"hosts.{SUSPECT}.strategy": {"kind": "withhold_seed", "below": below}}
    n_accepted = n_wanted = 0
    for seed in range(1, 5):
        judged, claims = get_participants(SHORT, changes, seed), get_participants(SHORT, {}, seed)
        n_accepted += int(judged.loc[judged["host_group"] == SUSPECT, "is_accepted"].sum())
        n_wanted += int(_count_claimed(claims) >= below * claims["claimed_nonces"].sum())
    return Row.exact("claims of withhold_seed that are accepted, of 4 those above a sixth", n_accepted, n_wanted)


def _late_claim_row() -> Row:
    """Where the exchange outlasts the delay by blocks, claims after V count and nobody reads them."""
    common = {"protocol.poc_exchange_duration": 4, "protocol.poc_validation_delay": 1}
    gain = _measure({"kind": "late_batches", "excess": 0.5}, 2, common)
    return Row.absolute("gain of late_batches, a half invented behind V", gain.mean, 1.5, WITHIN)


def _late_start_row() -> Row:
    """It waits for one block of five and starts with the next: two of the five times that others tell are left."""
    gain = _measure({"kind": "late_burst", "wait": 0.2}, 4)
    return make_row("weight of late_burst, two of five periods", gain.weight_by_seed, 0.4)


def _rent_row() -> Row:
    """What a confirmation asks for is there only as far as it is its own: one ML node of four."""
    nodes = [f"1 x H100-SXM at {RATE / 4:g} nonces/s"] * 4
    rent = {"kind": "rent_for_poc", "own": 1, "first_epoch": 1, "epochs": 9, "keeps": False}
    changes = CONFIRMED | {f"hosts.{SUSPECT}.strategy": rent, f"hosts.{SUSPECT}.gpus": nodes}
    asked = run(NETWORK, overrides=changes, seed=1).confirmations
    asked = asked[asked["participant"].str.startswith(SUSPECT)]
    shown = float(asked["measured"].iloc[0] / asked["weight_before"].iloc[0])
    return Row.absolute("share of its weight that rent shows in a confirmation", shown, 0.25, WITHIN)
