"""What the core drew, in matplotlib's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from ._optional import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = 9.0  # width of a figure, or its height where that is more


def show(image: NDArray[np.uint8], ax: Optional[Axes] = None) -> Axes:
    """An image in its pixel coordinates: the centre of its pixel (x, y) lies at (x, y).

    Without `ax` in a new figure, which it fills.
    """
    ax = figure_of([image]).axes[0] if ax is None else ax
    ax.imshow(image)
    ax.set_axis_off()
    return ax


def figure_of(images: Sequence[NDArray[np.uint8]], inches: float = _INCHES) -> Figure:
    """A new figure with empty axes of the images' shapes, side by side."""
    plt = optional("matplotlib.pyplot", "plot")
    shapes = [image.shape[1] / image.shape[0] for image in images]  # width of one as high as 1
    height = min(inches / sum(shapes), inches)
    # "constrained" makes room for a title, if one is set later
    figure = plt.figure(figsize=(height * sum(shapes), height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0, h_pad=0, wspace=0.02 * (len(images) > 1), hspace=0)
    figure.subplots(1, len(images), width_ratios=shapes)
    return figure  # type: ignore[no-any-return]


def figure_with(images: Sequence[NDArray[np.uint8]], inches: float = _INCHES) -> Figure:
    """A new figure of the images, side by side."""
    figure = figure_of(images, inches)
    for image, ax in zip(images, figure.axes):
        show(image, ax)
    return figure
