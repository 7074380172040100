"""Stages of the user's in any slot."""

from __future__ import annotations

import gc
import traceback
import weakref
from typing import Any, List

import numpy as np
import pytest
from samples import DATA, persense

BEANS = DATA / "beans"


def segment(image: Any = BEANS / "01.jpg", **stages: Any) -> Any:
    pipeline = persense.Pipeline("classic", **stages)
    return (
        pipeline.support(BEANS / "00.jpg", BEANS / "00.png", "bean")
        .segment(image, trace=True)
        ._core
    )


class Density:
    def density(self, image: np.ndarray, exemplars: np.ndarray) -> Any:
        assert (
            image.shape == (480, 640, 3) and image.dtype == np.uint8 and not image.flags.writeable
        )
        assert exemplars.shape[1:] == (4,) and exemplars.dtype == np.float32 and len(exemplars) >= 1
        density = np.zeros((60, 80))  # float64, and another size than the image's
        density[4::8, 4::8] = 1
        return density


class Encoder:
    def encode(self, image: np.ndarray) -> Any:
        return image[4::8, 4::8].transpose(2, 0, 1).astype(np.float32) / 255


class Detector:
    def detect(self, query: Any) -> Any:
        return np.array([[100, 100, 150, 150], [0, 0, 640, 480]]), [0.9, 0.5]


class Decoder:
    """A square around every point."""

    def __init__(self) -> None:
        self.roles: List[str] = []

    def decode(self, query: Any, points: np.ndarray) -> Any:
        self.roles.append(query.role)
        height, width = query.image.shape[:2]
        masks: List[Any] = []
        for x, y in points.tolist():
            x0, y0 = max(0, min(x - 5, width - 10)), max(0, min(y - 5, height - 10))
            masks.append((np.ones((10, 10), bool), (x0, y0)))
        return masks, np.full(len(points), 0.5)


def test_density_of_the_users_makes_the_points() -> None:
    core = segment(dmg=Density())
    assert core.estimated_count == 70
    assert core.density.shape == (60, 80)
    assert len(core.trace.passes[0].candidates) == 70


def test_own_stages_fill_every_slot_together() -> None:
    decoder = Decoder()
    core = segment(encoder=Encoder(), detector=Detector(), dmg=Density(), decoder=decoder)
    assert decoder.roles == ["exemplar", "first_pass", "final_pass"]
    assert len(core) > 0 and (core.scores == 0.5).all()
    assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (m.box for m in core.masks)} == {(10, 10)}
    assert core.trace.label_detections[0].tolist() == [[100, 100, 150, 150], [0, 0, 640, 480]]


def test_detector_may_tell_label_and_phrase_apart() -> None:
    class Both:
        def detect(self, query: Any) -> Any:
            assert (query.label, query.phrase) == ("bean", "all beans")
            return ([[1, 2, 30, 40]], [0.8]), ([[0, 0, 640, 480], [5, 5, 9, 9]], [0.9, 0.7])

    trace = segment(detector=Both()).trace
    assert len(trace.label_detections[0]) == 1 and len(trace.phrase_detections[0]) == 2


def test_detector_that_finds_nothing_has_a_note_that_says_what_took_its_place() -> None:
    class Blind:
        def detect(self, query: Any) -> Any:
            return np.zeros((0, 4), np.float32), []

    nothing = "no detection above confidence 0.15"
    similar = segment(detector=Blind())
    assert len(similar) > 0
    assert similar.notes[0].startswith(nothing + ", so boxes around what is most similar")
    none = segment(detector=Blind(), options={"detector.fallback": "off"})
    assert (len(none), none.notes) == (0, [nothing])


def test_decoder_of_the_method_grounded_sam_is_given_the_detectors_boxes() -> None:
    class Boxes:
        def decode(self, query: Any, points: np.ndarray) -> Any:
            self.boxes, self.points, self.query = query.boxes, points, query
            masks = [(np.ones((y1 - y0, x1 - x0), bool), (x0, y0)) for x0, y0, x1, y1 in
                     query.boxes.astype(int).tolist()]  # fmt: skip
            return masks, np.full(len(points), 0.5)

    decoder = Boxes()
    found = segment(detector=Detector(), decoder=decoder, options={"method": "grounded_sam"})
    assert decoder.boxes.tolist() == [[100, 100, 150, 150], [0, 0, 640, 480]]
    assert decoder.points.tolist() == [[125, 125], [320, 240]]
    assert (found.estimated_count, found.notes) == (2, [])
    assert [m.box for m in found.masks] == [(100, 100, 150, 150)]  # of repeats, the first one
    with pytest.raises(persense.InvalidArgument, match="query: was used after the stage"):
        decoder.query.boxes  # noqa: B018


def test_decoder_of_the_method_persense_is_given_points_alone() -> None:
    class Points(Decoder):
        def decode(self, query: Any, points: np.ndarray) -> Any:
            assert query.boxes is None
            return super().decode(query, points)

    assert len(segment(decoder=Points())) > 0


def test_decoder_may_give_whole_masks_one_array_or_none() -> None:
    whole = np.zeros((480, 640), np.uint8)
    whole[100:120, 200:230] = 255

    class Whole:
        def decode(self, query: Any, points: np.ndarray) -> Any:
            return [whole if i == 0 else None for i in range(len(points))], [1.0] * len(points)

    class Stack:
        def decode(self, query: Any, points: np.ndarray) -> Any:
            return np.stack([whole > 0] * len(points)), np.ones(len(points), np.float32)

    for decoder in (Whole(), Stack()):
        core = segment(decoder=decoder)
        assert [m.box for m in core.masks] == [(200, 100, 230, 120)]


def test_density_with_a_parameter_query_is_given_the_query() -> None:
    class Curious:
        def density(self, image: np.ndarray, exemplars: np.ndarray, *, query: Any) -> Any:
            assert query.image is image or np.shares_memory(query.image, image)
            assert (query.exemplars == exemplars).all()
            assert query.similarity.shape == (480, 640) and not query.similarity.flags.writeable
            assert query.support_image.shape == (240, 320, 3)
            assert query.support_mask.shape == (240, 320) and query.support_mask.dtype == bool
            assert query.features.shape == (3, 60, 80) and query.role is None
            self.query, self.kept = query, query.similarity
            return np.maximum(query.similarity, 0)

    stage = Curious()
    core = segment(dmg=stage, encoder=Encoder())
    assert (stage.kept == core.trace.similarity).all()  # an array may be kept
    for name in (
        "image",
        "similarity",
        "support_image",
        "support_mask",
        "label",
        "exemplars",
        "features",
    ):
        with pytest.raises(persense.InvalidArgument, match="query: was used after the stage"):
            getattr(stage.query, name)


def test_what_a_stage_raises_reaches_the_caller_with_its_traceback() -> None:
    class Mine(Exception):
        pass

    class Raises:
        def density(self, image: np.ndarray, exemplars: np.ndarray) -> Any:
            raise Mine("mine")

    with pytest.raises(Mine, match="mine") as raised:
        segment(dmg=Raises())
    assert "in density" in "".join(traceback.format_tb(raised.value.__traceback__))


@pytest.mark.parametrize(
    "slot, method, result, message",
    [
        ("dmg", "density", None, "dmg: density map: got NoneType, expected floats of shape (h, w)"),
        ("dmg", "density", np.zeros(3), "dmg: density map: got float64 of shape (3,)"),
        ("dmg", "density", np.zeros((3, 3), int), "dmg: density map: got int64 of shape (3, 3)"),
        ("dmg", "density", np.full((3, 3), -1.0), "density map: lowest value -1"),
        ("dmg", "density", np.full((3, 3), np.nan), "density map: value nan"),
        ("dmg", "density", np.zeros((0, 3)), "density map: size 3 x 0"),
        ("encoder", "encode", np.zeros((3, 3)), "encoder: features: got float64 of shape (3, 3)"),
        ("detector", "detect", None, "detector: got NoneType"),
        ("detector", "detect", ([[1, 2, 3]], [1]), "detector: boxes: got int64 of shape (1, 3)"),
        (
            "detector",
            "detect",
            ([[1, 2, 3, 4]], [1, 2]),
            "detector: confidences: got int64 of shape (2,)",
        ),
        ("detector", "detect", ([[1, 2, 3, 4]], [2.0]), "detector: confidence 0 is 2"),
        ("decoder", "decode", ([], []), "decoder: 0 masks for 1 prompts"),
        ("decoder", "decode", ([None], [1, 2]), "decoder: scores: got int64 of shape (2,)"),
        ("decoder", "decode", ([np.ones((3, 3), bool)], [1]), "decoder: mask 0: is 3 x 3"),
        ("decoder", "decode", ([np.ones((480, 640))], [1]), "decoder: mask 0: got float64"),
        ("decoder", "decode", ([(np.ones((9, 9), bool), (-3, 0))], [1]), "decoder: mask 0 covers"),
    ],
)
def test_wrong_answer_of_a_stage_names_its_slot(
    slot: str, method: str, result: Any, message: str
) -> None:
    stage = type("Wrong", (), {method: lambda self, *_: result})()
    with pytest.raises(persense.InvalidArgument) as raised:
        segment(**{slot: stage})
    assert str(raised.value).startswith(message)


def test_object_without_the_method_is_refused() -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        persense.Pipeline("classic", dmg=Decoder())
    assert str(raised.value) == (
        'dmg: got Decoder, expected "mini", "classic", an archive\'s path or an object with a '
        "method density(image, exemplars)"
    )


def test_stage_is_released_with_its_pipeline() -> None:
    stage = Density()
    gone = weakref.ref(stage)
    pipeline = persense.Pipeline("classic", dmg=stage)
    support = pipeline.support(BEANS / "00.jpg", BEANS / "00.png")
    del stage, pipeline
    assert gone() is not None
    del support
    gc.collect()
    assert gone() is None


def test_stage_may_use_a_pipeline_itself() -> None:
    inner = persense.Pipeline("classic").support(BEANS / "00.jpg", BEANS / "00.png")

    class Nested:
        def density(self, image: np.ndarray, exemplars: np.ndarray) -> Any:
            return inner.segment(image).density

    assert len(segment(dmg=Nested())) > 0
