"""Training samples: what is to be found agrees with what is shown."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import math
import pathlib
import subprocess
import sys
from typing import Iterator, List

import numpy as np
import pytest

import persense
from persense.train import episodes, scenes

PLAN = episodes.Plan()
STRIDES = [1, 2]


@functools.lru_cache(maxsize=80)
def world_of(seed: int, picture: int, area: int) -> episodes.World:
    """What a world depends on, of all that is in a plan."""
    return episodes.World(seed, episodes.Plan(picture=picture, area=area))


def samples(count: int, plan: episodes.Plan = PLAN) -> Iterator[episodes.Sample]:
    """Of as many worlds."""
    for i in range(count):
        world = world_of(100 + i, plan.picture, plan.area)
        yield episodes.draw(world, np.random.default_rng(i), plan)


def arrays(batch: object) -> List[np.ndarray]:
    """Of a batch or sample."""
    return [np.asarray(getattr(batch, field.name)) for field in dataclasses.fields(batch)]


def middles(side: int, stride: int) -> np.ndarray:
    """x, or y, of cells."""
    return np.arange(side) * stride + (stride - 1) / 2


# --- stretch --------------------------------------------------------------------------------------


def test_stretch_is_the_rule_in_its_doc_comment() -> None:
    """Counted out on the sorted values."""
    image = np.random.default_rng(1).gamma(2, 20, (37, 53, 3)).clip(0, 255).astype(np.uint8)
    values = np.sort(image.ravel())
    low = int(values[math.ceil(5 * values.size / 1000) - 1])
    high = int(values[math.ceil(998 * values.size / 1000) - 1])
    expected = (image.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    stretched = episodes.stretch(image)
    assert stretched.dtype == np.float32 and stretched.shape == image.shape
    assert np.array_equal(stretched, expected.clip(-0.25, 1.5))


def test_stretch_leaves_a_flat_picture_flat() -> None:
    """And a nearly flat one without its noise blown up to full contrast."""
    assert not episodes.stretch(np.full((8, 8, 3), 77, np.uint8)).any()
    faint = np.full((8, 8, 3), 77, np.uint8)
    faint[4:] = 79
    assert np.unique(episodes.stretch(faint)).tolist() == [0, 0.25]


@pytest.mark.parametrize(
    "image, got",
    [
        (np.zeros((4, 4, 3), np.float32), "float32 (4, 4, 3)"),
        (np.zeros((4, 4), np.uint8), "uint8 (4, 4)"),
        (np.zeros((0, 4, 3), np.uint8), "uint8 (0, 4, 3)"),
    ],
)
def test_stretch_refuses_what_is_no_picture(image: np.ndarray, got: str) -> None:
    """With what it got."""
    with pytest.raises(ValueError) as caught:
        episodes.stretch(image)
    assert str(caught.value) == f"image: got {got}, expected uint8 (H, W, 3)"


# --- a sample -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", STRIDES)
def test_sample_has_the_shapes_and_ranges_it_promises(stride: int) -> None:
    """For whatever world."""
    plan = episodes.Plan(query=96, support=48, stride=stride)
    side = 96 // stride
    for sample in samples(12, plan):
        count = len(sample.radii)
        assert sample.support.shape == (3, 48, 48) and sample.query.shape == (3, 96, 96)
        assert sample.support_mask.shape == (1, 48, 48)
        assert set(np.unique(sample.support_mask)) == {0, 1}
        for picture in (sample.support, sample.query):
            assert picture.min() >= episodes.DARKEST and picture.max() <= episodes.BRIGHTEST
        for name in ("target", "target_weight", "objects", "objects_weight", "density"):
            cells = getattr(sample, name)
            assert cells.shape == (side, side) and cells.dtype == np.float32
            assert cells.min() >= 0 and cells.max() <= 1
        assert sample.offsets.shape == (2, side, side)
        assert np.array_equal(
            np.unique(sample.instances[sample.instances > 0]), range(1, count + 1)
        )
        assert sample.centres.shape == (count, 2) and sample.boxes.shape == (count, 4)
        assert sample.relations.shape == sample.shown.shape == (count,)
        assert (sample.shown > 0).all() and (sample.shown <= 1).all()
        for array in arrays(sample):
            assert np.isfinite(array).all()


@pytest.mark.parametrize("stride", STRIDES)
def test_targets_agree_with_the_instances_and_their_relations(stride: int) -> None:
    """Wherever a cell is of one thing only."""
    met = set()
    for sample in samples(40, episodes.Plan(stride=stride)):
        relation = np.concatenate([[9], sample.relations])[sample.instances]
        assert (sample.target <= sample.objects).all()
        # cells are covered by what 4 or 16 points of theirs show: specks may lie between them
        full, none = sample.objects == 1, sample.objects == 0
        assert (sample.instances[full] == 0).sum() <= 0.002 * full.sum() + 1
        assert (sample.instances[none] > 0).sum() <= 0.002 * none.sum() + 1
        targets = sample.target == 1
        assert (relation[targets] != scenes.SAME).sum() <= 0.002 * targets.sum() + 1
        alone = full & (sample.target_weight == 1)
        unknown = relation == scenes.UNKNOWN
        assert (sample.target_weight[unknown] == 1).sum() <= 0.002 * unknown.sum() + 1
        # a cell of distinct objects alone teaches that there is no target
        inner = alone & (relation == scenes.DISTINCT) & (sample.target == 0)
        assert inner.sum() >= 0.5 * (alone & (relation == scenes.DISTINCT)).sum()
        met |= set(np.unique(sample.relations))
    assert met == {scenes.SAME, scenes.UNKNOWN, scenes.DISTINCT}  # or nothing was tested


@pytest.mark.parametrize("stride", STRIDES)
def test_density_sums_to_the_targets_whose_centre_lies_inside(stride: int) -> None:
    """Counted over the picture, not over what the sample lists."""
    plan, sums = episodes.Plan(stride=stride), []
    for sample in samples(40, plan):
        inside = ((sample.centres >= -0.5) & (sample.centres < plan.query - 0.5)).all(axis=1)
        listed = int((inside & (sample.relations == scenes.SAME)).sum())
        total = float(sample.density.sum())
        assert total == pytest.approx(round(total), abs=1e-3)  # float32 sums of up to 200 bells
        # a ring's middle may show where no cell of it does
        assert listed <= round(total) <= listed + 2
        sums.append(round(total))
    assert 0 in sums and max(sums) > 10


def test_density_of_one_target_lies_at_its_centre() -> None:
    """Half a pixel of slack for the grid, at stride 2."""
    met = 0
    for sample in samples(60):
        same = sample.centres[sample.relations == scenes.SAME]
        deep = ((same > 30) & (same < 98)).all(axis=1)
        if round(float(sample.density.sum())) != 1 or not deep.any():
            continue
        steps = middles(64, 2)
        found = [(sample.density.sum(axis=axis) * steps).sum() for axis in (0, 1)]
        assert np.abs(found - same[deep]).max(axis=1).min() < 0.5
        met += 1
    assert met > 0


@pytest.mark.parametrize("stride", STRIDES)
def test_offsets_lead_to_the_own_centre(stride: int) -> None:
    """In half canonical diameters, wherever the centre lies."""
    plan = episodes.Plan(stride=stride, canonical=20)
    for sample in samples(15, plan):
        steps = middles(plan.query // stride, stride)
        on = sample.instances > 0
        y, x = np.nonzero(on)
        reached = np.stack([steps[x], steps[y]]) + 10 * sample.offsets[:, on]
        assert np.allclose(reached.T, sample.centres[sample.instances[on] - 1], atol=1e-3)
        assert not sample.offsets[:, ~on].any()


def test_boxes_centres_and_radii_are_those_of_the_cells() -> None:
    """In crops that hold the picture: objects cut off, or in parts, have theirs elsewhere."""
    plan, errors = episodes.Plan(stride=1, picture=64, query=512, area=30), []
    for sample in samples(30, plan):
        for i, box in enumerate(sample.boxes):
            rows, columns = np.nonzero(sample.instances == i + 1)
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert edges == box.tolist()
            if box.min() < 1 or box.max() > 511 or len(rows) < 200:
                continue
            errors.append([columns.mean(), rows.mean()] - sample.centres[i])
            assert math.sqrt(len(rows) / math.pi) == pytest.approx(sample.radii[i], rel=0.03)
    assert len(errors) > 50
    # a rim along the grid may be half a pixel off on both sides, but to any side alike
    assert np.abs(errors).max() < 0.75
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05


def test_support_object_has_the_canonical_diameter() -> None:
    """Unless its patch or its mask was changed on purpose."""
    plan = episodes.Plan(support_jitter=0, query_jitter=0, rough=0, canonical=20, support=96)
    for sample in samples(20, plan):
        diameter = math.sqrt(4 * float(sample.support_mask.sum()) / math.pi)
        # thin objects are longer than the patch, and pixels are coarse: a twentieth of the area
        assert diameter == pytest.approx(20, rel=0.05)
        assert sample.zoom == pytest.approx(1, abs=1e-6) or sample.scale == 4
        rows, columns = np.nonzero(sample.support_mask[0])
        assert abs(columns.mean() - 47.5) < 16 and abs(rows.mean() - 47.5) < 16


def test_query_is_seen_at_up_to_half_and_double_that_size() -> None:
    """So that a second pass at another scale meets what it learned."""
    zooms = [sample.zoom for sample in samples(60)]
    assert 0.4999 <= min(zooms) < 0.75 and 1.33 < max(zooms) <= 2.0001


def test_picture_and_labels_are_seen_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture painted by its labels shows them after the crop's turn, mirror and scale."""
    plan = episodes.Plan(stride=1)
    monkeypatch.setattr(episodes._Look, "at", lambda _, image, rng: image.transpose(2, 0, 1))
    met = 0
    for i in range(10):
        world = episodes.World(i, plan)
        counts = [len(c) for c in world.episode.classes]
        world.images = [
            np.repeat(((l > 0) & (l <= n))[..., None], 3, axis=2).astype(np.float32)
            for l, n in zip(world.labels, counts)
        ]
        sample = episodes.draw(world, np.random.default_rng(i), plan)
        known = sample.objects_weight == 1
        assert np.abs(sample.query[0] - sample.objects)[known].mean() < 0.05
        full = known & (sample.objects == 1)
        assert ((sample.query[0] > 0.25) == (sample.objects > 0.25))[known].mean() > 0.9
        met += int(full.sum())
    assert met > 1000


# --- what is not known ----------------------------------------------------------------------------


def of_labels(labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> episodes.Sample:
    """A sample of a world of one class, in which these labels lie over the right half."""
    render = scenes.render

    def overlaid(seed: int, size: int, pictures: int) -> scenes.Episode:
        episode = render(seed, size, pictures, classes=1)
        changed = episode.labels.copy()
        changed[:, :, 112:] = labels
        return dataclasses.replace(episode, labels=changed)

    monkeypatch.setattr(scenes, "render", overlaid)
    plan = episodes.Plan(query_jitter=0, area=30)
    return episodes.draw(episodes.World(3, plan), np.random.default_rng(3), plan)


def half_of(weight: np.ndarray) -> float:
    """The share of cells in which a weight is 0."""
    return float((weight == 0).mean())


def test_ignored_pixels_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of targets nor of objects."""
    sample = of_labels(np.uint16(scenes.IGNORED), monkeypatch)
    assert half_of(sample.target_weight) > 0.1
    assert np.array_equal(sample.target_weight == 0, sample.objects_weight == 0)


def test_debris_is_no_target_but_perhaps_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its doc comment says."""
    ignored = of_labels(np.uint16(scenes.IGNORED), monkeypatch)
    monkeypatch.undo()
    debris = of_labels(np.uint16(scenes.DEBRIS), monkeypatch)
    # the same world and draw: what was unknown is known now, except off the picture
    assert np.array_equal(debris.objects_weight, ignored.objects_weight)
    freed = (debris.target_weight == 1) & (ignored.target_weight == 0)
    assert freed.any()
    assert not debris.target[freed & (debris.objects == 0)].any()
    assert half_of(debris.target_weight) < half_of(debris.objects_weight)


def test_beyond_the_picture_nothing_is_known() -> None:
    """A crop larger than its picture shows mirrored pixels there."""
    plan = episodes.Plan(picture=64, query=512, area=30)
    sample = next(samples(1, plan))
    assert half_of(sample.target_weight) > 0.5
    assert np.array_equal(sample.target_weight[[0, -1], [0, -1]], [0, 0])


def test_classes_that_colour_alone_tells_apart_are_unknown_in_grey() -> None:
    """And those of other brightness stay distinct."""
    world = episodes.World(1, PLAN)
    episode = dataclasses.replace(
        world.episode,
        classes=[np.array([0, 0, 1, 1, 2, 2], np.int32)],
        differences=np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0]], np.uint8),
    )
    labels = np.arange(7, dtype=np.int32)[None]
    image = np.zeros((1, 7, 3), np.float32)
    image[0, 1:3] = [0.6, 0, 0]
    image[0, 3:5] = [0, 0.6, 0]
    image[0, 5:7] = [0.6, 0.6, 0.6]
    grey = episodes._grey_differences(episode, [image], [labels])
    assert grey.tolist() == [[0, 1, 2], [1, 0, 2], [2, 2, 0]]


@pytest.mark.parametrize("grey", [False, True])
def test_samples_without_colour_go_by_what_grey_tells(
    grey: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And others by what the episode says."""

    class Look(episodes._Look):
        def __init__(self, rng: np.random.Generator) -> None:
            super().__init__(rng)
            self.grey = grey

    monkeypatch.setattr(episodes, "_Look", Look)
    world = episodes.World(1, PLAN)
    count = len(world.episode.families)
    assert count > 1  # or nothing is tested
    world.episode = dataclasses.replace(
        world.episode, differences=2 * (1 - np.eye(count, dtype=np.uint8))
    )
    world.grey_differences = 1 - np.eye(count, dtype=np.uint8)
    drawn = [episodes.draw(world, np.random.default_rng(i), PLAN) for i in range(10)]
    met = set(np.concatenate([sample.relations for sample in drawn]))
    assert met == {scenes.SAME, scenes.UNKNOWN if grey else scenes.DISTINCT}


# --- batches --------------------------------------------------------------------------------------

SMALL = episodes.Plan(query=64, picture=128, pictures=2, area=40)


def test_the_same_batches_come_from_one_thread_and_three() -> None:
    """Byte for byte, and from the middle too; another seed gives others."""
    kinds = dict(worlds=5, uses=3)
    one = list(episodes.batches(9, 4, SMALL, count=8, threads=1, **kinds))
    three = list(episodes.batches(9, 4, SMALL, count=8, threads=3, **kinds))
    late = list(episodes.batches(9, 4, SMALL, first=5, count=3, threads=2, **kinds))
    assert len(one) == len(three) == 8 and len(late) == 3
    for a, b in [*zip(one, three), *zip(one[5:], late)]:
        assert all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b)))
    other = next(episodes.batches(10, 4, SMALL, **kinds))
    assert not np.array_equal(other.queries, one[0].queries)


def test_batch_holds_its_samples_objects_in_order() -> None:
    """owners says whose they are."""
    batch = next(episodes.batches(2, 6, SMALL, worlds=6))
    assert batch.queries.shape == (6, 3, 64, 64) and batch.instances.shape == (6, 32, 32)
    assert np.array_equal(
        np.bincount(batch.owners, minlength=6), batch.instances.reshape(6, -1).max(axis=1)
    )
    assert len(batch.owners) == len(batch.boxes) == len(batch.centres) == len(batch.relations)
    assert batch.zooms.shape == batch.scales.shape == (6,)


def test_each_world_is_rendered_once_and_used_about_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On several threads, that meet at the same worlds."""
    rendered: List[int] = []
    world = episodes.World

    def counted(seed: int, plan: episodes.Plan) -> episodes.World:
        rendered.append(seed)
        return world(seed, plan)

    monkeypatch.setattr(episodes, "World", counted)
    for _ in episodes.batches(4, 10, SMALL, count=20, threads=3, worlds=8, uses=5):
        pass
    assert len(rendered) == len(set(rendered))
    # 200 samples: one world every 5, and the 8 at the start; some are never drawn from
    assert 30 <= len(rendered) <= 48


def test_an_iterator_left_early_ends_its_threads() -> None:
    """And an error in a thread reaches who asks for the batch."""
    stream = episodes.batches(1, 2, SMALL, threads=2, worlds=2)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    hopeless = dataclasses.replace(SMALL, area=10000)
    with pytest.raises(RuntimeError, match="no support object in the worlds"):
        next(episodes.batches(1, 1, hopeless, worlds=1))


def test_several_threads_may_draw_from_a_world() -> None:
    """It does not change."""
    world = episodes.World(5, SMALL)

    def draw(seed: int) -> episodes.Sample:
        return episodes.draw(world, np.random.default_rng(seed), SMALL)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for a, b in zip(pool.map(draw, range(12)), map(draw, range(12))):
            assert all(np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b)))


@pytest.mark.parametrize(
    "arguments, line",
    [
        ({"seed": -1, "size": 4}, "seed: got -1, expected 0 to 18446744073709551615"),
        ({"seed": 1, "size": 0}, "size: got 0, expected 1 to 4096"),
        ({"seed": 1, "size": 4, "first": -1}, "first: got -1, expected 0 to 281474976710656"),
        ({"seed": 1, "size": 4, "count": -1}, "count: got -1, expected 0 to 281474976710656"),
        ({"seed": 1, "size": 4, "threads": 0}, "threads: got 0, expected 1 to 256"),
        ({"seed": 1, "size": 4, "worlds": 0}, "worlds: got 0, expected 1 to 4096"),
        ({"seed": 1, "size": 4, "uses": 0}, "uses: got 0, expected 1 to 4096"),
    ],
)
def test_bad_arguments_are_named_at_the_call(arguments: "dict[str, int]", line: str) -> None:
    """Not at the first batch."""
    with pytest.raises(ValueError) as caught:
        episodes.batches(**arguments)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    "arguments, line",
    [
        ({"canonical": 7.5}, "canonical: got 7.5, expected 8 to 64"),
        ({"query": 16}, "query: got 16, expected 32 to 512"),
        ({"query": 33}, "query: got 33, expected a multiple of stride, 2"),
        ({"stride": 4}, "stride: got 4, expected 1 to 2"),
        ({"same_picture": float("nan")}, "same_picture: got nan, expected 0 to 1"),
        ({"sigma": 0}, "sigma: got 0, expected 1 to 8"),
    ],
)
def test_bad_plans_are_refused(arguments: "dict[str, float]", line: str) -> None:
    """When they are made."""
    with pytest.raises(ValueError) as caught:
        episodes.Plan(**arguments)
    assert str(caught.value) == line


# --- command line ---------------------------------------------------------------------------------


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """The command line."""
    command = [sys.executable, "-m", "persense.train.episodes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_sheet_is_a_picture_of_samples(tmp_path: pathlib.Path) -> None:
    """Rows of five panels each."""
    sheet = tmp_path / "sheet.png"
    done = run("--sheet", sheet, "--rows", 2, "--columns", 1)
    assert done.returncode == 0, done.stderr
    pixels = persense.read_image(sheet)
    assert pixels.shape == (2 * 132, 5 * 128 + 4, 3)
    assert np.array_equal(pixels, episodes.sheet(1, 2, 1))


def test_command_line_measures_and_refuses() -> None:
    """Errors are one line after the usage."""
    done = run("--measure", 0.1)
    assert "samples a second a core from worlds at hand" in done.stdout, done.stderr
    for arguments, line in [
        ((), "nothing to do: give --sheet or --measure"),
        (("--sheet", "x.png", "--seed", -1), "seed: got -1, expected 0 to 18446744073709551615"),
        (("--sheet", "x.png", "--rows", 0), "rows: got 0, expected 1 to 1000"),
        (("--measure", 1, "--threads", 0), "threads: got 0, expected 1 to 256"),
    ]:
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].endswith(line)
