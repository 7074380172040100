"""Arguments that are checked before the compiled half sees them: what is wrong is one sentence."""

from __future__ import annotations

import numbers
import operator
import os
from typing import Any, Mapping, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from persense.errors import InvalidArgument

__all__ = [
    "array_of",
    "callback",
    "flag",
    "is_path",
    "mapping",
    "number",
    "path",
    "shown",
    "text",
    "two_whole",
    "whole",
]

Path = Union[str, "os.PathLike[str]"]


def shown(value: object) -> str:
    """A value as messages have it: short ones as they are, arrays as type and shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    if value is None or isinstance(value, (str, bytes, numbers.Number, list, tuple, dict)):
        written = repr(value)
        if len(written) <= 60:
            return written
    return type(value).__name__


def refused(name: str, value: object, expected: str) -> InvalidArgument:
    """The error that says so."""
    return InvalidArgument(f"{name}: got {shown(value)}, expected {expected}")


def is_path(value: object) -> bool:
    """Whether it names a file."""
    return isinstance(value, (str, os.PathLike))


def path(name: str, value: Any, expected: str = "a path") -> str:
    """A path as text."""
    if not is_path(value):
        raise refused(name, value, expected)
    return os.fsdecode(value)


def text(name: str, value: Any, expected: str = "text") -> str:
    """Words."""
    if not isinstance(value, str):
        raise refused(name, value, expected)
    return value


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise refused(name, value, "True or False")
    return bool(value)


def number(name: str, value: Any, expected: str = "a number") -> float:
    """A number, not a truth value."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise refused(name, value, expected)
    return float(value)


def whole(
    name: str,
    value: Any,
    expected: str = "a whole number",
    lowest: int = -(2**31),
    highest: int = 2**31 - 1,
) -> int:
    """A whole number between two others."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        index = operator.index(value)
    except TypeError:
        raise refused(name, value, expected) from None
    if not lowest <= index <= highest:
        raise InvalidArgument(f"{name}: got {index}, expected {lowest} to {highest}")
    return index


def two_whole(name: str, value: Any, expected: str) -> Tuple[int, int]:
    """Two whole numbers, as a size."""
    try:
        first, second = value
        return whole(name, first), whole(name, second)
    except (TypeError, ValueError):  # InvalidArgument is one, too
        raise refused(name, value, expected) from None


def mapping(name: str, value: Any, expected: str) -> Mapping[str, Any]:
    """A dict by words; none is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused(name, value, expected)
    for key in value:
        text(f"{name}: key", key)
    return value


def callback(name: str, value: Any) -> Optional[Any]:
    """A function, or None."""
    if value is not None and not callable(value):
        raise refused(name, value, "a function or None")
    return value


def array_of(name: str, value: Any, expected: str) -> npt.NDArray[Any]:
    """What NumPy makes of it: numbers."""
    try:
        array = np.asarray(value)
    except Exception as error:  # of ragged lists, and whatever a tensor on a device says
        reason = str(error).split("\n")[0]
        raise InvalidArgument(
            f"{name}: got {type(value).__name__} ({reason}), expected {expected}"
        ) from None
    if array.dtype.kind not in "biuf":
        raise refused(name, array if array.ndim > 0 else value, expected)
    return array
