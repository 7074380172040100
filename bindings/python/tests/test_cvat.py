"""persense.cvat: what its functions give is what CVAT's own driver takes."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import types
from typing import Any, List

import numpy as np
import pytest
from samples import DATA, found_in, persense

pytest.importorskip("cvat_sdk.auto_annotation", reason="cvat-sdk is not installed")
pytest.importorskip("PIL.Image", reason="Pillow is not installed")
import cvat_sdk.auto_annotation as cvataa  # noqa: E402
import PIL.Image  # noqa: E402
from cvat_sdk.auto_annotation import driver  # noqa: E402
from cvat_sdk.masks import decode_mask  # noqa: E402
from persense import cvat  # noqa: E402

BEANS = DATA / "beans"
SUPPORT = {"support": str(BEANS / "00.jpg"), "mask": str(BEANS / "00.png"), "models": "classic"}


class Task:
    """A task of one image, on a server that keeps what is uploaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, label_type: str, *names: str) -> None:
        labels = [
            types.SimpleNamespace(
                name=name, id=70 + i, type=label_type, attributes=[], sublabels=[]
            )
            for i, name in enumerate(names)
        ]
        media = types.SimpleNamespace(load_image=lambda: PIL.Image.open(BEANS / "01.jpg"))
        sample = types.SimpleNamespace(frame_name="01.jpg", frame_index=5, media=media)
        dataset = types.SimpleNamespace(labels=labels, samples=[sample])
        monkeypatch.setattr(driver, "TaskDataset", lambda *_, **__: dataset)
        self.uploaded: Any = None
        api = types.SimpleNamespace(partial_update_annotations=self.upload)
        self.client = types.SimpleNamespace(
            logger=logging.getLogger("cvat"), tasks=types.SimpleNamespace(api=api)
        )

    def upload(self, _action: str, _task: int, *, patched_labeled_data_request: Any) -> None:
        self.uploaded = patched_labeled_data_request

    def annotate(self, function: Any, **options: Any) -> List[Any]:
        cvataa.annotate_task(self.client, 137, function, **options)
        return self.uploaded.shapes


def test_masks_are_uploaded_to_the_pixel_under_the_tasks_label(monkeypatch) -> None:
    task = Task(monkeypatch, "mask", "stone", "bean")
    shapes = task.annotate(cvat.create(label="bean", **SUPPORT))
    result = found_in("beans")
    assert len(shapes) == len(result)
    width, height = result.size
    for shape, mask in zip(shapes, result.to_dense()):
        assert (shape.label_id, shape.frame, shape.source) == (71, 5, "auto")
        points = [float(p) for p in shape.points]
        assert (decode_mask(points, image_width=width, image_height=height) == mask).all()


def test_polygons_are_the_outlines_where_they_are_asked_for(monkeypatch) -> None:
    outlines = [
        part
        for one in found_in("beans").to_coco(polygons=True)["annotations"]
        for part in one["segmentation"]
    ]
    converted = Task(monkeypatch, "any", "bean").annotate(
        cvat.create(label="bean", **SUPPORT), conv_mask_to_poly=True
    )
    drawn = Task(monkeypatch, "polygon", "bean").annotate(
        cvat.create(label="bean", shape="polygon", **SUPPORT)
    )
    for shapes in (converted, drawn):
        assert [shape.type.value for shape in shapes] == ["polygon"] * len(outlines)
        assert all(list(s.points) == list(part) for s, part in zip(shapes, outlines))


def test_boxes_and_the_confidence_are_as_cvat_asks(monkeypatch) -> None:
    result = found_in("beans")
    least = float(np.median(result.scores))
    shapes = Task(monkeypatch, "rectangle", "bean").annotate(
        cvat.create(label="bean", shape="rectangle", **SUPPORT), conf_threshold=least
    )
    sure = result.boxes[result.scores >= least].tolist()
    assert 0 < len(sure) < len(result)
    assert sorted(list(shape.points) for shape in shapes) == sorted(sure)


def test_a_task_without_the_label_is_refused_by_cvat(monkeypatch) -> None:
    with pytest.raises(cvataa.BadFunctionError, match="'object' is not in dataset"):
        Task(monkeypatch, "mask", "bean").annotate(cvat.create(**SUPPORT))


def test_cvat_cli_makes_the_function_from_its_parameters() -> None:
    common = pytest.importorskip("cvat_cli._internal.common", reason="cvat-cli is not installed")
    parser = argparse.ArgumentParser()
    parser.set_defaults(_executor=None)
    common.configure_function_implementation_arguments(parser)
    given = [f"{name}=str:{value}" for name, value in {**SUPPORT, "label": "bean"}.items()]
    arguments = [word for each in given for word in ("-p", each)]
    parsed = parser.parse_args(["--function-module", "persense.cvat", *arguments])
    function = common.FunctionLoader(
        parsed.function_module, parsed.function_file, parsed.function_parameters
    ).load()
    assert isinstance(function, cvat.Detection)
    assert [label.name for label in function.spec.labels] == ["bean"]


class Prompts(cvataa.InteractionPrompts if hasattr(cvataa, "InteractionPrompts") else object):
    """What a user of CVAT marked."""

    pos_points: Any = ()
    neg_points: Any = ()
    bounding_box: Any = None

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


@pytest.mark.skipif(
    not hasattr(cvataa, "InteractionFunctionSpec"),
    reason="this cvat-sdk has no interaction functions",
)
def test_users_mark_an_object_in_the_image_itself() -> None:
    function = cvat.create(mark="box", models="classic")
    assert isinstance(function, cvat.Interaction)
    assert function.spec.min_bounding_boxes == 1
    image = PIL.Image.open(BEANS / "01.jpg")
    encoded = function.preprocess_image(None, image)
    pipeline = persense.Pipeline("classic")
    marks = {
        "box": ((46, 172, 103, 224), {"bounding_box": ((46.0, 172.0), (103.0, 224.0))}),
        "point": ((75, 198), {"pos_points": [(75.5, 198.2)]}),
    }
    for kind, (mark, prompts) in marks.items():
        shapes = function.detect(None, encoded, Prompts(**prompts))
        result = pipeline.support(image, **{kind: mark}).segment(image)
        assert len(shapes) == len(result) > 50
        width, height = result.size
        for shape, instance, mask in zip(shapes, result, result.to_dense()):
            found = decode_mask(shape.points, image_width=width, image_height=height)
            assert shape.type == "mask" and (found == mask).all()
            assert float(shape.attributes[0].value) == pytest.approx(instance.score, abs=1e-4)


def test_a_labelme_file_gives_a_label_for_each_name(tmp_path) -> None:
    shutil.copy(BEANS / "01.jpg", tmp_path)
    marks = tmp_path / "marks.json"
    found_in("beans").to_labelme(marks, image_path="01.jpg")
    document = json.loads(marks.read_text())
    document["shapes"] = [
        {**shape, "label": name} for shape, name in zip(document["shapes"], ("bean", "seed"))
    ]
    marks.write_text(json.dumps(document))
    function = cvat.create(prompts=str(marks), models="classic")
    assert [(label.name, label.id) for label in function.spec.labels] == [("bean", 0), ("seed", 1)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shape": "ellipse"}, "shape: got 'ellipse', expected 'mask' or 'polygon' or 'rectangle'"),
        ({"mark": "brush"}, "mark: got 'brush', expected 'point' or 'box'"),
        (
            {"support": "a.jpg", "box": "1,2,3"},
            "box: got '1,2,3', expected numbers with commas between them, as in 120,80,160,130",
        ),
        (
            {"support": "a.jpg", "point": "1,b"},
            "point: got '1,b', expected numbers with commas between them, as in 120,80,160,130",
        ),
        (
            {"support": "a.jpg", "prompts": "m.json"},
            "prompts: got 'm.json', expected either it or a support",
        ),
    ],
)
def test_what_is_wrong_is_one_line(given, message) -> None:
    with pytest.raises(persense.InvalidArgument) as error:
        cvat.create(models="classic", **given)
    assert str(error.value) == message


def test_a_support_in_which_nothing_is_marked_is_refused() -> None:
    with pytest.raises(persense.InvalidArgument, match="mask"):
        cvat.create(str(BEANS / "00.jpg"), models="classic")
