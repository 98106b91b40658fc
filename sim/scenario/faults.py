"""`faults` of a scenario: kinds, times, lengths and targets.

One model a kind, told apart by `kind`. Times count from the start of the run. Targets are names of hosts, host groups
or regions; a `share` draws that part of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from sim.errors import did_you_mean
from sim.problems import Problem, as_validation_error, checked_by, show_value
from sim.scenario.hosts import StrictModel
from sim.units import Seconds, SignedSeconds

MOST_LOSS = 0.9
LEAST_FACTOR, MOST_FACTOR = 1e-6, 1e6
LEAST_STAY_SECONDS = 1.0  # of churn: a run takes a step for each
ROUNDING = 1e-9


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


_NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_SHARES = {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "minItems": 1}

Names = Annotated[
    tuple[str, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, _NAMES]}),
]
Duration = Annotated[Seconds, Field(gt=0)]
At = Annotated[Seconds, Field(description="when it begins, from the start of the run")]
Lasts = Annotated[Duration | None, Field(description="for how long; absent: to the end of the run")]
Hosts = Annotated[Names | None, Field(description="names of hosts, host groups or regions; absent: everybody")]
Share = Annotated[
    float | None, Field(gt=0, le=1, description="share of these hosts, drawn when it begins; absent: all")
]
Ends = Annotated[Names | None, Field(description="only links between `hosts` and these; absent: all of their links")]


class _Fault(StrictModel):
    """The keys of all kinds."""

    kind: str
    at: At
    lasts: Lasts = None


class _HostFault(_Fault):
    """The keys of all kinds that hit hosts as they are named."""

    hosts: Hosts = None


class CrashFault(_HostFault):
    """Hosts stop: no generation, no validation, no messages, and their mempools are lost. Then they restart."""

    kind: Literal["crash"]
    share: Share = None


class ChurnFault(_HostFault):
    """Hosts leave and come back again and again, each by itself, after times with exponential laws."""

    kind: Literal["churn"]
    at: At = 0.0
    mean_up: Annotated[Seconds, Field(ge=LEAST_STAY_SECONDS, description="mean time for which a host stays")]
    mean_down: Annotated[Seconds, Field(ge=LEAST_STAY_SECONDS, description="mean time for which it is away")]


class PartitionFault(_Fault):
    """The network falls apart into sides that exchange nothing. Hosts that it does not name stand on one more side."""

    kind: Literal["partition"]
    groups: Annotated[tuple[Names, ...], Field(strict=False, min_length=1)] | None = Field(
        None, description="the sides: of each the names of its hosts, host groups or regions"
    )
    shares: Annotated[tuple[float, ...], Field(strict=False), WithJsonSchema(_SHARES)] | None = Field(
        None, description="the sides as shares of all hosts, drawn when it begins"
    )

    _check_sides = checked_by("partition", lambda fault: partition_problems(fault.groups, fault.shares))


class LatencyFault(_HostFault):
    """Messages take longer, or shorter."""

    kind: Literal["latency"]
    factor: float = Field(ge=LEAST_FACTOR, le=MOST_FACTOR, description="factor on the latency of links")
    to: Ends = None


class LossFault(_HostFault):
    """A burst of losses: transfers get lost, and are repeated after `network.retry_timeout`. Takes tier `events`."""

    kind: Literal["loss"]
    probability: float = Field(gt=0, le=MOST_LOSS, description="probability that a transfer over a link is lost")
    to: Ends = None


class BandwidthFault(_HostFault):
    """Hosts send and receive at another rate."""

    kind: Literal["bandwidth"]
    factor: float = Field(ge=LEAST_FACTOR, le=MOST_FACTOR, description="factor on the hosts' upload and download rates")


class MLNodeFault(_HostFault):
    """ML nodes fail: they produce nothing and check nothing, while their host goes on."""

    kind: Literal["ml_node"]
    share: Share = None
    node: int | None = Field(
        None, ge=1, le=10_000, description="number of the ML node within its host; absent: all of them"
    )


class ApiFault(_HostFault):
    """The API of hosts fails by itself: callbacks of ML nodes (found nonces, checks) come late or get lost."""

    kind: Literal["api"]
    share: Share = None
    probability: float = Field(0.0, ge=0, le=1, description="probability that a callback is lost; 1: the API is down")
    delay: Seconds = Field(0.0, description="how much later callbacks come")

    _check_trouble = checked_by("api", lambda fault: _find_trouble(fault.probability, fault.delay))


class ClockSkewFault(_HostFault):
    """Clocks of hosts are wrong, and so are the timestamps of the blocks that they propose."""

    kind: Literal["clock_skew"]
    share: Share = None
    offset: SignedSeconds = Field(description="by how much the clock is ahead; `-2 s`: behind")


AnyFault: TypeAlias = (
    CrashFault
    | ChurnFault
    | PartitionFault
    | LatencyFault
    | LossFault
    | BandwidthFault
    | MLNodeFault
    | ApiFault
    | ClockSkewFault
)
FAULTS = get_args(AnyFault)
KINDS = tuple(model.model_fields["kind"].annotation.__args__[0] for model in FAULTS)


def _check_kind(value: object) -> object:
    """Refuse a fault without a known kind before pydantic looks for its model."""
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    if kind in KINDS:
        return value
    if isinstance(value, Mapping) and "kind" in value:
        problem = Problem(("kind",), f"{show_value(kind)} is no kind of fault.{did_you_mean(str(kind), KINDS)}")
    else:
        problem = Problem((), f"must be a mapping with a `kind`, one of {', '.join(KINDS)}")
    raise as_validation_error("fault", [problem], value)


Fault = Annotated[AnyFault, Field(discriminator="kind"), BeforeValidator(_check_kind)]


def build_directory(hosts: Iterable[tuple[str, str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the hosts that each name means, from (address, host group, region) of all hosts.

    A name is a host's; where no host is called so, a group's; where no group is either, a region's.
    """
    meant: tuple[dict[str, list[str]], ...] = ({}, {}, {})
    for address, group, region in hosts:
        for names, name in zip(meant, (region, group, address), strict=True):
            names.setdefault(name, []).append(address)
    return {name: tuple(addresses) for names in meant for name, addresses in names.items()}


def resolve(names: Iterable[str], directory: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the hosts that names mean, each once, in the order of the names; an unknown name means no host."""
    return list(dict.fromkeys(address for name in names for address in directory.get(name, ())))


def _find_trouble(probability: float, delay_seconds: float) -> list[Problem]:
    return [] if probability or delay_seconds else [Problem((), "a fault of the API has a `probability` or a `delay`")]


def partition_problems(groups: Any, shares: Any) -> list[Problem]:
    """Return the problems in the sides of a partition by themselves."""
    if (groups is None) == (shares is None):
        return [Problem((), "a partition has either `groups` or `shares`")]
    if shares is None:
        return []
    wrong = [
        Problem(("shares", index), f"{share:g} must be more than 0 and at most 1")
        for index, share in enumerate(shares)
        if not 0 < share <= 1
    ]
    if not wrong and sum(shares) > 1 + ROUNDING:
        wrong = [Problem(("shares",), f"the shares must sum to at most 1, not {sum(shares):g}")]
    return wrong
