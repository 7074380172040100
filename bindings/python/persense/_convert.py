"""Numbers of any type and range as 8-bit images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from persense._arguments import array_of, is_path, number, refused, shown
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import ArrayLike

__all__ = ["as_image", "over_white", "through_window"]

_LEVELS = {"white": 255.0, "black": 0.0}
_NUMBERS = "an array of numbers"


def as_image(
    array: Union[ArrayLike, PIL.Image.Image],
    *,
    channels: str = "last",
    range: Optional[Tuple[float, float]] = None,
    percentiles: Tuple[float, float] = (0.1, 99.9),
    alpha: Optional[str] = None,
) -> npt.NDArray[np.uint8]:
    """Convert an array of any type and layout to what the pipeline takes.

        pipeline.support(persense.as_image(frame16), mask)
        persense.as_image(tensor.cpu(), channels="first", range=(0, 1))

    array: numbers of shape (H, W), grey, or with 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB
        and alpha) channels; or a PIL image, which is turned as its EXIF orientation says.
    channels: "last" for (H, W, C), "first" for (C, H, W).
    range: (lo, hi), the values that become 0 and 255; what lies beyond is cut off. None: uint8
        stays as it is, bool is 0 and 255, and of all other types the window between two percentiles
        becomes 0..255, the same for all channels, as of files.
    percentiles: of that window. A few hot pixels do not matter to it, but each array has its own:
        where support and query have to look alike, give both the same `range`.
    alpha: "white" blends over that colour, as reading a file does, "black" over the other; "drop"
        leaves it out: transparent pixels have the colour that is stored. None is "white" for four
        channels; two channels need one of them to be said.

    Returns uint8 of shape (H, W, 3) or (H, W), which shares the array's memory where it can.

    Raises InvalidArgument for other shapes, for values that are not finite, and for an array of one
    value, which has no window.
    """
    pixels = _with_channels_last(_numbers(array), channels)
    colors, opacity = _apart(pixels, alpha)
    if not np.isfinite(colors).all():
        count = int(colors.size - np.isfinite(colors).sum())
        raise InvalidArgument(
            f"array: {count} of {colors.size} values are not finite, expected numbers; "
            "see numpy.nan_to_num"
        )
    image = _eight_bits(colors, range, percentiles)
    if opacity is not None and alpha != "drop":
        image = _blended(image, _share(opacity), _LEVELS[alpha or "white"])
    return image


def _numbers(array: Any) -> npt.NDArray[Any]:
    from persense import _pil  # which needs as_image

    if is_path(array):
        raise refused("array", array, "an array; persense.read_image reads a file")
    if _pil.is_pil(array):
        return _pil.stored(array, "array")
    return array_of("array", array, _NUMBERS)


def _with_channels_last(array: npt.NDArray[Any], channels: str) -> npt.NDArray[Any]:
    if channels not in ("last", "first"):
        raise refused("channels", channels, "'last' or 'first'")
    pixels = array
    if array.ndim == 3 and channels == "first":
        pixels = array.transpose(1, 2, 0)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.size == 0:
        wanted = "(H, W, C)" if channels == "last" else "(C, H, W)"
        other = "first" if channels == "last" else "last"
        turned = array.ndim == 3 and 1 <= array.shape[0 if channels == "last" else 2] <= 4
        way_out = f"; is it channels={other!r}?" if turned else ""
        raise InvalidArgument(
            f"array: got {shown(array)}, expected (H, W) or {wanted} with 1 to 4 channels{way_out}"
        )
    return pixels


def _apart(
    pixels: npt.NDArray[Any], alpha: Optional[str]
) -> Tuple[npt.NDArray[Any], Optional[npt.NDArray[Any]]]:
    """Colours, (H, W, 3) or (H, W), and alpha, where there is one."""
    if alpha not in (None, "drop", *_LEVELS):
        raise refused("alpha", alpha, "'drop', 'white' or 'black'")
    count = pixels.shape[2]
    if count == 2 and alpha is None:
        raise InvalidArgument(
            f"array: got {shown(pixels)}, of which the second channel may be alpha or not; "
            "expected alpha='drop', 'white' or 'black', or one channel"
        )
    opacity = pixels[:, :, -1] if count in (2, 4) else None
    return (pixels[:, :, 0] if count < 3 else pixels[:, :, :3]), opacity


def _eight_bits(
    values: npt.NDArray[Any],
    range: Optional[Tuple[float, float]],
    percentiles: Tuple[float, float],
) -> npt.NDArray[np.uint8]:
    if range is None and values.dtype == np.uint8:
        return values
    if range is None and values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    window = _two("range", range) if range is not None else _window(values, percentiles)
    return through_window(values, window)


def through_window(values: npt.NDArray[Any], window: Tuple[float, float]) -> npt.NDArray[np.uint8]:
    """What lies between two numbers spread over 0 to 255, as reading a file does."""
    low, high = window
    scaled = (np.clip(values.astype(np.float64), low, high) - low) * (255.0 / (high - low))
    levels: npt.NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return levels


def _two(name: str, given: Any) -> Tuple[float, float]:
    """Two numbers, the first below the second."""
    expected = "two finite numbers, the first below the second"
    try:
        low, high = (number(name, value) for value in given)
    except (TypeError, ValueError):  # InvalidArgument is one, too
        raise refused(name, given, expected) from None
    if not -math.inf < low < high < math.inf:
        raise refused(name, given, expected)
    return low, high


def _window(values: npt.NDArray[Any], percentiles: Tuple[float, float]) -> Tuple[float, float]:
    first, last = _two("percentiles", percentiles)
    if first < 0 or last > 100:
        raise refused("percentiles", percentiles, "0 to 100")
    low, high = _numbers_at(values, first / 100, last / 100)
    if low == high:  # less than their share differs from the background
        low, high = float(values.min()), float(values.max())
    if low == high:
        raise InvalidArgument(
            f"array: every value is {low:g}, so no window follows from it; expected range=(lo, hi)"
        )
    return low, high


def _numbers_at(values: npt.NDArray[Any], low: float, high: float) -> Tuple[float, float]:
    """At shares of the sorted numbers, by the file reader's ranks: of three channels, outward."""
    channels = 3 if values.ndim == 2 else 1  # grey is three of a kind there
    last = values.size * channels - 1
    ranks = math.floor(low * last) // channels, math.ceil(high * last) // channels
    found = np.partition(values, ranks, axis=None)
    return float(found[ranks[0]]), float(found[ranks[1]])


def _share(opacity: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Alpha as 0 to 1."""
    if opacity.dtype.kind in "iu":
        most = np.iinfo(opacity.dtype).max
        return opacity.astype(np.float32) * np.float32(1 / most)
    share = opacity.astype(np.float32)
    if not (share.min() >= 0 and share.max() <= 1):
        raise InvalidArgument(
            f"array: its alpha is {share.min():g} to {share.max():g}, expected 0 to 1"
        )
    return share


def over_white(
    image: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """As reading a file does: alpha that is nowhere opaque was not meant."""
    return _blended(image, _share(opacity), 255.0) if opacity.any() else image


def _blended(
    image: npt.NDArray[np.uint8], share: npt.NDArray[np.float32], level: float
) -> npt.NDArray[np.uint8]:
    if image.ndim == 3:
        share = share[:, :, None]
    over = image.astype(np.float32) * share + (np.float32(1) - share) * np.float32(level)
    blended: npt.NDArray[np.uint8] = np.rint(over).astype(np.uint8)
    return blended
