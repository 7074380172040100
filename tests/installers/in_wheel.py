"""Run by wheel.sh with the installed package, in a root folder that holds little else."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

import persense

DATA = pathlib.Path(__file__).resolve().parent
SUPPORT, MASK, QUERY = DATA / "00.jpg", DATA / "00.png", DATA / "01.jpg"


def segment(models: "str | None") -> "persense.Result":
    support = persense.Pipeline(models).support(SUPPORT, MASK)
    return support.segment(QUERY)


def check_default(with_torch: bool) -> None:
    assert persense.has_torch() == with_torch
    assert len(segment(None)) > 20
    if with_torch:
        return
    try:
        persense.Pipeline(dtype="bf16")
    except persense.InvalidArgument as error:
        assert "\n" not in str(error) and 'models="mini"' in str(error), error
        print("in half precision:", error)
    else:
        raise AssertionError("half precision without a LibTorch")


def check_files() -> None:
    image = persense.read_image(QUERY)
    assert image.shape[2] == 3 and image.dtype == np.uint8
    result = segment("classic")
    assert np.array_equal(persense.read_labels(MASK) > 0, persense.read_mask(MASK) > 0)
    assert len(result) > 20, result
    assert persense.has_label_extraction()


if __name__ == "__main__":
    if sys.argv[1] == "first":
        print(segment(None))
    else:
        check_files()
        check_default("torch" in sys.argv[2])
        maps = pathlib.Path("/proc/self/maps").read_text()
        outside = {line.split()[-1] for line in maps.splitlines() if "opencv" in line}
        assert outside and all("/env/" in library for library in outside), outside
        print("ok")
