"""The gallery of rendered scenes, drawn as a user draws it."""

from __future__ import annotations

import pathlib
import subprocess
from typing import Tuple

import pytest
from samples import persense, run_example


def gallery(*arguments: object, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """Runs scenes/gallery.py."""
    pytest.importorskip("PIL", reason="gallery.py needs Pillow")
    return run_example("scenes/gallery.py", *arguments, status=status)


PROGRAM = pathlib.Path(persense.__file__).with_name("persense")
SCENE = 2**41 + 1  # and above: neither trained nor validated on


def test_gallery_draws_support_query_and_result_of_every_scene(tmp_path: pathlib.Path) -> None:
    """Two scenes a row, and black where there is one too few."""
    done = gallery(PROGRAM, tmp_path / "gallery.jpg", SCENE, SCENE + 1, SCENE + 2)
    assert done.stdout == done.stderr == ""
    picture = persense.read_image(tmp_path / "gallery.jpg").astype(int)
    assert picture.shape == (2 * 244, 2 * 3 * 244 + 12, 3)
    for top, left in ((0, 0), (0, 744), (244, 0)):
        support, query, result = (
            picture[top : top + 244, left + 244 * i : left + 244 * (i + 1)] for i in range(3)
        )
        assert support.std() > 10 and query.std() > 10
        assert abs(result - query).mean() > 2  # objects have colours
        marked = (support[..., 0] > 180) & (support[..., 1] > 160) & (support[..., 2] < 100)
        assert marked.sum() > 20
    assert picture[248:484, 748:].max() < 16


@pytest.mark.parametrize(
    "arguments, line",
    [
        ((), "usage: gallery.py PROGRAM JPEG SEED..."),
        ((PROGRAM, "x.jpg"), "usage: gallery.py PROGRAM JPEG SEED..."),
        ((PROGRAM, "x.jpg", "one"), "gallery.py: SEED: got 'one', expected a whole number"),
        (("/no/program", "x.jpg", SCENE), "No such file or directory: '/no/program'"),
        ((PROGRAM, "/no/folder/x.jpg", SCENE), "No such file or directory: '/no/folder/x.jpg'"),
        (("/bin/false", "x.jpg", SCENE), "gallery.py: /bin/false: exit code 1"),
    ],
)
def test_gallery_says_in_one_line_what_is_wrong(arguments: Tuple[object, ...], line: str) -> None:
    done = gallery(*arguments, status=1)
    assert done.stderr.endswith(line + "\n") and done.stderr.count("\n") == 1
    assert not pathlib.Path("x.jpg").exists()
