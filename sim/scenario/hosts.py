"""Host groups of a scenario: number, GPUs, region, first epoch, strategy, operator, conduct."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from pow.devices import gpu_groups
from sim.errors import UserError
from sim.gpus import gpu_names, load_gpu
from sim.problems import Problem, as_validation_error, explained, show_value
from sim.protocol.blocks.params import MOST_EPOCHS
from sim.registry import PluginOf
from sim.strategies import strategies

if TYPE_CHECKING:
    from sim.strategies.base import Strategy
else:  # pydantic leaves the type to the registry; a strategy's own imports wait until one is built
    Strategy = Any

MODEL_NAMES = (
    *("QwQ-32B", "Qwen2.5-7B", "Qwen3-32B", "Qwen3-235B-A22B", "Kimi-K2.6", "MiniMax-M2.7", "GLM-5.2-FP8"),
    *("DeepSeek-V4-Flash-0731", "GLM-5.3-Flash", "other"),
)
"""That the network had in any of its versions; a scenario's `protocol.models` may have others."""
LAUNCH_MODEL = "QwQ-32B"
"""Of hosts that name none, while claims are not by model."""
MAX_GPUS_PER_ML_NODE = 64
MAX_HOSTS_PER_GROUP = 10_000
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_GPUS = re.compile(
    r"\s*(?:(\d{1,9})\s*[xX×]\s+|(\d{1,9})\s*×\s*)?([^\s×]+)"
    r"(?:\s+at\s+(\d{1,9}(?:\.\d{1,9})?)\s+nonces/s)?(?:\s+for\s+(\S+))?\s*",
    re.ASCII,
)
_EPOCH = re.compile(r"\s*epoch\s+(-?\d{1,18})\s*", re.ASCII)


class StrictModel(BaseModel):
    """Part of a file: no unknown key, no value that becomes another type, no change afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def check_name(name: str) -> str:
    """Return the name; raise unless it can be a folder and a part of a path on the command line."""
    if _NAME.fullmatch(name):
        return name
    raise explained(f"{show_value(name)} must start with a letter; up to 63 letters, digits, - and _ may follow")


Name = Annotated[str, AfterValidator(check_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]


@dataclass(frozen=True)
class MLNodeConfig:
    """One ML node: `n_gpus` of one type, and what is known of it besides."""

    n_gpus: int
    gpu: str
    nonces_per_second: float | None = None
    """Raw nonces/s of the whole ML node with main net's kernel; None: as its GPU's profile says."""
    model: str | None = None
    """The model that it serves; None: that of its host group."""

    def __str__(self) -> str:
        """Return the text of a scenario: "4 x H100-SXM", "4 x H100-SXM at 172.5 nonces/s for QwQ-32B"."""
        rate = "" if self.nonces_per_second is None else f"{self.nonces_per_second:.9f}".rstrip("0").rstrip(".")
        text = f"{self.n_gpus} x {self.gpu}" + (f" at {rate} nonces/s" if rate else "")
        return text if self.model is None else f"{text} for {self.model}"

    @property
    def vram_gib(self) -> tuple[float, ...]:
        """Nominal memory of each GPU, in GiB."""
        return (load_gpu(self.gpu).vram_gib,) * self.n_gpus

    def get_group_rate(self, n_groups: int) -> float:
        """Raw nonces/s of one GPU group: an equal part of the ML node's own rate, else one GPU's (protocol 7.2 [I])."""
        if self.nonces_per_second is None:
            return load_gpu(self.gpu).raw_nonces_per_second
        return self.nonces_per_second / max(1, n_groups)


def parse_ml_nodes(value: object) -> tuple[MLNodeConfig, ...]:
    """Return the ML nodes of "4 x H100-SXM", or one for each item of a list; raise ValueError with all problems."""
    items = value if isinstance(value, (list, tuple)) else [value]
    nodes: list[MLNodeConfig] = []
    problems: list[Problem] = []
    for index, item in enumerate(items):
        try:
            nodes.append(_parse_ml_node(item))
        except (ValueError, UserError) as error:
            problem = Problem((), str(error))
            problems.append(problem if items is not value else problem.below(index))
    if not items:
        problems.append(Problem((), "must name at least one ML node, for instance 4 x H100-SXM"))
    if problems:
        raise as_validation_error("gpus", problems, value)
    return tuple(nodes)


def _parse_ml_node(item: object) -> MLNodeConfig:
    if isinstance(item, MLNodeConfig):
        item = str(item)
    if not isinstance(item, str):
        raise ValueError(f"must be written like 4 x H100-SXM, not {show_value(item)}")
    return _parse_text(item)


@lru_cache(maxsize=1024)
def count_gpu_groups(vram_gib: tuple[float, ...], min_group_vram_gib: float) -> int:
    """Return how many groups the GPUs of an ML node make that hold the model. Reference: protocol 7.2."""
    return len(gpu_groups(vram_gib, min_group_vram_gib))


@lru_cache(maxsize=1024)  # large networks have the same few texts thousands of times
def _parse_text(text: str) -> MLNodeConfig:
    match = _GPUS.fullmatch(text)
    if match is None:
        raise ValueError(f"must be written like 4 x H100-SXM, not {show_value(text)}")
    n_gpus = int(match[1] or match[2] or 1)
    load_gpu(match[3])
    if not 1 <= n_gpus <= MAX_GPUS_PER_ML_NODE:
        bound = "at least 1" if n_gpus < 1 else f"at most {MAX_GPUS_PER_ML_NODE}"
        raise ValueError(f"{n_gpus} GPUs in one ML node; there must be {bound}")
    rate, model = None if match[4] is None else float(match[4]), match[5]
    if rate == 0.0:
        raise ValueError("0 nonces/s of one ML node; it must be more than 0")
    return MLNodeConfig(n_gpus, match[3], rate, model)


def format_ml_nodes(nodes: tuple[MLNodeConfig, ...]) -> str | list[str]:
    """Return the text that `parse_ml_nodes` reads."""
    return str(nodes[0]) if len(nodes) == 1 else [str(node) for node in nodes]


def parse_joins(value: object) -> object:
    """Return the number of "epoch 5"; any other value stays, for the field's own type to judge."""
    if not isinstance(value, str):
        return value
    match = _EPOCH.fullmatch(value)
    if match is None:
        raise explained(f"{show_value(value)} is no epoch; write for instance epoch 5")
    return int(match[1])


class _MLNodesSchema:
    """The JSON Schema of `gpus`, made when asked for: it lists outside packages' profiles too."""

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, Any]:
        """Return one text, or a list with a text for each ML node."""
        gpus = "|".join(re.escape(name) for name in gpu_names())
        more = r"(\s+at\s+\d+(\.\d+)?\s+nonces/s)?(\s+for\s+\S+)?"
        pattern = rf"^\s*(\d+\s*[xX×]\s+|\d+\s*×\s*)?({gpus}){more}\s*$"
        node = {"type": "string", "pattern": pattern, "examples": ["4 x H100-SXM"]}
        return {"anyOf": [node, {"type": "array", "items": node, "minItems": 1}]}


MLNodes = Annotated[
    tuple[MLNodeConfig, ...],
    PlainValidator(parse_ml_nodes),
    PlainSerializer(format_ml_nodes),
    _MLNodesSchema(),
]
EpochNumber = Annotated[
    int,
    BeforeValidator(parse_joins),
    Field(ge=1, le=MOST_EPOCHS),
    PlainSerializer(lambda epoch: f"epoch {epoch}"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_EPOCHS},
                {"type": "string", "pattern": r"^\s*epoch\s+\d+\s*$"},
            ]
        }
    ),
]


def parse_region(value: object) -> str | dict[str, float]:
    """Return a region's name, or shares by name; whether the table knows them is for the scenario's checks."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        raise explained(f"must be a region, or shares like {{EUROPE: 0.6, JAPAN: 0.4}}, not {show_value(value)}")
    wrong = [
        Problem((str(name),), f"must be a number, more than 0 and at most 1, not {show_value(share)}")
        for name, share in value.items()
        if not is_share(share)
    ]
    if wrong:
        raise as_validation_error("region", wrong, value)
    return {str(name): float(share) for name, share in value.items()}


def is_share(value: object) -> TypeGuard[float]:
    """Tell whether the value is a number in (0, 1]."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 1


Region = Annotated[
    str | dict[str, float],
    PlainValidator(parse_region),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
            ]
        }
    ),
]


def describe_gpus(nodes: Sequence[MLNodeConfig]) -> str:
    """Return how many GPUs of which model all ML nodes have together: "16 x H100-SXM, 1 x L40S"."""
    totals: dict[str, int] = {}
    for node in nodes:
        totals[node.gpu] = totals.get(node.gpu, 0) + node.n_gpus
    return ", ".join(f"{n_gpus} x {gpu}" for gpu, n_gpus in totals.items())


def host_addresses(name: str, count: int) -> list[str]:
    """Return the names of a group's hosts: "farm-0", "farm-1"."""
    return [f"{name}-{number}" for number in range(count)]


class Delegation(StrictModel):
    """The voting power of each host of a group on one model, lent to another host. Reference: network 2.9."""

    model: str = Field(description="model that these hosts do not serve")
    to: str = Field(description="address of the host that serves it and votes, for instance `farm-0`")


class HostGroup(StrictModel):
    """Hosts that are alike."""

    name: Name = Field(description="unique name; the hosts are called after it")
    count: int = Field(1, ge=1, le=MAX_HOSTS_PER_GROUP, description="number of hosts in the group")
    gpus: MLNodes = Field(
        description="GPUs of one host: `4 x H100-SXM` is one ML node, a list is one per item. Where known, `at 172.5 "
        "nonces/s` and `for QwQ-32B` follow: the ML node's own rate with main net's kernel, and its own model"
    )
    region: Region = Field(
        description="where the hosts stand: a region of the topology's table, or shares by which each host's is drawn"
    )
    joins: EpochNumber = Field(1, description="first epoch in which they take part")
    model: str | None = Field(
        None,
        description="model that the ML nodes serve, except those that name their own; `other`: one that governance has "
        "not approved; absent: QwQ-32B until v0.2.8, then the network's base model, whichever that is",
        json_schema_extra={"examples": list(MODEL_NAMES)},
    )
    stack: str | None = Field(
        None,
        min_length=1,
        description="software and card that compute answers, as `H100 2026-05` (from v0.2.9 on); hosts with one stack "
        "agree to the bit; absent: the GPU profile's card with the newest measured build",
    )
    delegates: tuple[Delegation, ...] = Field(
        (), strict=False, description="hosts that vote for these hosts on models' claims (from v0.2.12 on)"
    )
    refuses: tuple[str, ...] = Field(
        (), strict=False, description="models that they refuse to serve, said anew each epoch (from v0.2.12 on)"
    )
    intents: tuple[str, ...] = Field(
        (), strict=False, description="models that they say they will serve, anew each epoch (from v0.2.12 on)"
    )
    unregistered: int = Field(
        0,
        ge=0,
        le=10_000,
        description="ML nodes, counted from the last, that are not registered as hardware (weigh from v0.2.2)",
    )
    guardian: bool = Field(False, description="genesis guardians: more consensus power while the network is young")
    challenger: bool = Field(
        False, description="they may challenge others; where no group says so, all hosts may (from v0.2.16 on)"
    )
    early_share_guard: Literal["enforce", "observe", "disabled"] = Field(
        "enforce",
        description="how far their votes follow the guard against late bursts (v0.2.14): they say no, they only count, "
        "or they do neither",
    )
    collateral_ngonka: int = Field(0, ge=0, le=10**18, description="deposit of one host, in ngonka")
    fee_ngonka: int = Field(
        0,
        ge=0,
        le=10**18,
        description="fee that a host offers with each of its transactions, where `mempool.order` asks",
    )
    miss_rate: float = Field(0.0, ge=0, le=1, description="share of its inference requests that a host misses")
    invalid_rate: float = Field(0.0, ge=0, le=1, description="share of its answers that validators find wrong")
    skip_rate: float = Field(0.0, ge=0, le=1, description="share of the inference validations it owes that it omits")
    confirmed_share: float = Field(
        1.0, ge=0, le=1, description="share of its weight that it shows again in a confirmation between two proofs"
    )
    strategy: Annotated[Strategy, PluginOf(strategies)] = Field(
        default_factory=lambda: strategies.build("honest"),
        description="what they do",
        json_schema_extra={"default": "honest"},
    )
    operator: Name | None = Field(
        None, description="who decides for the hosts: all hosts of one operator share their strategy's memory"
    )

    @property
    def addresses(self) -> list[str]:
        """The hosts' addresses, see `host_addresses`."""
        return host_addresses(self.name, self.count)
