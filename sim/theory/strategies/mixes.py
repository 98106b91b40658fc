"""A mix of cheats is worth the product of its parts, as long as each goes unseen (protocol 4.2, kernel 7)."""

from __future__ import annotations

from collections.abc import Iterator

from sim.strategies.provers.skip_layers import SkipLayers
from sim.theory.row import Row
from sim.theory.strategies.cheaper import N_LAYERS, gain_of_layers
from sim.theory.strategies.gain import make_row, measure_gain

INVENTED = 1.0
"""Per nonce found; of some 5000 claimed ones 5 samples of 200 hit fewer than the half that was computed."""


def mix_rows(quick: bool) -> Iterator[Row]:
    """Yield the gain of fewer layers together with nonces invented where no sample hits; of the same at no time.

    Both are under the launch rules, which fix samples at P: the host knows the places before it claims.
    """
    unseen = {"invented": INVENTED, "place": "unsampled", "claims": "at_end"}
    cheaper = {"layers": N_LAYERS, "margin": SkipLayers(layers=N_LAYERS).margin}
    mix, seeds = {"kind": "mixed", **cheaper, **unseen}, range(1, 3 if quick else 6)
    gain = measure_gain({**mix, "when": "always"}, seeds)
    label = f"gain of mixed, {N_LAYERS} of 16 layers, as many nonces invented unsampled"
    yield make_row(label, gain.by_seed, (1.0 + INVENTED) * gain_of_layers())
    gain = measure_gain({**mix, "when": "never"}, range(1, 3))
    yield make_row("gain of the same mix at no time", gain.by_seed, 1.0)
