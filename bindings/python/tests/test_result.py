"""Result: what it holds, and that every conversion says the same."""

from __future__ import annotations

import csv
import json
import pathlib
import pickle
import sys
import types

import numpy as np
import pytest
from samples import DATA, found_in, persense, run_program, support_of

KINDS = ["beans", "berries", "cells", "pebbles"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of what the program writes about the cells."""
    folder = tmp_path_factory.mktemp("program")
    cells = DATA / "cells"
    example = ["--support", cells / "00.jpg", "--mask", cells / "00.png", "--label", "cells"]
    outputs = ["--labels", "--csv", "--coco", "--overlay"]
    models = ["--models", "classic"]
    run_program("segment", *example, *models, cells / "01.jpg", "-o", folder, *outputs)
    return folder


def dense_of(mask: "persense.Mask", width: int, height: int) -> np.ndarray:
    dense = np.zeros((height, width), dtype=bool)
    x0, y0, x1, y1 = mask.box
    dense[y0:y1, x0:x1] = mask.bits
    return dense


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_one_row_an_instance_and_agree_with_the_masks(kind: str) -> None:
    result = found_in(kind)
    count = len(result)
    assert count == result.count > 20
    assert result.boxes.shape == (count, 4) and result.boxes.dtype == np.float32
    assert result.points.shape == (count, 2) and result.points.dtype == np.int32
    assert result.scores.shape == (count,) and result.scores.dtype == np.float32
    assert result.areas.tolist() == [mask.bits.sum() for mask in result.masks]
    assert result.boxes.tolist() == [list(mask.box) for mask in result.masks]
    for array in (result.boxes, result.points, result.scores, result.areas, result.density):
        assert not array.flags.writeable
    for mask in result.masks:
        x0, y0, x1, y1 = mask.box
        assert mask.bits.shape == (y1 - y0, x1 - x0) and mask.bits.dtype == bool


def test_a_result_is_a_sequence_of_instances() -> None:
    result = found_in("beans")
    instances = list(result)
    assert len(instances) == len(result)
    assert {(i.class_index, i.label) for i in instances} == {(0, "beans")}
    for index, instance in enumerate(instances):
        assert instance.id == index + 1
        assert instance.box.tolist() == result.boxes[index].tolist()
        assert instance.point.tolist() == result.points[index].tolist()
        assert instance.score == result.scores[index]
        assert instance.area == result.areas[index]
    assert result[0].id == 1 and result[-1].id == len(result)
    assert result[np.int64(2)].id == 3
    assert [instance.id for instance in result[1:4]] == [2, 3, 4]


@pytest.mark.parametrize("index", [10_000, -10_000])
def test_an_index_beyond_the_count_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match=f"instance {index}: the result has"):
        found_in("beans")[index]


def test_repr_is_one_line_with_count_size_and_file() -> None:
    result = found_in("beans")
    assert repr(result) == (
        f"Result({len(result)} instances, estimated {result.estimated_count:.1f}, 640 x 480, "
        "'01.jpg', label='beans')"
    )


def test_count_confidence_is_how_far_both_counts_agree() -> None:
    result = found_in("beans")
    counts = sorted((len(result), result.estimated_count))
    assert result.count_confidence == pytest.approx(counts[0] / counts[1])


def test_to_dense_holds_every_mask_in_the_frame() -> None:
    result = found_in("berries")
    dense = result.to_dense()
    assert dense.shape == (len(result), 480, 640) and dense.dtype == bool
    for plane, mask in zip(dense, result.masks):
        assert (plane == dense_of(mask, 640, 480)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_to_labels_gives_a_pixel_to_the_highest_score(kind: str) -> None:
    result = found_in(kind)
    expected = np.zeros((480, 640), dtype=int)
    best = np.full((480, 640), -np.inf)
    for instance, plane in zip(result, result.to_dense()):
        wins = plane & (instance.score > best)  # not >=: the earlier one on ties
        expected[wins] = instance.id
        best[wins] = instance.score
    labels = result.to_labels()
    assert labels.dtype == np.int32
    assert (labels == expected).all()


def test_to_labels_equals_the_programs_label_image(written: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    labels = found_in("cells").to_labels(np.uint16)
    assert labels.dtype == np.uint16
    assert (labels == np.asarray(pil.open(written / "01_labels.png"))).all()


@pytest.mark.parametrize("dtype", [np.int8, np.float32, bool])
def test_to_labels_refuses_a_dtype_that_cannot_hold_the_count(dtype: type) -> None:
    result = found_in("cells")
    assert len(result) <= 127 or dtype is not np.int8, "the sample has too many cells for int8"
    many = support_of("cells").segment(
        np.tile(persense.read_image(DATA / "cells" / "01.jpg"), (1, 2, 1))
    )
    with pytest.raises(persense.InvalidArgument, match="dtype: got .*, expected integers"):
        many.to_labels(dtype)


def test_to_coco_loads_in_pycocotools_and_decodes_to_the_masks(tmp_path: pathlib.Path) -> None:
    coco_tools = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    result = found_in("pebbles")
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(result.to_coco(image_id=7, first_annotation_id=100)))
    coco = coco_tools.COCO(str(path))
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[7]))
    assert [a["id"] for a in annotations] == list(range(100, 100 + len(result)))
    assert coco.imgs[7]["file_name"] == "01.jpg"
    assert coco.cats[1]["name"] == "pebbles"
    for annotation, plane in zip(annotations, result.to_dense()):
        assert (coco.annToMask(annotation).astype(bool) == plane).all()
        assert annotation["area"] == plane.sum()


def test_to_coco_says_what_the_programs_file_says(written: pathlib.Path) -> None:
    assert found_in("cells").to_coco() == json.loads((written / "instances.json").read_text())


def test_to_coco_takes_names_from_the_caller() -> None:
    coco = found_in("beans").to_coco(category="seed", file_name="a/b.tif")
    assert coco["categories"][0]["name"] == "seed"
    assert coco["images"][0]["file_name"] == "a/b.tif"


def test_to_dataframe_equals_the_programs_table(written: pathlib.Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    table = found_in("cells").to_dataframe()
    with open(written / "01_instances.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert list(table.columns) == rows[0]
    written_scores = [float(row.pop(rows[0].index("score"))) for row in rows[1:]]
    table["touches_border"] = table["touches_border"].astype(int)
    assert table.drop(columns="score").astype(str).to_numpy().tolist() == rows[1:]
    # the file has four decimals
    np.testing.assert_allclose(table["score"], written_scores, atol=5.1e-5)


def test_to_coco_gives_categories_the_ids_that_a_data_set_has() -> None:
    result = found_in("beans")
    coco = result.to_coco(category_id=5, first_annotation_id=10)
    assert [c["id"] for c in coco["categories"]] == [5]
    assert {a["category_id"] for a in coco["annotations"]} == {5}
    assert coco["annotations"][-1]["id"] == 9 + len(result)


def test_to_coco_has_polygons_where_they_are_asked_for() -> None:
    result = found_in("pebbles")
    for tolerance, least in ((0, 1.0), (0.75, 0.9)):
        coco = result.to_coco(polygons=True, tolerance=tolerance)
        for annotation, instance in zip(coco["annotations"], result):
            drawn = np.zeros((480, 640), dtype=bool)
            for polygon in annotation["segmentation"]:
                assert len(polygon) >= 6
                corners = np.array(polygon).reshape(-1, 2)
                drawn |= persense._core.filled(corners, 640, 480) > 0
            mask = dense_of(instance.mask, 640, 480)
            assert (drawn & mask).sum() >= least * mask.sum()  # what is drawn beside it are holes
    assert coco["annotations"][0]["area"] == result[0].area
    assert result.to_coco(polygons=False) == result.to_coco()


def test_polygons_load_in_pycocotools(tmp_path: pathlib.Path) -> None:
    coco_tools = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    result = found_in("cells")
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(result.to_coco(polygons=True, category_id=3)))
    coco = coco_tools.COCO(str(path))
    for annotation, plane in zip(coco.loadAnns(coco.getAnnIds(catIds=[3])), result.to_dense()):
        drawn = coco.annToMask(annotation).astype(bool)
        assert (drawn & plane).sum() / (drawn | plane).sum() > 0.8


def test_to_supervision_has_boxes_masks_and_scores() -> None:
    sv = pytest.importorskip("supervision", reason="supervision is not installed")
    result = found_in("beans")
    detections = result.to_supervision()
    assert len(detections) == len(result)
    assert (detections.xyxy == result.boxes).all()
    assert (detections.confidence == result.scores).all()
    assert set(detections.data["class_name"]) == {"beans"}
    assert len(detections[detections.confidence > np.median(result.scores)]) < len(result)
    assert isinstance(detections.mask, getattr(sv, "CompactMask", np.ndarray))
    for each in (detections, result.to_supervision(masks=True)):
        assert (np.asarray(each.mask) == result.to_dense()).all()
    assert isinstance(result.to_supervision(masks=True).mask, np.ndarray)
    assert result.to_supervision(masks=False).mask is None


def test_to_supervision_makes_no_large_masks_without_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Detections:
        def __init__(self, **values: object) -> None:
            self.mask = values["mask"]

    old = types.SimpleNamespace(Detections=Detections)  # before CompactMask
    monkeypatch.setitem(sys.modules, "supervision", old)
    result = found_in("beans")
    assert result.to_supervision().mask.shape == (len(result), 480, 640)
    monkeypatch.setattr(persense._exports, "_DENSE_BYTES", 1000)
    with pytest.warns(
        UserWarning, match="masks over the whole image would take .* GB and are left"
    ):
        assert result.to_supervision().mask is None
    assert result.to_supervision(masks=True).mask.shape == (len(result), 480, 640)


def test_no_instance_is_empty_in_every_conversion() -> None:
    flat = np.full((60, 80, 3), 128, dtype=np.uint8)
    result = support_of("beans").segment(flat)
    assert len(result) == 0 and list(result) == []
    assert result.boxes.shape == (0, 4) and result.areas.shape == (0,)
    assert result.to_dense().shape == (0, 60, 80)
    assert result.to_labels().max() == 0
    assert result.to_coco()["annotations"] == []
    assert result.to_labelme(image_path="flat.png")["shapes"] == []
    for package, convert in (("pandas", "to_dataframe"), ("supervision", "to_supervision")):
        try:
            assert len(getattr(result, convert)()) == 0
        except ImportError as error:
            assert package in str(error)


@pytest.mark.parametrize(
    "package, extra, convert",
    [
        ("pandas", "dataframe", "to_dataframe"),
        ("supervision", "supervision", "to_supervision"),
        ("matplotlib.pyplot", "plot", "plot"),
    ],
)
def test_a_missing_package_is_named_with_the_way_to_install_it(
    package: str, extra: str, convert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs .*pip install 'persense\[{extra}\]'"):
        getattr(found_in("beans"), convert)()


def test_pickling_keeps_everything_but_the_image() -> None:
    result = found_in("beans")
    data = pickle.dumps(result)
    copy = pickle.loads(data)
    assert len(data) < 4 * result.density.nbytes + 4 * result.trace.similarity.nbytes
    assert repr(copy) == repr(result)
    for name in ("boxes", "scores", "points", "areas", "density"):
        assert (getattr(copy, name) == getattr(result, name)).all()
    assert (copy.to_labels() == result.to_labels()).all()
    assert copy.to_coco() == result.to_coco()
    assert copy.timings == result.timings and copy.notes == result.notes
    assert (copy.trace.similarity == result.trace.similarity).all()
    assert copy.image is None and result.image is not None


def test_without_a_trace_there_is_a_line_that_says_how_to_get_one() -> None:
    result = support_of("beans").segment(DATA / "beans" / "01.jpg")
    assert not result.has_trace and found_in("beans").has_trace
    with pytest.raises(persense.InvalidArgument, match="trace: this result has none, expected"):
        result.trace.plot()


def test_a_trace_holds_the_stages_of_every_pass() -> None:
    trace = found_in("pebbles").trace
    assert trace.similarity.shape == (480, 640)
    assert -1 <= trace.similarity.min() <= trace.similarity.max() <= 1
    boxes, confidences = trace.label_detections
    assert boxes.shape == (len(confidences), 4)
    x, y = trace.location_prior
    assert 0 <= x < 640 and 0 <= y < 480
    assert [len(step.exemplars) for step in trace.passes] == [1, 4]
    for step in trace.passes:
        assert len(step.masks) == len(step.prompts) == len(step.scores)
        assert {tuple(p) for p in step.prompts} <= {tuple(p) for p in step.candidates}
    assert repr(trace).startswith("Trace(2 passes, prompts: ")
