"""Arguments of the wrong type, and one thing in the place of several: one line each."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
import pytest
from samples import DATA, found_in, persense, support_of
from test_core_examples import Example, box_of, discs, pipeline, scene

BEANS = DATA / "beans"
DENSITY = np.ones((8, 8))


def segment(**keywords: Any) -> Any:
    return support_of("beans").segment(scene(), **keywords)


def many(queries: Any, **keywords: Any) -> Any:
    return support_of("beans").segment_many(queries, **keywords)


def support(**keywords: Any) -> Any:
    return pipeline().support(scene(), **{"box": box_of(1), **keywords})


def namer(**keywords: Any) -> Any:
    return persense.ClassLabelExtractor(**{"endpoint": "http://localhost:1", **keywords})


def result() -> Any:
    return found_in("beans")


WRONG: Dict[str, Callable[[], object]] = {
    "models: got 3, expected": lambda: persense.Pipeline(3),
    "device: got 0, expected text": lambda: persense.Pipeline("classic", device=0),
    "dtype: got ": lambda: persense.Pipeline("classic", dtype=np.float16),
    "threads: got '2', expected a whole number": lambda: persense.Pipeline("classic", threads="2"),
    "threads: got 2.0, expected a whole number": lambda: persense.Pipeline("classic", threads=2.0),
    "preset: got None, expected text": lambda: persense.Pipeline("classic", preset=None),
    "options: got ['idm.threshold=3'], expected a mapping": lambda: persense.Pipeline(
        "classic", options=["idm.threshold=3"]
    ),
    "options: key: got 3, expected text": lambda: persense.Pipeline("classic", options={3: 4}),
    "label: got 3, expected text, a ClassLabel or": lambda: support(label=3),
    "phrase: got 4, expected text": lambda: support(label=persense.ClassLabel("a", 4, "")),
    "id: got 'one', expected a label's number": lambda: support(box=None, labels=discs(), id="one"),
    "id: got 1099511627776, expected": lambda: support(box=None, labels=discs(), id=2**40),
    "negatives: got 5, expected Examples or marks": lambda: support(negatives=5),
    "negatives, index 0: got {}, expected an Example": lambda: support(negatives=[{}]),
    "mask: got dict, expected an array of": lambda: support(box=None, mask={}),
    "box: got list, expected four numbers": lambda: support(box=[[1], [2, 3]]),
    "image: got dict, expected a uint8 array": lambda: pipeline().support({}, box=box_of(1)),
    "image: got NoneType, expected a uint8 array": lambda: pipeline().encode(None),
    "supports: got 3, expected what Pipeline.support": lambda: pipeline().segment(scene(), 3),
    "supports: got str at index 0, expected": lambda: pipeline().segment(scene(), "abc"),
    "query: got Support, expected a uint8": lambda: pipeline().segment(support(), support()),
    "trace: got 'yes', expected True or False": lambda: segment(trace="yes"),
    "progress: got 3, expected a function": lambda: segment(progress=3),
    "min_score: got 'high', expected a number": lambda: segment(min_score="high"),
    "min_area: got [3], expected pixels": lambda: segment(min_area=[3]),
    "option filter.max_instances: got list": lambda: segment(max_instances=[3]),
    'option filter.border: got "3"': lambda: segment(border=3),
    "region: got {}, expected a mask": lambda: segment(region={}),
    "region: got list (": lambda: segment(region=[[1, 2], [3]]),
    "jobs: got '2', expected a whole number": lambda: many([], jobs="2"),
    "queries: got 'a.jpg', expected several images": lambda: many("a.jpg"),
    "queries: got PosixPath, expected several": lambda: many(BEANS / "01.jpg"),
    "queries: got uint8 of shape (120, 160, 3), expected": lambda: many(scene()),
    "queries: got uint8 of shape (120, 160), expected": lambda: many(scene()[:, :, 0]),
    "queries: got Query, expected several": lambda: many(pipeline().encode(scene())),
    "queries: got None, expected several": lambda: many(None),
    "image_size: got (30,), expected (width, height)": lambda: persense.idm(DENSITY, (30,)),
    "image_size: got 30, expected (width, height)": lambda: persense.idm(DENSITY, 30),
    "image_size: got (8.5, 8), expected": lambda: persense.idm(DENSITY, (8.5, 8)),
    "option idm.threshold: got list": lambda: persense.idm(DENSITY, (8, 8), threshold=[3]),
    "density: got NoneType, expected": lambda: persense.idm(None, (8, 8)),
    "count: got 'two', expected a number": lambda: persense.ppsm(
        [[1, 1]], DENSITY, "two", [[0, 0, 8, 8]]
    ),
    "label: got 3, expected text": lambda: persense.all_phrase(3),
    "answer: got None, expected text": lambda: persense.label_from_answer(None),
    "endpoint: got 8080, expected a URL": lambda: namer(endpoint=8080),
    "timeout: got '3', expected seconds": lambda: namer(timeout="3"),
    "retries: got 1.5, expected a whole number": lambda: namer(retries=1.5),
    "path: got 3, expected a path": lambda: persense.read_image(3),
    "path: got None, expected a path": lambda: persense.read_mask(None),
    "path: got [], expected a path": lambda: persense.read_labels([]),
    "path: got {}, expected a path": lambda: persense.read_labelme({}),
    "archive: got 3, expected a path": lambda: persense.info(3),
    "class: got 'a', expected a whole number": lambda: result().of_class("a"),
    "dtype: got 'deep', expected integers": lambda: result().to_labels("deep"),
    "fill: got 'half', expected 0 to 1": lambda: result().overlay(fill="half"),
    "numbers: got 'no', expected True or False": lambda: result().overlay(numbers="no"),
    "fill: got None, expected 0 to 1": lambda: result().plot(fill=None),
    "ax: got 'a', expected matplotlib's axes": lambda: result().plot(ax="a"),
    "file_name: got 3, expected text": lambda: result().to_coco(file_name=3),
    "min_scor: unknown, expected region, min_score": lambda: many([], min_scor=1),
    "tolerance: got 'a', expected pixels": lambda: result().to_labelme(tolerance="a"),
    "label: got 3, expected text": lambda: result().to_labelme(label=3),
    "category_id: got 'a', expected a whole number": lambda: result().to_coco(category_id="a"),
    "category_id: got [1, 2], expected another one for each class, 1": lambda: result().to_coco(
        category_id=[1, 2]
    ),
    "first_annotation_id: got 'a', expected": lambda: result().to_coco(first_annotation_id="a"),
    "polygons: got 'yes', expected True or": lambda: result().to_coco(polygons="yes"),
    "category: got 3, expected text": lambda: result().to_coco(category=3),
    "origin: got int64 of shape (), expected two numbers": lambda: persense.Mask(
        np.ones((3, 3), bool), origin=3
    ),
    "bits: got NoneType, expected an array of": lambda: persense.Mask(None),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_argument_is_one_line_that_names_it(message: str) -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        WRONG[message]()
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_a_stack_an_array_of_paths_and_encoded_images_are_several() -> None:
    own = support()
    paths = np.array([str(BEANS / "00.jpg"), "none.jpg"])
    assert [done.error is None for done in own.segment_many(paths)] == [True, False]
    stack = np.stack([scene(), scene()])
    assert [len(done.result) for done in own.segment_many(stack)] == [8, 8]
    query = pipeline().encode(scene())
    assert [len(done.result) for done in own.segment_many([query])] == [8]


def test_a_wrong_query_among_several_has_its_line_and_ends_nothing() -> None:
    done = list(support().segment_many([3, scene()]))
    assert str(done[0].error).startswith("query: got int, expected a uint8 array")
    assert len(done[1].result) == 8


def test_everything_has_a_short_repr() -> None:
    own = support(label="potato")
    found = own.segment(scene())
    x0, y0, x1, y1 = found.masks[0].box
    area, score = found[0].area, found[0].score
    box = f"({x0}, {y0}, {x1}, {y1})"
    assert repr(found[0]) == (
        f"Instance(1, box={box}, score={score:.2f}, area={area}, label='potato')"
    )
    assert repr(found[0].mask) == f"Mask(box={box}, area={area})"
    assert repr(own.examples[0]) == f"SupportExample(160 x 120 image, box={own.box})"
    [done] = own.segment_many([scene()])
    assert repr(done) == f"Segmented(ndarray, {found!r})"
    things = [pipeline(), own, found, found[0], Example(scene(), mask=discs() == 1), done]
    for thing in [*things, pipeline().encode(scene())]:
        assert len(repr(thing)) < 160 and "\n" not in repr(thing)


def test_masks_are_made_of_any_numbers() -> None:
    inside = np.zeros((5, 6), bool)
    inside[1:3, 2:5] = True
    for bits in (inside, inside.astype(np.int64) * 7, inside[:, :, None].astype(np.float32)):
        mask = persense.Mask(bits, origin=(10, 20))
        assert mask.box == (12, 21, 15, 23) and mask.area == 6
