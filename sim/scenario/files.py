"""Files that a scenario names: sought where the scenario lies, then where the program runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sim.documents.document import Document, Place
from sim.errors import Mistake, ScenarioError
from sim.problems import Loc
from sim.topologies.regions_data import is_table_file, load_region_table
from sim.work.stacks import load_pairs

CACHE = ("work", "cache")
TOPOLOGY_PATH, TOPOLOGY_DATA = ("network", "topology", "path"), ("network", "topology", "data")
PAIRS = ("work", "pairs")


def find_file(name: str, place: Place) -> Path:
    """Return the absolute path: beside the file that names it, unless it is only to be found from where we are."""
    beside, here = Path(place.source).parent / name, Path(name)
    is_beside = place.line is not None and (_exists(beside) or not _exists(here))
    return (beside if is_beside else here).absolute()


def _exists(path: Path) -> bool:
    """Tell whether there is such a file; a name that no file can have counts as none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def name_source(written: str, file: Path, named: Place) -> str:
    """Return the file's name as a person finds it: as written, from the scenario's folder where it lies there."""
    beside = Path(named.source).parent / written
    return str(beside) if named.line is not None and beside.absolute() == file else written


def locate_file_mistakes(error: ScenarioError, named: Place, loc: Loc) -> Iterator[Mistake]:
    """Yield a file's mistakes at their lines; where it is no such file at all, at the place that names it."""
    for wrong in error.mistakes:
        yield wrong if wrong.line else named.mistake(f"{wrong.source}: {wrong.message}", loc)


def resolve_files(document: Document) -> set[Loc]:
    """Make files, and the folder of distances, findable from everywhere.

    Results and workers of a sweep lie in other folders.

    Mistakes in a region table or a table of pairs join the document's; return the parts of the tree that are told so
    already.
    """
    if isinstance(cache := _get(document, CACHE), str) and cache:
        document.replace(CACHE, str(Path(cache).absolute()), document.find_place(CACHE))
    if isinstance(path := _get(document, TOPOLOGY_PATH), str) and path:
        _resolve(document, TOPOLOGY_PATH, path)
    told = set[Loc]()
    data, pairs = _get(document, TOPOLOGY_DATA), _get(document, PAIRS)
    if isinstance(data, str) and is_table_file(data):
        told |= _check_table(document, TOPOLOGY_DATA, data, load_region_table)
    if isinstance(pairs, str) and pairs:
        told |= _check_table(document, PAIRS, pairs, load_pairs)
    return told


def _check_table(document: Document, loc: Loc, written: str, load: Callable[[str, str], object]) -> set[Loc]:
    named, file = _resolve(document, loc, written)
    try:
        load(str(file), name_source(written, file, named))
    except ScenarioError as error:
        document.mistakes += locate_file_mistakes(error, named, loc)
        return {loc}
    return set()


def _get(document: Document, loc: Loc) -> Any:
    found: Any = document.tree
    for key in loc:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _resolve(document: Document, loc: Loc, name: str) -> tuple[Place, Path]:
    """Put the whole path in the name's place; return where the name is written, and the path."""
    place = document.places[loc] if loc in document.places else document.places[()]
    file = find_file(name, place)
    document.replace(loc, str(file), place)
    return place, file
