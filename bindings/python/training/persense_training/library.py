"""The folder of cut-outs and textures that scenes are composed of."""

from __future__ import annotations

import csv
import dataclasses
import functools
import pathlib
import zlib
from typing import Dict, List, Tuple

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Cutouts", "Library", "Pixels"]

Pixels = npt.NDArray[np.uint8]


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
