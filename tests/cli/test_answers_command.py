"""`powsim kernel answers`: the answers that the kernel gives, their distances, and mistakes in a file of answers."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pow.answer_kernel import AnswerKernel
from pow.answers import decode
from pow.params import PRESETS
from sim.cli import app
from sim.errors import UserError

TINY = ("kernel", "answers", "--params", "tiny")


def run(*options: str) -> list[str]:
    done = CliRunner().invoke(app, [*TINY, *options])
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def run_wrong(*options: str) -> str:
    done = CliRunner().invoke(app, [*TINY, *options])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


def test_answers_are_printed_in_base64() -> None:
    header, *rows = run("--nonces", "3,5", "--block-hash", "5eed", "--public-key", "me", "--dtype", "bfloat16")
    assert header == "nonce,answer"
    assert [row.split(",")[0] for row in rows] == ["3", "5"]
    expected = AnswerKernel(PRESETS["tiny"], "bfloat16").answers("5eed", "me", [3, 5])
    assert np.array_equal(decode([row.split(",")[1] for row in rows]), expected)


def test_distances_stand_beside_public_pairs(tmp_path: Path) -> None:
    file = tmp_path / "theirs.csv"
    file.write_text("\n".join(run("--nonces", "0:12", "--dtype", "float16")) + "\n", encoding="utf-8")
    other, headings, *lines = run("--nonces", "0:12", "--compare", "--against", str(file), "--batch-size", "4")
    assert other.startswith("this machine to theirs.csv")
    assert headings.split()[-5:] == ["nonces", "p50", "p90", "p99", "max"]
    table = {line[:58].strip(): line[58:].split() for line in [other, *lines]}
    near, far = (float(table[f"float32 to {mode}"][1]) for mode in ("float16", "bfloat16"))
    assert near < far < 0.2
    assert table["this machine to theirs.csv"] == table["float32 to float16"]
    assert "float32, batches of 4 to 8" in table
    assert table["MiniMax-M2.7: A100 2026-05 to H100 2026-05"] == ["public", "0.29469", "0.54564", "0.90313", "1.24728"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '1:1: the header must be "nonce,answer"'),
        ("nonce,answer\n0,x\n", "2:1: must be a nonce and an answer in base64"),
        ("nonce,answer\n0,AAAA\n", "2:1: must be a nonce and an answer in base64"),
        ("nonce,answer\n0,AAAAAA==\n", "2:1: the answer has 2 numbers; it must have 12"),
        ("nonce,answer\n1," + "AAAA" * 8 + "\n", "has no answer to nonce 0"),
        ("nonce,answer\n0," + "ADwAAAAA" + "AAAA" * 6 + "\n", "its answers are unrelated"),
    ],
)
def test_mistakes_in_a_file_of_answers(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "theirs.csv"
    file.write_text(text, encoding="utf-8")
    shown = run_wrong("--nonces", "0", "--against", str(file))
    assert str(file) in shown
    assert message in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--params", "tyni"], '--params: unknown preset "tyni". Did you mean "tiny"?'),
        (["--dtype", "float8"], '--dtype: unknown numerics "float8".'),
        (["--device", "cuda:77"], "--device: "),
        (["--nonces", "3:3"], "--nonces 3:3: names no nonce"),
    ],
)
def test_mistakes_in_options_of_answers(options: list[str], message: str) -> None:
    assert message in run_wrong(*options)
