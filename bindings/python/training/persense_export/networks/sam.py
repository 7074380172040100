"""Segment Anything: ViT image encoder, prompt encoder and mask decoder.

After "Segment Anything" (Kirillov et al., 2023), with the target guidance of "Personalize Segment
Anything Model with One Shot" (Zhang et al., 2023). :class:`Sam` loads an official state dict by
key; its ``image_encoder`` and a :class:`PromptDecoder` on its other two parts are what is exported.

Unlike the published code, attention weights are made a few heads at a time, image tokens are shared
by all prompts until the prompts change them, and transposed convolutions run as matrix products on
tokens. The results are the same up to the order of floating-point sums.
"""

from __future__ import annotations

import dataclasses
import math
from typing import List, Mapping, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Sizes of a ViT image encoder."""

    grid: int  #: cells of an embedding along a side
    patch: int  #: input pixels a cell
    width: int
    heads: int
    mlp_width: int
    windows: Tuple[int, ...]  #: one entry a block: window side in cells, 0 = global
    channels: int  #: of an embedding

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return self.grid * self.patch


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the prompt encoder and the mask decoder."""

    image_size: int  #: side of the encoder's square input in pixels
    channels: int  #: of an embedding
    mask_channels: int  #: of the mask prompt's second stage
    depth: int
    mlp_width: int
    narrow: int  #: width inside cross attention
    quality_width: int
    quality_depth: int
    heads: int = 8  # the only size that no weight's shape shows


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    count = 0
    while pattern.format(count) in state:
        count += 1
    return count


def encoder_config(state: Mapping[str, Tensor]) -> EncoderConfig:
    """Sizes of the ViT in a SAM's state dict. Raises KeyError where a needed key is missing."""
    _, grid, _, width = state["image_encoder.pos_embed"].shape
    tables = []  # of relative positions: 2 side - 1 offsets, a head's width
    for block in range(_count(state, "image_encoder.blocks.{}.norm1.weight")):
        tables.append(state[f"image_encoder.blocks.{block}.attn.rel_pos_h"].shape)
    sides = [(length + 1) // 2 for length, _ in tables]
    return EncoderConfig(
        grid=grid,
        patch=state["image_encoder.patch_embed.proj.weight"].shape[-1],
        width=width,
        heads=width // tables[0][1],
        mlp_width=state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
        windows=tuple(0 if side == grid else side for side in sides),
        channels=state["image_encoder.neck.0.weight"].shape[0],
    )


def decoder_config(state: Mapping[str, Tensor], image_size: int) -> DecoderConfig:
    """Sizes of the decoder in a SAM's state dict. Raises KeyError where a needed key is missing."""
    layer = "mask_decoder.transformer.layers.0"
    head = "mask_decoder.iou_prediction_head.layers"
    return DecoderConfig(
        image_size=image_size,
        channels=state["prompt_encoder.no_mask_embed.weight"].shape[1],
        mask_channels=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        depth=_count(state, "mask_decoder.transformer.layers.{}.norm1.weight"),
        mlp_width=state[f"{layer}.mlp.lin1.weight"].shape[0],
        narrow=state[f"{layer}.cross_attn_token_to_image.q_proj.weight"].shape[0],
        quality_width=state[f"{head}.0.weight"].shape[0],
        quality_depth=_count(state, head + ".{}.weight"),
    )


class LayerNorm2d(nn.Module):
    """Layer norm over the channels of [n, c, h, w].

    The result is contiguous: on the CPU the convolution that follows is seven times less exact on
    channels-last memory (1e-5 of the deviation instead of 1.5e-6).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()

    def last(self, x: Tensor) -> Tensor:
        """Normalise over the last dimension, where the channels are."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-6)


# ---- image encoder -------------------------------------------------------------------------------


class WindowAttention(nn.Module):
    """Multi-head self-attention on a grid of cells, with decomposed relative positions."""

    __constants__ = ["chunk", "heads"]
    chunk = 1 << 24  #: weights held at once: one head's on a 64 x 64 grid, 64 MiB in float32

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        """[n, h, w, width] to the same; every window attends within itself."""
        n, h, w, width = x.shape
        qkv = self.qkv(x).reshape(n, h * w, 3, self.heads, -1).permute(2, 3, 0, 1, 4)
        rows = self.rel_pos_h[self._offsets(h, x)]
        columns = self.rel_pos_w[self._offsets(w, x)]
        step = max(1, self.chunk // (n * h * w * h * w))
        parts: List[Tensor] = []
        for first in range(0, self.heads, step):
            some = qkv[:, first : first + step].flatten(1, 2)  # [3, heads n, h w, width / heads]
            parts.append(self._attend(some[0], some[1], some[2], rows, columns))
        mixed = torch.cat(parts).view(self.heads, n, h, w, -1)
        return self.proj(mixed.permute(1, 2, 3, 0, 4).reshape(n, h, w, width))

    def _offsets(self, side: int, like: Tensor) -> Tensor:
        """[side, side]: which row of the table belongs to a query and a key."""
        position = torch.arange(side, device=like.device)
        return position[:, None] - position[None, :] + (side - 1)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        m, _, d = q.shape
        h, w = rows.shape[0], columns.shape[0]
        weights = (q * d**-0.5) @ k.transpose(1, 2)
        grid = q.view(m, h, w, d)
        biased = weights.view(m, h, w, h, w)  # adding in place spares two copies of the weights
        biased.add_(torch.einsum("mhwd,hkd->mhwk", grid, rows)[:, :, :, :, None])
        biased.add_(torch.einsum("mhwd,wkd->mhwk", grid, columns)[:, :, :, None, :])
        return biased.view(m, h * w, h * w).softmax(-1) @ v


class Mlp(nn.Module):
    """Two linear layers; the encoder's have GELU between them, the decoder's ReLU."""

    def __init__(self, width: int, hidden: int, activation: nn.Module) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)
        self.act = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.lin2(self.act(self.lin1(x)))


class EncoderBlock(nn.Module):
    """Transformer block; attends in windows, or globally where ``window`` is 0."""

    __constants__ = ["window"]

    def __init__(self, config: EncoderConfig, window: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attn = WindowAttention(config.width, config.heads, window or config.grid)
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.mlp = Mlp(config.width, config.mlp_width, nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + (self.attn(normed) if self.window == 0 else self._in_windows(normed))
        return x + self.mlp(self.norm2(x))

    def _in_windows(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        side = self.window
        x = F.pad(x, [0, 0, 0, -w % side, 0, -h % side])
        down, across = x.shape[1] // side, x.shape[2] // side
        x = x.view(n, down, side, across, side, c).transpose(2, 3)
        x = self.attn(x.reshape(n * down * across, side, side, c))
        x = x.view(n, down, across, side, side, c).transpose(2, 3)
        return x.reshape(n, down * side, across * side, c)[:, :h, :w]


class PatchEmbedding(nn.Module):
    """One token a patch: [n, 3, h, w] to [n, h / patch, w / patch, width]."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).permute(0, 2, 3, 1)


def neck(width: int, channels: int) -> nn.Sequential:
    """Build the convolutions that end an encoder."""
    return nn.Sequential(
        nn.Conv2d(width, channels, 1, bias=False),
        LayerNorm2d(channels),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        LayerNorm2d(channels),
    )


class ImageEncoder(nn.Module):
    """SAM's ViT: normalised, padded image [1, 3, S, S] to embedding [1, C, S / 16, S / 16]."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config.patch, config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.grid, config.grid, config.width))
        self.blocks = nn.ModuleList([EncoderBlock(config, window) for window in config.windows])
        self.neck = neck(config.width, config.channels)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


# ---- prompt encoder ------------------------------------------------------------------------------


class FourierFeatures(nn.Module):
    """Positions as sines and cosines of random projections."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(2, features))

    def forward(self, position: Tensor) -> Tensor:
        """[..., 2] (x, y) in 0..1 to [..., C].

        In float32 whatever the weights are: a half-precision position is off by whole pixels.
        """
        matrix = self.positional_encoding_gaussian_matrix
        phase = 2 * math.pi * ((2 * position.float() - 1) @ matrix.float())
        return torch.cat([phase.sin(), phase.cos()], -1).to(matrix.dtype)

    def grid(self, h: int, w: int) -> Tensor:
        """[h w, C]: the features of the cells' centres, row by row."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(h, device=device).float() + 0.5) / h
        x = (torch.arange(w, device=device).float() + 0.5) / w
        centres = torch.stack([x[None, :].expand(h, w), y[:, None].expand(h, w)], -1)
        return self.forward(centres).flatten(0, 1)


class PromptEncoder(nn.Module):
    """Points, boxes and masks as tokens of the decoder."""

    __constants__ = ["image_size"]

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        c, m = config.channels, config.mask_channels
        self.image_size = config.image_size
        self.pe_layer = FourierFeatures(c // 2)
        # background, foreground, a box's first corner, its second
        self.point_embeddings = nn.ModuleList([nn.Embedding(1, c) for _ in range(4)])
        self.not_a_point_embed = nn.Embedding(1, c)
        self.no_mask_embed = nn.Embedding(1, c)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, m // 4, 2, stride=2),
            LayerNorm2d(m // 4),
            nn.GELU(),
            nn.Conv2d(m // 4, m, 2, stride=2),
            LayerNorm2d(m),
            nn.GELU(),
            nn.Conv2d(m, c, 1),
        )

    def forward(self, coords: Tensor, labels: Tensor, box: Optional[Tensor]) -> Tensor:
        """[N, T, C]: the points; then the box's corners, or one "not a point" without a box.

        No prompt of either kind gives no token.
        """
        tokens = self._points(coords, labels)
        if box is not None:
            corners = self._locate(box.reshape(-1, 2, 2))
            first, second = self.point_embeddings[2].weight, self.point_embeddings[3].weight
            return torch.cat([tokens, corners + torch.cat([first, second])], 1)
        if tokens.shape[1] == 0:
            return tokens
        padding = self.not_a_point_embed.weight.expand(tokens.shape[0], 1, -1)
        return torch.cat([tokens, padding], 1)

    def _locate(self, pixels: Tensor) -> Tensor:
        return self.pe_layer((pixels.float() + 0.5) / self.image_size)

    def _points(self, coords: Tensor, labels: Tensor) -> Tensor:
        located = self._locate(coords)
        label = labels[:, :, None]
        kind = torch.where(
            label == 1, self.point_embeddings[1].weight, self.point_embeddings[0].weight
        )
        return torch.where(label < 0, self.not_a_point_embed.weight, located + kind)

    def image_tokens(self, embedding: Tensor, mask: Optional[Tensor]) -> Tensor:
        """[1 or N, h w, C]: embedding [1, C, h, w] with the mask prompts [N, 1, 4h, 4w] added.

        Without mask prompts all prompts share one set of tokens.
        """
        tokens = embedding.flatten(2).transpose(1, 2)
        if mask is None:
            return tokens + self.no_mask_embed.weight
        return tokens + self.mask_downscaling(mask).flatten(2).transpose(1, 2)


# ---- mask decoder --------------------------------------------------------------------------------


class Attention(nn.Module):
    """Multi-head attention with projections to a narrower width."""

    __constants__ = ["heads"]

    def __init__(self, width: int, narrow: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, narrow)
        self.k_proj = nn.Linear(width, narrow)
        self.v_proj = nn.Linear(width, narrow)
        self.out_proj = nn.Linear(narrow, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, guidance: Optional[Tensor]) -> Tensor:
        """q [n, t, width], k and v [n, s, width], guidance [1 or n, 1 or t, s] to [n, t, width].

        Guidance is added to the attention weights, which are then normalised once more. Where
        only one of q and k has n = 1, all of the other's share it, and it is projected once.
        """
        queries, keys, values = self.q_proj(q), self.k_proj(k), self.v_proj(v)
        if queries.shape[0] < keys.shape[0]:
            return self.out_proj(self._shared_queries(queries, keys, values))
        n, t, _ = queries.shape
        shared = keys.shape[0] < n
        if shared:
            queries = queries.reshape(1, n * t, -1)
            if guidance is not None:
                guidance = guidance.expand(n, t, -1).reshape(1, n * t, -1)
        mixed = self._attend(queries, keys, values, guidance)
        return self.out_proj(mixed.reshape(n, t, -1))

    def _split(self, x: Tensor) -> Tensor:
        """[n, t, narrow] to [n, heads, t, narrow / heads]."""
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, guidance: Optional[Tensor]) -> Tensor:
        q, k, v = self._split(q), self._split(k), self._split(v)
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(-1)
        if guidance is not None:
            weights = (weights + guidance[:, None]).softmax(-1)
        return (weights @ v).transpose(1, 2).flatten(2)

    def _shared_queries(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n, t, _ = k.shape
        q = self._split(q)
        k = self._split(k.reshape(1, n * t, -1))
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5)[0]
        weights = weights.view(self.heads, -1, n, t).softmax(-1).permute(2, 0, 1, 3)
        return (weights @ self._split(v)).transpose(1, 2).flatten(2)


class TwoWayLayer(nn.Module):
    """Prompt tokens attend to themselves and the image, then the image's tokens to them."""

    __constants__ = ["first"]

    def __init__(self, config: DecoderConfig, first: bool) -> None:
        super().__init__()
        c, narrow, heads = config.channels, config.narrow, config.heads
        self.first = first
        self.self_attn = Attention(c, c, heads)
        self.norm1 = nn.LayerNorm(c)
        self.cross_attn_token_to_image = Attention(c, narrow, heads)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = Mlp(c, config.mlp_width, nn.ReLU())
        self.norm3 = nn.LayerNorm(c)
        self.norm4 = nn.LayerNorm(c)
        self.cross_attn_image_to_token = Attention(c, narrow, heads)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        query_position: Tensor,
        key_position: Tensor,
        guidance: Optional[Tensor],
    ) -> Tuple[Tensor, Tensor]:
        if self.first:  # the tokens are their own positions still
            queries = self.self_attn(queries, queries, queries, None)
        else:
            q = queries + query_position
            queries = queries + self.self_attn(q, q, queries, None)
        queries = self.norm1(queries)
        located = keys + key_position
        q = queries + query_position
        queries = queries + self.cross_attn_token_to_image(q, located, keys, guidance)
        queries = self.norm2(queries)
        queries = self.norm3(queries + self.mlp(queries))
        q = queries + query_position
        keys = self.norm4(keys + self.cross_attn_image_to_token(located, q, queries, None))
        return queries, keys


class TwoWayTransformer(nn.Module):
    """The decoder's layers and a last attention of the prompt tokens to the image."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        c = config.channels
        self.layers = nn.ModuleList(
            [TwoWayLayer(config, index == 0) for index in range(config.depth)]
        )
        self.final_attn_token_to_image = Attention(c, config.narrow, config.heads)
        self.norm_final_attn = nn.LayerNorm(c)

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        image_position: Tensor,
        guidance: Optional[Tensor],
        target: Optional[Tensor],
    ) -> Tuple[Tensor, Tensor]:
        """Tokens [N, T, C] and image tokens [1 or N, h w, C] to the same, one set of each a prompt.

        The target [1 or N, C] is added to the queries before every layer and before the last
        attention. The published guidance does that in place, while the first layer's queries are
        the tokens themselves; so the tokens' positional term holds the target as well.
        """
        if target is not None:
            tokens = tokens + target[:, None]
        queries, keys = tokens, image
        for layer in self.layers:
            if target is not None and not layer.first:
                queries = queries + target[:, None]
            queries, keys = layer(queries, keys, tokens, image_position, guidance)
        q = queries + tokens
        if target is not None:
            q = q + target[:, None]
        located = keys + image_position
        queries = queries + self.final_attn_token_to_image(q, located, keys, None)
        return self.norm_final_attn(queries), keys


class Head(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, width: int, hidden: int, out: int, depth: int) -> None:
        super().__init__()
        widths = [width] + [hidden] * (depth - 1) + [out]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(widths, widths[1:])])

    def forward(self, x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x) if index == 0 else layer(x.relu())
        return x


class MaskDecoder(nn.Module):
    """Prompt and image tokens to four masks (the single one, then three) and their quality."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        c = config.channels
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, c)
        self.mask_tokens = nn.Embedding(4, c)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(c, c // 4, 2, stride=2),
            LayerNorm2d(c // 4),
            nn.GELU(),
            nn.ConvTranspose2d(c // 4, c // 8, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList([Head(c, c, c // 8, 3) for _ in range(4)])
        self.iou_prediction_head = Head(c, config.quality_width, 4, config.quality_depth)

    def forward(
        self,
        prompts: Tensor,
        image: Tensor,
        image_position: Tensor,
        guidance: Optional[Tensor],
        target: Optional[Tensor],
        size: Tuple[int, int],
        masks_from: int,
    ) -> Tuple[Tensor, Tensor]:
        """Low-resolution logits [N, 4 - masks_from, 4h, 4w] and quality [N, 4 - masks_from].

        ``size`` is (h, w); masks before ``masks_from`` are left out.
        """
        n = prompts.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(n, -1, -1), prompts], 1)
        tokens, image = self.transformer(tokens, image, image_position, guidance, target)
        quality = self.iou_prediction_head(tokens[:, 0])
        kernels: List[Tensor] = []
        for index, head in enumerate(self.output_hypernetworks_mlps):
            kernels.append(head(tokens[:, 1 + index]))
        chosen = torch.stack(kernels[masks_from:], 1)
        return self._masks(image, chosen, size), quality[:, masks_from:]

    def _masks(self, image: Tensor, kernels: Tensor, size: Tuple[int, int]) -> Tensor:
        """Enlarge the image's tokens four times and multiply them by the kernels [N, m, C / 8].

        A transposed convolution with stride = kernel gives every cell its own 2 x 2 block, so it
        is a product of tokens and weights; the blocks need putting in place only at the end, where
        a pixel is m numbers instead of C / 8.
        """
        n, m, _ = kernels.shape
        h, w = size
        up1, up2 = self.output_upscaling[0], self.output_upscaling[3]
        x = self._blocks(image, up1.weight, up1.bias)  # [n, h w, 4, C / 4]
        x = F.gelu(self.output_upscaling[1].last(x)).flatten(1, 2)
        x = F.gelu(self._blocks(x, up2.weight, up2.bias)).flatten(1, 2)  # [n, 16 h w, C / 8]
        masks = (x @ kernels.transpose(1, 2)).view(n, h, w, 2, 2, 2, 2, m)
        return masks.permute(0, 7, 1, 3, 5, 2, 4, 6).reshape(n, m, 4 * h, 4 * w)

    def _blocks(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        """[n, t, in] and a transposed convolution's weight [in, out, 2, 2] to [n, t, 4, out]."""
        matrix = weight.permute(0, 2, 3, 1).flatten(1)
        y = (x @ matrix).reshape(x.shape[0], x.shape[1], 4, weight.shape[1])
        return y if bias is None else y + bias


class PromptDecoder(nn.Module):
    """Prompts and an embedding to masks; ``forward`` is the decoder archives' contract."""

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: MaskDecoder) -> None:
        super().__init__()
        self.prompt_encoder = prompt_encoder
        self.mask_decoder = mask_decoder

    def forward(
        self,
        embedding: Tensor,
        coords: Tensor,
        labels: Tensor,
        box: Optional[Tensor] = None,
        mask_input: Optional[Tensor] = None,
        attn_sim: Optional[Tensor] = None,
        target: Optional[Tensor] = None,
    ) -> Tuple[Tensor, Tensor]:
        """Three masks a prompt: low-resolution logits [N, 3, 4h, 4w], predicted quality [N, 3].

        embedding   [1, C, h, w]
        coords      [N, P, 2]: x, y in pixels of the encoder's input; P may be 0 where there is a
                    box. Any floating type; float32 keeps half-precision networks exact to the pixel
        labels      [N, P]: 1 foreground, 0 background, -1 not a point
        box         [N, 4]: x0, y0, x1, y1, as coords
        mask_input  [N, 1, 4h, 4w]: logits of an earlier mask
        attn_sim    [1 or N, h w]: where to look (target-guided attention)
        target      [1 or N, C]: what to look for (target embedding)
        """
        return self.decode(embedding, coords, labels, box, mask_input, attn_sim, target, 1)

    def decode(
        self,
        embedding: Tensor,
        coords: Tensor,
        labels: Tensor,
        box: Optional[Tensor],
        mask_input: Optional[Tensor],
        attn_sim: Optional[Tensor],
        target: Optional[Tensor],
        masks_from: int,
    ) -> Tuple[Tensor, Tensor]:
        """As ``forward``, without the masks before ``masks_from``; 0 is SAM's single mask."""
        h, w = embedding.shape[2], embedding.shape[3]
        prompts = self.prompt_encoder(coords, labels, box)
        image = self.prompt_encoder.image_tokens(embedding, mask_input)
        position = self.prompt_encoder.pe_layer.grid(h, w)
        guidance = attn_sim[:, None] if attn_sim is not None else None
        return self.mask_decoder(prompts, image, position, guidance, target, (h, w), masks_from)


class Sam(nn.Module):
    """The three parts under the official state dict's keys."""

    def __init__(self, image_encoder: nn.Module, config: DecoderConfig) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)

    def decoder(self) -> PromptDecoder:
        """Prompt encoder and mask decoder as one module; the weights are shared."""
        return PromptDecoder(self.prompt_encoder, self.mask_decoder)


def sam_for(state: Mapping[str, Tensor]) -> Sam:
    """Build the SAM (ViT) that a state dict is of, not yet filled.

    Raises KeyError where a needed key is missing.
    """
    encoder = encoder_config(state)
    return Sam(ImageEncoder(encoder), decoder_config(state, encoder.image_size))
