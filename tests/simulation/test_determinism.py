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
DEVTEST = {"epochs": 2, "work.params": "devtest", "work.rate_factor": 0.01}
# Many hosts under the exact law: claims checked by committees, messages by shortest paths.
BULK = {
    **{"epochs": 2, "work.kind": "sphere", "network.tier": "paths", "hosts.big.count": 40},
    "protocol.validation_committee": 8,
}
PROGRAM = """
import json, sys
from pathlib import Path
import sim
result = sim.run("tests/data/small.yaml", seed=1, overrides=json.loads(sys.argv[2]))
result.save(Path(sys.argv[1]))
print(result.provenance["trace_hash"])
"""


def run(out: Path, hash_seed: str, n_threads: int, settings: dict[str, object]) -> tuple[str, dict[str, str]]:
    """Trace and files of a run in a process of its own."""
    overrides = json.dumps({**settings, "work.threads": n_threads})
    threads = {"OMP_NUM_THREADS": str(n_threads), "MKL_NUM_THREADS": str(n_threads)}
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, **threads}
    command = [sys.executable, "-c", PROGRAM, str(out), overrides]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    files = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("*.parquet"))}
    return done.stdout, files


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="tiny"),
        pytest.param(DEVTEST, id="devtest", marks=pytest.mark.slow),
        pytest.param(BULK, id="bulk"),
    ],
)
def test_trace_and_parquet_bytes(tmp_path: Path, settings: dict[str, object]) -> None:
    first = run(tmp_path / "a", "0", 1, settings)
    second = run(tmp_path / "b", "12345", 2, settings)
    assert first == second
    assert len(first[1]) == len(FRAMES)
