"""The stages of the method side by side, as the paper's figure 7, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Mask
from ._optional import optional
from ._plotting import INK, RED, SKY, counted, draw_dots, draw_masks, neighbour_colors, show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._core import TracePass
    from .result import Trace

_AMBER = (1.0, 0.71, 0.2)
_FAINT = "#6b7280"
_SCREEN = 1.7  # width over height that a figure of many panels comes near to
_PANEL_INCHES = 3.2
_TITLE_INCHES = 0.48


class _Stage:
    """What the panels of one image share: the image, smaller where it is large."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]
        self.small = _shrunk(image).astype(np.uint8)
        self.pale = (0.75 * self.small.mean(axis=2)).astype(np.uint8)
        self.extent = (-0.5, self.width - 0.5, self.height - 0.5, -0.5)

    def show(self, ax: Axes, pale: bool = False) -> None:
        if pale:
            show_image(ax, self.pale, cmap="gray", vmin=0, vmax=255, extent=self.extent)
        else:
            show_image(ax, self.small, extent=self.extent)

    def show_map(self, ax: Axes, values: NDArray[np.float32], colors: str) -> None:
        self.show(ax, pale=True)
        show_image(ax, values, cmap=colors, alpha=0.82, extent=self.extent)

    def show_masks(self, ax: Axes, masks: Sequence[Mask]) -> None:
        shown = [m for m in masks if m.bits.size > 0]
        colors = neighbour_colors(self.image, shown)
        draw_masks(ax, shown, colors, 0.35, 0.8, 72 * _PANEL_INCHES / self.width)


def _shrunk(values: NDArray[Any], side: int = 1200) -> NDArray[np.float32]:
    """Block means, so that no side is much longer than `side`."""
    step = max(1, round(max(values.shape[:2]) / side))
    rows, columns = (n // step for n in values.shape[:2])
    blocks = values[: rows * step, : columns * step].astype(np.float32)
    blocks = blocks.reshape((rows, step, columns, step) + values.shape[2:])
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


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
        panels.append(self._similarity_panel)
        passes = self._trace.passes
        if passes and not len(passes[0].exemplars):
            # of the methods that go from the similarity to points: see persense::PerSam
            only = passes[0]
            panels.append(lambda ax: self._prompt_panel(ax, only, "Point prompts"))
            passes = []
        else:
            panels.append(self._detection_panel)
        for index, step in enumerate(passes):
            last = index + 1 == len(passes)
            panels += self._pass_panels(step, first=index == 0, last=last)
        panels.append(self._instance_panel)
        figure, places = self._grid(len(panels))
        for number, (draw, ax) in enumerate(zip(panels, places), start=1):
            title, detail = draw(ax)
            ax.set_anchor("NW")
            ax.set_title(f"{number}  {title}\n", loc="left", fontsize=9.5, color=INK, weight="bold")
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
        found = counted(len(boxes), "box", "boxes")
        self._draw_boxes(ax, boxes, _AMBER, 0.8)
        if not trace.passes:
            return "Detections", found
        self._query.show_masks(ax, [trace.exemplar_mask])
        self._draw_boxes(ax, trace.passes[0].exemplars[:1], SKY, 1.6)
        x, y = trace.location_prior
        ax.plot(x, y, "o", color=RED, ms=4, mec="white", mew=0.6)
        return "Detections, prior, exemplar", f"{found}; the first exemplar in blue"

    def _pass_panels(self, step: TracePass, first: bool, last: bool) -> List[Any]:
        def exemplars(ax: Axes) -> Tuple[str, str]:
            self._query.show(ax)
            self._draw_boxes(ax, step.exemplars, SKY, 1.6)
            return "Exemplars fed back", counted(len(step.exemplars), "exemplar", "exemplars")

        def masks(ax: Axes) -> Tuple[str, str]:
            self._query.show(ax)
            self._query.show_masks(ax, step.masks)
            return "Masks of this pass", counted(len(step.masks), "mask", "masks")

        panels: List[Any] = [] if first else [exemplars]
        panels.append(lambda ax: self._density_panel(ax, step))
        panels.append(lambda ax: self._prompt_panel(ax, step))
        return panels if last else [*panels, masks]

    def _density_panel(self, ax: Axes, step: TracePass) -> Tuple[str, str]:
        density = _shrunk(step.density, 500)
        # peaks of a pixel would not be seen
        self._query.show_map(ax, _core.blurred(density, max(density.shape) / 110), "inferno")
        ax.scatter(
            step.candidates[:, 0],
            step.candidates[:, 1],
            s=4.5 * self._dot(len(step.candidates)) ** 2,
            facecolors="none",
            edgecolors=[SKY],
            linewidths=0.7,
        )
        found = counted(len(step.candidates), "candidate", "candidates")
        return "Density map, candidates", f"sum {step.density.sum(dtype=np.float64):.1f}, {found}"

    def _prompt_panel(
        self, ax: Axes, step: TracePass, title: str = "Point prompts after PPSM"
    ) -> Tuple[str, str]:
        self._query.show(ax)
        kept = {tuple(p) for p in step.prompts.tolist()}
        rejected = [p for p in step.candidates.tolist() if tuple(p) not in kept]
        dot = self._dot(len(step.candidates))
        if rejected:
            x, y = np.array(rejected).T
            ax.plot(x, y, "x", color="white", ms=1.8 * dot + 1, mew=2.2)
            ax.plot(x, y, "x", color=RED, ms=1.8 * dot, mew=1.1)
        draw_dots(ax, step.prompts, dot)
        return title, f"{len(kept)} kept, {len(rejected)} rejected (red)"

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
