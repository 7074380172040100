"""Files of other tools, read back as those read them."""

from __future__ import annotations

import json
import pathlib
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import DATA, found_in, persense, run_program, support_of

from persense._core import filled

KINDS = ("beans", "cells", "berries")


def fill(rings: List[Any], result: "persense.Result") -> np.ndarray:
    """What is inside of all rings together (even-odd rule)."""
    inside = np.zeros(result.size[::-1], dtype=bool)
    for ring in rings:
        inside ^= filled(np.asarray(ring, dtype=float), *result.size) != 0
    return inside


def rings_of(geometry: Dict[str, Any]) -> List[Any]:
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    return [ring[:-1] for polygon in polygons for ring in polygon]


def two_classes() -> "persense.Result":
    """Three lines of four discs each, the second of which is of another colour."""
    y, x = np.mgrid[:120, :160]
    inside = (x % 40 - 20) ** 2 + (y % 40 - 20) ** 2 <= 81
    picture = np.full((120, 160, 3), (40, 90, 50), dtype=np.uint8)
    picture[inside] = (220, 170, 60)
    picture[inside & (y // 40 == 1)] = (70, 110, 230)
    pipeline = persense.Pipeline("classic")
    supports = [pipeline.support(picture, point=(20, row)) for row in (20, 60)]
    result = pipeline.segment(picture, supports)
    assert result.class_indices.tolist() == [0] * 4 + [1] * 4 + [0] * 4
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_geojson_is_the_masks_to_the_pixel(kind: str) -> None:
    result = found_in(kind)
    features = result.to_geojson()["features"]
    assert [feature["id"] for feature in features] == [instance.id for instance in result]
    for feature, mask in zip(features, result.to_dense()):
        assert (fill(rings_of(feature["geometry"]), result) == mask).all()
        measured = feature["properties"]["measurements"]
        assert measured["area"] == mask.sum()


def test_geojson_is_valid_for_shapely_and_has_the_areas() -> None:
    shapely = pytest.importorskip("shapely.geometry", reason="shapely is not installed")
    for kind in KINDS:
        result = found_in(kind)
        for feature, area in zip(result.to_geojson()["features"], result.areas):
            shape = shapely.shape(feature["geometry"])
            assert shape.is_valid and shape.area == area


def test_geojson_has_the_class_the_score_and_what_objects_are_asked_for() -> None:
    result = found_in("beans")
    document = json.loads(json.dumps(result.to_geojson("annotation")))
    assert document["type"] == "FeatureCollection"
    for feature, score in zip(document["features"], result.scores):
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert properties["classification"] == {"name": "beans"}
        assert properties["measurements"]["score"] == pytest.approx(score, abs=1e-4)
    assert result.to_geojson()["features"][0]["properties"]["objectType"] == "detection"


@pytest.mark.parametrize("kind", KINDS)
def test_yolo_polygons_are_nearly_the_masks(kind: str) -> None:
    result = found_in(kind)
    lines = result.to_yolo().splitlines()
    assert len(lines) == len(result)
    for line, mask in zip(lines, result.to_dense()):
        index, *values = line.split(" ")
        assert index == "0" and len(values) >= 6
        corners = np.array(values, dtype=float).reshape(-1, 2)
        assert 0 <= corners.min() and corners.max() <= 1
        polygon = fill([corners * result.size], result)
        assert (mask & polygon).sum() > 0.95 * (mask | polygon).sum()


def test_yolo_boxes_are_the_boxes() -> None:
    result = found_in("beans")
    values = np.array([line.split() for line in result.to_yolo(boxes=True).splitlines()], float)
    assert (values[:, 0] == 0).all()
    centre, size = values[:, 1:3] * result.size, values[:, 3:] * result.size
    assert np.hstack([centre - size / 2, centre + size / 2]) == pytest.approx(
        result.boxes, abs=1e-3
    )


def test_yolo_counts_classes_from_0_in_their_order() -> None:
    result = two_classes()
    found = [int(line.split()[0]) for line in result.to_yolo().splitlines()]
    assert found == result.class_indices.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_roifile_reads_the_masks_to_the_pixel(kind: str, tmp_path: pathlib.Path) -> None:
    roifile = pytest.importorskip("roifile", reason="roifile is not installed")
    result = found_in(kind)
    result.save_rois(tmp_path / "a.zip", slice=3)
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [roi.name for roi in rois] == [f"{i.id:04d} {kind}" for i in result]
    for roi, instance, mask in zip(rois, result, result.to_dense()):
        assert (roi.left, roi.top, roi.right, roi.bottom) == instance.mask.box
        assert roi.position == 3 and roi.group == 0
        assert (fill(roi.coordinates(multi=True), result) == mask).all()


def test_roifile_reads_classes_as_groups(tmp_path: pathlib.Path) -> None:
    roifile = pytest.importorskip("roifile", reason="roifile is not installed")
    result = two_classes()
    result.save_rois(tmp_path / "a.zip")
    rois = roifile.roiread(tmp_path / "a.zip")
    assert [roi.group for roi in rois] == (result.class_indices + 1).tolist()
    assert {roi.position for roi in rois} == {0}


def test_cellpose_gets_the_labels_their_borders_and_the_image(tmp_path: pathlib.Path) -> None:
    result = found_in("cells")
    result.save_cellpose(tmp_path / "01_seg.npy")
    content = np.load(tmp_path / "01_seg.npy", allow_pickle=True).item()
    labels = result.to_labels()
    assert (content["masks"] == labels).all() and content["masks"].dtype == np.uint16
    assert content["filename"] == str(DATA / "cells" / "01.jpg") and "img" not in content
    outlines = content["outlines"]
    on_border = outlines > 0
    assert (outlines[on_border] == labels[on_border]).all()
    assert set(np.unique(outlines)) == set(np.unique(labels))
    assert on_border.sum() < 0.5 * (labels > 0).sum()
    assert content["ismanual"].tolist() == [False] * labels.max()
    assert content["chan_choose"] == [0, 0] and len(content["flows"]) == 5


def test_cellpose_gets_the_image_of_a_result_without_a_file(tmp_path: pathlib.Path) -> None:
    picture = persense.read_image(DATA / "beans" / "01.jpg")
    support_of("beans").segment(picture).save_cellpose(tmp_path / "x_seg.npy")
    content = np.load(tmp_path / "x_seg.npy", allow_pickle=True).item()
    assert (content["img"] == picture).all()
    assert content["filename"] == str(tmp_path / "x")


def test_outlines_for_cellpose_follow_labels_that_touch(tmp_path: pathlib.Path) -> None:
    from persense._formats import _inner_borders

    labels = np.zeros((5, 8), dtype=np.uint16)
    labels[1:4, :4], labels[:, 4:] = 1, 2
    borders = _inner_borders(labels)
    assert borders.dtype == labels.dtype
    assert borders.tolist() == [
        [0, 0, 0, 0, 2, 2, 2, 2],
        [1, 1, 1, 1, 2, 0, 0, 2],
        [1, 0, 0, 1, 2, 0, 0, 2],
        [1, 1, 1, 1, 2, 0, 0, 2],
        [0, 0, 0, 0, 2, 2, 2, 2],
    ]


def test_the_program_writes_the_same(tmp_path: pathlib.Path) -> None:
    folder = DATA / "beans"
    support = ["--support", folder / "00.jpg", "--mask", folder / "00.png", "--label", "beans"]
    flags = ["--models", "classic", "--yolo", "--geojson", "--imagej"]
    run_program("segment", *support, folder / "01.jpg", "-o", tmp_path, *flags)
    result = found_in("beans")
    assert (tmp_path / "01.txt").read_text() == result.to_yolo()
    assert json.loads((tmp_path / "01.geojson").read_text()) == result.to_geojson()
    result.save_rois(tmp_path / "python.zip")
    assert (tmp_path / "01_rois.zip").read_bytes() == (tmp_path / "python.zip").read_bytes()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda r, p: r.to_yolo("yes"), "boxes: got 'yes', expected True or False"),
        (lambda r, p: r.to_yolo(tolerance=-1), "tolerance: got -1, expected 0 or more"),
        (lambda r, p: r.to_geojson("cell"), "objects: got 'cell', expected 'detection' or"),
        (lambda r, p: r.save_rois(3), "path: got 3, expected a path"),
        (lambda r, p: r.save_rois(p / "a.zip", slice=-1), "slice: got -1, expected 0 to"),
        (lambda r, p: r.save_cellpose(p / "a.npy"), "a.npy', expected a name with _seg.npy"),
    ],
)
def test_a_bad_argument_is_named(call: Any, message: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(persense.InvalidArgument, match=message):
        call(found_in("beans"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_unwritable(tmp_path: pathlib.Path) -> None:
    for save in (found_in("beans").save_rois, found_in("beans").save_cellpose):
        with pytest.raises(persense.Unwritable, match="none/a_seg.npy: cannot write: No such"):
            save(tmp_path / "none" / "a_seg.npy")
