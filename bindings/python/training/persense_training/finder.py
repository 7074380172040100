"""The small network on whole images, step by step, as whoever runs it does: to read, to choose
thresholds by, and to validate with.

    finder = Finder(net)
    found = finder.find(support_image, support_mask, query_image)
"""

from __future__ import annotations

import dataclasses
import math
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from persense_export.networks import mini
from persense_training import worlds
from persense_training.candidates import described
from persense_training.regions import Finding, regions_of
from persense_training.views import View, labels_seen, pixels_seen
from persense_training.worlds import BRIGHTEST, DARKEST, World

__all__ = ["Finder", "Found", "Mask", "Options", "Pixels", "home_octave"]

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Options:
    """Of finding; not yet chosen by anything but sense."""

    octaves: int = 2  #: levels above and below those of the exemplars
    #: objects of the class smaller than this, in pixels of their level, have the next finer level
    #: looked at, too; sizes lie side by side
    small: float = 18.0
    alone: float = 0.2  #: least probability of the class that has a level looked at again
    present: float = 0.0  #: what the best of the first pass has at least, or nothing is found
    finest: float = 4.0  #: pixels of the finest level to one of the image, at most, by length
    finding: Finding = Finding()  #: what is found in the maps
    same: float = 0.5  #: least probability of the exemplars' class
    quality: float = 0.4  #: least expected overlap with a whole object
    covered: float = 0.5  #: part of a candidate that better ones may cover
    exemplars: int = 6  #: of the query, in the second pass
    passes: int = 2
    refine: bool = True


def home_octave(diameter: float) -> int:
    """The level, as a power of two, on which an object of so many pixels lies in the band."""
    return math.ceil(math.log2(mini.BAND[0] / diameter) - 1e-9)


@dataclasses.dataclass
class _Level:
    """An image at one scale: its pixels as the network sees them, and their features."""

    scale: float
    size: Tuple[int, int]  # height and width without what it is filled up with
    image: Floats  # (H, W, 3)
    features: Tuple[Tensor, Tensor, Tensor]

    def view(self) -> View:
        """Places on the level, and in the image."""
        to_picture = np.array([[1, 0, 0.5], [0, 1, 0.5]]) / self.scale - [[0, 0, 0.5], [0, 0, 0.5]]
        to_frame = cv2.invertAffineTransform(to_picture)
        return View(max(self.image.shape[:2]), self.scale, to_picture, to_frame)


@dataclasses.dataclass
class _Candidate:
    level: int
    mask: Pixels  # (H, W) of the level
    box: Floats
    shape: Floats
    size: float
    crop: Pixels
    same: float = 0.0
    quality: float = 0.0

    @property
    def score(self) -> float:
        """What candidates are sorted by."""
        return self.same * self.quality


@dataclasses.dataclass(frozen=True)
class Found:
    """An object: its mask in the image, probability of its class, and expected overlap."""

    mask: Mask  #: (H, W)
    same: float
    quality: float


def _world(image: Pixels) -> World:
    """An image without objects, for its pyramid and its stretch."""
    none = np.zeros(0, np.int32)
    return worlds.measured(
        family="",
        images=[image],
        labels=[np.zeros(image.shape[:2], np.int32)],
        classes=[none],
        full_areas=[none],
        differences=np.zeros((0, 0), np.uint8),
        kinds=(),
    )


def _tensor(array: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


class Finder:
    """A network, and how it is run."""

    def __init__(self, net: torch.nn.Module, options: Optional[Options] = None) -> None:
        self.net, self.options = net.eval(), options or Options()

    # --- levels -----------------------------------------------------------------------------------

    def _stretched(self, world: World, pixels: npt.NDArray[np.generic]) -> Floats:
        seen: Floats = np.clip(world.stretch(0)[pixels], DARKEST, BRIGHTEST).astype(np.float32)
        return seen

    def level(self, world: World, k: int) -> _Level:
        """The image at scale 2^k, its edges mirrored up to a multiple of MULTIPLE and a WINDOW."""
        height, width = world.images[0].shape[:2]
        if k <= 0:
            pixels = world.level(0, -k)
        else:
            size = width << k, height << k
            pixels = cv2.resize(world.images[0], size, interpolation=cv2.INTER_LINEAR)
        h, w = pixels.shape[:2]
        down, right = (max(mini.WINDOW - n, -n % mini.MULTIPLE) for n in (h, w))
        filled = cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_REFLECT)
        image = self._stretched(world, filled)
        features = self.net.trunk(_tensor(image.transpose(2, 0, 1)[None]))
        return _Level(2.0**k, (h, w), image, features)

    # --- exemplars --------------------------------------------------------------------------------

    def support(self, image: Pixels, mask: Mask) -> Tuple[Tensor, Tensor, float]:
        """Prototype (1, PROTOTYPE), embedding (1, EMBEDDING) and size of a support object."""
        world = _world(image)
        rows, columns = np.nonzero(mask)
        diameter = math.sqrt(4 * len(rows) / math.pi)
        scale = 2.0 ** home_octave(diameter)
        middle = np.array([columns.min() + columns.max(), rows.min() + rows.max()]) / 2
        linear = np.eye(2) / scale
        first = middle - linear @ np.full(2, (mini.PATCH - 1) / 2)
        first = (np.round((first + 0.5) * scale - 0.5) + 0.5) / scale - 0.5
        to_picture = np.column_stack([linear, first])
        view = View(mini.PATCH, scale, to_picture, cv2.invertAffineTransform(to_picture))
        patch = self._stretched(world, pixels_seen(world, 0, mini.PATCH, to_picture))
        own = (labels_seen(mask.astype(np.uint16), view, 0) > 0).astype(np.uint8)
        features = self.net.trunk(_tensor(patch.transpose(2, 0, 1)[None]))
        prototype = self.net.pool(*features, _tensor(own[None, None]))
        box, shape, size, crop = described(world, 0, view, own, 0.0)
        embedding = self._embed(world, features, [box], [shape], [crop])
        return prototype, embedding, size

    def _embed(
        self,
        world: World,
        features: Sequence[Tensor],
        boxes: Sequence[Floats],
        shapes: Sequence[Floats],
        crops: Sequence[Pixels],
    ) -> Tensor:
        owner = torch.zeros(len(boxes), dtype=torch.int64)
        grid = self.net.sample(*features, owner, _tensor(np.stack(boxes)))
        return self.net.embed(self._crops(world, crops), grid, _tensor(np.stack(shapes)))

    def _crops(self, world: World, crops: Sequence[Pixels]) -> Tensor:
        pixels = np.stack(crops)
        colours = self._stretched(world, pixels[..., :3])
        mask = pixels[..., 3:].astype(np.float32) / 255
        return _tensor(np.concatenate([colours, mask], axis=-1).transpose(0, 3, 1, 2))

    def _prototype(self, level: _Level, one: _Candidate) -> Tensor:
        """Of an object of the query, from the level's features."""
        size = mini.PATCH
        at = []
        for i, length in ((1, level.image.shape[0]), (0, level.image.shape[1])):
            corner = int(round((float(one.box[i]) - size / 2) / 8)) * 8
            at.append(min(max(corner, 0), max(length - size, 0) // 8 * 8))
        y, x = at
        parts = [
            f[:, :, y // s : (y + size) // s, x // s : (x + size) // s]
            for f, s in zip(level.features, (2, 4, 8))
        ]
        mask = one.mask[y : y + size, x : x + size]
        return self.net.pool(*parts, _tensor(mask[None, None]))

    # --- candidates -------------------------------------------------------------------------------

    def candidates(
        self, world: World, number: int, level: _Level, maps: Tensor
    ) -> List[_Candidate]:
        """The regions of a level, described."""
        return [
            _Candidate(number, mask, *described(world, 0, level.view(), mask, 0.0))
            for mask in regions_of(maps[0].numpy(), level.size, self.options.finding)
        ]

    def _judge(
        self,
        world: World,
        levels: Dict[int, _Level],
        maps: Dict[int, Tensor],
        found: List[_Candidate],
        exemplars: Tensor,
        sizes: Sequence[float],
    ) -> Tensor:
        """Fill in what the candidate head says of all candidates; give their embeddings."""
        embedded = torch.zeros(len(found), mini.EMBEDDING)
        evidence = torch.zeros(len(found), mini.MAPS)
        for k in maps:
            level = levels[k]
            mine = [i for i, one in enumerate(found) if one.level == k]
            if not mine:
                continue
            of = [found[i] for i in mine]
            boxes, shapes = [one.box for one in of], [one.shape for one in of]
            crops = [one.crop for one in of]
            embedded[mine] = self._embed(world, level.features, boxes, shapes, crops)
            owner = torch.zeros(len(of), dtype=torch.int64)
            masks = self._crops(world, crops)[:, 3:]
            evidence[mine] = self.net.evidence(maps[k], owner, _tensor(np.stack(boxes)), masks)
        logits = self.net.decide(
            embedded[None],
            torch.tensor([[one.size for one in found]], dtype=torch.float32),
            evidence[None],
            torch.ones(1, len(found), dtype=torch.bool),
            exemplars[None],
            torch.tensor([list(sizes)], dtype=torch.float32),
            torch.ones(1, len(exemplars), dtype=torch.bool),
        )
        for one, (same, quality) in zip(found, torch.sigmoid(logits[0]).tolist()):
            one.same, one.quality = same, quality
        return embedded

    # --- outlines ---------------------------------------------------------------------------------

    def _outline(self, level: _Level, maps: Tensor, one: _Candidate) -> Floats:
        """Logits (H, W) of the level, refined in a window round the candidate."""
        size = mini.WINDOW
        logits = (one.mask.astype(np.float32) * 2 - 1) * 4
        h, w = logits.shape
        if min(h, w) < size or not self.options.refine:
            return logits
        x, y = (
            min(max(int(round((float(v) - size / 2) / 2)) * 2, 0), most - size)
            for v, most in zip(one.box[:2], (w, h))
        )
        part = np.s_[y : y + size, x : x + size]
        half = np.s_[:, :, y // 2 : (y + size) // 2, x // 2 : (x + size) // 2]
        coarse = one.mask[part]
        rows, columns = np.nonzero(coarse)
        refined = self.net.refine(
            _tensor(level.image[part].transpose(2, 0, 1)[None]),
            _tensor(coarse[None, None]),
            maps[half],
            level.features[0][half],
            torch.tensor([[columns.mean(), rows.mean()]], dtype=torch.float32),
        )
        logits[part] = refined[0, 0].numpy()
        return logits

    # --- all of it --------------------------------------------------------------------------------

    def find(self, support_image: Pixels, support_mask: Mask, image: Pixels) -> List[Found]:
        """All objects like the support's, the best first."""
        with torch.no_grad():
            return self._find(support_image, support_mask, image)

    def _range(self, shape: Tuple[int, ...], size: float) -> range:
        """The levels that may be looked at, the coarsest first."""
        home, octaves = home_octave(2**size), self.options.octaves
        most = int(math.log2(self.options.finest))
        coarsest = min(max(home - octaves, -int(math.log2(max(min(shape) / 32, 1)))), most)
        finest = max(min(home + octaves, most), coarsest)
        return range(coarsest, finest + 1)

    def _has_small(self, found: Sequence[_Candidate], size: float, k: int) -> bool:
        """Whether smaller objects than those of a level may be on the next."""
        options = self.options
        small = [size] + [
            one.size
            for one in found
            if one.level == k and one.same >= options.same and one.quality >= options.quality
        ]
        return any(2 ** (each + k) < options.small for each in small)

    def _find(self, support_image: Pixels, support_mask: Mask, image: Pixels) -> List[Found]:
        options = self.options
        prototype, embedding, size = self.support(support_image, support_mask)
        world = _world(image)
        prototypes, exemplars, sizes = [prototype], [embedding], [size]
        kept: List[_Candidate] = []
        levels: Dict[int, _Level] = {}
        maps: Dict[int, Tensor] = {}
        found: List[_Candidate] = []
        for number in range(options.passes):
            conditioning = self.net.conditioning(torch.cat(prototypes).mean(dim=0, keepdim=True))
            again = sorted({one.level for one in found if one.same >= options.alone})
            found, maps = [], {}
            for k in again if number else self._range(image.shape[:2], size):
                if number == 0 and maps and k > home_octave(2**size):
                    if found:
                        self._judge(world, levels, maps, found, embedding, sizes)
                    if not self._has_small(found, size, k - 1):
                        break
                levels[k] = levels[k] if k in levels else self.level(world, k)
                maps[k] = self.net.maps(*levels[k].features, conditioning)
                found += self.candidates(world, k, levels[k], maps[k])
            if not found:
                return []
            embedded = self._judge(world, levels, maps, found, torch.cat(exemplars), sizes)
            if number == 0 and max(one.same for one in found) < options.present:
                return []
            fit = [
                i
                for i, one in enumerate(found)
                if one.same >= options.same and one.quality >= options.quality
            ]
            fit.sort(key=lambda i: -found[i].score)
            kept = [found[i] for i in fit]
            if number + 1 < options.passes:
                best = fit[: options.exemplars]
                prototypes = [prototype]
                prototypes += [self._prototype(levels[found[i].level], found[i]) for i in best]
                exemplars = [embedding] + [embedded[i : i + 1] for i in best]
                sizes = [size] + [found[i].size for i in best]
        return self._merged(image.shape[:2], levels, maps, kept)

    def _merged(
        self,
        shape: Tuple[int, ...],
        levels: Dict[int, _Level],
        maps: Dict[int, Tensor],
        kept: Sequence[_Candidate],
    ) -> List[Found]:
        """Masks in the image, none over a better one."""
        taken = np.zeros(shape, bool)
        found = []
        for one in kept:
            level = levels[one.level]
            logits = cv2.warpAffine(
                self._outline(level, maps[one.level], one),
                level.view().to_frame,
                (shape[1], shape[0]),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=-4,
            )
            mask = logits > 0
            area = int(mask.sum())
            if area == 0 or int((mask & taken).sum()) > self.options.covered * area:
                continue
            mask &= ~taken
            taken |= mask
            found.append(Found(mask, one.same, one.quality))
        return found
