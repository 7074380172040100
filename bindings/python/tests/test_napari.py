"""The plugin of napari: what its dock finds is what the pipeline finds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import DATA, persense

os.environ["NAPARI_CONFIG"] = ""  # no settings of the user's, and none written
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from napari.components import ViewerModel
    from npe2 import PluginManifest
    from persense._napari.dock import Dock
    from persense._napari.marks import class_of, marks_of
    from persense._napari.planes import shown_plane
    from persense._napari.runs import Request, Runs
    from qtpy.QtCore import QEventLoop, QTimer
    from qtpy.QtWidgets import QApplication
except ImportError as error:
    pytest.skip(f"napari is not installed, or lacks a Qt: {error}", allow_module_level=True)

BEANS = persense.read_image(DATA / "beans" / "01.jpg")
INSTANCES = persense.read_labels(DATA / "beans" / "01_instances.png")
HEIGHT, WIDTH = INSTANCES.shape


@pytest.fixture(scope="module")
def application():
    yield QApplication.instance() or QApplication([])


@pytest.fixture()
def viewer(application):
    """The viewer without its window, which needs OpenGL."""
    yield ViewerModel()


@pytest.fixture()
def dock(viewer):
    dock = Dock(viewer)
    events = viewer.layers.events
    for event in (events.inserted, events.removed, events.renamed):
        event.connect(dock.reset_choices)  # as napari does with a dock widget
    dock.models.setCurrentText("classic")
    return dock


def press(dock: Dock) -> str:
    """Press the button, and give what the dock says when the run has ended."""
    loop = QEventLoop()
    dock.done.connect(loop.quit)
    QTimer.singleShot(60_000, loop.quit)
    QTimer.singleShot(0, dock.segment.click)
    loop.exec()
    assert dock.segment.isEnabled() and not dock.cancel.isEnabled(), "the run did not end"
    return dock.message


def painted(*numbers: int) -> "np.ndarray[Any, Any]":
    """Some of the beans in a label image, numbered from 1."""
    labels = np.zeros_like(INSTANCES)
    for label, number in enumerate(numbers, start=1):
        labels[INSTANCES == number] = label
    return labels


def rectangle(x0: float, y0: float, x1: float, y1: float) -> List[List[float]]:
    """Corners (y, x) whose sides run along pixels' sides; napari's pixels have whole centres."""
    corners = [[y0, x0], [y0, x1], [y1, x1], [y1, x0]]
    return [[y - 0.5, x - 0.5] for y, x in corners]


def found(*classes: Dict[str, Any], min_score: float = 0.0) -> "persense.Result":
    """What the pipeline finds by itself: for each class, its label and lists of marks."""
    pipeline = persense.Pipeline("classic")
    supports = []
    for each in classes:
        marks = [persense.Example(BEANS, **mark) for mark in each["marks"]]
        supports.append(pipeline.support(marks, label=each["label"]))
    return pipeline.segment(BEANS, supports, min_score=min_score)


def same(layer: Any, result: "persense.Result") -> bool:
    return len(result) > 1 and bool((np.squeeze(layer.data) == result.to_labels()).all())


def test_the_manifest_is_valid_and_names_the_dock() -> None:
    manifest = PluginManifest.from_distribution("persense")
    manifest.validate_imports()
    assert manifest.name == "persense"
    [widget] = manifest.contributions.widgets
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    assert commands[widget.command] == f"{Dock.__module__}:{Dock.__name__}"


def test_who_imports_the_package_does_not_import_napari() -> None:
    code = "import sys, persense; persense.Pipeline, persense.Result, persense.read_labelme; "
    code += "assert not {'napari', 'qtpy', 'npe2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_painted_objects_give_what_the_pipeline_gives(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    labels = painted(5, 9)
    viewer.add_labels(labels, name="bean")
    assert press(dock) == f"{len(viewer.layers['beans: prompts'].data)} bean"
    marks = [{"labels": labels, "id": 1}, {"labels": labels, "id": 2}]
    expected = found({"label": "bean", "marks": marks})
    instances, prompts = viewer.layers["beans: instances"], viewer.layers["beans: prompts"]
    assert same(instances, expected)
    assert (prompts.data == expected.points[:, ::-1]).all()
    assert viewer.layers.selection.active is instances

    table = instances.features
    assert list(table) == ["id", "class", "score", "area"]
    assert table["id"].tolist() == list(range(len(expected) + 1))
    assert table["class"].tolist() == ["background"] + ["bean"] * len(expected)
    assert np.allclose(table["score"][1:], expected.scores)
    assert table["area"][1:].tolist() == expected.areas.tolist()
    assert prompts.features["id"].tolist() == table["id"].tolist()[1:]


def test_a_rectangle_is_a_box(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_shapes([rectangle(160, 71, 202, 131)], shape_type="rectangle", name="bean")
    press(dock)
    expected = found({"label": "bean", "marks": [{"box": (160, 71, 202, 131)}]})
    assert same(viewer.layers["beans: instances"], expected)


def test_layers_are_classes_and_names_with_not_are_negatives(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_labels(painted(5), name="bean")
    viewer.add_labels(painted(20), name="other")
    viewer.add_points([[300, 40]], name="not bean")
    dock.min_score.setValue(0.3)
    said = press(dock)
    point = {"point": (40, 300), "negative": True}
    expected = found(
        {"label": "bean", "marks": [{"labels": painted(5), "id": 1}, point]},
        {"label": "other", "marks": [{"labels": painted(20), "id": 1}]},
        min_score=0.3,
    )
    assert same(viewer.layers["beans: instances"], expected)
    counts = expected.counts
    assert said.splitlines()[0] == f"{counts['bean']} bean, {counts['other']} other"
    assert set(viewer.layers["beans: prompts"].features["class"]) == {"bean", "other"}


def test_a_layer_that_is_not_ticked_marks_nothing(viewer, dock) -> None:
    from qtpy.QtCore import Qt

    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_labels(painted(5), name="bean")
    viewer.add_labels(painted(20), name="other")
    dock.marks.item(1).setCheckState(Qt.CheckState.Unchecked)
    viewer.layers["other"].name = "stone"  # stays so when the list is made anew
    assert [layer.name for layer in dock.chosen_marks()] == ["bean"]
    assert press(dock).splitlines()[0].endswith(" bean")


def test_a_second_run_takes_the_place_of_the_first_and_results_are_no_marks(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    bean = viewer.add_labels(painted(5), name="bean")
    press(dock)
    viewer.layers["beans: instances"].opacity = 0.3
    viewer.layers["beans: instances"].contour = 2
    viewer.layers.selection.active = bean
    before = viewer.layers["beans: instances"].data.copy()
    bean.data = painted(20)
    press(dock)
    names = ["beans", "bean", "beans: instances", "beans: prompts"]
    assert [layer.name for layer in viewer.layers] == names
    assert viewer.layers["beans: instances"].opacity == 0.3
    assert viewer.layers["beans: instances"].contour == 2
    assert viewer.layers.selection.active is bean
    assert (viewer.layers["beans: instances"].data != before).any()
    assert [layer.name for layer in dock.chosen_marks()] == ["bean"]


def test_nothing_that_is_found_is_a_count_of_0(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_labels(painted(5), name="bean")
    viewer.add_labels(painted(20), name="other")
    dock.min_score.setValue(1.0)
    assert press(dock).splitlines()[0] == "0 bean, 0 other"
    assert not viewer.layers["beans: instances"].data.any()
    assert len(viewer.layers["beans: prompts"].data) == 0


def test_an_image_is_encoded_again_only_when_it_changed(viewer, dock, monkeypatch) -> None:
    encoded = []
    encode = persense.Pipeline.encode
    monkeypatch.setattr(
        persense.Pipeline, "encode", lambda self, image: encoded.append(1) or encode(self, image)
    )
    image = viewer.add_image(BEANS.copy(), name="beans", rgb=True)
    bean = viewer.add_labels(painted(5), name="bean")
    press(dock)
    bean.data = painted(20)
    press(dock)
    assert len(encoded) == 1
    image.data[0, 0] = 0  # in place
    press(dock)
    assert len(encoded) == 2


def test_a_cancelled_run_leaves_the_layers_as_they_were(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_labels(painted(5), name="bean")
    press(dock)
    before = [(layer, layer.data.copy()) for layer in viewer.layers]
    viewer.layers["bean"].data = before[1][1].copy()
    dock.stepped.connect(lambda step, part: dock.cancel.click())
    assert press(dock) == "Cancelled"
    assert [layer for layer in viewer.layers] == [layer for layer, _ in before]
    assert all((layer.data == data).all() for layer, data in before)


def test_a_run_that_is_told_to_stop_goes_through_no_further_step(viewer) -> None:
    image = viewer.add_image(BEANS, name="beans", rgb=True)
    marks = marks_of(viewer, shown_plane(viewer, image), [viewer.add_labels(painted(5))])
    stop, steps = threading.Event(), []

    def report(step: str, part: float) -> None:
        steps.append(step)
        if step == "density":
            stop.set()

    with pytest.raises(persense.Cancelled):
        Runs().run(Request(BEANS, marks, "classic", 0.0), stop, report)
    assert steps[:3] == ["models", "encode", "marks"] and steps[-1] == "density"


def test_the_window_lives_while_a_run_goes_on(viewer, dock) -> None:
    viewer.add_image(BEANS, name="beans", rgb=True)
    viewer.add_labels(painted(5), name="bean")
    seen: List[str] = []
    timer = QTimer()
    timer.timeout.connect(lambda: seen.append(dock.message) if dock.cancel.isEnabled() else None)
    timer.start(1)
    press(dock)
    timer.stop()
    assert len(seen) > 5 and any(said.endswith(" ...") for said in seen)


def test_deep_pixels_go_through_the_contrast_limits(viewer, dock) -> None:
    deep = BEANS[:, :, 1].astype(np.uint16) * 16 + 1000
    layer = viewer.add_image(deep, name="deep", contrast_limits=(1000, 1000 + 255 * 16))
    assert (shown_plane(viewer, layer).pixels == BEANS[:, :, 1]).all()
    layer.contrast_limits = (1000 + 16 * 100, 1000 + 16 * 101)
    assert set(np.unique(shown_plane(viewer, layer).pixels)) == {0, 255}


def test_of_a_stack_the_slice_that_is_shown_is_asked(viewer, dock) -> None:
    grey = BEANS[:, :, 1]
    stack = np.stack([np.zeros_like(grey), np.zeros_like(grey), grey])
    image = viewer.add_image(stack, name="stack", scale=(5, 2, 2), translate=(10, 1, 1))
    labels = np.zeros(stack.shape, dtype=int)
    labels[2] = painted(5)
    labels[0, :9, :9] = 1
    viewer.add_labels(labels, name="bean", scale=(5, 2, 2), translate=(10, 1, 1))
    viewer.dims.set_point(0, 20)  # the third
    press(dock)
    pipeline = persense.Pipeline("classic")
    expected = pipeline.segment(grey, pipeline.support(grey, labels=painted(5), id=1))
    instances = viewer.layers["stack, slice 2: instances"]
    assert same(instances, expected)
    corner = instances.data_to_world((0, 0, 0))
    assert np.allclose(corner, image.data_to_world((2, 0, 0)))
    point = viewer.layers["stack, slice 2: prompts"]
    assert np.allclose(point.data_to_world(point.data[0])[0], 20)


def test_of_a_pyramid_the_finest_level_is_asked(viewer) -> None:
    pyramid = [BEANS[:, :, 1], BEANS[::2, ::2, 1]]
    image = viewer.add_image(pyramid, multiscale=True)
    assert (shown_plane(viewer, image).pixels == BEANS[:, :, 1]).all()
    [label] = marks(viewer, viewer.add_labels(painted(5)))
    assert (label["labels"] == painted(5)).all()


def marks(viewer: Any, *layers: Any) -> List[Dict[str, Any]]:
    plane = shown_plane(viewer, viewer.layers[0])
    found = marks_of(viewer, plane, layers)
    return [mark.keywords for each in found.values() for mark in each]


def test_marks_are_read_where_they_are_seen_on_the_image(viewer) -> None:
    viewer.add_image(BEANS, rgb=True, scale=(0.5, 0.5), translate=(100, 0))
    drawn = np.array(rectangle(160, 71, 202, 131)) * 0.5 + [100, 0]
    [box] = marks(viewer, viewer.add_shapes([drawn], shape_type="rectangle"))
    assert box == {"box": (160, 71, 202, 131)}
    [point] = marks(viewer, viewer.add_points([[110, 7.1]]))
    assert point == {"point": (14, 20)}
    shifted = viewer.add_labels(painted(5)[60:140], scale=(0.5, 0.5), translate=(130, 0))
    [label] = marks(viewer, shifted)
    assert (label["labels"] == painted(5)).all()


def test_outlines_are_polygons_and_a_turned_rectangle_is_one(viewer) -> None:
    viewer.add_image(BEANS, rgb=True)
    corners = np.array(rectangle(100, 200, 140, 220))
    shapes = viewer.add_shapes([corners], shape_type="polygon")
    shapes.add([corners], shape_type="ellipse")
    shapes.add([[[10, 20], [20, 30], [30, 20], [20, 10]]], shape_type="rectangle")
    polygon, ellipse, turned = (mark["polygon"] for mark in marks(viewer, shapes))
    assert polygon.tolist() == [[100, 200], [140, 200], [140, 220], [100, 220]]
    assert np.allclose(((ellipse - [120, 210]) / [20, 10]) ** 2 @ [1, 1], 1)
    assert len(turned) == 4


@pytest.mark.parametrize(
    "name, expected",
    [
        ("bean", ("bean", False)),
        ("bean [1]", ("bean", False)),
        ("not bean", ("bean", True)),
        ("-bean [2]", ("bean", True)),
        ("nothing", ("nothing", False)),
        ("not", ("", True)),
    ],
)
def test_a_layers_name_says_class_and_sign(name: str, expected: Any) -> None:
    assert class_of(name) == expected


def add_wrong(viewer: Any, case: str) -> None:
    if case == "no image":
        viewer.add_labels(painted(5), name="bean")
        return
    pixels = BEANS[:, :, 1].astype(float)
    if case == "not finite":
        pixels[3, 4] = np.nan
    viewer.add_image(pixels, name="beans", contrast_limits=(0, 255))
    if case == "no marks":
        return
    if case == "empty layer":
        viewer.add_labels(np.zeros_like(INSTANCES), name="bean")
    elif case == "outside":
        viewer.add_shapes([rectangle(-90, 0, -80, 9)], shape_type="rectangle", name="bean")
    elif case == "painted outside":
        labels = np.zeros((HEIGHT, WIDTH + 9), dtype=int)
        labels[5:9, WIDTH:] = 3
        viewer.add_labels(labels, name="bean")
    elif case == "point outside":
        viewer.add_points([[HEIGHT, 3]], name="bean")
    elif case == "line":
        viewer.add_shapes([[[1, 2], [30, 40]]], shape_type="line", name="bean")
    elif case == "other scale":
        viewer.add_labels(painted(5), name="bean", scale=(2, 2))
    elif case == "only negatives":
        viewer.add_labels(painted(5), name="not bean")
    elif case == "refused":
        viewer.add_labels(painted(5), name="bean")
        viewer.add_labels(painted(5), name="not bean")
    else:
        viewer.add_labels(painted(5), name="bean")
    if case == "3-D":
        viewer.add_image(np.zeros((3, HEIGHT, WIDTH)))
        viewer.dims.ndisplay = 3
    if case == "side":
        viewer.add_image(np.zeros((3, HEIGHT, WIDTH)))
        viewer.dims.order = (1, 0, 2)


@pytest.mark.parametrize(
    "case, said",
    [
        ("no image", "image: got none, expected an Image layer"),
        ("no marks", "marks: got none, expected a Labels, Shapes or Points layer"),
        ("empty layer", "'bean': nothing is marked in it"),
        ("outside", "'bean', shape 1: lies outside of the image of 640 x 480"),
        ("painted outside", "'bean', label 3: lies outside of the image of 640 x 480"),
        ("point outside", "'bean', point 1: lies outside of the image of 640 x 480"),
        ("line", "'bean', shape 1: got a line, expected a rectangle, an ellipse or a polygon"),
        ("other scale", "'bean': its pixels lie across those of 'beans'"),
        ("only negatives", "'not bean': got no layer 'bean' beside it"),
        ("refused", "'bean': negative example: covers the object"),
        ("3-D", "'beans': the viewer shows 3-D, expected 2-D, a slice"),
        ("side", "'beans': the viewer shows it from its side, expected its plane"),
        ("not finite", "'beans': array: 1 of 307200 values are not finite"),
    ],
)
def test_what_is_wrong_is_one_line_in_the_dock(viewer, dock, case: str, said: str) -> None:
    add_wrong(viewer, case)
    layers = list(viewer.layers)
    dock.image.setCurrentIndex(dock.image.findText("beans"))
    assert press(dock).startswith(said)
    assert "\n" not in dock.message and list(viewer.layers) == layers
