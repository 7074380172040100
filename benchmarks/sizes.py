#!/usr/bin/env python3
"""Which part of the objects is found, by their size against the support's.

    sizes.py DATASET [--models mini|classic|FOLDER] [--set KEY=VALUE ...]

DATASET is a folder of class folders, as `persense eval` takes it, with instance truth. An object is
found where an instance has more than half of it and of its own pixels in common with it (IoU > 0.5).
Diameters are those of discs of the same area. Classes count alike: a size that a class has fewer
than five objects of is left out for it.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Dict, List, Optional, Sequence

import numpy as np
from tqdm import tqdm

import persense
from scripts import image_in, overlaps, parser, pipeline_of

BOUNDS = (0.25, 0.4, 0.6, 0.8, 1.25, 1.7, 2.5, 4.0)  # of diameters over the support's
FEWEST = 5


def recalls(pipeline: persense.Pipeline, folder: pathlib.Path) -> Dict[int, float]:
    """By index into BOUNDS' intervals."""
    mask = folder / "00.png"
    support = pipeline.support(image_in(folder, "00"), mask=mask)
    unit = np.sqrt(int(np.count_nonzero(persense.read_mask(mask))))
    ratios: List[float] = []
    hits: List[bool] = []
    for truth in sorted(folder.glob("*_instances.png")):
        labels = persense.read_labels(truth)
        image = image_in(folder, truth.name.split("_")[0])
        best = overlaps(pipeline.segment(image, support).to_labels(), labels)
        for label, area in zip(*np.unique(labels[labels > 0], return_counts=True)):
            ratios.append(float(np.sqrt(area) / unit))
            hits.append(best[int(label)] > 0.5)
    which = np.digitize(ratios, BOUNDS) - 1
    values = np.array(hits)
    return {
        i: float(values[which == i].mean())
        for i in range(len(BOUNDS) - 1)
        if (which == i).sum() >= FEWEST
    }


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print the table."""
    flags = parser(__doc__)
    flags.add_argument("dataset", type=pathlib.Path)
    given = flags.parse_args(arguments)
    try:
        pipeline = pipeline_of(given)
        folders = sorted(f for f in given.dataset.iterdir() if f.is_dir())
        rows = {f.name: recalls(pipeline, f) for f in tqdm(folders, disable=None)}
    except (OSError, ValueError, persense.Error) as error:
        print(f"sizes.py: {error}", file=sys.stderr)
        return 1
    spans = list(zip(BOUNDS, BOUNDS[1:]))
    print(f"{'class':16s}" + "".join(f"{f'{a:g} to {b:g}':>13s}" for a, b in spans))
    for name, row in rows.items():
        cells = [f"{row[i]:13.2f}" if i in row else f"{'':13s}" for i in range(len(spans))]
        print(f"{name:16s}" + "".join(cells))
    means = [[r[i] for r in rows.values() if i in r] for i in range(len(spans))]
    print(f"{'mean':16s}" + "".join(f"{np.mean(m):13.2f}" if m else f"{'':13s}" for m in means))
    print(f"{'classes':16s}" + "".join(f"{len(m):13d}" for m in means))
    return 0


if __name__ == "__main__":
    sys.exit(main())
