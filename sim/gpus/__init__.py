"""GPU profiles: data plug-ins, one YAML file each, named like the GPU. Reference: protocol 7.4, 7.5.

A profile tells the rate of the *network's* software, at which hosts work in a run, from the rate of powsim's own kernel
on the same GPU, which decides only how long a run that computes on it takes.

An outside package adds profiles through an entry point of the group `powsim.gpus` that names a package with such files.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sim.errors import UserError, did_you_mean
from sim.problems import problems_of

ENTRY_POINT_GROUP = "powsim.gpus"
TFLOP_PER_NONCE = 9.12  # main net's kernel, by arithmetic [X]. Reference: protocol 7.1

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RentRange(BaseModel):
    """Rent of a GPU per hour on the market, in USD."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    low: _Positive
    high: _Positive

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"the low rent {self.low} must not exceed the high rent {self.high}")
        return self


class GpuProfile(BaseModel):
    """One GPU model: its datasheet, and how fast it computes nonces."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(description="as scenarios write it; the file has the same name")
    vram_gib: _Positive = Field(description="nominal memory, GiB")
    fp16_dense_tflops: _Positive = Field(description="dense float16 tensor rate, TFLOP/s")
    memory_gb_per_s: _Positive = Field(description="memory bandwidth, GB/s")
    tdp_watts: _Positive = Field(description="power limit, W")
    rent_usd_per_hour: RentRange | None = Field(None, description="market range; absent where none was found")
    mfu: float = Field(
        gt=0, le=1, description="share of the tensor rate that the network's software is estimated to reach [I]"
    )
    network_nonces_per_second: _Positive | None = Field(
        None, description="raw nonces/s of the network's software on main net's model, measured; replaces the estimate"
    )
    kernel_nonces_per_second: _Positive | None = Field(
        None, description="nonces/s of powsim's own kernel on main net's model, measured; no run uses it"
    )
    numerics: Literal["float16", "bfloat16", "float32", "mixed"] = Field(
        "float16", description="arithmetic of its kernel; the network's own code runs float16"
    )
    status: Literal["estimated", "measured"] = Field(description="where the rate of the network's software comes from")
    source: str = Field(min_length=1, description="where the numbers come from")
    date: str = Field(min_length=4, description="when they were true")

    @model_validator(mode="after")
    def _check_status(self) -> Self:
        if (self.network_nonces_per_second is None) != (self.status == "estimated"):
            raise ValueError('status must be "measured" exactly where network_nonces_per_second is given')
        return self

    @property
    def raw_nonces_per_second(self) -> float:
        """Nonces that a host's GPU tries per second, with the network's software: measured, else estimated [I].

        The estimate is mfu · TFLOP/s / 9.12 TFLOP.
        """
        if self.network_nonces_per_second is not None:
            return self.network_nonces_per_second
        return self.mfu * self.fp16_dense_tflops / TFLOP_PER_NONCE


def gpu_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted(_profile_files()))


@cache
def load_gpu(name: str) -> GpuProfile:
    """Return the profile of that name; raise UserError with the nearest name and all of them."""
    found = _profile_files().get(name)
    if found is None:
        raise UserError(f'unknown GPU "{name}".{did_you_mean(name, gpu_names())}')
    return read_profile(found)


def read_profile(file: Traversable) -> GpuProfile:
    """Read one profile; raise UserError that names the file and everything that is wrong in it."""
    try:
        profile = GpuProfile.model_validate(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")))
    except YAMLError as error:
        raise UserError(f"{file.name}: not YAML: {error}") from error
    except ValidationError as error:
        problems = problems_of(error, GpuProfile.model_json_schema())
        raise UserError("\n".join(f"{file.name}: {problem}" for problem in problems)) from error
    if f"{profile.name}.yaml" != file.name:
        raise UserError(f'{file.name}: holds the GPU "{profile.name}"; file and GPU must have the same name')
    return profile


@cache
def _profile_files() -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for folder in _folders():
        for file in folder.iterdir():
            name, dot, ending = file.name.rpartition(".")
            if ending == "yaml" and dot:
                if name in found:
                    raise UserError(f'the GPU "{name}" has two profiles: {found[name]} and {file}')
                found[name] = file
    return found


def _folders() -> list[Traversable]:
    own = [files(__name__)]
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            own.append(files(entry_point.load()))
        except Exception as error:
            raise UserError(
                f'cannot load the GPU profiles "{entry_point.name}" ({entry_point.value}): {error}'
            ) from error
    return own
