"""Golden vectors as test cases: an argument named `<file>_case` runs through every case of `<file>.json`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
PACKAGED = Path(__file__).parents[2] / "sim" / "theory" / "data" / "network_2026"  # `powsim theory` reads it too


def _name(case: dict[str, Any]) -> str:
    keys = ("model", "shape_name", "dtype", "seed_string", "num_hashes", "nonce", "dim", "vocab_size", "head_dim", "n")
    parts = [str(case[key])[:24] for key in keys if key in case]
    return "-".join(parts) or "-".join(str(value) for value in case.values() if isinstance(value, int))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument in metafunc.fixturenames:
        if argument.endswith("_case"):
            name = f"{argument.removesuffix('_case')}.json"
            folder = PACKAGED if (PACKAGED / name).exists() else GOLDEN
            metafunc.parametrize(argument, json.loads((folder / name).read_text())["cases"], ids=_name)


@pytest.fixture(scope="session")
def golden():
    """Gives a whole golden file."""
    return lambda name: json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def sha256():
    """Gives the hash of an array's bytes, C order."""
    return lambda array: hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The golden distances were made by one torch thread; also, test workers then do not fight for cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
