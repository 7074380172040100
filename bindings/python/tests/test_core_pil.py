"""PIL images: the same as the file that they were opened from."""

from __future__ import annotations

import pathlib
from typing import Any, Callable, Dict

import numpy as np
import pytest
from samples import DATA, persense, support_of

pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
BEANS = DATA / "beans"


def seen(image: Any) -> np.ndarray:
    """An image as the pipeline shows it to a stage."""
    pixels = support_of("beans")._pipeline.encode(image).image
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels


def small() -> Any:
    return pil.open(BEANS / "01.jpg").resize((64, 48))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_file_is(
    suffix: str, orientation: int, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / f"turned{suffix}"
    exif = pil.Exif()
    exif[0x0112] = orientation
    small().save(file, exif=exif)
    assert (seen(pil.open(file)) == persense.read_image(file)).all()


def with_alpha(picture: Any) -> Any:
    picture = picture.convert("RGBA")
    picture.putalpha(pil.fromarray(np.arange(64 * 48, dtype=np.uint8).reshape(48, 64)))
    return picture


def of_16_bits(picture: Any) -> Any:
    return pil.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 13)


KINDS: Dict[str, Callable[[Any], Any]] = {
    "1.png": lambda p: p.convert("1"),
    "L.png": lambda p: p.convert("L"),
    "LA.png": lambda p: with_alpha(p).convert("LA"),
    "P.png": lambda p: p.convert("P"),
    "P.bmp": lambda p: p.convert("P"),
    "RGBA.png": with_alpha,
    "RGBA.tif": with_alpha,
    "CMYK.jpg": lambda p: p.convert("CMYK"),
    "CMYK.tif": lambda p: p.convert("CMYK"),
    "16.png": of_16_bits,
    "16.tif": of_16_bits,
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_of_any_mode_is_what_its_file_is(kind: str, tmp_path: pathlib.Path) -> None:
    file = tmp_path / kind
    KINDS[kind](small()).save(file)
    assert (seen(pil.open(file)) == persense.read_image(file)).all()
    mask = persense._images.mask_array(pil.open(file), "mask")
    assert ((mask != 0) == (persense.read_mask(file) != 0)).all()


def test_an_image_and_its_path_give_the_same_result(tmp_path: pathlib.Path) -> None:
    exif = pil.Exif()
    exif[0x0112] = 6
    file = tmp_path / "turned.jpg"
    pil.open(BEANS / "01.jpg").save(file, exif=exif)
    support = support_of("beans")
    by_path, by_image = support.segment(file), support.segment(pil.open(file))
    assert by_path.size == by_image.size == (480, 640)
    assert by_path._core.csv() == by_image._core.csv()


def test_as_image_turns_and_converts_what_no_file_may_hold() -> None:
    deep = pil.fromarray(np.linspace(-3, 5, 48 * 64, dtype=np.float32).reshape(48, 64))
    with pytest.raises(persense.InvalidArgument, match="image: got a PIL image of mode 'F', .*"):
        seen(deep)
    converted = persense.as_image(deep, range=(-3, 5))
    assert converted[0, 0] == 0 and converted[-1, -1] == 255
    exif = pil.Exif()
    exif[0x0112] = 8
    picture = small()
    picture.info["exif"] = exif.tobytes()
    assert persense.as_image(picture).shape == (64, 48, 3)


def test_16_bit_colours_that_pillow_cuts_are_refused(tmp_path: pathlib.Path) -> None:
    cv = pytest.importorskip("cv2", reason="OpenCV's Python package is not installed")
    file = tmp_path / "deep.png"
    cv.imwrite(str(file), np.asarray(small()).astype(np.uint16) * 16)
    with pytest.raises(persense.InvalidArgument, match="Pillow keeps 8 bits; expected its path"):
        seen(pil.open(file))
    assert persense.as_image(pil.open(file)).shape == (48, 64, 3)


def test_a_truncated_file_is_one_line(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "cut.png"
    small().save(file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(persense.Unreadable, match="^image: image file is truncated"):
        seen(pil.open(file))


@pytest.mark.parametrize("kind", ["mask", "labels"])
def test_sides_that_are_exchanged_are_put_down_to_the_orientation(kind: str) -> None:
    image = persense.read_image(BEANS / "00.jpg")
    turned = np.rot90(persense.read_mask(BEANS / "00.png") != 0)
    marks: Dict[str, Any] = {"mask": turned}
    if kind == "labels":
        marks = {"labels": turned.astype(np.int32), "id": 1}
    with pytest.raises(persense.InvalidArgument, match="exchanged: .* EXIF orientation"):
        persense.Pipeline("classic").support(image, **marks)
