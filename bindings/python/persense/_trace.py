"""The intermediates of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._core import Mask, TracePass
from ._images import mask_array, rgb_array
from .errors import InvalidArgument

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._images import ImageLike, MaskLike
    from .result import Result

__all__ = ["Trace"]


class Trace:
    """Every intermediate of the paper's figure 7, from `segment(..., trace=True)`."""

    def __init__(self, result: Result) -> None:
        assert result._core.trace is not None
        self._result = result
        self._core = result._core.trace

    @property
    def similarity(self) -> NDArray[np.float32]:
        """(H, W) in [-1, 1]: how much each pixel looks like the support object."""
        return self._core.similarity

    @property
    def label_detections(self) -> Tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) and confidences (N,) found for the class label."""
        return self._core.label_detections

    @property
    def phrase_detections(self) -> Tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4) and confidences (N,) found for the phrase ("all potatoes")."""
        return self._core.phrase_detections

    @property
    def location_prior(self) -> Tuple[int, int]:
        """(x, y) of the first exemplar's point prompt."""
        return self._core.location_prior

    @property
    def exemplar_mask(self) -> Mask:
        """The mask of the object at the location prior, whose box is the first exemplar."""
        return self._core.exemplar_mask

    @property
    def exemplar_score(self) -> float:
        """The decoder's score of `exemplar_mask`."""
        return self._core.exemplar_score

    @property
    def passes(self) -> Sequence[TracePass]:
        """The rounds of density map, IDM, PPSM and decoding, in their order."""
        return self._core.passes

    def __repr__(self) -> str:
        prompts = ", ".join(str(len(step.prompts)) for step in self.passes)
        return f"Trace({len(self.passes)} passes, prompts: {prompts})"

    def plot(
        self,
        image: Optional[ImageLike] = None,
        *,
        support_image: Optional[ImageLike] = None,
        support_mask: Optional[MaskLike] = None,
    ) -> Figure:
        """All steps side by side in a new matplotlib figure, as the paper's figure 7.

        Support, similarity, detections with location prior and first exemplar; then for every pass
        its exemplars, density map with candidates, prompts and masks; the instances last.

        Args:
            image: the query image, needed where the result was unpickled and its file is gone.
            support_image, support_mask: the support example, which an unpickled result does not
                hold; without it the first panel is left out.

        Raises:
            InvalidArgument: no image, or one of another size.
            ImportError: matplotlib is missing.
        """
        from ._plotting import figure_with

        picture = self._figure(image, support_image, support_mask)
        return figure_with([picture], inches=picture.shape[1] / 150)  # its texts can be read

    def _figure(
        self,
        image: Optional[ImageLike],
        support_image: Optional[ImageLike],
        support_mask: Optional[MaskLike],
    ) -> NDArray[np.uint8]:
        """What the program writes with `--trace`: (H, W, 3)."""
        result = self._result
        if (support_image is None) != (support_mask is None):
            missing = "support_image" if support_image is None else "support_mask"
            raise InvalidArgument(f"{missing}: got None, expected the support's, or neither")
        picture = result._picture(image)
        if support_image is None or support_mask is None:
            support = result._supports[0]._prepared if result._supports else None
            return _core.figure(result._core, picture, support)
        pixels = rgb_array(support_image, "support_image")
        mask = mask_array(support_mask, "support_mask", (pixels.shape[1], pixels.shape[0]))
        return _core.figure(result._core, picture, pixels, mask)
