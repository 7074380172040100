"""The library's stages of the small network do what training's own description of them does."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

for needed in ("cv2", "torch", "persense._core", "persense_training._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import cv2  # noqa: E402
import torch  # noqa: E402

import persense  # noqa: E402
from persense_export.__main__ import main  # noqa: E402
from persense_export.networks import mini  # noqa: E402
from persense_training import worlds  # noqa: E402
from persense_training.finder import Finder, Options  # noqa: E402
from persense_training.model import Model  # noqa: E402

torch.set_num_threads(1)
if not persense.has_torch():
    pytest.skip("a build without LibTorch", allow_module_level=True)

MINI = pathlib.Path(__file__).resolve().parents[4] / "src" / "mini" / "mini.pt"
# Both round the same weights to the same floats; sums in another order differ by this much.
TOLERANCE = 2e-3
# Nothing is good enough to look for smaller objects yet, in windows of a finer level.
WHOLE_LEVELS = {"mini.same": 1, "feedback.iterations": 0}


@pytest.fixture(scope="module")
def trained_a_little(tmp_path_factory: pytest.TempPathFactory):
    """An archive and its network: maps that find something, and random decisions."""
    torch.manual_seed(5)
    model = Model(torch.device("cpu"), 1e-3)
    model.start(str(MINI))
    net = model.net
    with torch.no_grad():
        net.verdict.weight.mul_(2)
        net.verdict.bias.copy_(torch.tensor([-0.8, 0.0]))  # no candidate is certain
    folder = tmp_path_factory.mktemp("mini")
    state = {name: value.half().float() for name, value in net.state_dict().items()}
    torch.save(state, folder / "weights.pt")
    code = main(["mini", "--checkpoint", str(folder / "weights.pt"), "-o", str(folder)])
    assert code == 0
    rounded = mini.Mini()
    rounded.load_state_dict(state)
    return folder, rounded


def scene(seed: int):
    """A rendered image, one of its objects, and another image of the same objects."""
    world = worlds.rendered(seed)
    kind, here = next((k, p) for k, found in sorted(world.supports.items()) for p in sorted(found))
    there = next((p for p in sorted(world.supports[kind]) if p != here), here)
    mask = world.labels[here] == int(world.supports[kind][here][0]) + 1
    return world.images[here], mask, world.images[there]


def reduced(picture):
    """By four, values averaged; a mask to 0..255."""
    values = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
    size = values.shape[1] // 4, values.shape[0] // 4
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


class Candidates(Finder):
    """Keeps what may be of the class, on the levels that are looked at as a whole."""

    def __init__(self, net: mini.Mini) -> None:
        options = Options(passes=1, refine=False, covered=2.0, quality=0.0)
        super().__init__(net, dataclasses.replace(options, same=options.alone))

    def _has_small(self, found, size, k):
        return False


@pytest.mark.parametrize("seed", [3, 5, 6])
def test_candidates_and_their_scores_are_those_of_training(trained_a_little, seed):
    folder, net = trained_a_little
    # so small that the objects' own level is the finest that there is
    image, mask, query = (reduced(picture) for picture in scene(seed))
    mask = mask > 127
    pipeline = persense.Pipeline(models=folder, options={**WHOLE_LEVELS, "detection.threshold": 0})
    support = pipeline.support(image, mask=mask)
    trace = pipeline.segment(query, support, trace=True).trace
    got = np.sort(trace.label_detections[1])[::-1]
    found = Candidates(net).find(image, mask, query)
    expected = sorted((one.same * one.quality for one in found), reverse=True)
    assert len(expected) > 3
    assert len(got) == len(expected)
    np.testing.assert_allclose(got, expected, atol=TOLERANCE)


def test_large_images_give_nearly_the_same_in_tiles_and_half_precision(trained_a_little):
    """Above 1 MP features are kept in half precision, above 0.8 MP levels are seen in tiles."""
    folder, net = trained_a_little
    image, mask, query = scene(3)
    canvas = np.full((1040, 1120, 3), 90, np.uint8)
    canvas[400:624, 450:674] = query[:224, :224]  # where two tiles meet
    query = canvas
    pipeline = persense.Pipeline(models=folder, options={**WHOLE_LEVELS, "detection.threshold": 0})
    trace = pipeline.segment(query, pipeline.support(image, mask=mask), trace=True).trace
    got = np.sort(trace.label_detections[1])[::-1]
    found = Candidates(net).find(image, mask, query)
    expected = np.sort([one.same * one.quality for one in found])[::-1]
    assert query.shape[0] * query.shape[1] > 1_000_000
    # what an outline or a peak misses by rounding appears or goes
    assert abs(len(got) - len(expected)) <= 0.02 * len(expected)
    for score in expected:  # about as many are better, whatever appeared or went
        better = (expected > score).sum()
        slack = 0.02 * len(expected)
        assert (got > score + 1e-2).sum() - slack <= better <= (got > score - 1e-2).sum() + slack


def test_an_image_that_is_smaller_than_the_support_object_is_no_trouble(trained_a_little):
    folder, _ = trained_a_little
    large = np.full((600, 600, 3), 40, np.uint8)
    mask = np.zeros((600, 600), bool)
    mask[100:500, 100:500] = True
    large[mask] = 200
    pipeline = persense.Pipeline(models=folder)
    result = pipeline.segment(
        np.full((48, 64, 3), 40, np.uint8), pipeline.support(large, mask=mask)
    )
    assert len(result) == 0


def test_a_pass_with_exemplars_compares_with_them(trained_a_little):
    folder, _ = trained_a_little
    image, mask, query = scene(3)
    densities = []
    for iterations in (0, 1):
        pipeline = persense.Pipeline(models=folder, options={"feedback.iterations": iterations})
        trace = pipeline.segment(query, pipeline.support(image, mask=mask), trace=True).trace
        densities.append(trace.passes[-1].density)
    assert densities[0].shape != densities[1].shape or (densities[0] != densities[1]).any()


def test_feedback_is_on_for_the_small_network(trained_a_little):
    folder, _ = trained_a_little
    assert persense.Pipeline(models=folder).options["feedback.iterations"] == "1"
    assert persense.Pipeline().options["feedback.iterations"] == "1"


def test_thresholds_are_options(trained_a_little):
    folder, _ = trained_a_little
    image, mask, query = scene(3)
    counts = []
    for least in (0.0, 0.5, 1.0):
        pipeline = persense.Pipeline(models=folder, options={"mini.same": least})
        counts.append(len(pipeline.segment(query, pipeline.support(image, mask=mask))))
    assert counts[0] >= counts[1] >= counts[2] == 0
    assert counts[0] > 0


def test_nothing_is_found_where_no_candidate_is_likely_enough(trained_a_little):
    folder, _ = trained_a_little
    image, mask, query = scene(3)
    counts = {}
    for least in (0, 1):
        pipeline = persense.Pipeline(models=folder, options={"mini.present": least})
        result = pipeline.segment(query, pipeline.support(image, mask=mask))
        counts[least] = len(result), round(result.estimated_count)
    assert counts[0] > (0, 0)
    assert counts[1] == (0, 0)
