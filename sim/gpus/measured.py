"""A GPU profile from a measurement: our kernel's rate is measured, everything else is that of a profile of the card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

from ruamel.yaml import YAML

from pow.placement import ALL_CARDS, CPU, GIB, Card
from sim.errors import UserError, did_you_mean
from sim.gpus import GpuProfile, gpu_names, load_gpu

MAINNET: Final = "mainnet"
MEMORY_RATIOS: Final = (0.85, 1.05)
"""Share of the nominal memory that a driver shows; some cards keep a part for error correction."""


def check_request(file: Path, like: str | None, params: str, dtype: str, device: str) -> GpuProfile:
    """Return the profile that the datasheet's values come from; raise UserError where no profile can be written."""
    if device == CPU:
        raise UserError(f"--profile: a GPU profile is measured on a card; add --device {ALL_CARDS}")
    if params != MAINNET:
        raise UserError(f"--profile: a profile holds main net's rate; --params {params} must be {MAINNET}")
    if dtype not in (known := get_args(GpuProfile.model_fields["numerics"].annotation)):
        raise UserError(f'--profile: --dtype "{dtype}" must be one of {", ".join(known)}')
    if file.suffix != ".yaml" or file.exists() or not file.parent.is_dir():
        raise UserError(f"--profile {file}: must be a new file NAME.yaml in a folder that is there")
    if like is None:
        raise UserError(f"--profile: a datasheet cannot be measured; add --like NAME.{did_you_mean('', gpu_names())}")
    return load_gpu(like)


def check_cards(profile: GpuProfile, cards: Sequence[Card]) -> None:
    """Raise UserError unless there is one card, with about the memory that the profile says."""
    if len(cards) != 1:
        raise UserError(f"--profile: a profile is of one card; name one of {', '.join(map(str, cards))} with --device")
    low, high = (ratio * profile.vram_gib for ratio in MEMORY_RATIOS)
    if not low <= cards[0].total_bytes / GIB <= high:
        has = f"{cards[0]} has {cards[0].total_bytes / GIB:.1f} GiB"
        raise UserError(
            f"--like {profile.name}: {has}, the profile {profile.vram_gib:g} GiB; they are not the same card"
        )


def write_profile(file: Path, like: GpuProfile, nonces_per_second: float, numerics: str, how: str) -> GpuProfile:
    """Write the measured profile, of today, and return it; `how` says how it was measured."""
    changes = {
        "name": file.stem,
        "kernel_nonces_per_second": float(f"{nonces_per_second:.4g}"),
        "numerics": numerics,
        "source": f"`powsim kernel benchmark`: {how}. Datasheet and rents: profile {like.name} ({like.source})",
        "date": datetime.now(UTC).date().isoformat(),
    }
    profile = GpuProfile.model_validate({**like.model_dump(), **changes})
    yaml = YAML()
    yaml.width = 4096
    with file.open("x", encoding="utf-8") as stream:
        yaml.dump(profile.model_dump(exclude_none=True), stream)
    return profile
