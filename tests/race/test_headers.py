"""Block headers of a chain: its compute, its own difficulties, and every mistake at its line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.economy import curves
from sim.economy.base import CurveError
from sim.economy.headers import FromHeaders, read_headers
from sim.errors import ScenarioError
from sim.race.lab_file import load_lab
from sim.race.replayed import CHAINS_OWN, Replayed
from sim.race.rig import Setup, lay_out, run_race
from sim.studies.lab import run_lab
from sim.studies.lab_commands import report_lab

DATA = Path(__file__).parent.parent / "data" / "asert"
SPACE = 2.0**256


def write(folder: Path, text: str) -> str:
    file = folder / "headers.csv"
    file.write_text(text)
    return str(file)


def make(folder: Path, times: Any, difficulties: Any) -> str:
    rows = (
        f"{height},{time},{difficulty!r}"
        for height, (time, difficulty) in enumerate(zip(times, difficulties, strict=True), 7)
    )
    return write(folder, "height,time (s),difficulty\n" + "\n".join(rows) + "\n")


def build(path: str, **parameters: Any) -> FromHeaders:
    built = curves.build({"kind": "headers", "path": path, **parameters})
    assert isinstance(built, FromHeaders)
    return built


def lay_out_one(curve: FromHeaders) -> Any:
    return curve.lay_out(1.0, np.random.default_rng(0))


@pytest.mark.parametrize(
    "text",
    [
        "height,time (min),bits\n1,10,0x1d00ffff\n2,20,0x1b0404cb\n",
        "height, time (s), bits \n1,600,486604799\n2,1200,453248203\n",
        f"height,time (s),target\n1,600,{0xFFFF << 208}\n2,1200,{0x0404CB << 192:#x}\n",
        "height,time (s),difficulty\n1,600,1\n2,1200,16307.420938523983\n",
    ],
)
def test_a_target_may_be_written_in_four_ways(tmp_path: Path, text: str) -> None:
    """The target of Bitcoin's first block, and the one of the developers' reference (difficulty 16307.42)."""
    times, tries, _ = read_headers(write(tmp_path, text))
    assert times.tolist() == [600.0, 1200.0]
    assert tries == pytest.approx([SPACE / (0xFFFF << 208), SPACE / (0x0404CB << 192)], rel=1e-12)


def test_compute_by_hand(tmp_path: Path) -> None:
    """Steps of two blocks: their tries over the time since the block before them; the last one takes in the rest."""
    file = make(tmp_path, [0, 10, 30, 40, 80, 90], [9.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    steps = lay_out_one(build(file, window=2, median_of=1))
    unit = SPACE / (0xFFFF << 208)
    assert steps.times.tolist() == [0.0, 30.0]
    assert steps.values == pytest.approx([3.0 * unit / 30.0, 12.0 * unit / 60.0])
    own = build(file, window=2, median_of=1).read_own_difficulty()
    assert own.times.tolist() == [0.0, 10.0, 30.0, 40.0, 80.0]
    assert own.values == pytest.approx(np.array([1.0, 2.0, 3.0, 4.0, 5.0]) * unit)


def test_time_is_the_median_of_timestamps(tmp_path: Path) -> None:
    """Two of three timestamps around block 3 of six lie: it takes the time of the middle one."""
    times = [0, 10, 20, 5, 40, 50, 60]
    file = make(tmp_path, times, [1.0] * 7)
    curve = build(file, window=1, median_of=3)
    # Medians of three: 10, 10, 20, 40, 50; the second block after the first has no time of its own.
    steps = lay_out_one(curve)
    assert steps.times.tolist() == [0.0, 10.0, 30.0]
    unit = SPACE / (0xFFFF << 208)
    assert steps.values == pytest.approx(np.array([2.0 / 10, 1.0 / 20, 1.0 / 10]) * unit)
    assert curve.read_own_difficulty().times.tolist() == [0.0, 10.0, 30.0]
    (told,) = curve.find_warnings(30.0)
    assert told.startswith(f"{file}:5: 1 of its timestamps lie before the one above them, here the first; time is read")
    assert told.endswith("as the chain reads it, by the median of 3")
    assert len(list(curve.find_warnings(100.0))) == 2


def test_a_clock_of_medians_never_goes_back(tmp_path: Path) -> None:
    """Timestamps that no chain with this rule takes: medians of three would be 10, 20, 20, 6, 7, 50."""
    curve = build(make(tmp_path, [0, 10, 20, 30, 5, 6, 50, 60], [1.0] * 8), window=1, median_of=3)
    assert curve.read_own_difficulty().times.tolist() == [0.0, 10.0]
    assert lay_out_one(curve).times.tolist() == [0.0, 10.0]


@pytest.mark.parametrize("window", [1, 7, 100])
def test_tries_of_a_published_run_add_up(tmp_path: Path, window: int) -> None:
    lines = (DATA / "run06").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    text = "".join(f"{height},{time},{bits}\n" for _, height, time, bits in rows)
    curve = build(write(tmp_path, f"height,time (s),bits\n{text}"), window=window)
    steps, own = lay_out_one(curve), curve.read_own_difficulty()
    headers = read_headers(curve.path)
    ends = np.append(steps.times[1:], curve._read()[0][-1])
    assert ((ends - steps.times) * steps.values).sum() == pytest.approx(headers.tries[6:-5].sum())
    assert len(steps.times) <= 989 // window
    assert np.isin(own.values, headers.tries).all()
    # A race under the chain's own difficulties keeps its pace: 989 blocks take 6.77 days, ± 4 % by chance.
    setup = Setup(600.0, n_decisions=989, n_replications=30, warm_up=5)
    found = run_race(Replayed(own, 600.0), lay_out(curve, setup), setup)
    assert found.time_ratio.sum(axis=0).mean() * 600.0 == pytest.approx(ends[-1], rel=0.04)
    assert (found.difficulty[0] == own.values[0]).all()


MISTAKES = [
    ("", ':1:1: the header must be "height,time (s),bits", not nothing'),
    ("height,time,bits\n1,2,0x1d00ffff\n", ':1:1: the header must be "height,time (s),bits", not "height,time,bits"'),
    ("height,time (s),hash\n1,2,3\n", "third column: bits, target, difficulty)"),
    ("height,time (y),bits\n1,2,3\n", "(units: ms, s, min, h, d; "),
    ("height,time (s),bits\n", ":2:1: no values below the header"),
    ("height,time (s),bits\n1,2,0x1d00ffff\n3,4,0x1d00ffff\n", ":3:1: height 3 does not follow 1, the line before"),
    ("height,time (s),bits\n1,2,0x1d00ffff\n1,4,0x1d00ffff\n", ":3:1: height 1 does not follow 1"),
    ("height,time (s),bits\n1,2,1d00ffff\n", ":2:5: 1d00ffff is not a whole number; write 0x1d00ffff if it is hexa"),
    ("height,time (s),bits\n1,2,0x1d80ffff\n", ":2:5: 0x1d80ffff is no compact target from 1 to 2^256 - 1"),
    ("height,time (s),bits\n1,2,0x2300ffff\n", ":2:5: 0x2300ffff is no compact target"),
    ("height,time (s),bits\n1,2,x\n", ":2:5: x is not a whole number"),
    ("height,time (s),target\n1,2,0\n", ":2:5: target 0 is not from 1 to 2^256 - 1"),
    ("height,time (s),difficulty\n1,2,0\n", ":2:5: difficulty 0 is not a number from"),
    ("height,time (s),difficulty\n1,2,nan\n", ":2:5: difficulty nan is not a number from"),
    ("height,time (s),difficulty\n1,2,many\n", ":2:5: difficulty many is not a number from"),
    ("height,time (s),bits\n1,,0x1d00ffff\n", ':2:1: "1,,0x1d00ffff" is a gap; each line holds a height, a time'),
    ("height,time (s),bits\n1,2\n", ':2:1: "1,2" is a gap'),
    ("height,time (s),bits\n1.5,2,0x1d00ffff\n", ':2:1: "1.5,2" is not a whole height and a time'),
    ("height,time (s),bits\n1,inf,0x1d00ffff\n", ":2:3: time inf is not within 1e+12 s of 0"),
    ("height,time (s),bits\n1,nan,0x1d00ffff\n", ":2:3: time nan is not within"),
    ("height,time (s),bits\n1,2,0x1d00ffff\n2,4,0x1d00ffff\n", "2 headers; at least 5, for one step of compute"),
    (
        "height,time (s),difficulty\n" + "".join(f"{n},{10 * n},{10.0**-9 if n > 5 else 1e6}\n" for n in range(1, 12)),
        ":7:1: compute 0.42950328330000154 must lie within a factor 1e+09 of the first value, 4.29503e+14 (nonces/s",
    ),
    (
        "height,time (s),target\n" + "".join(f"{n},{10 * n},5\n" for n in range(1, 9)),
        ":3:1: compute 2.315841784746324e+75 must be at most 1e+30 (nonces/s, from here on)",
    ),
    (
        "height,time (s),bits\n" + "".join(f"{n},7,0x1d00ffff\n" for n in range(1, 9)),
        ": no time passes between its headers",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(CurveError) as caught:
        lay_out_one(build(file, window=2, median_of=3))
    told = str(caught.value).splitlines()[0]
    assert told.startswith(file)
    assert expected in told


def test_mistakes_come_all_at_once(tmp_path: Path) -> None:
    """A wrong line is told once: the height after it is not compared with it."""
    file = write(tmp_path, "height,time (s),bits\n1,2,x\n2,5,0x1d00ffff\n9,7,0x1d00ffff\n10,y,0x1d00ffff\n")
    with pytest.raises(CurveError) as caught:
        read_headers(file)
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["2", "4", "5"]
    with pytest.raises(CurveError, match="No such file"):
        read_headers(str(tmp_path / "none.csv"))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    text = "height,time (s),bits\n1,2,0x1d00ffff\n2,5,0x1d00ffff\n"
    assert len(read_headers(write(tmp_path, text)).times) == 2
    assert len(read_headers(write(tmp_path, text + "3,9,0x1d00ffff\n")).times) == 3


LAB = """\
name: replay
spacing: 10 min
decisions: 60
replications: 6
warm_up: 20
controllers:
  - {kind: sma, window: 20}
  - fixed
curves:
  - {kind: headers, path: headers.csv, window: 3, median_of: 5}
"""


def open_lab(folder: Path, more: str = "") -> Any:
    times = np.cumsum(np.random.default_rng(1).exponential(900.0, 80)).round().astype(int)
    times[40] = times[39] - 100
    make(folder, times.tolist(), [50.0] * 40 + [20.0] * 40)
    (folder / "lab.yaml").write_text(LAB + more)
    return load_lab(folder / "lab.yaml")


def test_a_lab_races_the_chain_beside_its_controllers(tmp_path: Path) -> None:
    lab = open_lab(tmp_path)
    assert [str(each).partition(": curves.0: ")[2].partition("headers.csv")[2][:12] for each in lab.warnings] == [
        ":42: 1 of it",
    ]
    steps: list[str] = []
    result = run_lab(lab, out=None, root=tmp_path, report=steps.append)
    assert len(steps) == lab.n_races == 3
    assert result.races["controller"].unique().tolist() == ["sma", "fixed", CHAINS_OWN]
    assert set(result.rank().table["controller"]) == {"sma", "fixed", CHAINS_OWN}
    report_lab(result)
    assert CHAINS_OWN in (result.folder / "report.html").read_text()


def test_a_ranking_over_other_curves_is_without_the_chain(tmp_path: Path) -> None:
    result = run_lab(open_lab(tmp_path, "  - constant\n"), out=None, root=tmp_path, report=lambda step: None)
    assert set(result.answers.loc[result.answers["curve"] == "headers", "controller"]) == {"sma", "fixed", CHAINS_OWN}
    assert set(result.answers.loc[result.answers["curve"] == "constant", "controller"]) == {"sma", "fixed"}
    ranking = result.rank()
    assert set(ranking.table["controller"]) == {"sma", "fixed"}
    assert set(ranking.by_curve["curve"]) == {"headers", "constant"}


def test_a_broken_file_is_told_at_the_curve(tmp_path: Path) -> None:
    open_lab(tmp_path)
    write(tmp_path, "height,time (s),bits\n1,2,x\n")
    with pytest.raises(ScenarioError, match=r"lab\.yaml:10:5: curves\.0: .*headers\.csv:2:5: x is not a whole number"):
        load_lab(tmp_path / "lab.yaml")


def test_the_record_is_kept_at_its_times() -> None:
    """By the race's own clock, from its beginning on; before, and in the warm-up, the first value holds."""
    from sim.difficulty.base import Interval, replay
    from sim.economy.base import Steps

    record = Steps(np.array([0.0, 100.0, 250.0]), np.array([5.0, 7.0, 9.0]))
    times = [(-1, 3.0), (0, 2.0), (1, 0.5), (2, 0.5), (3, 1.4), (4, 0.2), (5, 9.0)]
    seen = [Interval(5.0, 1.0, 1.0, np.array([time]), 1.0, index) for index, time in times]
    decided = replay(Replayed(record, 100.0), seen)
    assert [float(each[0]) for each in decided] == [5.0, 5.0, 5.0, 7.0, 7.0, 9.0, 9.0]
