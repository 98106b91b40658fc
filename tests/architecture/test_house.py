"""The house: what may import what, how large a file is, what a name means, and why."""

import ast
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from sim.nodes.executor import _CARRY_OUT
from sim.strategies.actions import KNOWN_ACTIONS

ROOT = Path(__file__).parent.parent.parent
FILES = sorted([*(ROOT / "sim").rglob("*.py"), *(ROOT / "pow").rglob("*.py")])
TIME_PASSES = ("sim/world.py", "sim/nodes/", "sim/chain/", "sim/network/")
MOST_LINES, MEDIAN_LINES, FEWEST_LINES = 400, 100, 25
MOST_ROOMS = 10
ASSEMBLES = "sim.world"  # builds a run from the parts of every room
PUBLIC_FRONT = "sim.protocol"  # offers the tree of commitments to scripts, which need not know its room
REPLAYS = "sim/theory/models/published.py"  # repeats a published run, which drew from Python's own generator


def name_module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def name_room(module: str) -> str:
    """Return the folder that the module stands in."""
    path = MODULES[module]
    return path.parent.relative_to(ROOT).as_posix()


def find_imports(tree: ast.AST) -> Iterator[str]:
    """Yield what is imported, in functions and for the type checker too, as module or as module.name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide which room a name comes from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_module(imported: str) -> str:
    """Return the module of ours that an imported name belongs to; "" where it is somebody else's."""
    return next((name for name in (imported, imported.rpartition(".")[0]) if name in MODULES), "")


def link(trees: Mapping[str, ast.AST]) -> dict[str, set[str]]:
    """Return module -> modules of ours that it imports."""
    found = {module: {find_module(name) for name in find_imports(tree)} for module, tree in trees.items()}
    return {module: {other for other in others if other and other != module} for module, others in found.items()}


MODULES = {name_module(path): path for path in FILES}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}
LINKS = link(TREES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_doors(path: Path) -> None:
    name, found = path.relative_to(ROOT).as_posix(), set(find_imports(TREES[name_module(path)]))
    tops = {module.split(".")[0] for module in found}
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


def find_circle() -> list[str]:
    """Return files that import each other in a circle, or nothing."""
    try:
        TopologicalSorter(LINKS).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_files() -> None:
    assert not find_circle(), "files in a circle can only be read all at once"


def test_no_module_knows_too_many_rooms() -> None:
    rooms = {module: {name_room(other) for other in LINKS[module]} - {name_room(module)} for module in LINKS}
    many = {module: sorted(known) for module, known in rooms.items() if len(known) > MOST_ROOMS and module != ASSEMBLES}
    assert not many, f"who needs more than {MOST_ROOMS} other rooms has several purposes, or is a second world: {many}"


def test_a_class_name_has_one_meaning() -> None:
    defined = defaultdict(list)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(module)
    twice = {name: modules for name, modules in defined.items() if len(modules) > 1}
    assert not twice, f"a reader who meets the name cannot tell which of them it is: {twice}"


def is_handing_on(tree: ast.Module) -> bool:
    """Tell whether a file has imports and, besides a docstring and `__all__`, nothing of its own."""
    rest = [
        node
        for node in tree.body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]
    return not rest and any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body)


def test_no_module_only_hands_on_names() -> None:
    assert is_handing_on(ast.parse('"""Front."""\nfrom a import b\n__all__ = ["b"]'))
    guilty = [module for module, tree in TREES.items() if is_handing_on(tree) and module != PUBLIC_FRONT]
    assert not guilty, f"a name has one place from which all import it: {guilty}"


def test_sizes_of_files() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    large = {name: n for name, n in lines.items() if n > MOST_LINES}
    assert not large, f"a reader should see a file's one purpose; at most {MOST_LINES} lines: {large}"
    fronts = ("__init__.py", "__main__.py")
    small = {name: n for name, n in lines.items() if n < FEWEST_LINES and not name.endswith(fronts)}
    assert not small, f"so little belongs into the file that uses it; at least {FEWEST_LINES} lines: {small}"
    assert statistics.median(lines.values()) < MEDIAN_LINES, "the usual file should fit on two screens"


def test_no_test_package_shadows_the_kernel() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_a_host_can_do_every_action_that_a_strategy_may_ask_for() -> None:
    assert _CARRY_OUT.keys() == KNOWN_ACTIONS.keys()
