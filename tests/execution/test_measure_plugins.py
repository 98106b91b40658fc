"""Measures of other packages, as entry points of an installed distribution, in this process and in workers."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import sim
from sim.metrics.measures import run_measures

ROOT = Path(__file__).parent.parent.parent
MODULE = '''
"""Measures of a package of a test."""

import pandas as pd

from sim.metrics.measures import run_measures


@run_measures.register(unit="blocks", law="mean")
def blocks_agreed(frames: dict[str, pd.DataFrame]) -> float:
    """Blocks that were agreed on."""
    return len(frames["blocks"])


def broken(frames: dict[str, pd.DataFrame]) -> float:
    """Something that no frame holds."""
    return frames["epocs"]["tried"].sum()
'''
ENTRY_POINTS = "[powsim.measures]\nblocks_agreed = outside_measures:blocks_agreed\nbroken = outside_measures:broken\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where a distribution with two measures is installed; only there, so that no other test sees it."""
    (tmp_path / "site" / "outside-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "outside_measures.py").write_text(MODULE)
    metadata = tmp_path / "site" / "outside-1.0.dist-info"
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path / 'site'}"}


def powsim(environment: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sim", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_package_brings_measures(environment: dict[str, str], helpers: SimpleNamespace, tmp_path: Path) -> None:
    listed = powsim(environment, "list", "measures")
    assert "blocks_agreed" in listed.stdout
    assert "Blocks that were agreed on, in blocks" in listed.stdout
    section = "sweep: {grid: {work.rate_factor: [0.01, 0.02]}, measures: [blocks_agreed, broken, nonces_tried]}\n"
    file = helpers.write_sweep(tmp_path, section)
    done = powsim(environment, "sweep", file, "--workers", 1, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "measure broken is missing in 2 of 2 runs: KeyError: 'epocs'" in done.stdout
    # Read in this process, which does not know the package: the folder says what its measures are.
    found = sim.load_sweep(tmp_path / "out")
    assert "blocks_agreed" not in run_measures.names()
    assert list(found.measures) == ["blocks_agreed", "broken", "nonces_tried"]
    assert found.measures["blocks_agreed"].unit == "blocks"
    assert found.runs["blocks_agreed"].tolist() == [59.0, 59.0]
    assert found.runs["broken"].isna().all()
    assert found.runs["error"].isna().all()
    reasons = found.missing[["point", "measure", "reason", "is_failure"]].values.tolist()
    assert reasons == [[point, "broken", "KeyError: 'epocs'", True] for point in (0, 1)]


def test_a_package_whose_measure_says_nothing_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    module = tmp_path / "site" / "outside_measures.py"
    module.write_text(MODULE.replace('    """Something that no frame holds."""\n', ""))
    done = powsim(environment, "list", "measures")
    assert done.returncode == 2
    assert 'measure: cannot load "broken" of outside (outside_measures:broken): measure "broken": its docstring' in (
        done.stderr
    )
