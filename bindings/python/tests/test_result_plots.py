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


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def pixels_of(figure: "matplotlib.figure.Figure") -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]


def test_plot_shows_the_overlay_in_image_coordinates() -> None:
    result = found_in("pebbles")
    ax = result.plot(numbers=False, fill=0.5, line_width=3)
    shown = ax.images[0].get_array()
    assert (shown == result.overlay(numbers=False, fill=0.5, line_width=3)).all()
    assert ax.get_xlim() == (-0.5, 639.5) and ax.get_ylim() == (479.5, -0.5)
    assert not ax.axison
    assert (result.plot().images[0].get_array() == result.overlay()).all()


def test_plot_fills_a_figure_of_the_pictures_shape() -> None:
    figure = found_in("pebbles").plot().figure
    assert figure.get_size_inches() == pytest.approx((9, 6.75))
    shown = pixels_of(figure)
    # the page shows the overlay: no margins, no shift
    overlay = found_in("pebbles").overlay()
    rows, columns = (np.arange(n) * m // n for n, m in zip(shown.shape[:2], overlay.shape[:2]))
    difference = np.abs(shown.astype(int) - overlay[rows][:, columns].astype(int)).max(axis=2)
    assert np.median(difference) < 5
    assert (shown[[0, -1]].min(axis=2) < 255).all()


def test_plot_draws_into_the_callers_axes() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert found_in("beans").plot(right) is right
    assert len(right.images) == 1 and len(left.images) == 0


def test_plot_of_nothing_shows_the_picture() -> None:
    result = support_of("beans").segment(np.full((60, 80, 3), 128, dtype=np.uint8))
    assert len(result) == 0
    shown = pixels_of(result.plot(points=True).figure)
    assert (shown == 128).all()


def test_a_grey_picture_is_shown_grey() -> None:
    grey = persense.read_image(DATA / "cells" / "01.jpg").max(axis=2)
    result = support_of("cells").segment(grey)
    shown = result.overlay()
    assert shown.shape == (480, 640, 3)
    as_it_was = (shown == grey[:, :, None]).all(axis=2)
    assert as_it_was[result.to_labels() == 0].mean() > 0.8


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
        with pytest.raises(persense.InvalidArgument, match="fill: got 2, expected 0 to 1"):
            draw(fill=2)


def test_the_trace_is_the_programs_figure(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    folder = DATA / "pebbles"
    example = ["--support", folder / "00.jpg", "--mask", folder / "00.png", "--models", "classic"]
    named = [*example, "--label", "pebbles"]
    run_program("segment", *named, folder / "01.jpg", "-o", tmp_path, "--trace")
    (written,) = tmp_path.glob("*_trace.png")
    figure = found_in("pebbles").trace.plot()
    assert (figure.axes[0].images[0].get_array() == np.asarray(pil.open(written))).all()
    assert pixels_of(figure).std() > 30


def test_an_unpickled_trace_is_drawn_without_the_support_or_with_the_callers() -> None:
    def drawn(figure: "matplotlib.figure.Figure") -> np.ndarray:
        return np.asarray(figure.axes[0].images[0].get_array())

    whole = drawn(found_in("pebbles").trace.plot())
    trace = pickle.loads(pickle.dumps(found_in("pebbles"))).trace
    assert drawn(trace.plot()).shape != whole.shape  # nine panels instead of ten
    folder = DATA / "pebbles"
    figure = trace.plot(support_image=folder / "00.jpg", support_mask=folder / "00.png")
    assert (drawn(figure) == whole).all()


def test_a_support_is_drawn_image_by_image() -> None:
    beans, cells = DATA / "beans", DATA / "cells"
    support = persense.Pipeline("classic").support(
        [
            persense.Example(beans / "00.jpg", mask=beans / "00.png"),
            persense.Example(cells / "00.jpg", mask=cells / "00.png", negative=True),
        ]
    )
    first, second = (ax.images[0].get_array().astype(int) for ax in support.plot().axes)
    for drawn, example, color in zip((first, second), support.examples, (1, 0)):
        change = (drawn - example.image)[example.mask].mean(axis=0)
        assert change.argmax() == color  # green for what is looked for, red for what is not


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
