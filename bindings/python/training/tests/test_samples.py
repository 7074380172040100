"""Composed and real worlds, and the samples that are drawn from them."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest

for needed in ("cv2", "torch", "persense._core", "persense_training._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import cv2  # noqa: E402
import torch  # noqa: E402
from helpers import randomise  # noqa: E402
from training_data import write_training_data  # noqa: E402

from persense_export.networks import mini  # noqa: E402
from persense_training import compose, regions, samples, worlds  # noqa: E402
from persense_training.candidates import shape_numbers  # noqa: E402
from persense_training.crops import JUNK, Crop, Plan, level_share  # noqa: E402
from persense_training.scenes import DISTINCT, SAME, UNKNOWN  # noqa: E402
from persense_training.views import View  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_training_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def library(data: pathlib.Path) -> compose.Library:
    return compose.Library(data)


def composed(library: compose.Library, seed: int) -> worlds.World:
    return compose.compose(library, seed, size=160, pictures=2)


def test_compose_one_seed_gives_the_same_bytes(library):
    one, other = composed(library, 3), composed(library, 3)
    assert all((a == b).all() for a, b in zip(one.images, other.images))
    assert all((a == b).all() for a, b in zip(one.labels, other.labels))
    assert (composed(library, 4).images[0] != one.images[0]).any()


def test_compose_classes_of_one_kind_never_meet(library):
    for seed in range(30):
        kinds = [k for k in composed(library, seed).kinds if k]
        assert len(kinds) == len(set(kinds))


def test_compose_relations_are_symmetric_and_same_with_oneself(library):
    found = set()
    for seed in range(30):
        relations = composed(library, seed).differences
        assert (relations == relations.T).all() and (np.diag(relations) == SAME).all()
        found |= set(relations[~np.eye(len(relations), dtype=bool)].tolist())
    assert found == {UNKNOWN, DISTINCT}


def test_library_held_out_kinds_and_textures_are_not_trained_on(data, library):
    held = compose.Library(data, held_out=True)
    assert not {c.kind for c in held.classes} & {c.kind for c in library.classes}
    assert not set(held.textures) & set(library.textures)
    assert len(held.classes) + len(library.classes) == 40


def test_world_objects_are_measured_as_labelled(library):
    for seed in range(8):
        world = composed(library, seed)
        for p, labels in enumerate(world.labels):
            count = len(world.classes[p])
            cells = np.bincount(labels.ravel(), minlength=count + 3)[1 : count + 1]
            assert (cells == world.visible_areas[p]).all()
            assert (world.visible_areas[p] <= world.full_areas[p]).all()
            for i in np.flatnonzero(cells):
                rows, columns = np.nonzero(labels == i + 1)
                box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                assert world.boxes[p][i].tolist() == box
                assert world.centres[p][i] == pytest.approx([columns.mean(), rows.mean()], abs=0.01)


def test_stretch_puts_the_darkest_at_nought_and_the_brightest_at_one():
    image = np.arange(1000, dtype=np.float64).repeat(3).reshape(20, 50, 3) / 5 + 20
    table = worlds.stretch_table(image.astype(np.uint8))
    assert table[20 + 0] <= 0 < table[20 + 2]
    assert table[219] == pytest.approx(1, abs=0.01)
    assert (np.diff(table) > 0).all()


def test_stretch_leaves_flat_images_flat():
    table = worlds.stretch_table(np.full((4, 4, 3), 77, np.uint8))
    assert table[77] == 0 and table[85] == 1  # eight values at least lie between 0 and 1


def test_real_folders_of_several_classes_keep_the_last_quarter_from_training(data):
    train = worlds.Real(data / "scenes" / "train", "train")
    held = worlds.Real(data / "scenes" / "train", "held_out")

    def files(real: worlds.Real) -> set:
        return {path for groups in real.groups for g in groups for path, _ in g.pictures}

    assert not files(train) & files(held)
    assert sorted(p.stem for p in files(held) if p.parent.name == "furnace") == ["06", "07"]
    assert [p.stem for p in files(held) if p.parent.name == "grains"] == ["07"]


def test_real_classes_of_one_picture_are_distinct(data):
    furnace = worlds.Real(data / "scenes" / "train", only=["furnace"]).all()[0]
    assert furnace.differences.tolist() == [[SAME, DISTINCT], [DISTINCT, SAME]]
    assert len(furnace.images) == 3
    assert set(furnace.classes[0].tolist()) == {0, 1}


# --- samples --------------------------------------------------------------------------------------


def test_level_share_those_of_all_levels_are_one_together():
    for diameter in np.geomspace(3, 300, 61):
        levels = diameter * 2.0 ** np.arange(-6, 7)
        assert level_share(levels).sum() == pytest.approx(1, abs=1e-5)
    assert level_share(np.array([20.0]))[0] == 1
    assert level_share(np.array([7.0, 60.0])).tolist() == [0, 0]


def drawn(draw) -> np.ndarray:
    mask = np.zeros((80, 80), np.uint8)
    draw(mask)
    return mask


def test_shape_numbers_tell_discs_bars_and_rings_apart():
    disc = drawn(lambda m: cv2.circle(m, (40, 40), 20, 1, -1))
    bar = drawn(lambda m: cv2.rectangle(m, (10, 36), (69, 43), 1, -1))
    ring = drawn(lambda m: cv2.circle(m, (40, 40), 20, 1, 7))
    (of_disc, area), (of_bar, _), (of_ring, _) = map(shape_numbers, (disc, bar, ring))
    assert area == disc.sum()
    long, solid, extent, roundness, hole, size = range(mini.SHAPE)
    assert of_disc[long] < 0.05 and of_disc[solid] > 0.97 and of_disc[roundness] > 0.85
    assert of_bar[long] == pytest.approx(1 - 8 / 60, abs=0.02) and of_bar[extent] > 0.97
    assert of_disc[hole] < 0.02 and of_ring[hole] > 0.4
    assert of_disc[size] == pytest.approx(math.log2(2 * 20.5 / 20), abs=0.05)


def mixture(data: pathlib.Path, shares=(0.6, 0.2, 0.2), **options) -> samples.Mixture:
    return samples.Mixture(7, data, shares=shares, slots=6, uses=4, **options)


def test_samples_follow_from_the_seed_and_their_number(data):
    one, other = mixture(data).sample(5), mixture(data).sample(5)
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)


def test_samples_are_consistent(data):
    source, plan = mixture(data), Plan()
    relations = set()
    for n in range(24):
        s = source.sample(n)
        count, half = len(s["frame"]), plan.crop // 2
        assert s["query"].shape == (plan.crops, 3, plan.crop, plan.crop)
        assert s["target"].shape == s["density"].shape == (plan.crops, half, half)
        assert s["crop"].shape == (count, 4, mini.CROP, mini.CROP)
        assert s["box"].shape == (count, 5) and s["shape"].shape == (count, mini.SHAPE)
        assert ((s["quality"] >= 0) & (s["quality"] <= 1)).all()
        assert (s["quality"][s["relation"] == SAME] >= 0.5).all()
        assert (s["quality"][s["relation"] == JUNK] < 0.35).all()
        assert (s["exemplar"] < count).all()
        assert s["exemplar_mask"].shape[1:] == (1, mini.PATCH, mini.PATCH)
        assert np.isin(s["exemplar_at"][:, 1:] % 8, 0).all()
        assert (s["window_at"][:, 1:] <= plan.crop - mini.WINDOW).all()
        assert (s["target"] <= s["objects"] + 1e-6).all()
        for array in s.values():
            assert np.isfinite(array).all()
        relations |= set(s["relation"].tolist())
    assert relations >= {SAME, DISTINCT, JUNK}


def discs(side: int, centres, radii, classes) -> worlds.World:
    """Light discs on a dark image; of several classes each is distinct from the others."""
    labels = np.zeros((side, side), np.int32)
    for i, (centre, radius) in enumerate(zip(centres, radii)):
        cv2.circle(labels, centre, radius, i + 1, -1)
    image = np.where(labels > 0, 200, 40).astype(np.uint8)[..., None].repeat(3, axis=2)
    count = max(classes) + 1
    return worlds.measured(
        family="composed",
        images=[image],
        labels=[labels],
        classes=[np.array(classes)],
        full_areas=[np.bincount(labels.ravel())[1:].astype(np.int32)],
        differences=np.where(np.eye(count, dtype=bool), SAME, DISTINCT).astype(np.uint8),
        kinds=tuple(f"kind_{k}" for k in range(count)),
    )


def seen_whole(world: worlds.World, relations) -> Crop:
    """A crop that is all of the world's image, at its own scale."""
    upright = np.array([[1.0, 0, 0], [0, 1, 0]])
    view = View(len(world.images[0]), 1.0, upright, upright)
    return Crop(world, 0, view, np.array(relations, np.uint8))


def test_samples_density_sums_to_the_targets_whose_level_it_is():
    # three in the band, one far below it
    world = discs(160, [(30 + 30 * i, 60) for i in range(4)], [10, 10, 10, 3], [0, 0, 1, 0])
    labels = world.labels[0]
    crop = seen_whole(world, [SAME, SAME, DISTINCT, SAME])
    maps = crop.maps()
    assert maps["density"].sum() * mini.PEAK == pytest.approx(2, abs=1e-3)
    # what is far out of the band is background on this level
    assert maps["target_known"].all() and maps["objects"][30, 60] == 0
    assert maps["target"].sum() * 4 == pytest.approx((labels == 1).sum() + (labels == 2).sum())
    # offsets lead to the own object's middle
    x, y = maps["offsets"][:, 30, 12] * mini.UNIT
    assert (x + 24.5, y + 60.5) == pytest.approx((30, 60), abs=0.1)


def test_samples_of_unrelated_worlds_hold_no_target(library):
    rng = np.random.default_rng(1)
    own, other = composed(library, 11), composed(library, 12)
    s = samples.draw(own, rng, Plan(), foreign=other)
    assert s["target"].sum() == 0 and s["density"].sum() == 0
    assert SAME not in s["relation"]


def test_samples_proposals_are_candidates_and_told_what_they_are():
    world = discs(112, [(40, 40)], [11], [0])
    crop = seen_whole(world, [SAME])
    plan, rng = Plan(junk=0), np.random.default_rng(1)
    found = (world.labels[0] == 1).astype(np.uint8)
    shifted = np.roll(found, 7, axis=1)  # IoU of about .4: neither the object nor surely none
    nothing = np.roll(found, 60, axis=1)
    assert len(crop.candidates(rng, plan)) == 1  # the object itself
    of = crop.candidates(rng, plan, [found, shifted, nothing])
    assert sorted(c.relation for c in of) == sorted([SAME, SAME, UNKNOWN, JUNK])
    assert min(c.quality for c in of) == 0 and max(c.quality for c in of) == 1
    assert len(crop.candidates(rng, Plan(junk=0, proposals=1), [found] * 9)) == 2


def test_samples_with_a_proposing_network_hold_what_it_finds(data):
    asked = []

    def propose(supports, frames):
        asked.append((len(supports), [f.shape for f in frames]))
        square = np.zeros((Plan().crop, Plan().crop), np.uint8)
        square[40:60, 40:60] = 1
        return [[square] for _ in frames]

    source = mixture(data, plan=Plan(proposed=1), propose=propose)
    for n in range(8):
        boxes = source.sample(n)["box"]
        assert (np.abs(boxes[:, :3] - [49.5, 49.5, 26]).max(axis=1) < 0.01).sum() == Plan().crops
    assert all(shape == (Plan().crop, Plan().crop, 3) for _, shapes in asked for shape in shapes)
    assert all(1 <= count <= Plan().supports for count, _ in asked)


def test_proposer_finds_regions_of_every_crop(tmp_path):
    net = randomise(mini.Mini())
    with torch.no_grad():
        net.head[2].bias.copy_(torch.tensor([4.0, 4.0, 0.0, 0.0, 0.0, 0.0]))  # everywhere some
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    rng = np.random.default_rng(1)
    side = mini.PATCH
    mask = np.zeros((1, side, side), np.float32)
    mask[0, 20:40, 20:40] = 1
    support = {"patch": rng.random((3, side, side), np.float32), "mask": mask}
    frames = [rng.random((112, 112, 3), np.float32) for _ in range(2)]
    propose = regions.Proposer(str(tmp_path / "weights.pt"))
    found = propose([support], frames)
    assert len(found) == 2 and all(of for of in found)
    assert all(m.shape == (112, 112) and set(np.unique(m)) == {0, 1} for of in found for m in of)
    again = propose([support], frames)
    assert all((a == b).all() for one, other in zip(found, again) for a, b in zip(one, other))


def _planes(size, discs, targets):
    """Maps that show discs (x, y, radius), the first ones as targets."""
    planes = np.full((mini.MAPS, size // 2, size // 2), -6, np.float32)
    planes[mini.OFFSET_X : mini.OFFSET_Y + 1] = 0
    y, x = np.mgrid[: size // 2, : size // 2] * 2 + 0.5
    for i, (across, down, radius) in enumerate(discs):
        away = np.hypot(x - across, y - down)
        inside = away <= radius
        planes[mini.OBJECT][inside] = 6
        planes[mini.OFFSET_X][inside] = (across - x[inside]) / mini.UNIT
        planes[mini.OFFSET_Y][inside] = (down - y[inside]) / mini.UNIT
        if i < targets:
            planes[mini.TARGET][inside] = 6
            planes[mini.PEAKS][away < 2] = 6
    return planes


@pytest.mark.parametrize("targets", [0, 1, 3])
def test_objects_are_regions_once_be_they_targets_or_not(targets):
    discs = [(80, 20, 12), (30, 40, 10), (50, 40, 10)]
    found = regions.regions_of(_planes(96, discs, targets), (96, 96), regions.Finding())
    assert len(found) == 3
    for x, y, radius in discs:
        (one,) = [m for m in found if m[y, x]]
        assert one.sum() == pytest.approx(np.pi * radius**2, rel=0.12)  # cells of 2 x 2
    if targets:
        assert found[0][20, 80]  # the target's come first


def test_what_a_level_is_filled_up_with_holds_no_object():
    planes = _planes(96, [(30, 40, 10), (86, 40, 10)], 0)
    found = regions.regions_of(planes, (96, 76), regions.Finding())
    assert len(found) == 1 and found[0][40, 30]


def test_proposer_weights_of_another_network_are_refused(tmp_path):
    torch.save({"stem.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="expected the weights of this network"):
        regions.Proposer(str(tmp_path / "other.pt"))


def test_stacked_samples_know_whose_their_candidates_are(data):
    source = mixture(data)
    three = [source.sample(n) for n in range(3)]
    batch = samples.stacked(three)
    crops = Plan().crops
    assert (batch["frame"] // crops == batch["sample"]).all()
    for i, s in enumerate(three):
        mine = batch["sample"] == i
        assert (batch["frame"][mine] - i * crops == s["frame"]).all()
        assert batch["slot"][mine].tolist() == list(range(len(s["frame"])))
    held = batch["exemplar"]
    assert (batch["sample"][held] == batch["exemplar_sample"]).all()


def test_sheets_show_what_there_is(data, library):
    assert compose.sheet(library, 1, 1, 2, size=96).shape == (100, 2 * (2 * 96 + 4), 3)
    assert samples.sheet(mixture(data), 1, 1).ndim == 3
