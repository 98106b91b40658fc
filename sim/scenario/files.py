"""Files that a scenario names: sought where the scenario lies, then where the program runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.documents.document import Document, Place
from sim.errors import Mistake, ScenarioError
from sim.problems import Loc
from sim.topologies.regions_data import is_table_file, load_region_table

CACHE = ("work", "cache")
TOPOLOGY_PATH, TOPOLOGY_DATA = ("network", "topology", "path"), ("network", "topology", "data")


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
    """Make the topology's files, and the folder of distances, findable from everywhere.

    Results and workers of a sweep lie in other folders.

    Mistakes in a region table join the document's; return the parts of the tree that are told so already.
    """
    if isinstance(cache := _get(document, CACHE), str) and cache:
        document.replace(CACHE, str(Path(cache).absolute()), document.find_place(CACHE))
    if isinstance(path := _get(document, TOPOLOGY_PATH), str) and path:
        _resolve(document, TOPOLOGY_PATH, path)
    data = _get(document, TOPOLOGY_DATA)
    if not isinstance(data, str) or not is_table_file(data):
        return set()
    named, file = _resolve(document, TOPOLOGY_DATA, data)
    try:
        load_region_table(str(file), name_source(data, file, named))
    except ScenarioError as error:
        document.mistakes += locate_file_mistakes(error, named, TOPOLOGY_DATA)
        return {TOPOLOGY_DATA}
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
