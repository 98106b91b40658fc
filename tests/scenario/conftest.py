import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # every_number
DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def full_text() -> str:
    """A scenario that uses every section, as text."""
    return (DATA / "scenario_full.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA
