"""The errors of persense: one line each, naming the culprit, what was got and what was expected.

Each class is also the built-in exception of the same meaning, so that ``except ValueError`` or
``except OSError`` catch it too.
"""

from __future__ import annotations

__all__ = [
    "BadModel",
    "Cancelled",
    "DeviceUnavailable",
    "Error",
    "FileNotFound",
    "InternalError",
    "InvalidArgument",
    "OutOfMemory",
    "Unreadable",
    "Unwritable",
]


class Error(Exception):
    """Base of everything that persense raises on purpose."""

    code: int = 0
    """What went wrong; the same number in C++, C and Python."""


class InvalidArgument(Error, ValueError):
    """An argument, option, type or shape that the caller can correct."""

    code = 1


class FileNotFound(Error, FileNotFoundError):
    """A path that does not exist."""

    code = 2


class Unreadable(Error, OSError):
    """A file that exists but is truncated, of another type, or not permitted."""

    code = 3


class BadModel(Error):
    """A model archive that does not fit its stage."""

    code = 4


class OutOfMemory(Error, MemoryError):
    """Host or device memory ran out."""

    code = 5


class DeviceUnavailable(Error):
    """A device that this machine or build does not have."""

    code = 6


class Cancelled(Error):
    """The run was asked to stop."""

    code = 7


class Unwritable(Error, OSError):
    """An output that could not be written (permission, full disk)."""

    code = 8


class InternalError(Error):
    """A defect of persense."""

    code = 9
