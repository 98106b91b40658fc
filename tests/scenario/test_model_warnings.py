"""Doubts about models before a run: each is told once, at its place, and a sound network is not doubted."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sim.scenario.load import load_scenario
from sim.scenario.warnings import locate_warnings

HEAD = """name: t
epochs: 2
protocol:
  version: v0.2.15
  models:
    - {name: MiniMax-M2.7, distance_threshold: 0.75, coefficient: 0.3024, is_initial: true}
    - {name: Kimi-K2.6, distance_threshold: 0.4, coefficient: 0.9}
    - {name: served-by-nobody, distance_threshold: 0.4}
  upgrades: [{epoch: 2, version: v0.2.16}]
  poc_stage_duration: 10
  rules: {confirmation_safety_blocks: 0}
work: {kind: sphere, rate_factor: 0.5}
hosts:
"""
BASE = "  - {name: a, count: 4, gpus: 4 x H100-SXM at 80 nonces/s for MiniMax-M2.7, region: EUROPE%s}\n"
SMALL = "  - {name: b, count: %d, gpus: 4 x H100-SXM at %s nonces/s for Kimi-K2.6, region: JAPAN%s}\n"


def tell(folder: Path, *hosts: str, head: str = HEAD) -> Sequence[str]:
    file = folder / "x.yaml"
    file.write_text(head + "".join(hosts), encoding="utf-8")
    return [str(mistake).removeprefix(f"{file}:") for mistake in locate_warnings(load_scenario(file), file)]


def test_a_group_that_guardians_alone_decide(tmp_path: Path) -> None:
    """4 · 80 · .3024 against 3 · 20 · .9: 36 % of all, of which the clip of three at .3 leaves .9. Lent votes help."""
    (told,) = tell(tmp_path, BASE % "", SMALL % (3, 20, ""))
    assert told.startswith("4:3: protocol.version: the group of Kimi-K2.6 has 32.3 % of all voting power")
    assert told.endswith("more than 50 % must agree, so that without guardians its claims are rejected")
    (guarded,) = tell(tmp_path, BASE % "", SMALL % (3, 20, ", guardian: true"))
    assert guarded.endswith("guardians alone decide on its claims")
    lent = ", delegates: [{model: Kimi-K2.6, to: b-0}]"
    assert tell(tmp_path, BASE % lent, SMALL % (3, 20, "")) == []
    assert tell(tmp_path, BASE % "", SMALL % (3, 80, "")) != []


def test_a_group_that_is_not_eligible(tmp_path: Path) -> None:
    (told,) = tell(tmp_path, BASE % "", SMALL % (2, 80, ""))
    assert "Kimi-K2.6 would pay nothing: its group needs 3 hosts with weight and 10 % of all weight" in told


def test_a_sample_larger_than_a_claim(tmp_path: Path) -> None:
    """10 blocks of 5.6 s less 5 s of start: 51 s at half of 6 nonces a second."""
    lent = ", delegates: [{model: Kimi-K2.6, to: b-0}]"
    told = tell(tmp_path, BASE % lent, SMALL % (3, 6, ""))
    (small,) = [line for line in told if "sample" in line]
    assert "hosts.1.gpus: a host of b finds about 153 nonces of Kimi-K2.6, fewer than the 200 of a sample" in small


@pytest.mark.parametrize(("version", "rate"), [("v0.2.6", 6), ("v0.2.11", 20)])
def test_versions_without_groups_doubt_none(tmp_path: Path, version: str, rate: int) -> None:
    """Listed nonces of v0.2.6 are sampled too, but a host of them claims for no model."""
    head = HEAD.replace("v0.2.15", version).replace("  upgrades", "  # upgrades")
    assert tell(tmp_path, BASE % "", SMALL % (3, rate, ""), head=head) == []
