"""Folders of every kind of study that ends within a tenth of a second, made once; tests work on copies."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.execution.store import Store
from sim.race.lab_file import load_lab
from sim.studies.lab import run_lab

SWEEP: dict[str, Any] = {
    "grid": {"epochs": [1, 2]},
    "replications": 2,
    "measures": ["nonces_valid"],
    "keep": ["epochs"],
}
MINI = {
    "name": "mini",
    "epochs": 1,
    "protocol": {"epoch_length": 30, "poc_stage_duration": 6, "poc_validation_duration": 6},
    "work": {"kind": "sphere", "params": "devtest", "rate_factor": 0.01, "startup": "3 s"},
    "network": {"topology": "full_mesh"},
    "hosts": [{"name": "a", "count": 2, "gpus": "8 x H100-SXM", "region": "EUROPE"}],
}
LAB = """\
name: races
spacing: 10 min
decisions: 20
warm_up: 200
replications: 2
controllers: [fixed]
curves: [constant]
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's, a sweep's, an interrupted sweep's and a lab's folder."""
    root = tmp_path_factory.mktemp("made")
    sim.run(MINI).save(root / "run")
    (root / "mini.json.yaml").write_text(json.dumps({**MINI, "sweep": SWEEP}))
    sim.sweep(root / "mini.json.yaml", workers=0, out=root / "sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "append", stop_after(Store.append, 3))
        with pytest.raises(KeyboardInterrupt):
            sim.sweep(root / "mini.json.yaml", workers=0, out=root / "unfinished")
    (root / "lab.yaml").write_text(LAB)
    run_lab(load_lab(root / "lab.yaml"), out=root / "lab", root=root, report=lambda step: None)
    return root


def stop_after(append: Any, n_calls: int) -> Any:
    calls: list[Any] = []

    def call(*arguments: Any) -> None:
        append(*arguments)
        calls.append(arguments)
        if len(calls) == n_calls:
            raise KeyboardInterrupt

    return call


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Any:
    """Give a fresh copy of one of the folders."""
    return lambda kind: shutil.copytree(made / kind, tmp_path / kind, dirs_exist_ok=True)
