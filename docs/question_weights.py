"""Answers to questions about weight that is rented or starts late, see `questions`."""

from __future__ import annotations

import json

import pandas as pd
from matplotlib.figure import Figure
from question_style import put_legend

from sim.execution.table import SweepResult
from sim.figures.style import BLUE, ORANGE

RENTS = {(1, False): "proof only", (1, True): "one epoch", (2, True): "two epochs"}
EPOCH = "epoch"


def read_rented_votes(found: SweepResult) -> pd.DataFrame:
    """One row a rule, rent and epoch: the tenant's share of weight, of votes on blocks and of votes on claims."""
    parts = found.participants
    claims = found.claims[["point", EPOCH, "participant", "voting_power"]]
    rows = parts.merge(claims, on=["point", EPOCH, "participant"])
    columns = ["weight", "consensus_power", "voting_power"]
    shares = 100.0 * rows[columns] / rows.groupby(["point", EPOCH])[columns].transform("sum")
    mine = rows[["point", EPOCH]].join(shares)[rows.participant == "tenant-0"]
    points = found.runs.set_index("point").loc[mine.point]
    return pd.DataFrame(
        {
            "votes follow": points["protocol.rules.trusts_confirmed_weight"].map(_name_rule).to_numpy(),
            "rented for": points["hosts.tenant.strategy"].map(_name_rent).to_numpy(),
            EPOCH: mine[EPOCH].to_numpy(),
            "share of weight (%)": mine.weight.to_numpy(),
            "of votes on blocks (%)": mine.consensus_power.to_numpy(),
            "of votes on claims (%)": mine.voting_power.to_numpy(),
        }
    ).query("epoch >= 2")


def _name_rule(is_trusted: object) -> str:
    return "trusted weight" if is_trusted else "weight"


def _name_rent(strategy: str) -> str:
    told = json.loads(strategy)
    return RENTS[told.get("epochs", 1), told.get("keeps", True)]


def summarize_rented_votes(numbers: pd.DataFrame) -> pd.DataFrame:
    """The epochs that the rents differ in."""
    return numbers.query("epoch in (3, 4)")


def draw_rented_votes(figure: Figure, numbers: pd.DataFrame) -> None:
    """Share of votes by epoch, one panel a rule, one bar a rent, and the weight that the longest rent gives."""
    figure.suptitle("A rent of one epoch buys votes only where votes follow weight at once", size=11)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (rule, rows) in zip(panels, numbers.groupby("votes follow", sort=False), strict=True):
        axes.set_title(f"votes follow {rule}")
        for shift, (rent, some) in zip((-0.25, 0.0, 0.25), rows.groupby("rented for", sort=False), strict=True):
            label, alpha = f"votes, {rent}", 0.7 + 1.2 * shift
            axes.bar(some[EPOCH] + shift, some["of votes on blocks (%)"], 0.23, color=BLUE, alpha=alpha, label=label)
        longest = rows[rows["rented for"] == RENTS[2, True]]
        axes.plot(longest[EPOCH], longest["share of weight (%)"], color=ORANGE, marker="o", label="weight, two epochs")
        axes.set_xlabel(EPOCH)
        axes.set_xticks(sorted(rows[EPOCH].unique()))
    panels[0].set_ylabel("tenant's share (%)")
    put_legend(figure, panels[0], 4)


LATE_SECONDS = 20.0
"""After P; an honest host of the file has its first nonce after 5 s."""
GUARDS = ("no guard", "guard, no confirmations", "guard and confirmations")


def read_late_burst(found: SweepResult) -> pd.DataFrame:
    """One row a rule and kind of host: late starts, claims, and claims voted down in proofs and confirmations."""
    nodes = found.ml_nodes.merge(
        found.epochs[["point", EPOCH, "start_seconds"]], on=["point", EPOCH], suffixes=("", "_p")
    )
    nodes["seconds late"] = nodes.start_seconds - nodes.start_seconds_p
    claims = found.claims[found.claims.claimed_nonces > 0]
    rows = claims.merge(nodes[["point", EPOCH, "participant", "seconds late"]], on=["point", EPOCH, "participant"])
    rows["hosts"] = rows.participant.str.replace(r"-\d+$", "", regex=True)
    failed = found.confirmations.assign(hosts=found.confirmations.participant.str.replace(r"-\d+$", "", regex=True))
    failures = failed.groupby(["point", "hosts"]).is_failed.sum() if len(failed) else pd.Series(dtype=int)
    by_kind = rows.groupby(["point", "hosts"]).agg(
        seconds=("seconds late", "max"),
        claims=("is_accepted", "size"),
        refused=("is_accepted", lambda is_in: (~is_in).sum()),
    )
    late = rows[rows["seconds late"] > LATE_SECONDS].groupby(["point", "hosts"]).size()
    by_kind["late"] = late.reindex(by_kind.index, fill_value=0)
    by_kind["failed"] = failures.reindex(by_kind.index, fill_value=0)
    by_kind = by_kind.reset_index()
    return pd.DataFrame(
        {
            "rules": by_kind.point.map(dict(enumerate(GUARDS))),
            "hosts": by_kind.hosts,
            "first nonce after P, at most (s)": by_kind.seconds,
            "claims": by_kind.claims,
            "late ones": by_kind.late,
            "voted down": by_kind.refused,
            "failed confirmations": by_kind.failed.astype(int),
        }
    )


def draw_late_burst(figure: Figure, numbers: pd.DataFrame) -> None:
    """Left the share of a host's claims that pass over its delay, right the false alarms of honest slow hosts."""
    figure.suptitle("A late start is forgiven once, an honest one too", size=11)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for rules, color, marker in zip(GUARDS[:2], (ORANGE, BLUE), ("s", "o"), strict=True):
        rows = numbers[(numbers.rules == rules) & (numbers.hosts != "slow")].sort_values(
            "first nonce after P, at most (s)"
        )
        share = 100.0 * (1 - rows["voted down"] / rows.claims)
        left.plot(rows["first nonce after P, at most (s)"], share, color=color, marker=marker, label=rules)
    left.set_title("hosts that are always late")
    left.set_xlabel("first nonce after P (s), of a stage of 190 s")
    left.set_ylabel("claims that pass, of four (%)")
    left.set_ylim(0, 105)
    left.legend(fontsize=9)
    slow = numbers[numbers.hosts == "slow"]
    bars = right.bar(range(len(slow)), 100.0 * slow["voted down"] / slow["late ones"], color=(ORANGE, BLUE, BLUE))
    right.bar_label(bars, [f"{no} of {late}" for no, late in zip(slow["voted down"], slow["late ones"], strict=True)])
    right.set_xticks(range(len(slow)), ["no guard", "guard", "guard and\nconfirmations"], fontsize=9)
    right.set_title("honest hosts, slow by chance")
    right.set_ylabel("slow starts that are voted down (%)")
