#!/usr/bin/env python3
"""Small networks in both formats, for onnx_test.cpp to compare what the two runtimes make of them.

    onnx_models.py FOLDER

Exports SAM, CounTR, DSALVANet and GroundingDINO, small and with weights by formula, into FOLDER; draws
a support and a query image there; and says in library.txt where ONNX Runtime is. Ends with 4 where a
Python package is missing.
"""

from __future__ import annotations

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python" / "training" / "tests"))

import end_to_end  # noqa: E402  # ends this script where there is no PyTorch

try:
    import onnx  # noqa: F401
    import onnxruntime
except ImportError as missing:
    print(f"SKIPPED: {sys.executable} has no {missing.name}")
    sys.exit(end_to_end.SKIPPED)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from helpers import SMALL_DETECTOR, randomise, write_vocabulary  # noqa: E402
from persense_export import grounding_dino  # noqa: E402
from persense_export.archive import FORMATS  # noqa: E402
from persense_export.networks.grounding_dino import GroundingDino  # noqa: E402


def export_detector(folder: pathlib.Path) -> None:
    """A detector, which is not compared with that of transformers."""
    vocabulary = folder / "words.txt"
    write_vocabulary(vocabulary)
    options = grounding_dino.argparse.Namespace(vocabulary=vocabulary, arch=None)
    checkpoint = end_to_end.checkpoint_of(randomise(GroundingDino(SMALL_DETECTOR)), folder)
    grounding_dino._compare = lambda *_: None
    archives = grounding_dino.archives(checkpoint, options)
    end_to_end.write_archives(archives, checkpoint, folder, formats=FORMATS)


def main(folder: pathlib.Path) -> None:
    """Make networks and images, export, write."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(end_to_end.os.cpu_count() or 1)
    random = np.random.RandomState(0)
    support = end_to_end.draw(300, 240, 4, (30, 40), random)
    query = end_to_end.draw(400, 320, 24, (11, 18), random)
    networks = end_to_end.small_sam(), end_to_end.small_countr()
    end_to_end.export(folder, *networks, end_to_end.dsalvanet_for(query.image), FORMATS)
    export_detector(folder)
    for name, array in (
        ("support", support.image),
        ("support_mask", support.mask(0)),
        ("query", query.image),
    ):
        np.save(folder / f"{name}.npy", array)
    libraries = pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*")
    (folder / "library.txt").write_text(str(next(libraries, "")))  # last: the mark of a whole run


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with torch.no_grad():
        main(pathlib.Path(sys.argv[1]))
