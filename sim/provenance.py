"""Where a result comes from: code, dependencies, machine, settings."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pow.devices import get_n_cpus
from sim.shipped import find_shipped

DEPENDENCIES = ("simpy", "torch", "numpy", "scipy", "networkx", "pandas", "pyarrow", "pydantic", "ruamel.yaml")
GIT_SECONDS = 10
SOURCE_ENDINGS, SOURCE_DIGITS = (".py", ".yaml"), 12


@cache
def get_code_version() -> str:
    """Return the package's version, with the commit (and "+changes") where it runs from a git checkout.

    It is of the code that was imported, so git is asked once a process.
    """
    version = importlib.metadata.version("powsim")
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return version
    try:
        commit = _git(here, "rev-parse", "--short=12", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return version
    return f"{version}+{commit}{'+changes' if changed else ''}"


def get_provenance(seed: int) -> dict[str, Any]:
    """Return the provenance that is known before a run starts."""
    return {
        "code_version": get_code_version(),
        "seed": seed,
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "dependencies": dict(_get_versions()),
        "hardware": {
            "machine": platform.machine(),
            "processor": get_processor(),
            "n_cpus": get_n_cpus(),
            "system": f"{platform.system()} {platform.release()}",
        },
    }


@cache
def _get_versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, importlib.metadata.version(name)) for name in DEPENDENCIES)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_SECONDS).stdout.strip()


@cache
def get_processor() -> str:
    """Return the processor's name, as its maker writes it where the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


@cache
def get_source_version() -> str:
    """Return the package's version with a hash of its sources: equal wherever the same code is installed, git or not.

    Made once a process, as above.
    """
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for package in ("pow", "sim"):
        for file in sorted((root / package).rglob("*")):
            if file.suffix in SOURCE_ENDINGS and find_shipped() not in file.parents:
                digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return f"{importlib.metadata.version('powsim')}+src.{digest.hexdigest()[:SOURCE_DIGITS]}"
