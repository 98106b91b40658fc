"""What the pages tell people to type exists: commands, make targets, scenarios, plug-ins, links."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from sim.cli import app
from sim.scenario.load import parse_scenario
from sim.topologies.table_file import parse_table

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "specification").glob("*.md")])
yaml = YAML(typ="safe", pure=True)


def commands(group: Any, prefix: str = "") -> dict[str, set[str]]:
    """The options of every command, by its words: "run", "kernel distances"."""
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = {option for parameter in command.params for option in parameter.opts}
    return found


COMMANDS = commands(get_command(app))
GROUPS = {name.rpartition(" ")[0] for name in COMMANDS} - {""}


def find_command(words: str) -> str | None:
    """The command that a quoted text begins with."""
    return next((name for name in COMMANDS if f"{words} ".startswith(f"{name} ")), None)


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def scenarios() -> list[object]:
    found = [(page, text) for page in PAGES for text in fenced(page, "yaml") if re.search("^epochs:", text, re.M)]
    return [pytest.param(text, id=f"{page.name}-{number}") for number, (page, text) in enumerate(found)]


def test_readme_lists_every_command_and_no_other() -> None:
    lines = re.findall(r"^\| `powsim (.*)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M)
    assert sorted(str(find_command(line)) for line in lines) == sorted(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_quoted_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for words in re.findall(r"(?:`|bin/|\$ )powsim ([a-z][^\n`|]*)", text):
        if words.rstrip(" .") in GROUPS:
            continue
        command = find_command(words)
        assert command is not None, words
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", words)) <= COMMANDS[command], words
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.M):
        assert f"\n{target}:" in makefile, target


def read_workflow() -> dict[str, Any]:
    job = yaml.load((ROOT / ".github" / "workflows" / "golden.yml").read_text(encoding="utf-8"))["jobs"]["golden"]
    return {"machines": job["strategy"]["matrix"]["include"], "calls": [s["run"] for s in job["steps"] if "run" in s]}


def test_the_workflow_calls_what_is_there() -> None:
    """It runs on other machines only; its files, tests and options can be held to the tree here."""
    install, tests, agree = read_workflow()["calls"]
    options = dict(re.findall(r"--(constraint|editable) (\S+)", install))
    assert (ROOT / options["constraint"]).exists()
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.optional-dependencies]")[2]
    extra = re.sub(r"\W", "", options["editable"])
    assert f"\n{extra} = [" in extras
    assert tests.startswith("python -m pytest ")
    assert list((ROOT / tests.split()[-1]).glob("test_*.py"))
    words = agree.removeprefix("python -m sim ")
    command = find_command(words)
    assert command is not None
    assert set(re.findall(r"--[a-z-]+", words.partition("${{")[0])) <= COMMANDS[command]


def test_the_workflow_covers_systems_and_processors() -> None:
    machines = [tuple(each["machine"].split("-")) for each in read_workflow()["machines"]]
    assert {system for system, _ in machines} == {"linux", "macos", "windows"}
    assert {processor for _, processor in machines} == {"x86", "arm"}


@pytest.mark.parametrize("text", scenarios())
def test_scenario_examples_load(text: str) -> None:
    scenario = parse_scenario(text)
    assert text.startswith("# "), f"{scenario.name}: the first line says what it shows"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_plugin_examples_run(tmp_path: Path) -> None:
    """All examples in one process of their own: they register themselves, as in a notebook."""
    plugins = ROOT / "docs" / "plugins.md"
    modules = [*fenced(ROOT / "CONTRIBUTING.md", "python"), *fenced(plugins, "python")]
    fragments = [{"difficulty": "growing"}, *(yaml.load(text) for text in fenced(plugins, "yaml"))]
    small = yaml.load((ROOT / "tests" / "data" / "small.yaml").read_text(encoding="utf-8"))
    lines = [f"exec(compile({text!r}, 'example', 'exec'), globals())" for text in modules] + ["import sim"]
    for number, fragment in enumerate(fragment for fragment in fragments if "vram_gib" not in fragment):
        file, is_lab = tmp_path / f"{number}.yaml", "controllers" in fragment
        with file.open("w", encoding="utf-8") as stream:
            yaml.dump(fragment if is_lab else {**small, "epochs": 2, **fragment}, stream)
        if is_lab:
            lines.append(count_races(file, tmp_path))
        else:
            scenario = file
            lines.append(f"print(sim.run({str(file)!r}).summary['claims_accepted'] > 0)")
    lines.append(f"found = sim.sweep({str(scenario)!r}, replications=1, measures=[seeds_unused_share], workers=0)")
    lines.append("print(found.runs['seeds_unused_share'].tolist())")
    script = tmp_path / "examples.py"
    script.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == ["40", "80", *["True"] * (len(modules) - 2), "[0.0]"]


def count_races(lab: Path, folder: Path, *changes: str) -> str:
    """Lines of Python that run a lab and print the number of its races: controllers times curves times replications."""
    return (
        "from pathlib import Path\n"
        "from sim.race.lab_file import load_lab\n"
        "from sim.studies.lab import run_lab\n"
        f"lab = load_lab({str(lab)!r}, {list(changes)!r})\n"
        f"print(len(run_lab(lab, out=None, root=Path({str(folder)!r}), report=lambda step: None).races))\n"
    )


def test_curve_example_runs(tmp_path: Path) -> None:
    """In a process of its own, where the curve registers itself."""
    page = ROOT / "docs" / "choosing_a_controller.md"
    (module,), (lab,) = fenced(page, "python"), fenced(page, "yaml")
    (tmp_path / "lab.yaml").write_text(lab, encoding="utf-8")
    script = f"exec(compile({module!r}, 'example', 'exec'), globals())\n"
    script += count_races(tmp_path / "lab.yaml", tmp_path, "decisions=100", "replications=8")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (done.stdout, done.stderr) == ("16\n", "")


def test_gpu_example_is_a_profile(tmp_path: Path) -> None:
    from sim.gpus import read_profile

    (text,) = [text for text in fenced(ROOT / "docs" / "plugins.md", "yaml") if "vram_gib" in text]
    file = tmp_path / "Example-96.yaml"
    file.write_text(text, encoding="utf-8")
    assert read_profile(file).raw_nonces_per_second > 0


def test_the_region_table_of_the_page_is_one() -> None:
    (text,) = [text for text in fenced(ROOT / "docs" / "how_a_run_works.md", "yaml") if "latency_ms" in text]
    assert parse_table(text, "offices.yaml").regions == ("HOME", "OFFICE")
