"""The rows of `powsim theory`, in their order. A study adds its own group to `GROUPS`."""

from __future__ import annotations

from collections.abc import Iterator

from sim.theory.committee import committee_rows
from sim.theory.consensus import consensus_rows
from sim.theory.control import control_rows
from sim.theory.detection import detection_rows
from sim.theory.economy import economy_rows
from sim.theory.epoch56 import epoch56_rows
from sim.theory.forgery import forgery_rows
from sim.theory.herding import herding_rows
from sim.theory.kernel import kernel_rows
from sim.theory.machines import machine_rows
from sim.theory.models.published import published_rows
from sim.theory.network import network_rows
from sim.theory.network_2026.rows import network_2026_rows
from sim.theory.noise import noise_rows
from sim.theory.propagation import propagation_rows
from sim.theory.proposers import proposer_rows
from sim.theory.race import race_rows
from sim.theory.row import Group, Row
from sim.theory.scrambling import scrambling_rows
from sim.theory.service import service_rows
from sim.theory.sphere import sphere_rows
from sim.theory.strategies.rows import strategy_rows
from sim.theory.validation import validation_rows
from sim.theory.weights import weight_rows

GROUPS: tuple[Group, ...] = (
    sphere_rows,
    validation_rows,
    committee_rows,
    detection_rows,
    strategy_rows,
    service_rows,
    weight_rows,
    control_rows,
    race_rows,
    noise_rows,
    economy_rows,
    herding_rows,
    published_rows,
    epoch56_rows,
    network_2026_rows,
    network_rows,
    consensus_rows,
    propagation_rows,
    proposer_rows,
    kernel_rows,
    machine_rows,
    scrambling_rows,
    forgery_rows,
)


def compute_rows(*, quick: bool = False) -> Iterator[Row]:
    """Yield every row as soon as it is known."""
    for group in GROUPS:
        yield from group(quick)
