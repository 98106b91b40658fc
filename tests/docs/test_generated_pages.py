"""The pages that are made from the code are as the code makes them."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

import sim.protocol

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))  # generate.py imports its neighbours
GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize(
    ("page", "made"), [pytest.param(page, text, id=page.name) for page, text in GENERATE["make_pages"]().items()]
)
def test_page_is_as_the_code_makes_it(page: Path, made: str) -> None:
    assert page.read_text(encoding="utf-8") == made, f"{page.name} is behind: run .venv/bin/python docs/generate.py"


def test_every_field_and_column_is_described() -> None:
    scenario, frames = (GENERATE["make_pages"]()[ROOT / "docs" / name] for name in ("scenario.md", "frames.md"))
    for key in ("`epochs`", "`protocol.block_time`", "`hosts.gpus`", "`target.valid_nonces_per_epoch`", "`excess`"):
        assert f"\n| {key} |" in scenario
    for column in ("`r_target`", "`inclusion_delay_seconds`", "`reward_ngonka`"):
        assert f"\n| {column} |" in frames
    for row in [line for line in (scenario + frames).splitlines() if line.startswith("| `")]:
        assert row.split("|")[-2].strip(), f"no meaning: {row}"


def test_a_block_is_replaced_and_nothing_else() -> None:
    replace_block = GENERATE["replace_block"]
    text = "before\n<!-- begin: a b -->\nold\n<!-- end: a b -->\nafter\n"
    made = replace_block(text, "a b", "new")
    assert made == text.replace("old", "new")
    assert replace_block(made, "a b", "new") == made
    with pytest.raises(ValueError, match="no block"):
        replace_block(text, "a", "new")


def test_the_rules_page_leaves_no_module_out() -> None:
    listed = re.findall(r"^- `(\w+)`", sim.protocol.__doc__ or "", flags=re.MULTILINE)
    modules = {path.stem for path in (ROOT / "sim" / "protocol").glob("*.py")} - {"__init__"}
    assert sorted(listed) == sorted(modules)


@pytest.mark.parametrize("script", ["compare_results", "generate", "interval_coverage", "propagation", "refresh"])
def test_scripts_of_the_pages_find_all_that_they_import(script: str) -> None:
    """Nobody runs most of them in the tests: a name that has gone would show months later."""
    assert importlib.import_module(script)
