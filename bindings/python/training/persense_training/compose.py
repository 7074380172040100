"""Scenes composed of cut-out objects and textures, in which every pixel's object is known.

    library = Library(DATA_DIR)
    world = compose.compose(library, seed=1)

DATA_DIR holds `cutouts/CLASSES.tsv` (source, class, views, kind), `cutouts/SOURCE/CLASS/*` (RGBA)
and `textures/*/*.jpg`. Classes of one kind look the same: they never meet in a scene. A tenth of
the kinds is held out, for validation. A sheet of scenes, to look at::

    python -m persense_training.compose --data DATA_DIR --sheet sheet.png --seed 1
"""

from __future__ import annotations

import math
import pathlib
import sys
import time
from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_training import _sheets
from persense_training.library import Library, Pixels
from persense_training.object_classes import ObjectClass, classes_of, differences_of, lab_colour
from persense_training.worlds import World, measured

__all__ = ["Library", "compose", "sheet"]

Floats = npt.NDArray[np.float32]

LAYOUTS = ("scattered", "touching", "pile", "grid", "rows", "clusters")
#: How the classes of a scene resemble each other.
LIKENESS = ("any", "group", "colour", "shape", "size")


def _background(library: Library, rng: np.random.Generator, size: int) -> Pixels:
    way = rng.random()
    if way < 0.62:
        texture = library.texture(library.textures[int(rng.integers(len(library.textures)))])
        side = int(min(texture.shape[:2]) * rng.uniform(0.35, 1.0))
        y = rng.integers(texture.shape[0] - side + 1)
        x = rng.integers(texture.shape[1] - side + 1)
        image = cv2.resize(texture[y : y + side, x : x + side], (size, size))
        image = np.rot90(image, int(rng.integers(4))).astype(np.float32)
        if rng.random() < 0.25:
            image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(1, 6)))
        if rng.random() < 0.4:
            middle = image.mean(axis=(0, 1))
            image = (image - middle) * rng.uniform(0.3, 1.0) + middle * rng.uniform(0.5, 1.2)
    else:
        colour = cv2.cvtColor(lab_colour(rng)[None, None].astype(np.uint8), cv2.COLOR_LAB2RGB)[0, 0]
        colour = colour.astype(np.float32)
        extreme = rng.random()
        if extreme < 0.25:
            colour = colour * 0.15
        elif extreme < 0.5:
            colour = 255 - (255 - colour) * 0.2
        coarse = rng.normal(0, 1, (int(rng.integers(3, 9)),) * 2 + (1,)).astype(np.float32)
        field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
        image = colour + field * float(rng.uniform(0, 14))
    slope = np.linspace(-1, 1, size, dtype=np.float32)
    light = 1 + rng.uniform(-0.15, 0.15) * slope[:, None] + rng.uniform(-0.15, 0.15) * slope[None]
    background: Pixels = np.clip(image * light[..., None], 0, 255).astype(np.uint8)
    return background


def _places(
    rng: np.random.Generator, layout: str, size: int, diameters: Floats
) -> npt.NDArray[np.float64]:
    """x, y for objects of such diameters, (N, 2); NaN where there was no room."""
    count = len(diameters)
    places = np.full((count, 2), np.nan)
    mean = float(np.sqrt((diameters**2).mean()))
    if layout == "pile":
        middle, wide = rng.uniform(0.3, 0.7, 2) * size, rng.uniform(0.18, 0.45) * size
        return middle + rng.normal(0, wide, (count, 2))
    if layout in ("grid", "rows"):
        pitch = mean * rng.uniform(1.15, 2.2), mean * rng.uniform(1.15, 2.2)
        columns, rows = max(1, int(size / pitch[0])), max(1, int(size / pitch[1]))
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), 2).reshape(-1, 2)
        order = rng.permutation(len(cells)) if rng.random() < 0.5 else np.arange(len(cells))
        chosen = cells[order[:count]]
        jitter = 0.02 if layout == "grid" else 0.12
        first = rng.uniform(0.4, 0.9) * mean
        at = first + chosen * np.array(pitch) + rng.normal(0, jitter * mean, chosen.shape)
        if layout == "rows":
            at[:, 0] += (chosen[:, 1] % 2) * pitch[0] / 2
        places[: len(at)] = at
        return places
    # dart throwing: apart, or in contact
    gap = 0.8 if layout == "touching" else rng.uniform(0.9, 1.6)
    centres = rng.uniform(0.1, 0.9, (max(1, count // 12), 2)) * size
    taken = 0
    for i in range(count):
        tries = 24
        if layout == "clusters":
            at = centres[rng.integers(len(centres), size=tries)]
            at = at + rng.normal(0, 1.3 * mean, (tries, 2))
        else:
            at = rng.uniform(-0.02, 1.02, (tries, 2)) * size
        if taken:
            have = ~np.isnan(places[:, 0])
            apart = np.linalg.norm(at[:, None] - places[have][None], axis=2)
            slack = (apart - gap * 0.5 * (diameters[i] + diameters[have])[None]).min(axis=1)
            fit = np.flatnonzero(slack >= 0)
            if len(fit) == 0:
                continue
            best = int(fit[0])
            if layout == "touching" and rng.random() < 0.8:
                best = int(fit[np.argmin(slack[fit])])
        else:
            best = 0
        places[i] = at[best]
        taken += 1
    return places


def _sprite(one: ObjectClass, diameter: float, rng: np.random.Generator) -> Tuple[Pixels, float]:
    """A view of the class so large, turned: RGBA, and its area in pixels."""
    view = one.views[int(rng.integers(len(one.views)))]
    solid = float((view[..., 3] > 127).sum())
    scale = diameter / max(math.sqrt(4 * solid / math.pi), 1.0)
    angle = rng.uniform(0, 2 * math.pi) if one.free else rng.normal(0, 0.08)
    squeeze = math.exp(rng.normal(0, one.tilt))
    mirror = rng.choice([-1.0, 1.0]) if one.free and one.kind != "" else 1.0
    if scale < 0.5:  # by whole numbers first, or pixels would be skipped
        times = min(int(1 / scale), 8)
        h, w = max(view.shape[0] // times, 1), max(view.shape[1] // times, 1)
        view = cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA)
        scale *= times
    h, w = view.shape[:2]
    tilt = rng.uniform(0, math.pi)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    along = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    root = math.sqrt(squeeze)
    matrix = along.T @ np.diag([root, 1 / root]) @ along @ turn @ np.diag([mirror, 1.0]) * scale
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 @ matrix.T
    half = np.ceil(np.abs(corners).max(axis=0)).astype(int) + 1
    shift = half - matrix @ np.array([w - 1, h - 1]) / 2 + rng.uniform(-0.5, 0.5, 2)
    affine = np.column_stack([matrix, shift])
    out = cv2.warpAffine(view, affine, (int(2 * half[0] + 1), int(2 * half[1] + 1)),
                         flags=cv2.INTER_LINEAR)  # fmt: skip
    shade = math.exp(rng.normal(0, one.shading))
    sprite: Pixels = cv2.convertScaleAbs(out, alpha=shade)
    sprite[..., 3] = out[..., 3]
    return sprite, float(np.count_nonzero(out[..., 3] > 127))


def _picture(
    library: Library,
    classes: Sequence[ObjectClass],
    present: Sequence[int],
    rng: np.random.Generator,
    size: int,
    zoom: float,
    weights: Floats,
) -> Tuple[Pixels, npt.NDArray[np.int32], List[int], List[float]]:
    """Image, labels 1..M in the order that they were laid, and each one's class and whole area."""
    image = _background(library, rng, size)
    layout = str(rng.choice(LAYOUTS, p=[0.27, 0.23, 0.17, 0.1, 0.1, 0.13]))
    count = int(math.exp(rng.uniform(math.log(7), math.log(240))))
    which = rng.choice(present, count, p=weights / weights.sum())
    sizes = np.array([classes[k].diameter * zoom for k in which], np.float32)
    sizes *= np.exp([rng.uniform(-1, 1) * classes[k].spread for k in which]).astype(np.float32)
    room = (1.1 if layout == "pile" else 0.7) * size * size
    fits = np.cumsum(sizes.astype(np.float64) ** 2 * math.pi / 4) < room
    fits[:3] = True
    which, sizes = which[fits], np.clip(sizes[fits], 5, 0.45 * size)
    places = _places(rng, layout, size, sizes)
    labels = np.zeros((size, size), np.int32)
    kinds: List[int] = []
    areas: List[float] = []
    shadow = rng.random() < 0.5
    away = rng.normal(0, 1, 2)
    away = away / np.linalg.norm(away) * rng.uniform(0.03, 0.15)
    dark, soft = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.03, 0.1))
    for k, diameter, (x, y) in zip(which, sizes, places):
        if math.isnan(x):
            continue
        sprite, area = _sprite(classes[int(k)], float(diameter), rng)
        if area < 12:
            continue
        h, w = sprite.shape[:2]
        left, top = int(round(x - w / 2)), int(round(y - h / 2))
        if shadow:
            blurred = cv2.GaussianBlur(sprite[..., 3], (0, 0), max(0.6, soft * diameter))
            at = int(round(left + away[0] * diameter)), int(round(top + away[1] * diameter))
            _darken(image, blurred, at, dark)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, size), min(top + h, size)
        if x1 - x0 < 2 or y1 - y0 < 2:
            continue
        part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
        alpha = part[..., 3:].astype(np.float32) / 255
        under = image[y0:y1, x0:x1]
        under[:] = (under + (part[..., :3].astype(np.float32) - under) * alpha + 0.5).astype(
            np.uint8
        )
        kinds.append(int(k))
        areas.append(area)
        labels[y0:y1, x0:x1][part[..., 3] > 127] = len(kinds)
    return image, labels, kinds, areas


def _darken(image: Pixels, cover: Pixels, at: Tuple[int, int], dark: float) -> None:
    size, (h, w) = image.shape[0], cover.shape
    x0, y0, x1, y1 = max(at[0], 0), max(at[1], 0), min(at[0] + w, size), min(at[1] + h, size)
    if x1 <= x0 or y1 <= y0:
        return
    part = cover[y0 - at[1] : y1 - at[1], x0 - at[0] : x1 - at[0]]
    under = image[y0:y1, x0:x1]
    under[:] = (under * (1 - part[..., None] * np.float32(dark / 255))).astype(np.uint8)


class _Camera:
    """What all images of a world are taken with."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.grey = rng.random() < 0.2
        self.inverted = self.grey and rng.random() < 0.3
        self.glow = rng.random() < 0.06  # dark field: one colour on black
        self.grey |= self.glow
        self.hue = rng.uniform(0.1, 1.0, 3) if rng.random() < 0.6 else np.ones(3)
        self.contrast = float(rng.uniform(0.3, 0.8)) if rng.random() < 0.25 else 1.0
        self.blur = float(rng.uniform(0.4, 1.3)) if rng.random() < 0.35 else 0.0
        self.noise = float(rng.uniform(1, 14)) if rng.random() < 0.4 else 0.0
        self.jpeg = int(rng.integers(25, 90)) if rng.random() < 0.4 else 0

    def take(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        """The image as it would be stored."""
        x = image.astype(np.float32)
        if self.grey:
            x = np.repeat(x.mean(axis=2, keepdims=True), 3, axis=2)
            if self.glow:
                x = np.clip(x - 40, 0, 255) * (self.hue / self.hue.max()).astype(np.float32)
            elif self.inverted:
                x = 255 - x
        tint = np.exp(rng.normal(0, 0.01 if self.grey else 0.04, 3)).astype(np.float32)
        x = (x - 127) * self.contrast + 127 * np.float32(rng.uniform(0.85, 1.1))
        x = x * tint
        if self.blur > 0:
            x = cv2.GaussianBlur(x, (0, 0), self.blur)
        if self.noise > 0:
            channels = 1 if self.grey else 3
            x = x + rng.standard_normal(x.shape[:2] + (channels,), np.float32) * self.noise
        out: Pixels = np.clip(x, 0, 255).astype(np.uint8)
        if self.jpeg:
            _, packed = cv2.imencode(".jpg", out[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            out = np.ascontiguousarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1])
        return out


def compose(library: Library, seed: int, size: int = 352, pictures: int = 3) -> World:
    """Compose images that show the same classes: the same arguments give the same bytes.

    (With the same OpenCV and NumPy.) Each shows a part of the classes, at least one of them.
    """
    rng = np.random.default_rng([seed, 7])
    likeness = str(rng.choice(LIKENESS, p=[0.38, 0.22, 0.2, 0.14, 0.06]))
    classes = classes_of(library, rng, likeness)
    camera = _Camera(rng)
    relations = differences_of(classes, camera.grey, upright=not classes[0].free)
    images: List[Pixels] = []
    labels: List[npt.NDArray[np.int32]] = []
    kinds: List[npt.NDArray[np.int32]] = []
    areas: List[npt.NDArray[np.int32]] = []
    steady = likeness == "size" or rng.random() < 0.5
    for _ in range(pictures):
        count = len(classes)
        shown = np.flatnonzero(rng.random(count) < 0.8)
        if len(shown) == 0:
            shown = np.array([int(rng.integers(count))])
        weights = np.exp(rng.normal(0, 0.8, len(shown))).astype(np.float32)
        zoom = 1.0 if steady else math.exp(rng.uniform(-0.5, 0.5))
        made = _picture(library, classes, [int(k) for k in shown], rng, size, zoom, weights)
        images.append(camera.take(made[0], rng))
        labels.append(made[1])
        kinds.append(np.array(made[2], np.int32))
        areas.append(np.array(made[3], np.int32))
    plain = not camera.grey and all(c.kind for c in classes)
    return measured(
        family="composed",
        images=images,
        labels=labels,
        classes=kinds,
        full_areas=areas,
        differences=relations,
        kinds=tuple(c.kind if plain else "" for c in classes),
    )


# --- to look at -----------------------------------------------------------------------------------

_COLOURS = np.array(
    [[0, 255, 0], [255, 0, 255], [0, 200, 255], [255, 160, 0], [255, 255, 0]], np.uint8
)


def outlined(world: World, picture: int) -> Pixels:
    """An image of a world with the outlines of its objects, one colour per class; grey: ignored."""
    labels, image = world.labels[picture], world.images[picture].copy()
    edge = np.zeros(labels.shape, bool)
    edge[:-1] = labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge &= labels != 0
    kinds = world.classes[picture]
    table = np.full((len(kinds) + 3, 3), 128, np.uint8)
    table[1 : len(kinds) + 1] = _COLOURS[kinds % len(_COLOURS)]
    image[edge] = table[labels[edge]]
    return image


def sheet(library: Library, seed: int, rows: int = 5, columns: int = 3, size: int = 352) -> Pixels:
    """An image of scenes, each plain and with its outlines. Returns (H, W, 3) uint8."""
    cells = []
    for i in range(rows * columns):
        world = compose(library, seed + i, size, 1)
        cells.append(np.concatenate([world.images[0], outlined(world, 0)], axis=1))
    return _sheets.tiled(cells, columns)


def _measure(library: Library, seed: int, seconds: float) -> str:
    start, worlds = time.thread_time(), 0
    while time.thread_time() - start < seconds:
        compose(library, seed + worlds)
        worlds += 1
    return f"{3 * worlds / (time.thread_time() - start):.1f} images per second and core"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Write a sheet of scenes, or measure."""
    parser = _sheets.parser("compose", "composed scenes", rows=5, columns=3)
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    return _sheets.run(
        parser,
        arguments,
        lambda given: sheet(Library(given.data), given.seed, given.rows, given.columns),
        lambda given: _measure(Library(given.data), given.seed, given.measure),
    )


if __name__ == "__main__":
    sys.exit(main())
