"""Pipelines, supports, queries: options, errors, progress, cancelling, many at once."""

from __future__ import annotations

import itertools
import pathlib
import pickle
import threading
from typing import Any, Iterator, List

import numpy as np
import pytest
from samples import DATA, found_in, persense, support_of

BEANS = DATA / "beans"
STEPS = "encode similarity detect exemplar density idm ppsm decode".split()
END = ["instances"]


def test_everything_that_the_package_names_is_there() -> None:
    for name in persense.__all__:
        assert getattr(persense, name) is not None
    assert set(persense.__all__) <= set(dir(persense))
    assert persense.__version__ == persense._core.__version__


def test_support_says_what_it_was_made_of() -> None:
    support = support_of("beans")
    assert support.size == (320, 240)
    x0, y0, x1, y1 = support.box
    inside = persense.read_mask(BEANS / "00.png") > 0
    rows, columns = np.nonzero(inside)
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert support.diameter == pytest.approx(2 * np.sqrt(inside.sum() / np.pi), rel=1e-6)  # float32
    assert (support.label, support.phrase, support.notes) == ("beans", "all beans", [])
    assert (support.mask > 0).tolist() == inside.tolist()


def test_options_are_set_by_key_from_numbers_words_and_switches() -> None:
    pipeline = persense.Pipeline(
        "classic",
        options={
            "idm.threshold": 25,
            "ppsm.norm_const": np.float64(1.5),
            "decoder.guidance": False,
            "location_prior": "box_center",
        },
    )
    got = pipeline.options
    assert [
        got[k] for k in ("idm.threshold", "ppsm.norm_const", "decoder.guidance", "location_prior")
    ] == ["25", "1.5", "off", "box_center"]
    assert persense.Pipeline("classic", preset="reference").options["ppsm.count_rounding"] == "ceil"
    assert set(got) == {option.key for option in persense.options()}


def test_options_come_from_a_settings_file_and_others_win_over_it(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"format": 1, "options": {"idm.threshold": 25, "feedback.shots": 2}}')
    pipeline = persense.Pipeline("classic", settings=file, options={"feedback.shots": 3})
    assert pipeline.options["idm.threshold"] == "25"
    assert pipeline.options["feedback.shots"] == "3"
    again = pickle.dumps(pipeline)
    file.write_text('{"format": 1, "options": {"idm.treshold": 25}}')
    assert pickle.loads(again).options == pipeline.options
    with pytest.raises(persense.InvalidArgument) as raised:
        persense.Pipeline("classic", settings=file)
    assert str(raised.value).startswith(f"{file}: option idm.treshold: unknown")
    with pytest.raises(persense.FileNotFound):
        persense.Pipeline("classic", settings=str(tmp_path / "none.json"))
    with pytest.raises(persense.InvalidArgument, match="settings: got 7, expected a file"):
        persense.Pipeline("classic", settings=7)


def test_option_list_has_defaults_that_are_in_their_ranges() -> None:
    defaults = persense.Pipeline("classic").options
    for option in persense.options():
        assert str(option.default) == defaults[option.key] or float(option.default) == float(
            defaults[option.key]
        )
        if option.values:
            assert option.default in option.values and option.lowest is None
        else:
            assert option.lowest <= option.default <= option.highest
        assert option.help


@pytest.mark.parametrize(
    "options, message",
    [
        ({"idm.treshold": 1}, "option idm.treshold: unknown"),
        ({"idm.threshold": 256}, "option idm.threshold: got 256, expected 0 to 255"),
        ({"idm.threshold": 1.5}, 'option idm.threshold: got "1.5", expected a whole number'),
        ({"idm.threshold": None}, "option idm.threshold: got NoneType, expected a number"),
        ({"idm.rules": "mine"}, 'option idm.rules: got "mine", expected paper or reference'),
    ],
)
def test_wrong_option_is_one_line_that_names_it(options: Any, message: str) -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        persense.Pipeline("classic", options=options)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_errors_are_the_built_in_ones_too(tmp_path: pathlib.Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    for path, kinds in (
        (tmp_path / "none.png", (persense.FileNotFound, FileNotFoundError)),
        (bad, (persense.Unreadable, OSError)),
        (tmp_path, (persense.Unreadable, OSError)),
    ):
        for kind in (*kinds, persense.Error):
            with pytest.raises(kind, match=path.name):
                support_of("beans").segment(path)
    expected = 'nowhere", expected "mini", "classic" or a folder with encoder.pt'
    for models in (tmp_path / "nowhere", "nowhere"):
        with pytest.raises(persense.FileNotFound, match=f'models: got ".*{expected}'):
            persense.Pipeline(models)
    with pytest.raises(persense.FileNotFound, match="no encoder.pt"):
        persense.Pipeline(tmp_path)
    with pytest.raises(persense.InvalidArgument, match='preset: got "mine"'):
        persense.Pipeline("classic", preset="mine")
    with pytest.raises(persense.InvalidArgument, match="device cuda"):
        persense.Pipeline("classic", device="cuda")


def test_errors_can_be_pickled() -> None:
    for error in (persense.InvalidArgument("one line"), persense.FileNotFound("one line")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == "one line" and again.code == error.code


def test_support_of_another_pipeline_is_refused() -> None:
    support, other = support_of("beans"), support_of("cells")
    with pytest.raises(persense.InvalidArgument, match="supports: another pipeline made Support"):
        support._pipeline.segment(np.zeros((9, 9), np.uint8), other)


def test_progress_names_every_step_before_it() -> None:
    seen: List[str] = []
    support_of("beans").segment(BEANS / "01.jpg", progress=seen.append)
    assert seen == [*STEPS, *STEPS[4:], *END]


def test_progress_of_two_arguments_gets_the_part_of_a_step_that_is_done() -> None:
    seen: List[Any] = []

    def progress(step: str, part: float) -> None:
        seen.append((step, part))

    support_of("beans").segment(BEANS / "01.jpg", progress=progress)
    assert [step for step, part in seen if part == 0] == [*STEPS, *STEPS[4:], *END]
    seen.clear()
    learned = persense.Pipeline().support(BEANS / "00.jpg", BEANS / "00.png")
    learned.segment(BEANS / "01.jpg", progress=progress)
    parts = [part for _, part in seen]
    assert 0 <= min(parts) and max(parts) <= 1


def test_what_progress_raises_reaches_the_caller_and_ends_the_run() -> None:
    seen: List[str] = []

    def stop(step: str) -> None:
        seen.append(step)
        if step == "density":
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        support_of("beans").segment(BEANS / "01.jpg", progress=stop)
    assert seen == STEPS[:5]


def test_trace_is_kept_where_it_is_asked_for() -> None:
    assert support_of("beans").segment(BEANS / "01.jpg")._core.trace is None
    core = found_in("beans")._core
    trace = core.trace
    assert trace.similarity.shape == (480, 640)
    assert -1 <= trace.similarity.min() and trace.similarity.max() <= 1
    assert len(trace.passes) == 2
    last = trace.passes[-1]
    assert len(last.prompts) == len(last.masks) == len(last.scores) <= len(last.candidates)
    assert (last.density == core.density).all()
    boxes, confidences = trace.label_detections
    assert boxes.shape == (len(confidences), 4)


@pytest.mark.parametrize("jobs", [1, 3])
def test_segment_many_is_in_order_and_an_unreadable_file_ends_nothing(jobs: int) -> None:
    queries = [DATA / kind / "01.jpg" for kind in ("beans", "cells", "berries")] * 2
    queries.insert(1, DATA / "none.jpg")
    support = support_of("beans")
    done = list(support.segment_many(queries, jobs=jobs))
    assert [d.query for d in done] == queries
    assert [d.error is None for d in done] == [q.name != "none.jpg" for q in queries]
    assert isinstance(done[1].error, persense.FileNotFound) and done[1].result is None
    for query, result, _ in done[2:]:
        assert result._core.csv() == support.segment(query)._core.csv()


def test_segment_many_reads_queries_as_it_goes() -> None:
    taken: List[int] = []

    def endless() -> Iterator[np.ndarray]:
        for i in itertools.count():
            taken.append(i)
            yield np.full((20, 30, 3), i % 256, np.uint8)

    many = support_of("beans").segment_many(endless(), jobs=2)
    for _ in range(3):
        assert next(many).error is None
    assert len(taken) <= 3 + 2 + 1
    many.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("persense")]


def test_segment_many_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    list(support_of("beans").segment_many([BEANS / "01.jpg"] * 2, progress=True))
    assert "2/2" in capsys.readouterr().err


def test_segment_many_says_what_is_wrong_with_jobs() -> None:
    with pytest.raises(persense.InvalidArgument, match="jobs: got 0"):
        support_of("beans").segment_many([], jobs=0)


def test_results_survive_pickle_exactly() -> None:
    core = found_in("beans")._core
    again = pickle.loads(pickle.dumps(core))
    assert again.csv() == core.csv() and again.timings == core.timings
    assert list(again.timings) == list(core.timings)  # in the order of the steps
    assert (again.size, again.notes, again.estimated_count, again.ppsm_fallback) == (
        core.size,
        core.notes,
        core.estimated_count,
        core.ppsm_fallback,
    )
    for name in ("boxes", "scores", "points", "density"):
        assert np.array_equal(getattr(again, name), getattr(core, name))
    coco = [each.coco(b"a.png", each.classes, [1], 1, 1, None) for each in (again, core)]
    assert coco[0] == coco[1]
    assert again.classes == core.classes and (again.class_indices == core.class_indices).all()
    assert (again.touches_border == core.touches_border).all()
    assert again.__getstate__()[3][0][5][2:4] == core.__getstate__()[3][0][5][2:4]
    for mine, other in zip(core.trace.passes, again.trace.passes):
        for name in ("exemplars", "density", "candidates", "prompts", "scores"):
            assert np.array_equal(getattr(mine, name), getattr(other, name))
    mask = pickle.loads(pickle.dumps(core.masks[0]))
    assert mask.box == core.masks[0].box and (mask.bits == core.masks[0].bits).all()


def test_damaged_pickles_are_refused() -> None:
    core = found_in("beans")._core
    kind = type(core.masks[0])
    with pytest.raises(ValueError):
        kind.__new__(kind).__setstate__((0, 0, 5, 5, b"short"))
    with pytest.raises(ValueError):
        type(core).__new__(type(core)).__setstate__((1, 2))
    without_classes = (*core.__getstate__()[:3], [], *core.__getstate__()[4:])
    with pytest.raises(ValueError):
        type(core).__new__(type(core)).__setstate__(without_classes)
