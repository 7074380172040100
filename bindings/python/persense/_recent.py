"""What was unpickled lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Callable, TypeVar

__all__ = ["Recent"]

_Kept = TypeVar("_Kept")


class Recent:
    """The last few things that were unpickled, so that tasks of one pool share them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._things: "OrderedDict[Any, Any]" = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Any, make: Callable[[], _Kept]) -> _Kept:
        """The thing of that key, made where it is not among the last ones."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
            else:
                self._things[key] = make()
                while len(self._things) > self._count:
                    self._things.popitem(last=False)
            kept: _Kept = self._things[key]
            return kept
