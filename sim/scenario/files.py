"""Files that a scenario names: sought where the scenario lies, then where the program runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.scenario.document import Document, Place

TOPOLOGY_PATH = ("network", "topology", "path")


def find_file(name: str, place: Place) -> Path:
    """Return the absolute path: beside the file that names it, unless it is only to be found from where we are."""
    beside, here = Path(place.source).parent / name, Path(name)
    is_beside = place.line is not None and (_exists(beside) or not _exists(here))
    return (beside if is_beside else here).absolute()


def _exists(path: Path) -> bool:
    """Tell whether there is such a file; a name that no file can have is for whoever reads it to refuse."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def resolve_files(document: Document) -> None:
    """Make the topology's file findable from everywhere: results and workers of a sweep lie in other folders."""
    name: Any = document.tree
    for key in TOPOLOGY_PATH:
        name = name.get(key) if isinstance(name, dict) else None
    if isinstance(name, str) and name:
        place = document.places[TOPOLOGY_PATH] if TOPOLOGY_PATH in document.places else document.places[()]
        document.replace(TOPOLOGY_PATH, str(find_file(name, place)), place)
