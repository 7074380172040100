"""Shared by all tests."""

from golden_folder import golden_folder  # noqa: F401
