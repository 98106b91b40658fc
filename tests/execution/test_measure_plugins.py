"""Measures of other packages, as entry points of an installed distribution, in this process and in workers."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

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
    script = (
        "import sim, sys\n"
        "found = sim.load_sweep(sys.argv[1])\n"
        "print(list(found.measures), found.runs['blocks_agreed'].tolist(), found.runs['broken'].isna().all())\n"
        "print(found.measures['blocks_agreed'].unit, found.runs['error'].isna().all())\n"
        "print(found.missing[['point', 'measure', 'reason', 'is_failure']].values.tolist())\n"
    )
    # Read without the package: the folder says what its measures are.
    plain = {**environment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    read = subprocess.run(command, env=plain, capture_output=True, text=True, check=True, timeout=60).stdout
    assert read.splitlines() == [
        "['blocks_agreed', 'broken', 'nonces_tried'] [59.0, 59.0] True",
        "blocks True",
        "[[0, 'broken', \"KeyError: 'epocs'\", True], [1, 'broken', \"KeyError: 'epocs'\", True]]",
    ]


def test_a_package_whose_measure_says_nothing_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    module = tmp_path / "site" / "outside_measures.py"
    module.write_text(MODULE.replace('    """Something that no frame holds."""\n', ""))
    done = powsim(environment, "list", "measures")
    assert done.returncode == 2
    assert 'measure: cannot load "broken" of outside (outside_measures:broken): measure "broken": its docstring' in (
        done.stderr
    )
