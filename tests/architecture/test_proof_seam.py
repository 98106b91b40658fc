"""Only the scheme `hits`, its work and what prints its column name `r_target`; all else knows a threshold (plan 1)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NAMED_IN = {
    "pow/": "the kernel, where it comes from",
    "sim/protocol/proofs/hits.py": "the scheme whose parameter it is",
    "sim/work/kernel.py": "work of that scheme",
    "sim/work/sphere.py": "work of that scheme",
    "sim/difficulty/": "controllers say what they steer instead",
    "sim/metrics/columns.py": "names of columns, which users' notebooks read",
    "sim/figures/report.py": "reads that column",
    "sim/figures/table.py": "reads that column",
    "sim/figures/plots.py": "draws distances of the kernel itself",
    "sim/theory/": "rows about the kernel itself, and published figures of the launch",
    "sim/kernel_commands.py": "commands about the kernel itself",
}
FILES = [path.relative_to(ROOT).as_posix() for name in ("pow", "sim") for path in sorted((ROOT / name).rglob("*.py"))]


def names_it(file: str) -> bool:
    return re.search("r_target", (ROOT / file).read_text(encoding="utf-8"), re.IGNORECASE) is not None


def is_exempt(file: str) -> bool:
    return any(file == place or (place.endswith("/") and file.startswith(place)) for place in NAMED_IN)


@pytest.mark.parametrize("file", [file for file in FILES if not is_exempt(file)])
def test_nothing_else_names_the_parameter_of_one_scheme(file: str) -> None:
    assert not names_it(file)


@pytest.mark.parametrize("place", NAMED_IN)
def test_every_exception_is_needed(place: str) -> None:
    assert any(names_it(file) for file in FILES if file == place or file.startswith(place))


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.startswith("sim/protocol/") and "/proofs/" not in file]
)
def test_rules_outside_the_room_of_proofs_name_no_scheme_and_no_message_of_one(file: str) -> None:
    """The table of versions alone says which scheme a version has."""
    text = (ROOT / file).read_text(encoding="utf-8")
    names = {"SubmitProofBatch", "FiledBatches"} | ({"Hits"} if file != "sim/protocol/versions.py" else set())
    assert {name for name in names if name in text} == set()
