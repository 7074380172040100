"""The small network on whole pictures, step by step, as whoever runs it does: to read, to choose
thresholds by, and to validate with.

    finder = Finder(net)
    found = finder.find(support_image, support_mask, query_image)

    python -m persense.train.whole --weights weights.pt --data DATA_DIR --pictures 20
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import pathlib
import sys
from typing import Any, Dict, List, Optional, Protocol, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from persense._optional import optional
from persense.networks import mini
from persense.train import compose, samples, worlds
from persense.train.scenes import SAME
from persense.train.worlds import BRIGHTEST, DARKEST, Real, World

__all__ = ["Finder", "Found", "Options", "home_octave", "score"]

cv2 = optional("cv2", "train")

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
_Places = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True)
class Options:
    """Of finding; not yet chosen by anything but sense."""

    octaves: int = 2  #: levels above and below those of the exemplars
    #: objects of the class smaller than this, in pixels of their level, have the next finer level
    #: looked at, too; sizes lie side by side
    small: float = 18.0
    alone: float = 0.2  #: least probability of the class that has a level looked at again
    present: float = 0.0  #: what the best of the first pass has at least, or nothing is found
    finest: float = 4.0  #: pixels of the finest level to one of the picture, at most, by length
    peak: float = 0.2  #: least peak of the density, in units of PEAK
    foreground: Tuple[float, ...] = (0.5, 0.2)  #: least probabilities of a target: a region each
    as_large: float = 0.85  #: part of another region of the peak that makes it the same one
    radius: float = 10.0  #: an offset leads to a peak no further from it, pixels of the level
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
    """A picture at one scale: its pixels as the network sees them, and their features."""

    scale: float
    size: Tuple[int, int]  # height and width without what it is filled up with
    image: Floats  # (H, W, 3)
    features: Tuple[Tensor, Tensor, Tensor]

    def view(self) -> samples._View:
        """Places on the level, and in the picture."""
        to_picture = np.array([[1, 0, 0.5], [0, 1, 0.5]]) / self.scale - [[0, 0, 0.5], [0, 0, 0.5]]
        to_frame = cv2.invertAffineTransform(to_picture)
        return samples._View(max(self.image.shape[:2]), self.scale, to_picture, to_frame)


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
    """An object: its mask in the picture, probability of its class, and expected overlap."""

    mask: Mask  #: (H, W)
    same: float
    quality: float


class Finds(Protocol):
    """What is evaluated: a Finder, or anything that finds as one does."""

    def find(self, support_image: Pixels, support_mask: Mask, image: Pixels) -> List[Found]:
        """All objects like the support's."""


def _world(image: Pixels) -> World:
    """A picture without objects, for its pyramid and its stretch."""
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
        """The picture at scale 2^k, its edges mirrored up to a multiple of MULTIPLE and a WINDOW."""
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
        view = samples._View(mini.PATCH, scale, to_picture, cv2.invertAffineTransform(to_picture))
        patch = self._stretched(world, samples._see(world, 0, mini.PATCH, to_picture))
        own = (samples._see_labels(mask.astype(np.uint16), view, 0) > 0).astype(np.uint8)
        features = self.net.trunk(_tensor(patch.transpose(2, 0, 1)[None]))
        prototype = self.net.pool(*features, _tensor(own[None, None]))
        box, shape, size, crop = samples._described(world, 0, view, own, 0.0)
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
        """Regions of the level: foreground whose offsets lead to one peak of the density."""
        options = self.options
        planes = maps[0].numpy()
        heat = 1 / (1 + np.exp(-planes[mini.PEAKS]))
        highest = cv2.dilate(heat, np.ones((3, 3), np.uint8))
        peaks = (heat >= highest) & (heat > options.peak)
        h, w = (n // 2 for n in level.size)
        peaks[h:], peaks[:, w:] = False, False
        rows, columns = np.nonzero(peaks)
        if len(rows) == 0:
            return []
        target = 1 / (1 + np.exp(-planes[mini.TARGET]))
        found = []
        known = np.zeros(len(rows))  # cells of the last region of each peak
        for foreground in options.foreground:
            ys, xs = np.nonzero(target > foreground)
            nearest = self._nearest(planes, ys, xs, rows, columns)
            for i in range(len(rows)):
                mine = nearest == i
                count = int(mine.sum())
                diameter = math.sqrt(16 * max(count, 1) / math.pi)
                if (
                    known[i] > options.as_large * count
                    or not samples.FOUND[0] * 0.9 <= diameter <= samples.FOUND[1] * 1.1
                ):
                    continue
                cells = np.zeros(heat.shape, np.uint8)
                cells[ys[mine], xs[mine]] = 1
                mask = cells.repeat(2, axis=0).repeat(2, axis=1)
                mask[level.size[0] :], mask[:, level.size[1] :] = 0, 0
                if int(mask.sum()) < 20:
                    continue
                described = samples._described(world, 0, level.view(), mask, 0.0)
                found.append(_Candidate(number, mask, *described))
                known[i] = count
        return found

    def _nearest(
        self, planes: Floats, ys: _Places, xs: _Places, rows: _Places, columns: _Places
    ) -> _Places:
        """For each cell, the index of the peak that its offset leads to; -1: to none."""
        x = 2 * xs + 0.5 + mini.UNIT * planes[mini.OFFSET_X][ys, xs]
        y = 2 * ys + 0.5 + mini.UNIT * planes[mini.OFFSET_Y][ys, xs]
        nearest = np.full(len(x), -1)
        least = np.full(len(x), self.options.radius**2)
        for i, (row, column) in enumerate(zip(rows, columns)):
            away = (x - 2 * column - 0.5) ** 2 + (y - 2 * row - 0.5) ** 2
            closer = away < least
            nearest[closer], least[closer] = i, away[closer]
        return nearest

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

    def _range(self, shape: Tuple[int, int], size: float) -> range:
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
        """Masks in the picture, none over a better one."""
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


# --- how well it does -----------------------------------------------------------------------------


def score(
    found: Sequence[Found], world: World, picture: int, kind: Optional[int]
) -> Dict[str, float]:
    """Of a picture: true, false and missed objects at an IoU of one half, and the sum of the IoUs of
    the true ones. What lies for the most part on objects of unknown relation, or on what is ignored,
    counts for nothing. kind: the class that was looked for; None: none of the picture's.
    """
    labels, classes = world.labels[picture], world.classes[picture]
    count = len(classes)
    relation = np.full(count + 3, 9)
    if kind is not None:
        relation[1 : count + 1] = world.differences[kind][classes]
    relation[count + 2] = 1
    areas = np.bincount(labels.ravel(), minlength=count + 3)
    left = {
        i
        for i in range(1, count + 1)
        if relation[i] == SAME and world.visible_areas[picture][i - 1]
    }
    totals = {"true": 0.0, "false": 0.0, "iou": 0.0}
    for one in found:
        over = np.bincount(labels[one.mask], minlength=count + 3)
        best = int(over[1:].argmax()) + 1
        area = int(one.mask.sum())
        overlap = float(over[best]) / max(area + float(areas[best]) - float(over[best]), 1.0)
        if best in left and overlap >= 0.5:
            totals["true"] += 1
            totals["iou"] += overlap
            left.remove(best)
        elif int(over[relation == 1].sum()) < 0.5 * area:
            totals["false"] += 1
    totals["missed"] = float(len(left))
    return totals


def _totals(rows: Sequence[Dict[str, float]]) -> Dict[str, float]:
    true, false, missed = (sum(r[n] for r in rows) for n in ("true", "false", "missed"))
    return {
        "pictures": float(len(rows)),
        "objects": true + missed,
        "precision": true / max(true + false, 1),
        "recall": true / max(true + missed, 1),
        "f1": 2 * true / max(2 * true + false + missed, 1),
        "mask_iou": sum(r["iou"] for r in rows) / max(true, 1),
    }


def evaluate(
    finder: Finds, makers: Dict[str, Any], pictures: int, seed: int = 1
) -> Dict[str, Dict[str, float]]:
    """By source, on so many pictures each, with a support from another one where there is one; and
    how much is found where there is nothing, with a support of another source.
    """
    results: Dict[str, Dict[str, float]] = {}
    foreign: List[Tuple[Pixels, Mask]] = []
    for source, make in makers.items():
        rows, absent = [], []
        for n in range(pictures):
            world: World = make(np.random.default_rng([seed, n]))
            rng = np.random.default_rng([seed, 1, n])
            kind = int(rng.choice(sorted(world.supports)))
            here = int(rng.choice(sorted(world.supports[kind])))
            label = int(rng.choice(world.supports[kind][here])) + 1
            having = [p for p in range(len(world.images)) if (world.classes[p] == kind).any()]
            there = next((p for p in having if p != here), here)
            mask = world.labels[here] == label
            found = finder.find(world.images[here], mask, world.images[there])
            rows.append(score(found, world, there, kind))
            if foreign:
                other = foreign[int(rng.integers(len(foreign)))]
                none = finder.find(other[0], other[1], world.images[there])
                absent.append(len(none))
            if n == 0:
                mine = (world.images[here], mask)
        results[source] = _totals(rows)
        if absent:
            results[source]["found_in_vain"] = float(np.mean(absent))
            results[source]["empty"] = float(np.mean(np.array(absent) == 0))
        foreign.append(mine)
    return results


def sources(data: pathlib.Path) -> Dict[str, Any]:
    """What makes held out worlds, by source."""
    library = compose.Library(data, held_out=True)
    real = Real(data / "scenes" / "train", "held_out")
    makers: Dict[str, Any] = {
        "composed": lambda rng: compose.compose(library, int(rng.integers(1 << 40))),
        "rendered": lambda rng: worlds.rendered((1 << 41) + int(rng.integers(1 << 40))),
        "real": real.draw,
    }
    return makers


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print how well weights do on whole held out pictures."""
    parser = argparse.ArgumentParser(prog="python -m persense.train.whole", description=__doc__)
    parser.add_argument("--weights", required=True, help="weights.pt of a run")
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=20, help="of a source")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    net = mini.Mini()
    net.load_state_dict(torch.load(given.weights, map_location="cpu", weights_only=True))
    found = evaluate(Finder(net), sources(given.data), given.pictures, given.seed)
    for source, values in found.items():
        print(source, " ".join(f"{name} {value:.3f}" for name, value in values.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
