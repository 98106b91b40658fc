"""The tables of `powsim kernel agree`: who agrees with whom, and what follows for verdicts and for honest hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pow.agreement import BOUNDS
from pow.params import ALIASES
from pow.validation import P_MISMATCH
from sim.agreement.pairs import Pair

SMALLEST_SHOWN, LARGEST_SHOWN = 1e-9, 1e9
_SHORT = {mode: alias for alias, mode in ALIASES.items()} | {
    "f16data_f64compute": "float64",
    "f16data_f32compute": "f32compute",
}
_LAYOUT = "{:<8} {:<36} {:<22} {:>6} {:>9} {:>9} {:>9} {:>14}"
_HEADINGS = ("model", "one side", "the other", "nonces", "rms", "largest", "mismatch", "verdicts 1 in")


@dataclass(frozen=True)
class AssumedTest:
    """The fraud test of the last columns: how many nonces a validator checks, and which mismatch rate it assumes."""

    n_checked: tuple[int, ...] = (200, 1_000, 10_000)
    p_mismatch: float = P_MISMATCH


NETWORK = AssumedTest()


def name_mode(mode: str) -> str:
    """Return the short name of a mode; float64 and f32compute work on float16 data."""
    return _SHORT.get(mode, mode)


def write_who_agrees(pairs: Iterable[Pair], test: AssumedTest = NETWORK) -> Iterator[str]:
    """Yield the lines of two tables: machine against machine, and number type against number type."""
    known = sorted(pairs, key=_get_order)
    yield "The same numerics on two machines, in two batches, or by two products"
    yield write_headings(test)
    yield from (write_line(pair, test) for pair in known if pair.is_of_machines)
    yield ""
    yield "Two number types on one machine"
    yield write_headings(test)
    yield from (write_line(pair, test) for pair in known if not pair.is_of_machines)


def write_headings(test: AssumedTest = NETWORK) -> str:
    """Return the line above the rows; *fraud at n* is an honest host's chance to be called one at n checked nonces."""
    return _LAYOUT.format(*_HEADINGS) + "".join(f"  {f'fraud at {n}':>14}" for n in test.n_checked)


def write_line(pair: Pair, test: AssumedTest = NETWORK) -> str:
    """Return the row of one pair."""
    found, left, right = pair.agreement, pair.left, pair.right
    cells = (
        pair.params,
        f"{name_mode(left.mode)}, {left}",
        str(right) if pair.is_of_machines else name_mode(right.mode),
        found.n_compared,
        f"{found.rms_difference:.2e}",
        f"{found.max_difference:.2e}",
        f"{found.mismatch_probability:.1e}",
        _write_one_in(found.nonces_per_differing_verdict),
    )
    chances = [found.conviction_probability(n, test.p_mismatch) for n in test.n_checked]
    return _LAYOUT.format(*cells) + "".join(f"  {_write_chance(chance):>14}" for chance in chances)


def is_within_bound(pair: Pair) -> bool:
    """Whether two machines agree as well as machines do that compute the same numerics."""
    return pair.agreement.max_difference <= BOUNDS[pair.left.mode]


def write_too_far(pair: Pair) -> str:
    """Return the sentence about two machines that do not agree as they should."""
    found, bound = pair.agreement, BOUNDS[pair.left.mode]
    where = f"{pair.params} in {name_mode(pair.left.mode)}"
    return f"{where}: {pair.left} and {pair.right} differ by {found.max_difference:.2e}; at most {bound:.0e} is usual"


def _get_order(pair: Pair) -> tuple[str, str, str, float]:
    return pair.params, str(pair.left), str(pair.right), pair.agreement.rms_difference


def _write_one_in(n: float) -> str:
    return f"> {LARGEST_SHOWN:.0e}" if n > LARGEST_SHOWN else f"{float(f'{n:.2g}'):,.0f}"


def _write_chance(chance: float) -> str:
    return f"< {SMALLEST_SHOWN:.0e}" if chance < SMALLEST_SHOWN else f"{chance:.2g}"
