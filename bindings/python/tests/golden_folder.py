"""Where the golden vectors are."""

from __future__ import annotations

import os
import pathlib
from typing import Callable

import pytest

_REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def golden_folder() -> Callable[[str], pathlib.Path]:
    """Give a function: suite name -> its folder; the test is skipped where it is absent."""
    root = pathlib.Path(os.environ.get("PERSENSE_GOLDEN", _REPOSITORY.parent / "shared" / "golden"))

    def folder(suite: str) -> pathlib.Path:
        if not (root / suite).is_dir():
            pytest.skip(f"no golden vectors at {root / suite} (set PERSENSE_GOLDEN)")
        return root / suite

    return folder
