"""How much longer a network runs in which hosts cheat (`make bench`), beside its bar: a ratio inside one program."""

import time
from typing import Any

import pytest

import sim

pytestmark = pytest.mark.benchmark
BAR, N_ROUNDS = 1.3, 2
CHEATS: list[Any] = [
    {"kind": "overclaim", "excess": 0.02},
    {"kind": "start_late", "wait": 0.2},
    {"kind": "rent", "own": 1, "first_epoch": 3, "epochs": 5},
    "lazy",
]
GPUS = ["8 x H100-SXM", "8 x H100-SXM", "4 x H100-SXM"]
HOST = {"gpus": GPUS, "region": "EUROPE"}
NETWORK: dict[str, Any] = {
    "name": "cheaters",
    "epochs": 30,
    "protocol": {
        "epoch_length": 100,
        "poc_stage_duration": 20,
        "poc_validation_duration": 20,
        "validation_sample_size": 20,
    },
    "work": {"kind": "sphere", "params": "mainnet", "rate_factor": 0.05, "startup": "10 s"},
    "network": {"tier": "paths"},
    "hosts": [
        {"name": "honest", "count": 60 - 2 * len(CHEATS), **HOST},
        *({"name": f"cheat{place}", "count": 2, **HOST} for place in range(len(CHEATS))),
    ],
}


def measure(overrides: dict[str, Any]) -> tuple[float, sim.results.Result]:
    started = time.process_time()
    result = sim.run(NETWORK, overrides=overrides)
    return time.process_time() - started, result


def test_sixty_hosts_of_which_a_third_cheats() -> None:
    cheats = {f"hosts.cheat{place}.strategy": cheat for place, cheat in enumerate(CHEATS)}
    honest, cheating = [], []
    for _ in range(N_ROUNDS):
        honest.append(measure({})[0])
        seconds, result = measure(cheats)
        cheating.append(seconds)
    ratio = min(cheating) / min(honest)
    print(f"\n60 hosts, 30 epochs, {len(CHEATS)} kinds of cheater (bar: {BAR} times the honest run)")
    print(f"  {min(honest):8.1f} s of honest hosts, {min(cheating):.1f} s with cheaters: {ratio:.2f} times")
    assert set(result.participants["strategy"]) == {"honest"} | {c if isinstance(c, str) else c["kind"] for c in CHEATS}
    assert len(result.epochs) == 30
    assert ratio <= BAR
