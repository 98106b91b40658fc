"""Points of `powsim detect` from whole runs of the simulation.

1. Scheme `hits`: one epoch, judged by the members of genesis, who weigh 1 each. All that check claim too much; each
   claim is judged by all hosts but its own, so that K validators need K + 1 hosts.
2. Scheme `answers`: validators prove compute in a first epoch, at equal rates and so for equal weights; in the second
   one newcomers without a vote claim too much.
3. Silent validators are too slow to finish a check, or lose their ML nodes before the second epoch; colluding ones
   have the strategy `lazy`.
4. All hosts have the same numerics, or the same stack, and agree to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from sim.errors import UserError
from sim.metrics.intervals import compute_proportion_interval
from sim.protocol.models.history import QWEN
from sim.protocol.proofs import schemes
from sim.protocol.proofs.hits import Hits
from sim.protocol.versions import VERSIONS
from sim.registry import KIND
from sim.runner import run
from sim.studies.detect import WHOLE_BPS, Design, get_majority

CLAIMED_SECONDS = 25.0
"""Of the stage's five blocks: whole periods of the sender. The rest comes too late."""
ENDLESS = 50
"""Samples that a claim holds where it stands for one without an end."""
MOST_FABRICATED = 0.95
NEWCOMERS = 20
SLOW_NONCES_PER_SECOND = 1e-6
FEWEST_BLOCKS, MOST_BLOCKS, OTHER_BLOCKS, BLOCK_SECONDS = 6, 400, 12, 5.634
EPOCH = {
    "poc_stage_duration": 5,
    "poc_exchange_duration": 2,
    "poc_validation_delay": 2,
    "max_individual_power_percentage": None,
}


def simulate_points(designs: Sequence[Design], n_runs: int) -> list[dict[str, float | int]]:
    """Return for each point how many claims were judged, which share was accepted, and its 95 % Wilson interval.

    Raises UserError for points that no run can show.
    """
    for design in designs:
        _check(design)
    return [_simulate(design, n_runs) for design in designs]


def _check(design: Design) -> None:
    fixed, heads = get_majority(VERSIONS[design.version], 0), (design.silent, design.colluding)
    for is_wrong, message in (
        (design.mismatch > 0, f"--mismatch {design.mismatch:g}: hosts of a run have equal numerics; give --mismatch 0"),
        (design.fabricated > MOST_FABRICATED, f"--fabricated {float(design.fabricated):g}: at most {MOST_FABRICATED}"),
        (design.slots > 0, f"--slots {design.slots}: in its runs all validators vote"),
        (any((design.validators * share).denominator > 1 for share in heads), "parts of a validator: " + _name(design)),
        (design.scheme == "hits" and design.majority != fixed, f"--majority {design.majority}: hits need {fixed}"),
    ):
        if is_wrong:
            raise UserError(f"--simulate cannot show {message}")


def _name(design: Design) -> str:
    return f"{design.validators} of them, {float(design.silent):g} silent and {float(design.colluding):g} colluding"


def _simulate(design: Design, n_runs: int) -> dict[str, float | int]:
    scenario, judged = make_scenario(design), list[bool]()
    for seed in range(n_runs):
        rows = run(scenario, seed=seed).participants
        rows = rows[(rows["host_group"] == "claimant") & (rows["epoch"] == scenario["epochs"])]
        judged += rows["is_accepted"].tolist()
    found = compute_proportion_interval(sum(judged), len(judged))
    return {"claims": found.n, "simulated": found.estimate, "low": found.low, "high": found.high}


def make_scenario(design: Design) -> dict[str, Any]:
    """Return the scenario of a point, ready for `sim.run`; its claimants are the hosts of the group `claimant`."""
    is_answers = design.scheme == "answers"
    n_entries, share = design.claim or ENDLESS * design.sample, float(design.fabricated)
    rate = n_entries * (1 - share) / CLAIMED_SECONDS / (1.0 if is_answers else design.pass_chance)
    checks_seconds = (NEWCOMERS + design.validators + 1) * design.sample / rate
    n_blocks = min(MOST_BLOCKS, FEWEST_BLOCKS + math.ceil(checks_seconds / BLOCK_SECONDS))
    return {
        "name": "detect",
        "seed": 0,
        "epochs": 2 if is_answers else 1,
        "protocol": {
            **EPOCH,
            **(_set_answers(design) if is_answers else _set_hits(design)),
            "poc_validation_duration": n_blocks,
            "epoch_length": OTHER_BLOCKS + n_blocks,
        },
        "work": {"kind": "sphere", "params": "mainnet", "dtype": "float32", "startup": "0 s"},
        "network": {"tier": "paths", "topology": "full_mesh"},
        "hosts": _list_hosts(design, rate),
        "faults": [_fail_after(OTHER_BLOCKS + n_blocks)] if is_answers and design.silent else [],
        "metrics": {"validations": "summary"},
    }


def _fail_after(epoch_blocks: int) -> dict[str, Any]:
    """Return the failure after the first epoch's votes: who is silent has weight, but no machine to check with."""
    return {"kind": "ml_node", "at": f"{(2 * epoch_blocks + 2) * BLOCK_SECONDS:g} s", "hosts": "silent"}


def _list_hosts(design: Design, rate: float) -> list[dict[str, Any]]:
    """Return the groups of hosts, of which only those that check, or newcomers, claim too much."""
    share, is_answers = float(design.fabricated), design.scheme == "answers"
    n_silent, n_colluding = (int(design.validators * each) for each in (design.silent, design.colluding))
    n_checking = design.validators - n_silent - n_colluding
    cheat = {"kind": "overclaim", "excess": share / (1 - share)} if share else "honest"
    groups: list[tuple[str, int, float, object]]
    groups = [("silent", n_silent, rate if is_answers else SLOW_NONCES_PER_SECOND, "honest")]
    groups.append(("colluding", n_colluding, rate, "lazy"))
    if not is_answers:
        groups.append(("claimant", n_checking + 1, rate, cheat))
        return [_make_group(*group) for group in groups if group[1]]
    groups.append(("judge", n_checking, rate, "honest"))
    newcomers = _make_group("claimant", NEWCOMERS, rate, cheat, f" for {QWEN}") | {"joins": "epoch 2"}
    return [*(_make_group(*group, f" for {QWEN}") for group in groups if group[1]), newcomers]


def _make_group(name: str, count: int, rate: float, strategy: object, serves: str = "") -> dict[str, Any]:
    host = {"name": name, "count": count, "region": "EUROPE", "strategy": strategy}
    return {**host, "gpus": f"1 x H100-SXM at {rate:.6f} nonces/s{serves}"}


def _set_hits(design: Design) -> dict[str, Any]:
    return {
        "version": "v0.2.0",
        "validation_sample_size": design.sample,
        "p_mismatch": design.p,
        "fraud_threshold": design.threshold,
        **_list_parameters(Hits(design.distance)),
        "rules": {"ignores_own_votes": True},
    }


def _list_parameters(proof: Hits) -> dict[str, Any]:
    return {key: value for key, value in schemes.spec_of(proof).items() if key != KIND}


def _set_answers(design: Design) -> dict[str, Any]:
    # Weights differ by a nonce now and then: a bar half-way between two numbers of votes means the same.
    bar = (int(design.majority * design.validators) + Fraction(1, 2)) / design.validators
    model = {"name": QWEN, "distance_threshold": design.distance, "is_initial": True}
    return {
        "version": "v0.2.9",
        "validation_sample_size": design.sample,
        "models": [{**model, "p_mismatch": design.p, "applied_fraud_p": design.threshold}],
        "rules": {"vote_threshold_bps": int(bar * WHOLE_BPS)},
    }
