"""GroundingDINO for ONNX."""

from __future__ import annotations

from typing import Any, List, Sequence, Tuple
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense_export.graphs import Graph, with_variants
from persense_export.networks.grounding_dino import (
    DeformableAttention,
    GroundingDino,
    Transformer,
)


class SampledAttention(DeformableAttention):
    """Deformable attention by ONNX's operator for sampling, a level at a time.

    ONNX has no weighted sum of table rows, and a loop over chunks of the queries would be part of
    the graph.
    """

    def forward(
        self, query: Tensor, anchor: Tensor, memory: Tensor, shapes: List[List[int]]
    ) -> Tensor:
        batch, queries, width = query.shape
        shape = [batch, queries, self.heads, self.levels, self.points]
        weights = self.attention_weights(query).view(batch, queries, self.heads, -1).softmax(-1)
        weights = weights.view(shape)
        offsets = self.sampling_offsets(query).view(shape + [2])
        values = self.value_proj(memory).view(batch, -1, self.heads, width // self.heads)
        anchor = anchor[:, :, None, None, :]
        first = 0
        found: List[Tensor] = []
        for level, (height, width) in enumerate(shapes):
            offset = offsets[:, :, :, level]
            if anchor.shape[-1] == 2:
                offset = offset / torch.stack([torch.as_tensor(width), torch.as_tensor(height)])
            else:
                offset = offset * anchor[..., 2:] * (0.5 / self.points)
            cells = values[:, first : first + height * width]
            first = first + height * width
            found.append(
                self._sampled(
                    cells, height, width, anchor[..., :2] + offset, weights[:, :, :, level]
                )
            )
        mixed = torch.stack(found).sum(0)  # [B heads, C / heads, Q]
        return self.output_proj(mixed.view(batch, -1, queries).transpose(1, 2))

    def _sampled(
        self, cells: Tensor, height: int, width: int, places: Tensor, weights: Tensor
    ) -> Tensor:
        """Sums [B heads, C / heads, Q] of a level's cells [B, h w, heads, C / heads] at places
        [B, Q, heads, points, 2], weighted by [B, Q, heads, points]."""
        table = cells.permute(0, 2, 3, 1).reshape(-1, cells.shape[3], height, width)
        grid = (2 * places - 1).transpose(1, 2).flatten(0, 1)
        sampled = F.grid_sample(table, grid, align_corners=False)
        return (sampled * weights.transpose(1, 2).flatten(0, 1)[:, None]).sum(3)


class AnyCells(Transformer):
    """Images of fewer cells than there are queries take the same way through the graph."""

    def best(self, fit: Tensor) -> Tensor:
        most = torch.as_tensor(self.tgt_embed.weight.shape[0])
        self.chosen = fit.topk(torch.minimum(most, torch.as_tensor(fit.shape[1])), 1)[1]
        return self.chosen


class OnnxDetector(nn.Module):
    """The detector, which also says which cells the queries began with."""

    def __init__(self, detector: GroundingDino) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, *inputs: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        logits, boxes = self.detector(*inputs)
        return logits, boxes, self.detector.transformer.chosen


def compare(network: nn.Module, arguments: Sequence[Any], outputs: Sequence[Tensor]) -> float:
    """Largest difference to the network, as a share of the output's deviation.

    Rounding swaps cells that fit a phrase almost equally well, and each place has a query of its
    own, so the network begins with the cells that the outputs name; how much worse these fit than
    the best is a difference like the others.
    """
    from persense_export.archive import difference

    logits, boxes, chosen = outputs
    worse: List[float] = []

    def best(fit: Tensor) -> Tensor:
        own = type(network.transformer).best(network.transformer, fit)
        worse.append(difference(fit.gather(1, chosen), fit.gather(1, own)))
        return chosen

    with mock.patch.object(network.transformer, "best", best):
        expected = network(*arguments)
    return max([*worse, difference(logits, expected[0]), difference(boxes, expected[1])])


def graph(network: GroundingDino) -> Graph:
    """:meth:`GroundingDino.forward`'s inputs and outputs; further the cells that the boxes began
    with [B, Q], counted through the levels, for who wants to compare."""
    variants = {DeformableAttention: SampledAttention, Transformer: AnyCells}
    return Graph(
        OnnxDetector(with_variants(network, variants)),
        {
            "image": (1, 3, "H", "W"),
            "token_ids": ("B", "T"),
            "text_mask": ("B", "T", "T"),
            "position_ids": ("B", "T"),
            "token_mask": ("B", "T"),
        },
        {"logits": ("B", "Q", "T"), "boxes": ("B", "Q", 4), "cells": ("B", "Q")},
        compare=compare,
    )
