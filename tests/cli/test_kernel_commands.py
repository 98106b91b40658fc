"""`powsim kernel ...`: golden distances from the command line, speed as a table and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.errors import UserError
from sim.kernel_commands import parse_layers, parse_nonces

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "distances_devtest.json"


def test_distances_are_the_golden_ones() -> None:
    case = json.loads(GOLDEN.read_text())["cases"][0]
    command = ["kernel", "distances", "--params", "devtest", "--nonces", "0:16", "--dtype", "float32"]
    done = CliRunner().invoke(app, [*command, "--block-hash", case["block_hash"], "--public-key", case["public_key"]])
    assert done.exit_code == 0
    header, *rows = done.stdout.splitlines()
    assert header == "nonce,distance"
    assert [int(row.split(",")[0]) for row in rows] == list(range(16))
    expected = case["distances"]["float32"][:16]
    assert [float(row.split(",")[1]) for row in rows] == pytest.approx(expected, abs=5e-7)


def test_benchmark_shows_rate_and_share() -> None:
    done = CliRunner().invoke(app, ["kernel", "benchmark", "--params", "tiny", "--json", "--seconds", "0.1"])
    assert done.exit_code == 0
    figures = json.loads(done.stdout)
    assert figures["nonces_per_second"] > 0
    assert figures["share_of_peak"] == pytest.approx(
        figures["gflop"] / figures["forward_seconds"] / figures["peak_gflop_per_second"]
    )
    table = CliRunner().invoke(app, ["kernel", "benchmark", "--params", "tiny", "--seconds", "0.1", "--threads", "1"])
    assert "nonces per second" in table.stdout
    assert ["n", "threads", "1"] in [line.split() for line in table.stdout.splitlines()]


@pytest.mark.parametrize(("text", "nonces"), [("0:3", [0, 1, 2]), ("5", [5]), ("7,3", [7, 3])])
def test_nonces(text: str, nonces: list[int]) -> None:
    assert parse_nonces(text) == nonces


@pytest.mark.parametrize("text", ["", "3:3", "a:b", "-1", "1.5", f"{2**63}", "0:100000000000", "1:2:3"])
def test_bad_nonces(text: str) -> None:
    with pytest.raises(UserError, match="--nonces"):
        parse_nonces(text)


def test_layers_with_a_figure(tmp_path: Path) -> None:
    figure = tmp_path / "layers.png"
    command = ["kernel", "layers", "--params", "tiny", "--nonces", "60", "--figure", str(figure)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines() if line.startswith(("pool", "unit"))]
    assert [row[:2] for row in rows] == [[gains, str(n)] for gains in ("pool", "unit") for n in (0, 1, 2)]
    assert figure.stat().st_size > 10_000


def test_too_large_a_model_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from pow import devices

    monkeypatch.setattr(devices, "get_available_bytes", lambda: 1_000_000_000)
    scenario = tmp_path / "large.yaml"
    scenario.write_text(SMALL.read_text().replace("params: tiny", "params: mainnet"))
    for command in (
        ["kernel", "layers", "--params", "mainnet"],
        ["run", str(scenario), "--out", str(tmp_path / "out")],
    ):
        with pytest.raises(UserError, match=r"the model in float32 needs about 3\.6 GB, 1\.0 GB are"):
            CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("text", "tried"), [("0", [0]), ("2,0,1,0", [0, 1, 2]), ("16", [16])])
def test_layers_that_are_named(text: str, tried: list[int]) -> None:
    assert parse_layers(text, 16) == tried


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--layers", "0,65", "--params", "mainnet"],
            "--layers 0,65: 65 must be at least 0 and at most 64, the layers",
        ),
        (["--layers", "-1"], "--layers -1: -1 must be at least 0 and at most 16"),
        (["--layers", "0:4"], '--layers 0:4: must be written like "0,1,4"'),
        (["--device", "gpu"], "--device: unknown device 'gpu'; known are 'cpu'"),
        (["--device", "cuda:7"], "--device: "),
    ],
)
def test_layers_or_a_device_that_are_not_there(options: list[str], message: str, powsim: Callable) -> None:
    done = powsim("kernel", "layers", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_named_layers_are_tried_and_all_of_them_last() -> None:
    done = CliRunner().invoke(app, ["kernel", "layers", "--params", "tiny", "--nonces", "60", "--layers", "0"])
    assert done.exit_code == 0, done.output
    rows = [line.split()[:2] for line in done.output.splitlines() if line.startswith(("pool", "unit"))]
    assert rows == [["pool", "0"], ["pool", "2"], ["unit", "0"], ["unit", "2"]]
