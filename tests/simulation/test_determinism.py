"""Same seed, same bits: across processes, hash seeds and numbers of threads."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.metrics.columns import FRAMES

ROOT = Path(__file__).parent.parent.parent
# devtest matrices are large enough for a linear algebra library to split them among threads.
DEVTEST = ("epochs=2", "work.params=devtest", "work.rate_factor=0.01")
# More than a hundred hosts under the exact law: validation as arrays, by committees.
BULK = ("epochs=2", "work.kind=sphere", "network.tier=paths", "hosts.big.count=100", "protocol.validation_committee=8")


def run(out: Path, hash_seed: str, torch_threads: str, *settings: str) -> tuple[str, dict[str, str]]:
    command = [sys.executable, "-m", "sim", "run", "tests/data/small.yaml", "--seed", "1", "--out", str(out)]
    for setting in settings:
        command += ["--set", setting]
    threads = {"OMP_NUM_THREADS": torch_threads, "MKL_NUM_THREADS": torch_threads}
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, **threads}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("*.parquet"))}
    return json.loads((out / "provenance.json").read_text())["trace_hash"], files


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param((), id="tiny"),
        pytest.param(DEVTEST, id="devtest", marks=pytest.mark.slow),
        pytest.param(BULK, id="bulk"),
    ],
)
def test_trace_and_parquet_bytes(tmp_path: Path, settings: tuple[str, ...]) -> None:
    first = run(tmp_path / "a", "0", "1", "work.threads=1", *settings)
    second = run(tmp_path / "b", "12345", "2", "work.threads=2", *settings)
    assert first == second
    assert len(first[1]) == len(FRAMES)
