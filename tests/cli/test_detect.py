"""`powsim detect`: published tables from the command line, the smallest sample, runs beside the curve, mistakes."""

import csv
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.studies.detect import list_designs
from sim.studies.detect_runs import make_scenario

Command = Callable[..., "subprocess.CompletedProcess[str]"]
KEYS = [
    *("scheme", "sample", "fabricated", "mismatch", "p", "threshold", "validators", "silent", "colluding", "slots"),
    *("accepted", "rejected_honest"),
]


def ask(powsim: Command, *options: str) -> list[dict[str, Any]]:
    done = powsim("detect", *options, "--json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_one_validator_accepts_as_published(powsim: Command) -> None:
    """The table of protocol 4.4, to its last digit, for both of its distances; mismatch rates as well."""
    shares = "0.5%,1%,2%,2.4%,3%,4%,5%,7.5%,10%"
    rows = ask(powsim, "--sample", "200", "--fabricated", shares, "--r-target", "1.4013564660458173,1.398077")
    assert [list(row) for row in rows] == [[*KEYS[:10], "distance", *KEYS[10:]]] * 18, "what varies is told apart"
    for far, near, ours, nearer in zip(
        (0.996, 0.948, 0.649, 0.502, 0.310, 0.114, 0.035, 0.0011, 1.9e-5),
        (0.995, 0.943, 0.625, 0.474, 0.284, None, 0.028, None, 1e-5),
        rows[::2],
        rows[1::2],
        strict=True,
    ):
        assert ours["accepted"] == pytest.approx(far, abs=6e-4 if far > 0.01 else 0.05 * far)
        assert near is None or nearer["accepted"] == pytest.approx(near, abs=6e-4 if near > 0.01 else 0.2 * near)
    lost = [row["rejected_honest"] for row in ask(powsim, "--fabricated", "0", "--mismatch", "0.0005,0.001,0.01,0.05")]
    assert lost == pytest.approx([7.3e-8, 2.2e-6, 0.052, 0.97], rel=0.03)


def test_committees_pass_fakes_and_lose_quorums_as_published(powsim: Command) -> None:
    """Protocol 4.9: 128 slots, more than two thirds of them, which is what slots need where no option says so."""
    fake = ask(powsim, "--fabricated", "1", "--slots", "128", "--colluding", "0.40,0.45,0.49")
    assert [row["accepted"] for row in fake] == pytest.approx([4.78e-10, 3.45e-7, 2.45e-5], rel=2e-3)
    silent = ask(powsim, "--fabricated", "1", "--slots", "128", "--majority", "2/3", "--silent", "0.3,0.4")
    assert [row["rejected_honest"] for row in silent] == pytest.approx([0.213, 0.943], abs=6e-4)
    assert list(fake[0]) == KEYS
    assert {row["validators"] for row in fake} == {0}, "slots of one validator each"


def test_a_version_brings_its_test_and_its_majority(powsim: Command) -> None:
    old, newest = ask(powsim, "--version", "v0.2.9,v0.2.16", "--fabricated", "10%", "--validators", "5")
    assert (old["scheme"], old["p"], old["threshold"]) == ("answers", 0.1, 0.01)
    one = ask(powsim, "--scheme", "answers", "--fabricated", "10%", "--mismatch", "0.1")[0]
    assert one["accepted"] < 1 - one["rejected_honest"]
    assert old["accepted"] < newest["accepted"], "four of five must say yes until v0.2.13, then three"


def test_the_smallest_sample(powsim: Command) -> None:
    """None below it does what is wanted; where no sample does, that is said, with status 1."""
    for power, share, false in ((0.99, "5%", 1e-6), (0.9, "8%", 2e-7), (0.95, "4%", 1e-6), (0.5, "20%", 1e-7)):
        (row,) = ask(powsim, "--want", f"power {power} at {share}, false {false}", "--mismatch", "0.001")
        up_to = ",".join(map(str, range(1, row["sample"] + 1)))
        tried = ask(powsim, "--fabricated", share, "--mismatch", "0.001", "--sample", up_to)
        is_enough = [each["accepted"] <= 1 - power and each["rejected_honest"] <= false for each in tried]
        assert is_enough == [False] * (row["sample"] - 1) + [True]
    none = powsim("detect", "--want", "power 0.99 at 5 %, false 1e-6", "--mismatch", "0.01", "--claim", "400")
    assert none.returncode == 1
    assert "no sample of up to 400 entries" in none.stderr


def test_figure_and_csv_in_two_seconds(powsim: Command, tmp_path: Path) -> None:
    started = time.perf_counter()
    done = powsim("detect", "--sample", "200", "--figure", str(tmp_path / "detect.png"))
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - started < 8, "2 s on a machine that does nothing else"
    assert (tmp_path / "detect.png").stat().st_size > 10_000
    with (tmp_path / "detect.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    assert float(rows[3]["accepted"]) == pytest.approx(0.6494687)


RUNS = [
    ("hits", ("--sample", "40", "--fabricated", "10%", "--validators", "5", "--silent", "0.2", "--colluding", "0.2")),
    ("answers", ("--sample", "40", "--fabricated", "20%", "--validators", "4", "--silent", "0.25")),
]


@pytest.mark.parametrize(("scheme", "options"), RUNS)
def test_runs_lie_about_the_exact_curve(powsim: Command, scheme: str, options: tuple[str, ...]) -> None:
    """Three and two runs with fixed seeds: 12 and 40 claims."""
    n_runs = {"hits": "3", "answers": "2"}[scheme]
    (row,) = ask(powsim, "--scheme", scheme, *options, "--mismatch", "0", "--simulate", n_runs)
    assert row["claims"] == {"hits": 12, "answers": 40}[scheme]
    assert 0 < row["simulated"] < 1
    assert row["low"] <= row["accepted"] <= row["high"]


def test_a_scenario_of_a_point_holds_its_claim_and_its_voters() -> None:
    (design,) = list_designs(
        {"fabricated": "0.5", "validators": "10", "silent": "0.2", "colluding": "0.1", "claim": "9000"}
    )
    scenario = make_scenario(design)
    assert {group["name"]: group["count"] for group in scenario["hosts"]} == {
        "silent": 2,
        "colluding": 1,
        "claimant": 8,
    }
    assert scenario["hosts"][2]["strategy"] == {"kind": "overclaim", "excess": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--sample 0", "--sample 0: must be a whole number, at least 1 and at most 1000000"),
        ("--sample 2.5", "--sample 2.5: must be a whole number, at least 1 and at most 1000000"),
        ("--fabricated 110%", "--fabricated 110%: must be a number, at least 0 and at most 1"),
        ("--colluding 1", "--colluding 1: must be a number, at least 0 and below 1"),
        (
            "--silent 0.6 --colluding 0.5",
            "--silent 0.6 and --colluding 0.5: together 1.1; they must sum to less than 1",
        ),
        ("--validators 0", "--validators 0: must be at least 1 without --slots"),
        ("--scheme hit", '--scheme "hit": unknown. Did you mean "hits"?'),
        ("--version v0.2.9 --scheme hits", "--scheme hits: v0.2.9 proves by answers"),
        ("--want power", '--want "power": must be written like "power 0.99 at 5 %, false 1e-6"'),
        ("--want false=1e-6 --sample 3", '--want "false=1e-6": must be written like'),
        ("--figure x.doc", "--figure x.doc: its name must end with one of: "),
        ("--simulate 1", "--simulate cannot show --mismatch 0.0005: hosts of a run have equal numerics"),
        (
            "--simulate 1 --mismatch 0 --silent 0.3",
            "--simulate cannot show parts of a validator: 1 of them, 0.3 silent",
        ),
        ("--sample 1,2,3,4,5,6,7,8,9 --figure x.png", "--figure: 9 curves; there may be at most 8: shorten a list"),
    ],
)
def test_mistakes_are_one_line(powsim: Command, options: str, message: str) -> None:
    done = powsim("detect", *options.split())
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
