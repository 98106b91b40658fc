"""How much a scenario asks for: work or memory beyond these bounds is refused before a run begins.

The number of epochs, hosts or blocks may be as large as their types allow: a run is long then, but keeps its pace. Here
are products of numbers that are fine by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.problems import Problem
from sim.protocol.proofs import schemes
from sim.protocol.versions import SCHEMES, adjust_scheme
from sim.scenario.changes import find_schemes
from sim.scenario.declared import read_parameters
from sim.scenario.hosts import count_gpu_groups

MOST_TRIES = 2e8  # of all hosts in one generation; main net's of September 2026 makes 3e4, a run of the kernel 1e3
MOST_VALID = 2e7  # nonces that are found and claimed: each is held in memory
MOST_SECONDS = 1e12  # simulated: later, the steps of a clock of floats are longer than a message takes


def find_size_problems(scenario: Any) -> Iterator[Problem]:
    """Yield what a whole scenario asks too much of."""
    yield from _find_tries_problems(scenario)
    protocol = scenario.protocol
    longest = max([protocol.epoch_length, *(change.epoch_length or 0 for change in protocol.changes)])
    if (seconds := scenario.epochs * longest * protocol.block_time) > MOST_SECONDS:
        message = f"{scenario.epochs} epochs of {longest} blocks are {seconds:.3g} s; at most {MOST_SECONDS:g} s"
        yield Problem(("epochs",), message)


def _find_tries_problems(scenario: Any) -> Iterator[Problem]:
    work, protocol = scenario.work, scenario.protocol
    n_blocks = max([protocol.poc_stage_duration, *(change.poc_stage_duration or 0 for change in protocol.changes)])
    rate = work.rate_factor * sum(sum_rates(group, work.min_group_vram_gib) for group in scenario.hosts)
    n_tries = rate * n_blocks * protocol.block_time
    if n_tries > MOST_TRIES:
        yield Problem(_blame(scenario), _tell(n_tries, MOST_TRIES, "nonces would be tried"))
    elif n_tries > MOST_VALID:
        scheme = adjust_scheme(find_schemes(protocol)[0], read_parameters(SCHEMES, protocol))
        n_valid = n_tries * scheme.hit_probability(scheme.threshold, work.pow_params.vocab_size)
        if n_valid > MOST_VALID:
            what = f"nonces would be valid by the scheme {schemes.name_of(scheme)}"
            yield Problem(_blame(scenario), _tell(n_valid, MOST_VALID, what))


def sum_rates(group: Any, min_group_vram_gib: float) -> float:
    """Nonces/s of all hosts of a group, as main net's kernel makes them."""
    groups = [(node, count_gpu_groups(node.vram_gib, min_group_vram_gib)) for node in group.gpus]
    return float(group.count * sum(node.get_group_rate(n_groups) * n_groups for node, n_groups in groups))


def _blame(scenario: Any) -> tuple[str, ...]:
    return ("work", "rate_factor") if scenario.work.rate_factor > 1.0 else ("hosts",)


def _tell(found: float, most: float, what: str) -> str:
    return f"about {found:.3g} {what} in one generation; there may be at most {most:g}"
