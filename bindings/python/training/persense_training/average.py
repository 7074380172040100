"""The mean of the weights of several runs, which often finds more than each of them.

    python -m persense_training.average mini.pt RUN_DIR/weights.pt --out mean.pt

For runs of which each began with the weights of another, or all with the same ones: others have
nothing in common. (Model soups: Wortsman et al., arXiv:2203.05482.)
"""

from __future__ import annotations

import argparse
import io
import pathlib
import sys
from typing import Any, Dict, Optional, Sequence

import torch

from persense import _core
from persense_training.model import weights_of

__all__ = ["average", "main"]


def average(paths: Sequence[str]) -> Dict[str, Any]:
    """The mean of the weights in some files, each of them a mini.pt or weights.pt.

    Raises ValueError, naming the file, where one has other weights than the first.
    """
    files = [weights_of(path) for path in paths]
    shapes = [{name: tuple(value.shape) for name, value in file.items()} for file in files]
    for path, shape in zip(paths, shapes):
        if shape != shapes[0]:
            raise ValueError(f"{path}: has other weights than {paths[0]}, expected the same ones")
    return {
        name: torch.stack([file[name].detach().float() for file in files]).mean(0)
        for name in files[0]
    }


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m persense_training.average",
        description="Write the mean of the weights of several runs.",
    )
    parser.add_argument("weights", nargs="+", help="mini.pt or weights.pt")
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="FILE")
    given = parser.parse_args(arguments)
    try:
        written = io.BytesIO()
        torch.save(average(given.weights), written)
        _core.write_file(given.out, written.getvalue())
    except (OSError, ValueError) as error:
        print(f"persense_training.average: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
