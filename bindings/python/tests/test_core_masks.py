"""Masks of every type, masks of results, and label images in their place."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

import numpy as np
import pytest
from samples import persense
from test_core_examples import HEIGHT, WIDTH, Example, box_of, discs, pipeline, scene


def of_first() -> np.ndarray:
    return discs() == 1


@pytest.mark.parametrize(
    "dtype",
    [bool, np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64],
)
def test_any_numbers_are_a_mask(dtype: Any) -> None:
    for mask in (of_first().astype(dtype), of_first()[:, :, None].astype(dtype)):
        assert (pipeline().support(scene(), mask).mask == of_first()).all()


def test_colours_are_a_mask_where_any_is_not_zero_and_alpha_is_ignored() -> None:
    colors = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    colors[of_first()] = (0, 9, 0, 0)
    colors[:, :, 3] = 255
    for mask in (colors, colors[:, :, :3]):
        assert (pipeline().support(scene(), mask).mask == of_first()).all()


def test_values_that_are_not_numbers_are_refused() -> None:
    mask = of_first().astype(float)
    mask[:2, 0] = np.nan
    message = "mask: 2 of 19200 values are NaN, expected an array of integers"
    with pytest.raises(persense.InvalidArgument, match=message):
        pipeline().support(scene(), mask)


def test_an_instance_and_its_mask_mark_an_object() -> None:
    found = pipeline().support(scene(), box=box_of(1)).segment(scene())
    for mark in (found[2], found[2].mask, found.masks[2]):
        support = pipeline().support(scene(), mask=mark, negatives=found[5].mask)
        assert support.examples[0].box == tuple(found.masks[2].box)
        assert support.examples[1].negative
    query = pipeline().encode(scene())
    assert pipeline().support(query, mask=found[2]).box == tuple(found.masks[2].box)
    inside = pipeline().support(scene(), box=box_of(1)).segment(scene(), region=found[0].mask)
    assert len(inside) == 1
    small = np.ascontiguousarray(scene()[:20, :20])
    with pytest.raises(
        persense.InvalidArgument, match="mask: its box .* lies outside of the image"
    ):
        pipeline().support(small, mask=found[2])


def test_objects_of_a_label_image_are_examples_parted_where_they_touch_with_a_note() -> None:
    touching = np.zeros((HEIGHT, WIDTH), np.int32)
    touching[11:30, 11:20] = 5  # the halves of one disc, side by side
    touching[11:30, 20:30] = 9
    touching[100:104, 100:104] = 7  # far smaller
    support = pipeline().support(scene(), touching)
    # less the column that touches the other half
    assert [example.mask.sum() for example in support.examples] == [190, 171 - 19]
    assert support.notes[0].startswith("support mask: is a label image of 3 objects")
    assert support.notes[1] == (
        "support mask: has 3 separate parts, 2 of like size are one example each"
    )
    again = pickle.loads(pickle.dumps(support))
    assert again.notes == support.notes and len(again.examples) == 2
    listed = pipeline().support([Example(scene(), mask=touching)])
    assert listed.notes == support.notes and len(listed.examples) == 2


def test_of_labels_of_unlike_size_the_largest_is_used() -> None:
    labels = np.where(discs() == 2, 4, 0)
    labels[100:104, 100:104] = 7
    support = pipeline().support(scene(), labels)
    assert (support.mask == (discs() == 2)).all()
    assert "the largest (253 pixels) is used, as the others are far smaller" in support.notes[1]
    reference = persense.Pipeline("classic", options={"support.parts": "largest"})
    [example] = reference.support(scene(), discs()).examples
    assert example.mask.sum() == 253


def test_a_picture_is_no_mask() -> None:
    with pytest.raises(persense.InvalidArgument, match="^mask: looks like a picture: "):
        pipeline().support(scene(), np.random.default_rng(1).integers(30, 220, (HEIGHT, WIDTH, 3)))


def test_an_id_beside_a_mask_picks_one_label(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "labels.png"
    file.write_bytes(persense._core.encode_png(discs().astype(np.uint8)))
    for labels in (discs(), discs()[:, :, None], discs().astype(np.uint64), file):
        support = pipeline().support(scene(), labels, id=3)
        assert (support.mask == (discs() == 3)).all() and support.notes == []
    with pytest.raises(persense.InvalidArgument, match="no pixel has the id 99"):
        pipeline().support(scene(), discs(), id=99)


def test_files_and_pil_images_of_labels_are_what_their_array_is(tmp_path: pathlib.Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    labels = np.where(discs() <= 4, discs(), 0).astype(np.uint8)
    expected = pipeline().support(scene(), labels)
    assert len(expected.examples) == 4
    grey, palette = pil.fromarray(labels), pil.fromarray(labels).convert("P")
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200, 90, 90, 0] + [0] * 753)
    for picture in (grey, palette, palette.convert("RGB")):
        picture.save(tmp_path / "labels.png")
        for mark in (picture, tmp_path / "labels.png"):
            support = pipeline().support(scene(), mark)
            assert support.notes == expected.notes
            assert all((a == b).all() for a, b in zip(support.masks, expected.masks))


def test_a_soft_border_is_no_label_and_probabilities_are_none() -> None:
    disc = of_first()
    soft = disc.astype(np.uint8) * np.uint8(255)
    soft[11, 18:23], soft[29, 18:23] = 64, 128
    for mask in (soft, soft / 255, (soft / 255).astype(np.float32)):
        support = pipeline().support(scene(), mask)
        assert support.notes == [] and (support.mask == (soft > 0)).all()


def test_an_object_cut_out_of_a_photo_is_one_mask() -> None:
    random = np.random.default_rng(3)
    inside = of_first()[:, :, None]
    photo = random.integers(1, 255, (HEIGHT, WIDTH, 3), np.uint8) * inside
    photo[15:19, 15:19], photo[21:25, 15:19] = (255, 255, 255), (9, 9, 9)  # flat, as glare is
    for mask in (photo, photo[:, :, 0]):
        support = pipeline().support(scene(), mask)
        assert support.notes == [] and (support.mask == of_first()).all()


def test_a_negative_example_of_several_labels_is_several() -> None:
    stones = np.where((discs() == 6) | (discs() == 7), discs(), 0)
    support = pipeline().support(scene(), box=box_of(1), negatives=[stones])
    assert [example.negative for example in support.examples] == [False, True, True]


def test_one_negative_is_taken_where_several_may_be(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "stone.png"
    file.write_bytes(persense._core.encode_png((discs() == 6).astype(np.uint8)))
    one = Example(scene(), box=box_of(6))
    for negatives in (box_of(6), tuple(box_of(6)), (60, 60), str(file), file, discs() == 6, one):
        support = pipeline().support(scene(), box=box_of(1), negatives=negatives)
        assert [example.negative for example in support.examples] == [False, True]


def test_regions_are_masks_of_any_type() -> None:
    support = pipeline().support(scene(), box=box_of(1))
    count = len(support.segment(scene(), region=discs() == 3))
    for region in (discs() * (discs() == 3), (discs() == 3).astype(np.float32)[:, :, None]):
        assert len(support.segment(scene(), region=region)) == count == 1
