"""Contact sheets of what there is to train on, and the command lines that write them."""

from __future__ import annotations

import argparse
import pathlib
from typing import Callable, Optional, Sequence

import numpy as np
import numpy.typing as npt

from persense import _core

Pixels = npt.NDArray[np.uint8]


def tiled(cells: Sequence[Pixels], columns: int) -> Pixels:
    """Images (H, W, 3) of one size in rows of so many, with a black rim round each."""
    rimmed = [np.pad(cell, ((2, 2), (2, 2), (0, 0))) for cell in cells]
    rows = [
        np.concatenate(rimmed[first : first + columns], axis=1)
        for first in range(0, len(rimmed), columns)
    ]
    pixels: Pixels = np.concatenate(rows, axis=0)
    return pixels


def parser(module: str, what: str, rows: int, columns: int) -> argparse.ArgumentParser:
    """The options that all sheets share: --sheet, --measure, --seed, --rows and --columns."""
    options = argparse.ArgumentParser(
        prog=f"python -m persense_training.{module}", description=f"Look at {what}."
    )
    options.add_argument("--sheet", type=pathlib.Path, metavar="PNG", help="write a contact sheet")
    options.add_argument("--measure", type=float, metavar="SECONDS", help="measure for so long")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rows", type=int, default=rows)
    options.add_argument("--columns", type=int, default=columns)
    return options


def run(
    options: argparse.ArgumentParser,
    arguments: Optional[Sequence[str]],
    sheet: Callable[[argparse.Namespace], Pixels],
    measure: Callable[[argparse.Namespace], str],
) -> int:
    """Write the sheet, print the measurement, whichever was asked for. The exit code."""
    given = options.parse_args(arguments)
    if given.sheet is None and given.measure is None:
        options.error("nothing to do: give --sheet or --measure")
    try:
        if given.sheet is not None:
            _core.write_file(given.sheet, _core.encode_png(sheet(given)))
        if given.measure is not None:
            print(measure(given))
    except (ValueError, OSError) as error:
        options.error(str(error))
    return 0
