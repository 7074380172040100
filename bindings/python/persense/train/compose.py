"""Scenes composed of cut-out objects and textures, in which every pixel's object is known.

    library = compose.Library(DATA_DIR)
    world = compose.compose(library, seed=1)

DATA_DIR holds `cutouts/CLASSES.tsv` (source, class, views, kind), `cutouts/SOURCE/CLASS/*` (RGBA)
and `textures/*/*.jpg`. Classes of one kind look the same: they never meet in a scene. A tenth of
the kinds is held out, for validation. A sheet of scenes, to look at::

    python -m persense.train.compose --data DATA_DIR --sheet sheet.png --seed 1
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import pathlib
import sys
import time
import zlib
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from persense._optional import optional
from persense.train import _sheets
from persense.train.scenes import DISTINCT, SAME, UNKNOWN
from persense.train.worlds import World, measured

__all__ = ["Library", "compose", "sheet"]

cv2 = optional("cv2", "train")

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LAYOUTS = ("scattered", "touching", "pile", "grid", "rows", "clusters")
#: How the classes of a scene resemble each other.
LIKENESS = ("any", "group", "colour", "shape", "size")


@dataclasses.dataclass(frozen=True)
class Cutouts:
    """A class of cut-outs."""

    source: str
    name: str
    kind: str
    files: Tuple[pathlib.Path, ...]


class Library:
    """What scenes are made of. Raises OSError where the folder has none of it."""

    def __init__(self, data: pathlib.Path, held_out: bool = False, keep: int = 3000) -> None:
        table = data / "cutouts" / "CLASSES.tsv"
        self.classes: List[Cutouts] = []
        with open(table, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                if (zlib.crc32(row["kind"].encode()) % 10 == 0) == held_out:
                    folder = data / "cutouts" / row["source"] / row["class"]
                    files = tuple(sorted(folder.iterdir()))
                    if files:
                        names = row["source"], row["class"], row["kind"]
                        self.classes.append(Cutouts(*names, files))
        textures = sorted((data / "textures").glob("*/*.jpg"))
        self.textures = [t for t in textures if (zlib.crc32(t.name.encode()) % 10 == 0) == held_out]
        if not self.classes or not self.textures:
            raise FileNotFoundError(f"{data}: no cut-outs, or no textures")
        self.sources: Dict[str, List[Cutouts]] = {}
        for one in self.classes:
            self.sources.setdefault(one.source, []).append(one)
        self._cutout = functools.lru_cache(keep)(_read_cutout)
        self._texture = functools.lru_cache(96)(_read_texture)

    def cutout(self, path: pathlib.Path) -> Pixels:
        """(H, W, 4) RGBA."""
        pixels: Pixels = self._cutout(path)
        return pixels

    def texture(self, path: pathlib.Path) -> Pixels:
        """(H, W, 3) RGB."""
        pixels: Pixels = self._texture(path)
        return pixels


def _read_cutout(path: pathlib.Path) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"{path}: expected an RGBA image")
    rgba: Pixels = cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
    # what lies under transparent pixels shows once it is resampled: the colours next to them
    alpha = rgba[..., 3].astype(np.float32)
    near = cv2.blur(rgba[..., :3] * alpha[..., None], (9, 9))
    near /= np.maximum(cv2.blur(alpha, (9, 9)), 1e-3)[..., None]
    thin = alpha < 250
    rgba[..., :3][thin] = np.clip(near[thin], 0, 255).astype(np.uint8)
    return rgba


def _read_texture(path: pathlib.Path) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: expected an image")
    rgb: Pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


# --- classes --------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Class:
    """A class of a scene: its views, already coloured, and the sizes that it comes in."""

    kind: str
    views: List[Pixels]
    diameter: float  # typical, of the equivalent disc, pixels
    spread: float  # of the logarithm of diameters: half the range of a uniform one
    free: bool  # turned anyhow, else upright but for a few degrees
    tilt: float  # how much instances are squeezed
    shading: float  # how much their brightness differs


def _recoloured(view: Pixels, mean: Floats, contrast: float) -> Pixels:
    """With another mean colour in Lab, its lights and shades kept."""
    lab = cv2.cvtColor(view[..., :3], cv2.COLOR_RGB2LAB).astype(np.float32)
    solid = view[..., 3] > 127
    if not solid.any():
        return view
    own = lab[solid].mean(axis=0)
    scale = np.array([contrast, 0.35 * contrast, 0.35 * contrast], np.float32)
    lab = np.clip((lab - own) * scale + mean, 0, 255).astype(np.uint8)
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.dstack([rgb, view[..., 3]])


def _hue_turned(view: Pixels, turn: int, gain: float) -> Pixels:
    hsv = cv2.cvtColor(view[..., :3], cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + turn) % 180
    hsv[..., 2] = np.clip(hsv[..., 2] * gain, 0, 255).astype(np.uint8)
    return np.dstack([cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), view[..., 3]])


def _textured(view: Pixels, texture: Pixels, rng: np.random.Generator) -> Pixels:
    """Filled with a texture, shaded as the object was."""
    h, w = view.shape[:2]
    side = int(rng.uniform(0.25, 1.0) * min(texture.shape[:2]))
    y, x = rng.integers(texture.shape[0] - side + 1), rng.integers(texture.shape[1] - side + 1)
    fill = cv2.resize(texture[y : y + side, x : x + side], (w, h), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(view[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.04 * max(h, w)))
    solid = view[..., 3] > 127
    mean = float(grey[solid].mean()) if solid.any() else 128.0
    shade = np.clip(grey / max(mean, 20.0), 0.4, 1.6)[..., None]
    return np.dstack([np.clip(fill * shade, 0, 255).astype(np.uint8), view[..., 3]])


def _lab(rng: np.random.Generator) -> Floats:
    """A colour that things may have, in OpenCV's 8-bit Lab."""
    colourful = rng.random() < 0.7
    ab = rng.normal(0, 28 if colourful else 5, 2)
    return np.array([rng.uniform(50, 215), 128 + ab[0], 128 + ab[1]], np.float32)


def _views(library: Library, one: Cutouts, rng: np.random.Generator, most: int = 6) -> List[Pixels]:
    count = min(most, len(one.files))
    chosen = rng.choice(len(one.files), count, replace=False)
    return [library.cutout(one.files[int(i)]) for i in chosen]


def _pick(library: Library, rng: np.random.Generator, count: int, group: bool) -> List[Cutouts]:
    """Classes of different kinds, of any sources or of one."""
    weights = {
        "procedural": 3.0,
        "bricks_ldraw": 2.0,
        "trashnet": 1.0,
        "mahjong_tiles": 0.7,
        "noto": 1.0,
        "fluent3d": 1.0,
        "kenney3d": 1.0,
    }

    def source() -> str:
        names = sorted(library.sources)
        p = np.array([weights.get(n, 0.5) for n in names])
        return str(rng.choice(names, p=p / p.sum()))

    pool = library.sources[source()]
    picked: List[Cutouts] = []
    for _ in range(20 * count):
        if not group or len({c.kind for c in pool}) < count:
            pool = library.sources[source()]
        one = pool[int(rng.integers(len(pool)))]
        if all(one.kind != other.kind for other in picked):
            picked.append(one)
        if len(picked) == count:
            break
    return picked


def _classes(library: Library, rng: np.random.Generator, likeness: str) -> List[_Class]:
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.22, 0.3, 0.23, 0.15, 0.1]))
    if likeness != "any":
        count = max(2, count)
    cutouts = _pick(
        library, rng, 1 if likeness in ("shape", "size") else count, likeness == "group"
    )
    sets = [_views(library, one, rng) for one in cutouts]
    kinds = [one.kind for one in cutouts]
    free = rng.random() < 0.75
    if likeness == "colour":  # another shape, one colour
        mean, contrast = _lab(rng), float(rng.uniform(0.5, 1.1))
        sets = [
            [_recoloured(v, mean + rng.normal(0, 3, 3).astype(np.float32), contrast) for v in views]
            for views in sets
        ]
    elif likeness == "shape":  # another surface, one shape
        base = sets[0]
        sets, kinds = [], []
        for i in range(min(count, 3)):
            way = rng.random()
            if i == 0 and rng.random() < 0.5:
                views = base
            elif way < 0.5:
                mean, contrast = _lab(rng), float(rng.uniform(0.5, 1.1))
                views = [_recoloured(v, mean, contrast) for v in base]
            elif way < 0.7:
                turn, gain = int(rng.integers(25, 155)), float(rng.uniform(0.7, 1.2))
                views = [_hue_turned(v, turn, gain) for v in base]
            else:
                texture = library.texture(
                    library.textures[int(rng.integers(len(library.textures)))]
                )
                views = [_textured(v, texture, rng) for v in base]
            sets.append(views)
            kinds.append("")
    elif likeness == "size":
        sets, kinds = [sets[0]] * min(count, 2), ["", ""]
    elif rng.random() < 0.35:  # as a class, in any colour
        for i, views in enumerate(sets):
            if rng.random() < 0.6:
                mean, contrast = _lab(rng), float(rng.uniform(0.5, 1.2))
                sets[i] = [_recoloured(v, mean, contrast) for v in views]
                kinds[i] = ""
    diameter = math.exp(rng.uniform(math.log(13), math.log(70)))
    wide = rng.random() < 0.35 and likeness != "size"
    classes = []
    for i, views in enumerate(sets):
        ratio = math.exp(rng.normal(0, 0.25))
        if likeness == "size":
            ratio = 1.0 if i == 0 else math.exp(rng.choice([-1, 1]) * rng.uniform(0.6, 1.2))
        spread = float(rng.uniform(0.2, math.log(2))) if wide else float(rng.uniform(0.02, 0.18))
        classes.append(
            _Class(
                kind=kinds[i],
                views=views,
                diameter=float(np.clip(diameter * ratio, 9, 110)),
                spread=min(spread, 0.1) if likeness == "size" else spread,
                free=free,
                tilt=float(rng.uniform(0, 0.3)) if rng.random() < 0.4 else 0.05,
                shading=float(rng.uniform(0.02, 0.2)),
            )
        )
    return classes


# --- which classes can be told apart --------------------------------------------------------------


def _descriptor(view: Pixels, grey: bool) -> Tuple[Floats, Floats]:
    """Numbers of a view, in units of about what is seen at a look, and a small picture of it."""
    solid = (view[..., 3] > 127).astype(np.uint8)
    points = cv2.findNonZero(solid)
    if points is None or len(points) < 9:
        return np.zeros(9, np.float32), np.zeros((12, 12, 3), np.float32)
    lab = cv2.cvtColor(view[..., :3], cv2.COLOR_RGB2LAB).astype(np.float32)
    if grey:
        lab[..., 1:] = 128
    inside = lab[solid > 0]
    mean, deviation = inside.mean(axis=0), inside.std(axis=0)
    area = float(len(points))
    hull = max(float(cv2.contourArea(cv2.convexHull(points))), 1.0)
    (_, (w, h), _) = cv2.minAreaRect(points)
    outline, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = sum(float(cv2.contourArea(c)) for c in outline)
    numbers = [
        mean[0] / 18,
        mean[1] / 9,
        mean[2] / 9,
        deviation[0] / 12,
        math.log(max(w, h, 1) / max(min(w, h), 1)) / 0.3,
        area / hull / 0.1,
        area / max(w * h, 1) / 0.1,
        max(0.0, 1 - area / max(filled, 1)) / 0.06,
        deviation[1:].mean() / 7,
    ]
    x, y, w, h = cv2.boundingRect(points)
    small = cv2.resize(
        (lab * solid[..., None])[y : y + h, x : x + w], (12, 12), interpolation=cv2.INTER_AREA
    )
    return np.array(numbers, np.float32), small.astype(np.float32)


def _differences(classes: Sequence[_Class], grey: bool, upright: bool) -> npt.NDArray[np.uint8]:
    """SAME, DISTINCT where two classes differ at a look, else UNKNOWN."""
    count = len(classes)
    found = [[_descriptor(v, grey) for v in c.views[:4]] for c in classes]
    numbers = [np.stack([f[0] for f in one]) for one in found]
    relations = np.full((count, count), UNKNOWN, np.uint8)
    for a in range(count):
        relations[a, a] = SAME
        for b in range(a):
            one, other = classes[a], classes[b]
            gap = np.abs(numbers[a].mean(axis=0) - numbers[b].mean(axis=0))
            spread = 0.8 * (numbers[a].std(axis=0) + numbers[b].std(axis=0))
            distinct = bool((gap - spread > 1.0).any() or (gap - spread > 0.6).sum() >= 2)
            step = abs(math.log(one.diameter / other.diameter)) - one.spread - other.spread
            distinct |= step > 0.4 and one.views is other.views
            if len(one.views) == 1 or len(other.views) == 1 or upright:  # drawn from one side
                picture = min(float(np.abs(x[1] - y[1]).mean()) for x in found[a] for y in found[b])
                distinct |= picture > 14
            if one.kind and one.kind == other.kind:
                distinct = False
            relations[a, b] = relations[b, a] = DISTINCT if distinct else UNKNOWN
    return relations


# --- a picture ------------------------------------------------------------------------------------


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
        colour = cv2.cvtColor(_lab(rng)[None, None].astype(np.uint8), cv2.COLOR_LAB2RGB)[0, 0]
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


def _sprite(one: _Class, diameter: float, rng: np.random.Generator) -> Tuple[Pixels, float]:
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
    classes: Sequence[_Class],
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
    """What all pictures of a world are taken with."""

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
        """The picture as it would be stored."""
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
    """Compose pictures that show the same classes: the same arguments give the same bytes.

    (With the same OpenCV and NumPy.) Each shows a part of the classes, at least one of them.
    """
    rng = np.random.default_rng([seed, 7])
    likeness = str(rng.choice(LIKENESS, p=[0.38, 0.22, 0.2, 0.14, 0.06]))
    classes = _classes(library, rng, likeness)
    camera = _Camera(rng)
    relations = _differences(classes, camera.grey, upright=not classes[0].free)
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
    """A picture of a world with the outlines of its objects, one colour per class; grey: ignored."""
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
    """A picture of scenes, each plain and with its outlines. Returns (H, W, 3) uint8."""
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
