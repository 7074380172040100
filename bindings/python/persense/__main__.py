"""The program persense: ``python -m persense`` and the script ``persense`` are the same."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Become the program, so that its exit code and signals are this process's."""
    program = pathlib.Path(__file__).with_name("persense")
    if not program.is_file():
        sys.exit(
            f"persense: no program at {program}; expected an installed package: "
            "pip install ./bindings/python"
        )
    sys.stdout.flush()
    os.execv(program, ["persense", *sys.argv[1:]])


if __name__ == "__main__":
    main()
