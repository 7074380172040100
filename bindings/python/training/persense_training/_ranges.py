"""Numbers that lie within their range, or one line that says which does not."""

from __future__ import annotations


def check(name: str, value: float, least: float, most: float) -> None:
    """Raise ValueError, naming the number, unless it is from least to most."""
    if not least <= value <= most:  # NaN is not
        raise ValueError(f"{name}: got {value}, expected {least} to {most}")
