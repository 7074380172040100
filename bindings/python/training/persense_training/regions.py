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
_Cells = Tuple[_Places, _Places]  # rows and columns
Region = npt.NDArray[np.uint8]  #: (H, W) of the level, 0 and 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """Thresholds of what is found in the maps of a level."""

    peak: float = 0.1  #: least peak of the density, in units of PEAK
    foreground: Tuple[float, ...] = (0.5, 0.15)  #: least probabilities of a target: a region each
    as_large: float = 0.85  #: part of another region of the peak that makes it the same one
    radius: float = 10.0  #: an offset leads to a peak no further from it, pixels of the level
    object: float = 0.5  #: least probability of any object
    votes: float = 1.0  #: least number of offsets that lead to a cell, smoothed, for a peak of them
    alike: float = 0.75  #: overlap (IoU) with a target's region that makes an object's the same one


def regions_of(planes: Floats, size: Tuple[int, int], finding: Finding) -> List[Region]:
    """Regions of targets, then those of any objects, where they are no region of a target.

    planes: (MAPS, H / 2, W / 2). size: height and width of the level, without what it is filled up
    with.
    """
    by_foreground = _targets(planes, size, finding)
    found = []
    for ys, xs in [*sum(by_foreground, []), *_objects(planes, size, finding, by_foreground)]:
        cells = np.zeros(planes.shape[1:], np.uint8)
        cells[ys, xs] = 1
        mask: Region = cells.repeat(2, axis=0).repeat(2, axis=1)
        mask[size[0] :], mask[:, size[1] :] = 0, 0
        if int(mask.sum()) >= 20:
            found.append(mask)
    return found


def _fits(count: int) -> bool:
    """Whether so many cells may be an object of the level."""
    diameter = math.sqrt(16 * max(count, 1) / math.pi)
    return FOUND[0] * 0.9 <= diameter <= FOUND[1] * 1.1


def _targets(planes: Floats, size: Tuple[int, int], finding: Finding) -> List[List[_Cells]]:
    """Foreground whose offsets lead to one peak of the density, by foreground and by peak."""
    heat = 1 / (1 + np.exp(-planes[mini.PEAKS]))
    highest = cv2.dilate(heat, np.ones((3, 3), np.uint8))
    peaks = (heat >= highest) & (heat > finding.peak)
    h, w = (n // 2 for n in size)
    peaks[h:], peaks[:, w:] = False, False
    rows, columns = np.nonzero(peaks)
    target = 1 / (1 + np.exp(-planes[mini.TARGET]))
    found: List[List[_Cells]] = []
    known = np.zeros(len(rows))  # cells of the last region of each peak
    for foreground in finding.foreground:
        ys, xs = np.nonzero(target > foreground)
        nearest = _nearest(*_led(planes, ys, xs), rows, columns, finding.radius)
        found.append([])
        for i in range(len(rows)):
            mine = nearest == i
            count = int(mine.sum())
            if known[i] <= finding.as_large * count and _fits(count):
                found[-1].append((ys[mine], xs[mine]))
                known[i] = count
    return found


def _objects(
    planes: Floats, size: Tuple[int, int], finding: Finding, targets: Sequence[Sequence[_Cells]]
) -> List[_Cells]:
    """Cells of any objects whose offsets lead to one place, by their places."""
    h, w = (n // 2 for n in size)
    ys, xs = np.nonzero(1 / (1 + np.exp(-planes[mini.OBJECT, :h, :w])) > finding.object)
    x, y = _led(planes, ys, xs)
    votes = np.zeros((h, w))
    row, column = (
        np.rint((v - 0.5) / 2).astype(np.intp).clip(0, n - 1) for v, n in ((y, h), (x, w))
    )
    np.add.at(votes, (row, column), 1)
    bell = np.array([1, 4, 6, 4, 1]) / 16  # sums of it are exact
    votes = cv2.sepFilter2D(votes, -1, bell, bell, borderType=cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero((votes > finding.votes) & _is_highest(votes))
    nearest = _nearest(x, y, rows, columns, finding.radius)
    known = [(_owners(cells, (h, w)), [len(one[0]) for one in cells]) for cells in targets]
    found = []
    for i in range(len(rows)):
        one = ys[nearest == i], xs[nearest == i]
        if _fits(len(one[0])) and all(
            _overlap(owners[one], counts) <= finding.alike for owners, counts in known
        ):
            found.append(one)
    return found


def _is_highest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether none of the eight about a cell is higher: of equal ones, the first."""
    filled = np.pad(values, 1, constant_values=-1)
    highest = np.ones(values.shape, bool)
    h, w = values.shape
    for i in range(9):
        about = filled[i // 3 : i // 3 + h, i % 3 : i % 3 + w]
        highest &= about < values if i < 4 else about <= values
    return highest


def _owners(regions: Sequence[_Cells], shape: Tuple[int, int]) -> _Places:
    """Which of regions that do not overlap a cell is of; -1: of none."""
    owners = np.full(shape, -1, np.intp)
    for i, (ys, xs) in enumerate(regions):
        within = (ys < shape[0]) & (xs < shape[1])
        owners[ys[within], xs[within]] = i
    return owners


def _overlap(owners: _Places, counts: Sequence[int]) -> float:
    """The largest IoU of a region, whose cells have these owners, with one of theirs."""
    shared = np.bincount(owners[owners >= 0], minlength=1)
    best = int(shared.argmax())
    if shared[best] == 0:
        return 0.0
    return float(shared[best]) / (len(owners) + counts[best] - float(shared[best]))


def _led(planes: Floats, ys: _Places, xs: _Places) -> Tuple[Floats, Floats]:
    """Where the offsets of cells lead: x and y, pixels of the level."""
    x = 2 * xs + 0.5 + mini.UNIT * planes[mini.OFFSET_X][ys, xs]
    y = 2 * ys + 0.5 + mini.UNIT * planes[mini.OFFSET_Y][ys, xs]
    return x, y


def _nearest(x: Floats, y: Floats, rows: _Places, columns: _Places, radius: float) -> _Places:
    """For each place, the index of the nearest peak within the radius; -1: none."""
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
