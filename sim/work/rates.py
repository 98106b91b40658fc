"""Published rates: nonces per second of a GPU that serves a model, by proof scheme, from `data/rates.csv`.

Reference: network 3.2
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import Final

from sim.errors import UserError, did_you_mean

ACCEPTED: Final = ("FP8", "INT4", "")
"""Quantisations whose answers the network accepts for a model, or that are not told."""
_FORM_FACTOR = re.compile(r"-(SXM|PCIe)(-\d+)?$")


def get_nonces_per_second(model: str, gpu: str, scheme: str = "answers") -> float:
    """Return the rate of one GPU of an instance; raise UserError, with the nearest name, where none is published.

    A GPU profile's own row counts before that of its card; of several, the first one.
    """
    rates = _load_rates().get(scheme, {})
    found = rates.get((model, gpu), rates.get((model, _FORM_FACTOR.sub("", gpu))))
    if found is not None:
        return found
    models = {name for name, _ in rates}
    if model not in models:
        raise UserError(f'no rate is published for the model "{model}".{did_you_mean(model, models)}')
    known = [card for name, card in rates if name == model]
    raise UserError(f'no rate is published for {model} on "{gpu}".{did_you_mean(gpu, known)}')


@cache
def _load_rates() -> dict[str, dict[tuple[str, str], float]]:
    """Return nonces per second of one GPU by scheme, then by model and card."""
    text = (files(__package__) / "data" / "rates.csv").read_text(encoding="utf-8")
    rates: dict[str, dict[tuple[str, str], float]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["quantisation"] in ACCEPTED:
            rate = float(row["nonces_per_minute"]) / 60.0 / int(row["gpus_per_instance"])
            rates.setdefault(row["scheme"], {}).setdefault((row["model"], row["gpu"]), rate)
    return rates
