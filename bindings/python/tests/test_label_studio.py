"""`persense serve` as Label Studio's ML backend: what it answers is what Label Studio's SDK takes."""

from __future__ import annotations

import base64
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import DATA, persense
from serving import ask, serving

pytest.importorskip("label_studio_sdk", reason="label-studio-sdk is not installed")
from label_studio_sdk.converter import brush  # noqa: E402
from label_studio_sdk.label_interface import LabelInterface  # noqa: E402

BEANS = DATA / "beans"
WIDTH, HEIGHT = 640, 480
BOX = (46, 172, 103, 224)  # around one bean

CONFIG = """
<View>
  <Image name="image" value="$photo"/>
  <{0} name="found" toName="image"><Label value="bean"/><Label value="stone"/></{0}>
  <KeyPointLabels name="points" toName="image" smart="true"><Label value="bean"/></KeyPointLabels>
  <BrushLabels name="strokes" toName="image" smart="true"><Label value="bean"/></BrushLabels>
</View>
"""


def rectangle() -> Dict[str, Any]:
    x0, y0, x1, y1 = BOX
    value = {
        "x": 100 * x0 / WIDTH,
        "y": 100 * y0 / HEIGHT,
        "width": 100 * (x1 - x0) / WIDTH,
        "height": 100 * (y1 - y0) / HEIGHT,
        "rotation": 0,
        "rectanglelabels": ["bean"],
    }
    return region("rectanglelabels", value)


def region(kind: str, value: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "id": "smart",
        "from_name": "r",
        "to_name": "image",
        "type": kind,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value,
    }


def predicted(
    address: str, config: str, *marks: Dict[str, Any], photo: str = "/data/local-files/?d=01.jpg"
) -> Dict[str, Any]:
    """The prediction for one task, which the SDK finds valid for the project's configuration."""
    context = {"result": list(marks)} if marks else None
    request = {
        "tasks": [{"id": 1, "data": {"photo": photo}}],
        "project": "1.1700000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }
    status, answer = ask(address + "/predict", request)
    assert status == 200, answer
    (prediction,) = answer["results"]
    assert LabelInterface(config).validate_prediction(prediction, return_errors=True) == []
    return prediction


def dense(one: Dict[str, Any]) -> np.ndarray:
    """The mask of a brush region, as Label Studio exports it."""
    values = brush.decode_rle(one["value"]["rle"])
    rgba = values.reshape(HEIGHT, WIDTH, 4)
    assert (rgba == rgba[..., :1]).all()
    return rgba[..., 3] > 0


def expected(**mark: Any) -> "persense.Result":
    pipeline = persense.Pipeline("classic")
    image = pipeline.encode(BEANS / "01.jpg")
    return pipeline.segment(image, pipeline.support(image, **mark))


def test_brush_regions_are_the_masks_that_python_finds_to_the_pixel() -> None:
    with serving(BEANS) as address:
        regions = predicted(address, CONFIG.format("BrushLabels"), rectangle())["result"]
    result = expected(box=BOX)
    assert len(regions) == len(result) > 50
    for one, mask, score in zip(regions, result.to_dense(), result.scores):
        assert (dense(one) == mask).all()
        assert one["score"] == pytest.approx(score, abs=1e-4)
        assert one["value"]["brushlabels"] == ["bean"]


def test_polygons_and_boxes_are_the_masks_outlines_in_percent() -> None:
    result = expected(box=BOX)
    with serving(BEANS) as address:
        boxes = predicted(
            address, CONFIG.format("RectangleLabels").replace("BrushLabels", "Brush"), rectangle()
        )
        polygons = predicted(address, CONFIG.format("PolygonLabels"), rectangle())
    scale = np.array([100 / WIDTH, 100 / HEIGHT])
    for one, box in zip(boxes["result"], result.boxes):
        value = one["value"]
        corner = np.array([value["x"], value["y"]])
        size = np.array([value["width"], value["height"]])
        assert np.allclose([corner, corner + size], box.reshape(2, 2) * scale)
    outlines = result.to_coco(polygons=True)["annotations"]
    assert len(polygons["result"]) == len(outlines)
    for one, outline in zip(polygons["result"], outlines):
        parts = [np.reshape(part, (-1, 2)) * scale for part in outline["segmentation"]]
        points = np.array(one["value"]["points"])
        assert any(p.shape == points.shape and np.allclose(p, points) for p in parts)


def test_a_stroke_that_label_studio_encodes_marks_its_object() -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[190:206, 62:88] = 255
    rle = brush.encode_rle(np.repeat(mask.ravel(), 4))
    value = {"format": "rle", "rle": [int(byte) for byte in rle], "brushlabels": ["bean"]}
    with serving(BEANS) as address:
        found = predicted(address, CONFIG.format("BrushLabels"), region("brushlabels", value))[
            "result"
        ]
    assert len(found) == len(expected(mask=mask)) > 50


def test_tasks_in_which_nothing_is_marked_get_what_the_support_shows() -> None:
    support = ("--support", BEANS / "00.jpg", "--class", "bean", "--mask", BEANS / "00.png")
    photo = "data:image/jpeg;base64," + base64.b64encode((BEANS / "01.jpg").read_bytes()).decode()
    with serving(*support) as address:
        prediction = predicted(address, CONFIG.format("BrushLabels"), photo=photo)
    pipeline = persense.Pipeline("classic")
    result = pipeline.support(BEANS / "00.jpg", BEANS / "00.png").segment(BEANS / "01.jpg")
    assert len(prediction["result"]) == len(result)
    assert prediction["score"] == pytest.approx(float(result.scores.mean()), abs=1e-3)


def test_basic_authentication_carries_the_token() -> None:
    def status(password: str) -> int:
        credentials = base64.b64encode(f"anybody:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        return ask(address + "/setup", {"schema": CONFIG.format("PolygonLabels")}, headers)[0]

    with serving("--token", "sesame") as address:
        assert status("sesame") == 200
        assert status("wrong") == 401


def test_what_is_wrong_is_one_line() -> None:
    def refused(photo: str, marks: List[Dict[str, Any]]) -> str:
        request = {
            "tasks": [{"data": {"photo": photo}}],
            "label_config": CONFIG.format("PolygonLabels"),
            "params": {"context": {"result": marks}},
        }
        status, answer = ask(address + "/predict", request)
        assert 400 <= status < 500
        return answer["error"]

    with serving(BEANS) as address:
        assert "no such file" in refused("/data/local-files/?d=../cells/01.jpg", [rectangle()])
        assert "expected" in refused("http://169.254.169.254/latest/meta-data/", [rectangle()])
        broken = region("brushlabels", {"rle": [1, 2, 3], "brushlabels": ["bean"]})
        assert refused("/data/local-files/?d=01.jpg", [broken]) == "region 1: rle: ends too early"
