"""Answers to questions about the test of samples, see `questions`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import optimize, stats

from pow.validation import critical_count
from sim.execution.table import SweepResult
from sim.figures.style import BLUE, GREEN, ORANGE, PALETTE
from sim.work.pair_laws import share_of_invented_above

Floats = NDArray[np.float64]
THRESHOLD = 0.75
"""Of MiniMax-M2.7."""
N_COMPUTED = 16_000
"""Nonces that every host of the file computes."""
N_OTHERS = 24
"""Validators that judge a liar beside itself, all of one weight."""
CUT, SAMPLE, GRANTED = (
    *("protocol.models.0.applied_fraud_p", "protocol.validation_sample_size"),
    "protocol.models.0.p_mismatch",
)
COLORS = (BLUE, ORANGE, GREEN, PALETTE[3])


def compute_yes(excess: float, n_checked: int, critical: int) -> float:
    """Return the chance that one validator passes a claim with this excess, itself computed on the same stack."""
    n_invented = round(excess * N_COMPUTED)
    n_wrong = round(n_invented * share_of_invented_above(THRESHOLD))
    return float(stats.hypergeom.cdf(critical - 1, N_COMPUTED + n_invented, n_wrong, n_checked))


def compute_accepted(yes: float) -> float:
    """Return the chance that more than half of all power says yes, the liar's own included."""
    return float(stats.binom.sf((N_OTHERS + 1) // 2 - 1, N_OTHERS, yes))


def read_largest_excess(found: SweepResult) -> pd.DataFrame:
    """One row a test and excess: shares of votes and claims that pass, simulated and exact."""
    rows = found.claims[found.claims.participant.str.startswith("liar")].copy()
    rows["excess"] = rows.participant.str.split("-").str[1].astype(int) / 100
    rows["yes"] = (rows.valid_vote_power - 1) / N_OTHERS
    by = rows.groupby(["point", "excess"], as_index=False).agg(yes=("yes", "mean"), accepted=("is_accepted", "mean"))
    points = found.runs.drop_duplicates("point").set_index("point").loc[by.point]
    tests = [
        (int(n), critical_count(int(n), float(p), float(cut)) or 0)
        for n, p, cut in zip(points[SAMPLE], points[GRANTED], points[CUT], strict=True)
    ]
    exact = [compute_yes(excess, *test) for excess, test in zip(by.excess, tests, strict=True)]
    return pd.DataFrame(
        {
            "cut": points[CUT].to_numpy(),
            "sample": points[SAMPLE].to_numpy(),
            "p_mismatch": points[GRANTED].to_numpy(),
            "fraud from": [critical for _, critical in tests],
            "excess (%)": (100 * by.excess).round().astype(int),
            "votes valid, simulated (%)": 100 * by.yes,
            "votes valid, exact (%)": [100 * yes for yes in exact],
            "claims accepted, simulated (%)": 100 * by.accepted,
            "claims accepted, exact (%)": [100 * compute_accepted(yes) for yes in exact],
        }
    )


def summarize_largest_excess(numbers: pd.DataFrame) -> pd.DataFrame:
    """One row a test: where odds are even, and which lie gains most."""
    return pd.DataFrame(_list_bests(numbers))


def _list_bests(numbers: pd.DataFrame) -> list[dict[str, object]]:
    found = []
    for test, rows in numbers.groupby(["cut", "sample", "p_mismatch", "fraud from"], sort=False):
        cut, sample, granted, critical = test  # type: ignore[misc]
        excesses, gains = compute_gains(sample, critical)
        found.append(
            {
                "cut": cut,
                "sample": sample,
                "p_mismatch": granted,
                "fraud from": critical,
                "even odds at an excess of (%)": 100 * find_even_odds(sample, critical),
                "best excess (%)": 100 * excesses[gains.argmax()],
                "expected gain of weight (%)": 100 * gains.max(),
                "largest excess that passes in most runs (%)": rows[rows.iloc[:, 7] > 50]["excess (%)"].max(),
            }
        )
    return found


def compute_gains(n_checked: int, critical: int) -> tuple[Floats, Floats]:
    """Return excesses, and the expected weight at each beside an honest host's: (1 + excess) · chance - 1."""
    excesses = np.arange(0.0, 0.301, 0.0025)
    accepted = np.array([compute_accepted(compute_yes(excess, n_checked, critical)) for excess in excesses.tolist()])
    return excesses, (1 + excesses) * accepted - 1


def find_even_odds(n_checked: int, critical: int) -> float:
    """Return the excess at which one validator convicts as often as not."""
    return float(optimize.brentq(lambda excess: compute_yes(excess, n_checked, critical) - 0.5, 0.001, 1.0, xtol=1e-3))


def draw_largest_excess(figure: Figure, numbers: pd.DataFrame) -> None:
    """Votes that pass a lie over its size, and what it gains."""
    figure.suptitle("An invented share up to the cut passes nearly always, beyond it nearly never", size=11)
    votes, gains = figure.subplots(1, 2)
    tests = numbers.groupby(["cut", "sample", "p_mismatch", "fraud from"], sort=False)
    for color, (test, rows) in zip(COLORS, tests, strict=False):
        _draw_test(votes, gains, color, test, rows)
    votes.set_ylabel("votes that say valid (%)")
    gains.set_ylabel("expected gain of weight (%)")
    gains.axhline(0.0, color="black", linewidth=0.8)
    gains.set_ylim(-30, 22)
    for axes in (votes, gains):
        axes.set_xlabel("answers invented per 100 computed")
    handles, labels = votes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)


def _draw_test(votes: Axes, gains: Axes, color: str, test: object, rows: pd.DataFrame) -> None:
    cut, sample, granted, critical = test  # type: ignore[misc]
    excesses, gained = compute_gains(sample, critical)
    exact = [100 * compute_yes(excess, sample, critical) for excess in excesses.tolist()]
    label = f"{critical} of {sample} (cut {cut:g}, p_mismatch {granted:g})"
    votes.plot(100 * excesses, exact, color=color, label=label)
    votes.plot(rows["excess (%)"], rows["votes valid, simulated (%)"], "o", color=color, markersize=4)
    gains.plot(100 * excesses, 100 * gained, color=color)
    simulated = (100 + rows["excess (%)"]) * rows["claims accepted, simulated (%)"] / 100 - 100
    gains.plot(rows["excess (%)"], simulated, "o", color=color, markersize=4)
