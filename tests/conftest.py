"""Shared by all tests: where the data lies, and one small run."""

from pathlib import Path

import pytest

import sim
from sim.results import Result

ROOT = Path(__file__).parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"


@pytest.fixture(scope="session")
def small() -> Result:
    """Three epochs of a tiny network, run once."""
    return sim.run(SMALL)
