"""The figures of a run, and the two that notebooks add: Result -> matplotlib figure."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pow.sphere import distance_pdf
from sim.figures.blocks import plot_blocks
from sim.figures.seeds import plot_seeds
from sim.figures.style import BLUE, GREY, ORANGE, PALETTE, RED, draw_steps, house_style, new_figure, use_epoch_axis
from sim.metrics.statistics import compute_wilson_interval
from sim.results import Result


def plot_success_rate(result: Result) -> Figure:
    """Success rate per epoch with its 95 % interval, beside the exact law."""
    epochs = result.epochs
    with house_style():
        figure, axes = new_figure("Success rate per epoch", "epoch", "valid nonces per nonce tried (%)")
        rate = 100 * epochs["success_rate"]
        errors = [rate - 100 * epochs["success_low"], 100 * epochs["success_high"] - rate]
        axes.errorbar(
            epochs["epoch"], rate, yerr=errors, fmt="o", color=BLUE, capsize=3, label="simulated, 95 % interval"
        )
        exact = 100 * epochs["hit_probability"]
        draw_steps(axes, list(epochs["epoch"]), list(exact), ORANGE, "exact law on the sphere")
        axes.set_ylim(bottom=0)
        axes.legend()
        use_epoch_axis(axes)
    return figure


def plot_weights(result: Result) -> Figure:
    """Final weight by participant, coloured by GPU type; hosts that are not honest are named."""
    keys = ["participant", "gpus", "strategy"]
    total = result.participants.groupby(keys, as_index=False)["weight"].mean()
    total = total.sort_values("weight").assign(position=np.arange(len(total)))
    with house_style():
        figure, axes = new_figure("Weight by participant and GPU type", "final weight, mean over epochs", "")
        figure.set_size_inches(7.2, max(3.0, 0.6 + 0.26 * len(total)))
        for colour, (gpus, rows) in zip(itertools.cycle(PALETTE), total.groupby("gpus"), strict=False):
            axes.barh(rows["position"], rows["weight"], color=colour, label=gpus)
        axes.set_yticks(total["position"], list(total["participant"]))
        for row in total[total["strategy"] != "honest"].itertuples():
            axes.annotate(f" {row.strategy}", (row.weight, row.position), va="center", color=RED, fontweight="bold")
        axes.grid(axis="y", visible=False)
        figure.legend(title="GPUs", loc="outside lower center", ncols=2, fontsize="small")
    return figure


def plot_difficulty(result: Result) -> Figure:
    """Difficulty per epoch above, the controlled quantity beside its setpoint below."""
    epochs, decisions = result.epochs, result.difficulty
    with house_style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        draw_steps(upper, list(epochs["epoch"]), list(epochs["difficulty"]), BLUE)
        upper.set_title("Difficulty in force")
        upper.set_ylabel("tries per valid nonce")
        upper.set_ylim(bottom=0)
        lower.plot(decisions["epoch"], decisions["measured"], "o-", color=BLUE, label="measured")
        if decisions["setpoint"].notna().any():
            draw_steps(lower, list(decisions["epoch"]), list(decisions["setpoint"]), ORANGE, "setpoint")
        lower.set_title("What the controller sees")
        lower.set_xlabel("epoch")
        lower.set_ylabel(decisions["quantity"].iloc[0].replace("_", " ") if len(decisions) else "")
        lower.set_ylim(bottom=0)
        lower.legend()
        use_epoch_axis(lower)
    return figure


def plot_propagation(result: Result) -> Figure:
    """Share of hosts reached within a delay, by kind of message."""
    with house_style():
        figure, axes = new_figure("Propagation by gossip", "delay from creation (s)", "share of first deliveries (%)")
        for colour, (kind, rows) in zip(PALETTE, result.propagation.groupby("kind"), strict=False):
            share = 100 * rows["deliveries"].cumsum() / rows["deliveries"].sum()
            axes.step(rows["delay_upper_seconds"], share, where="post", color=colour, label=kind)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        axes.set_ylim(0, 101)
        axes.legend()
    return figure


def plot_success_by_gpu(result: Result) -> Figure:
    """Success rate per GPU type over all epochs with its 95 % interval, beside the exact law for the same nonces."""
    nodes = result.ml_nodes.merge(result.epochs[["epoch", "hit_probability"]], on="epoch")
    nodes["expected"] = nodes["tried"] * nodes["hit_probability"]
    total = nodes.groupby("gpu", as_index=False)[["tried", "valid", "expected"]].sum()
    total = total[total["tried"] > 0]
    with house_style():
        figure, axes = new_figure("Success rate per GPU type, all epochs", "", "valid nonces per nonce tried (%)")
        positions = np.arange(len(total))
        intervals = [compute_wilson_interval(v, t) for v, t in zip(total["valid"], total["tried"], strict=True)]
        rate = (total["valid"] / total["tried"]).to_numpy()
        errors = np.array([[r - low, high - r] for r, (low, high) in zip(rate, intervals, strict=True)]).T
        axes.errorbar(positions, 100 * rate, yerr=100 * errors, fmt="o", color=BLUE, capsize=3, label="simulated, 95 %")
        axes.plot(
            positions, 100 * total["expected"] / total["tried"], "_", ms=26, mew=2, color=ORANGE, label="exact law"
        )
        axes.margins(x=0.12)
        axes.set_xticks(positions, [f"{g}\n{t} tried" for g, t in zip(total["gpu"], total["tried"], strict=True)])
        axes.set_ylim(bottom=0)
        axes.legend()
    return figure


def plot_distances(distances: npt.NDArray[np.float64], dim: int, r_target: float) -> Figure:
    """Histogram of distances over their exact density on the sphere."""
    with house_style():
        figure, axes = new_figure("Distances of the real kernel over the exact density", "distance", "density")
        axes.hist(distances, bins="auto", density=True, color="#9dbdd1", label=f"{len(distances)} nonces")
        spread = 4 / np.sqrt(2 * dim)
        grid = np.linspace(max(np.sqrt(2) - spread, 1e-6), min(np.sqrt(2) + spread, 2.0 - 1e-6), 400)
        axes.plot(grid, distance_pdf(grid, dim), color=ORANGE, label=f"exact, dimension {dim}")
        axes.axvline(r_target, color=GREY, linestyle="--", label=f"r_target = {r_target:.6f}")
        axes.legend()
    return figure


FIGURES: dict[str, Callable[[Result], Figure]] = {
    "success_rate": plot_success_rate,
    "weights": plot_weights,
    "difficulty": plot_difficulty,
    "propagation": plot_propagation,
    "blocks": plot_blocks,
    "seeds": plot_seeds,
}
