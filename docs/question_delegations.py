"""Answers to questions about delegations, see `questions`."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.figures.style import BLUE, GREEN, GREY, ORANGE
from sim.results import Result

LENDERS = {
    "lends-well": "lends to a host that serves the model",
    "lends-to-failing": "lends to a host that fails a confirmation",
    "lends-to-idle": "lends to a host that does not serve it",
    "nothing": "does nothing",
    "refuses": "refuses the model",
}
FAILED_EPOCH = 2
"""In which one delegate shows nothing in a confirmation."""
SMALL = "DeepSeek-V4-Flash-0731"


def read_idle_delegate(result: Result) -> pd.DataFrame:
    """One row a kind of host without the model: its mode, and where its reward goes."""
    rewards = result.rewards[result.rewards.epoch == FAILED_EPOCH].set_index("participant")
    claims = result.claims[(result.claims.epoch == FAILED_EPOCH - 1) & (result.claims.model == SMALL)]
    parts = claims.set_index("participant")
    return pd.DataFrame([_read_lender(f"{group}-0", text, rewards, parts) for group, text in LENDERS.items()])


def _read_lender(who: str, text: str, rewards: pd.DataFrame, parts: pd.DataFrame) -> dict[str, object]:
    """A share arrives where the delegate has a reward of its own; a mode `none` has no row where nothing was said."""
    full, kept = rewards.uncapped_weight[who], rewards.weight[who]
    mode, delegate = parts.loc[who, ["mode", "delegate"]] if who in parts.index else ("none", "")
    lost, has_taker = 100 * (1 - kept / full), bool(delegate) and rewards.uncapped_weight[delegate] > 0
    return {
        "host": text,
        "mode": mode,
        "reward kept (%)": 100 * kept / full,
        "to the delegate (%)": lost if has_taker else 0.0,
        "to governance (%)": 0.0 if has_taker else lost,
    }


def draw_idle_delegate(figure: Figure, numbers: pd.DataFrame) -> None:
    """Bars: where the reward of each kind of host goes."""
    figure.suptitle("A vote lent to a host that does not serve the model costs as much as doing nothing", size=11)
    axes = figure.subplots()
    _stack(axes, numbers)
    axes.set_xlim(70, 100)
    axes.invert_yaxis()
    axes.set_xlabel("the host's reward (%); the axis begins at 70 %")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)


def _stack(axes: Axes, numbers: pd.DataFrame) -> None:
    names = [f"{host}\n(mode: {mode})" for host, mode in zip(numbers.host, numbers["mode"], strict=True)]
    left = pd.Series(0.0, index=numbers.index)
    for column, label, color in (
        ("reward kept (%)", "kept", BLUE),
        ("to the delegate (%)", "paid to the delegate", GREEN),
        ("to governance (%)", "lost: to governance", ORANGE),
    ):
        axes.barh(names, numbers[column], left=left, color=color, label=label, edgecolor=GREY, linewidth=0.3)
        left = left + numbers[column]
