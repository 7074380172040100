"""Images and masks as callers have them: paths, PIL images, arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from persense import _core, _pil
from persense._arguments import Path, array_of, is_path, path as path_text, shown, whole
from persense._convert import over_white
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    import PIL.Image

    from persense._instances import Instance

__all__ = [
    "ImageLike",
    "LabelsLike",
    "MaskLike",
    "file_of",
    "image_array",
    "image_window",
    "is_mask",
    "is_picture",
    "labels_array",
    "load_image",
    "marking_mask",
    "mask_array",
    "page_count",
    "read_image",
    "read_labels",
    "read_mask",
    "rgb_array",
]

ImageLike = Union[Path, npt.NDArray[np.uint8], "PIL.Image.Image"]
MaskLike = Union[
    Path,
    npt.NDArray[np.integer[Any]],
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.bool_],
    "PIL.Image.Image",
    _core.Mask,
    "Instance",
]
LabelsLike = Union[Path, npt.NDArray[np.integer[Any]], "PIL.Image.Image"]

_IMAGE = "a uint8 array of shape (H, W, 3), RGB, or (H, W), grey; persense.as_image converts others"
_MASK = "an array of integers, floats or bool of shape (H, W), 0 = outside"


def read_image(
    path: Path, *, page: int = 1, window: Optional[Tuple[float, float]] = None
) -> npt.NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8, RGB.

    PNG, JPEG, TIFF, WebP or BMP, grey, colour or with a palette. EXIF orientation is applied; what
    is transparent is seen over white.

    page: of a TIFF, from 1; see page_count.
    window: (low, high), the numbers that become black and white where pixels are integers of 16 bits
        and more or floating point; None: their 0.1st and 99.9th percentile. Frames of one series
        keep their relation if they are read through one window: image_window gives the first's.

    Raises FileNotFound, Unreadable for anything that is no such image, InvalidArgument.
    """
    return load_image(path, page, window)[0]


def load_image(
    path: Path, page: int = 1, window: Optional[Tuple[float, float]] = None
) -> Tuple[npt.NDArray[np.uint8], int, Optional[Tuple[float, float]]]:
    """Pixels, number of pages, and the window that deep pixels went through."""
    return _core.load_image(path_text("path", path), whole("page", page), window)


def page_count(path: Path) -> int:
    """Number of pages of a TIFF; 1 of other formats. Thumbnails are none."""
    return load_image(path)[1]


def image_window(path: Path) -> Optional[Tuple[float, float]]:
    """The window that read_image takes for this file by itself; None for pixels of 8 bits."""
    return load_image(path)[2]


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask as (H, W) uint8, 0 or 255.

    Formats, orientation and errors as in read_image. A pixel is inside when any colour channel is
    not zero; in JPEG and WebP, where compression leaves noise, when it is above half of the
    image's maximum. Where the shape is in the alpha channel, it is taken from there.
    """
    return _core.read_mask(path_text("path", path))


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read a label image as (H, W) int32: 0 is background, every other number an object.

    One grey channel of whole numbers, as `persense segment` writes it. EXIF orientation is not
    applied: a label image is data.

    Raises FileNotFound, or Unreadable for colour, numbers that are no labels, or a lossy format.
    """
    return _core.read_labels(path_text("path", path))


def is_picture(value: object) -> bool:
    """Whether it is a path or a PIL image, and not numbers."""
    return is_path(value) or _pil.is_pil(value)


def is_mask(value: object) -> bool:
    """Whether it is a mask of a result, or an instance that has one."""
    return isinstance(value, _core.Mask) or isinstance(getattr(value, "mask", None), _core.Mask)


def image_and_window(
    value: ImageLike, name: str, window: Optional[Tuple[float, float]] = None
) -> Tuple[npt.NDArray[np.uint8], Optional[Tuple[float, float]]]:
    """What image_array gives, and the window that a file's deep pixels went through."""
    if not is_path(value):
        return image_array(value, name), None
    array, _, used = load_image(value, window=window)  # type: ignore[arg-type]
    return array, used


def file_of(value: object) -> Optional[str]:
    """The file that an image was given as."""
    return path_text("path", value) if is_path(value) else None


def image_array(
    value: ImageLike, name: str, window: Optional[Tuple[float, float]] = None
) -> npt.NDArray[np.uint8]:
    """Give the array behind any form of image: (H, W, 3) or (H, W).

    window: of files with deep pixels.
    """
    if is_path(value):
        return read_image(value, window=window)  # type: ignore[arg-type]
    if _pil.is_pil(value):
        return _pil.shown_image(value, name)
    array: Any = value
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.size == 0:
        raise _wrong(name, value, _IMAGE)
    if array.ndim == 2:
        return array
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise _wrong(name, value, _IMAGE)
    if array.shape[2] == 4:  # as reading a file does
        return over_white(array[:, :, :3], array[:, :, 3])
    return array if array.shape[2] == 3 else array[:, :, 0]


def _wrong(name: str, value: object, expected: str) -> InvalidArgument:
    """The error for what is no image or mask: its type is said, not its values."""
    got = shown(value) if isinstance(value, np.ndarray) else type(value).__name__
    return InvalidArgument(f"{name}: got {got}, expected {expected}")


def rgb_array(
    value: ImageLike, name: str, window: Optional[Tuple[float, float]] = None
) -> npt.NDArray[np.uint8]:
    """Give any form of image as (H, W, 3). window: of files with deep pixels."""
    picture = image_array(value, name, window)
    return np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture


def mask_array(
    value: MaskLike, name: str, size: Optional[Tuple[int, int]] = None
) -> npt.NDArray[Any]:
    """Give any form of mask as bool or uint8 (H, W).

    size: (width, height) of the image, which an instance's mask does not know.
    """
    if is_path(value):
        return read_mask(value)  # type: ignore[arg-type]
    if is_mask(value):
        return _whole(value, name, size)
    return _core.shape_of_pixels(*_pixels_of_mask(value, name))


def marking_mask(
    value: MaskLike, name: str, size: Tuple[int, int]
) -> Tuple[npt.NDArray[Any], List[str]]:
    """The same of a mask that marks objects, by the rules of files, and notes of what was taken:
    objects of a label image that touch are parted, and a picture is refused.
    """
    if is_path(value):
        return _core.load_mask(path_text(name, value))
    if is_mask(value):
        return _whole(value, name, size), []
    pixels, alpha, lossy = _pixels_of_mask(value, name)
    try:
        return _core.mask_of_pixels(pixels, alpha, lossy)
    except InvalidArgument as error:
        raise InvalidArgument(f"{name}: {error}") from None


def _pixels_of_mask(
    value: Any, name: str
) -> Tuple[npt.NDArray[Any], Optional[npt.NDArray[Any]], bool]:
    """Colours, alpha and whether they are lossy, as _core takes them."""
    if _pil.is_pil(value):
        values, alpha = _pil.pixels(value, name)
        lossy = _pil.is_lossy(value)
    else:
        values, alpha, lossy = _mask_values(value, name), None, False
        if values.ndim == 3:
            alpha = values[:, :, 3] if values.shape[2] == 4 else None
            values = values[:, :, 0] if values.shape[2] == 1 else values[:, :, :3]
    kind = np.uint8 if values.dtype in (np.bool_, np.uint8) else np.float64
    if alpha is not None:  # where nothing is opaque, it was not meant
        alpha = np.ascontiguousarray(alpha, kind) if alpha.any() else None
    return np.ascontiguousarray(values, kind), alpha, lossy


def _mask_values(value: Any, name: str) -> npt.NDArray[Any]:
    """A mask's numbers, (H, W) or (H, W, C)."""
    if isinstance(value, (list, tuple)) or not hasattr(value, "__array__"):
        raise _wrong(name, value, _MASK)
    array = array_of(name, value, _MASK)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise _wrong(name, array, _MASK)
    if array.dtype.kind == "f" and (unknown := int(np.isnan(array).sum())) > 0:
        raise InvalidArgument(f"{name}: {unknown} of {array.size} values are NaN, expected {_MASK}")
    return array


def _whole(value: Any, name: str, size: Optional[Tuple[int, int]]) -> npt.NDArray[np.bool_]:
    mask = getattr(value, "mask", value)
    x0, y0, x1, y1 = mask.box
    if size is None:
        raise _wrong(name, mask, _MASK)
    width, height = size
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        raise InvalidArgument(
            f"{name}: its box {mask.box} lies outside of the image of {width} x {height}"
        )
    inside = np.zeros((height, width), dtype=bool)
    inside[y0:y1, x0:x1] = mask.bits
    return inside


def labels_array(value: LabelsLike, name: str) -> npt.NDArray[np.int32]:
    """Give any form of label image as int32."""
    if is_path(value):
        return read_labels(value)  # type: ignore[arg-type]
    expected = "integers of shape (H, W)"
    array = _pil.labels(value, name) if _pil.is_pil(value) else array_of(name, value, expected)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise InvalidArgument(
            f"{name}: got {array.dtype} array of shape {array.shape}, expected {expected}"
        )
    limits = np.iinfo(np.int32)
    if array.size > 0 and not limits.min <= array.min() <= array.max() <= limits.max:
        raise InvalidArgument(f"{name}: got numbers up to {array.max()}, expected at most 2^31 - 1")
    return array.astype(np.int32, copy=False)
