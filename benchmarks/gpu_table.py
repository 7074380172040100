"""Rows of one Markdown table, each printed as soon as it is known."""

from __future__ import annotations

import dataclasses
from typing import Optional

WIDTHS = (46, 10, 52, 6, 10, 3)
HEADINGS = ("what", "persense", "beside it", "ratio", "goal", "met")


@dataclasses.dataclass
class Row:
    """One measurement."""

    what: str
    measured: str  #: with its unit; or "error"
    beside: str = ""  #: what it is compared with, and its figure; of an error, the reason
    ratio: Optional[float] = None  #: how many times as fast as what stands beside it
    goal: str = ""
    met: Optional[bool] = None  #: None where there is no goal


def error_row(what: str, error: Exception) -> Row:
    """A row for what could not be measured."""
    lines = str(error).splitlines() or [""]
    return Row(what, "error", f"{type(error).__name__}: {lines[0]}", met=False)


def _line(cells: "tuple[str, ...]") -> str:
    # a bar inside of a cell would begin another one
    padded = [cell.replace("|", "/").ljust(width) for cell, width in zip(cells, WIDTHS)]
    return f"| {' | '.join(padded)} |"


def heading() -> str:
    """The table's first two lines."""
    right = {"persense", "ratio", "goal"}
    rules = [
        "-" * (width - 1) + (":" if title in right else "-")
        for title, width in zip(HEADINGS, WIDTHS)
    ]
    return f"{_line(HEADINGS)}\n{_line(tuple(rules))}"


def line(row: Row) -> str:
    """A row as it stands in the table."""
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    met = "" if row.met is None else "yes" if row.met else "NO"
    return _line((row.what, row.measured, row.beside, ratio, row.goal, met))


def time_text(seconds: float) -> str:
    """Seconds, or milliseconds where they are less than one."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.2f} ms"


def bytes_text(count: float) -> str:
    """Gigabytes of 10^9, or megabytes where they are less than one."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
