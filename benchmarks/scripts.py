"""What the scripts beside it share: their command line, a data set's images, which objects were found."""

from __future__ import annotations

import argparse
import pathlib
from typing import Dict, Optional

import numpy as np
import numpy.typing as npt

import persense

SUFFIXES = (".jpg", ".jpeg")


def parser(description: Optional[str]) -> argparse.ArgumentParser:
    """With the flags that choose stages and options."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--models", default=None)
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="options")
    return made


def pipeline_of(given: argparse.Namespace) -> persense.Pipeline:
    """What those flags ask for. Raises persense.Error, in one line."""
    options = {}
    for text in given.options:
        key, equals, options[key] = text.partition("=")
        if not equals:
            raise persense.InvalidArgument(f"--set: got {text}, expected KEY=VALUE")
    return persense.Pipeline(models=given.models, options=options)


def image_in(folder: pathlib.Path, number: str) -> pathlib.Path:
    """The image of this number, as "07". Raises FileNotFoundError."""
    files = [folder / f"{number}{suffix}" for suffix in SUFFIXES]
    for file in files:
        if file.is_file():
            return file
    raise FileNotFoundError(f"{folder}: expected {' or '.join(f.name for f in files)}")


def overlaps(found: npt.NDArray[np.int32], truth: npt.NDArray[np.int32]) -> Dict[int, float]:
    """For every object of a label image the highest IoU that an instance of another has with it.

    An IoU above 0.5 is one instance's and one object's alone. Raises ValueError: unequal sizes.
    """
    if found.shape != truth.shape:
        raise ValueError(f"labels: got {truth.shape}, expected {found.shape} as the image has")
    objects, areas = np.unique(truth[truth > 0], return_counts=True)
    best = {int(label): 0.0 for label in objects}
    of_object = dict(zip(best, areas))
    _, of_instance = np.unique(found, return_inverse=True)
    of_instance = of_instance.reshape(found.shape)
    sizes = np.bincount(of_instance.ravel())
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(
        np.stack([truth[both], of_instance[both]]), axis=1, return_counts=True
    )
    for (label, instance), common in zip(pairs.T, shared):
        union = of_object[int(label)] + sizes[instance] - common
        best[int(label)] = max(best[int(label)], float(common / union))
    return best
