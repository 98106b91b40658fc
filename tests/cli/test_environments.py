"""Terminals, systems and scripts of other people: everything that does not need the missing part works."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

import sim
from sim.cli import main as command
from sim.difficulty import controllers
from sim.documents import yaml_tree
from sim.errors import ScenarioError, UserError
from sim.execution import pool
from sim.execution.table import tell_alike
from sim.scenario.load import load_scenario
from sim.studies.compare import count_ends, summarise_sweep
from sim.terminal import replace_unknown_signs

ROOT = Path(__file__).parent.parent.parent
SMALL = ROOT / "tests" / "data" / "small.yaml"
TINY = {
    "name": "tiny",
    "epochs": 1,
    "protocol": {"epoch_length": 24, "poc_stage_duration": 5, "poc_validation_duration": 8, "r_target": 1.3},
    "work": {"kind": "sphere", "params": "tiny", "rate_factor": 0.1},
    "hosts": [{"name": "farm", "count": 4, "gpus": "8 x H100-SXM", "region": "NORTH_AMERICA"}],
}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_sign_that_the_terminal_lacks_is_replaced(powsim, monkeypatch, encoding: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    replace_unknown_signs()
    print("10⁹ · ≤ ΔV")
    out.flush()
    assert b"?" in out.buffer.getvalue()
    assert powsim("list", "controllers").returncode == 0


def test_a_sweep_without_a_main_guard_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    """In a process of its own: workers run its script again."""
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**TINY, "sweep": {"grid": {"hosts.farm.count": [3, 4]}}}))
    (tmp_path / "script.py").write_text("import sim\nsim.sweep('sweep.yaml', workers=1)\n")
    command, environment = [sys.executable, "script.py"], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert 'put the call below `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]
    assert {file.name for file in tmp_path.iterdir()} <= {"sweep.yaml", "script.py", "__pycache__"}


def test_without_masks_of_signals_nothing_is_blocked(monkeypatch) -> None:
    """As on Windows."""
    usual = signal.getsignal(signal.SIGINT)  # of this process, in which distributed may have set its own
    monkeypatch.delattr(signal, "pthread_sigmask")
    with pool._interrupts_blocked():
        assert signal.getsignal(signal.SIGINT) is usual


def test_a_sweep_from_standard_input_says_so_at_once(monkeypatch) -> None:
    """The command's own workers start from anywhere."""
    main = SimpleNamespace(__file__="<stdin>", __spec__=None)
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(UserError, match="worker processes cannot start from <stdin>: put the call below `if __name__"):
        pool.check_start()
    main.main = command  # the command itself, which workers do without
    pool.check_start()
    with pool.LocalPool(1) as workers:
        assert workers.submit(abs, -3).result() == 3
    assert main.__file__ == "<stdin>"


def test_a_controller_that_raises_costs_its_own_race(powsim, tmp_path: Path, monkeypatch) -> None:
    lab = {
        **{"name": "raw", "spacing": "10 min", "decisions": 100, "warm_up": 100, "replications": 3},
        **{"controllers": ["sma", {"kind": "ema", "lifetime": 2.0}], "curves": ["constant"]},
    }
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump(lab))
    monkeypatch.setattr("sim.studies.lab.race_and_measure", _fail_for_ema())
    done = powsim("lab", file, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "ema on constant has no number: the race failed: ArithmeticError: no logarithm" in done.stdout
    answers = pd.read_parquet(tmp_path / "out" / "answers.parquet").set_index(["controller", "measure"])
    assert answers.loc[("sma", "noise"), "estimate"] > 0
    assert answers.loc[("ema", "noise"), "warning"].startswith("the race failed")


def _fail_for_ema():
    from sim.studies import lab

    race = lab.race_and_measure

    def fail(controller, *rest):
        if controllers.name_of(controller) == "ema":
            raise ArithmeticError("no logarithm")
        return race(controller, *rest)

    return fail


def test_runs_that_halt_are_counted_by_point_and_are_in_no_mean(powsim, tmp_path: Path) -> None:
    """All runs of the second point halt, which once ended in an IndexError."""
    sweep = {"replications": 2, "grid": {"consensus.timeout_propose": ["3 s", "1 ms"]}, "measures": ["nonces_valid"]}
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump({**TINY, "consensus": {"timeout_delta": "0 s"}, "sweep": sweep}))
    done = powsim("sweep", file, "--workers", "0", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "runs by how they ended" in done.stdout
    result = sim.load_sweep(tmp_path / "out")
    assert result.runs["status"].tolist() == ["finished"] * 2 + ["halted"] * 2
    counts = count_ends(result)
    assert counts[["finished", "halted", "failed"]].to_numpy().tolist() == [[2, 0, 0], [0, 2, 0]]
    fine, halted = summarise_sweep(result).to_dict("records")
    assert (fine["n"], halted["n"]) == (2, 0)
    assert halted["warning"].endswith("of 2 runs 2 halted: none is left for a mean")
    assert "2 of 4 runs halted" in (tmp_path / "out" / "report.html").read_text()
    again = powsim(
        "sweep",
        file,
        "--workers",
        "0",
        "--set",
        "sweep.grid={consensus.timeout_propose: [1 ms]}",
        "--out",
        tmp_path / "other",
    )
    assert again.returncode == 3


def test_runs_that_are_all_alike_are_doubted() -> None:
    runs = pd.DataFrame(
        {"point": [0, 0, 1, 1, 2], "status": "finished", "trace_hash": ["a", "a", "b", "c", "d"], "error": None}
    )
    assert list(tell_alike(runs)) == [
        "point 0: all runs are alike to the bit, so that nothing in them is left to chance"
    ]


def test_mistakes_end_at_fifty() -> None:
    tree = {**TINY, "hosts": [{**TINY["hosts"][0], "name": f"h{n}", "regoin": "x"} for n in range(70)]}
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tree)
    lines = str(caught.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "... and 20 more mistakes"
    assert len(caught.value.mistakes) == 70


def test_a_line_of_a_message_ends_as_well() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario({**TINY, "protocol": {"version": "x" * 100_000}})
    assert len(str(caught.value)) < 2500
    assert "more letters" in str(caught.value)


def test_check_parses_a_file_once(powsim, monkeypatch) -> None:
    parsed = []
    parse = yaml_tree.parse_document
    monkeypatch.setattr(yaml_tree, "parse_document", lambda *given: parsed.append(given) or parse(*given))
    assert powsim("check", SMALL).returncode == 0
    assert len(parsed) == 1


def test_long_files_are_read_alike_by_both_parsers(monkeypatch) -> None:
    """And what they may read differently is read by the one only."""
    item = "  - {{name: h{0}, count: {0}, share: {1:.6f}, flag: true, none: null, 'q': \"t\"}}"
    lines = [item.format(n, n / 7) for n in range(900)]
    head = "# What & why?\nname: long # why\nabout: >-\n  Half of 50 %!\n\n  http://a.org...\nhosts:\n"
    text = head + "\n".join(lines) + "\nlast:\n  - 0x1F\n  - 1e5\n  - .5\n  - no\n  - 012\n"
    assert len(text) > yaml_tree.LONG_TEXT
    fast = yaml_tree._parse_fast(text)
    assert fast is not None
    first = yaml_tree.parse_document(text, "long")
    monkeypatch.setattr(yaml_tree, "LONG_TEXT", len(text))
    second = yaml_tree.parse_document(text, "long")
    assert first.tree == second.tree
    assert first.places == second.places
    for sign in ("a: &x 1\nb: *x\n", "a: !t 1\n", "{a:b}\n", "a: b:c\n", "<<: 1\n", "\ta: 1\n", "---\na: 1\n"):
        assert yaml_tree._parse_fast(sign) is None, sign
