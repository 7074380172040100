"""Crops of a query: the targets of their maps, and the candidates in them."""

from __future__ import annotations

import dataclasses
import math
from typing import Dict, List, Optional, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from persense_export.networks import mini
from persense_training.candidates import Candidate, described, halved, jittered
from persense_training.scenes import SAME, UNKNOWN
from persense_training.views import Floats, View, labels_seen
from persense_training.worlds import World

__all__ = ["FOUND", "JUNK", "UNTAUGHT", "Arrays", "Crop", "Plan", "level_share"]

Arrays = Dict[str, npt.NDArray[np.generic]]

JUNK = 3  #: a relation beside SAME, UNKNOWN and DISTINCT: of a region that is no object

_LOW, _HIGH = mini.BAND
_OVERLAP = mini.OVERLAP
#: Equivalent diameters of objects that a level is taught to find; and beyond which, to either side,
#: it is taught not to.
FOUND = _LOW * 2**-_OVERLAP, _HIGH * 2**_OVERLAP
UNTAUGHT = FOUND[0] * 2**-0.5, FOUND[1] * 2**0.5


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much there is in a sample."""

    crop: int = 112  #: height and width of a query's crop
    crops: int = 2  #: of a query
    candidates: int = 12  #: objects of a crop, at most
    junk: int = 4  #: regions of a crop that are no objects, at most
    #: regions of a crop that a proposing network finds, at most; half as many of the others then
    proposals: int = 12
    proposed: float = 0.75  #: share of samples with proposals, where there is such a network
    windows: int = 3  #: of a crop, at most
    supports: int = 5  #: support objects, at most
    several: float = 0.4  #: share of samples with more than one support object, where there are more
    exemplars: int = 7  #: of the query, at most
    feedback: float = 0.55  #: share of samples with exemplars of the query
    absent: float = 0.12  #: share of samples whose query shows no target, where there is one
    #: share of samples whose query is taken from another world than the support, where the two surely
    #: have no class in common: about an eighth of such pairs
    foreign: float = 0.35
    beyond: float = 0.1  #: share of crops on a level that is not their objects'
    #: share of views whose pixels are those of an octave of the image itself, as when it is run
    exact: float = 0.35


class Crop:
    """A query's crop: what shows in it, and which objects its level answers for."""

    def __init__(self, world: World, picture: int, view: View, relations: npt.NDArray[np.uint8]):
        self.world, self.picture, self.view = world, picture, view
        count = len(relations)
        self.count = count
        self.labels = labels_seen(world.labels[picture], view, count + 2)
        self.visible = world.visible_areas[picture]
        self.diameters = np.sqrt(self.visible * (4 / math.pi)) * view.scale
        d = self.diameters
        self.found = (d >= FOUND[0]) & (d <= FOUND[1])
        self.unsure = ~self.found & (d > UNTAUGHT[0]) & (d < UNTAUGHT[1])
        self.relations = relations
        self.cells = np.bincount(self.labels.ravel(), minlength=count + 3)[1 : count + 1]

    def _centres(self) -> Floats:
        points = self.world.centres[self.picture]
        moved = points @ self.view.to_frame[:, :2].T + self.view.to_frame[:, 2]
        centres: Floats = moved.astype(np.float32)
        return centres

    def maps(self) -> Arrays:
        """The targets of the maps, at stride 2."""
        count, side = self.count, self.view.side
        found, unsure, relation = self.found, self.unsure, self.relations
        of = np.zeros((4, count + 3), np.float32)  # target, object, target unsure, object unsure
        of[0, 1 : count + 1] = found & (relation == SAME)
        of[1, 1 : count + 1] = found
        of[2, 1 : count + 1] = (relation == UNKNOWN) & (found | unsure) | (
            unsure & (relation == SAME)
        )
        of[3, 1 : count + 1] = unsure
        of[2, count + 2] = of[3, count + 1 :] = 1
        half = side // 2
        quarters = [self.labels[y::2, x::2] for y in (0, 1) for x in (0, 1)]
        fine: Floats = np.stack([of.take(q, axis=1) for q in quarters]).mean(axis=0)
        middle = self.labels[::2, ::2]
        lies = np.where((middle > 0) & (middle <= count), middle, 0)
        centres = self._centres()
        steps = np.arange(half, dtype=np.float32) * 2 + 0.5
        own = np.zeros((count + 1, 2), np.float32)
        own[1:] = centres
        offsets = np.stack([own[lies, 0] - steps[None, :], own[lies, 1] - steps[:, None]])
        offsets = np.clip(offsets / mini.UNIT, -4, 4)
        taught = np.zeros(count + 1, np.float32)
        taught[1:] = np.where(found, np.where(relation == SAME, 1.0, 0.6), 0.15 * unsure)
        weight = taught[lies]
        offsets *= (weight > 0)[None]
        # where two objects meet
        meets = np.zeros((half, half), bool)
        for a, b, x, y in (
            (lies[1:], lies[:-1], meets[1:], meets[:-1]),
            (lies[:, 1:], lies[:, :-1], meets[:, 1:], meets[:, :-1]),
        ):
            touch = (a != b) & (a > 0) & (b > 0)
            x |= touch
            y |= touch
        return {
            "target": fine[0],
            "target_known": (fine[2] == 0).astype(np.float32),
            "objects": fine[1],
            "objects_known": (fine[3] == 0).astype(np.float32),
            "density": self._density(centres),
            "density_known": self._counted(),
            "offsets": offsets.astype(np.float32),
            "offsets_weight": weight,
            "contact": meets.astype(np.float32),
        }

    def _counted(self) -> Floats:
        """Where the number of targets is known: not where objects are that may be some."""
        table = np.zeros(self.count + 3, np.uint8)
        table[1 : self.count + 1] = (self.relations == UNKNOWN) & (self.found | self.unsure)
        table[self.count + 2] = 1
        unknown = table[self.labels[::2, ::2]]
        near = cv2.dilate(unknown, np.ones((3, 3), np.uint8))
        known: Floats = (near == 0).astype(np.float32)
        return known

    def _density(self, centres: Floats) -> Floats:
        """A Gaussian for each target whose centre lies inside, in units of PEAK.

        Its mass is the level's share of the object, and the shares of all levels are one together.
        """
        share = level_share(self.diameters)
        side = self.view.side
        inside = ((centres >= -0.5) & (centres < side - 0.5)).all(axis=1)
        inside &= (self.relations == SAME) & (share > 0)
        steps = np.arange(side // 2, dtype=np.float32) * 2 + 0.5
        away = (steps - centres[inside][:, :, None]) / 2.0
        bells = np.exp(-0.5 * away * away)
        bells /= bells.sum(axis=2, keepdims=True)
        density: Floats = (bells[:, 1] * share[inside, None]).T @ bells[:, 0] / mini.PEAK
        return density.astype(np.float32)

    def _candidate(self, mask: npt.NDArray[np.uint8], angle: float) -> Optional[Candidate]:
        area = cv2.countNonZero(mask)
        if area < 20 or area > 6000:
            return None
        x, y, w, h = cv2.boundingRect(mask)
        part = np.s_[y : y + h, x : x + w]
        over = np.bincount(self.labels[part][mask[part] > 0], minlength=self.count + 3)
        obscure = int(over[self.count + 1 :].sum())
        own = over[1 : self.count + 1]
        best = int(own.argmax()) if self.count else 0
        most = int(own[best]) if self.count else 0
        quality = most / max(area + int(self.cells[best]) - most, 1) if most else 0.0
        known = obscure <= 0.15 * area
        relation = UNKNOWN
        if quality >= 0.5:
            relation = int(self.relations[best])
        elif quality < 0.35 and known:
            relation = JUNK
        box, shape, size, crop = described(self.world, self.picture, self.view, mask, angle)
        return Candidate(mask, relation, quality, known, best + 1, box, shape, size, crop)

    def candidates(
        self,
        rng: np.random.Generator,
        plan: Plan,
        proposals: Optional[Sequence[npt.NDArray[np.uint8]]] = None,
    ) -> List[Candidate]:
        """Objects with masks such as one finds, and regions that are no objects.

        proposals: masks that a network finds here, whatever they are.
        """
        shown = self.cells / np.maximum(self.visible * self.view.scale**2, 1)
        fit = np.flatnonzero(self.found & (shown >= 0.3) & (self.cells >= 24))
        fit = rng.permutation(fit)
        same = fit[self.relations[fit] == SAME]
        others = fit[self.relations[fit] != SAME]
        part = 1 if proposals is None else 2
        most = plan.candidates // part
        half = max(most * 2 // 3, most - len(others))
        chosen = np.concatenate([same[:half], others[: most - min(half, len(same))]])
        made: List[Candidate] = []

        def add(mask: npt.NDArray[np.uint8]) -> None:
            one = self._candidate(mask, float(rng.uniform(0, 2 * math.pi)))
            if one is not None:
                made.append(one)

        masks = [(self.labels == i + 1).astype(np.uint8) for i in chosen]
        for mask in masks:
            add(jittered(mask, rng))
        if proposals is not None:
            for i in rng.permutation(len(proposals))[: plan.proposals]:
                add(proposals[int(i)])
        for _ in range(int(rng.integers(plan.junk // part + 1))):
            way = rng.random()
            if way < 0.35 and len(masks) >= 2:  # two in one
                first = masks[int(rng.integers(len(masks)))]
                grown = cv2.dilate(first, np.ones((7, 7), np.uint8))
                near = np.unique(self.labels[(grown > 0) & (first == 0)])
                near = near[(near > 0) & (near <= self.count)]
                if len(near):
                    other = (self.labels == int(rng.choice(near))).astype(np.uint8)
                    add(first | other)
            elif way < 0.6 and masks:  # a part
                add(halved(masks[int(rng.integers(len(masks)))], rng))
            else:  # something in the shape of an object, where none is, or inside a large one
                add(self._stray(masks, rng))
        return made

    def _stray(
        self, masks: Sequence[npt.NDArray[np.uint8]], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        side = self.view.side
        if masks and rng.random() < 0.6:
            shift = rng.integers(0, side, 2)
            return np.roll(masks[int(rng.integers(len(masks)))], (shift[0], shift[1]), (0, 1))
        out = np.zeros((side, side), np.uint8)
        d = math.exp(rng.uniform(math.log(FOUND[0]), math.log(FOUND[1])))
        at = int(rng.integers(side)), int(rng.integers(side))
        axes = max(2, int(d / 2 * rng.uniform(0.7, 1.3))), max(2, int(d / 2))
        cv2.ellipse(out, at, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        if rng.random() < 0.5:  # its ragged part that is background
            background = (self.labels == 0).astype(np.uint8)
            out = out & background
        return out


def level_share(diameters: npt.NDArray[np.floating]) -> Floats:
    """The part of an object of such a diameter on a level that the level's density counts.

    One inside the band, none outside, and in between so that the shares of two neighbouring levels
    are one together.
    """
    d = np.log2(np.maximum(diameters, 1e-3))
    rise = np.clip((d - math.log2(_LOW) + _OVERLAP) / (2 * _OVERLAP), 0, 1)
    fall = np.clip((d - math.log2(_HIGH) + _OVERLAP) / (2 * _OVERLAP), 0, 1)
    share: Floats = (rise - fall).astype(np.float32)
    return share
