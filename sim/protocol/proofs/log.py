"""An append-only list with many versions: a block's additions are stored once, though earlier versions live on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Log(Sequence[T], Generic[T]):
    """Immutable. The cost of `extended` is that of the additions: all versions of one history share one list."""

    __slots__ = ("_length", "_shared")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._shared = list(items)
        self._length = len(self._shared)

    def extended(self, items: Iterable[T]) -> Log[T]:
        """Return the log with these items at its end; where the history forks, the later branch copies."""
        is_newest = self._length == len(self._shared)
        longer: Log[T] = Log.__new__(Log)
        longer._shared = self._shared if is_newest else self._shared[: self._length]
        longer._shared.extend(items)
        longer._length = len(longer._shared)
        return longer

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Return one item, or a list for a slice; raises IndexError outside."""
        if isinstance(index, slice):
            return [self._shared[i] for i in range(*index.indices(self._length))]
        return self._shared[range(self._length)[index]]

    def __iter__(self) -> Iterator[T]:
        return islice(iter(self._shared), self._length)

    def __len__(self) -> int:
        return self._length

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Log) and len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Log({list(self)!r})"
