"""Which cards compute, and how many nonces each takes at once: decided from descriptions of the cards, touching none.

1. "cuda:N" is that card. "cuda" are the groups that the network would form of all cards, by the model's minimum of
   memory; a card that the rule leaves over stays idle.
2. The network spreads one model over a group. Here each card holds the whole pool of parameters, which is 5 % of the
   model, and the batches go to the cards of all groups in turn.
3. All cards take batches of one size, since the shape of a batch decides the last bits: the card with the least free
   memory sets it.

Reference: protocol 7.2, 7.3
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from pow.devices import (
    BYTES_OF,
    GB,
    GROUP_SIZES,
    MAINNET_MIN_GROUP_VRAM_GIB,
    MIB,
    TESTNET_MIN_GROUP_VRAM_GIB,
    USABLE_FRACTION,
    auto_batch_size,
    gpu_groups,
)
from pow.params import PRESETS, PowParams, mode_of

CPU: Final = "cpu"
ALL_CARDS: Final = "cuda"
DEVICE_PATTERN: Final = r"^cpu$|^cuda(:[0-9]{1,3})?$"
GIB: Final = 2**30
DRAWN_BATCH_BYTES: Final = 128 * MIB
"""Memory of the host for one batch's draws. A card is busy with less; several batches lie ready at a time."""
MAX_BATCH_SIZE: Final = 4096
"""Larger batches gain nothing, and few nonces would be padded to many."""
MIN_GROUP_VRAM_GIB: Final = {
    PRESETS["mainnet"]: MAINNET_MIN_GROUP_VRAM_GIB,
    PRESETS["testnet"]: TESTNET_MIN_GROUP_VRAM_GIB,
}


@dataclass(frozen=True)
class Card:
    """One GPU as its driver describes it; `free_bytes` is the memory that this process may still take."""

    index: int
    name: str
    total_bytes: int
    free_bytes: int

    def __str__(self) -> str:
        return f"cuda:{self.index} ({self.name}, {self.free_bytes / GB:.1f} of {self.total_bytes / GB:.1f} GB free)"


@dataclass(frozen=True)
class Placement:
    """The cards that compute, by group, and the size of every batch."""

    groups: tuple[tuple[Card, ...], ...]
    batch_size: int

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards that compute, in their order."""
        return tuple(chain.from_iterable(self.groups))


def check_device(device: str) -> str:
    """Give `device` back; raise ValueError unless it is "cpu", "cuda" or "cuda:N"."""
    if not re.fullmatch(DEVICE_PATTERN, device):
        raise ValueError(f"unknown device {device!r}; known are 'cpu', 'cuda' (all cards) and 'cuda:N' (one card)")
    return device


def place(
    device: str, cards: Sequence[Card], params: PowParams, dtype: str, weights_bytes: int, batch_size: int | None = None
) -> Placement:
    """Choose among the machine's `cards` those that compute, and the batch size unless it is given.

    `weights_bytes` is what each card has to hold. Raises ValueError if `device` names no card that is there, the rule
    forms no group, or a chosen card has too little free memory. Reference: protocol 7.2, 7.3
    """
    groups = select_groups(device, cards, get_min_group_vram_gib(params, weights_bytes))
    chosen = list(chain.from_iterable(groups))
    size = batch_size or card_batch_size([card.free_bytes for card in chosen], params, dtype, weights_bytes)
    for card in chosen:
        _check_card(card, weights_bytes + size * nonce_bytes(params, dtype), f"{dtype} with {size} nonces a batch")
    return Placement(groups, size)


def get_min_group_vram_gib(params: PowParams, weights_bytes: int) -> float:
    """Give the memory that a group needs, GiB: the network's for its own models, the weights for any other."""
    return MIN_GROUP_VRAM_GIB.get(params, weights_bytes / GIB)


def select_groups(device: str, cards: Sequence[Card], min_group_vram_gib: float) -> tuple[tuple[Card, ...], ...]:
    """Divide the cards that `device` names into groups, at least one. Errors as `place`. Reference: protocol 7.2"""
    if not cards:
        raise ValueError(f"device {device!r} is not to be had: torch finds no CUDA card on this machine")
    if device != ALL_CARDS:
        found = [card for card in cards if device == f"{ALL_CARDS}:{card.index}"]
        if not found:
            there = ", ".join(f"{ALL_CARDS}:{card.index}" for card in cards)
            raise ValueError(f"device {device!r} is not to be had: there are {there}")
        return ((found[0],),)
    groups = gpu_groups([card.total_bytes / GIB for card in cards], min_group_vram_gib)
    if not groups:
        sizes, listed = ", ".join(map(str, GROUP_SIZES)), "; ".join(map(str, cards))
        raise ValueError(
            f"device {device!r}: no {sizes} neighbouring cards have the {min_group_vram_gib:g} GiB that a group of "
            f"this model needs: {listed}. 'cuda:{cards[0].index}' takes one card without that rule"
        )
    return tuple(tuple(cards[position] for position in group) for group in groups)


def card_batch_size(free_bytes: Sequence[int], params: PowParams, dtype: str, weights_bytes: int) -> int:
    """Give the number of nonces per batch for cards that hold the whole weights each; at least 1.

    The network's rule for the card with the least free memory, or less where the feed-forward is wider than that rule
    expects or the host would have to draw too much at a time. Reference: protocol 7.3
    """
    n_cards = len(free_bytes)
    # The rule takes each card's share off; here a share is the whole.
    by_rule = auto_batch_size([free / MIB for free in free_bytes], params, n_cards * weights_bytes / MIB)
    by_activations = int((min(free_bytes) * USABLE_FRACTION - weights_bytes) // nonce_bytes(params, dtype))
    return max(1, min(by_rule, by_activations, DRAWN_BATCH_BYTES // drawn_bytes(params), MAX_BATCH_SIZE))


def nonce_bytes(params: PowParams, dtype: str) -> int:
    """Give the memory of a card that one nonce of a batch needs at most: that of one layer, since none is kept."""
    tokens = params.seq_len * (2 * params.hidden_dim + 8 * params.dim)
    scores = 3 * params.n_heads * params.seq_len**2
    return BYTES_OF[mode_of(dtype).working] * (tokens + scores + 2 * params.vocab_size)


def drawn_bytes(params: PowParams) -> int:
    """Give the memory of the host that one nonce of a batch needs: input, permutation, logits."""
    return 4 * params.seq_len * params.dim + 12 * params.vocab_size


def _check_card(card: Card, needed: int, what: str) -> None:
    if needed > card.free_bytes:
        raise ValueError(f"too little memory on {card}: {what} needs about {needed / GB:.1f} GB")
