#!/usr/bin/env python3
"""Exports the small SAM of the golden vectors, for decoder_test.cpp.

    golden_sam.py FOLDER

Ends with 4 where a Python package or the golden vectors are missing.
"""

import os
import pathlib
import sys
import tempfile

SKIPPED = 4  # ctest's SKIP_RETURN_CODE
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"SKIPPED: {sys.executable} has no {missing.name}")
    sys.exit(SKIPPED)

sys.path.insert(0, str(REPOSITORY / "bindings" / "python" / "training"))
from persense_export.__main__ import main  # noqa: E402

golden = pathlib.Path(os.environ.get("PERSENSE_GOLDEN", REPOSITORY.parent / "shared" / "golden"))
weights = sorted((golden / "sam_tiny" / "weights").glob("*.npy"))
if not weights:
    print(f"SKIPPED: no golden vectors at {golden / 'sam_tiny'} (set PERSENSE_GOLDEN)")
    sys.exit(SKIPPED)
state = {file.name[: -len(".npy")]: torch.from_numpy(np.load(file)) for file in weights}
with tempfile.TemporaryDirectory() as scratch:
    checkpoint = str(pathlib.Path(scratch) / "checkpoint.pth")
    torch.save(state, checkpoint)
    sys.exit(main(["sam", "--checkpoint", checkpoint, "-o", sys.argv[1]]))
