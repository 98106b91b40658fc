"""Messages as the chain files them: in the order of their blocks, one for each (creator, key)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Protocol, Self, TypeVar

from sim.protocol.log import Log


class Fileable(Protocol):
    """A message with a key of its own."""

    @property
    def creator(self) -> str:
        """Address of the sender."""

    @property
    def storage_key(self) -> str:
        """A later message of the same creator with the same key stands in the earlier one's place."""


M = TypeVar("M", bound=Fileable)


@dataclass(frozen=True)
class Filed(Generic[M]):
    """Immutable; a message more costs as much as itself, however many there are."""

    messages: Log[M] = field(default_factory=Log)
    """As taken."""
    heights: Log[int] = field(default_factory=Log)
    """Block that took each of these, in the same order."""

    def added(self, message: M, height: int) -> Self:
        """Return the file with one message more."""
        return replace(self, messages=self.messages.extended([message]), heights=self.heights.extended([height]))

    @cached_property
    def by_participant(self) -> Mapping[str, tuple[M, ...]]:
        """The messages of each participant, by address; inside one, by key. Reference: protocol 4.1."""
        filed = {(message.creator, message.storage_key): message for message in self.messages}
        grouped: dict[str, list[M]] = {}
        for creator, key in sorted(filed):
            grouped.setdefault(creator, []).append(filed[creator, key])
        return {creator: tuple(messages) for creator, messages in grouped.items()}

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """Addresses with a message, ascending."""
        return tuple(self.by_participant)

    def get_heights(self) -> Mapping[tuple[str, str], int]:
        """Return the block that took the message of each (creator, key)."""
        taken = zip(self.messages, self.heights, strict=True)
        return {(message.creator, message.storage_key): height for message, height in taken}
