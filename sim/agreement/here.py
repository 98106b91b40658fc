"""The distances of this machine, for the nonces that another machine left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

from pow.devices import cpu_batch_size
from pow.params import PRESETS
from pow.placement import CPU
from sim.agreement.pairs import Pair, compare_sets, list_sides
from sim.agreement.stored import DistanceSet, MachineDistances

HERE = "this machine"


def compute_here(wanted: MachineDistances, device: str, n_threads: int | None, machine: str) -> MachineDistances:
    """Return this machine's distances of every nonce in `wanted`, a set for each model and number type.

    One model at a time is in memory. Raises UserError where the device has none left.
    """
    groups = dict.fromkeys((each.params, each.dtype) for each in wanted.sets)
    return MachineDistances(
        machine=machine,
        software=f"torch {version('torch')}",
        date=datetime.now(UTC).date().isoformat(),
        block_hash=wanted.block_hash,
        public_key=wanted.public_key,
        sets=tuple(_compute_set(wanted, params, dtype, device, n_threads) for params, dtype in groups),
    )


def _compute_set(wanted: MachineDistances, params: str, dtype: str, device: str, n_threads: int | None) -> DistanceSet:
    from sim.work.kernel import KernelWork  # loads torch, which reading and comparing do without

    nonces = _unite([each for each in wanted.sets if (each.params, each.dtype) == (params, dtype)])
    batch_size = min(len(nonces), cpu_batch_size(PRESETS[params])) if device == CPU else None  # few are not padded
    with KernelWork(PRESETS[params], batch_size, n_threads, device) as work:
        distances = work.distances(wanted.block_hash, dtype, [(wanted.public_key, nonce) for nonce in nonces])
        used = work.describe()["batch_size_by_dtype"][dtype]
    values = tuple(distances.tolist())
    return DistanceSet(params=params, dtype=dtype, batch_size=used, nonces=nonces, distances=values)


def _unite(sets: Sequence[DistanceSet]) -> tuple[int, ...]:
    return tuple(sorted({nonce for each in sets for nonce in each.nonces}))


def compare_here(here: MachineDistances, wanted: MachineDistances) -> Iterator[Pair]:
    """Yield this machine beside every set of the other one."""
    ours = {(each.params, each.mode): (replace(side, machine=HERE), each) for side, each in list_sides(here)}
    for side, theirs in list_sides(wanted):
        pair = compare_sets(ours[theirs.params, theirs.mode], (side, theirs))
        if pair is not None:
            yield pair
