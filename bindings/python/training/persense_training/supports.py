"""Support objects as the network is shown them."""

from __future__ import annotations

import math
from typing import Dict, List, Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_export.networks import mini
from persense_training.candidates import described, jittered
from persense_training.crops import Arrays, Plan
from persense_training.views import Floats, Light, Tone, labels_seen, pixels_seen, view_at
from persense_training.worlds import World

__all__ = ["crops_seen", "marked_objects", "support_of"]


def marked_objects(
    supports: Dict[int, npt.NDArray[np.intp]], rng: np.random.Generator, plan: Plan
) -> List[Tuple[int, int]]:
    """Image and label of each support object: of one image, or of any that shows the class."""
    here = int(rng.choice(sorted(supports)))
    count = int(rng.integers(2, plan.supports + 1)) if rng.random() < plan.several else 1
    images = [here] if rng.random() < 0.5 else sorted(supports)
    objects = [(image, int(i) + 1) for image in images for i in supports[image]]
    first = here, int(rng.choice(supports[here])) + 1
    others = [one for one in objects if one != first]
    chosen = rng.permutation(len(others))[: count - 1]
    return [first] + [others[int(i)] for i in chosen]


def support_of(
    world: World, picture: int, label: int, light: Light, rng: np.random.Generator, plan: Plan
) -> Arrays:
    """A support object as the network is shown it."""
    x0, y0, x1, y1 = world.boxes[picture][label - 1]
    diameter = math.sqrt(4 * float(world.visible_areas[picture][label - 1]) / math.pi)
    exact = rng.random() < plan.exact
    scale = mini.BAND[0] * 2 ** (0.5 if exact else rng.uniform(0, 1)) / diameter
    middle = np.array([(x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2])
    view = view_at(rng, mini.PATCH, scale, middle, exact)
    mask = (labels_seen(world.labels[picture], view, 0) == label).astype(np.uint8)
    if rng.random() < 0.6 and cv2.countNonZero(mask):
        mask = jittered(mask, rng)
    if cv2.countNonZero(mask) < 8:
        cv2.circle(mask, (mini.PATCH // 2, mini.PATCH // 2), 8, 1, -1)
    box, shape, size, crop = described(world, picture, view, mask, rng.uniform(0, 2 * math.pi))
    tone = light.of(world.stretch(picture), rng)
    patch = tone(pixels_seen(world, picture, mini.PATCH, view.to_picture), rng)
    return {
        "patch": patch.transpose(2, 0, 1),
        "mask": mask[None].astype(np.float32),
        "support_crop": crops_seen(crop[None], tone, rng)[0],
        "support_box": box,
        "support_shape": shape,
        "support_size": np.float32(size),
    }


def crops_seen(pixels: npt.NDArray[np.uint8], tone: Tone, rng: np.random.Generator) -> Floats:
    """(N, 4, CROP, CROP): what the network sees, and the mask."""
    colours = tone(pixels[..., :3], rng)
    mask = pixels[..., 3:].astype(np.float32) / 255
    crops: Floats = np.concatenate([colours, mask], axis=-1).transpose(0, 3, 1, 2)
    return crops
