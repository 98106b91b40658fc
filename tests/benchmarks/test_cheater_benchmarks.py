"""How much longer a network runs in which hosts cheat (`make bench`), beside its bar: a ratio inside one program."""

import time
from typing import Any

import pytest

import sim
from sim.results import Result

pytestmark = pytest.mark.benchmark
BAR, N_ROUNDS, N_HOSTS, N_EPOCHS = 1.3, 2, 60, 30
CHEATS: list[dict[str, Any]] = [
    {"kind": "overclaim", "excess": 0.02},
    {"kind": "fabricate", "share": 0.3},
    {"kind": "duplicate", "within": "batch"},
    {"kind": "predict_sample", "excess": 0.5},
    {"kind": "precompute", "guess": "0123456789ABCDEF" * 4},
    {"kind": "late_burst", "wait": 0.2},
    {"kind": "high_distance"},
    {"kind": "lazy"},
    {"kind": "contrarian"},
    {"kind": "censor", "victims": ["honest"]},
]
"""Some wait for events of every block; none computes more nonces than an honest host, as `skip_layers` would."""
EACH = 2
HOST = {"gpus": ["8 x H100-SXM", "4 x H100-SXM"], "region": "EUROPE"}
NETWORK: dict[str, Any] = {
    "name": "cheaters",
    "epochs": N_EPOCHS,
    "protocol": {
        "epoch_length": 60,
        "poc_stage_duration": 12,
        "poc_validation_duration": 12,
        "validation_sample_size": 20,
    },
    "work": {"kind": "sphere", "params": "mainnet", "rate_factor": 0.05, "startup": "10 s"},
    "network": {"tier": "paths"},
    "hosts": [
        {"name": "honest", "count": N_HOSTS - EACH * len(CHEATS), **HOST},
        *({"name": cheat["kind"], "count": EACH, **HOST} for cheat in CHEATS),
    ],
}


def measure(overrides: dict[str, Any]) -> tuple[float, Result]:
    started = time.process_time()
    result = sim.run(NETWORK, overrides=overrides)
    return time.process_time() - started, result


def test_sixty_hosts_of_which_a_third_cheats() -> None:
    cheats = {f"hosts.{cheat['kind']}.strategy": cheat for cheat in CHEATS}
    honest, cheating = [], []
    for _ in range(N_ROUNDS):
        honest.append(measure({})[0])
        seconds, result = measure(cheats)
        cheating.append(seconds)
    ratio = min(cheating) / min(honest)
    print(f"\n{N_HOSTS} hosts, {N_EPOCHS} epochs, {len(CHEATS)} kinds of cheater (bar: {BAR} times the honest run)")
    print(f"  {min(honest):8.1f} s of honest hosts, {min(cheating):.1f} s with cheaters: {ratio:.2f} times")
    assert set(result.participants["strategy"]) == {"honest", *(cheat["kind"] for cheat in CHEATS)}
    assert len(result.epochs) == N_EPOCHS
    assert ratio <= BAR
