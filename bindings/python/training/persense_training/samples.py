"""From worlds to what the small network trains on.

A sample is one or several support objects with their patches, crops of one query image, each at the
scale of a level, the targets of their maps, candidate regions (objects with jittered masks, and regions that
are none), exemplars of the query itself, and windows in which outlines are refined.

    mixture = Mixture(seed=1, data=DATA_DIR)
    batch = stacked([mixture.sample(n) for n in range(8)])  # arrays by name

A sheet of samples, to look at::

    python -m persense_training.samples --data DATA_DIR --sheet sheet.png --seed 1
"""

from __future__ import annotations

import collections
import math
import pathlib
import sys
import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt

from persense_export.networks import mini
from persense_training import _sheets, compose, worlds
from persense_training.candidates import Candidate
from persense_training.crops import JUNK, Arrays, Crop, Plan
from persense_training.scenes import DISTINCT, SAME
from persense_training.supports import crops_seen, marked_objects, support_of
from persense_training.views import Floats, Light, pixels_seen, view_at
from persense_training.worlds import Real, World

__all__ = ["Mixture", "draw", "sheet", "stacked"]


#: What finds regions in crops for support objects: see regions.Proposer.
Propose = Callable[[Sequence[Arrays], Sequence[Floats]], List[List[npt.NDArray[np.uint8]]]]


def draw(
    world: World,
    rng: np.random.Generator,
    plan: Plan,
    foreign: Optional[World] = None,
    propose: Optional[Propose] = None,
) -> Arrays:
    """Draw a sample: the same generator state gives the same bytes (by the same NumPy and OpenCV).

    foreign: a world whose classes have nothing to do with this one's: the support is of that one,
    and nothing in the query is a target. propose: with it, most samples have what it finds among
    their candidates.
    """
    light = Light(rng)
    own = foreign or world
    kind = int(rng.choice(sorted(own.supports)))
    marked = marked_objects(own.supports[kind], rng, plan)
    here = marked[0][0]
    there = int(rng.integers(len(world.images)))
    if foreign is None:
        there = _query_picture(world, kind, here, rng, plan)
        relations = world.differences[kind][world.classes[there]].astype(np.uint8)
    else:
        relations = np.full(len(world.classes[there]), DISTINCT, np.uint8)

    supports = [support_of(own, *one, light, rng, plan) for one in marked]

    # the query
    tone_there = light.of(world.stretch(there), rng)
    crops = [_crop(world, there, relations, rng, plan) for _ in range(plan.crops)]
    pixels = [
        tone_there(pixels_seen(world, there, plan.crop, c.view.to_picture), rng) for c in crops
    ]
    proposals: Sequence[Optional[List[npt.NDArray[np.uint8]]]] = [None] * len(crops)
    if propose is not None and rng.random() < plan.proposed:
        proposals = propose(supports, pixels)
    found = [c.candidates(rng, plan, p) for c, p in zip(crops, proposals)]
    every = [(i, one) for i, of in enumerate(found) for one in of]
    chosen = _exemplars(every, rng, plan)
    windows = [w for i, c in enumerate(crops) for w in _windows(i, c, found[i], rng, plan)]
    maps = [c.maps() for c in crops]

    stacked_maps = {name: np.stack([m[name] for m in maps]) for name in maps[0]}
    crop_pixels = (
        np.stack([one.crop for _, one in every])
        if every
        else np.zeros((0, mini.CROP, mini.CROP, 4), np.uint8)
    )
    return {
        **{name: np.stack([one[name] for one in supports]) for name in supports[0]},
        "query": np.stack(pixels).transpose(0, 3, 1, 2),
        **stacked_maps,
        "crop": crops_seen(crop_pixels, tone_there, rng),
        "frame": np.array([i for i, _ in every], np.int64),
        "box": _rows([one.box for _, one in every], 5),
        "shape": _rows([one.shape for _, one in every], mini.SHAPE),
        "size": np.array([one.size for _, one in every], np.float32),
        "relation": np.array([one.relation for _, one in every], np.int64),
        "quality": np.array([one.quality for _, one in every], np.float32),
        "quality_known": np.array([one.known for _, one in every], np.float32),
        **_feedback(every, chosen, plan),
        **{
            name: (
                np.stack([w[name] for w in windows])
                if windows
                else np.zeros((0,) + shape_, np.float32)
            )
            for name, shape_ in _WINDOW_SHAPES.items()
        },
    }


_WINDOW_SHAPES: Dict[str, Tuple[int, ...]] = {
    "window_at": (3,),
    "window_coarse": (1, mini.WINDOW, mini.WINDOW),
    "window_truth": (1, mini.WINDOW, mini.WINDOW),
    "window_known": (1, mini.WINDOW, mini.WINDOW),
    "window_centre": (2,),
}


def _rows(values: Sequence[Floats], width: int) -> Floats:
    return np.stack(values) if values else np.zeros((0, width), np.float32)


def _query_picture(world: World, kind: int, here: int, rng: np.random.Generator, plan: Plan) -> int:
    count = len(world.images)
    others = [p for p in range(count) if p != here]
    having = [p for p in others if (world.classes[p] == kind).any()]
    without = [p for p in others if p not in having and len(world.classes[p])]
    if without and rng.random() < plan.absent * 2:  # about half of the worlds have one
        return int(rng.choice(without))
    if not having or rng.random() < 0.15:
        return here
    return int(rng.choice(having))


def _crop(
    world: World,
    picture: int,
    relations: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    plan: Plan,
) -> Crop:
    """Near an object, at a scale at which the level answers for it."""
    visible = world.visible_areas[picture]
    height, width = world.images[picture].shape[:2]
    there = np.flatnonzero(visible > 0)
    targets = there[relations[there] == SAME]
    if len(targets) and rng.random() < 0.75:
        there = targets
    if len(there):
        anchor = int(rng.choice(there))
        diameter = math.sqrt(4 * float(visible[anchor]) / math.pi)
        centre = world.centres[picture][anchor].astype(np.float64)
    else:
        diameter, centre = math.exp(rng.uniform(2, 4)), rng.uniform(0, 1, 2) * (width, height)
    exact = rng.random() < plan.exact
    scale = math.exp(rng.uniform(math.log(13), math.log(30))) / diameter
    if exact:  # on its own level, once it is rounded
        scale = mini.BAND[0] * math.sqrt(2) / diameter
    if rng.random() < plan.beyond:
        scale *= 2 ** (rng.choice([-1, 1]) * rng.uniform(0.8, 2))
    scale = min(scale, 5.6)  # exact ones: 4
    centre = centre + rng.uniform(-0.4, 0.4, 2) * plan.crop / scale
    half = 0.35 * plan.crop / scale
    limits = np.array([width, height])
    centre = np.where(limits > 2 * half, np.clip(centre, half, limits - half), limits / 2)
    return Crop(world, picture, view_at(rng, plan.crop, scale, centre, exact), relations)


def _exemplars(
    every: Sequence[Tuple[int, Candidate]], rng: np.random.Generator, plan: Plan
) -> List[int]:
    """Candidates that serve as exemplars of the query; seldom one of them is wrong."""
    if rng.random() >= plan.feedback:
        return []
    good = [i for i, (_, one) in enumerate(every) if one.relation == SAME and one.quality >= 0.6]
    count = min(len(good), int(rng.integers(1, plan.exemplars + 1)))
    if count == 0:
        return []
    chosen = [int(i) for i in rng.choice(good, count, replace=False)]
    wrong = [i for i, (_, one) in enumerate(every) if one.relation in (DISTINCT, JUNK)]
    if count >= 3 and wrong and rng.random() < 0.15:
        chosen[-1] = int(rng.choice(wrong))
    return chosen


def _feedback(every: Sequence[Tuple[int, Candidate]], chosen: Sequence[int], plan: Plan) -> Arrays:
    """Where the exemplars' patches lie in the crops, and their masks there."""
    most = plan.crop - mini.PATCH
    at, masks = [], []
    for i in chosen:
        frame, one = every[i]
        corner = [int(round(float(v) - mini.PATCH / 2) / 8) * 8 for v in one.box[:2]]
        x, y = (min(max(c, 0), most // 8 * 8) for c in corner)
        at.append([frame, y, x])
        masks.append(one.mask[None, y : y + mini.PATCH, x : x + mini.PATCH])
    size = mini.PATCH
    return {
        "exemplar": np.array(list(chosen), np.int64),
        "exemplar_at": np.array(at, np.int64).reshape(-1, 3),
        "exemplar_mask": (np.stack(masks) if masks else np.zeros((0, 1, size, size))).astype(
            np.float32
        ),
    }


def _windows(
    frame: int, crop: Crop, found: Sequence[Candidate], rng: np.random.Generator, plan: Plan
) -> List[Dict[str, Floats]]:
    """Parts of a crop in which a candidate's outline is refined."""
    if crop.world.loose:
        return []
    fit = [one for one in found if one.quality >= 0.4]
    size, most = mini.WINDOW, plan.crop - mini.WINDOW
    out = []
    for i in rng.permutation(len(fit))[: plan.windows]:
        one = fit[int(i)]
        corner = [int(round((float(v) - size / 2) / 2)) * 2 for v in one.box[:2]]
        x, y = (min(max(c, 0), most) for c in corner)
        part = np.s_[y : y + size, x : x + size]
        coarse = one.mask[part]
        if not coarse.any():
            continue
        labels = crop.labels[part]
        rows, columns = np.nonzero(coarse)
        centre = np.array([columns.mean(), rows.mean()], np.float32)
        if rng.random() < 0.5:  # as the maps' cells give it
            coarse = coarse[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
        out.append(
            {
                "window_at": np.array([frame, y, x], np.float32),
                "window_coarse": coarse[None].astype(np.float32),
                "window_truth": (labels == one.label)[None].astype(np.float32),
                "window_known": (labels <= crop.count)[None].astype(np.float32),
                "window_centre": centre,
            }
        )
    return out


def stacked(samples: Sequence[Arrays]) -> Arrays:
    """Samples in one: frames and candidates are renumbered, and it is told whose they are."""
    batch: Arrays = {}
    crops = len(samples[0]["query"])
    for name in samples[0]:
        batch[name] = np.concatenate([s[name] for s in samples])
    counts = [len(s["frame"]) for s in samples]
    first = np.cumsum([0] + counts[:-1])
    batch["frame"] = np.concatenate([s["frame"] + i * crops for i, s in enumerate(samples)])
    batch["sample"] = np.repeat(np.arange(len(samples)), counts).astype(np.int64)
    batch["slot"] = np.concatenate([np.arange(n) for n in counts]).astype(np.int64)
    marked = [len(s["patch"]) for s in samples]
    batch["support_sample"] = np.repeat(np.arange(len(samples)), marked).astype(np.int64)
    batch["support_slot"] = np.concatenate([np.arange(n) for n in marked]).astype(np.int64)
    held = [len(s["exemplar"]) for s in samples]
    batch["exemplar"] = np.concatenate(
        [s["exemplar"].astype(np.int64) + f for s, f in zip(samples, first)]
    )
    batch["exemplar_sample"] = np.repeat(np.arange(len(samples)), held).astype(np.int64)
    batch["exemplar_slot"] = np.concatenate(
        [np.arange(n) + first for n, first in zip(held, marked)]
    ).astype(np.int64)
    for name in ("exemplar_at", "window_at"):
        at = [s[name].astype(np.int64).reshape(-1, 3).copy() for s in samples]
        for i, one in enumerate(at):
            one[:, 0] += i * crops
        batch[name] = np.concatenate(at)
    return batch


# --- the mixture ----------------------------------------------------------------------------------


class Mixture:
    """Samples of composed, rendered and real worlds: which ones follow from the seed and n alone.

    A ring of worlds is kept, one of which is replaced every `uses` samples.
    """

    def __init__(
        self,
        seed: int,
        data: pathlib.Path,
        plan: Optional[Plan] = None,
        *,
        held_out: bool = False,
        real: Optional[Real] = None,
        shares: Tuple[float, float, float] = (0.5, 0.3, 0.2),
        slots: int = 64,
        uses: int = 16,
        propose: Optional[Propose] = None,
    ) -> None:
        self.plan, self._propose = plan or Plan(), propose
        self._seed, self._slots, self._uses = seed, slots, uses
        self._shares = np.array(shares) / sum(shares)
        self._library = compose.Library(data, held_out)
        part = "held_out" if held_out else "train"
        self._real = real or Real(data / "scenes" / "train", part)
        self._kept: "collections.OrderedDict[int, World]" = collections.OrderedDict()

    def _make(self, number: int) -> World:
        rng = np.random.default_rng([self._seed, 1, number])
        while True:
            way = int(rng.choice(3, p=self._shares))
            own = int(rng.integers(1 << 62))
            makers: List[Callable[[], World]] = [
                lambda: compose.compose(self._library, own),
                lambda: worlds.rendered(own, int(rng.choice([192, 224, 288]))),
                lambda: self._real.draw(rng),
            ]
            world = makers[way]()
            if world.supports:
                return world

    def _world(self, n: int, slot: int) -> World:
        turn = (n // self._uses + slot) // self._slots
        number = (turn + 1) * self._slots - slot
        if number not in self._kept:
            self._kept[number] = self._make(number)
            while len(self._kept) > self._slots + 2:
                self._kept.popitem(last=False)
        return self._kept[number]

    def sample(self, n: int) -> Arrays:
        """Sample n."""
        rng = np.random.default_rng([self._seed, 0, n])
        slots = rng.integers(self._slots, size=2)
        world = self._world(n, int(slots[0]))
        foreign: Optional[World] = None
        if rng.random() < self.plan.foreign:
            other = self._world(n, int(slots[1]))
            if _unrelated(world, other):
                foreign = other
        return draw(world, rng, self.plan, foreign, self._propose)


def _unrelated(a: World, b: World) -> bool:
    """Whether surely no class of one is any of the other's."""
    return all(a.kinds) and all(b.kinds) and not set(a.kinds) & set(b.kinds)


# --- to look at -----------------------------------------------------------------------------------

_COLOURS = np.array([[0, 1, 0], [0.6, 0.6, 0.6], [1, 0, 1], [1, 0.2, 0.2]], np.float32)


def panels(sample: Arrays) -> npt.NDArray[np.uint8]:
    """Support, crops with their candidates' boxes, targets, objects, density, and crops of
    candidates: green same, grey unknown, magenta distinct, red no object.
    """
    side = sample["query"].shape[2]

    def grey(plane: npt.NDArray[np.generic]) -> Floats:
        large = np.repeat(np.repeat(plane, 2, axis=0), 2, axis=1).astype(np.float32)
        return np.repeat(large[..., None], 3, axis=2)

    patch = sample["patch"][0].transpose(1, 2, 0).astype(np.float32).copy()
    patch[sample["mask"][0, 0] == 0] *= 0.5
    first = np.zeros((side, side, 3), np.float32)
    first[: len(patch), : len(patch)] = patch
    crop = sample["support_crop"][0]
    first[len(patch) : len(patch) + 32, :32] = crop[:3].transpose(1, 2, 0)
    first[len(patch) : len(patch) + 32, 32:64] = crop[3][..., None]
    rows = []
    for q in range(len(sample["query"])):
        query = np.ascontiguousarray(sample["query"][q].transpose(1, 2, 0), np.float32)
        boxes = query.copy()
        for i in np.flatnonzero(sample["frame"] == q):
            x, y, length, c, s = (float(v) for v in sample["box"][i])
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * length / 2
            turned = corners @ np.array([[c, s], [-s, c]]) + [x, y]
            colour = [float(v) for v in _COLOURS[int(sample["relation"][i])]]
            wide = 2 if i in sample["exemplar"] else 1
            cv2.polylines(boxes, [np.rint(turned).astype(np.int32)], True, colour, wide)
        target = grey(sample["target"][q]) * 0.8
        target[..., 0] += grey(1 - sample["target_known"][q])[..., 0] * 0.5
        objects = grey(sample["objects"][q]) * 0.8
        objects[..., 0] += grey(1 - sample["objects_known"][q])[..., 0] * 0.5
        objects[..., 1] += grey(sample["contact"][q])[..., 0]
        density = grey(sample["density"][q])
        density[..., 0] += grey(1 - sample["density_known"][q])[..., 0] * 0.5
        strip = np.zeros((side, 6 * 32, 3), np.float32)
        mine = np.flatnonzero(sample["frame"] == q)[:9]
        for j, i in enumerate(mine):
            y, x = j // 3 * 32, j % 3 * 64
            strip[y : y + 32, x : x + 32] = sample["crop"][i, :3].transpose(1, 2, 0)
            strip[y : y + 32, x + 32 : x + 64] = (
                sample["crop"][i, 3][..., None] * _COLOURS[int(sample["relation"][i])]
            )
        lead = first if q == 0 else np.zeros_like(first)
        rows.append(np.concatenate([lead, query, boxes, target, objects, density, strip], axis=1))
    row = np.concatenate(rows, axis=0)
    pixels: npt.NDArray[np.uint8] = (np.clip(row, 0, 1) * 255).astype(np.uint8)
    return pixels


def sheet(mixture: Mixture, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Samples as panels() shows them."""
    step = 97  # each of another world
    cells = [panels(mixture.sample(n * step)) for n in range(rows * columns)]
    return _sheets.tiled(cells, columns)


def _measure(mixture: Mixture, seconds: float) -> str:
    for n in range(200):
        mixture.sample(n)
    start, n = time.thread_time(), 200
    while time.thread_time() - start < seconds:
        mixture.sample(n)
        n += 1
    return f"{(n - 200) / (time.thread_time() - start):.1f} samples per second and core"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Write a sheet of samples, or measure."""
    parser = _sheets.parser("samples", "samples of the small network", rows=5, columns=2)
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR")
    parser.add_argument("--held-out", action="store_true", help="of what is kept from training")
    return _sheets.run(
        parser,
        arguments,
        lambda given: sheet(
            Mixture(given.seed, given.data, held_out=given.held_out), given.rows, given.columns
        ),
        lambda given: _measure(Mixture(given.seed, given.data), given.measure),
    )


if __name__ == "__main__":
    sys.exit(main())
