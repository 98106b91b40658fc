"""Arguments and options that several commands share, declared once. Imported by every command: it loads only typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim.shipped import find_named

RESULTS = Path("results")  # where a command leaves its results folder unless `--out` names one

File = Annotated[
    Path,
    typer.Argument(
        help="YAML file, or the bare name of one that comes with powsim", show_default=False, callback=find_named
    ),
]
OptionalFile = Annotated[
    Path | None,
    typer.Argument(
        help="YAML file, or the bare name of one that comes with powsim; none with --resume",
        show_default=False,
        callback=lambda file: None if file is None else find_named(file),
    ),
]
Seed = Annotated[int | None, typer.Option(help="random seed instead of the file's", min=0)]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change one key, e.g. --set epochs=2; repeatable")
]
Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="results folder (default: results/<name>/<time>-<hash>)")
]
Resume = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="go on with the interrupted or unfinished study in this folder")
]
Workers = Annotated[
    int | None, typer.Option(help="processes on this machine (default: one a processor; 0: this one)", min=0)
]
