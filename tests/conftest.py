"""Shared by all tests: where the data lies, and one small run."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("POWSIM_LINE_SECONDS", "1e6")  # on a busy machine lines on progress would come between others

import sim
from sim.difficulty import controllers
from sim.registry import Registry
from sim.results import Result
from sim.strategies import strategies
from sim.topologies import topologies

# The same examples in every run: a red test is red for everybody.
settings.register_profile("powsim", derandomize=True, deadline=None)
settings.load_profile("powsim")

ROOT = Path(__file__).parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"
REGISTRIES = {"controller_spec": controllers, "strategy_spec": strategies, "topology_spec": topologies}


@pytest.fixture(scope="session")
def small() -> Result:
    """Three epochs of a tiny network, run once."""
    return sim.run(SMALL)


@pytest.fixture
def powsim(monkeypatch: pytest.MonkeyPatch) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The whole command, in this process, started in the folder `cwd`: its exit status and what it printed."""
    from sim.cli import main

    def call(*arguments: object, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        status, out, errors = 0, io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            patch.setattr(sys, "argv", ["powsim", *map(str, arguments)])
            patch.chdir(cwd)
            try:
                main()
            except SystemExit as ended:
                status = int(ended.code or 0)
        return subprocess.CompletedProcess(sys.argv, status, out.getvalue(), errors.getvalue())

    return call


@pytest.fixture
def settings_of_torch() -> Iterator[None]:
    """Put the deterministic settings back, which hold for the whole process."""
    import torch

    matmul, before = torch.backends.cuda.matmul, torch.are_deterministic_algorithms_enabled()
    names = ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
    flags, fills = {name: getattr(matmul, name) for name in names}, torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(before)
    torch.utils.deterministic.fill_uninitialized_memory = fills
    for name, value in flags.items():
        setattr(matmul, name, value)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that has one of REGISTRIES as an argument over everything registered there."""
    for argument, registry in REGISTRIES.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, example_specs(registry), ids=lambda spec: spec["kind"])


def example_specs(registry: Registry[Any]) -> list[dict[str, Any]]:
    """A spec for every registered plug-in, required parameters taken from their schema's examples."""
    plugins = [schema for schema in registry.json_schema()["anyOf"] if "properties" in schema]
    return [_example(schema) for schema in plugins]


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name in schema["required"]:
        field = schema["properties"][name]
        if "const" in field:
            values[name] = field["const"]
        else:
            values[name] = field["examples"][0] if "examples" in field else _example(field)
    return values
