"""labelme annotations: out, into labelme, corrected, and back."""

from __future__ import annotations

import io
import json
import os
import pathlib
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import DATA, found_in, persense, support_of


def same_masks(a: List[Any], b: List[Any]) -> bool:
    return [m.box for m in a] == [m.box for m in b] and all(
        (p.bits == q.bits).all() for p, q in zip(a, b)
    )


def document(*shapes: Dict[str, Any], width: int = 8, height: int = 6) -> Dict[str, Any]:
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def shape(kind: str, points: Any, group: Any = None, label: str = "bean") -> Dict[str, Any]:
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, "flags": {}}


def read(tmp_path: pathlib.Path, content: Any) -> "persense.Annotations":
    path = tmp_path / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return persense.read_labelme(path)


@pytest.mark.parametrize("kind", ["beans", "cells"])
def test_masks_come_back_bit_for_bit(kind: str, tmp_path: pathlib.Path) -> None:
    result = found_in(kind)
    path = tmp_path / "a.json"
    result.to_labelme(path, shape="mask")
    back = persense.read_labelme(path)
    assert same_masks(back.masks, result.masks)
    assert back.size == result.size and set(back.labels) == {kind}


def test_polygons_without_tolerance_come_back_bit_for_bit_but_for_holes(
    tmp_path: pathlib.Path,
) -> None:
    result = found_in("berries")
    path = tmp_path / "a.json"
    result.to_labelme(path, tolerance=0)
    back = persense.read_labelme(path)
    assert [m.box for m in back.masks] == [m.box for m in result.masks]
    for mask, polygon in zip(result.masks, back.masks):
        assert (polygon.bits | ~mask.bits).all()
        assert polygon.area <= 1.1 * mask.area  # berries have small holes, where they shine


def test_polygons_are_few_points_near_the_masks(tmp_path: pathlib.Path) -> None:
    result = found_in("beans")
    path = tmp_path / "a.json"
    written = result.to_labelme(path)
    points = [len(s["points"]) for s in written["shapes"]]
    assert np.median(points) < 60
    back = persense.read_labelme(path)
    assert len(back.masks) == len(result)
    for mask, polygon in zip(result.to_dense(), (back.to_dense(i) for i in range(len(result)))):
        assert (mask & polygon).sum() > 0.9 * (mask | polygon).sum()


def test_labelme_itself_loads_the_file_and_its_picture(tmp_path: pathlib.Path) -> None:
    labelme = pytest.importorskip("labelme._label_file", reason="labelme 6 is not installed")
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for kind in ("polygon", "mask"):
        path = tmp_path / f"{kind}.json"
        found_in("beans").to_labelme(path, shape=kind)
        loaded = labelme.read_label_file(str(path))
        assert len(loaded.shapes) >= len(found_in("beans"))
        assert {s["shape_type"] for s in loaded.shapes} == {kind}
        assert loaded.image_data == (DATA / "beans" / "01.jpg").read_bytes()
    path = tmp_path / "embedded.json"
    found_in("beans").to_labelme(path, embed_image=True)
    loaded = labelme.read_label_file(str(path))
    picture = np.asarray(pil.open(io.BytesIO(loaded.image_data)))
    assert (picture == found_in("beans").image).all()


def test_a_corrected_annotation_serves_as_support(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "support.json"
    picture = DATA / "beans" / "00.jpg"
    outline = [[0, 0], [10, 0], [10, 10], [0, 10]]
    path.write_text(json.dumps(document(shape("polygon", outline), width=320, height=240)))
    mask = persense.read_labelme(path).to_dense(0)
    assert persense.Pipeline("classic").support(picture, mask).box == (0, 0, 10, 10)


def test_the_picture_is_named_as_seen_from_the_annotation(tmp_path: pathlib.Path) -> None:
    written = found_in("beans").to_labelme(tmp_path / "a.json")
    assert not os.path.isabs(written["imagePath"])
    assert (tmp_path / written["imagePath"]).resolve() == DATA / "beans" / "01.jpg"


def test_a_result_of_an_array_needs_a_picture_to_refer_to() -> None:
    result = support_of("beans").segment(persense.read_image(DATA / "beans" / "01.jpg"))
    with pytest.raises(persense.InvalidArgument, match="image_path=.* or embed_image=True"):
        result.to_labelme()
    assert result.to_labelme(image_path="x.jpg")["imagePath"] == "x.jpg"


def test_shapes_of_one_group_are_one_instance(tmp_path: pathlib.Path) -> None:
    squares = [[[x, 1], [x + 2, 1], [x + 2, 3], [x, 3]] for x in (0, 4, 6)]
    shapes = [shape("polygon", s, group) for s, group in zip(squares, (1, 1, None))]
    back = read(tmp_path, document(*shapes))
    assert [m.box for m in back.masks] == [(0, 1, 6, 3), (6, 1, 8, 3)]
    assert [m.area for m in back.masks] == [8, 4]
    assert back.to_labels().tolist()[1] == [1, 1, 0, 0, 1, 1, 2, 2]


def test_rectangles_and_circles_are_masks_too(tmp_path: pathlib.Path) -> None:
    back = read(
        tmp_path,
        document(shape("rectangle", [[6, 5], [1, 2]]), shape("circle", [[4, 3], [6, 3]])),
    )
    assert back.masks[0].box == (1, 2, 6, 5) and back.masks[0].area == 15
    assert back.masks[1].box == (2, 1, 6, 5) and back.masks[1].area == 12  # a disc of radius 2


def test_what_lies_outside_of_the_picture_is_cut_off(tmp_path: pathlib.Path) -> None:
    back = read(
        tmp_path,
        document(
            shape("rectangle", [[-5, -5], [2, 2]]),
            shape("rectangle", [[20, 20], [30, 30]]),
        ),
    )
    assert back.masks[0].box == (0, 0, 2, 2)
    assert back.masks[1].area == 0


@pytest.mark.parametrize(
    "content, message",
    [
        ("not json", "a.json: "),
        ("[]", "a.json: not a labelme file"),
        ("{}", "a.json: not a labelme file .it has no imageWidth"),
        (document(shape("line", [[0, 0], [1, 1]])), "shape 1 is a line, expected a polygon"),
        (document(shape("polygon", [["a", "b"]] * 3)), "shape 1 has a point that is not a pair"),
        (document(shape("polygon", [])), "shape 1 has 0 points, expected 3 or more"),
        (document(shape("mask", [[0, 0], [1, 1]])), "shape 1 has no mask"),
        (document({**shape("mask", [[0, 0], [1, 1]]), "mask": "AAAA"}), "shape 1 has a mask that"),
        (document(width=0), "a.json: not a labelme file .imageWidth is not a number from 1 to"),
        (document(width=1 << 40), "imageWidth is not a number from 1 to 1048576"),
        (document(width=1 << 19, height=1 << 19), "image of 524288 x 524288, expected at most 2"),
        ('{"imageWidth": 1e999, "imageHeight": 6, "shapes": []}', "a.json: not JSON"),
        (document(shape("circle", [[0, 0], [1e308, 1e308]])), "shape 1 has a polygon: vertex 1 is"),
        (document(shape("polygon", [[0, 0], [1, 1], [0, 1]], [1])), "shape 1 has a group_id that"),
        ("[" * 200000, "a.json: "),
        ("1" * 5000, "a.json: "),
    ],
)
def test_a_damaged_file_is_unreadable_and_says_why(
    content: Any, message: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(persense.Unreadable, match=message):
        read(tmp_path, content)


def test_a_missing_file_is_not_found(tmp_path: pathlib.Path) -> None:
    with pytest.raises(persense.FileNotFound, match="none.json: cannot read: No such file"):
        persense.read_labelme(tmp_path / "none.json")


def test_a_folder_that_is_missing_is_unwritable_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(persense.Unwritable, match="none/a.json: cannot write: No such file"):
        found_in("beans").to_labelme(tmp_path / "none" / "a.json")
    (tmp_path / "taken").mkdir()
    with pytest.raises(persense.Unwritable, match="taken: cannot write: Is a directory"):
        found_in("beans").to_labelme(tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"shape": "ellipse"}, "shape: got 'ellipse', expected 'polygon' or 'mask'"),
        ({"tolerance": -1}, "tolerance: got -1, expected 0 or more"),
        ({"tolerance": float("nan")}, "tolerance: got nan"),
    ],
)
def test_a_bad_argument_is_named(arguments: Dict[str, Any], message: str) -> None:
    with pytest.raises(persense.InvalidArgument, match=message):
        found_in("beans").to_labelme(**arguments)
