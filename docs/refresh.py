"""Run the commands whose output the docs quote: `.venv/bin/python docs/refresh.py [run] [theory] [kernel]`.

`run`: `make run` into README.md, and that run's figure into docs/images/. `theory`: `powsim theory` into
docs/is_it_true.md. `kernel`: `powsim kernel benchmark` into docs/kernel.md. All where none is named: minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from generate import DOCS, ROOT, replace_block


def refresh_run() -> None:
    """Quote what `make run` prints on standard output; copy its first figure."""
    output = _run("make", "--silent", "run")
    _fill(ROOT / "README.md", "make run", output)
    folder = ROOT / output.rsplit("results in ", 1)[-1].strip()
    shutil.copyfile(folder / "figures" / "success_rate.png", DOCS / "images" / "success_rate.png")


def refresh_theory() -> None:
    """Quote `powsim theory`; a failed row ends this script too."""
    _fill(DOCS / "is_it_true.md", "powsim theory", _run(sys.executable, "-m", "sim", "theory"))


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def _fill(page: Path, name: str, output: str) -> None:
    text = replace_block(page.read_text(encoding="utf-8"), name, f"```text\n{output}\n```")
    page.write_text(text, encoding="utf-8")


def refresh_kernel() -> None:
    """Quote `powsim kernel benchmark`; name the processor in the text by hand."""
    _fill(DOCS / "kernel.md", "powsim kernel benchmark", _run(sys.executable, "-m", "sim", "kernel", "benchmark"))


PARTS = {"run": refresh_run, "theory": refresh_theory, "kernel": refresh_kernel}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(PARTS)
    if not set(wanted) <= set(PARTS):
        raise SystemExit(f"usage: python docs/refresh.py [{'] ['.join(PARTS)}]")
    for part in wanted:
        PARTS[part]()
