"""The model that each ML node serves, when hosts follow the coefficients (mechanisms 2).

1. A node's rate on a model is that of the replicas that fit on its GPUs; a model that does not fit is closed to it.
2. An owner looks at its share of the network's weight, all of its nodes together.
3. A node computes its owner's share on every other model, with shares and dilution made anew.
4. It moves to the best one if the gain exceeds the switching cost; equals go to the earlier model.
5. The nodes are asked one after the other, in a new random order each pass, until a pass moves no node; 1000 times
   at most.

Hosts reckon in floats; the values that the chain stores are exact (`sim.protocol.models.coefficients`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from sim.protocol.models.coefficients import (
    ModelState,
    ModelTerms,
    StepRule,
    compute_effective,
    compute_next_states,
    compute_work,
    dilute,
    weigh,
)

DECIMALS = 10**12
SLACK = 1e-15  # of a share of the network: gains below it are rounding
MOST_PASSES = 1000

Shuffle = Callable[[list[int]], None]


@dataclass(frozen=True)
class Speed:
    """The fastest variant of a model on a GPU family, measured on one replica."""

    nonces_per_minute: int
    gpus_per_replica: int

    @property
    def per_8_gpus(self) -> Fraction:
        """Nonces per minute of 8 GPUs."""
        return Fraction(8 * self.nonces_per_minute, self.gpus_per_replica)


Speeds = Mapping[tuple[str, str], Speed]
"""By (model, GPU family)."""


@dataclass(frozen=True)
class Node:
    """An ML node of one owner, all GPUs of one family, with the model that it serves."""

    owner: str
    family: str
    n_gpus: int
    model: str


@dataclass(frozen=True)
class ModelMarket:
    """Nodes in their order, speeds, and the terms of every model, in the order in which equals are preferred."""

    nodes: tuple[Node, ...]
    speeds: Speeds
    terms: Mapping[str, ModelTerms]


@dataclass(frozen=True)
class Settled:
    """Where the nodes have settled: how often all were asked, and how often one moved."""

    nodes: tuple[Node, ...]
    n_passes: int
    n_moves: int


@dataclass(frozen=True)
class EpochOutcome:
    """One epoch: each model's state and pay on the chain, and the nodes that serve it."""

    states: Mapping[str, ModelState]
    effective: Mapping[str, Fraction]
    totals: Mapping[str, int]
    """Nonces per minute of each model."""
    settled: Settled


def compute_rate(node: Node, model: str, speeds: Speeds) -> int:
    """Nonces per minute of a node on a model: whole replicas only; 0 where not even one fits. Reference: mechanisms 2.

    Raises KeyError for a pair without a measurement.
    """
    speed = speeds[model, node.family]
    return speed.nonces_per_minute * (node.n_gpus // speed.gpus_per_replica)


def derive_terms(
    speeds: Speeds, base_model: str, base: Fraction, reference: str, targets: Mapping[str, Fraction], margin: Fraction
) -> dict[str, ModelTerms]:
    """Corridors and difficulties from speeds, truncated to 12 decimals at the end. Reference: mechanisms 1.5.

    On a model's parity coefficient a GPU family earns as much as on the base model, whose coefficient is fixed at
    `base`. At the floor every family earns `margin` more on the base model, at the ceiling on the other one. The
    difficulty compares speeds on the family `reference`.
    """
    families = [family for model, family in speeds if model == base_model]
    derived = {}
    for model, target in targets.items():
        parity = [base * speeds[base_model, g].per_8_gpus / speeds[model, g].per_8_gpus for g in families]
        low, high = min(parity) / (1 + margin), max(parity) * (1 + margin)
        ratio = speeds[base_model, reference].per_8_gpus / speeds[model, reference].per_8_gpus
        is_base = model == base_model
        bounds = (base, base) if is_base else (_truncate(low), _truncate(high))
        derived[model] = ModelTerms(*bounds, target, _truncate(ratio))
    return derived


def settle(
    market: ModelMarket, coefficients: Mapping[str, float], shuffle: Shuffle, switching_cost: float = 0.01
) -> Settled:
    """Ask all nodes until none moves, or 1000 times; `switching_cost` is a part of the node's earnings.

    A few large nodes may chase each other for ever. Reference: mechanisms 2.
    """
    totals = _NetworkTotals(market, coefficients)
    moves: list[int] = []
    while len(moves) < MOST_PASSES and (not moves or moves[-1]):
        order = list(range(len(market.nodes)))
        shuffle(order)
        moves.append(sum(totals.ask(index, switching_cost) for index in order))
    return Settled(tuple(totals.nodes), len(moves), sum(moves))


def follow(
    market: ModelMarket, coefficients: Mapping[str, Fraction], shuffle: Shuffle, rule: StepRule | None = None
) -> Iterator[EpochOutcome]:
    """Yield one epoch after the other, without end; the first pays the given coefficients undiluted and moves no node.

    Each epoch's coefficients come from the shares of the one before, its dilution from its own. Reference: mechanisms
    1.3, 1.4, 2.
    """
    rule = rule or StepRule()
    states = {model: ModelState(coefficient, rule.first) for model, coefficient in coefficients.items()}
    totals = compute_totals(market)
    yield EpochOutcome(states, dict(coefficients), totals, Settled(market.nodes, 0, 0))
    while True:
        states = compute_next_states(states, market.terms, totals, rule)
        settled = settle(market, {model: float(state.coefficient) for model, state in states.items()}, shuffle)
        market = replace(market, nodes=settled.nodes)
        totals = compute_totals(market)
        yield EpochOutcome(states, compute_effective(states, market.terms, totals), totals, settled)


def compute_totals(market: ModelMarket) -> dict[str, int]:
    """Nonces per minute of all nodes by model, 0 for a model that no node serves."""
    rates = [(node.model, compute_rate(node, node.model, market.speeds)) for node in market.nodes]
    return {model: sum(rate for served, rate in rates if served == model) for model in market.terms}


def compute_shares(totals: Mapping[str, int], terms: Mapping[str, ModelTerms]) -> dict[str, Fraction]:
    """Each model's part of the comparable work; raises ZeroDivisionError without any. Reference: mechanisms 1.1."""
    work = compute_work(totals, terms)
    return {model: part / sum(work.values(), Fraction(0)) for model, part in work.items()}


def compute_weight_per_gpu(outcome: EpochOutcome, speeds: Speeds) -> dict[str, Fraction]:
    """Mean weight of a GPU of each family, per minute. Reference: mechanisms 3."""
    found: dict[str, Fraction] = {}
    nodes = outcome.settled.nodes
    for family in dict.fromkeys(node.family for node in nodes):
        own = [node for node in nodes if node.family == family]
        weights = [weigh({node.model: compute_rate(node, node.model, speeds)}, outcome.effective) for node in own]
        found[family] = sum(weights, Fraction(0)) / sum(node.n_gpus for node in own)
    return found


class _NetworkTotals:
    """The models that nodes serve while they move: totals of the network and of each owner."""

    def __init__(self, market: ModelMarket, coefficients: Mapping[str, float]) -> None:
        self.nodes = list(market.nodes)
        self._models = list(market.terms)
        self._rates = [
            {model: compute_rate(node, model, market.speeds) for model in self._models} for node in self.nodes
        ]
        self._prices = [
            (model, coefficients[model], float(term.low), float(term.target), float(term.difficulty))
            for model, term in market.terms.items()
        ]
        self._total = dict.fromkeys(self._models, 0)
        self._own = {node.owner: dict.fromkeys(self._models, 0) for node in self.nodes}
        for index, node in enumerate(self.nodes):
            self._shift(index, node.model, 1)

    def _shift(self, index: int, model: str, sign: int) -> None:
        rate = sign * self._rates[index][model]
        self._total[model] += rate
        self._own[self.nodes[index].owner][model] += rate

    def ask(self, index: int, switching_cost: float) -> bool:
        """Move the node if that pays; return whether it does."""
        node, rates = self.nodes[index], self._rates[index]
        share, paid, weight = self._look(node.owner)
        cost = switching_cost * rates[node.model] * paid[node.model] / weight
        gains = {
            model: self._try(index, model) - share for model in self._models if model != node.model and rates[model]
        }
        best = max(gains, key=gains.__getitem__, default=node.model)
        if best == node.model or gains[best] <= cost + SLACK:
            return False
        self._move(index, best)
        return True

    def _try(self, index: int, model: str) -> float:
        """Owner's share if the node served that model."""
        served = self.nodes[index].model
        self._move(index, model)
        share, _, _ = self._look(self.nodes[index].owner)
        self._move(index, served)
        return share

    def _move(self, index: int, model: str) -> None:
        node = self.nodes[index]
        self._shift(index, node.model, -1)
        self._shift(index, model, 1)
        self.nodes[index] = replace(node, model=model)

    def _look(self, owner: str) -> tuple[float, dict[str, float], float]:
        """An owner's share of the network's weight, the pay of a nonce of each model, the network's weight."""
        work = {model: difficulty * self._total[model] for model, _, _, _, difficulty in self._prices}
        whole = sum(work.values())
        paid = {
            model: dilute(coefficient, low, target * whole, work[model])
            for model, coefficient, low, target, _ in self._prices
        }
        weight = sum(total * paid[model] for model, total in self._total.items())
        return sum(rate * paid[model] for model, rate in self._own[owner].items()) / weight, paid, weight


def _truncate(value: Fraction) -> Fraction:
    return Fraction(int(value * DECIMALS), DECIMALS)
