"""Setpoints that no difficulty can meet with a scenario's hosts.

At difficulty 1 every try is valid: hosts cannot find more nonces than they try. How many they try follows from their
GPUs and from the length of generation, if blocks come on time; blocks that wait for their proposer give more time. So
a setpoint beyond the means of such hosts is warned of, and one beyond twice as much is refused, like one that the
schedule or the sample rules out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.problems import Problem
from sim.scenario.hosts import count_gpu_groups

LATE = 2.0  # blocks may take so many times as long as block_time says


def find_setpoint_problems(scenario: Any, lateness: float = LATE) -> list[Problem]:
    """Return why the setpoint cannot be met if blocks take up to `lateness` times as long as they should.

    An estimate needs a whole `Scenario`, whose parts are all right.
    """
    target = getattr(scenario.difficulty, "target", None)
    if target is None:
        return []
    loc = ("difficulty", "target", target.quantity)
    return [Problem(loc, f"{target.setpoint:.10g} {why}") for why in _find_limits(scenario, target, lateness)]


def _find_limits(scenario: Any, target: Any, lateness: float) -> Iterator[str]:
    protocol, rate = scenario.protocol, _sum_rates(scenario)
    block_seconds = lateness * protocol.block_time
    stages = [protocol.poc_stage_duration, *(change.poc_stage_duration or 0 for change in protocol.changes)]
    tries = rate * max(max(stages) * block_seconds - scenario.work.startup, 0.0)
    found = f"at any difficulty: even where each try is valid, the hosts find about {tries:.0f} in an epoch"
    match target.quantity:
        case "valid_nonces_per_epoch" if target.setpoint > tries:
            yield f"nonces cannot be met {found}"
        case "success_rate" if target.setpoint * tries < 1.0:
            yield f"cannot be seen: of about {tries:.0f} tries in an epoch not even one is then valid"
        case "blocks_until_quota":
            fewest = (scenario.work.startup + (target.quota or 1) / rate) / block_seconds
            if target.setpoint < fewest:
                yield f"blocks cannot be met at any difficulty: {target.quota} tries take at least {fewest:.4g}"
            exchanges = [protocol.poc_exchange_duration, *(c.poc_exchange_duration or 0 for c in protocol.changes)]
            if target.setpoint > (most := max(stages) + max(exchanges)):
                yield f"blocks cannot be met at any difficulty: no batch is taken after block {most}"
        case "checked_nonces_per_validator":
            sampled = protocol.validation_sample_size * sum(group.count for group in scenario.hosts)
            if target.setpoint > sampled:
                yield f"nonces cannot be met at any difficulty: the samples of all hosts are {sampled}"
            elif target.setpoint > tries:
                yield f"nonces cannot be met {found}"


def _sum_rates(scenario: Any) -> float:
    """Raw nonces per second of all hosts, as if all were there from the start."""
    work, machines = scenario.work, [(group.count, machine) for group in scenario.hosts for machine in group.gpus]
    groups = [count_gpu_groups(machine.vram_gib, work.min_group_vram_gib) for _, machine in machines]
    rates = [count * n * machine.get_group_rate(n) for (count, machine), n in zip(machines, groups, strict=True)]
    return float(sum(rates) * work.rate_factor)
