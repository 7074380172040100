"""Options by key, as `persense options` lists them."""

from __future__ import annotations

import numbers
from typing import List, Mapping, NamedTuple, Optional, Tuple, Union

from persense import _core
from persense._arguments import mapping
from persense.errors import InvalidArgument

__all__ = ["Option", "OptionValue", "apply", "options"]

OptionValue = Union[bool, int, float, str]


class Option(NamedTuple):
    """One option of the method."""

    key: str
    """As in ``options={"idm.threshold": 25}``."""
    default: Union[int, float, str]
    lowest: Optional[float]
    """Smallest and largest value of a number; None for a word."""
    highest: Optional[float]
    values: Tuple[str, ...]
    """The words of an option that is one of several; empty for a number."""
    help: str


def options() -> List[Option]:
    """List every option with its default, range and meaning."""
    return [Option(*row) for row in _core.option_table()]


def _text(key: str, value: OptionValue) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    raise InvalidArgument(
        f"option {key}: got {type(value).__name__}, expected a number, a word or True or False"
    )


def apply(options: _core.Options, changes: Mapping[str, OptionValue], prefix: str = "") -> None:
    """Set options in place, from numbers, words, or True and False for on and off."""
    expected = "a mapping such as {'idm.threshold': 25}"
    for key, value in mapping("options", changes, expected).items():
        options.set(prefix + key, _text(prefix + key, value))
