"""as_image: arrays of other types and layouts as images; and what is taken without it."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any, Dict, List

import numpy as np
import pytest
from samples import DATA, persense, support_of

BEANS = DATA / "beans"


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return persense.read_image(BEANS / "01.jpg")


def ramp(dtype: Any, shape: "tuple[int, ...]" = (100, 100)) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def test_8_bits_stay_as_they_are_and_are_not_copied(image: np.ndarray) -> None:
    assert np.shares_memory(persense.as_image(image), image)
    assert (persense.as_image(image) == image).all()
    assert (persense.as_image(image.transpose(2, 0, 1), channels="first") == image).all()
    assert (persense.as_image(image[:, :, 1:2]) == image[:, :, 1]).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.float16, np.float32, float])
def test_other_numbers_get_a_window_that_a_few_hot_pixels_do_not_change(dtype: Any) -> None:
    values = (ramp(float) / 100 + 400).astype(dtype)  # a faint signal
    expected = persense.as_image(values)
    assert expected.dtype == np.uint8 and expected.min() == 0 and expected.max() == 255
    values[50, 50:53] = 60000
    seen = persense.as_image(values).astype(int)
    assert abs(seen - expected)[values < 600].max() <= 2 and (seen[50, 50:53] == 255).all()


def test_a_range_says_what_becomes_black_and_white() -> None:
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 7.0]])
    assert persense.as_image(values, range=(0, 1)).tolist() == [[0, 0, 128, 255, 255]]
    assert persense.as_image(np.full((2, 2), 9.0), range=(0, 10)).tolist() == [[230, 230]] * 2
    assert persense.as_image(ramp(np.uint8, (1, 200)), range=(0, 100))[0, 60] == 153
    percent = persense.as_image(ramp(np.uint16), percentiles=(0, 100))
    assert percent[0, 0] == 0 and percent[-1, -1] == 255 and percent[50, 0] in (127, 128)


def test_one_range_keeps_the_relation_of_two_frames() -> None:
    dark, bright = ramp(np.uint16), ramp(np.uint16) * np.uint16(2)
    shown = [persense.as_image(a, range=(0, 20000)).astype(int) for a in (dark, bright)]
    assert abs(2 * shown[0] - shown[1]).max() <= 1


def test_an_array_goes_through_the_window_of_its_file(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    for most in (255, 1000, 4095, 4200, 65535):
        values = (ramp(np.uint64, (256, 256)) * most // 65535).astype(np.uint16)
        values[7, 9] = 65535  # hot
        file = tmp_path / "deep.png"
        pil.fromarray(values).save(file)
        assert (persense.as_image(values) == persense.read_image(file)[:, :, 0]).all()
        window = persense.image_window(file)
        assert window is not None and window[1] <= most
        through = persense.read_image(file, window=(0, 4095))[:, :, 0]
        assert (persense.as_image(values, range=(0, 4095)) == through).all()


def test_queries_go_through_the_window_of_the_supports_file(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    grey = persense.read_image(BEANS / "01.jpg").max(axis=2).astype(np.uint16)
    pil.fromarray(grey * 3 + 500).save(tmp_path / "support.png")
    brighter = grey * 3 + 500
    brighter[:40] = 60000  # would take the whole range
    pil.fromarray(brighter).save(tmp_path / "query.png")
    support = persense.Pipeline("classic").support(tmp_path / "support.png", point=(100, 100))
    window = persense.image_window(tmp_path / "support.png")
    seen = support.segment(tmp_path / "query.png")
    assert (seen._image == persense.read_image(tmp_path / "query.png", window=window)).all()
    again = pickle.loads(pickle.dumps(support)).segment(tmp_path / "query.png")
    assert (again._image == seen._image).all()


def test_what_is_encoded_can_go_through_the_supports_window(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    grey = persense.read_image(BEANS / "01.jpg").max(axis=2).astype(np.uint16)
    support_file, query_file = tmp_path / "support.png", tmp_path / "query.png"
    pil.fromarray(grey * 3 + 500).save(support_file)
    pil.fromarray(grey * 5 + 900).save(query_file)
    pipeline = persense.Pipeline("classic")
    support = pipeline.support(support_file, point=(100, 100))
    assert support.window == persense.image_window(support_file)
    expected = support.segment(query_file)

    def window_notes(result: persense.Result) -> List[str]:
        return [note for note in result.notes if "window" in note]

    query = pipeline.encode(query_file, window=support.window)
    assert query.window == support.window
    seen = support.segment(query)
    assert (seen.image == expected.image).all() and not window_notes(seen)
    assert (seen.to_labels() == expected.to_labels()).all()
    again = pickle.loads(pickle.dumps(query))
    assert again.window == query.window and (again.image == query.image).all()

    own = pipeline.encode(query_file)
    assert own.window == persense.image_window(query_file)
    found = support.segment(own)
    (note,) = window_notes(found)
    low, high = persense.image_window(support_file)
    assert f"the support's files through {low:g} to {high:g}" in note
    assert pickle.loads(pickle.dumps(found)).notes == found.notes
    drawn = pickle.loads(pickle.dumps(expected)).overlay()  # the file is read again
    assert (drawn == expected.overlay()).all()

    # marked in what was encoded: its window is the support's
    marked = pipeline.support(query, box=(90, 90, 120, 120))
    assert marked.window == query.window
    assert (marked.segment(query_file).image == expected.image).all()
    shallow = pipeline.encode(BEANS / "01.jpg", window=(0, 4095))
    assert shallow.window is None and not window_notes(support.segment(shallow))
    with pytest.raises(persense.InvalidArgument, match="window"):
        pipeline.encode(query_file, window=(7, 7))


def test_a_page_of_a_stack_is_read(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    pages = [pil.fromarray(np.full((9, 12), value, np.uint8)) for value in (10, 20, 30)]
    file = tmp_path / "stack.tif"
    pages[0].save(file, save_all=True, append_images=pages[1:])
    assert persense.page_count(file) == 3
    assert [int(persense.read_image(file, page=k)[0, 0, 0]) for k in (1, 2, 3)] == [10, 20, 30]
    with pytest.raises(persense.Unreadable, match="page 4: the file has 3 pages that can be read"):
        persense.read_image(file, page=4)


def test_all_channels_share_one_window() -> None:
    values = np.stack([ramp(float), ramp(float) / 2, ramp(float) / 4], axis=-1)
    shown = persense.as_image(values).astype(int)
    assert shown.shape == (100, 100, 3)
    assert abs(shown[:, :, 1] - 2 * shown[:, :, 2]).max() <= 2
    assert (persense.as_image(values.transpose(2, 0, 1), channels="first") == shown).all()


def test_where_less_than_the_percentiles_leave_out_differs_the_extremes_are_the_window() -> None:
    values = np.zeros((200, 200), np.uint16)
    values[3, 4:7] = 1000
    assert persense.as_image(values)[3].tolist()[3:8] == [0, 255, 255, 255, 0]


def test_alpha_is_blended_over_white_as_in_files_or_as_is_said() -> None:
    rgba = np.array([[[200, 100, 0, 0], [200, 100, 0, 255], [200, 100, 0, 51]]], np.uint8)
    assert persense.as_image(rgba, alpha="drop").tolist() == [[[200, 100, 0]] * 3]
    white = persense.as_image(rgba)
    assert white.tolist() == [[[255, 255, 255], [200, 100, 0], [244, 224, 204]]]
    assert persense.as_image(rgba, alpha="black")[0, 0].tolist() == [0, 0, 0]
    share = np.dstack([np.full((1, 2, 3), 0.5), [[0.0, 1.0]]])
    assert persense.as_image(share, range=(0, 1), alpha="white")[0, :, 0].tolist() == [255, 128]
    grey = np.array([[[9, 0], [9, 255]]], np.uint8)
    assert persense.as_image(grey, alpha="white").tolist() == [[255, 9]]
    assert persense.as_image(grey, alpha="drop").tolist() == [[9, 9]]


def test_truth_values_are_black_and_white() -> None:
    assert persense.as_image(np.array([[True, False]])).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    "array, keywords, message",
    [
        (np.zeros((3, 8, 9)), {}, "got float64 of shape (3, 8, 9), expected (H, W) or (H, W, C)"),
        (np.zeros((3, 8, 9)), {}, "with 1 to 4 channels; is it channels='first'?"),
        (np.zeros((8, 9, 3)), {"channels": "first"}, "is it channels='last'?"),
        (np.zeros((8, 9, 7)), {}, "got float64 of shape (8, 9, 7), expected (H, W) or (H, W, C)"),
        (np.zeros((2, 8, 9, 3)), {}, "array: got float64 of shape (2, 8, 9, 3)"),
        (np.zeros((0, 9)), {}, "array: got float64 of shape (0, 9)"),
        (np.zeros((8, 9, 2)), {}, "the second channel may be alpha or not; expected alpha='drop'"),
        (np.full((8, 9), 7.0), {}, "array: every value is 7, so no window follows from it"),
        (np.full((8, 9), 7, np.uint16), {}, "expected range=(lo, hi)"),
        (np.array([[np.nan, 1], [np.inf, 2]]), {}, "array: 2 of 4 values are not finite"),
        (np.zeros((8, 9), complex), {}, "array: got complex128 of shape (8, 9), expected an array"),
        ("photo.jpg", {}, "array: got 'photo.jpg', expected an array; persense.read_image reads"),
        ([[1, 2], [3]], {}, "array: got list ("),
        (None, {}, "array: got None, expected an array of numbers"),
        (np.eye(9), {"channels": 3}, "channels: got 3, expected 'last' or 'first'"),
        (np.eye(9), {"range": "auto"}, "range: got 'auto', expected two finite numbers"),
        (np.eye(9), {"range": (1, 0)}, "range: got (1, 0), expected two finite numbers, the first"),
        (np.eye(9), {"range": 255}, "range: got 255, expected two finite numbers"),
        (np.eye(9), {"range": ("a", "b")}, "range: got ('a', 'b'), expected two finite numbers"),
        (np.eye(9), {"percentiles": (-1, 99)}, "percentiles: got (-1, 99), expected 0 to 100"),
        (np.eye(9), {"alpha": "pink"}, "alpha: got 'pink', expected 'drop', 'white' or 'black'"),
        (np.full((8, 9, 4), 5.0), {"alpha": "white", "range": (0, 9)}, "array: its alpha is 5 to"),
    ],
)
def test_what_has_no_rule_is_refused_in_one_line(
    array: Any, keywords: Dict[str, Any], message: str
) -> None:
    with pytest.raises(persense.InvalidArgument) as raised:
        persense.as_image(array, **keywords)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def test_one_channel_and_rgba_of_8_bits_are_taken_as_they_are(image: np.ndarray) -> None:
    support = support_of("beans")
    alpha = np.full((*image.shape[:2], 1), 255, np.uint8)
    with_alpha = np.concatenate([image, alpha], axis=2)
    assert support.segment(with_alpha)._core.csv() == support.segment(image)._core.csv()
    grey = image[:, :, 1]
    assert support.segment(grey[:, :, None])._core.csv() == support.segment(grey)._core.csv()


def test_deep_frames_find_what_their_8_bits_do(image: np.ndarray) -> None:
    support = support_of("beans")
    deep = image.astype(np.uint16) * 3 + 500
    count = len(support.segment(image))
    assert abs(len(support.segment(persense.as_image(deep, range=(500, 1265)))) - count) <= 1
    floats = image.transpose(2, 0, 1) / 255
    same = persense.as_image(floats, channels="first", range=(0, 1))
    assert (same == image).all()
