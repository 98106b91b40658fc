from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def full_text() -> str:
    """A scenario that uses every section, as text."""
    return (DATA / "scenario_full.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA
