"""The classes of a composed scene: what they look like, and which of them can be told apart."""

from __future__ import annotations

import dataclasses
import math
from typing import List, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_training.library import Cutouts, Library, Pixels
from persense_training.scenes import DISTINCT, SAME, UNKNOWN

__all__ = ["ObjectClass", "classes_of", "differences_of", "lab_colour"]

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass
class ObjectClass:
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


def lab_colour(rng: np.random.Generator) -> Floats:
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


def classes_of(library: Library, rng: np.random.Generator, likeness: str) -> List[ObjectClass]:
    """Draw a scene's classes, which resemble each other so."""
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
        mean, contrast = lab_colour(rng), float(rng.uniform(0.5, 1.1))
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
                mean, contrast = lab_colour(rng), float(rng.uniform(0.5, 1.1))
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
                mean, contrast = lab_colour(rng), float(rng.uniform(0.5, 1.2))
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
            ObjectClass(
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


def _descriptor(view: Pixels, grey: bool) -> Tuple[Floats, Floats]:
    """Numbers of a view, in units of about what is seen at a look, and a small image of it."""
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
    _, (w, h), _ = cv2.minAreaRect(points)
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


def differences_of(
    classes: Sequence[ObjectClass], grey: bool, upright: bool
) -> npt.NDArray[np.uint8]:
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
