"""Regions of the maps that may be objects, and what a network takes for them while another is trained."""

from __future__ import annotations

import dataclasses
import math
from typing import List, Sequence, Tuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from persense_export.networks import mini
from persense_training.crops import FOUND, Arrays
from persense_training.model import network_of

__all__ = ["Finding", "Proposer", "Region", "regions_of"]

Floats = npt.NDArray[np.float32]
_Places = npt.NDArray[np.intp]
Region = npt.NDArray[np.uint8]  #: (H, W) of the level, 0 and 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """Thresholds of what is found in the maps of a level."""

    peak: float = 0.1  #: least peak of the density, in units of PEAK
    foreground: Tuple[float, ...] = (0.5, 0.15)  #: least probabilities of a target: a region each
    as_large: float = 0.85  #: part of another region of the peak that makes it the same one
    radius: float = 10.0  #: an offset leads to a peak no further from it, pixels of the level


def regions_of(planes: Floats, size: Tuple[int, int], finding: Finding) -> List[Region]:
    """Foreground whose offsets lead to one peak of the density, by foreground and by peak.

    planes: (MAPS, H / 2, W / 2). size: height and width of the level, without what it is filled up
    with.
    """
    heat = 1 / (1 + np.exp(-planes[mini.PEAKS]))
    highest = cv2.dilate(heat, np.ones((3, 3), np.uint8))
    peaks = (heat >= highest) & (heat > finding.peak)
    h, w = (n // 2 for n in size)
    peaks[h:], peaks[:, w:] = False, False
    rows, columns = np.nonzero(peaks)
    if len(rows) == 0:
        return []
    target = 1 / (1 + np.exp(-planes[mini.TARGET]))
    found = []
    known = np.zeros(len(rows))  # cells of the last region of each peak
    for foreground in finding.foreground:
        ys, xs = np.nonzero(target > foreground)
        nearest = _nearest(planes, ys, xs, rows, columns, finding.radius)
        for i in range(len(rows)):
            mine = nearest == i
            count = int(mine.sum())
            diameter = math.sqrt(16 * max(count, 1) / math.pi)
            if (
                known[i] > finding.as_large * count
                or not FOUND[0] * 0.9 <= diameter <= FOUND[1] * 1.1
            ):
                continue
            cells = np.zeros(heat.shape, np.uint8)
            cells[ys[mine], xs[mine]] = 1
            mask: Region = cells.repeat(2, axis=0).repeat(2, axis=1)
            mask[size[0] :], mask[:, size[1] :] = 0, 0
            if int(mask.sum()) < 20:
                continue
            found.append(mask)
            known[i] = count
    return found


def _nearest(
    planes: Floats, ys: _Places, xs: _Places, rows: _Places, columns: _Places, radius: float
) -> _Places:
    """For each cell, the index of the peak that its offset leads to; -1: to none."""
    x = 2 * xs + 0.5 + mini.UNIT * planes[mini.OFFSET_X][ys, xs]
    y = 2 * ys + 0.5 + mini.UNIT * planes[mini.OFFSET_Y][ys, xs]
    nearest = np.full(len(x), -1)
    least = np.full(len(x), radius**2)
    for i, (row, column) in enumerate(zip(rows, columns)):
        away = (x - 2 * column - 0.5) ** 2 + (y - 2 * row - 0.5) ** 2
        closer = away < least
        nearest[closer], least[closer] = i, away[closer]
    return nearest


class Proposer:
    """A network whose weights stay as they are: candidates such as are met when one is run, with
    outlines and mistakes that no rule would think of.
    """

    def __init__(self, weights: str) -> None:
        self._net = network_of(weights).to(torch.bfloat16)

    def __call__(self, supports: Sequence[Arrays], frames: Sequence[Floats]) -> List[List[Region]]:
        """Regions of each crop (H, W, 3), for support objects as the network is shown them."""

        def tensor(arrays: Sequence[npt.NDArray[np.generic]]) -> Tensor:
            stacked = np.ascontiguousarray(np.stack(arrays), np.float32)
            image = torch.from_numpy(stacked).to(torch.bfloat16)
            return image.to(memory_format=torch.channels_last)

        net = self._net
        with torch.no_grad():
            patches = net.trunk(tensor([one["patch"] for one in supports]))
            own = net.pool(*patches, tensor([one["mask"] for one in supports]))
            conditions = net.conditioning(own.mean(dim=0, keepdim=True))
            features = net.trunk(tensor([f.transpose(2, 0, 1) for f in frames]))
            each = [c.expand(len(frames), *c.shape[1:]) for c in conditions]
            maps = net.maps(*features, each).float().numpy()
        sizes = [(f.shape[0], f.shape[1]) for f in frames]
        return [regions_of(m, size, Finding()) for m, size in zip(maps, sizes)]
