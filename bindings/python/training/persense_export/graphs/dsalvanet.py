"""DSALVANet for ONNX."""

from __future__ import annotations

import torch
from torch import Tensor

from persense_export.graphs import Graph, with_variants
from persense_export.networks.dsalvanet import Dsalvanet, SimilarityBlocks


def _bins(start: Tensor, end: Tensor, count: int, length: int) -> Tensor:
    """[K, count, length]: which cells belong to a bin of adaptive pooling from start to end [K]."""
    number = torch.arange(count)[None]
    extent = (end - start)[:, None]
    first = start[:, None] + torch.div(number * extent, count, rounding_mode="floor")
    last = start[:, None] + torch.div(
        (number + 1) * extent + count - 1, count, rounding_mode="floor"
    )
    cell = torch.arange(length)
    return (cell >= first[:, :, None]) & (cell < last[:, :, None])


class MaskedPooling(SimilarityBlocks):
    """The exemplars' windows are masks, so that their sizes are no part of the graph."""

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        height, width = features.shape[2], features.shape[3]
        exact = boxes[0].to(torch.float32) / self.stride
        start = torch.floor(exact[:, :2]).to(torch.int64)
        end = torch.ceil(exact[:, 2:]).to(torch.int64) + 1
        limit = torch.stack([torch.as_tensor(height), torch.as_tensor(width)])
        start = torch.minimum(start.clamp(min=0), limit - 1)
        end = torch.maximum(torch.minimum(end, limit), start + 1)
        which = torch.arange(self.exemplars) % boxes.shape[1]
        start, end = start[which], end[which]
        rows = _bins(start[:, 0], end[:, 0], self.pool, height)
        columns = _bins(start[:, 1], end[:, 1], self.pool, width)
        for block in self.dsam_blocks:
            features = block(features, self._pooled(features, rows, columns))
        return features

    def _pooled(self, features: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """[exemplars, C, pool, pool] of features [1, C, h, w]."""
        nothing = torch.full([], -float("inf"))
        pooled = []
        for exemplar in range(self.exemplars):
            lines = [
                torch.where(rows[exemplar, row][:, None], features[0], nothing).amax(1)
                for row in range(self.pool)
            ]  # each [C, w]
            there = torch.stack(lines, 1)[:, :, None]  # [C, pool, 1, w]
            pooled.append(torch.where(columns[exemplar], there, nothing).amax(3))
        return torch.stack(pooled).view(self.exemplars, -1, self.pool, self.pool)


def graph(network: Dsalvanet) -> Graph:
    """Image [1, 3, H, W] and boxes [1, K, 4], y0 x0 y1 x1 in its pixels, to [1, 1, H, W]."""
    return Graph(
        with_variants(network, {SimilarityBlocks: MaskedPooling}),
        {"image": (1, 3, "H", "W"), "boxes": (1, "K", 4)},
        {"density": (1, 1, "H", "W")},
    )
