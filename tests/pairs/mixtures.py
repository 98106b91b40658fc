"""Random scenarios that turn on several mechanisms at once; the seed alone decides which, and how."""

from __future__ import annotations

from typing import Any

import numpy as np

ALWAYS = frozenset({"validation", "work"})
OPTIONAL = (
    "ml_node", "crash", "partition", "links", "joins", "reproposal", "block_size", "mempool", "tiers", "committee",
    "guardians", "preserved", "upgrades", "lengths", "collateral", "vesting", "confirmations", "service", "controllers",
    "overclaim", "summary", "clock", "by_gpu", "operators", "api", "signatures",
    "early",
)  # fmt: skip
SHARE = 0.6
SEEDS = (1, 2, 4, 5, 6, 7, 9, 28, 40, 41)
"""Of the mixtures in `make test`: in these networks something is proven and paid."""
ALONE_SEEDS = (1, 7)
"""Of two mixtures that turn everything on together."""
HISTORY = ("v0.2.0", "v0.2.2", "v0.2.3", "v0.2.5", "v0.2.6")


def select_mechanisms(seed: int) -> frozenset[str]:
    """Mechanisms of the mixture with this seed; about six in ten of those that can be turned off."""
    draws = np.random.default_rng([seed, 1]).random(len(OPTIONAL))
    on = {name for name, draw in zip(OPTIONAL, draws, strict=True) if draw < SHARE}
    return frozenset(on | ALWAYS)


def mix(seed: int) -> dict[str, Any]:
    """The scenario with this seed, as a tree."""
    on, draw = select_mechanisms(seed), np.random.default_rng([seed, 2])
    stage, exchange, delay, validation = (int(draw.integers(*span)) for span in ((3, 5), (1, 3), (1, 3), (4, 6)))
    event = stage + delay + validation
    length = 2 * event + 1 + int(draw.integers(3, 6))
    seconds = 6.2 * length  # of an epoch, nearly
    tree: dict[str, Any] = {
        "name": "mixture",
        "seed": seed,
        "epochs": 4,
        "protocol": {
            "version": str(draw.choice(HISTORY)),
            "epoch_length": length,
            "epoch_shift": int(draw.integers(0, 4)),
            "poc_stage_duration": stage,
            "poc_exchange_duration": exchange,
            "poc_validation_delay": delay,
            "poc_validation_duration": validation,
            "set_new_validators_delay": int(draw.integers(0, 2)),
            "validation_sample_size": int(draw.integers(10, 60)),
            "vesting_epochs": 0,
            "rules": {},
        },
        "work": {"kind": "sphere", "params": "devtest", "rate_factor": 0.5, "startup": "1.6 s"},
        "network": {"topology": {"kind": "regions", "degree": 4}, "tier": "paths" if "tiers" in on else "events"},
        "hosts": draw_hosts(on, draw),
        "faults": draw_faults(on, draw, seconds),
    }
    for mechanism in OPTIONAL:
        if mechanism in on and mechanism in SWITCHES:
            SWITCHES[mechanism](tree, draw)
    return tree


ANSWER_SEEDS = (1, 2, 5)
"""Of the mixtures of answers in `make test`."""
NEWER = ("v0.2.9", "v0.2.11", "v0.2.12", "v0.2.14", "v0.2.16")
ANSWER_MODELS = [
    {"name": "MiniMax-M2.7", "distance_threshold": 0.75, "coefficient": 0.3024, "is_initial": True},
    {"name": "DeepSeek-V4-Flash-0731", "distance_threshold": 0.41, "coefficient": 0.246},
]


def mix_answers(seed: int) -> dict[str, Any]:
    """The mixture with this seed, in the scheme `answers`: two models, one of which a few hosts serve."""
    tree, draw = mix(seed), np.random.default_rng([seed, 3])
    protocol, first = tree["protocol"], int(draw.integers(0, 3))
    protocol |= {"version": NEWER[first], "models": ANSWER_MODELS, "deploy_window": 3, "v_min": 1}
    protocol.pop("validation_committee", None)
    if "upgrades" in protocol:
        later = NEWER[first + 1 :][:3]
        protocol["upgrades"] = [{"epoch": 2 + place, "version": version} for place, version in enumerate(later)]
    protocol["rules"] |= {"confirmation_safety_blocks": 0, "upgrade_pause_blocks": 0}
    tree["work"]["rate_factor"] = 1.0
    tree.pop("difficulty", None)
    for host in tree["hosts"]:
        nodes = host["gpus"] if isinstance(host["gpus"], list) else [host["gpus"]]
        # No answers of an RTX 4090 are known.
        nodes = [f"{node.replace('RTX-4090', 'B200')} at {int(draw.integers(8, 24))} nonces/s" for node in nodes]
        host["gpus"] = [f"{node} for {ANSWER_MODELS['A100' in node]['name']}" for node in nodes]
    return tree


LONGER = 30
"""Blocks that an epoch with challenges has more."""
CHALLENGE_SEEDS = (5, 6, 23)
"""Of the mixtures of challenges in `make test`."""


def mix_challenges(seed: int) -> dict[str, Any]:
    """The mixture of answers with this seed in v0.2.16, which comes in epoch 2 where there are upgrades.

    All hosts of a group challenge the same one in epoch 3, soon after its weights come into force.
    """
    tree = mix_answers(seed)
    protocol = tree["protocol"]
    protocol["version"] = "v0.2.14" if "upgrades" in protocol else "v0.2.16"
    if "upgrades" in protocol:
        protocol["upgrades"] = [{"epoch": 2, "version": "v0.2.16"}]
    protocol |= {"challenge_slice_blocks": 16, "challenge_least_blocks": 8}
    protocol["epoch_length"] += LONGER
    if "confirmations" in select_mechanisms(seed):
        protocol["rules"]["confirmations_per_epoch"] = 1.0
    for change in protocol.get("changes", []):
        change["height"] += 3 * LONGER
        change |= {key: length + LONGER for key, length in change.items() if key == "epoch_length"}
    tree["hosts"][0]["strategy"] = {"kind": "challenge", "host": "pair-0", "epoch": 3, "blocks": 3 + seed % 3}
    return tree


def draw_hosts(on: frozenset[str], draw: np.random.Generator) -> list[dict[str, Any]]:
    """Seven to nine hosts in four groups or so."""
    nodes = ["1 x H100-SXM"] * 3 if "preserved" in on else ["1 x H100-SXM"]
    hosts: list[dict[str, Any]] = [
        {"name": "big", "count": 3, "gpus": nodes, "region": "NORTH_AMERICA"},
        {"name": "pair", "count": 2, "gpus": ["4 x RTX-4090", "1 x A100-SXM-80"], "region": "EUROPE"},
        {"name": "liar", "gpus": [*nodes, "1 x H200"], "region": "JAPAN"},
    ]
    if "joins" in on:
        hosts.append(
            {"name": "late", "count": 2, "gpus": "1 x H200", "region": "AUSTRALIA", "joins": int(draw.integers(2, 4))}
        )
    if "signatures" in on:
        silent = {"kind": "silent", "share": 0.8}
        hosts.append({"name": "mute", "gpus": "1 x A100-SXM-80", "region": "EUROPE", "strategy": silent})
    if "overclaim" in on:
        hosts[2]["strategy"] = {"kind": "overclaim", "excess": float(draw.choice([0.3, 1.0]))}
    if "guardians" in on:
        hosts[int(draw.integers(0, 3))]["guardian"] = True
    if "collateral" in on:
        for host in hosts:
            host["collateral_ngonka"] = int(draw.choice([0, 50, 1000]))
    if "mempool" in on:
        hosts[1]["fee_ngonka"] = 100
    if "service" in on:
        hosts[1] |= {"miss_rate": 0.5, "skip_rate": 0.2}
        hosts[2]["invalid_rate"] = 0.6
    if "confirmations" in on:
        hosts[0]["confirmed_share"] = 0.5
        hosts[2]["confirmed_share"] = 0.0
    return hosts


def draw_faults(on: frozenset[str], draw: np.random.Generator, seconds: float) -> list[dict[str, Any]]:
    """Faults at random times of the whole run; each lasts for up to a third of an epoch."""
    last = 4 * seconds

    def span() -> dict[str, str]:
        lasts = draw.uniform(0.05, 0.35) * seconds
        return {"at": f"{draw.uniform(seconds, last):.2f} s", "lasts": f"{lasts:.2f} s"}

    faults: list[dict[str, Any]] = []
    if "ml_node" in on:
        faults += [
            {"kind": "ml_node", "hosts": ["big"], **span()},
            {"kind": "ml_node", "hosts": ["pair"], "node": 2, **span()},
        ]
        faults += [{"kind": "ml_node", "hosts": ["pair", "liar"], **span()} for _ in range(2)]
    if "crash" in on:
        churn = {"mean_up": f"{seconds / 2:.1f} s", "mean_down": "15 s"}
        faults += [{"kind": "crash", "hosts": ["big-2"], **span()}]
        faults += [{"kind": "churn", "hosts": ["liar"], **churn, "at": "0 s", "lasts": f"{last:.1f} s"}]
    if "partition" in on:
        sides = [[["pair"]], [["big-0", "pair-1"]], [["big-1"], ["pair-0"]], [["big-0", "big-1"]]]
        faults += [{"kind": "partition", "groups": sides[int(draw.integers(0, 4))], **span()} for _ in range(2)]
    if "links" in on:
        faults += [{"kind": "latency", "factor": float(draw.choice([0.2, 5.0])), **span()}]
        faults += [{"kind": "bandwidth", "factor": 0.002, "hosts": ["big"], **span()}]
        if "tiers" not in on:
            faults += [{"kind": "loss", "probability": 0.4, **span()}]
    clocks: list[dict[str, Any]] = []
    if "clock" in on:
        offset = f"{float(draw.choice([-1.0, 1.0])) * draw.uniform(5, 30000):.0f} s"
        clocks = [{"kind": "clock_skew", "hosts": ["big-2"], "offset": offset, "at": span()["at"]}]
    if "api" in on:
        late = f"{draw.uniform(2, seconds / 2):.1f} s"
        faults += [
            {"kind": "api", "hosts": ["big", "liar"], "probability": 0.3, "delay": late, **span()} for _ in range(2)
        ]
    return faults + clocks  # clocks last: without them the others keep their places, and so their random numbers


def use_impatience(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Timeouts so short that rounds fail after some validators have a block."""
    propose = float(draw.choice([0.17, 0.2, 0.25]))
    tree["consensus"] = {
        "timeout_propose": f"{propose} s",
        "timeout_prevote": "20 ms",
        "timeout_precommit": "5 ms",
        "timeout_delta": "30 ms",
    }


def use_small_blocks(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Room for a few transactions only."""
    tree["protocol"]["block_max_bytes"] = f"{int(draw.integers(7000, 14000))} B"


def use_fees(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Fees decide, and mempools forget."""
    tree["mempool"] = {"order": str(draw.choice(["first_come", "fee"])), "ttl_blocks": int(draw.integers(2, 6))}


def use_upgrades(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """From a random version on, one further an epoch."""
    first = int(draw.integers(0, 3))
    tree["protocol"]["version"] = HISTORY[first]
    later = HISTORY[first + 1 :][:3]
    tree["protocol"]["upgrades"] = [{"epoch": 2 + place, "version": version} for place, version in enumerate(later)]


def use_changes(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """A longer validation in the middle of the third epoch's generation, longer epochs from its end on."""
    protocol = tree["protocol"]
    third = 3 * protocol["epoch_length"] - protocol["epoch_shift"]
    change = {"height": third + 2, "poc_validation_duration": protocol["poc_validation_duration"] + 1}
    longer = {"height": third + protocol["epoch_length"] - 2, "epoch_length": protocol["epoch_length"] + 2}
    protocol["changes"] = [change, longer]


def use_service(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Requests, at a price."""
    tree["inference"] = {"requests_per_epoch": int(draw.choice([60, 150])), "price_grace_epochs": 1}


def use_controller(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """One of three controllers, at a setpoint that needs another difficulty."""
    kind = str(draw.choice(["proportional", "ema", "pid"]))
    tree["difficulty"] = {"kind": kind, "target": {"valid_nonces_per_epoch": int(draw.choice([60, 400]))}}


def use_operators(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Three hosts belong to one operator; the cheater has its own, for an operator has one strategy."""
    tree["hosts"][0]["operator"], tree["hosts"][2]["operator"] = "house", "other"


def use_guesses(tree: dict[str, Any], draw: np.random.Generator) -> None:
    """Two hosts compute before each proof of compute, under a hash that no block has."""
    tree["hosts"][1]["strategy"] = {"kind": "precompute", "guess": "0" * 64, "lead": int(draw.integers(2, 5))}


SWITCHES = {
    "reproposal": use_impatience,
    "block_size": use_small_blocks,
    "mempool": use_fees,
    "committee": lambda tree, draw: tree["protocol"].update(validation_committee=int(draw.choice([2, 5]))),
    "upgrades": use_upgrades,
    "lengths": use_changes,
    "collateral": lambda tree, draw: tree["protocol"].update(
        collateral_grace_epochs=int(draw.integers(0, 2)), collateral_per_weight_unit=1.5
    ),
    "vesting": lambda tree, draw: tree["protocol"].update(vesting_epochs=int(draw.integers(1, 4))),
    "confirmations": lambda tree, draw: tree["protocol"]["rules"].update(confirmations_per_epoch=3.0),
    "service": use_service,
    "controllers": use_controller,
    "summary": lambda tree, draw: tree.update(metrics={"validations": "summary"}),
    "by_gpu": lambda tree, draw: tree["work"].update(dtype="by_gpu"),
    "operators": use_operators,
    "signatures": lambda tree, draw: tree["protocol"].update(signed_blocks_window=6, downtime_jail="0 s"),
    "early": use_guesses,
}
