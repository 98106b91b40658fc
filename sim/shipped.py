"""The scenarios that come with powsim: beside the package in a checkout, inside it where it is installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
FOLDER = "scenarios"


def find_shipped() -> Path:
    """Return the folder of the scenarios that come with powsim."""
    inside = PACKAGE / FOLDER
    return inside if inside.is_dir() else PACKAGE.parent / FOLDER


def list_files() -> list[Path]:
    """Return the YAML files of `./scenarios` and those that come with powsim, as they are named from here."""
    here = Path(FOLDER)
    folders = [here] if here.resolve() == find_shipped() else [here, find_shipped()]
    return [_see_from_here(file) for folder in folders for file in sorted(folder.rglob("*.yaml"))]


def find_named(file: Path) -> Path:
    """Return the file that comes with powsim for a bare name (`baseline`); any other path as it is."""
    if file.suffix or file.exists() or len(file.parts) != 1:
        return file
    found = (each for each in sorted(find_shipped().rglob("*.yaml")) if each.stem == file.name)
    return _see_from_here(next(found, file))


def _see_from_here(file: Path) -> Path:
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
