"""Stored data is not trusted: what is damaged is told by name, and no value is taken from it."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim
from sim.errors import UserError
from sim.figures.page import build_files
from sim.files.gate import FileError
from sim.files.lock import Claim
from sim.files.sums import read_checked_json, sum_line
from sim.files.tables import read_frame, write_sealed
from sim.results import read_provenance, write_provenance
from sim.studies.kinds import load_any_result

DATA = (".parquet", ".json", ".yaml", ".jsonl")
N_FLIPS = 15
KINDS = ("run", "sweep", "unfinished", "lab")


def list_data(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in DATA and file.name != "provenance.json")


def read_all(folder: Path) -> None:
    """Read everything that the folder holds."""
    kind, result = load_any_result(folder)
    for name in result.kept if kind.names[0] == "sweep" else ():
        result.get_frame(name)


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_passes(copy: Callable[[str], Path], kind: str) -> None:
    folder, draw = copy(kind), random.Random(1)
    files = [*list_data(folder), folder / "provenance.json"]
    read_all(folder)
    for _ in range(N_FLIPS):
        file = draw.choice(files)
        content = file.read_bytes()
        place = draw.randrange(len(content) - 1)  # the last byte of a journal ends its last line: see below
        flipped = bytes([content[place] ^ 1 << draw.randrange(8)])
        file.write_bytes(content[:place] + flipped + content[place + 1 :])
        with pytest.raises(UserError, match=r"damaged|not a results folder|is not UTF-8|is a binary file"):
            read_all(folder)
        file.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "list": lambda file: file.write_bytes(b"[]"),
    "null": lambda file: file.write_bytes(b"null"),
    "deep": lambda file: file.write_bytes(b"[" * 100_000),
    "zip": lambda file: file.write_bytes(b"PK\x03\x04" + bytes(100)),
    "folder": lambda file: (file.unlink(), file.mkdir()),
    "link": lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("is_older", [False, True])
def test_every_reader_has_one_message(copy: Callable[[str], Path], name: str, is_older: bool) -> None:
    """Also of what an older version wrote, which carries no checksums."""
    for kind, names in (
        ("run", ("provenance.json", "summary.json", "epochs.parquet", "scenario.yaml")),
        ("sweep", ("provenance.json", "runs.parquet", "frames/epochs.parquet")),
        ("unfinished", ("provenance.json", "journal/0001.jsonl")),
        ("lab", ("provenance.json", "races.parquet")),
    ):
        for file in names:
            folder = copy(kind)
            if is_older:
                known = read_checked_json(folder / "provenance.json")
                known.pop("files")
                (folder / "provenance.json").write_text(json.dumps(known))
            DAMAGE[name](folder / file)
            told = find_message(folder)
            assert len(told.splitlines()) <= 1
            assert told or is_older or kind == "unfinished", (kind, file)  # a journal's rest without its end is none
            shutil.rmtree(folder)


def find_message(folder: Path) -> str:
    try:
        read_all(folder)
    except UserError as error:
        return str(error)
    return ""


def test_a_page_shows_no_damaged_text(tmp_path: Path) -> None:
    """The winner of a search is no table that a loader reads, and people paste it."""
    (tmp_path / "winner.yaml").write_text("a: 1\n")
    write_provenance(tmp_path, {"status": "finished"}, ["winner.yaml"])
    assert "a: 1" in build_files(tmp_path, {"Winner": "winner.yaml", "Loser": "loser.yaml"})
    (tmp_path / "winner.yaml").write_text("a: 3\n")
    with pytest.raises(FileError, match=r"winner\.yaml: is damaged"):
        build_files(tmp_path, {"Winner": "winner.yaml"})


def test_a_line_of_another_sweep_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("unfinished")
    journal = folder / "journal" / "0001.jsonl"
    row = json.loads(journal.read_text().splitlines()[0].partition(" ")[2])
    for key, value, told in (
        ("seed", 7, "a run of another sweep or code: point 0"),
        ("point", 99, "a run of point 99, and the sweep has the points 0 to 1"),
        ("run_id", "0" * 16, "a run of another sweep or code"),
    ):
        journal.write_text(f"{sum_line(json.dumps({**row, key: value}))}\n")
        with pytest.raises(FileError, match=rf"0001\.jsonl:1:1: {told}"):
            sim.load_sweep(folder)


def test_a_missing_file_of_the_journal_costs_its_runs_only(copy: Callable[[str], Path], made: Path) -> None:
    """Numbers go on from the largest one: a count of files would give the second one's again."""
    folder = copy("unfinished")
    first = folder / "journal" / "0001.jsonl"
    lines = first.read_text().splitlines(keepends=True)
    (folder / "journal" / "0002.jsonl").write_text("".join(lines[1:]))
    first.unlink()
    sim.sweep(made / "mini.json.yaml", workers=0, resume=folder)
    assert (folder / "runs.parquet").read_bytes() == (made / "sweep" / "runs.parquet").read_bytes()


def test_a_sealed_table_knows_itself(tmp_path: Path) -> None:
    file, frame = tmp_path / "trials.parquet", pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None]})
    write_sealed(file, frame)
    pd.testing.assert_frame_equal(read_frame(file), frame, check_dtype=False)
    content = file.read_bytes()
    place = content.index(b"\x00\x00\x00\x00\x00\x00\xf8\x3f")
    file.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    with pytest.raises(FileError, match="its content does not fit its checksum"):
        read_frame(file)


def test_a_table_that_unpacks_beyond_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"a": [0] * 100_000}).to_parquet(tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    monkeypatch.setattr("sim.files.tables.get_available_bytes", lambda: 500_000)
    with pytest.raises(FileError, match="100000 rows and 1 columns take"):
        read_frame(tmp_path / "bomb.parquet")


def test_verify(copy: Callable[[str], Path], powsim: Callable[..., Any]) -> None:
    folder = copy("run")
    done = powsim("verify", folder, "--again")
    assert done.returncode == 0, done.stdout
    n_files = len(list_data(folder)) + 1
    assert f"{folder} (finished): {n_files} of {n_files} intact" in done.stdout
    assert "every decision, time and distance is the same" in done.stdout
    (folder / "epochs.parquet").write_bytes((folder / "blocks.parquet").read_bytes())
    done = powsim("verify", folder)
    assert done.returncode == 4
    assert f"{folder / 'epochs.parquet'}: is damaged" in done.stdout
    assert f"{n_files - 1} of {n_files} intact" in done.stdout


def test_verify_runs_again_and_differs(copy: Callable[[str], Path], powsim: Callable[..., Any]) -> None:
    """A result of another seed, with checksums that fit: only the run itself tells."""
    folder = copy("run")
    text = (folder / "scenario.yaml").read_text()
    (folder / "scenario.yaml").write_text(text.replace("\nseed: ", "\nseed: 9", 1))
    write_provenance(folder, read_provenance(folder), [file.name for file in list_data(folder)])
    done = powsim("verify", folder, "--again")
    assert done.returncode == 4, done.stdout
    assert "the run was done again and decides otherwise: by block" in done.stdout


def test_verify_of_an_unfinished_sweep_counts_lines(copy: Callable[[str], Path], powsim: Callable[..., Any]) -> None:
    folder = copy("unfinished")
    journal = folder / "journal" / "0001.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"nonces_valid", b"nonces_valie", 1))
    done = powsim("verify", folder)
    assert done.returncode == 4
    assert f"{journal}:1: the journal is damaged here" in done.stdout


def test_two_at_once(copy: Callable[[str], Path], powsim: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    """The second one is refused before anything is written, whatever it runs."""
    out = tmp_path / "out"
    out.mkdir()
    with Claim(out):
        for command in (("run", made / "run" / "scenario.yaml"), ("lab", made / "lab.yaml")):
            done = powsim(*command, "--out", out)
            assert done.returncode == 2
            assert "works in this folder" in done.stderr
        assert [file.name for file in out.iterdir()] == [".lock"]
    assert not list(out.iterdir())
