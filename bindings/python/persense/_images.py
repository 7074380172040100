"""Images and masks as callers have them: paths, PIL images, arrays."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from persense import _core
from persense.errors import InvalidArgument

if TYPE_CHECKING:
    import PIL.Image

__all__ = [
    "ImageLike",
    "LabelsLike",
    "MaskLike",
    "as_image",
    "as_labels",
    "as_mask",
    "as_rgb",
    "is_picture",
    "read_image",
    "read_labels",
    "read_mask",
]

Path = Union[str, "os.PathLike[str]"]
ImageLike = Union[Path, npt.NDArray[np.uint8], "PIL.Image.Image"]
MaskLike = Union[Path, npt.NDArray[np.uint8], npt.NDArray[np.bool_], "PIL.Image.Image"]
LabelsLike = Union[Path, npt.NDArray[np.integer[Any]], "PIL.Image.Image"]


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8, RGB.

    PNG, JPEG, TIFF (first page), WebP or BMP, 8 or 16 bits, grey, RGB or RGBA (alpha is dropped).
    EXIF orientation is applied. 16-bit pixels are scaled to 0..255 by the sensor depth that their
    maximum suggests.

    Raises FileNotFound, or Unreadable for anything that is no such image.
    """
    return _core.read_image(os.fspath(path))


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask as (H, W) uint8, 0 or 255.

    Formats, orientation and errors as in read_image. A pixel is inside when any colour channel is
    not zero; in JPEG and WebP, where compression leaves noise, when it is above half of the
    image's maximum. Alpha is ignored.
    """
    return _core.read_mask(os.fspath(path))


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read a label image as (H, W) int32: 0 is background, every other number an object.

    One grey channel of 8 or 16 bits, as `persense segment` writes it. EXIF orientation is not
    applied: a label image is data.

    Raises FileNotFound, or Unreadable for colour or a lossy format.
    """
    return _core.read_labels(os.fspath(path))


def is_picture(value: object) -> bool:
    """Whether it is a path or a PIL image, and not numbers."""
    return isinstance(value, (str, os.PathLike)) or _is_pil(value)


def _is_pil(value: object) -> bool:
    # whoever hands over a PIL image has imported PIL
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def _from_pil(image: Any, name: str, modes: "tuple[str, ...]") -> npt.NDArray[Any]:
    if image.mode not in modes:
        raise InvalidArgument(
            f"{name}: got a PIL image of mode {image.mode!r}, expected {' or '.join(modes)}; "
            f"see PIL.Image.Image.convert"
        )
    return np.asarray(image)


def as_image(value: ImageLike, name: str) -> npt.NDArray[np.uint8]:
    """Give the array behind any form of image. What is no image is left for _core to refuse."""
    if isinstance(value, (str, os.PathLike)):
        return read_image(value)
    if _is_pil(value):
        return _from_pil(value, name, ("RGB", "L"))
    return value  # type: ignore[return-value]


def as_rgb(value: ImageLike, name: str) -> npt.NDArray[np.uint8]:
    """Give any form of image as (H, W, 3)."""
    picture: Any = as_image(value, name)
    shape, dtype = getattr(picture, "shape", None), getattr(picture, "dtype", None)
    if shape is None or dtype != np.uint8 or not (len(shape) == 2 or shape[2:] == (3,)):
        got = type(picture).__name__ if shape is None else f"{dtype} array of shape {shape}"
        raise InvalidArgument(
            f"{name}: got {got}, expected a uint8 array of shape (H, W, 3), RGB, or (H, W), grey"
        )
    rgb: npt.NDArray[np.uint8] = (
        np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture
    )
    return rgb


def as_mask(value: MaskLike, name: str) -> npt.NDArray[Any]:
    """Give the array behind any form of mask. What is no mask is left for _core to refuse."""
    if isinstance(value, (str, os.PathLike)):
        return read_mask(value)
    if _is_pil(value):
        return _from_pil(value, name, ("1", "L"))
    return value  # type: ignore[return-value]


def as_labels(value: LabelsLike, name: str) -> npt.NDArray[np.int32]:
    """Give any form of label image as int32."""
    if isinstance(value, (str, os.PathLike)):
        return read_labels(value)
    array: npt.NDArray[Any] = (
        _from_pil(value, name, ("L", "I", "I;16")) if _is_pil(value) else np.asarray(value)
    )
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise InvalidArgument(
            f"{name}: got {array.dtype} array of shape {array.shape}, expected integers of shape "
            "(H, W)"
        )
    limits = np.iinfo(np.int32)
    if array.size > 0 and not limits.min <= array.min() <= array.max() <= limits.max:
        raise InvalidArgument(f"{name}: got numbers up to {array.max()}, expected at most 2^31 - 1")
    return array.astype(np.int32, copy=False)
