"""The schema of scenario files: one frozen model per section, every field described here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from pow.devices import MAINNET_MIN_GROUP_VRAM_GIB, TESTNET_MIN_GROUP_VRAM_GIB
from pow.params import PRESETS, PowParams
from pow.placement import CPU, DEVICE_PATTERN, check_device
from sim.difficulty import controllers
from sim.difficulty.waiting import get_waiting_law
from sim.errors import did_you_mean
from sim.problems import Problem, checked_by, explained
from sim.protocol.blocks.params import ChainParams, EpochParams
from sim.protocol.models.challenge import ChallengeParams
from sim.protocol.models.params import GroupParams
from sim.protocol.money.pricing import PricingParams
from sim.protocol.proofs import schemes
from sim.protocol.versions import SCHEMES, VERSIONS
from sim.registry import PluginOf
from sim.scenario.chain import ConsensusConfig, MempoolConfig, MetricsConfig
from sim.scenario.changes import (
    EpochChangeConfig,
    RuleSwitches,
    UpgradeConfig,
    Version,
    find_margin_problems,
    find_schemes,
    scheme_problems,
    threshold_problems,
)
from sim.scenario.checks import network_problems, price_problems, scenario_problems, schedule_problems
from sim.scenario.declared import make_section
from sim.scenario.faults import Fault
from sim.scenario.hosts import HostGroup, Name, StrictModel
from sim.scenario.inventory import InventoryConfig
from sim.scenario.models import Models, list_own_models
from sim.scenario.setpoints import find_setpoint_problems
from sim.scenario.sizes import find_size_problems
from sim.scenario.stacks import find_answer_problems
from sim.topologies import topologies
from sim.units import Bytes, Seconds
from sim.work import works
from sim.work.base import WorkSettings
from sim.work.stacks import load_pairs

if TYPE_CHECKING:
    from sim.difficulty.base import Controller
    from sim.topologies.base import Topology
else:  # pydantic leaves these types to the registries; networkx and scipy wait until a plug-in is built
    Controller = Topology = Any

MAX_SEED = 2**63 - 1
BY_GPU = "by_gpu"
LEAST_BLOCK_SECONDS = 0.001


def _check_preset(name: str) -> str:
    if name not in PRESETS:
        raise explained(f'unknown preset "{name}".{did_you_mean(name, PRESETS)} A mapping may give the parameters.')
    return name


def _check_kind(name: str) -> str:
    if name not in works.names():
        raise explained(f'unknown kind of work "{name}".{did_you_mean(name, works.names())}')
    return name


def _check_device(name: str) -> str:
    try:
        return check_device(name)
    except ValueError as error:
        raise explained(str(error)) from None


def _check_inline(value: object, build: ValidatorFunctionWrapHandler) -> object:
    """Build the parameters; numbers so large that their products overflow are the user's mistake too."""
    try:
        return build(value)
    except ArithmeticError as error:
        raise explained(f"these parameters are out of range: {error}") from error


def _is_inline(value: object) -> str:
    return "inline" if isinstance(value, (Mapping, PowParams)) else "preset"


_Preset = Annotated[str, AfterValidator(_check_preset), Field(json_schema_extra={"enum": list(PRESETS)}), Tag("preset")]
_Inline = Annotated[PowParams, WrapValidator(_check_inline), Tag("inline")]
_DEVICE_SCHEMA: dict[str, Any] = {"pattern": DEVICE_PATTERN, "examples": ["cuda:0"]}
_Device = Annotated[str, AfterValidator(_check_device), Field(json_schema_extra=_DEVICE_SCHEMA)]
_Kind = Annotated[
    str,
    AfterValidator(_check_kind),
    Field(json_schema_extra=lambda schema: schema.update(enum=list(works.names()))),
]
_Params = Annotated[_Preset | _Inline, Discriminator(_is_inline)]


class _Rules(StrictModel):
    """The chain's parameters. Reference: protocol 1, 10."""

    version: Version = Field("v0.2.0", description="version of the network whose rules hold")
    upgrades: tuple[UpgradeConfig, ...] = Field(
        (), strict=False, description="changes of the version, in ascending order of their epochs"
    )
    rules: RuleSwitches = Field(
        default_factory=RuleSwitches, description="single switches changed in all versions, for a what-if"
    )
    models: Models | None = Field(
        None,
        strict=False,
        description="governance's models, of which hosts prove their compute from v0.2.9 on; absent: main net's own of "
        "the version",
    )
    confirmation_alpha: float | None = Field(
        None,
        ge=0,
        le=1,
        description="confirmed share below which a member becomes INACTIVE, which costs the epoch's reward, a tenth of "
        "its collateral and its place in the group; 0: no such test; absent: the version's own, 0.5 from v0.2.5 on",
    )
    changes: tuple[EpochChangeConfig, ...] = Field(
        (), strict=False, description="changes of the epoch's lengths, in ascending order of their heights"
    )


if TYPE_CHECKING:

    class _Declared(EpochParams, ChainParams, GroupParams, ChallengeParams, _Rules):
        """The class of `make_section`, for the type checker."""

else:
    _Declared = make_section(
        "ProtocolConfig",
        make_section("ProtocolConfig", _Rules, EpochParams, ChainParams, GroupParams, ChallengeParams),
        *SCHEMES,
        is_optional=True,
        addition=" at genesis; absent: the version's own",
    )


class ProtocolConfig(_Declared):
    """The chain's parameters. Reference: protocol 1, 10."""

    block_time: Annotated[Seconds, Field(ge=LEAST_BLOCK_SECONDS)] = Field(
        5.6, description="target interval: from a validator's decision to its next height; rounds of votes come on top"
    )

    _check_together = checked_by("protocol", schedule_problems, scheme_problems)


class WorkConfig(StrictModel):
    """The kind of work, where it is computed, and how fast the simulated hosts are."""

    kind: _Kind = Field(
        "kernel",
        description="`kernel`: every distance comes from the real transformer; `sphere`: from its exact law, faster",
    )
    params: _Params = Field("devtest", description="the transformer: a preset's name, or all parameters")
    dtype: Literal["float16", "float32", "bfloat16", "mixed", "f16data_f32compute", "f16data_f64compute", "by_gpu"] = (
        Field("float32", description="numerics of all hosts; `by_gpu`: each GPU profile's own")
    )
    rate_factor: float = Field(1.0, gt=0, description="factor on every GPU profile's nonces per second")
    batches: Literal["smooth", "real"] = Field(
        "smooth",
        description="`smooth`: nonces are finished one by one; `real`: in batches sized to the cards, and those "
        "that run when generation ends are lost",
    )
    startup: Seconds = Field(5.0, description="from an ML node's dispatch to its first nonce (main net: about 85 s)")
    device: _Device = Field(CPU, description="where the kernel computes: `cpu`, `cuda` (all cards) or one card")
    batch_size: int | None = Field(
        None, ge=1, le=1_000_000, description="nonces in one forward pass; absent: by the model's size"
    )
    pairs: str | None = Field(
        None,
        min_length=1,
        description="CSV file with the distances between answers of two stacks, sought in the scenario's folder, then "
        "in the working directory; absent: the measured ones that come with powsim",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="batches computed at a time; absent: one per processor (no result depends on it)",
    )
    cache: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="folder, seen from the working directory, in which the kernel's distances are kept for later runs "
        "(no result depends on it)",
    )

    @property
    def pow_params(self) -> PowParams:
        """The transformer's parameters, whichever way they were given."""
        return PRESETS[self.params] if isinstance(self.params, str) else self.params

    @property
    def settings(self) -> WorkSettings:
        """The same as a value that kinds of work read."""
        dtype = None if self.dtype == BY_GPU else self.dtype
        pairs = None if self.pairs is None else load_pairs(self.pairs)
        cache = None if self.cache is None else Path(self.cache)
        return WorkSettings(self.pow_params, dtype, self.device, self.batch_size, self.threads, pairs, cache)

    @property
    def min_group_vram_gib(self) -> float:
        """Memory that a group of GPUs needs; small stand-ins keep main net's rule. Reference: protocol 7.2."""
        return TESTNET_MIN_GROUP_VRAM_GIB if self.params == "testnet" else MAINNET_MIN_GROUP_VRAM_GIB


class _Requests(StrictModel):
    """Requests that members serve between two proofs of compute; drawn, not simulated. Reference: protocol 6.3, 6.6."""

    requests_per_epoch: int = Field(0, ge=0, le=100_000, description="number of requests to the whole network")
    tokens_per_request: int = Field(1000, ge=1, le=100_000, description="number of tokens of each answer")


if TYPE_CHECKING:

    class _Priced(PricingParams, _Requests):
        """The class of `make_section`, for the type checker."""

else:
    _Priced = make_section("InferenceConfig", _Requests, PricingParams)


class InferenceConfig(_Priced):
    """Requests that members serve between two proofs of compute; drawn, not simulated. Reference: protocol 6.3, 6.6."""

    _check_together = checked_by("inference", price_problems)


class NetworkConfig(StrictModel):
    """How messages travel between hosts."""

    tier: Literal["events", "paths", "auto"] = Field(
        "events",
        description="`events`: every hop of every message is simulated; `paths`: arrivals are shortest paths, without "
        "upload queues, and much faster; `auto`: `paths` while uploads hardly queue",
    )
    topology: Annotated[Topology, PluginOf(topologies)] = Field(
        default_factory=lambda: topologies.build("regions"),
        description="who is linked to whom, and how fast",
        json_schema_extra={"default": "regions"},
    )
    loss: float = Field(0.0, ge=0, le=0.9, description="probability that a transfer over a link is lost, and repeated")
    retry_timeout: Annotated[Seconds, Field(gt=0)] = Field(
        1.0,
        description="from the start of a lost upload to its repetition; from a request to the next announcer's turn",
    )
    announce_above: Bytes | None = Field(
        None,
        description="larger messages are announced and sent to those who ask; absent: every message is sent at once",
    )
    hop_validation: Seconds = Field(
        0.0, description="time for which a host checks a message before it takes it and sends it on"
    )

    _check_tier = checked_by("network", network_problems)


def _find_work_problems(scenario: Scenario) -> list[Problem]:
    """Return why the kind of work does not compute for the proof schemes of the versions used."""
    kind = scenario.work.kind
    for scheme in map(schemes.name_of, find_schemes(scenario.protocol)):
        if scheme not in works.get(kind).schemes:
            fitting = [name for name in works.names() if scheme in works.get(name).schemes]
            what = f'"{kind}" computes for the proof scheme {" or ".join(works.get(kind).schemes)}, not for {scheme}.'
            return [Problem(("work", "kind"), what + did_you_mean(kind, fitting))]
    return []


def _find_stack_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield hosts that could not check each other's answers, or of which no rate is known."""
    protocol = scenario.protocol
    names = (protocol.version, *(upgrade.version for upgrade in protocol.upgrades))
    models = {model.name for name in names for model in VERSIONS[name].models}.union(list_own_models(scenario))
    yield from find_margin_problems(protocol)
    yield from find_answer_problems(scenario, frozenset(models))


def _find_waiting_problems(scenario: Scenario) -> list[Problem]:
    """Return why the rule of the difficulty has nothing to act on: a wait for a block, in an epoch that ends anyway."""
    if get_waiting_law(scenario.difficulty) is None:
        return []
    kind = controllers.name_of(scenario.difficulty)
    what = f"{kind} acts while a block is awaited; an epoch ends by itself, so that it belongs in races (powsim lab)"
    return [Problem(("difficulty",), what)]


class _HostsSchema:
    """The JSON Schema of `hosts`: an inventory may stand in a file; a Scenario has the groups that it became."""

    def __get_pydantic_json_schema__(self, groups: Any, handler: Any) -> dict[str, Any]:
        """Return a list of groups, or an inventory."""
        inventory = InventoryConfig.model_json_schema(mode="serialization")
        (lent,) = inventory.pop("$defs").values()  # definitions stand at the top of a schema only
        inventory["properties"]["delegations"]["items"] = lent
        return {"anyOf": [handler(groups), inventory]}


class Scenario(StrictModel):
    """One simulated network, whole."""

    name: Name = Field(description="name of the scenario and of its results folder")
    description: str = Field("", description="what it shows")
    seed: int = Field(1, ge=0, le=MAX_SEED, description="seed of every random stream")
    epochs: int = Field(ge=1, le=1_000_000, description="number of epochs to simulate")
    protocol: ProtocolConfig = Field(default_factory=ProtocolConfig, description="the chain's parameters")
    work: WorkConfig = Field(default_factory=WorkConfig, description="who computes the nonces")
    network: NetworkConfig = Field(default_factory=NetworkConfig, description="how messages travel")
    consensus: ConsensusConfig = Field(default_factory=ConsensusConfig, description="how long validators wait")
    mempool: MempoolConfig = Field(default_factory=MempoolConfig, description="which transactions come first")
    hosts: Annotated[tuple[HostGroup, ...], _HostsSchema()] = Field(
        strict=False, min_length=1, description="groups of hosts that are alike, or an inventory"
    )
    inference: InferenceConfig = Field(
        default_factory=InferenceConfig, description="requests between two proofs of compute"
    )
    metrics: MetricsConfig = Field(default_factory=MetricsConfig, description="what a run keeps")
    faults: tuple[Fault, ...] = Field((), strict=False, description="what goes wrong, when and for how long")
    difficulty: Annotated[Controller, PluginOf(controllers)] = Field(
        default_factory=lambda: controllers.build("fixed"),
        description="rule that sets the next epoch's difficulty",
        json_schema_extra={"default": "fixed"},
    )

    _check_together = checked_by(
        "scenario",
        scenario_problems,
        _find_work_problems,
        _find_stack_problems,
        threshold_problems,
        find_setpoint_problems,
        _find_waiting_problems,
        find_size_problems,
    )
