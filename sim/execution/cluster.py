"""Workers elsewhere, through dask.distributed: a scheduler that runs, or one that dask-jobqueue starts under SLURM."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sim.documents.yaml_tree import read_document
from sim.errors import UserError
from sim.execution.loop import Workers
from sim.execution.worker import VersionError
from sim.files.gate import FileError, read_text
from sim.process import Borrowed
from sim.provenance import get_source_version

ADDRESS = re.compile(r"([a-z]+://)?[^\s:/]+:\d{1,5}|[a-z]+://\[[0-9a-fA-F:]+\]:\d{1,5}")
CONNECT_SECONDS = 5
WORKERS_SECONDS = 8
COUNT_SECONDS = 2.0
MOST_ADDRESS_BYTES = 1_000_000
ALLOWED_FAILURES = 20  # deaths that a run may be near before dask gives it up; the loop then looks closer
LOGGERS = ("distributed", "distributed.client")
MUST_AGREE = ("dask", "distributed", "cloudpickle", "msgpack")
INSTALL = "install it with: pip install 'powsim[cluster]'"


@contextmanager
def open_scheduler(address: str | None, file: Path | None, say: Callable[[str], None]) -> Iterator[Workers]:
    """Connect to a running scheduler by its address or its file; raises UserError within seconds where it cannot."""
    distributed = _import_distributed()
    named = f"--scheduler {address}" if file is None else f"--scheduler-file {file}"
    if file is not None:
        address = _read_address(file)
    if address is None or not ADDRESS.fullmatch(address):
        raise UserError(f"{named}: an address is written like tcp://node1:8786")
    with HUSHED.held():
        try:
            client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(f"{named}: no scheduler answers there ({reason})") from None
        with client:
            _wait_for_workers(client, named, WORKERS_SECONDS)
            check_versions(client)
            yield _make_workers(distributed, client, named, say)


def _read_address(file: Path) -> str | None:
    try:
        found = json.loads(read_text(file, MOST_ADDRESS_BYTES, "a scheduler's file"))
    except (FileError, ValueError, RecursionError) as error:
        raise UserError(
            f"--scheduler-file {file}: cannot be read ({error}); a scheduler started with --scheduler-file writes it"
        ) from None
    address = found.get("address") if isinstance(found, dict) else None
    return address if isinstance(address, str) else None


@contextmanager
def open_slurm(file: Path, say: Callable[[str], None]) -> Iterator[Workers]:
    """Start workers as SLURM jobs: `jobs: N` and the keywords of `dask_jobqueue.SLURMCluster` stand in a YAML file."""
    distributed = _import_distributed()
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise UserError(f"--slurm needs dask-jobqueue; {INSTALL}") from None
    options = read_document(file).tree
    if not isinstance(options, dict) or not isinstance(options.get("jobs"), int):
        raise UserError(f"{file}: must be a mapping with `jobs:` (how many) and options of dask_jobqueue.SLURMCluster")
    n_jobs = options.pop("jobs")
    import dask

    with HUSHED.held(), dask.config.set({"distributed.scheduler.allowed-failures": ALLOWED_FAILURES}):
        try:
            cluster: Any = SLURMCluster(**options)
        except (TypeError, ValueError) as error:
            raise UserError(f"{file}: {error}") from None
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            cluster.adapt(minimum_jobs=n_jobs, maximum_jobs=n_jobs)  # a job that ends early is followed by one
            say(f"{n_jobs} SLURM jobs asked for; waiting for the first worker")
            client.wait_for_workers(1)
            check_versions(client)
            yield _make_workers(distributed, client, f"--slurm {file}", say)


def check_versions(client: Any) -> None:
    """Raise VersionError where scheduler or workers have other versions than this program."""
    versions = client.get_versions(check=False)
    own = {**versions["client"]["packages"], "Python": _python(versions["client"])}
    for who, found in {"the scheduler": versions["scheduler"], **versions["workers"]}.items():
        theirs = {**found["packages"], "Python": _python(found)}
        for name in ("Python", *MUST_AGREE):
            if theirs.get(name) != own.get(name):
                raise VersionError(
                    f"versions differ: this program has {name} {own.get(name)}, {who} has {theirs.get(name)}"
                )
    try:
        sources = client.run(get_source_version)
    except ImportError as error:
        raise VersionError(f"the workers cannot load powsim ({error}); install the same version on them") from None
    for worker, source in sources.items():
        if source != get_source_version():
            raise VersionError(
                f"versions differ: this program is powsim {get_source_version()}, worker {worker} has {source}"
            )


def _python(versions: dict[str, Any]) -> str:
    return ".".join(str(versions["host"]["python"]).split(".")[:2])


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise UserError(f"a cluster needs dask.distributed; {INSTALL}") from None
    return distributed


def _hush() -> dict[str, int]:
    """Let dask's loggers say nothing; return their levels. Tracebacks of lost connections hide the one message."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return before


def _let_speak(levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


HUSHED = Borrowed(_hush, _let_speak)


def _wait_for_workers(client: Any, named: str, seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        raise UserError(f"{named}: the scheduler answers, but has no workers; start some with `dask worker`") from None


def _make_workers(distributed: Any, client: Any, named: str, say: Callable[[str], None]) -> Workers:
    say(f"{named}: {sum(client.nthreads().values())} workers; dashboard {client.dashboard_link}")
    return Workers(
        executor=client.get_executor(pure=False),
        count=_Count(client, say),
        n_ahead=1,  # the next chunk is there before the last one has been reported
        lost=(distributed.KilledWorker,),
        description=named,
    )


class _Count:
    """Asks for the number of worker threads, at most every few seconds; reports when it is 0."""

    def __init__(self, client: Any, say: Callable[[str], None]) -> None:
        self._client = client
        self._say = say
        self._asked = float("-inf")
        self._n = 1

    def __call__(self) -> int:
        now = time.monotonic()
        if now - self._asked >= COUNT_SECONDS and self._client.status == "running":
            before, self._n = self._n, sum(self._client.nthreads().values())
            self._asked = now
            if before and not self._n:
                self._say("no workers at the moment; the sweep goes on when the scheduler has some")
        return self._n
