"""`powsim kernel agree`: this machine beside another one, and every mistake in a file of distances with its place."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.agreement.stored import DistanceSet, MachineDistances, dump_distances, load_distances
from sim.cli import app
from sim.errors import UserError

AGREE = ["kernel", "agree", "--threads", "1"]
HASH = "86462F1AA921017C2D950CC166F735BBB08853F3B8BA7171E1EA8AC564956FDD"


def make_machine(**changes: object) -> MachineDistances:
    """Distances of `tiny` as this machine computes them."""
    from pow.kernel import Kernel
    from pow.params import PRESETS

    with Kernel(HASH, PRESETS["tiny"], "float32") as kernel:
        values = kernel.distances("study", [3, 1, 2]).tolist()
    kept = DistanceSet(params="tiny", dtype="float32", batch_size=512, nonces=(3, 1, 2), distances=tuple(values))
    return MachineDistances(
        machine="Other",
        software="torch",
        date="2026-11-28",
        block_hash=HASH,
        public_key="study",
        sets=(kept.model_copy(update=changes),),
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    file = tmp_path / "other.json"
    file.write_text(dump_distances(make_machine()), encoding="utf-8")
    return file


def test_this_machine_agrees_with_itself_and_leaves_its_distances(stored: Path, tmp_path: Path) -> None:
    written = tmp_path / "mine.json"
    command = [*AGREE, "--params", "tiny", "--against", str(stored), "--write", str(written)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    (heading, line) = done.stdout.splitlines()
    assert heading.split()[:2] == ["model", "one"]
    assert line.split()[:7] == ["tiny", "float32,", "this", "machine", "Other", "3", "0.00e+00"]
    mine, theirs = load_distances(str(written)), load_distances(str(stored))
    assert mine.sets[0].nonces == (1, 2, 3)
    known = dict(zip(theirs.sets[0].nonces, theirs.sets[0].distances, strict=True))
    assert dict(zip(mine.sets[0].nonces, mine.sets[0].distances, strict=True)) == known
    assert (mine.block_hash, mine.public_key, mine.machine != "Other") == (HASH, "study", True)
    again = CliRunner().invoke(app, [*AGREE, "--params", "tiny", "--against", str(written), "--nonces", "2"])
    assert again.exit_code == 0
    assert again.stdout.splitlines()[1].split()[4:6][-1:] != ["3"]


def test_a_machine_that_is_too_far_off_ends_with_status_1(tmp_path: Path) -> None:
    good = make_machine().sets[0].distances
    file = tmp_path / "far.json"
    file.write_text(dump_distances(make_machine(distances=(good[0], good[1] + 1e-6, good[2]))), encoding="utf-8")
    done = CliRunner().invoke(app, [*AGREE, "--params", "tiny", "--against", str(file)])
    assert done.exit_code == 1
    assert "tiny in float32: this machine and Other differ by 1.00e-06; at most 5e-07 is usual" in done.stderr


def test_the_card_that_comes_with_powsim_is_the_default() -> None:
    done = CliRunner().invoke(app, [*AGREE, "--dtype", "float32", "--nonces", "4"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split()[4] == "H100"


def test_the_table_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.agreement import here

    monkeypatch.setattr(here, "compute_here", lambda *_: pytest.fail("it was computed"))
    done = CliRunner().invoke(app, [*AGREE, "--table"])
    assert done.exit_code == 0
    assert done.stdout.count("\n") > 50


def change(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda text: change(text, '"nonces": [3, 1, 2]', '"nonces": [3, 1]'),
            ":8:3: sets.0: there are 2 nonces but 3",
        ),
        (lambda text: change(text, "[3, 1, 2]", "[3, 1, 3]"), ":8:3: sets.0: a nonce stands twice"),
        (lambda text: change(text, "[3, 1, 2]", "[3, -1, 2]"), ":12:18: sets.0.nonces.1: -1 must be at least 0"),
        (lambda text: change(text, "[3, 1, 2]", "[3, 1.5, 2]"), ":12:18: sets.0.nonces.1: must be a whole number"),
        (lambda text: change(text, '"distances": [1', '"distances": [21'), ":13:18: sets.0.distances.0: 21"),
        (lambda text: change(text, '"tiny"', '"tinny"'), ':9:4: sets.0.params: unknown preset "tinny". Did you mean'),
        (lambda text: change(text, "float32", "float31"), ':10:4: sets.0.dtype: unknown numerics "float31". Did you'),
        (lambda text: change(text, '"public_key"', '"key"'), ":6:2: key: unknown key"),
        (lambda text: change(text, ' "public_key": "study",\n', ""), ":1:1: public_key: is missing"),
        (lambda text: change(text, "[3, 1, 2],", "[3, 1, 2"), ":13:15: not valid JSON"),
        (lambda text: "", ":1:1: the file is empty; a set of distances is a mapping"),
        (lambda text: "nonce,distance\n1,1.4\n", ":1:1: must be a mapping"),
    ],
)
def test_mistakes_in_a_file_are_told_with_their_place(
    damage: Callable[[str], str], message: str, stored: Path, powsim: Callable
) -> None:
    stored.write_text(damage(stored.read_text(encoding="utf-8")), encoding="utf-8")
    done = powsim(*AGREE, "--params", "tiny", "--against", stored)
    assert done.returncode == 2
    assert f"{stored}{message}" in done.stderr, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--against", "h200"], '--against: unknown machine "h200". Did you mean "h100"? Known: h100, xeon'),
        (["--against", "no/such.json"], 'no/such.json: there is no folder "no"'),
        (["--params", "testnet"], '--params: H100 left no distances of "testnet". Did you mean'),
        (["--params", "mainnet", "--dtype", "mixed"], '--dtype: H100 left no distances of "mainnet" in "mixed"'),
        (["--write", "mine.csv"], "--write mine.csv: must be a new file NAME.json in a folder that is there"),
        (["--write", "no/folder/mine.json"], "must be a new file NAME.json in a folder that is there"),
        (["--device", "gpu"], "--device: unknown device 'gpu'"),
    ],
)
def test_wrong_options_are_told_before_any_work(
    options: list[str], message: str, monkeypatch: pytest.MonkeyPatch, powsim: Callable
) -> None:
    from sim.agreement import here

    monkeypatch.setattr(here, "compute_here", lambda *_: pytest.fail("it was computed"))
    done = powsim(*AGREE, *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_nothing_is_written_over(stored: Path) -> None:
    before = stored.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="must be a new file"):
        CliRunner().invoke(app, [*AGREE, "--write", str(stored)], catch_exceptions=False)
    assert stored.read_text(encoding="utf-8") == before


def test_what_is_written_is_json() -> None:
    assert json.loads(dump_distances(make_machine()))["sets"][0]["nonces"] == [3, 1, 2]
