"""Keeps what is slow to load and large, within a budget; what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Items by key, each with a size. Not for several threads."""

    def __init__(self, close: Callable[[Item], None]) -> None:
        """`close` frees what an item holds; it is called once for each that leaves the shelf."""
        self._close = close
        self._items: OrderedDict[Hashable, tuple[Item, float]] = OrderedDict()

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """What is kept, the one used longest ago first."""
        return tuple(self._items)

    @property
    def size(self) -> float:
        """What everything kept takes together."""
        return sum(size for _, size in self._items.values())

    def get(self, key: Hashable) -> Item | None:
        """The item of that key, which is now the one used last; None when it is not kept."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key][0]

    def make_room(self, needed: float, budget: float) -> None:
        """Let go of items until another of that size fits; a single one may be larger than the budget."""
        while self._items and self.size + needed > budget:
            self._leave(next(iter(self._items)))

    def put(self, key: Hashable, item: Item, size: float) -> None:
        """Keep an item; one that had the key before is let go of."""
        if key in self._items:
            self._leave(key)
        self._items[key] = (item, size)

    def clear(self) -> None:
        """Let go of everything."""
        for key in tuple(self._items):
            self._leave(key)

    def _leave(self, key: Hashable) -> None:
        item, _ = self._items.pop(key)
        self._close(item)
