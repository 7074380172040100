"""Results over their images, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Mask
from ._optional import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._examples import SupportExample

SKY, RED = (0.3, 0.75, 1.0), (0.93, 0.2, 0.2)
INK = "#1c2029"
_DARK_RIM = "#14161e"
_INCHES = 9.0  # width of a figure made here, or its height where that is more


def plot_instances(
    image: NDArray[np.uint8],
    masks: Sequence[Mask],
    points: Optional[NDArray[np.int32]],
    ax: Optional[Axes],
    numbers: bool,
    fill: float,
    line_width: Optional[float],
    classes: NDArray[np.int64],
    names: Sequence[str],
) -> Axes:
    """The instances over their image. See Result.plot.

    classes: each mask's index into `names`, which is empty where classes are not told apart.
    """
    if ax is None:
        ax = _new_axes(image.shape[1], image.shape[0])
    show_image(ax, image)
    per_pixel = _points_per_pixel(ax, image.shape[1], image.shape[0])
    if line_width is None:
        line_width = 1.5 if per_pixel * _median_side(masks) > 20 else 0.9
    colors = _class_colors(len(names))[classes] if names else neighbour_colors(image, masks)
    draw_masks(ax, masks, colors, fill, line_width, per_pixel)
    if names:
        _draw_legend(ax, names)
    if points is not None:
        draw_dots(ax, points, 2 * line_width)
    if numbers:
        _draw_numbers(ax, masks, per_pixel)
    return ax


def show_image(ax: Axes, image: NDArray[Any], **options: Any) -> None:
    """An image without axes; its pixel (x, y) has its centre at the data coordinates (x, y)."""
    ax.imshow(image, **options)
    ax.set_axis_off()


def _new_axes(width: int, height: int) -> Axes:
    plt = optional("matplotlib.pyplot", "plot")
    inches = _INCHES / max(width, height)
    # "constrained" makes room for a title, if one is set later
    figure = plt.figure(figsize=(width * inches, height * inches), layout="constrained")
    figure.get_layout_engine().set(w_pad=0, h_pad=0, wspace=0, hspace=0)
    axes: Axes = figure.add_subplot()
    return axes


def _points_per_pixel(ax: Axes, width: int, height: int) -> float:
    """Typographic points that an image pixel takes on the page."""
    figure = ax.figure
    alone = figure.get_axes() == [ax] and ax.get_subplotspec() is not None
    room = figure.bbox if alone else ax.get_window_extent()  # a layout gives it all to the only one
    return 72 / figure.dpi * float(min(room.width / width, room.height / height))


def _median_side(masks: Sequence[Mask]) -> float:
    return float(np.median([np.sqrt(m.bits.size) for m in masks])) if masks else 0.0


def neighbour_colors(image: NDArray[np.uint8], masks: Sequence[Mask]) -> NDArray[np.float64]:
    """The overlay's colour (r, g, b) of each mask, (N, 3): another one than its neighbours'."""
    return _core.neighbour_colors(image, masks) / 255


def _class_colors(count: int) -> NDArray[np.float64]:
    """The overlay's colour (r, g, b) of each class, (count, 3)."""
    return _core.class_colors(count) / 255


def _draw_legend(ax: Axes, names: Sequence[str]) -> None:
    patches = optional("matplotlib.patches", "plot")
    handles = [
        patches.Patch(color=color, label=name)
        for name, color in zip(names, _class_colors(len(names)))
    ]
    ax.legend(handles=handles, loc="upper right", fontsize=8, framealpha=0.8)


def draw_masks(
    ax: Axes,
    masks: Sequence[Mask],
    colors: NDArray[np.float64],
    fill: float,
    line_width: float,
    per_pixel: float,
) -> None:
    """Outlines inside the masks' borders, so that touching ones show two lines, and light fills."""
    path = optional("matplotlib.path", "plot")
    collections = optional("matplotlib.collections", "plot")
    inset = 0.5 * line_width / per_pixel
    shapes = []
    for mask in masks:
        corner = np.array(mask.box[:2]) - 0.5  # pixel edges: the first pixel's centre is at 0
        rings = []
        for outline in _core.outlines(mask.bits):
            ring = _smooth_outline(outline, min(inset, 0.25 * min(mask.bits.shape))) + corner
            rings.append(path.Path(np.concatenate([ring, ring[:1]]), closed=True))
        shapes.append(path.Path.make_compound_path(*rings))
    opacity = np.full((len(masks), 1), fill)
    ax.add_collection(
        collections.PathCollection(
            shapes,
            facecolors=np.hstack([colors, opacity]),
            edgecolors=colors,
            linewidths=line_width,
            joinstyle="round",
        ),
        autolim=False,
    )


def _smooth_outline(corners: NDArray[np.int32], inset: float) -> NDArray[np.float64]:
    """A pixel outline without its stairs, for drawing: (K, 2), moved inwards by `inset` pixels."""
    ends = np.roll(corners, -1, axis=0)
    lengths = np.abs(ends - corners).sum(axis=1)
    segment = np.repeat(np.arange(len(corners)), lengths)
    step = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    points = corners[segment] + np.sign(ends - corners)[segment] * (step + 0.5)[:, None]
    if len(points) >= 16:  # smaller objects would shrink
        for _ in range(3):
            points = (np.roll(points, 1, axis=0) + 2 * points + np.roll(points, -1, axis=0)) / 4
    forward = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    length = np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    inwards = np.stack([-forward[:, 1], forward[:, 0]], axis=1) / length
    smooth: NDArray[np.float64] = points + inset * inwards
    return smooth


def draw_dots(ax: Axes, points: NDArray[Any], size: float) -> None:
    """White dots with a dark rim at (N, 2) points; `size` is their diameter on the page."""
    ax.scatter(
        points[:, 0],
        points[:, 1],
        s=size**2,
        c="white",
        edgecolors=_DARK_RIM,
        linewidths=0.28 * size,
    )


def _draw_numbers(ax: Axes, masks: Sequence[Mask], per_pixel: float) -> None:
    """1, 2, ... inside the masks, where they fit and can be read."""
    if not masks:
        return
    effects = optional("matplotlib.patheffects", "plot")
    discs = [_core.innermost(mask) for mask in masks]
    median = per_pixel * float(np.median([radius for _, _, radius in discs]))
    largest = float(np.clip(0.85 * median, 5.0, 12.0))
    for number, (x, y, radius) in enumerate(discs, start=1):
        text = str(number)
        # a digit is about 0.6 of the size wide and 0.75 high; the text's corners stay in the disc
        fits = 2 * radius * per_pixel / float(np.hypot(0.6 * len(text), 0.75))
        size = min(largest, fits)
        if size < 4.5:
            continue
        ax.text(
            x,
            y,
            text,
            color="white",
            fontsize=size,
            ha="center",
            va="center_baseline",
            clip_on=True,
            path_effects=[effects.withStroke(linewidth=0.28 * size, foreground=_DARK_RIM)],
        )


def figure_of_examples(examples: Sequence[SupportExample]) -> Figure:
    """A support's examples over their images, one panel per image. See Support.plot."""
    plt = optional("matplotlib.pyplot", "plot")
    images: List[NDArray[np.uint8]] = []
    for example in examples:
        if not any(example.image is image for image in images):
            images.append(example.image)
    height = max(image.shape[0] / image.shape[1] for image in images)
    inches = min(_INCHES / len(images), _INCHES / height)
    figure, axes = plt.subplots(
        1,
        len(images),
        figsize=(inches * len(images), inches * height),
        layout="constrained",
        squeeze=False,
    )
    for image, ax in zip(images, axes[0]):
        shown = [example for example in examples if example.image is image]
        masks = [Mask(example.mask) for example in shown]
        show_image(ax, image)
        colors = np.array([RED if example.negative else SKY for example in shown])
        per_pixel = _points_per_pixel(ax, image.shape[1], image.shape[0])
        draw_masks(ax, masks, colors, 0.35, 1.5, per_pixel)
        negative = sum(example.negative for example in shown)
        title = counted(len(shown) - negative, "example", "examples")
        if negative:
            title += f", {negative} negative"
        ax.set_title(title, loc="left", fontsize=9.5, color=INK)
    return figure  # type: ignore[no-any-return]


def counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
