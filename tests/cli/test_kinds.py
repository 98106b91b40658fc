"""Kinds of studies: every file is of one, every command loops over them, and another package may bring one."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim import shipped
from sim.cli import app
from sim.errors import ScenarioError, UserError
from sim.studies import kinds
from sim.studies.kinds import KINDS, find_kind, load_any, load_any_result

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = ROOT / "scenarios"
EXAMPLES = {
    "scenario": SCENARIOS / "baseline.yaml",
    "sweep": SCENARIOS / "sweeps" / "controllers.yaml",
    "lab": SCENARIOS / "difficulty" / "lab.yaml",
    "search": SCENARIOS / "difficulty" / "tune-pid.yaml",
}
BY_NAME = {name: kind for kind in KINDS for name in kind.names}


@pytest.mark.parametrize("file", sorted(SCENARIOS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_file_is_fine(file: Path) -> None:
    kind, loaded = load_any(file)
    assert loaded.name == file.stem
    assert kind.describe(loaded)
    assert file.read_text().startswith("# "), f"{file}: `powsim list` shows the first comment line"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_of_another_kind_is_told_with_its_command(name: str) -> None:
    file, kind = EXAMPLES[name], BY_NAME[name]
    assert find_kind(file) is kind
    assert load_any(file)[0] is kind
    for other in KINDS:
        if other is not kind and kind.keys:
            with pytest.raises(ScenarioError, match=f"describes {kind.summary}: `powsim {kind.commands[0][0]}` runs"):
                load_any(file, kind=other)


def test_a_broken_file_of_the_right_kind_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(EXAMPLES["lab"].read_text().replace("spacing", "spacng"))
    with pytest.raises(ScenarioError, match="spacng: unknown key"):
        load_any(file)
    file.write_text("{{{")
    with pytest.raises(ScenarioError, match="not valid YAML"):
        load_any(file, kind=BY_NAME["lab"])


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_kind_has_its_flag_and_schema(name: str) -> None:
    runner = CliRunner()
    told = runner.invoke(app, ["schema", f"--{name}"])
    assert json.loads(told.stdout)["$schema"].startswith("https://json-schema.org")
    file = EXAMPLES[BY_NAME[name].names[0]]
    told = runner.invoke(app, ["check", f"--{name}", str(file)])
    assert (told.exit_code, f"{file}: fine: {file.stem}" in told.stdout) == (0, True), told.output
    both = runner.invoke(app, ["check", f"--{name}", "--lab" if name != "lab" else "--sweep", str(file)])
    assert isinstance(both.exception, UserError)
    assert "a file is of one kind" in str(both.exception)


def test_a_folder_of_no_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a results folder"):
        load_any_result(tmp_path)


def test_another_package_brings_a_kind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One that cannot be loaded is told, and all other kinds go on."""
    names = {"toy": "sim.studies.kinds:KINDS", "gone": "sim.nowhere:kind"}  # any object will do
    found = [EntryPoint(name, value, kinds.ENTRY_POINTS) for name, value in names.items()]
    monkeypatch.setattr(kinds, "entry_points", lambda group: found if group == "powsim.kinds" else [])
    assert list(kinds._load_outside()) == [KINDS]
    assert 'warning: cannot load the kind "gone" (sim.nowhere:kind): No module' in capsys.readouterr().err


def test_scenarios_are_found_beside_the_package_and_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped.find_shipped() == SCENARIOS
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"scenarios": f"sim/{shipped.FOLDER}"}
    installed = tmp_path / "site-packages" / "sim"
    (installed / "scenarios" / "sweeps").mkdir(parents=True)
    (installed / "scenarios" / "sweeps" / "mine.yaml").write_text("# Mine.\n")
    monkeypatch.setattr(shipped, "PACKAGE", installed)
    monkeypatch.chdir(tmp_path)
    assert [str(file) for file in shipped.list_files()] == ["site-packages/sim/scenarios/sweeps/mine.yaml"]
    assert shipped.find_named(Path("mine")) == Path("site-packages/sim/scenarios/sweeps/mine.yaml")
    assert shipped.find_named(Path("other")) == Path("other")
    assert shipped.find_named(Path("mine.yaml")) == Path("mine.yaml")
    (tmp_path / "mine").write_text("")
    assert shipped.find_named(Path("mine")) == Path("mine")


def test_shipped_scenarios_are_listed_and_run_from_everywhere(
    powsim: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "broken.yaml").write_text("# Broken.\n{{{")
    listing = powsim("list", "scenarios", "sweeps", "labs", "searches", cwd=tmp_path).stdout
    for file in EXAMPLES.values():
        assert str(file) in listing.replace("\n", "")
    assert "scenarios/broken.yaml" in listing
    assert "16 hosts in 7 groups" in powsim("check", "baseline", cwd=tmp_path).stdout
    assert powsim("list", "scenaros", cwd=tmp_path).stderr.startswith(
        'no list of "scenaros". Did you mean "scenarios"?'
    )


def test_shipped_scenarios_are_no_part_of_the_code(tmp_path: Path) -> None:
    """A wheel has them inside the package, a checkout beside it: one must be able to go on with the other's sweep."""
    for package in ("sim", "pow"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SCENARIOS, tmp_path / "sim" / "scenarios")
    code = "from sim.provenance import get_source_version; import sim; print(sim.__file__, get_source_version())"
    versions = {}
    for root in (ROOT, tmp_path):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", code]
        elsewhere = tmp_path / "sim" / "scenarios"  # Python looks for packages where it starts
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=True)
        file, versions[root] = done.stdout.split()
        assert Path(file).parent.parent == root
    assert versions[ROOT] == versions[tmp_path]
