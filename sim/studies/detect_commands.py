"""`powsim detect`: how much must be checked, by whom. Heavy modules are loaded when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim.errors import UserError

if TYPE_CHECKING:
    from sim.studies.detect import Chances, Design


def _option(text: str, metavar: str) -> Any:
    return typer.Option(metavar=metavar, help=f"{text}; several by commas", show_default=False)


def detect(
    scheme: Annotated[str | None, _option("proof scheme: hits or answers (default: the version's)", "NAME")] = None,
    sample: Annotated[str | None, _option("entries that a validator checks (default: 200)", "N")] = None,
    fabricated: Annotated[str | None, _option("share of a claim's entries that was invented", "X")] = None,
    mismatch: Annotated[
        str | None, _option("chance that an honest entry is contradicted (default: as --p-mismatch)", "M")
    ] = None,
    p_mismatch: Annotated[
        str | None, _option("mismatch chance that the fraud test assumes (default: the version's)", "P")
    ] = None,
    threshold: Annotated[str | None, _option("p-value below which it is a fraud (default: the version's)", "T")] = None,
    validators: Annotated[
        str | None,
        _option("validators, who weigh the same; 0, with slots: no two slots go to one (default: 1, or 0)", "K"),
    ] = None,
    silent: Annotated[str | None, _option("share of the voting power that abstains (default: 0)", "S")] = None,
    colluding: Annotated[
        str | None, _option("share of the voting power that says yes to everything (default: 0)", "C")
    ] = None,
    slots: Annotated[str | None, _option("slots of a committee (default: 0: all validators vote)", "G")] = None,
    majority: Annotated[
        str | None,
        _option("share of all votes that yes must exceed, as 1/2 or 2/3 (default: the version's)", "SHARE"),
    ] = None,
    version: Annotated[
        str | None, _option("version whose rules hold where no option says otherwise (default: v0.2.0)", "V")
    ] = None,
    radius: Annotated[
        str | None,
        typer.Option(
            "--r-target",
            metavar="R",
            help="largest distance that passes (default: the version's, or its base model's); several by commas",
            show_default=False,
        ),
    ] = None,
    claim: Annotated[str | None, _option("entries of a claim; 0: without an end (default: 0)", "C")] = None,
    want: Annotated[
        str | None,
        typer.Option(help="find the smallest sample, as in: power 0.99 at 5 %, false 1e-6", metavar="TEXT"),
    ] = None,
    simulate: Annotated[
        int | None, typer.Option(help="draw every point from so many runs as well", metavar="N", min=1, max=100_000)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="draw the chances into this file, and write them into a CSV file beside it")
    ] = None,
) -> None:
    """Compute how often claims are accepted, exactly: those with invented entries, and honest ones that are not."""
    from sim.studies.detect import FABRICATED, list_designs

    options = {
        "version": version,
        "scheme": scheme,
        "sample": sample,
        "fabricated": fabricated,
        "mismatch": mismatch,
        "p-mismatch": p_mismatch,
        "threshold": threshold,
        "validators": validators,
        "silent": silent,
        "colluding": colluding,
        "slots": slots,
        "majority": majority,
        "r-target": radius,
        "claim": claim,
    }
    given = {name: text for name, text in options.items() if text is not None}
    if want is not None:
        _find(given, want, as_json, [name for name, value in (("simulate", simulate), ("figure", figure)) if value])
        return
    designs = list_designs(given if fabricated is not None else _insert(given, FABRICATED))
    _show([(design, design.compute()) for design in designs], simulate, as_json, figure)


def _insert(given: dict[str, str], fabricated: str) -> dict[str, str]:
    """Return the options with a list of shares after the sample's size, in the order of the options."""
    before = {name: text for name, text in given.items() if name in ("version", "scheme", "sample")}
    return {**before, "fabricated": fabricated, **given}


def _show(points: list[tuple[Design, Chances]], simulate: int | None, as_json: bool, figure: Path | None) -> None:
    from sim.studies.detect_tables import print_json, print_points, write_csv

    if figure is not None:
        from sim.figures.style import check_figure_file

        check_figure_file(figure)
    found = []
    if simulate is not None:
        from sim.studies.detect_runs import simulate_points

        found = simulate_points([design for design, _ in points], simulate)
    if figure is not None:
        from sim.figures.style import save_figure
        from sim.files.writing import replace_file
        from sim.studies.detect_figure import draw

        drawn, kind = draw(points, found), figure.suffix[1:].lower()
        replace_file(figure, lambda stream: save_figure(drawn, stream, format=kind, dpi=150))
        write_csv(points, figure.with_suffix(".csv"), found)
    (print_json if as_json else print_points)(points, found)


def _find(given: dict[str, str], text: str, as_json: bool, others: list[str]) -> None:
    """Print the smallest samples; end with status 1 where a point has none."""
    from sim.studies.detect import list_designs
    from sim.studies.detect_tables import print_json, print_points
    from sim.studies.detect_want import find_sample, parse_want, say_none

    wanted = parse_want(text)
    for name in [*({"sample", "fabricated"} & set(given)), *others]:
        raise UserError(f"--{name}: does not go with --want, which says how much is invented and looks for the sample")
    points = [find_sample(design, wanted) for design in list_designs(given)]
    (print_json if as_json else print_points)(points)
    for design, chances in points:
        if chances is None:
            typer.echo(say_none(design, wanted), err=True)
    raise typer.Exit(int(any(chances is None for _, chances in points)))
