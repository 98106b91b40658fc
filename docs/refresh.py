"""Run the commands whose output the docs quote: `.venv/bin/python docs/refresh.py [run] [theory] [propagation]
[kernel] [scale] [sweep] [statistics] [lab] [tune] [search] [questions] [incidents] [detect] [caught]`.

`run`: `make run` into README.md, and that run's figure into docs/images/. `theory`: `powsim theory` into
docs/is_it_true.md. `propagation`: `docs/propagation.py` and its figure into the same page. `kernel`: `powsim kernel
benchmark` and `layers` into docs/kernel.md, `powsim kernel answers` into docs/network_of_2026.md. `scale`: benchmarks
of the network and of large runs into docs/limits.md. `sweep`: sweeps on this machine, interrupted and resumed, on a
dask cluster of this machine, and their benchmarks, into docs/laptop_to_cluster.md. `statistics`:
`docs/interval_coverage.py` into docs/statistics.md. `lab`: `powsim lab` and its benchmarks into
docs/choosing_a_controller.md. `tune`: `powsim tune` into the same page. `search`: `powsim search` into
docs/search.md. `questions`: `docs/questions.py` and its figures into docs/questions_of_2026.md. `incidents`:
`docs/incidents.py` and its figures into docs/incidents.md. `detect`: `powsim detect` into docs/detection.md. `caught`:
`docs/caught_page.py` and its figure into docs/what_is_caught.md. All where none is named: minutes.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from caught_page import write_caught
from generate import DOCS, ROOT, replace_block
from incidents import write_incidents
from interval_coverage import write_coverage, write_differences, write_stopping
from propagation import write_all
from questions import write_answers


def refresh_run() -> None:
    """Quote what `make run` prints on standard output; copy its first figure."""
    output = _run("make", "--silent", "run")
    _fill(ROOT / "README.md", "make run", output)
    folder = ROOT / output.rsplit("results in ", 1)[-1].strip()
    shutil.copyfile(folder / "figures" / "success_rate.png", DOCS / "images" / "success_rate.png")


def refresh_theory() -> None:
    """Quote `powsim theory`; a failed row ends this script too."""
    _fill(DOCS / "is_it_true.md", "powsim theory", _run(sys.executable, "-m", "sim", "theory"))


def refresh_propagation() -> None:
    """Simulate propagation again, step by step: the table and the figure beside the measured days."""
    page = DOCS / "is_it_true.md"
    table = write_all(DOCS / "images" / "propagation.png")
    page.write_text(replace_block(page.read_text(encoding="utf-8"), "propagation", table), encoding="utf-8")


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def _fill(page: Path, name: str, output: str) -> None:
    text = replace_block(page.read_text(encoding="utf-8"), name, f"```text\n{output}\n```")
    page.write_text(text, encoding="utf-8")


def refresh_kernel() -> None:
    """Quote `powsim kernel benchmark`, `layers` and `answers`; name the processor in the text by hand."""
    kernel = (sys.executable, "-m", "sim", "kernel")
    _fill(DOCS / "kernel.md", "powsim kernel benchmark", _run(*kernel, "benchmark"))
    layers = _run(*kernel, "layers", "--figure", str(DOCS / "images" / "layers.png"))
    _fill(DOCS / "kernel.md", "powsim kernel layers", layers)
    answers = _run(*kernel, "answers", "--nonces", "0:64", "--compare")
    _fill(DOCS / "network_of_2026.md", "powsim kernel answers", answers)


def refresh_scale() -> None:
    """Quote `make bench` of messages and of whole runs."""
    page = DOCS / "limits.md"
    _fill(page, "network bench", _bench("network", lambda line: line.startswith("  ") or " a message of " in line))
    _fill(page, "scale bench", _bench("scale", lambda line: line.startswith("  ") or " epochs (" in line))


def _bench(subject: str, is_shown: Callable[[str], bool]) -> str:
    """Return some lines of what the benchmarks of a subject print."""
    file = f"tests/benchmarks/test_{subject}_benchmarks.py"
    lines = _run(sys.executable, "-m", "pytest", "-m", "benchmark", "-q", "-s", file).splitlines()
    return "\n".join(line for line in lines if is_shown(line))


SWEEP_FILE = "scenarios/sweeps/sample-size.yaml"
INTERRUPT_SECONDS = 7.0


def refresh_sweep() -> None:
    """Quote sweeps on this machine and on a dask cluster of this machine, and `make bench` of them."""
    page = DOCS / "laptop_to_cluster.md"
    here = ("--workers", "2", "--out", "results/sample-size")
    resumed = ("--workers", "2", "--resume", "results/sample-size")
    with _open_scratch() as scratch:
        _fill(page, "sweep --dry-run", _sweep(scratch, "--dry-run", "--workers", "2"))
        _fill(page, "sweep interrupted", _sweep(scratch, *here, interrupt_seconds=INTERRUPT_SECONDS))
        _fill(page, "sweep resumed", _shorten(_sweep(scratch, *resumed)))
        compared = ("compare", "results/sample-size", "--measure", "cheater_accepted_share")
        _fill(page, "sweep compared", _powsim(scratch, *compared))
        page_image = Path(scratch) / "results" / "sample-size" / "figures" / "cheater_accepted_share.png"
        shutil.copyfile(page_image, DOCS / "images" / "sweep.png")
        _fill(page, "sweep on dask", _shorten(_sweep_on_dask(scratch)))
    _fill(
        page, "sweep bench", _bench("sweep", lambda line: line.startswith("  ") or line.endswith(("runs", "started")))
    )


def _sweep(scratch: str, *options: str, interrupt_seconds: float | None = None) -> str:
    return _powsim(scratch, "sweep", SWEEP_FILE, *options, interrupt_seconds=interrupt_seconds)


def _powsim(scratch: str, *arguments: str, interrupt_seconds: float | None = None) -> str:
    """Return what a person sees, both streams."""
    command = [sys.executable, "-m", "sim", *arguments]
    program = subprocess.Popen(command, cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if interrupt_seconds is not None:
        time.sleep(interrupt_seconds)
        program.send_signal(signal.SIGINT)
    output, _ = program.communicate()
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def _sweep_on_dask(scratch: str) -> str:
    """A scheduler and two workers, started as the page says."""
    dask = Path(sys.executable).with_name("dask")
    quiet = {"cwd": scratch, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = ("--scheduler-file", "scheduler.json")
    daemons = [subprocess.Popen([dask, "scheduler", *file], **quiet)]
    try:
        while not (Path(scratch) / "scheduler.json").exists():
            time.sleep(0.1)
        workers = ("--nthreads", "1", "--nworkers", "2", "--local-directory", scratch)
        daemons.append(subprocess.Popen([dask, "worker", *file, *workers], **quiet))
        return _sweep(scratch, *file, "--out", "results/on-dask")
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


def _shorten(output: str) -> str:
    """Keep the progress, the first measure of the table and the end."""
    lines = output.splitlines()
    blocks = [number for number, line in enumerate(lines) if line[:1].isalpha() and "  0  " in line]
    if len(blocks) < 2:
        return output
    end = next(number for number in range(len(lines) - 1, 0, -1) if lines[number].startswith("   ")) + 1
    return "\n".join([*lines[: blocks[1]], "...", *lines[end:]])


def refresh_statistics() -> None:
    """Measure the coverage of intervals anew."""
    page = DOCS / "statistics.md"
    for name, write in (("coverage", write_coverage), ("differences", write_differences), ("stopping", write_stopping)):
        page.write_text(replace_block(page.read_text(encoding="utf-8"), name, write()), encoding="utf-8")


@contextmanager
def _open_scratch() -> Iterator[str]:
    """A folder in which commands find the project and leave their results."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("scenarios", "sim", "pow"):
            (Path(scratch) / name).symlink_to(ROOT / name)
        yield scratch


LAB_FILE = "scenarios/difficulty/lab.yaml"
SWITCHERS_FILE = "scenarios/difficulty/profit-switchers.yaml"
LIES_FILE = "scenarios/difficulty/manipulated-timestamps.yaml"
AWAITED_FILE = "scenarios/difficulty/awaited-blocks.yaml"
HEADERS_FILE = "scenarios/difficulty/replayed-headers.yaml"


def refresh_lab() -> None:
    """Quote the example lab, and `make bench` of races."""
    page = DOCS / "choosing_a_controller.md"
    _fill(page, "lab file", (ROOT / LAB_FILE).read_text(encoding="utf-8").strip())
    with _open_scratch() as scratch:
        _fill(page, "powsim lab", _powsim(scratch, "lab", LAB_FILE, "--baseline", "asert", "--out", "results/lab"))
        shutil.copyfile(Path(scratch) / "results" / "lab" / "figures" / "paths.png", DOCS / "images" / "lab.png")
        quota = ("--set", "quota=20", "--set", "curves=[constant]", "--set", "weights={}", "--out", "results/quota")
        output = _powsim(scratch, "lab", LAB_FILE, *quota)
        switchers = ("--rank-by", "steady_loss", "--out", "results/switchers")
        _fill(page, "powsim lab switchers", _powsim(scratch, "lab", SWITCHERS_FILE, *switchers))
        awaited = ("--rank-by", "worst_wait", "--out", "results/awaited")
        _fill(page, "powsim lab awaited", _powsim(scratch, "lab", AWAITED_FILE, *awaited))
        _fill(page, "powsim lab headers", _powsim(scratch, "lab", HEADERS_FILE, "--out", "results/headers"))
        for reading in ("floored", "raw"):
            lies = ("--set", f"false_timestamps.reading={reading}", "--out", f"results/{reading}")
            told = _powsim(scratch, "lab", LIES_FILE, *lies)
            _fill(page, f"powsim lab {reading}", told[told.index("constant: what lies") : told.rindex("\n")])
    _fill(page, "powsim lab quota", output[output.index("constant: ") : output.rindex("\n")])
    _fill(page, "lab bench", _bench("race", lambda line: line.startswith(("  ", "races"))))


TUNE_FILE = "scenarios/difficulty/tune-pid.yaml"


def refresh_tune() -> None:
    """Quote the example search, and copy the figure of its front."""
    page = DOCS / "choosing_a_controller.md"
    _fill(page, "tune file", (ROOT / TUNE_FILE).read_text(encoding="utf-8").strip())
    with _open_scratch() as scratch:
        _fill(page, "powsim tune", _powsim(scratch, "tune", TUNE_FILE, "--out", "results/tune"))
        shutil.copyfile(Path(scratch) / "results" / "tune" / "figures" / "front.png", DOCS / "images" / "tune.png")


SEARCH_FILE = "scenarios/searches/wanted-success-rate.yaml"


def refresh_search() -> None:
    """Quote the example search over a scenario."""
    page = DOCS / "search.md"
    _fill(page, "search file", (ROOT / SEARCH_FILE).read_text(encoding="utf-8").strip())
    with _open_scratch() as scratch:
        _fill(page, "powsim search", _powsim(scratch, "search", SEARCH_FILE, "--out", "results/search"))


ATTACKS = {"launch": "launch", "answers": "answers", "repaired": "answers-repaired", "defence": "defence"}


def refresh_attacks() -> None:
    """Quote the searches for attacks and for a defence; minutes each."""
    with _open_scratch() as scratch:
        for name, file in ATTACKS.items():
            command = ("search", f"scenarios/attacks/{file}.yaml", "--out", f"results/{name}")
            _fill(DOCS / "search.md", f"powsim search {name}", _powsim(scratch, *command))


def refresh_questions() -> None:
    """Answer the questions about the network of 2026 anew: a table and a figure each."""
    page = DOCS / "questions_of_2026.md"
    for name, table in write_answers(DOCS / "images"):
        page.write_text(replace_block(page.read_text(encoding="utf-8"), name, table), encoding="utf-8")


def refresh_incidents() -> None:
    """Run the network's incidents and their repairs anew: a table and a figure each."""
    page = DOCS / "incidents.md"
    for name, table in write_incidents(DOCS / "images"):
        page.write_text(replace_block(page.read_text(encoding="utf-8"), name, table), encoding="utf-8")


DETECT = {
    "detect share": ("--sample", "200"),
    "detect majority": ("--fabricated", "1%,2%,2.4%,3%", "--validators", "5,101", "--claim", "0,1000"),
    "detect answers": ("--scheme", "answers", "--mismatch", "0.02", "--fabricated", "5%,10%,15%,20%"),
    "detect committee": ("--fabricated", "1", "--slots", "64,128", "--colluding", "0.40,0.45,0.49"),
    "detect silent": ("--fabricated", "1", "--slots", "128", "--silent", "0.30,1/3,0.40,0.49"),
    "detect mismatch": ("--fabricated", "5%", "--sample", "200", "--mismatch", "0.0005,0.001,0.005,0.01,0.02,0.05"),
    "detect want": ("--want", "power 0.99 at 5 %, false 1e-6", "--mismatch", "0.0005,0.001"),
    "detect runs": ("--mismatch", "0", "--validators", "5", "--fabricated", "2%,2.4%,3%", "--simulate", "40"),
}


def refresh_detect() -> None:
    """Quote `powsim detect`, and draw its figure."""
    command = (sys.executable, "-m", "sim", "detect")
    for name, options in DETECT.items():
        figure = ("--figure", str(DOCS / "images" / "detect.png")) if name == "detect share" else ()
        _fill(DOCS / "detection.md", name, _run(*command, *options, *figure))
    (DOCS / "images" / "detect.csv").unlink()


def refresh_caught() -> None:
    """Run all cheats anew: the table and its figure."""
    page = DOCS / "what_is_caught.md"
    table = write_caught(DOCS / "images")
    page.write_text(replace_block(page.read_text(encoding="utf-8"), "caught", table), encoding="utf-8")


PARTS = {
    "statistics": refresh_statistics,
    "run": refresh_run,
    "theory": refresh_theory,
    "propagation": refresh_propagation,
    "kernel": refresh_kernel,
    "scale": refresh_scale,
    "sweep": refresh_sweep,
    "lab": refresh_lab,
    "tune": refresh_tune,
    "search": refresh_search,
    "attacks": refresh_attacks,
    "questions": refresh_questions,
    "incidents": refresh_incidents,
    "detect": refresh_detect,
    "caught": refresh_caught,
}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(PARTS)
    if not set(wanted) <= set(PARTS):
        raise SystemExit(f"usage: python docs/refresh.py [{'] ['.join(PARTS)}]")
    for part in wanted:
        PARTS[part]()
