"""Segment Anything's decoder, and the encoders, for ONNX."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from persense_export.graphs import Graph, Shape, with_variants
from persense_export.networks.sam import Attention, PromptDecoder, PromptEncoder


@torch.jit.script_if_tracing
def _guided(weights: Tensor, guidance: Tensor) -> Tensor:
    """Attention weights [n, heads, t, s] with guidance [1 or n, 1 or t, s], unless that is empty."""
    if guidance.shape[0] > 0:
        weights = (weights + guidance[:, None]).softmax(-1)
    return weights


class BroadcastAttention(Attention):
    """What all prompts share is broadcast by the products; nothing depends on who shares."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, guidance: Optional[Tensor]) -> Tensor:
        queries, keys, values = self.q_proj(q), self.k_proj(k), self.v_proj(v)
        return self.out_proj(self._attend(queries, keys, values, guidance))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, guidance: Optional[Tensor]) -> Tensor:
        q, k, v = self._split(q), self._split(k), self._split(v)
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(-1)
        if guidance is not None:
            weights = _guided(weights, guidance)
        return (weights @ v).transpose(1, 2).flatten(2)


class OptionalPrompts(PromptEncoder):
    """Boxes and masks are absent where their tensors are empty.

    ``x[n:]`` of a tensor of one row is that row where n is 0, and nothing elsewhere.
    """

    def forward(self, coords: Tensor, labels: Tensor, box: Optional[Tensor]) -> Tensor:
        assert box is not None  # [N, 0 or 1, 4]
        first = self._locate(box[:, :, :2]) + self.point_embeddings[2].weight
        second = self._locate(box[:, :, 2:]) + self.point_embeddings[3].weight
        padding = self.not_a_point_embed.weight.expand(coords.shape[0], 1, -1)
        padding = padding[:, box.shape[1] :]
        return torch.cat([self._points(coords, labels), first, second, padding], 1)

    def image_tokens(self, embedding: Tensor, mask: Optional[Tensor]) -> Tensor:
        assert mask is not None  # [0 or N, 1, 4h, 4w]
        # a mask more than there are: convolutions of nothing are what runtimes know least of
        given = mask.shape[0]
        masks = torch.cat([mask, torch.zeros_like(embedding[:, :1]).repeat(1, 1, 4, 4)])
        prompts = self.mask_downscaling(masks)[:given]
        nothing = self.no_mask_embed.weight[:, :, None, None].expand_as(embedding)
        return (embedding + torch.cat([prompts, nothing[given:]])).flatten(2).transpose(1, 2)


class OnnxDecoder(nn.Module):
    """The decoder with all of its inputs; see :func:`decoder_graph`."""

    def __init__(self, decoder: PromptDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        embedding: Tensor,
        coords: Tensor,
        labels: Tensor,
        box: Tensor,
        mask_input: Tensor,
        attn_sim: Tensor,
        target: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        none = torch.zeros_like(self.decoder.prompt_encoder.no_mask_embed.weight)
        target = torch.cat([target, none[target.shape[0] :]])  # adding 0 is adding nothing
        return self.decoder.decode(embedding, coords, labels, box, mask_input, attn_sim, target, 1)


def feed(arguments: Sequence[Any]) -> Tuple[Tensor, ...]:
    """The network's own arguments, of which the last four may be None, as the graph's inputs."""
    embedding, coords, labels, box, mask, attention, target = arguments
    prompts, (_, channels, h, w) = coords.shape[0], embedding.shape
    return (
        embedding,
        coords,
        labels,
        torch.zeros(prompts, 0, 4) if box is None else box[:, None],
        torch.zeros(0, 1, 4 * h, 4 * w) if mask is None else mask,
        torch.zeros(0, h * w) if attention is None else attention,
        torch.zeros(0, channels) if target is None else target,
    )


def decoder_graph(decoder: PromptDecoder) -> Graph:
    """The decoder's graph. Every input is always given; what is left out has a length of 0:

    ========== ======================== ======= ====================================================
    embedding  [1, C, h, w]             float
    coords     [N, P, 2]                float   x, y in pixels of the encoder's input; P may be 0
                                                where there is a box
    labels     [N, P]                   int64   1 foreground, 0 background, -1 not a point
    box        [N, 1, 4]                float   x0, y0, x1, y1; [N, 0, 4] where there is none
    mask_input [N, 1, 4h, 4w]           float   logits of an earlier mask; [0, 1, 4h, 4w] where
                                                there is none
    attn_sim   [1 or N, h w]            float   where to look; [0, h w] where there is none
    target     [1 or N, C]              float   what to look for; [0, C] where there is none
    masks      [N, 3, 4h, 4w]           float   output: logits
    quality    [N, 3]                   float   output
    ========== ======================== ======= ====================================================
    """
    channels = decoder.prompt_encoder.no_mask_embed.weight.shape[1]
    variants = {Attention: BroadcastAttention, PromptEncoder: OptionalPrompts}
    network = OnnxDecoder(with_variants(decoder, variants))
    return Graph(
        network,
        {
            "embedding": (1, channels, "h", "w"),
            "coords": ("N", "P", 2),
            "labels": ("N", "P"),
            "box": ("N", "boxes", 4),
            "mask_input": ("masks", 1, "4h", "4w"),
            "attn_sim": ("attentions", "cells"),
            "target": ("targets", channels),
        },
        {"masks": ("N", 3, "4h", "4w"), "quality": ("N", 3)},
        feed,
        {"box": 1, "mask_input": 0, "attn_sim": 0, "target": 0},
    )


def encoder_graph(encoder: nn.Module, size: int, channels: int, stride: int) -> Graph:
    """The graph of an image encoder, of images of one size or, where that is 0, of any."""
    image: Shape = (1, 3, size or "H", size or "W")
    return Graph(
        encoder,
        {"image": image},
        {"embedding": (1, channels, size // stride or "h", size // stride or "w")},
    )
