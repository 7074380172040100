"""Images of results: the figure, the figure of all stages, the notebook's overlay."""

from __future__ import annotations

import io
import pathlib
import pickle
import struct

import numpy as np
import pytest
from samples import DATA, found_in, persense, run_program, support_of

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.collections import PathCollection  # noqa: E402

from persense._plotting import neighbour_colors  # noqa: E402


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def pixels_of(figure: "matplotlib.figure.Figure") -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]


def test_plot_draws_an_outline_an_instance_in_image_coordinates() -> None:
    result = found_in("pebbles")
    ax = result.plot()
    outlines = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert len(outlines) == 1 and len(outlines[0].get_paths()) == len(result)
    assert ax.get_xlim() == (-0.5, 639.5) and ax.get_ylim() == (479.5, -0.5)
    assert not ax.axison
    for path, (x0, y0, x1, y1) in zip(outlines[0].get_paths(), result.boxes):
        # drawn inside of the border, so that neighbours show two lines
        low, high = path.vertices.min(axis=0) + 0.5, path.vertices.max(axis=0) + 0.5
        assert (low >= (x0, y0)).all() and (high <= (x1, y1)).all()
        assert (high - low >= 0.5 * np.array([x1 - x0, y1 - y0]) - 1).all()


def test_plot_fills_a_figure_of_the_pictures_shape() -> None:
    figure = found_in("pebbles").plot().figure
    assert figure.get_size_inches() == pytest.approx((9, 6.75))
    shown = pixels_of(figure)
    picture = found_in("pebbles").image
    # outside of the objects the page shows the image: no margins, no shift
    background = ~found_in("pebbles").to_dense().any(axis=0)
    rows, columns = (np.arange(n) * m // n for n, m in zip(shown.shape[:2], picture.shape[:2]))
    far = background[rows][:, columns]
    difference = np.abs(shown.astype(int) - picture[rows][:, columns].astype(int)).max(axis=2)
    assert np.median(difference[far]) < 25
    assert (shown[[0, -1]].min(axis=2) < 255).all()


def test_numbers_are_the_ids_and_can_be_left_out() -> None:
    result = found_in("pebbles")
    ids = [int(t.get_text()) for t in result.plot().texts]
    assert len(ids) > 0.8 * len(result) and set(ids) <= set(range(1, len(result) + 1))
    assert len(result.plot(numbers=False).texts) == 0


def test_plot_draws_into_the_callers_axes() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert found_in("beans").plot(right, points=True) is right
    assert len(right.images) == 1 and len(left.images) == 0
    assert len(right.collections) == 2


def test_plot_of_nothing_shows_the_picture() -> None:
    result = support_of("beans").segment(np.full((60, 80, 3), 128, dtype=np.uint8))
    assert len(result) == 0
    shown = pixels_of(result.plot(points=True).figure)
    assert (shown == 128).all()


def test_a_grey_picture_is_shown_grey() -> None:
    grey = persense.read_image(DATA / "cells" / "01.jpg").max(axis=2)
    result = support_of("cells").segment(grey)
    shown = result.plot().images[0].get_array()
    assert shown.shape == (480, 640, 3) and (shown[:, :, 0] == grey).all()


def test_neighbours_have_different_colours() -> None:
    result = found_in("cells")
    masks = result.masks
    colors = neighbour_colors(result.image, masks)
    boxes = np.array([m.box for m in masks])
    for i in range(len(masks)):
        near = (
            (boxes[:, 0] <= boxes[i, 2] + 1)
            & (boxes[:, 2] >= boxes[i, 0] - 1)
            & (boxes[:, 1] <= boxes[i, 3] + 1)
            & (boxes[:, 3] >= boxes[i, 1] - 1)
        )
        near[i] = False
        assert (np.abs(colors[near] - colors[i]).max(axis=1) > 0.05).all()


def test_after_unpickling_the_picture_comes_from_its_file_or_the_caller() -> None:
    from_file = pickle.loads(pickle.dumps(found_in("beans")))
    assert len(from_file.plot().images) == 1
    picture = persense.read_image(DATA / "beans" / "01.jpg")
    from_array = pickle.loads(pickle.dumps(support_of("beans").segment(picture)))
    with pytest.raises(persense.InvalidArgument, match=r"give image=\.\.\."):
        from_array.plot()
    assert len(from_array.plot(image=picture).images) == 1
    assert from_array._repr_png_() is None


@pytest.mark.parametrize("draw", ["plot", "overlay"])
def test_a_picture_of_another_size_is_refused(draw: str) -> None:
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    with pytest.raises(
        persense.InvalidArgument, match="image: got 64 x 48, expected the result's 640 x 480"
    ):
        getattr(found_in("beans"), draw)(image=picture)


@pytest.mark.parametrize(
    "picture, got",
    [
        (np.zeros((480, 640, 3)), r"float64 of shape \(480, 640, 3\)"),
        (np.zeros((480, 640, 2), dtype=np.uint8), r"uint8 of shape \(480, 640, 2\)"),
        ([[1, 2]], "list"),
    ],
)
def test_what_is_no_picture_is_refused(picture: object, got: str) -> None:
    with pytest.raises(persense.InvalidArgument, match=f"image: got {got}, expected a uint8 array"):
        found_in("beans").plot(image=picture)


def test_half_of_a_support_is_refused() -> None:
    with pytest.raises(persense.InvalidArgument, match="support_mask: got None"):
        found_in("pebbles").trace.plot(support_image=DATA / "pebbles" / "00.jpg")


def test_a_fill_out_of_range_is_refused() -> None:
    for draw in (found_in("beans").plot, found_in("beans").overlay):
        with pytest.raises(persense.InvalidArgument, match="fill: got 2"):
            draw(fill=2)


def test_the_trace_is_drawn_stage_by_stage() -> None:
    figure = found_in("pebbles").trace.plot()
    titles = [ax.get_title(loc="left").strip() for ax in figure.axes]
    assert titles == [
        "1  Support",
        "2  Similarity to the support",
        "3  Detections, prior, exemplar",
        "4  Density map, candidates",
        "5  Point prompts after PPSM",
        "6  Masks of this pass",
        "7  Exemplars fed back",
        "8  Density map, candidates",
        "9  Point prompts after PPSM",
        "10  Instances",
    ]
    assert pixels_of(figure).std() > 30


def test_the_trace_of_a_method_without_detections_has_one_panel_of_points() -> None:
    folder = DATA / "pebbles"
    pipeline = persense.Pipeline("classic", options={"method": "everything", "baselines.grid": 16})
    support = pipeline.support(folder / "00.jpg", folder / "00.png")
    result = support.segment(folder / "01.jpg", trace=True)
    titles = [ax.get_title(loc="left").strip() for ax in result.trace.plot().axes]
    assert titles == [
        "1  Support",
        "2  Similarity to the support",
        "3  Point prompts",
        "4  Instances",
    ]


def test_an_unpickled_trace_is_drawn_without_the_support_or_with_the_callers() -> None:
    trace = pickle.loads(pickle.dumps(found_in("pebbles"))).trace
    assert trace.plot().axes[0].get_title(loc="left").startswith("1  Similarity")
    folder = DATA / "pebbles"
    figure = trace.plot(support_image=folder / "00.jpg", support_mask=folder / "00.png")
    assert figure.axes[0].get_title(loc="left").startswith("1  Support")


def test_overlay_equals_the_programs_picture(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    folder = DATA / "beans"
    example = ["--support", folder / "00.jpg", "--mask", folder / "00.png", "--models", "classic"]
    run_program("segment", *example, folder / "01.jpg", "-o", tmp_path, "--overlay")
    assert (found_in("beans").overlay() == np.asarray(pil.open(tmp_path / "01_overlay.png"))).all()


def test_a_notebook_shows_the_overlay_at_a_modest_size() -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    before = found_in("beans").image.copy()
    png = found_in("beans")._repr_png_()
    assert (found_in("beans").image == before).all()
    assert (np.asarray(pil.open(io.BytesIO(png))) == found_in("beans").overlay()).all()
    wide = np.tile(persense.read_image(DATA / "beans" / "01.jpg"), (1, 3, 1))
    png = support_of("beans").segment(wide)._repr_png_()
    assert struct.unpack(">II", png[16:24]) == (1600, 400)
