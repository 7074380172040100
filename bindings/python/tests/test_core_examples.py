"""Every way to mark an object, encoded queries, classes, filters; and what wrong ones are told."""

from __future__ import annotations

import concurrent.futures
import functools
import json
import pathlib
import pickle
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import persense

WIDTH, HEIGHT = 160, 120
GROUND, POTATO, STONE = (40, 90, 50), (220, 170, 60), (70, 110, 230)
Example = persense.Example


def discs() -> np.ndarray:
    """Twelve discs of radius 9, numbered in reading order: (H, W) int64."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = (x % 40 - 20) ** 2 + (y % 40 - 20) ** 2 <= 81
    return np.where(inside, 1 + x // 40 + 4 * (y // 40), 0)


def is_stone(disc: Any) -> Any:
    """The second line of discs are stones, the others potatoes."""
    return (disc >= 5) & (disc <= 8)


@functools.lru_cache(maxsize=None)
def scene() -> np.ndarray:
    numbers = discs()
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = GROUND
    image[numbers > 0] = POTATO
    image[is_stone(numbers)] = STONE
    return image


@functools.lru_cache(maxsize=None)
def pipeline() -> persense.Pipeline:
    return persense.Pipeline("classic")


def box_of(disc: int) -> List[int]:
    x, y = 40 * ((disc - 1) % 4), 40 * ((disc - 1) // 4)
    return [x + 11, y + 11, x + 30, y + 30]


def mark_of(kind: str, disc: int) -> Dict[str, Any]:
    x0, y0, x1, y1 = box_of(disc)
    return {
        "mask": {"mask": discs() == disc},
        "filled box": {"mask": np.pad(np.ones((19, 19), bool), ((y0, 101 - y0), (x0, 141 - x0)))},
        "box": {"box": (x0, y0, x1, y1)},
        "point": {"point": ((x0 + x1) / 2, (y0 + y1) / 2)},
        "polygon": {"polygon": [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]},
        "labels": {"labels": discs(), "id": disc},
    }[kind]


KINDS = ["mask", "filled box", "box", "point", "polygon", "labels"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_mark_gives_a_mask_that_finds_the_objects(kind: str) -> None:
    support = pipeline().support(scene(), label="potato", **mark_of(kind, 1))
    [mask], [example] = support.masks, support.examples
    assert mask.shape == (HEIGHT, WIDTH) and mask.dtype == bool
    assert example.box == support.box and example.diameter == support.diameter
    assert not example.negative and (example.image == scene()).all()
    expected = discs() == 1
    # an outline around the disc is a square; a pixel too many all around is a quarter
    least = 0.65 if kind in ("filled box", "polygon") else 0.75
    assert (mask & expected).sum() / (mask | expected).sum() > least
    result = support.segment(scene())
    x, y = result.points.T
    assert len(result) == 8 and not is_stone(discs()[y, x]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_the_same_as_its_mark_given_alone(kind: str) -> None:
    alone = pipeline().support(scene(), **mark_of(kind, 1))
    listed = pipeline().support([Example(scene(), **mark_of(kind, 1))])
    assert (alone.masks[0] == listed.masks[0]).all()


def test_marks_may_be_files(tmp_path: pathlib.Path) -> None:
    image, labels = tmp_path / "scene.png", tmp_path / "labels.png"
    image.write_bytes(persense._core.encode_png(scene()))
    labels.write_bytes(persense._core.encode_png(discs().astype(np.uint8)))
    assert (persense.read_labels(labels) == discs()).all()
    support = pipeline().support(image, labels=labels, id=3)
    assert (support.mask == (discs() == 3)).all()
    assert (support.image == scene()).all()


def test_several_examples_and_negatives_make_one_support() -> None:
    support = pipeline().support(
        [
            Example(scene(), box=box_of(1)),
            Example(scene(), **mark_of("labels", 12)),
            Example(scene(), mask=discs() == 6, negative=True),
        ],
        label="potato",
    )
    examples = support.examples
    assert [e.negative for e in examples] == [False, False, True]
    assert examples[0].image is examples[2].image
    assert (support.mask & (discs() == 12)).any() and not (support.mask & (discs() == 6)).any()
    assert repr(support) == (
        f"Support(size=(160, 120), box={support.box}, examples=3, negative=1, label='potato')"
    )
    assert len(support.segment(scene())) == 8


@pytest.mark.parametrize(
    "negative",
    [
        Example(np.zeros((9, 9, 3), np.uint8), box=(1, 1, 5, 5)),
        discs() == 6,
        box_of(6),
        (60, 60),
        np.array([(51, 51), (70, 51), (70, 70), (51, 70)]),
    ],
    ids=["example", "mask", "box", "point", "polygon"],
)
def test_negatives_are_marks_on_the_same_image_or_examples(negative: Any) -> None:
    support = pipeline().support(scene(), box=box_of(1), negatives=[negative])
    assert [e.negative for e in support.examples] == [False, True]
    if not isinstance(negative, Example):
        assert (support.masks[1] & (discs() == 6)).sum() > 200


def test_a_query_is_encoded_once_and_may_be_the_supports_image() -> None:
    seen = []

    class Encoder:
        def encode(self, image: np.ndarray) -> np.ndarray:
            seen.append(image.shape)
            return image[::4, ::4].transpose(2, 0, 1).astype(np.float32)

    own = persense.Pipeline("classic", encoder=Encoder())
    query = own.encode(scene())
    assert query.size == (WIDTH, HEIGHT) and query.image is scene()
    assert repr(query) == "Query(160 x 120)"
    support = own.support(query, mask=discs() == 1)
    own.segment(query, support)
    own.segment(query, [support, own.support(query, mask=discs() == 6)])
    assert seen == [scene().shape]


def test_two_supports_of_one_query_give_what_fresh_queries_do_in_both_orders() -> None:
    supports = [pipeline().support(scene(), box=box_of(disc)) for disc in (1, 6)]
    fresh = [support.segment(scene())._core.csv() for support in supports]
    for order in ([0, 1], [1, 0]):
        query = pipeline().encode(scene())
        for index in order:
            assert supports[index].segment(query)._core.csv() == fresh[index]
    query = pipeline().encode(scene())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(lambda i: supports[i % 2].segment(query)._core.csv(), range(8)))
    assert asked == fresh * 4


@functools.lru_cache(maxsize=None)
def two_classes() -> persense.Result:
    query = pipeline().encode(scene())
    supports = [
        pipeline().support(query, box=box_of(1), label="potato"),
        pipeline().support(query, point=(60, 60), label="stone"),
    ]
    return pipeline().segment(query, supports, trace=True)


def test_several_supports_are_several_classes_in_reading_order() -> None:
    result = two_classes()
    numbers = [int(discs()[i.point[1], i.point[0]]) for i in result]
    assert numbers == list(range(1, 13))
    assert result.classes == ["potato", "stone"] and result.label == "potato, stone"
    assert result.counts == {"potato": 8, "stone": 4}
    for instance, number in zip(result, numbers):
        assert instance.class_index == is_stone(number)
        assert instance.label == result.classes[instance.class_index]
        assert not instance.touches_border
    assert repr(result).endswith("160 x 120, 8 potato, 4 stone)")
    parts = result.by_class()
    assert {name: len(part) for name, part in parts.items()} == result.counts
    assert parts["stone"].classes == ["stone"] and set(parts["stone"].class_indices) == {0}
    assert sum(p.estimated_count for p in parts.values()) == pytest.approx(result.estimated_count)
    assert len(parts["stone"].trace.passes) > 0
    assert (result.trace.similarity == parts["potato"].trace.similarity).all()
    with pytest.raises(persense.InvalidArgument, match="class: got 2, expected less than"):
        result.of_class(2)


def test_classes_of_the_same_name_are_told_apart_by_their_index() -> None:
    support = pipeline().support(scene(), box=box_of(1), label="x")
    other = pipeline().support(scene(), box=box_of(6), label="x")
    result = pipeline().segment(scene(), [support, other])
    with pytest.raises(persense.InvalidArgument, match="classes: two are called 'x'"):
        result.by_class()
    assert [len(result.of_class(k)) for k in (0, 1)] == [8, 4]
    unnamed = pipeline().support(scene(), box=box_of(6))
    assert pipeline().segment(scene(), [support, unnamed]).classes == ["x", "class 2"]
    assert pipeline().segment(scene(), unnamed).classes == ["object"]


def test_conversions_carry_the_class(tmp_path: pathlib.Path) -> None:
    result = two_classes()
    coco = result.to_coco()
    assert [(c["id"], c["name"]) for c in coco["categories"]] == [(1, "potato"), (2, "stone")]
    assert [a["category_id"] - 1 for a in coco["annotations"]] == result.class_indices.tolist()
    assert not any(a["touches_border"] for a in coco["annotations"])
    persense._core.write_coco(tmp_path / "coco.json", "x.png", result._core)
    written = json.loads((tmp_path / "coco.json").read_text())
    for part in ("categories", "annotations"):
        assert written[part] == coco[part]
    shapes = result.to_labelme(image_path="x.png")["shapes"]
    assert [shape["label"] for shape in shapes] == [i.label for i in result]
    classes = result.to_class_image()
    assert ((classes == 2) == is_stone(discs())).mean() > 0.97
    assert (classes > 0).tolist() == (result.to_labels() > 0).tolist()
    header, first = result._core.csv().splitlines()[:2]
    assert header.endswith("score,class,touches_border") and first.endswith(",potato,0")
    with pytest.raises(
        persense.InvalidArgument, match="category: got 'x', but there are 2 classes"
    ):
        result.to_coco(category="x")
    again = pickle.loads(pickle.dumps(result))
    assert again.counts == result.counts and again.to_coco() == coco
    pytest.importorskip("pandas", reason="pandas is not installed")
    assert result.to_dataframe()["class"].value_counts().to_dict() == result.counts


@pytest.mark.parametrize(
    "wanted, count",
    [
        ({}, 8),
        ({"max_instances": 3}, 3),
        ({"min_area": 500}, 0),
        ({"min_area": "0.5x"}, 8),
        ({"max_area": ".5x"}, 0),
        ({"max_area": 400, "min_score": 0}, 8),
        ({"border": "drop"}, 8),
        ({"region": np.arange(HEIGHT)[:, None] * np.ones(WIDTH, int) < 40}, 4),
        ({"region": [(0, 0), (160, 0), (160, 40), (0, 40)]}, 4),
    ],
)
def test_filters_say_what_is_reported(wanted: Dict[str, Any], count: int) -> None:
    support = pipeline().support(scene(), box=box_of(1))
    assert len(support.segment(scene(), **wanted)) == count
    [done] = support.segment_many([scene()], **wanted)
    assert len(done.result) == count


def test_what_touches_the_border_says_so_and_can_be_dropped() -> None:
    support = pipeline().support(scene(), box=box_of(1))
    cut = scene()[:, 20:]
    result = support.segment(cut)
    assert result.touches_border.tolist() == [mask.box[0] == 0 for mask in result.masks]
    assert result.touches_border.any()
    assert len(support.segment(cut, border="drop")) == 6


def test_a_pipelines_filter_is_the_default_of_its_queries() -> None:
    own = persense.Pipeline("classic", options={"filter.max_instances": 2})
    support = own.support(scene(), box=box_of(1))
    assert len(support.segment(scene())) == 2
    assert len(support.segment(scene(), max_instances=0)) == 8


WRONG = [
    ({"box": (200, 11, 220, 30)}, "support box: (200, 11, 220, 30) lies outside of the image"),
    ({"box": (30, 11, 11, 30)}, "support box: got (30, 11, 11, 30), expected finite x0 < x1"),
    ({"box": (1, 2, 3)}, "box: got int64 of shape (3,), expected four numbers: x0, y0, x1, y1"),
    ({"box": "1 2 3 4"}, "box: got "),
    ({"point": (160, 20)}, "support point: (160, 20) lies outside of the image of 160 x 120"),
    ({"point": (np.nan, 2)}, "point: got nan, expected pixels"),
    ({"polygon": [(1, 1), (9, 9)]}, "support polygon: got 2 vertices, expected at least 3"),
    ({"polygon": [1, 2, 3]}, "polygon: got int64 of shape (3,), expected numbers of shape (N, 2)"),
    ({"labels": discs(), "id": 13}, "support labels: no pixel has the id 13; the image has 1, 2"),
    ({"labels": discs(), "id": 0}, "support labels: got id 0, which is the background"),
    ({"labels": discs()[:9], "id": 1}, "support labels: size 160 x 9"),
    ({"labels": discs() / 2, "id": 1}, "labels: got float64 array of shape (120, 160)"),
    ({"labels": discs()}, "id: got None, expected both labels and id"),
    ({"id": 3}, "labels: got None, expected both labels and id"),
    ({"mask": np.zeros((HEIGHT, WIDTH), bool)}, "support mask: no pixel is set"),
    ({"mask": discs() == 1, "box": (1, 2, 3, 4)}, "example: got mask and box, expected one of"),
    ({}, "example: got no mark, expected one of mask, box, point, polygon, or labels with id"),
    ({"box": (11, 11, 30, 30), "negatives": [(12, 12, 29, 29)]}, "negative example: covers"),
    ({"box": (11, 11, 30, 30), "negatives": ["x.png"]}, "x.png"),
    ({"box": (11, 11, 30, 30), "negatives": [[1, 2, 3]]}, "negatives: got list at index 0"),
]


@pytest.mark.parametrize("marks, message", WRONG, ids=[message[:30] for _, message in WRONG])
def test_a_wrong_mark_is_one_line_that_names_it(marks: Dict[str, Any], message: str) -> None:
    with pytest.raises(persense.Error) as raised:
        pipeline().support(scene(), **marks)
    print(raised.value)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_a_point_where_nothing_is_says_so() -> None:
    flat = np.full((120, 160, 3), 128, np.uint8)
    with pytest.raises(persense.InvalidArgument, match=r"point: at \(80, 60\) the decoder"):
        pipeline().support(flat, point=(80, 60))


def test_wrong_examples_supports_and_queries_are_one_line() -> None:
    own = pipeline()
    support = own.support(scene(), box=box_of(1))
    other = persense.Pipeline("classic")
    one = Example(scene(), box=box_of(1))
    for call, message in (
        (lambda: own.support([]), "support: got no example, expected at least one"),
        (lambda: own.support([scene()]), "examples: got ndarray at index 0, expected persense.Ex"),
        (lambda: own.support([one], box=(1, 2, 3, 4)), "box: got one beside a list of examples"),
        (lambda: own.support([one._as_negative()]), "support: all examples are negative"),
        (lambda: own.support([one, Example(scene(), point=(200, 1))]), "example 2: support point"),
        (lambda: own.support(other.encode(scene()), box=box_of(1)), "another pipeline encoded"),
        (lambda: own.segment(other.encode(scene()), support), "another pipeline encoded Query("),
        (lambda: other.segment(scene(), support), "supports: another pipeline made Support("),
        (lambda: own.segment(scene(), []), "supports: got none, expected at least one"),
        (lambda: own.segment(scene(), [scene()]), "supports: got ndarray at index 0, expected"),
        (lambda: support.segment(scene(), min_score=2), "option filter.min_score: got 2"),
        (lambda: support.segment(scene(), min_area="half"), "min_area: got 'half', expected pixel"),
        (lambda: support.segment(scene(), max_area=2.5), "max_area: got 2.5, expected pixels"),
        (lambda: support.segment(scene(), border="cut"), 'option filter.border: got "cut"'),
        (lambda: support.segment(scene(), region=[(1, 1), (2, 2)]), "region: got 2 vertices"),
        (
            lambda: support.segment(scene(), region=np.ones((9, 9), bool)),
            "region: size 9 x 9, expected the query image's 160 x 120",
        ),
    ):
        with pytest.raises(persense.InvalidArgument) as raised:
            call()
        print(raised.value)
        assert message in str(raised.value) and "\n" not in str(raised.value)


def test_an_encoder_that_asks_for_more_than_an_image_is_told_why_not() -> None:
    class Encoder:
        def encode(self, image: np.ndarray, hint: float) -> np.ndarray:
            return image[None, :, :, 0] * np.float32(hint)

    message = r"encoder: got encode\(image, hint\), expected encode\(image\): an image is encoded"
    with pytest.raises(persense.InvalidArgument, match=message):
        persense.Pipeline("classic", encoder=Encoder())


def test_examples_and_pipelines_have_a_short_repr() -> None:
    assert repr(pipeline()) == (
        "Pipeline(encoder classic, detector classic, dmg classic, decoder classic)"
    )
    assert repr(Example("a/b.png", box=(1, 2, 3, 4))) == "Example('b.png', box=(1, 2, 3, 4))"
    assert repr(Example(scene(), labels=discs(), id=3, negative=True)) == (
        "Example(160 x 120 image, id=3, negative)"
    )
    assert repr(Example("a.png", polygon=[(1, 1), (2, 2), (3, 1)])) == (
        "Example('a.png', polygon of 3)"
    )


def test_pipelines_supports_and_queries_are_pickled_as_what_they_were_made_of() -> None:
    own = persense.Pipeline("classic", options={"idm.threshold": 25})
    query = own.encode(scene())
    support = own.support(
        query,
        box=box_of(1),
        label="potato",
        negatives=[Example(scene(), labels=discs(), id=6)],
    )
    again = pickle.loads(pickle.dumps(support))
    assert again is not support and again._pipeline.options["idm.threshold"] == "25"
    assert repr(again) == repr(support) and again.label == "potato"
    assert all((a == b).all() for a, b in zip(again.masks, support.masks))
    assert again.segment(scene())._core.csv() == support.segment(scene())._core.csv()
    # made once, for equal pipelines and for each support
    assert pickle.loads(pickle.dumps(support)) is again
    equal = persense.Pipeline("classic", options={"idm.threshold": 25})
    assert pickle.loads(pickle.dumps(equal)) is again._pipeline
    assert pickle.loads(pickle.dumps(persense.Pipeline("classic"))) is not again._pipeline
    assert pickle.loads(pickle.dumps(query)).size == query.size


class Halves:
    """A stage of the user's that can be pickled."""

    def density(self, image: np.ndarray, exemplars: np.ndarray) -> np.ndarray:
        return np.eye(8, dtype=np.float32)


def test_own_stages_are_pickled_where_they_can_be() -> None:
    own = persense.Pipeline("classic", dmg=Halves())
    assert pickle.loads(pickle.dumps(own)).options == own.options

    class Local(Halves):
        pass

    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(persense.Pipeline("classic", dmg=Local()))


def test_a_stage_sees_the_exemplars_with_their_masks_and_scores() -> None:
    seen: List[Any] = []

    class Dmg:
        def density(
            self, image: np.ndarray, exemplars: np.ndarray, *, query: "persense.stages.Query"
        ) -> np.ndarray:
            seen.append((exemplars, query.exemplar_masks, query.exemplar_scores))
            density = np.zeros((HEIGHT, WIDTH), np.float32)
            density[20::40, 20::40] = 1
            return density

    support = persense.Pipeline("classic", dmg=Dmg()).support(scene(), mask=discs() == 1)
    support.segment(scene())
    for boxes, masks, scores in seen:
        assert len(boxes) == len(masks) == len(scores) > 0
        for box, mask in zip(boxes, masks):
            assert mask is None or list(mask.box) == box.tolist()


def test_a_labelme_file_serves_as_examples(tmp_path: pathlib.Path) -> None:
    (tmp_path / "scene.png").write_bytes(persense._core.encode_png(scene()))

    def shape(label: str, kind: str, points: Any, group: Any = None) -> Dict[str, Any]:
        return {"label": label, "shape_type": kind, "points": points, "group_id": group}

    x0, y0, x1, y1 = box_of(2)
    document = {
        "imagePath": "scene.png",
        "imageWidth": WIDTH,
        "imageHeight": HEIGHT,
        "shapes": [
            shape("potato", "rectangle", [[30, 30], [11, 11]]),
            shape("not potato", "point", [[60.5, 60.5]]),
            shape("stone", "polygon", [[51, 51], [70, 51], [70, 70], [51, 70]]),
            shape("-stone", "circle", [[60, 100], [69, 100]]),
            shape("potato", "polygon", [[x0, y0], [x1, y0], [x1, y1]], 4),
            shape("potato", "polygon", [[x0, y0], [x0, y1], [x1, y1]], 4),
        ],
    }
    file = tmp_path / "scene.json"
    file.write_text(json.dumps(document))
    examples = persense.read_examples(file)
    assert {k: [(e.kind, e.negative) for e in v] for k, v in examples.items()} == {
        "potato": [("box", False), ("point", True), ("mask", False)],
        "stone": [("polygon", False), ("polygon", True)],
    }
    assert examples["potato"][0].mark == [11, 11, 30, 30]
    assert examples["potato"][2].mark[y0:y1, x0:x1].all()
    supports = [pipeline().support(given, label=name) for name, given in examples.items()]
    assert pipeline().segment(scene(), supports).counts == {"potato": 8, "stone": 4}
    query = pipeline().encode(scene())
    assert persense.read_examples(file, image=query)["stone"][0].image is query
    document["shapes"] = [shape("a", "line", [[0, 0], [1, 1]])]
    file.write_text(json.dumps(document))
    with pytest.raises(persense.Unreadable, match="shape 1 is a line, expected"):
        persense.read_examples(file)
    document["shapes"] = [shape("-", "point", [[0, 0]])]
    file.write_text(json.dumps(document))
    with pytest.raises(persense.Unreadable, match="shape 1 has no name"):
        persense.read_examples(file)
    document["imagePath"] = "elsewhere.png"
    file.write_text(json.dumps(document))
    with pytest.raises(persense.FileNotFound, match="elsewhere.png"):
        persense.read_examples(file)
