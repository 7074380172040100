"""Scenes that nothing was trained on, as data sets."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

for needed in ("cv2", "torch", "tqdm", "persense._core", "persense_training._scenes"):
    pytest.importorskip(needed, reason=f"training needs {needed}")
import cv2  # noqa: E402
from training_data import write_training_data  # noqa: E402

from persense_training import held_out, whole  # noqa: E402
from persense_training.scenes import DISTINCT, SAME, UNKNOWN  # noqa: E402
from persense_training.worlds import Real, World, measured  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return write_training_data(tmp_path_factory.mktemp("data"))


def run(data: pathlib.Path, out: pathlib.Path, *more: str) -> int:
    return held_out.main(["--data", str(data), "--out", str(out), *more])


def labels_in(file: pathlib.Path) -> np.ndarray:
    return cv2.imread(str(file), cv2.IMREAD_UNCHANGED)


def test_data_sets_hold_one_marked_object_and_the_truth_of_every_query(data, tmp_path):
    assert run(data, tmp_path, "--composed", "4", "--rendered", "2", "--supports", "2") == 0
    assert len(list((tmp_path / "composed").iterdir())) == 4
    assert len(list((tmp_path / "rendered").iterdir())) == 2
    folders = [f for source in tmp_path.iterdir() for f in source.iterdir()]
    for folder in folders:
        mask = labels_in(folder / "00.png")
        assert set(np.unique(mask)) == {0, 255}
        assert mask.shape == cv2.imread(str(folder / "00.jpg")).shape[:2]
        truth = sorted(folder.glob("*_instances.png"))
        assert truth
        for file in truth:
            labels = labels_in(file)
            number = file.name[:2]
            assert labels.dtype == np.uint16 and labels.max() > 0
            assert ((labels > 0) == (labels_in(folder / f"{number}.png") > 0)).all()
            assert labels.shape == cv2.imread(str(folder / f"{number}.jpg")).shape[:2]


def test_data_sets_of_one_seed_are_the_same_bytes(data, tmp_path):
    for name in ("one", "other"):
        assert run(data, tmp_path / name, "--composed", "2", "--seed", "5") == 0
    files = [f.relative_to(tmp_path / "one") for f in (tmp_path / "one").rglob("*.*")]
    assert files
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_real_images_are_those_that_training_left_out(data, tmp_path):
    assert run(data, tmp_path, "--supports", "3") == 0
    held = Real(data / "scenes" / "train", "held_out")
    worlds = [held.load(group) for folder in held.groups for group in folder]
    # two classes of the furnace, one of the grains, by three supports each
    assert len(list((tmp_path / "real").iterdir())) == 3 * 3
    images = {world.images[0].shape for world in worlds}
    for folder in (tmp_path / "real").iterdir():
        shown = cv2.imread(str(folder / "01.jpg"))
        assert shown.shape in images
        near = [np.abs(shown[..., ::-1].astype(int) - i).mean() for w in worlds for i in w.images]
        assert min(near) < 5  # JPEG


def test_support_objects_are_of_different_areas(data):
    held = Real(data / "scenes" / "train", "held_out", only=["grains"])
    areas = [
        int(one.mask.sum()) for one in held_out.of_world(held.load(held.groups[0][0]), "grains", 3)
    ]
    assert areas == sorted(areas) and areas[0] < areas[-1]


def three_images() -> World:
    """The class, what may be of it, and another: in the first all, in the second two, in the third two."""
    kinds = [[0, 0, 1, 2], [0, 1, 0], [0, 2, 0]]
    labels = []
    for of in kinds:
        drawn = np.zeros((60, 200), np.int32)
        for i in range(len(of)):
            cv2.circle(drawn, (30 + 45 * i, 30), 12, i + 1, -1)
        labels.append(drawn)
    relations = np.full((3, 3), DISTINCT, np.uint8)
    np.fill_diagonal(relations, SAME)
    relations[0, 1] = relations[1, 0] = UNKNOWN
    return measured(
        family="composed",
        images=[
            np.where(one > 0, 200, 40)[..., None].repeat(3, 2).astype(np.uint8) for one in labels
        ],
        labels=labels,
        classes=[np.array(of) for of in kinds],
        full_areas=[np.bincount(one.ravel())[1:].astype(np.int32) for one in labels],
        differences=relations,
        kinds=("a", "b", "c"),
    )


def test_queries_show_nothing_that_may_be_of_the_class_and_their_truth_nothing_else():
    world = three_images()
    for episode in held_out.of_scenes(lambda rng: world, 20, 3):
        ((image, labels),) = episode.queries
        marked = {int(v) for one in world.labels for v in np.unique(one[episode.mask])}
        assert marked and episode.mask.sum() == (world.labels[0] == 1).sum()
        which = next(i for i, own in enumerate(world.images) if own is image)
        kinds = [
            int(world.classes[which][v - 1]) for v in np.unique(world.labels[which][labels > 0])
        ]
        assert len(set(kinds)) == 1 and labels.max() == len(kinds)
        assert not (kinds[0] < 2 and set(world.classes[which].tolist()) >= {0, 1})


def test_numbers_out_of_range_and_folders_without_data_are_refused_in_one_line(
    data, tmp_path, capsys
):
    assert run(data, tmp_path, "--supports", "0") == 1
    assert run(tmp_path / "none", tmp_path, "--composed", "1") == 1
    assert run(data, data) == 1  # what is there is left as it is
    assert run(data, tmp_path / "new", "--composed", "1", "--validation", "none") == 1
    assert not (tmp_path / "new").exists()  # nothing was begun
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("persense_training.held_out: ")]
    assert len(errors) == 4 and "supports: got 0" in errors[0] and "none" in errors[1]
    assert "is not empty, expected a new folder" in errors[2]
    assert "--validation: got none, expected a folder of " in errors[3]
