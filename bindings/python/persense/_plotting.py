"""Pictures of results, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ._core import Mask
from ._optional import optional
from ._outlines import innermost, outlines, smooth_outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._core import TracePass
    from ._examples import SupportExample
    from .result import Trace

# the overlay's colours: vivid, of similar lightness, around the hue circle
_PALETTE = (
    np.array(
        [
            (253, 84, 97),
            (253, 139, 74),
            (254, 180, 58),
            (244, 217, 22),
            (156, 228, 50),
            (20, 225, 132),
            (1, 232, 223),
            (27, 195, 243),
            (70, 153, 254),
            (148, 118, 255),
            (213, 106, 238),
            (253, 99, 182),
        ]
    )
    / 255
)
_AMBER, _SKY, _RED = (1.0, 0.71, 0.2), (0.3, 0.75, 1.0), (0.93, 0.2, 0.2)
_INK, _FAINT = "#1c2029", "#6b7280"
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
    show_picture(ax, image)
    per_pixel = _points_per_pixel(ax, image.shape[1], image.shape[0])
    if line_width is None:
        line_width = 1.5 if per_pixel * _median_side(masks) > 20 else 0.9
    colors = class_colors(len(names))[classes] if names else None
    draw_masks(ax, masks, fill, line_width, per_pixel, colors)
    if names:
        _draw_legend(ax, names)
    if points is not None:
        draw_dots(ax, points, 2 * line_width)
    if numbers:
        _draw_numbers(ax, masks, per_pixel)
    return ax


def show_picture(ax: Axes, picture: NDArray[Any], **options: Any) -> None:
    """A picture without axes; its pixel (x, y) has its centre at the data coordinates (x, y)."""
    ax.imshow(picture, **options)
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


def neighbour_colors(masks: Sequence[Mask]) -> NDArray[np.float64]:
    """A colour (r, g, b) a mask, (N, 3): those of neighbours lie far apart on the hue circle."""
    count = len(masks)
    hues = len(_PALETTE)
    boxes = np.array([m.box for m in masks], dtype=np.int64).reshape(count, 4)
    chosen = np.full(count, -1)
    by_left = np.argsort(boxes[:, 0], kind="stable")
    widest = int((boxes[:, 2] - boxes[:, 0]).max(initial=0))
    lefts = boxes[by_left, 0]
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        reach = max(x1 - x0, y1 - y0) // 2 + 2
        first, last = np.searchsorted(lefts, (x0 - widest - reach, x1 + reach + 1))
        near = by_left[first:last]
        q = boxes[near]
        touching = (q[:, 2] + reach >= x0) & (q[:, 1] <= y1 + reach) & (q[:, 3] + reach >= y0)
        taken = chosen[near[touching]]
        # another start each time, so that objects far apart do not all get the same colour
        hue = (5 * i + np.arange(hues)) % hues
        apart = np.abs(hue[:, None] - taken[taken >= 0])
        apart = np.minimum(apart, hues - apart).min(axis=1, initial=4)
        chosen[i] = hue[int(np.argmax(apart))]
    colors: NDArray[np.float64] = _PALETTE[chosen]
    return colors


def class_colors(count: int) -> NDArray[np.float64]:
    """A colour (r, g, b) a class, (count, 3): the first ones far apart on the hue circle."""
    colors: NDArray[np.float64] = _PALETTE[(1 + 7 * np.arange(count)) % len(_PALETTE)]
    return colors


def _draw_legend(ax: Axes, names: Sequence[str]) -> None:
    patches = optional("matplotlib.patches", "plot")
    handles = [
        patches.Patch(color=color, label=name)
        for name, color in zip(names, class_colors(len(names)))
    ]
    ax.legend(handles=handles, loc="upper right", fontsize=8, framealpha=0.8)


def draw_masks(
    ax: Axes,
    masks: Sequence[Mask],
    fill: float,
    line_width: float,
    per_pixel: float,
    colors: Optional[NDArray[np.float64]] = None,
) -> None:
    """Outlines inside the masks' borders, so that touching ones show two lines, and light fills."""
    path = optional("matplotlib.path", "plot")
    collections = optional("matplotlib.collections", "plot")
    inset = 0.5 * line_width / per_pixel
    shapes = []
    for mask in masks:
        corner = np.array(mask.box[:2]) - 0.5  # pixel edges: the first pixel's centre is at 0
        rings = []
        for outline in outlines(mask.bits):
            ring = smooth_outline(outline, min(inset, 0.25 * min(mask.bits.shape))) + corner
            rings.append(path.Path(np.concatenate([ring, ring[:1]]), closed=True))
        shapes.append(path.Path.make_compound_path(*rings))
    if colors is None:
        colors = neighbour_colors(masks)
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
    discs = [innermost(mask.bits) for mask in masks]
    median = per_pixel * float(np.median([radius for _, _, radius in discs]))
    largest = float(np.clip(0.85 * median, 5.0, 12.0))
    for number, (mask, (x, y, radius)) in enumerate(zip(masks, discs), start=1):
        text = str(number)
        # a digit is about 0.6 of the size wide and 0.75 high; the text's corners stay in the disc
        fits = 2 * radius * per_pixel / float(np.hypot(0.6 * len(text), 0.75))
        size = min(largest, fits)
        if size < 4.5:
            continue
        ax.text(
            mask.box[0] + x - 0.5,
            mask.box[1] + y - 0.5,
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
        show_picture(ax, image)
        colors = np.array([_RED if example.negative else _SKY for example in shown])
        per_pixel = _points_per_pixel(ax, image.shape[1], image.shape[0])
        draw_masks(ax, masks, 0.35, 1.5, per_pixel, colors)
        negative = sum(example.negative for example in shown)
        title = _counted(len(shown) - negative, "example", "examples")
        if negative:
            title += f", {negative} negative"
        ax.set_title(title, loc="left", fontsize=9.5, color=_INK)
    return figure  # type: ignore[no-any-return]


# ---- the stages of the method, as the paper's figure 7 ----

_SCREEN = 1.7  # width over height that a figure of many panels comes near to
_PANEL_INCHES = 3.2
_TITLE_INCHES = 0.48


class _Stage:
    """What the panels of one picture share: the picture, smaller where it is large."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.height, self.width = image.shape[:2]
        self.picture = _shrunk(image).astype(np.uint8)
        self.pale = (0.75 * self.picture.mean(axis=2)).astype(np.uint8)
        self.extent = (-0.5, self.width - 0.5, self.height - 0.5, -0.5)

    def show(self, ax: Axes, pale: bool = False) -> None:
        if pale:
            show_picture(ax, self.pale, cmap="gray", vmin=0, vmax=255, extent=self.extent)
        else:
            show_picture(ax, self.picture, extent=self.extent)

    def show_map(self, ax: Axes, values: NDArray[np.float32], colors: str) -> None:
        self.show(ax, pale=True)
        show_picture(ax, values, cmap=colors, alpha=0.82, extent=self.extent)

    def show_masks(self, ax: Axes, masks: Sequence[Mask]) -> None:
        per_pixel = 72 * _PANEL_INCHES / self.width
        draw_masks(ax, [m for m in masks if m.bits.size > 0], 0.35, 0.8, per_pixel)


def _shrunk(values: NDArray[Any], side: int = 1200) -> NDArray[np.float32]:
    """Block means, so that no side is much longer than `side`."""
    step = max(1, round(max(values.shape[:2]) / side))
    rows, columns = (n // step for n in values.shape[:2])
    blocks = values[: rows * step, : columns * step].astype(np.float32)
    blocks = blocks.reshape((rows, step, columns, step) + values.shape[2:])
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur by way of the Fourier transform, with a margin against wrapping around."""
    margin = int(3 * sigma) + 1
    padded = np.pad(values, margin)
    fy = np.fft.fftfreq(padded.shape[0])[:, None]
    fx = np.fft.rfftfreq(padded.shape[1])[None, :]
    gain = np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * gain, s=padded.shape)
    return blurred[margin:-margin, margin:-margin].astype(np.float32)


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


class FigureOfStages:
    """Draws a trace panel by panel: support, similarity, detections, then every pass."""

    def __init__(
        self,
        image: NDArray[np.uint8],
        trace: Trace,
        instances: Sequence[Mask],
        estimated_count: float,
        support: Optional[Tuple[NDArray[np.uint8], NDArray[np.bool_]]],
    ) -> None:
        self._query = _Stage(image)
        self._trace = trace
        self._instances = instances
        self._estimated_count = estimated_count
        self._support = support

    def draw(self) -> Figure:
        """A new figure with all panels."""
        panels: List[Any] = [] if self._support is None else [self._support_panel]
        panels += [self._similarity_panel, self._detection_panel]
        for index, step in enumerate(self._trace.passes):
            last = index + 1 == len(self._trace.passes)
            panels += self._pass_panels(step, first=index == 0, last=last)
        panels.append(self._instance_panel)
        figure, places = self._grid(len(panels))
        for number, (draw, ax) in enumerate(zip(panels, places), start=1):
            title, detail = draw(ax)
            ax.set_anchor("NW")
            ax.set_title(
                f"{number}  {title}\n", loc="left", fontsize=9.5, color=_INK, weight="bold"
            )
            ax.annotate(
                detail, (0, 1), (0, 4), "axes fraction", "offset points", fontsize=8, color=_FAINT
            )
        return figure

    def _grid(self, panels: int) -> Tuple[Figure, List[Axes]]:
        plt = optional("matplotlib.pyplot", "plot")
        shape = float(np.clip(self._query.height / self._query.width, 0.35, 1.4))
        cell = (_PANEL_INCHES, _PANEL_INCHES * shape + _TITLE_INCHES)

        def cost(columns: int) -> float:
            rows = -(-panels // columns)
            ratio = columns * cell[0] / (rows * cell[1])
            return float(abs(np.log(ratio / _SCREEN)) + 0.3 * (columns * rows - panels))

        columns = min(range(1, panels + 1), key=cost)
        rows = -(-panels // columns)
        figure, axes = plt.subplots(
            rows, columns, figsize=(columns * cell[0], rows * cell[1]), layout="constrained"
        )
        places = list(np.ravel(axes))
        for unused in places[panels:]:
            unused.set_axis_off()
        return figure, places

    def _support_panel(self, ax: Axes) -> Tuple[str, str]:
        assert self._support is not None
        image, mask = self._support
        stage = _Stage(image)
        stage.show(ax)
        stage.show_masks(ax, [Mask(mask)])
        return "Support", f"{stage.width} x {stage.height}, one object marked"

    def _similarity_panel(self, ax: Axes) -> Tuple[str, str]:
        similarity = self._trace.similarity
        self._query.show_map(ax, _shrunk(similarity), "viridis")
        low, high = similarity.min(), similarity.max()
        return "Similarity to the support", f"{low:.2f} (dark) to {high:.2f} (bright)"

    def _detection_panel(self, ax: Axes) -> Tuple[str, str]:
        trace = self._trace
        self._query.show(ax, pale=True)
        # without passes the method decodes the phrase's boxes: see persense::GroundedSam
        boxes = (trace.label_detections if trace.passes else trace.phrase_detections)[0]
        found = _counted(len(boxes), "box", "boxes")
        self._draw_boxes(ax, boxes, _AMBER, 0.8)
        if not trace.passes:
            return "Detections", found
        self._query.show_masks(ax, [trace.exemplar_mask])
        self._draw_boxes(ax, trace.passes[0].exemplars[:1], _SKY, 1.6)
        x, y = trace.location_prior
        ax.plot(x, y, "o", color=_RED, ms=4, mec="white", mew=0.6)
        return "Detections, prior, exemplar", f"{found}; the first exemplar in blue"

    def _pass_panels(self, step: TracePass, first: bool, last: bool) -> List[Any]:
        def exemplars(ax: Axes) -> Tuple[str, str]:
            self._query.show(ax)
            self._draw_boxes(ax, step.exemplars, _SKY, 1.6)
            return "Exemplars fed back", _counted(len(step.exemplars), "exemplar", "exemplars")

        def masks(ax: Axes) -> Tuple[str, str]:
            self._query.show(ax)
            self._query.show_masks(ax, step.masks)
            return "Masks of this pass", _counted(len(step.masks), "mask", "masks")

        panels: List[Any] = [] if first else [exemplars]
        panels.append(lambda ax: self._density_panel(ax, step))
        panels.append(lambda ax: self._prompt_panel(ax, step))
        return panels if last else [*panels, masks]

    def _density_panel(self, ax: Axes, step: TracePass) -> Tuple[str, str]:
        density = _shrunk(step.density, 500)
        # peaks of a pixel would not be seen
        self._query.show_map(ax, _blurred(density, max(density.shape) / 110), "inferno")
        ax.scatter(
            step.candidates[:, 0],
            step.candidates[:, 1],
            s=4.5 * self._dot(len(step.candidates)) ** 2,
            facecolors="none",
            edgecolors=[_SKY],
            linewidths=0.7,
        )
        found = _counted(len(step.candidates), "candidate", "candidates")
        return "Density map, candidates", f"sum {step.density.sum(dtype=np.float64):.1f}, {found}"

    def _prompt_panel(self, ax: Axes, step: TracePass) -> Tuple[str, str]:
        self._query.show(ax)
        kept = {tuple(p) for p in step.prompts.tolist()}
        rejected = [p for p in step.candidates.tolist() if tuple(p) not in kept]
        dot = self._dot(len(step.candidates))
        if rejected:
            x, y = np.array(rejected).T
            ax.plot(x, y, "x", color="white", ms=1.8 * dot + 1, mew=2.2)
            ax.plot(x, y, "x", color=_RED, ms=1.8 * dot, mew=1.1)
        draw_dots(ax, step.prompts, dot)
        return "Point prompts after PPSM", f"{len(kept)} kept, {len(rejected)} rejected (red)"

    def _instance_panel(self, ax: Axes) -> Tuple[str, str]:
        self._query.show(ax)
        self._query.show_masks(ax, self._instances)
        return "Instances", f"count {len(self._instances)}, estimated {self._estimated_count:.1f}"

    @staticmethod
    def _dot(points: int) -> float:
        """Dots that still show one by one when there are hundreds."""
        return 1.8 if points > 150 else 2.5 if points > 50 else 3.2

    @staticmethod
    def _draw_boxes(ax: Axes, boxes: NDArray[np.float32], color: Any, line_width: float) -> None:
        collections = optional("matplotlib.collections", "plot")
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3, 0, 1]].reshape(-1, 5, 2) - 0.5
        ax.add_collection(
            collections.LineCollection(list(corners), colors=[color], linewidths=line_width),
            autolim=False,
        )
