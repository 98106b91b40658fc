"""The house: what may import what, and why."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "sim").rglob("*.py"), *(ROOT / "pow").rglob("*.py")])
TIME_PASSES = ("sim/world.py", "sim/nodes/", "sim/chain/", "sim/network/")
MAX_LINES = 300
REPLAYS = "sim/theory/models/published.py"  # repeats a published run, which drew from Python's own generator


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_rooms(path: Path) -> None:
    name, found = path.relative_to(ROOT).as_posix(), imports(path)
    tops = {module.split(".")[0] for module in found}
    assert len(path.read_text().splitlines()) <= MAX_LINES, (
        f"{name}: a reader should see a file's one purpose at a glance"
    )
    assert "random" not in tops or name == REPLAYS, (
        f"{name}: draw from a named stream, or the same seed will not give the same bits"
    )
    assert "pow" not in found, f"{name}: `import pow` hides Python's own pow; write `from pow.x import y`"
    if name.startswith("pow/"):
        assert "sim" not in tops, f"{name}: the kernel must be usable without the simulator"
    if name.startswith("sim/") and not name.startswith(TIME_PASSES):
        assert "simpy" not in tops, f"{name}: rules stay pure, so that they can be tested in microseconds"
    if name.startswith("sim/") and name != "sim/work/kernel.py":
        assert "torch" not in tops, f"{name}: torch takes a second to load; only sim.work.kernel opens that door"


def test_no_test_package_shadows_the_kernel() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
