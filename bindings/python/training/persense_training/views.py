"""Square frames on a world's images: what shows in them, in a light of their own."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import numpy.typing as npt

from persense_training.worlds import BRIGHTEST, DARKEST, World

__all__ = ["Floats", "Labels", "Light", "Tone", "View", "labels_seen", "pixels_seen", "view_at"]

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint16]


@dataclasses.dataclass(frozen=True)
class View:
    """A square frame on an image."""

    side: int
    scale: float
    to_picture: npt.NDArray[np.float64]  # (2, 3) affine, x, y of the frame to those of the image
    to_frame: npt.NDArray[np.float64]  # the inverse


def view_at(
    rng: np.random.Generator,
    side: int,
    scale: float,
    centre: npt.NDArray[np.float64],
    exact: bool = False,
) -> View:
    """Turned, perhaps mirrored. exact: by right angles, at the next power of two, so that the
    frame's pixels are those of a level.
    """
    angle, mirror = rng.uniform(0, 2 * math.pi), rng.choice([-1.0, 1.0])
    if exact:
        angle = round(angle / (math.pi / 2)) * (math.pi / 2)
        scale = 2.0 ** round(math.log2(scale))
    c, s = math.cos(angle) / scale, math.sin(angle) / scale
    linear = np.array([[c * mirror, s * mirror], [-s, c]])
    first = centre - linear @ np.full(2, (side - 1) / 2)
    if exact:  # a pixel of the level, in the image's
        first = (np.round((first + 0.5) * scale - 0.5) + 0.5) / scale - 0.5
    to_picture = np.column_stack([linear, first])
    return View(side, scale, to_picture, cv2.invertAffineTransform(to_picture))


def pixels_seen(
    world: World, picture: int, side: int, to_picture: npt.NDArray[np.float64]
) -> Floats:
    """(side, side, 3) uint8 of an image, from the octave of it that is nearest."""
    step = math.sqrt(abs(np.linalg.det(to_picture[:, :2])))
    height, width = world.images[picture].shape[:2]
    most = int(math.log2(max(min(height, width) / 16, 1)))
    octaves = min(max(0, round(math.log2(step))), most)
    level = world.level(picture, octaves)
    times = np.array([width / level.shape[1], height / level.shape[0]])
    matrix = to_picture.copy()
    matrix[:, 2] += 0.5
    matrix = matrix / times[:, None]
    matrix[:, 2] -= 0.5
    seen: Floats = cv2.warpAffine(
        level,
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return seen


def labels_seen(labels: Labels, view: View, outside: int) -> npt.NDArray[np.int32]:
    """(side, side) labels of a view; `outside`: that of what lies off the image."""
    seen = cv2.warpAffine(
        labels,
        view.to_picture,
        (view.side, view.side),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside, 0, 0, 0),
    )
    whole: npt.NDArray[np.int32] = seen.astype(np.int32)
    return whole


class Light:
    """Changes of colour that support and query share, but for small differences."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.channels = rng.permutation(3) if rng.random() < 0.5 else np.arange(3)
        self.inverted = rng.random() < 0.12
        self.gamma = math.exp(rng.normal(0, 0.18))
        self.saturation = float(rng.uniform(0.6, 1.4)) if rng.random() < 0.3 else 1.0
        self.gain = math.exp(rng.normal(0, 0.08))
        self.noise = float(rng.uniform(0.005, 0.05)) if rng.random() < 0.2 else 0.0

    def of(self, table: Floats, rng: np.random.Generator) -> "Tone":
        """For one image, whose values a table stretches."""
        values: Floats = np.clip(table[:, None] + np.zeros(3, np.float32), DARKEST, BRIGHTEST)
        if self.inverted:
            values = 1 - values
        gamma = self.gamma * math.exp(rng.normal(0, 0.035))
        gain = self.gain * np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.015, 3))
        bent = np.copysign(np.abs(values) ** gamma, values) * gain + rng.normal(0, 0.01)
        return Tone(bent.astype(np.float32), self)


@dataclasses.dataclass(frozen=True)
class Tone:
    values: Floats  # (256, 3)
    light: Light

    def __call__(self, pixels: npt.NDArray[np.generic], rng: np.random.Generator) -> Floats:
        """(..., 3) uint8 as the network sees them."""
        light = self.light
        out = np.empty(pixels.shape, np.float32)
        for i in range(3):
            out[..., i] = self.values[:, i][pixels[..., light.channels[i]]]
        if light.saturation != 1.0:
            mean = out.mean(axis=-1, keepdims=True)
            out = mean + (out - mean) * np.float32(light.saturation)
        if light.noise > 0:
            out += np.float32(light.noise) * rng.standard_normal(out.shape, np.float32)
        seen: Floats = np.clip(out, DARKEST, BRIGHTEST).astype(np.float32)
        return seen
