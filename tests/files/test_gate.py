"""Files that are no files, and links: one line with the place, and nothing is written anywhere else."""

import gc
import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.catalogue import Catalogue
from sim.errors import UserError
from sim.files.gate import FileError, read_bytes, read_text
from sim.files.lock import Claim
from sim.files.writing import make_inside, replace_file, write_text
from sim.process import Borrowed
from sim.scenario.load import load_scenario

MINI = {
    "name": "x",
    "epochs": 1,
    "hosts": [{"name": "a", "count": 2, "gpus": "8 x H100-SXM", "region": "EUROPE"}],
}
HOSTS = "hosts: [{name: a, count: 2, gpus: 8 x H100-SXM, region: EUROPE}]\n"


def make(folder: Path, kind: str) -> str:
    """Return the name of something that is no text file."""
    file = folder / f"{kind}.csv"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        return "/dev/zero"
    elif kind == "zero":
        return "a\\0b.csv"
    elif kind == "folder":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    else:
        file.write_bytes(
            {"gzip": b"\x1f\x8b\x08", "wide": "é".encode("utf-16"), "latin": b"time \xe9", "nul": b"a\0"}[kind]
        )
    return str(file)


TOLD = {
    "pipe": "is a pipe, not a file",
    "device": "is a device, not a file",
    "zero": "cannot be read: embedded null byte",
    "folder": "is a folder, not a",
    "loop": "cannot be read: Too many levels of symbolic links",
    "gzip": "is compressed (gzip): unpack it first",
    "wide": "is text in UTF-16",
    "latin": "byte 0xe9 is not UTF-8",
    "nul": "is a binary file",
}
PLACES = {
    "topology": "network: {topology: {kind: file, path: NAME}}\n" + HOSTS,
    "inventory": "hosts: {inventory: NAME, default_region: EUROPE}\n",
    "curve": "spacing: 10 min\ncontrollers: [fixed]\ncurves: [{kind: csv, path: NAME}]\n",
    "headers": "spacing: 10 min\ncontrollers: [fixed]\ncurves: [{kind: headers, path: NAME}]\n",
    "price": "spacing: 10 min\ncontrollers: [fixed]\ncurves: [{kind: profit_driven, price: {kind: csv, path: NAME}}]\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_files_that_are_no_files(tmp_path: Path, powsim: Callable[..., Any], place: str) -> None:
    for kind, told in TOLD.items():
        named = make(tmp_path, kind).join('""')
        file = tmp_path / "x.yaml"
        epochs = "" if "curves" in PLACES[place] else "epochs: 1\n"
        file.write_text(f"name: x\n{epochs}{PLACES[place].replace('NAME', named)}")
        done = powsim("check", file)
        assert done.returncode == 2, (kind, done)
        assert told in done.stderr, kind
        told_lines = [line for line in done.stderr.splitlines() if "at work for" not in line]  # a busy machine says so
        assert len(told_lines) == 1, done.stderr


def test_a_region_table_may_be_a_pipe_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.yaml")
    with pytest.raises(UserError, match="is a pipe, not a file"):
        load_scenario({**MINI, "network": {"topology": {"kind": "regions", "data": str(tmp_path / "r.yaml")}}})


def test_listing_passes_over_what_is_no_file(tmp_path: Path, powsim: Callable[..., Any]) -> None:
    (tmp_path / "scenarios").mkdir()
    os.mkfifo(tmp_path / "scenarios" / "pipe.yaml")
    done = powsim("list", "scenarios", cwd=tmp_path)
    assert done.returncode == 0
    assert "pipe.yaml" in done.stdout


def test_the_bound_is_kept(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(2_000_001))
    with pytest.raises(FileError, match=r"long: has 2\.0 MB; a note has at most 2 MB"):
        read_bytes(tmp_path / "long", 2_000_000, "a note")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfword")
    assert read_text(tmp_path / "bom", 10) == "word"


def test_files_of_the_system_that_say_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are regular by their kind; some are longer than they say, and some wait for what comes."""
    with pytest.raises(FileError, match="has more than it said; such a file has at most"):
        read_bytes(Path("/proc/self/status"), 10)

    class Waiting(io.FileIO):
        def read(self, size: int | None = -1) -> None:  # type: ignore[override]
            return None

    (tmp_path / "log").write_text("x")
    monkeypatch.setattr("sim.files.gate.open_regular", lambda file, follows: Waiting(file))
    with pytest.raises(FileError, match="has nothing to read yet"):
        read_bytes(tmp_path / "log", 10)


def test_a_name_that_is_too_long_is_a_mistake_of_the_user(powsim: Callable[..., Any]) -> None:
    for command in (("check", "x" * 300), ("report", "x" * 300), ("run", "--resume", "x" * 300)):
        assert powsim(*command).returncode == 2, command


def test_entities_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.graphml"
    file.write_text('<!DOCTYPE a [<!ENTITY b "c">]><graphml/>')
    with pytest.raises(UserError, match="declares entities"):
        load_scenario({**MINI, "network": {"topology": {"kind": "file", "path": str(file)}}})


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "folder"
    victim.mkdir()
    folder.mkdir()
    (victim / "file").write_text("precious")
    for name in ("report.html", ".lock"):
        (folder / name).symlink_to(victim / "file")
    (folder / "figures").symlink_to(victim)
    (folder / ".page.part").symlink_to(victim / "file")
    for act in (
        lambda: write_text(folder / "report.html", "mine"),
        lambda: make_inside(folder, "figures"),
        lambda: Claim(folder),
    ):
        with pytest.raises(FileError, match="is a link; nothing is written through links"):
            act()
    (folder / ".lock").unlink()
    os.link(victim / "file", folder / ".lock")
    with pytest.raises(FileError, match="is no lock"):
        Claim(folder)
    write_text(folder / "page", "mine")
    assert [(file.name, file.read_text()) for file in victim.iterdir()] == [("file", "precious")]


@pytest.mark.parametrize("kind", ["run", "sweep", "lab"])
def test_a_report_stays_in_its_folder(
    copy: Callable[[str], Path], powsim: Callable[..., Any], tmp_path: Path, kind: str
) -> None:
    victim, folder = tmp_path / "victim", copy(kind)
    victim.mkdir()
    (folder / "figures").symlink_to(victim)
    done = powsim("report", folder)
    assert (done.returncode, list(victim.iterdir())) == (2, [])
    assert f"{folder / 'figures'}: is a link" in done.stderr


def test_names_of_somebody_else_are_no_html(made: Path) -> None:
    sweep, run = sim.load_sweep(made / "sweep"), sim.load_result(made / "run")
    run.provenance["seed"] = "<i>seed</i>"
    run.summary["warnings"] = ["<i>warning</i>"]
    for shown in (replace(sweep, kept=("<i>frame</i>",), name="<i>name</i>"), run):
        assert "<i>" not in shown._repr_html_()
        assert "&lt;i&gt;" in shown._repr_html_()


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "before")
    with pytest.raises(ZeroDivisionError):
        replace_file(tmp_path / "a", lambda stream: (stream.write(b"after"), 1 / 0))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a", "before")]


def test_a_catalogue_is_whole_for_every_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules take their time to load; who asks meanwhile must not see the first ones only."""
    package = tmp_path / "slowly"
    package.mkdir()
    (package / "__init__.py").write_text("from tests_slow import CATALOGUE\n")
    for name in ("one", "two"):
        add = f"import time\nfrom slowly import CATALOGUE\ntime.sleep(0.05)\nCATALOGUE._add('{name}', print)\n"
        (package / f"{name}.py").write_text(add)
    catalogue: Catalogue[Any] = Catalogue("thing", "powsim.things", "slowly")
    (tmp_path / "tests_slow.py").write_text("CATALOGUE = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    import tests_slow  # type: ignore[import-not-found]

    tests_slow.CATALOGUE = catalogue
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: catalogue.names(), range(4)))
    assert found == [("one", "two")] * 4


def test_the_last_one_puts_a_setting_back() -> None:
    """Two that overlap, the first of which ends first."""
    setting = [1]

    def change() -> int:
        before, setting[0] = setting[0], 2
        return before

    borrowed = Borrowed(change, lambda before: setting.__setitem__(0, before))
    first, second = borrowed.held(), borrowed.held()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert setting == [2]
    second.__exit__(None, None, None)
    assert setting == [1]


def test_a_worker_with_several_threads(made: Path) -> None:
    """As one of a cluster: runs of a sweep at the same time in one process."""
    from sim.execution.sweep_file import load_sweep_file, make_run_spec
    from sim.execution.worker import Order, execute_chunk
    from sim.metrics.measures import run_measures
    from sim.provenance import get_source_version

    sweep, version = load_sweep_file(made / "mini.json.yaml"), get_source_version()
    order = Order(version, (run_measures.get("nonces_valid"),), time_limit=60.0)
    specs = [make_run_spec(sweep, point, 0, version) for point in (0, 1, 0, 1)]
    before, start = gc.get_threshold(), threading.Barrier(4)

    def work(spec: Any) -> Any:
        start.wait()
        return execute_chunk([spec], order)[0]

    with ThreadPoolExecutor(4) as threads:
        found = [(each.error, each.trace_hash) for each in threads.map(work, specs)]
    assert found == [(each.error, each.trace_hash) for each in execute_chunk(specs, order)]
    assert found[0][0] is None
    assert gc.get_threshold() == before
