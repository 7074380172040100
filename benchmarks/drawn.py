#!/usr/bin/env python3
"""Drawn images, whose right answer is known: what is found, and how well.

    drawn.py [--models mini|classic|FOLDER] [--set KEY=VALUE ...]

Discs 5 pixels wide in an image of 12 megapixels; rings of 24 pixels with holes of 15 (are the holes
kept?); and a disc of 30 pixels asked of images that hold none: a smooth texture, noise, bars.
Needs OpenCV: pip install opencv-python-headless.
"""

from __future__ import annotations

import sys
from typing import Callable, Optional, Sequence, Tuple

try:
    import cv2
except ImportError as missing:
    sys.exit(f"drawn.py: needs OpenCV ({missing}): pip install opencv-python-headless")
import numpy as np

import persense
from scripts import GROUND, PAINT, Labels, Pixels, drawn, overlaps, parser, pipeline_of, scattered


def scored(result: persense.Result, labels: Labels) -> Tuple[float, float]:
    """F1 at IoU 0.5, and the mean IoU of those that match."""
    best = overlaps(result.to_labels(), labels)
    matched = [iou for iou in best.values() if iou > 0.5]
    f1 = 2 * len(matched) / max(len(result) + len(best), 1)
    return f1, float(np.mean(matched)) if matched else 0.0


def smooth(rng: np.random.Generator) -> Pixels:
    """A texture without edges."""
    coarse = rng.uniform(80, 180, (12, 16, 3)).astype(np.float32)
    grown = cv2.resize(coarse, (800, 600), interpolation=cv2.INTER_CUBIC)
    return np.clip(grown, 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator) -> Pixels:
    """A blank sheet, as a camera sees it."""
    return np.clip(rng.normal(150, 6, (600, 800, 3)), 0, 255).astype(np.uint8)


def bars(rng: np.random.Generator) -> Pixels:
    """Bars in the colour of the discs, as long as these are wide three times over."""
    image = np.full((600, 800, 3), GROUND, np.uint8)
    for x, y in scattered(rng, 24, 70, (800, 600)):
        turned = cv2.boxPoints(((float(x), float(y)), (90.0, 12.0), float(rng.uniform(0, 180))))
        cv2.fillPoly(image, [np.rint(turned).astype(np.int32)], PAINT, cv2.LINE_AA)
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def there(
    pipeline: persense.Pipeline,
    name: str,
    outer: float,
    inner: float,
    count: int,
    size: Tuple[int, int],
) -> None:
    """Print what is found of rings or discs, the first of which is marked."""
    rng = np.random.default_rng(5)
    image, labels = drawn(rng, scattered(rng, count, 2.6 * outer, size), outer, inner, size)
    result = pipeline.segment(image, pipeline.support(image, mask=(labels == 1).astype(np.uint8)))
    f1, iou = scored(result, labels)
    print(f"{name:28s} {count:6d} {len(result):6d} {f1:8.3f} {iou:10.3f}", flush=True)


def absent(
    pipeline: persense.Pipeline, name: str, draw: Callable[[np.random.Generator], Pixels]
) -> None:
    """Print what is found of discs where there are none."""
    rng = np.random.default_rng(6)
    image, labels = drawn(rng, scattered(rng, 12, 60, (400, 300)), 30, 0, (400, 300))
    support = pipeline.support(image, mask=(labels == 1).astype(np.uint8))
    print(f"{name:28s} {0:6d} {len(pipeline.segment(draw(rng), support)):6d}", flush=True)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the table."""
    try:
        pipeline = pipeline_of(parser(__doc__).parse_args(arguments))
    except (OSError, persense.Error) as error:
        print(f"drawn.py: {error}", file=sys.stderr)
        return 1
    print(f"{'image':28s} {'there':>6s} {'found':>6s} {'F1@0.5':>8s} {'mean IoU':>10s}")
    there(pipeline, "discs of 5, 12 megapixels", 5, 0, 300, (4000, 3000))
    there(pipeline, "rings of 24 with holes of 15", 24, 15, 60, (800, 600))
    for name, draw in (
        ("discs: smooth texture", smooth),
        ("discs: noise", noise),
        ("discs: bars", bars),
    ):
        absent(pipeline, name, draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
