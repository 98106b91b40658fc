"""The kernel's memory, its pool and its share of a whole run beside their bars (`make bench`)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from pow.benchmark import measure_seconds
from pow.kernel import Kernel
from pow.parameters import CHUNK, SIGMA, pool
from pow.params import PRESETS
from pow.seeds import parameter_generator

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).parent.parent.parent
HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"
MEMORY_BARS_GB = [("testnet", "float16", 0.8), ("mainnet", "mixed", 4.2), ("mainnet", "float32", 6.0)]
POOL_BAR, RUN_BAR = 1.3, 0.75
PROGRAM = """
import json, sys
from pow.devices import get_n_cpus
from pow.kernel import Kernel
from pow.params import PRESETS

with Kernel(sys.argv[1], PRESETS[sys.argv[2]], sys.argv[3], batch_size=1, n_threads=1, torch_threads=get_n_cpus()) as k:
    distance = k.distances("key", [1])[0]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([int(status["VmHWM"].split()[0]) * 1024, distance]))
"""


@pytest.mark.parametrize(("preset", "dtype", "bar_gb"), MEMORY_BARS_GB)
def test_peak_memory_of_a_nonce(preset: str, dtype: str, bar_gb: float) -> None:
    """In a program of its own, with all that it loads; the pool is what cannot be saved."""
    command = [sys.executable, "-c", PROGRAM, HASH, preset, dtype]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found_bytes, distance = json.loads(done.stdout)
    assert 1.3 < distance < 1.5
    pool_gb = PRESETS[preset].pool_size * (4 if dtype == "float32" else 2) / 1e9
    print(f"\n{preset} {dtype}: peak memory {found_bytes / 1e9:.2f} GB (bar: {bar_gb} GB; the pool: {pool_gb:.2f} GB)")
    assert found_bytes <= bar_gb * 1e9


@pytest.mark.parametrize("preset", ["testnet", "mainnet"])
def test_pool_beside_the_raw_draws(preset: str) -> None:
    """Rounded, cast and copied in the time of NumPy's draws and little more."""
    params = PRESETS[preset]

    def draw() -> None:
        generator = parameter_generator(HASH)
        for begin in range(0, params.pool_size, CHUNK):
            generator.normal(0.0, SIGMA, min(CHUNK, params.pool_size - begin))

    raw = measure_seconds(draw, 1.0)
    ratio = measure_seconds(lambda: pool(HASH, params), 1.0) / raw
    print(f"\n{preset}: pool in {ratio:.2f} of the {raw:.1f} s of its draws (bar: {POOL_BAR})")
    assert ratio <= POOL_BAR


def test_share_of_a_whole_run() -> None:
    """Nonces that the baseline computes per second of wall time beside what its kernel alone reaches."""
    result = sim.run(ROOT / "scenarios" / "baseline.yaml")
    work, seconds = result.provenance["work"], result.provenance["wall_seconds"]
    (dtype,) = work["batch_size_by_dtype"]
    params = sim.load_scenario(ROOT / "scenarios" / "baseline.yaml").work.pow_params
    with Kernel(HASH, params, dtype) as kernel:
        n = kernel.batch_size * kernel.n_threads * 2
        limit = n / measure_seconds(lambda: kernel.distances("k", range(n)), 4.0)
    share = work["computed"] / seconds / limit
    print(f"\nbaseline: {work['computed']} nonces in {seconds:.0f} s, {share:.2f} of the kernel's {limit:.0f} nonces/s")
    print(f"  (bar: {RUN_BAR}, on a quiet machine)")
    assert share >= RUN_BAR
