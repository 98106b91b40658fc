"""`powsim kernel ...`: the kernel by itself, without a network."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pow.params import PowParams

app = typer.Typer(help="The kernel by itself: distances and speed.", no_args_is_help=True)
Params = Annotated[str, typer.Option(help="preset of the transformer's parameters")]
DType = Annotated[str, typer.Option(help="numerics, as in a scenario")]
Threads = Annotated[int | None, typer.Option(help="threads (default: one per processor)", min=1)]
MAX_NONCES = 10_000_000


@app.command()
def distances(
    block_hash: Annotated[str, typer.Option(help="network seed")],
    public_key: Annotated[str, typer.Option(help="participant's public key")],
    nonces: Annotated[str, typer.Option(help='"FIRST:END" (END excluded) or "3,5,9"')],
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
) -> None:
    """Print nonce and distance as CSV."""
    from sim.work import open_kernel

    wanted = parse_nonces(nonces)
    preset = _get_preset(params)
    _check(preset, dtype)
    with open_kernel(preset, None, threads) as work:
        found = work.distances(block_hash, dtype, [(public_key, nonce) for nonce in wanted])
    typer.echo("nonce,distance")
    for nonce, distance in zip(wanted, found.tolist(), strict=True):
        typer.echo(f"{nonce},{distance!r}")


@app.command()
def benchmark(
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    seconds: Annotated[float, typer.Option(help="time for each figure, s", min=0.01)] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Measure nonces per second beside the machine's matrix product."""
    from pow.benchmark import benchmark as measure

    preset = _get_preset(params)
    _check(preset, dtype)
    measured = measure(preset, dtype, n_threads=threads, seconds=seconds)
    figures = {**dataclasses.asdict(measured), "share_of_peak": measured.share_of_peak}
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        typer.echo(f"{name.replace('_', ' '):<28}{shown:>14}")


@app.command()
def layers(
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    n_nonces: Annotated[int, typer.Option("--nonces", help="how many nonces to try", min=10, max=MAX_NONCES)] = 1000,
    figure: Annotated[Path | None, typer.Option(help="draw the result into this PNG file as well")] = None,
) -> None:
    """Measure what a host gains that computes only the first layers, with the pool's norm gains and with gains of 1."""
    from pow.layers import measure_layers

    preset = _get_preset(params)
    _check(preset, dtype)
    rows = [
        row
        for unit_gains in (False, True)
        for row in measure_layers(preset, dtype, n_nonces=n_nonces, unit_gains=unit_gains, n_threads=threads)
    ]
    typer.echo(f"{params}, {dtype}, {n_nonces} nonces; r_target lowered by 2 rms errors")
    typer.echo("gains  layers    work  rms error  claimed  wrong  of valid ones  advantage")
    for row in rows:
        cells = f"{row.n_layers:>6}  {row.work:>6.3f}  {row.rms_error:>9.2e}  {row.n_claimed:>7}  {row.n_wrong:>5}"
        gains = "unit" if row.unit_gains else "pool"
        typer.echo(f"{gains:<5}  {cells}  {row.claimed_share:>13.1%}  {row.advantage:>8.1f}x")
    if figure is not None:
        from sim.figures.layers import plot_layers

        plot_layers(rows).savefig(figure, dpi=150)


def parse_nonces(text: str) -> list[int]:
    """Return the nonces of "0:16" or "3,5,9"; raises UserError."""
    first, colon, end = text.partition(":")
    try:
        found = list(range(*_check_range(int(first), int(end)))) if colon else [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f'--nonces {text}: must be written like "0:16" or "3,5,9"') from None
    wrong = [nonce for nonce in found if not 0 <= nonce < 2**63]
    if wrong or not found:
        what = f"{wrong[0]} must be at least 0 and below 2^63" if wrong else "names no nonce"
        raise UserError(f"--nonces {text}: {what}")
    return found


def _check_range(first: int, end: int) -> tuple[int, int]:
    if end - first > MAX_NONCES:
        raise UserError(f"--nonces {first}:{end}: {end - first} nonces are more than {MAX_NONCES}")
    return first, end


def _get_preset(name: str) -> PowParams:
    from pow.params import PRESETS

    if name not in PRESETS:
        raise UserError(f'--params: unknown preset "{name}".{did_you_mean(name, PRESETS)}')
    return PRESETS[name]


def _check(params: PowParams, dtype: str) -> None:
    """Raise UserError unless the numerics exist and the model fits into memory."""
    from pow.devices import check_memory
    from pow.params import DTYPES

    if dtype not in DTYPES:
        raise UserError(f'--dtype: unknown numerics "{dtype}".{did_you_mean(dtype, DTYPES)}')
    try:
        check_memory(params, dtype)
    except ValueError as error:
        raise UserError(f"--params: {error}") from None
