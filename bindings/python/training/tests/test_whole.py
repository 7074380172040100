"""The small network on whole images."""

from __future__ import annotations

import numpy as np
import pytest

for needed in ("cv2", "torch", "persense._core", "persense_training._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import cv2  # noqa: E402
import torch  # noqa: E402
from helpers import randomise  # noqa: E402

from persense_export.networks import mini  # noqa: E402
from persense_training import whole, worlds  # noqa: E402
from persense_training.finder import Finder, Found, Options, home_octave  # noqa: E402
from persense_training.regions import Finding  # noqa: E402
from persense_training.scenes import DISTINCT, SAME  # noqa: E402

torch.set_num_threads(1)


def test_home_octave_is_where_the_object_lies_in_the_band():
    low, high = mini.BAND
    for diameter in np.geomspace(3, 400, 57):
        assert low <= diameter * 2.0 ** home_octave(diameter) < high + 1e-6
    assert [home_octave(d) for d in (14, 20, 27.9, 28, 13.9, 7)] == [0, 0, 0, -1, 1, 1]


def spots(kinds=(0, 0, 1)) -> worlds.World:
    """Discs in a row, one of another class."""
    labels = np.zeros((96, 160), np.int32)
    for i in range(len(kinds)):
        cv2.circle(labels, (30 + 45 * i, 48), 11, i + 1, -1)
    image = np.full((96, 160, 3), 40, np.uint8)
    image[labels > 0] = 200
    return worlds.measured(
        family="real",
        images=[image],
        labels=[labels],
        classes=[np.array(kinds)],
        full_areas=[np.bincount(labels.ravel())[1:].astype(np.int32)],
        differences=np.array([[SAME, DISTINCT], [DISTINCT, SAME]], np.uint8),
        kinds=("a", "b"),
    )


class Oracle(mini.Mini):
    """Knows where the discs are, and nothing else."""

    def __init__(self, world: worlds.World) -> None:
        super().__init__()
        self.world = world

    def maps(self, f1, f2, f3, conditioning):
        height, width = f1.shape[2:]
        out = torch.full((1, mini.MAPS, height, width), -6.0)
        scale = width / 80
        out[:, mini.OFFSET_X : mini.OBJECT] = 0
        x, y = np.meshgrid(np.arange(width) * 2 + 0.5, np.arange(height) * 2 + 0.5)
        for cx, cy in self.world.centres[0]:
            cx, cy = (cx + 0.5) * scale - 0.5, (cy + 0.5) * scale - 0.5
            inside = torch.from_numpy(np.hypot(x - cx, y - cy) <= 11 * scale)
            out[0, mini.TARGET][inside] = 6
            out[0, mini.OFFSET_X][inside] = torch.from_numpy((cx - x) / mini.UNIT).float()[inside]
            out[0, mini.OFFSET_Y][inside] = torch.from_numpy((cy - y) / mini.UNIT).float()[inside]
            out[0, mini.PEAKS, round((cy - 0.5) / 2), round((cx - 0.5) / 2)] = 3
        return out

    def decide(self, candidates, *rest):
        return torch.full((*candidates.shape[:2], 2), 3.0)


def test_find_joins_what_offsets_lead_together():
    world = spots()
    finder = Finder(randomise(Oracle(world)), Options(refine=False))
    found = finder.find(world.images[0], world.labels[0] == 1, world.images[0])
    assert len(found) == 3
    for one in found:
        over = np.bincount(world.labels[0][one.mask], minlength=4)
        best = int(over[1:].argmax()) + 1
        assert (
            over[best] / (one.mask | (world.labels[0] == best)).sum() > 0.8
        )  # a grid of two pixels
    assert sum(one.mask.astype(int) for one in found).max() == 1  # none over another
    assert whole.score(found, world, 0, 0) == {
        "true": 2.0,
        "false": 1.0,
        "missed": 0.0,
        "iou": pytest.approx(1.75, abs=0.15),
    }


def test_find_with_an_untrained_network_runs_through():
    world = spots()
    net = randomise(mini.Mini())
    options = Options(same=0, quality=0, finding=Finding(peak=0.01, foreground=(0.01,)))
    finder = Finder(net, options)
    for one in finder.find(world.images[0], world.labels[0] == 1, world.images[0]):
        assert one.mask.shape == (96, 160) and 0 <= one.same <= 1


def test_score_of_nothing_that_was_looked_for_counts_all_as_false():
    world = spots()
    everything = [Found(world.labels[0] == i + 1, 1.0, 1.0) for i in range(3)]
    assert whole.score(everything, world, 0, None)["false"] == 3
    assert whole.score(everything, world, 0, 0) == {
        "true": 2.0,
        "false": 1.0,
        "missed": 0.0,
        "iou": 2.0,
    }


def test_mean_of_f1_counts_images_alike_and_leaves_out_those_without_the_class():
    few = {"true": 1.0, "false": 0.0, "missed": 0.0, "iou": 0.9}
    many = {"true": 0.0, "false": 0.0, "missed": 9.0, "iou": 0.0}
    none = {"true": 0.0, "false": 3.0, "missed": 0.0, "iou": 0.0}
    assert whole._totals([few, many, none])["mean_f1"] == pytest.approx(0.5)
    assert whole._totals([few, many, none])["f1"] == pytest.approx(2 / 14)
