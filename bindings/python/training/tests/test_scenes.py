"""Training scenes: what Python sees of them."""

from __future__ import annotations

import concurrent.futures
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import persense
from persense_training import scenes


def test_episode_has_the_shapes_it_promises() -> None:
    """Arrays agree with each other, image by image."""
    episode = scenes.render(3, size=96, pictures=4, classes=3)
    assert episode.images.shape == (4, 96, 96, 3) and episode.images.dtype == np.uint8
    assert episode.labels.shape == (4, 96, 96) and episode.labels.dtype == np.uint16
    assert episode.differences.shape == (3, 3)
    assert len(episode.families) == len(episode.materials) == len(episode.diameters) == 3
    for picture, labels in enumerate(episode.labels):
        objects = labels[(labels > 0) & (labels < scenes.DEBRIS)]
        areas = np.bincount(objects, minlength=len(episode.classes[picture]) + 1)[1:]
        assert np.array_equal(areas, episode.visible_areas[picture])
        assert (areas > 0).all()
        assert (episode.full_areas[picture] >= areas).all()
        assert episode.centres[picture].shape == (len(areas), 2)
        assert set(episode.classes[picture]) <= {0, 1, 2}


def test_arrays_outlive_their_episode_and_are_read_only() -> None:
    """Images are views of what C++ owns."""
    images = scenes.render(1, size=64).images
    before = images.copy()
    scenes.render(2, size=64)
    assert np.array_equal(images, before)
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 0


def test_a_seed_means_one_episode_in_any_thread() -> None:
    """And others give others."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        episodes = list(pool.map(lambda seed: scenes.render(seed, size=64), [7, 7, 8]))
    assert np.array_equal(episodes[0].images, episodes[1].images)
    assert np.array_equal(episodes[0].labels, episodes[1].labels)
    assert not np.array_equal(episodes[0].images, episodes[2].images)


@pytest.mark.parametrize(
    "arguments, line",
    [
        ({"seed": -1}, "seed: got -1, expected 0 to 2^64 - 1"),
        ({"seed": 1 << 64}, "seed: got 18446744073709551616, expected 0 to 2^64 - 1"),
        ({"seed": 0, "size": 32}, "size: got 32, expected 64 to 1024"),
        ({"seed": 0, "pictures": 0}, "pictures: got 0, expected 1 to 64"),
        ({"seed": 0, "classes": 4}, "classes: got 4, expected 0 to 3"),
    ],
)
def test_bad_arguments_are_named(arguments: "dict[str, int]", line: str) -> None:
    """Python's own message where the type is wrong, ours where the value is."""
    with pytest.raises(ValueError) as caught:
        scenes.render(**arguments)
    assert str(caught.value) == line


def test_names_lists_everything_that_may_be_drawn() -> None:
    """And what an episode says of itself is among them."""
    names, episode = scenes.names(), scenes.render(5, size=64)
    assert len(names["families"]) >= 25
    assert set(episode.families) <= set(names["families"])
    assert set(episode.patterns) <= set(names["patterns"])
    assert episode.background in names["backgrounds"] and episode.imaging in names["imagings"]


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """The command line."""
    command = [sys.executable, "-m", "persense_training.scenes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_sheet_is_a_picture_of_its_episodes(tmp_path: pathlib.Path) -> None:
    """Rows of pairs: an image, and the same with outlines."""
    sheet = tmp_path / "sheet.png"
    done = run("--sheet", sheet, "--rows", 2, "--columns", 3, "--size", 64)
    assert done.returncode == 0, done.stderr
    pixels = persense.read_image(sheet)
    assert pixels.shape == (2 * 68, 3 * (2 * 64 + 4), 3)
    assert np.array_equal(pixels[2:66, 2:66], scenes.render(1, size=64, pictures=1).images[0])


def test_command_line_measures_and_refuses() -> None:
    """Errors are one line after the usage."""
    assert "pictures of 64 x 64 a second a core" in run("--measure", 0.2, "--size", 64).stdout
    for arguments, line in [
        ((), "nothing to do: give --sheet or --measure"),
        (("--sheet", "x.png", "--rows", 0), "rows, columns: got 0, 4, expected 1 or more of each"),
        (("--sheet", "x.png", "--seed", -1), "seed: got -1, expected 0 to 2^64 - 1"),
    ]:
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].endswith(line)
