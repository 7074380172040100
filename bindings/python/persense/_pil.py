"""PIL images as reading their files gives them."""

from __future__ import annotations

import sys
from typing import Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

from persense._convert import as_image, over_white
from persense.errors import InvalidArgument, Unreadable

__all__ = ["is_lossy", "is_pil", "labels", "pixels", "shown_image", "stored"]

_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_COLORS = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "YCbCr", "HSV")


def is_pil(value: object) -> bool:
    # whoever hands over a PIL image has imported PIL
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def shown_image(image: Any, name: str) -> npt.NDArray[np.uint8]:
    """What read_image gives of its file; grey ones as (H, W)."""
    array, alpha = pixels(image, name)
    if array.dtype == np.uint16:
        return as_image(array) if array.min() < array.max() else np.zeros_like(array, np.uint8)
    return array if alpha is None else over_white(array, alpha)


def pixels(image: Any, name: str) -> Tuple[npt.NDArray[Any], Optional[npt.NDArray[np.uint8]]]:
    """Grey or RGB of 8 bits, or grey of 16, turned as its file is, and alpha, where it has one."""
    # once loaded, nothing tells that they were reduced
    deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", None) or [])
    if deep and not image.mode.startswith("I"):
        raise InvalidArgument(
            f"{name}: got a PIL image of 16-bit colours, of which Pillow keeps 8 bits; expected "
            "its path, or persense.as_image(image)"
        )
    array = stored(image, name)
    if array.dtype.kind == "i" and 0 <= array.min() and array.max() <= 65535:
        array = array.astype(np.uint16)  # how older versions read 16-bit PNG
    if array.dtype not in (np.uint8, np.uint16):
        raise InvalidArgument(
            f"{name}: got a PIL image of mode {image.mode!r}, expected colours or 8 or 16 bits; "
            "persense.as_image converts it"
        )
    return array, _alpha(image)


def _alpha(image: Any) -> Optional[npt.NDArray[np.uint8]]:
    """Turned as its file is."""
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return None
    plane = np.asarray(image.convert("RGBA").getchannel("A"))
    return np.ascontiguousarray(_turned(plane, _orientation(image)))


def stored(image: Any, name: str) -> npt.NDArray[Any]:
    """Its colours turned as its file is, of any mode's type, without alpha."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise Unreadable(f"{name}: {str(error).splitlines()[0]}") from None
    return np.ascontiguousarray(_turned(_channels(image, name), _orientation(image)))


def _channels(image: Any, name: str) -> npt.NDArray[Any]:
    mode = image.mode
    if mode in _SIXTEEN_BITS:
        array = np.asarray(image).astype(np.uint16)
        # where white is stored as 0; Pillow turns that with 8 bits alone
        is_white = getattr(image, "tag_v2", {}).get(262) == 0
        return 65535 - array if is_white else array
    if mode in ("I", "F"):
        return np.asarray(image)
    if mode in ("1", "L", "LA"):
        return np.asarray(image.convert("L"))
    if mode == "La":
        return np.asarray(image.convert("LA").convert("L"))
    if mode == "CMYK":
        return _rgb_of_cmyk(np.asarray(image), _is_jpeg(image))
    if mode == "RGBa":
        return np.asarray(image.convert("RGBA").convert("RGB"))
    if mode in _COLORS:
        return np.asarray(image.convert("RGB"))
    raise InvalidArgument(
        f"{name}: got a PIL image of mode {mode!r}, expected grey or RGB; "
        "see PIL.Image.Image.convert"
    )


def _rgb_of_cmyk(inks: npt.NDArray[np.uint8], jpeg: bool) -> npt.NDArray[np.uint8]:
    """By the arithmetic of the file reader: OpenCV's of JPEG, libtiff's of TIFF."""
    light = 255 - inks.astype(np.int32)
    black = light[:, :, 3:]
    if jpeg:
        return (black - ((255 - light[:, :, :3]) * black >> 8)).astype(np.uint8)
    return (light[:, :, :3] * black // 255).astype(np.uint8)


def _orientation(image: Any) -> int:
    """EXIF's, 1 to 8, where the pixels are not turned yet."""
    exif = image.info.get("exif")
    if not exif or hasattr(image, "tag_v2"):  # Pillow turns TIFF itself
        return 1
    try:
        data = sys.modules["PIL.Image"].Exif()
        data.load(exif)
        return int(data.get(0x0112, 1))
    except Exception:  # damaged, which is not the image
        return 1


def _turned(array: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    if 5 <= orientation <= 8:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def _is_jpeg(image: Any) -> bool:
    return image.format in ("JPEG", "MPO")


def is_lossy(image: Any) -> bool:
    """Whether its file's compression left noise."""
    compression = image.info.get("compression") if image.format == "TIFF" else None
    return _is_jpeg(image) or image.format == "WEBP" or compression in ("jpeg", "tiff_jpeg")


def labels(image: Any, name: str) -> npt.NDArray[Any]:
    """Its numbers as they are stored."""
    if image.mode not in ("L", "I", *_SIXTEEN_BITS):
        raise InvalidArgument(
            f"{name}: got a PIL image of mode {image.mode!r}, expected numbers: L, I or I;16"
        )
    return np.asarray(image)
