"""What the scripts beside it share: their command line, a data set's images, drawn ones, which objects were found."""

from __future__ import annotations

import argparse
import pathlib
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

import persense

SUFFIXES = (".jpg", ".jpeg")

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
Place = npt.NDArray[np.float64]  # x, y
GROUND, PAINT = (150, 160, 150), (170, 50, 60)
FINE = 8  # outlines are drawn so many times larger


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


def scattered(
    rng: np.random.Generator, count: int, apart: float, size: Tuple[int, int]
) -> List[Place]:
    """Places (x, y) that lie so far apart, and from the border of (width, height)."""
    places: List[Place] = []
    while len(places) < count:
        place = rng.uniform((apart, apart), np.array(size) - apart)
        if not places or (np.hypot(*(np.array(places) - place).T) > apart).all():
            places.append(place)
    return places


def drawn(
    rng: np.random.Generator,
    places: Sequence[Place],
    outer: float,
    inner: float,
    size: Tuple[int, int],
) -> Tuple[Pixels, Labels]:
    """Rings (discs where inner is 0), diameters in pixels, on a noisy ground; and their labels."""
    width, height = size
    image = np.full((height, width, 3), GROUND, np.float32) + rng.normal(0, 4, (height, width, 3))
    labels = np.zeros((height, width), np.int32)
    side = int(outer) + 6
    for label, (x, y) in enumerate(places, 1):
        x0, y0 = int(x) - side // 2, int(y) - side // 2
        rows, columns = (np.mgrid[: side * FINE, : side * FINE] + 0.5) / FINE - 0.5
        away = np.hypot(columns + x0 - x, rows + y0 - y)
        fine = (away <= outer / 2) & (away >= inner / 2)
        cover = fine.reshape(side, FINE, side, FINE).mean((1, 3), dtype=np.float32)
        part = np.s_[y0 : y0 + side, x0 : x0 + side]
        image[part] += cover[..., None] * (np.array(PAINT) - image[part])
        labels[part][cover >= 0.5] = label
    return np.clip(image, 0, 255).astype(np.uint8), labels


def overlaps(found: Labels, truth: Labels) -> Dict[int, float]:
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
