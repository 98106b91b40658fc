"""A published simulation of the live network's hosts in epoch 403, beside ours (mechanisms 1 to 3)."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Any

from sim.theory.models.allocation import (
    EpochOutcome,
    ModelMarket,
    Node,
    Speed,
    compute_shares,
    compute_weight_per_gpu,
    derive_terms,
    follow,
)
from sim.theory.row import Row

DATA = files("sim.theory") / "data" / "epoch403"
FAMILIES = ("H100", "H200", "B200", "B300")
BASE_MODEL, MARGIN = "MiniMax", Fraction(5, 100)
TARGETS = {"MiniMax": Fraction("0.3334"), "GLM": Fraction("0.3333"), "DeepSeek": Fraction("0.3333")}
START = {"MiniMax": Fraction("0.3024"), "GLM": Fraction("0.62"), "DeepSeek": Fraction("0.246")}
FLOAT_BOUND = 1e-14  # they reckon in floats, we as the chain does


def published_rows(_quick: bool) -> Iterator[Row]:
    """21 epochs: numbers by their largest relative error, counts by how many are wrong."""
    market, published = load_market(), load_published()
    outcomes = list(zip(published, follow(market, START, random.Random(0).shuffle), strict=False))
    for name in ("base coefficients", "effective coefficients", "shares", "reward ratios"):
        errors = [abs(ours / theirs - 1.0) for each in outcomes for ours, theirs in compare(*each, market)[name]]
        ours = max(errors)
        yield Row(f"{len(outcomes)} published epochs: {name}, largest error", ours, 0.0, ours, FLOAT_BOUND)
    for name in ("GPUs by family and model", "passes and moves", "controller states"):
        wrong = sum(ours != theirs for each in outcomes for ours, theirs in compare(*each, market)[name])
        yield Row(f"{len(outcomes)} published epochs: {name}, wrong ones", wrong, 0.0, wrong, 0.0)


def load_market() -> ModelMarket:
    """Nodes and speeds of epoch 403, without GPUs that were not measured."""
    speeds: dict[tuple[str, str], Speed] = {}
    for row in _read("benchmarks_8gpu.csv"):
        key = (_shorten(row["model"]), row["gpu_type"])
        speed = Speed(int(row["nonces_per_min"]), int(row["tensor_parallel_size"]))
        speeds[key] = max(speed, speeds.get(key, speed), key=lambda each: each.per_8_gpus)
    nodes = tuple(
        Node(row["participant"], row["gpu_family"], int(row["gpu_count"]), _shorten(row["model"]))
        for row in _read("nodes.csv")
        if row["gpu_family"] in FAMILIES
    )
    terms = derive_terms(speeds, BASE_MODEL, START[BASE_MODEL], FAMILIES[0], TARGETS, MARGIN)
    return ModelMarket(nodes, speeds, terms)


def load_published() -> list[dict[str, Any]]:
    """The published epochs, from 0 on."""
    epochs: list[dict[str, Any]] = json.loads((DATA / "published_A.json").read_text(encoding="utf-8"))["epochs"]
    return epochs


def compare(
    published: Mapping[str, Any], outcome: EpochOutcome, market: ModelMarket
) -> dict[str, list[tuple[float, float]]]:
    """Pairs of our number and the published one for one epoch, by quantity."""
    shares, weights = compute_shares(outcome.totals, market.terms), compute_weight_per_gpu(outcome, market.speeds)
    states = {model: published["controller_state"][model] for model in TARGETS}
    return {
        "base coefficients": [
            (float(outcome.states[model].coefficient), published["base"][model]) for model in TARGETS
        ],
        "effective coefficients": [
            (float(outcome.effective[model]), published["effective"][model]) for model in TARGETS
        ],
        "shares": [(float(shares[model]), published["shares"][model]) for model in TARGETS],
        "reward ratios": [
            (float(weights[family] / weights[FAMILIES[0]]), published["reward_ratio_vs_8xH100"][family])
            for family in FAMILIES
        ],
        "GPUs by family and model": [
            (_count_gpus(outcome.settled.nodes, family, model), published["gpu_allocation"][model][family])
            for family in FAMILIES
            for model in TARGETS
        ],
        "passes and moves": [
            (outcome.settled.n_passes, published["passes"]),
            (outcome.settled.n_moves, published["switches"]),
        ],
        "controller states": [
            pair
            for model, state in states.items()
            for pair in (
                (float(outcome.states[model].step), state["s"]),
                (outcome.states[model].direction, state["prev_sign"]),
            )
        ],
    }


def _count_gpus(nodes: Sequence[Node], family: str, model: str) -> int:
    return sum(node.n_gpus for node in nodes if (node.family, node.model) == (family, model))


def _read(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


def _shorten(model: str) -> str:
    """Return our name of a model that the tables call by several."""
    return next(name for name in TARGETS if name in model)
