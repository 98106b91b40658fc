"""`powsim kernel ...`: the kernel by itself, without a network."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from pow.benchmark import KernelBenchmark
    from pow.params import PowParams
    from pow.placement import Card
    from sim.gpus import GpuProfile

app = typer.Typer(help="The kernel by itself: distances, speed, and who agrees with whom.", no_args_is_help=True)
Params = Annotated[str, typer.Option(help="preset of the transformer's parameters")]
DType = Annotated[str, typer.Option(help="numerics, as in a scenario")]
Threads = Annotated[int | None, typer.Option(help="threads (default: one per processor)", min=1)]
Device = Annotated[str, typer.Option(help='where to compute: "cpu", "cuda" (all cards) or "cuda:N" (one card)')]
MAX_NONCES = 10_000_000
N_COMPARED = 32


@app.command()
def distances(
    block_hash: Annotated[str, typer.Option(help="network seed")],
    public_key: Annotated[str, typer.Option(help="participant's public key")],
    nonces: Annotated[str, typer.Option(help='"FIRST:END" (END excluded) or "3,5,9"')],
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    device: Device = "cpu",
) -> None:
    """Print nonce and distance as CSV."""
    from sim.work.kernel import KernelWork

    wanted = parse_nonces(nonces)
    preset = _get_preset(params)
    _check(preset, dtype, device, threads)
    with KernelWork(preset, None, threads, device) as work:
        found = work.distances(block_hash, dtype, [(public_key, nonce) for nonce in wanted])
    typer.echo("nonce,distance")
    for nonce, distance in zip(wanted, found.tolist(), strict=True):
        typer.echo(f"{nonce},{distance!r}")


@app.command()
def answers(
    nonces: Annotated[str, typer.Option(help='"FIRST:END" (END excluded) or "3,5,9"')] = "0:8",
    block_hash: Annotated[str, typer.Option(help="network seed")] = "powsim",
    public_key: Annotated[str, typer.Option(help="participant's public key")] = "powsim",
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    device: Device = "cpu",
    batch_size: Annotated[
        int | None, typer.Option(help="nonces in one forward pass (default: by the model's size)", min=1)
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="print distances to other number types and batches, beside public pairs")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(help="print distances to another machine's answers, as this command printed them")
    ] = None,
) -> None:
    """Print nonce and answer of proof of compute v2 as CSV, base64 of 12 float16, or how far answers lie apart."""
    import numpy as np

    from pow.answers import encode
    from sim.agreement.answers import HEADER, AnswerPlan, compare_answers, compare_with_file

    wanted = parse_nonces(nonces)
    preset = _get_preset(params)
    _check(preset, dtype, device, threads, batch_size)
    plan = AnswerPlan(preset, block_hash, public_key, wanted, device, threads)
    found, size = plan.compute(dtype, batch_size)
    if against is not None:
        typer.echo(compare_with_file(against, wanted, found))
    if compare:
        typer.echo("\n".join(compare_answers(plan, dtype, found, size)))
    if compare or against is not None:
        return
    typer.echo(HEADER)
    for nonce, vector, text in zip(wanted, found, encode(found), strict=True):
        if not np.isnan(vector).any():  # numbers overflowed: the nonce is missing
            typer.echo(f"{nonce},{text}")


@app.command()
def benchmark(
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    device: Device = "cpu",
    seconds: Annotated[float, typer.Option(help="time for each figure, s", min=0.01)] = 3.0,
    compare: Annotated[
        int | None,
        typer.Option(help="nonces to compare with float64 on the same device (default: 0; with --profile 32)", min=0),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    profile: Annotated[
        Path | None, typer.Option(help="write main net's rate on one card into this new GPU profile, NAME.yaml")
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="GPU profile of the same card: datasheet and rents of --profile")
    ] = None,
) -> None:
    """Measure nonces per second beside the machine's matrix product."""
    from sim.gpus.measured import check_cards, check_request

    preset = _get_preset(params)
    base = None if profile is None else check_request(profile, like, params, dtype, device)
    cards = _check(preset, dtype, device, threads)
    if base is not None:
        check_cards(base, cards)
    n_compared = (0 if base is None else N_COMPARED) if compare is None else compare
    if n_compared:
        _check(preset, "f16data_f64compute", device, threads)
    from pow.benchmark import benchmark as measure

    measured = measure(preset, dtype, device=device, n_threads=threads, seconds=seconds, n_compared=n_compared)
    if profile is not None and base is not None:
        _write_profile(profile, base, measured)
    figures = {**dataclasses.asdict(measured), "share_of_peak": measured.share_of_peak}
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        if value not in (None, ()):  # only cards have these lines, or only a comparison
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            typer.echo(f"{name.replace('_', ' '):<28}{shown:>14}")


@app.command()
def layers(
    params: Params = "devtest",
    dtype: DType = "float32",
    threads: Threads = None,
    device: Device = "cpu",
    n_nonces: Annotated[int, typer.Option("--nonces", help="how many nonces to try", min=10, max=MAX_NONCES)] = 1000,
    counts: Annotated[
        str | None,
        typer.Option("--layers", help='numbers of layers to try, "0,1,4" (default: about nine, from none to all)'),
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="draw the result into this PNG file as well")] = None,
) -> None:
    """Measure the gain from computing the first layers only, with the pool's norm gains and with gains of 1."""
    from pow.layers import measure_layers

    if figure is not None:
        from sim.figures.style import check_figure_file

        check_figure_file(figure)
    preset = _get_preset(params)
    tried = None if counts is None else parse_layers(counts, preset.n_layers)
    _check(preset, dtype, device, threads)
    measure = partial(measure_layers, preset, dtype, counts=tried, device=device, n_nonces=n_nonces, n_threads=threads)
    rows = [row for unit_gains in (False, True) for row in measure(unit_gains=unit_gains)]
    typer.echo(f"{params}, {dtype}, {n_nonces} nonces; r_target lowered by 2 rms errors")
    typer.echo("gains  layers    work  rms error  claimed  wrong  of valid ones  advantage")
    for row in rows:
        cells = f"{row.n_layers:>6}  {row.work:>6.3f}  {row.rms_error:>9.2e}  {row.n_claimed:>7}  {row.n_wrong:>5}"
        gains = "unit" if row.unit_gains else "pool"
        typer.echo(f"{gains:<5}  {cells}  {row.claimed_share:>13.1%}  {row.advantage:>8.1f}x")
    if figure is not None:
        from sim.figures.layers import plot_layers
        from sim.figures.style import save_figure
        from sim.files.writing import replace_file

        drawn, kind = plot_layers(rows), figure.suffix[1:].lower()
        replace_file(figure, lambda stream: save_figure(drawn, stream, format=kind, dpi=150))


@app.command()
def avalanche(
    params: Params = "devtest",
    n_nonces: Annotated[int, typer.Option("--nonces", help="how many inputs to change", min=10, max=MAX_NONCES)] = 200,
) -> None:
    """Measure how far one changed element of an input travels, against the number of layers."""
    from pow.avalanche import compute_expected, measure_avalanche

    preset = _get_preset(params)
    _check(preset, "float32")
    kept = sorted({preset.n_layers * part // 4 for part in range(5)})
    typer.echo(f"{params}, float32, {n_nonces} inputs; 100 %: an unrelated answer")
    typer.echo("gains  layers  first position  last position")
    for unit_gains, gains in ((False, "pool"), (True, "unit")):
        for row in measure_avalanche(preset, kept, n_nonces=n_nonces, unit_gains=unit_gains):
            typer.echo(f"{gains:<5}  {row.n_layers:>6}  {row.from_first:>14.4%}  {row.from_last:>13.2%}")
    typer.echo(f"layers that do nothing: 0 % and {compute_expected(preset):.2%}")


@app.command()
def agree(
    against: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="machine that comes with powsim, or a JSON file of distances")
    ] = "h100",
    params: Params = "devtest",
    dtype: Annotated[str | None, typer.Option(help="numerics to compare (default: all that are stored)")] = None,
    threads: Threads = None,
    device: Device = "cpu",
    n_nonces: Annotated[
        int, typer.Option("--nonces", help="compare the first N nonces of each stored set", min=1, max=MAX_NONCES)
    ] = 64,
    write: Annotated[
        Path | None, typer.Option(help="write this machine's distances into this new file, NAME.json", metavar="FILE")
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="print who agrees with whom, as measured so far; compute nothing")
    ] = False,
    checked: Annotated[
        list[int] | None,
        typer.Option(
            help="nonces that a validator checks; repeatable (default: 200, 1000, 10000)", min=0, max=1_000_000
        ),
    ] = None,
    p_mismatch: Annotated[
        float, typer.Option(help="mismatch probability that the fraud test assumes", min=0.0, max=1.0)
    ] = 5e-4,
) -> None:
    """Compare this machine's distances with another machine's; end with status 1 where they are too far apart."""
    from sim.agreement.here import compare_here, compute_here
    from sim.agreement.pairs import list_pairs
    from sim.agreement.stored import check_new_file, load_distances, write_distances
    from sim.agreement.table import (
        NETWORK,
        AssumedTest,
        is_within_bound,
        write_headings,
        write_line,
        write_too_far,
        write_who_agrees,
    )
    from sim.provenance import get_processor

    test = AssumedTest(tuple(checked or NETWORK.n_checked), p_mismatch)
    if table:
        typer.echo("\n".join(write_who_agrees(list_pairs(), test)))
        return
    stored = load_distances(against)
    preset, wanted = _get_preset(params), stored.select(params, dtype, n_nonces)
    if write is not None:
        check_new_file(write)
    for each in wanted.sets:
        cards = _check(preset, each.dtype, device, threads)
    here = compute_here(wanted, device, threads, " + ".join(card.name for card in cards) or get_processor())
    if write is not None:
        write_distances(write, here)
    pairs = list(compare_here(here, wanted))
    typer.echo("\n".join([write_headings(test), *(write_line(pair, test) for pair in pairs)]))
    far = [pair for pair in pairs if not is_within_bound(pair)]
    for pair in far:
        typer.echo(write_too_far(pair), err=True)
    raise typer.Exit(1 if far else 0)


def parse_layers(text: str, n_layers: int) -> list[int]:
    """Return the numbers of layers of "0,1,4", sorted, each once; raises UserError."""
    try:
        found = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UserError(f'--layers {text}: must be written like "0,1,4"') from None
    wrong = next((n for n in found if not 0 <= n <= n_layers), None)
    if wrong is not None:
        raise UserError(f"--layers {text}: {wrong} must be at least 0 and at most {n_layers}, the layers of this model")
    return found


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


def _write_profile(file: Path, base: GpuProfile, measured: KernelBenchmark) -> None:
    from importlib.metadata import version

    from sim.gpus.measured import write_profile

    how = f"{', '.join(measured.cards)}; {measured.batch_size} nonces a batch; torch {version('torch')}"
    if measured.n_compared:
        how += (
            f"; rms error of a distance against float64 {measured.rms_error:.2g} over {measured.n_compared} nonces, by "
            f"which an accepted nonce is found invalid with probability {measured.p_mismatch:.2g} at r_target "
            f"{measured.r_target}"
        )
    write_profile(file, base, measured.nonces_per_second, measured.dtype, how)


def _check(
    params: PowParams, dtype: str, device: str = "cpu", threads: int | None = None, batch_size: int | None = None
) -> tuple[Card, ...]:
    """Return the cards that will compute; raise UserError unless numerics and device exist and the model fits in."""
    from pow.devices import check_memory, get_n_cpus
    from pow.params import DTYPES

    if dtype not in DTYPES:
        raise UserError(f'--dtype: unknown numerics "{dtype}".{did_you_mean(dtype, DTYPES)}')
    try:
        check_memory(params, dtype)
    except ValueError as error:
        raise UserError(f"--params: {error}") from None
    if device == "cpu":
        return ()
    from pow.kernel import place_kernel

    try:
        return place_kernel(params, dtype, device, batch_size, threads or get_n_cpus()).cards
    except ValueError as error:
        raise UserError(f"--device: {error}") from None
