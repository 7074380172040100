"""What the scripts beside it share: which objects were found."""

from __future__ import annotations

from typing import Dict

import numpy as np
import numpy.typing as npt


def overlaps(found: npt.NDArray[np.int32], truth: npt.NDArray[np.int32]) -> Dict[int, float]:
    """For every object of a label image the highest IoU that an instance of another has with it.

    An IoU above 0.5 is one instance's and one object's alone.
    """
    objects, areas = np.unique(truth[truth > 0], return_counts=True)
    best = {int(label): 0.0 for label in objects}
    of_object = dict(zip(best, areas))
    _, of_instance = np.unique(found, return_inverse=True)
    of_instance = of_instance.reshape(found.shape)
    sizes = np.bincount(of_instance.ravel())
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(
        np.stack([truth[both], of_instance[both]]), axis=1, return_counts=True
    )
    for (label, instance), common in zip(pairs.T, shared):
        union = of_object[int(label)] + sizes[instance] - common
        best[int(label)] = max(best[int(label)], float(common / union))
    return best
