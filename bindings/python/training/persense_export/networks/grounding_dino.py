"""GroundingDINO: phrases to boxes, scriptable, for images of any size.

After "Grounding DINO: Marrying DINO with Grounded Pre-Training" (Liu et al., 2023): a Swin
backbone, BERT, an encoder in which image and phrases look at each other, and a decoder that starts
from the cells that fit the phrases best. The parameter names are those of the authors' checkpoint,
so it loads by key; :func:`config_of` reads every size from the tensors' shapes.

Unlike the published code, whatever does not depend on text runs once for any number of captions,
deformable attention is a weighted sum of table rows (one stock operator, on a part of the queries
at once), and the products of the attention between image and text are taken in an order that makes
no image-sized tensor of its inner width. The results are the same up to the order of floating-point
sums. Positions and boxes are float32 at least whatever the weights are: a half type does not tell
neighbouring pixels apart.
"""

from __future__ import annotations

import dataclasses
import math
from typing import List, Mapping, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PADDING_LOGIT = -1e4  #: of a padded token: sigmoid gives 0 in every type
STAGES = 4  #: of the backbone; all but the first are features
FEATURES = STAGES - 1


@dataclasses.dataclass(frozen=True)
class SwinConfig:
    """Sizes of the image backbone."""

    width: int  #: of the first stage; doubled by each of the others
    depths: Tuple[int, ...]
    heads: Tuple[int, ...]
    window: int  #: side in cells


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """Sizes of the text backbone."""

    vocabulary: int
    width: int
    depth: int
    mlp_width: int
    positions: int
    types: int
    head_width: int = 64  # of every published BERT; no weight's shape shows it

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return max(1, self.width // self.head_width)


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the whole network."""

    swin: SwinConfig
    bert: BertConfig
    width: int
    levels: int  #: feature maps, the backbone's and coarser ones
    queries: int
    encoder_depth: int
    encoder_points: int  #: sampled by a head in a level
    encoder_mlp_width: int
    text_mlp_width: int
    fusion_width: int
    decoder_depth: int
    decoder_points: int
    decoder_mlp_width: int
    heads: int = 8  # half of them where text takes part in the encoder; no weight's shape shows it


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    count = 0
    while pattern.format(count) in state:
        count += 1
    return count


def _swin_config(state: Mapping[str, Tensor]) -> SwinConfig:
    blocks = "backbone.0.layers.{}.blocks."
    tables = [
        state[blocks.format(stage) + "0.attn.relative_position_bias_table"].shape
        for stage in range(STAGES)
    ]
    return SwinConfig(
        width=state["backbone.0.patch_embed.proj.weight"].shape[0],
        depths=tuple(
            _count(state, blocks.format(stage) + "{}.norm1.weight") for stage in range(STAGES)
        ),
        heads=tuple(heads for _, heads in tables),
        window=(math.isqrt(tables[0][0]) + 1) // 2,
    )


def _bert_config(state: Mapping[str, Tensor]) -> BertConfig:
    words = state["bert.embeddings.word_embeddings.weight"]
    return BertConfig(
        vocabulary=words.shape[0],
        width=words.shape[1],
        depth=_count(state, "bert.encoder.layer.{}.output.dense.weight"),
        mlp_width=state["bert.encoder.layer.0.intermediate.dense.weight"].shape[0],
        positions=state["bert.embeddings.position_embeddings.weight"].shape[0],
        types=state["bert.embeddings.token_type_embeddings.weight"].shape[0],
    )


def config_of(state: Mapping[str, Tensor]) -> Config:
    """Sizes of a GroundingDINO's state dict. Raises KeyError where a needed key is missing."""
    encoder, decoder = "transformer.encoder.", "transformer.decoder.layers."
    levels, width = state["transformer.level_embed"].shape
    sampled = 2 * Config.heads * levels  # rows of an offsets' matrix, for each point
    return Config(
        swin=_swin_config(state),
        bert=_bert_config(state),
        width=width,
        levels=levels,
        queries=state["transformer.tgt_embed.weight"].shape[0],
        encoder_depth=_count(state, encoder + "layers.{}.linear1.weight"),
        encoder_points=state[encoder + "layers.0.self_attn.sampling_offsets.weight"].shape[0]
        // sampled,
        encoder_mlp_width=state[encoder + "layers.0.linear1.weight"].shape[0],
        text_mlp_width=state[encoder + "text_layers.0.linear1.weight"].shape[0],
        fusion_width=state[encoder + "fusion_layers.0.attn.v_proj.weight"].shape[0],
        decoder_depth=_count(state, decoder + "{}.linear1.weight"),
        decoder_points=state[decoder + "0.cross_attn.sampling_offsets.weight"].shape[0] // sampled,
        decoder_mlp_width=state[decoder + "0.linear1.weight"].shape[0],
    )


def exact_type(x: Tensor) -> torch.dtype:
    """The type of positions and boxes beside ``x``: float32 at least."""
    return torch.promote_types(x.dtype, torch.float32)


def sines(position: Tensor, features: int, temperature: float) -> Tensor:
    """[...] to [..., features]: sine and cosine in turn, of wavelengths from 1 to temperature."""
    half = features // 2
    power = torch.arange(half, dtype=torch.float32, device=position.device) / half
    angle = 2 * math.pi * position.unsqueeze(-1) / torch.pow(temperature, power)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)


def logit(x: Tensor) -> Tensor:
    """As ``torch.logit``, which PyTorch 1.13 cannot write as ONNX."""
    return (x / (1 - x)).log()


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, widths: List[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(widths, widths[1:])])

    def forward(self, x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            x = layer(x) if index == 0 else layer(x.relu())
        return x


# ---- image backbone ------------------------------------------------------------------------------


class WindowAttention(nn.Module):
    """Multi-head self-attention of a window's cells, biased by their distance."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def bias(self) -> Tensor:
        """[heads, cells, cells]"""
        side = torch.arange(self.window, device=self.qkv.weight.device)
        offset = side[:, None] - side[None, :] + (self.window - 1)
        index = offset[:, None, :, None] * (2 * self.window - 1) + offset[None, :, None, :]
        cells = self.window * self.window
        table = self.relative_position_bias_table[index.reshape(-1)]
        return table.reshape(cells, cells, self.heads).permute(2, 0, 1)

    def forward(self, x: Tensor, mask: Optional[Tensor]) -> Tensor:
        """[windows, cells, width] to the same; mask [windows, 1, cells, cells] is added."""
        windows, cells, width = x.shape
        qkv = self.qkv(x).reshape(windows, cells, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = (qkv[0] * (width // self.heads) ** -0.5) @ qkv[1].transpose(-2, -1)
        weights += self.bias()
        if mask is not None:
            weights += mask
        mixed = weights.softmax(-1) @ qkv[2]
        return self.proj(mixed.transpose(1, 2).reshape(windows, cells, width))


class FeedForward(nn.Module):
    """Two linear layers with GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """Transformer block in windows, moved by ``shift`` cells against those of the block before."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.window = window
        self.shift = shift
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, 4 * width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[1, h, w, width] to the same; the mask is for a shifted block."""
        _, h, w, width = x.shape
        side = self.window
        padded = F.pad(self.norm1(x), [0, 0, 0, -w % side, 0, -h % side])
        if self.shift > 0:
            padded = padded.roll([-self.shift, -self.shift], [1, 2])
        down, across = padded.shape[1] // side, padded.shape[2] // side
        cut = padded.view(down, side, across, side, width).transpose(1, 2)
        mixed = self.attn(
            cut.reshape(down * across, side * side, width), mask if self.shift > 0 else None
        )
        mixed = mixed.view(down, across, side, side, width).transpose(1, 2)
        mixed = mixed.reshape(1, down * side, across * side, width)
        if self.shift > 0:
            mixed = mixed.roll([self.shift, self.shift], [1, 2])
        x = x + mixed[:, :h, :w]
        return x + self.mlp(self.norm2(x))


class PatchMerging(nn.Module):
    """Four neighbouring cells become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, [0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2])
        parts = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class SwinStage(nn.Module):
    """Blocks of one resolution, every second one with shifted windows; then merging, or nothing."""

    def __init__(self, width: int, depth: int, heads: int, window: int, merge: bool) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            [SwinBlock(width, heads, window, window // 2 * (block % 2)) for block in range(depth)]
        )
        self.downsample = PatchMerging(width) if merge else None

    def mask(self, x: Tensor) -> Tensor:
        """[windows, 1, cells, cells]: -100 between cells that only the shift made neighbours."""
        side = self.window
        h, w = x.shape[1] + -x.shape[1] % side, x.shape[2] + -x.shape[2] % side
        rows, columns = self._region(h, x), self._region(w, x)
        region = (rows[:, None] * 3 + columns[None, :]).view(h // side, side, w // side, side)
        region = region.transpose(1, 2).reshape(-1, 1, side * side)
        return (region.transpose(1, 2) != region).to(x.dtype).mul(-100).unsqueeze(1)

    def _region(self, length: int, like: Tensor) -> Tensor:
        position = torch.arange(length, device=like.device)
        last, cut = length - self.window, length - self.window // 2
        return (position >= last).to(torch.int64) + (position >= cut).to(torch.int64)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """What the stage gives, and what the next one is given."""
        mask = self.mask(x)
        for block in self.blocks:
            x = block(x, mask)
        if self.downsample is not None:
            return x, self.downsample(x)
        return x, x


class PatchEmbedding(nn.Module):
    """One normalised token every 4 x 4 pixels: [1, 3, H, W] to [1, H / 4, W / 4, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 4, stride=4)
        self.norm = nn.LayerNorm(width)

    def forward(self, image: Tensor) -> Tensor:
        image = F.pad(image, [0, -image.shape[3] % 4, 0, -image.shape[2] % 4])
        return self.norm(self.proj(image).permute(0, 2, 3, 1))


class Swin(nn.Module):
    """The last three of four stages, at strides 8, 16 and 32."""

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        widths = [config.width << stage for stage in range(STAGES)]
        self.patch_embed = PatchEmbedding(config.width)
        self.layers = nn.ModuleList(
            [
                SwinStage(width, depth, heads, config.window, width != widths[-1])
                for width, depth, heads in zip(widths, config.depths, config.heads)
            ]
        )
        self.norm1 = nn.LayerNorm(widths[1])
        self.norm2 = nn.LayerNorm(widths[2])
        self.norm3 = nn.LayerNorm(widths[3])

    def forward(self, image: Tensor) -> List[Tensor]:
        """[1, 3, H, W] to three [1, C, h, w]"""
        given = self.patch_embed(image)
        stages: List[Tensor] = []
        for layer in self.layers:
            x, given = layer(given)
            stages.append(x)
        normed = [self.norm1(stages[1]), self.norm2(stages[2]), self.norm3(stages[3])]
        return [x.permute(0, 3, 1, 2).contiguous() for x in normed]


# ---- text backbone -------------------------------------------------------------------------------


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int, allowed: Optional[Tensor]) -> Tensor:
    """Multi-head attention of [B, n, C] to [B, m, C]; ``allowed`` is broadcast to [B, 1, n, m]."""
    batch, n, width = q.shape
    q = q.view(batch, n, heads, -1).transpose(1, 2)
    k = k.view(k.shape[0], k.shape[1], heads, -1).permute(0, 2, 3, 1)
    v = v.view(v.shape[0], v.shape[1], heads, -1).transpose(1, 2)
    weights = (q * (width // heads) ** -0.5) @ k
    if allowed is not None:
        weights = weights.masked_fill(~allowed, -float("inf"))
    return (weights.softmax(-1) @ v).transpose(1, 2).reshape(batch, n, width)


class BertSelfAttention(nn.Module):
    """Attention without its output's projection."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        return attend(self.query(x), self.key(x), self.value(x), self.heads, allowed)


class BertOutput(nn.Module):
    """A projection, added to what came before and normalised."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inside, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)


class BertAttention(nn.Module):
    """Self-attention with its projection; ``self`` is the name in every published checkpoint."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = BertSelfAttention(config)
        self.output = BertOutput(config.width, config.width)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        return self.output(self.self(x, allowed), x)


class BertIntermediate(nn.Module):
    """The widening half of the feed-forward network."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.width, config.mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class BertLayer(nn.Module):
    """Transformer block, normalised afterwards."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = BertAttention(config)
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config.mlp_width, config.width)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        x = self.attention(x, allowed)
        return self.output(self.intermediate(x), x)


class BertEncoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList([BertLayer(config) for _ in range(config.depth)])

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        for layer in self.layer:
            x = layer(x, allowed)
        return x


class BertEmbeddings(nn.Module):
    """Word, position and type (always the first) of each token."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocabulary, config.width)
        self.position_embeddings = nn.Embedding(config.positions, config.width)
        self.token_type_embeddings = nn.Embedding(config.types, config.width)
        self.LayerNorm = nn.LayerNorm(config.width, eps=1e-12)

    def forward(self, token_ids: Tensor, position_ids: Tensor) -> Tensor:
        x = self.word_embeddings(token_ids) + self.token_type_embeddings.weight[0]
        return self.LayerNorm(x + self.position_embeddings(position_ids))


class Bert(nn.Module):
    """BERT without its pooler: token and position ids [B, T] to features [B, T, width]."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)

    def forward(self, token_ids: Tensor, position_ids: Tensor, allowed: Tensor) -> Tensor:
        return self.encoder(self.embeddings(token_ids, position_ids), allowed)


# ---- attention of image and text -----------------------------------------------------------------


class Attention(nn.Module):
    """Multi-head attention; the three projections are one matrix, as in ``MultiheadAttention``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, allowed: Optional[Tensor]) -> Tensor:
        """q [B, n, C], k and v [B, m, C], allowed like [B, 1, n, m] to [B, n, C]"""
        weight, bias = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k = F.linear(q, weight[0], bias[0]), F.linear(k, weight[1], bias[1])
        v = F.linear(v, weight[2], bias[2])
        return self.out_proj(attend(q, k, v, self.heads, allowed))


class FusionAttention(nn.Module):
    """Image and text attend to each other with one set of weights, by two softmaxes.

    Inside, the published network is four times as wide as its tokens. A caption has few tokens, so
    the text's side of each product is projected to the image's width first, for every head: cells
    times tokens times width is less work than projecting the cells for up to 256 tokens.
    """

    def __init__(self, width: int, inside: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.v_proj = nn.Linear(width, inside)
        self.l_proj = nn.Linear(width, inside)
        self.values_v_proj = nn.Linear(width, inside)
        self.values_l_proj = nn.Linear(width, inside)
        self.out_v_proj = nn.Linear(inside, width)
        self.out_l_proj = nn.Linear(inside, width)

    def _heads(self, x: Tensor) -> Tensor:
        """[B, T, inside] to [B, heads, T, inside / heads]"""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def _similarity(self, image: Tensor, text: Tensor) -> Tensor:
        """[B, S, heads, T] of image [1 or B, S, C] and text [B, T, C]"""
        batch, tokens, width = text.shape
        keys = self._heads(self.l_proj(text))
        keys = keys * keys.shape[3] ** -0.5
        by_head = self.v_proj.weight.view(self.heads, -1, width)
        folded = (keys @ by_head).reshape(batch, self.heads * tokens, width)
        offset = keys @ self.v_proj.bias.view(self.heads, -1, 1)
        similarity = image @ folded.transpose(1, 2) + offset.view(batch, 1, -1)
        return similarity.view(batch, -1, self.heads, tokens)

    def forward(self, image: Tensor, text: Tensor, token_mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Changes of the image [B, S, C] and of the text [B, T, C]; the image may be [1, S, C]."""
        batch, tokens, width = text.shape
        similarity = self._similarity(image, text)

        to_text = similarity.flatten(2).transpose(1, 2).softmax(-1)  # [B, heads T, S]
        gathered = (to_text @ image).view(batch, self.heads, tokens, width)
        values = gathered @ self.values_v_proj.weight.view(self.heads, -1, width).transpose(1, 2)
        mixed = values.transpose(1, 2).reshape(batch, tokens, -1) + self.values_v_proj.bias
        text_change = self.out_l_proj(mixed)

        hidden = ~token_mask[:, None, None, :]
        to_image = similarity.masked_fill(hidden, -float("inf")).softmax(-1).flatten(2)
        by_head = self.out_v_proj.weight.view(width, self.heads, -1).permute(1, 2, 0)
        values = (self._heads(self.values_l_proj(text)) @ by_head).flatten(1, 2)
        return to_image @ values + self.out_v_proj.bias, text_change


class FusionLayer(nn.Module):
    """Both sides normalised, then changed by each other."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layer_norm_v = nn.LayerNorm(config.width)
        self.layer_norm_l = nn.LayerNorm(config.width)
        self.attn = FusionAttention(config.width, config.fusion_width, config.heads // 2)
        self.gamma_v = nn.Parameter(torch.ones(config.width))
        self.gamma_l = nn.Parameter(torch.ones(config.width))

    def forward(self, image: Tensor, text: Tensor, token_mask: Tensor) -> Tuple[Tensor, Tensor]:
        image, text = self.layer_norm_v(image), self.layer_norm_l(text)
        image_change, text_change = self.attn(image, text, token_mask)
        return image + self.gamma_v * image_change, text + self.gamma_l * text_change


class TextLayer(nn.Module):
    """Self-attention of each phrase's tokens."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.heads // 2)
        self.linear1 = nn.Linear(config.width, config.text_mlp_width)
        self.linear2 = nn.Linear(config.text_mlp_width, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, position: Tensor, allowed: Tensor) -> Tensor:
        placed = x + position
        x = self.norm1(x + self.self_attn(placed, placed, x, allowed))
        return self.norm2(x + self.linear2(self.linear1(x).relu_()))


class DeformableAttention(nn.Module):
    """Each query looks at a few points of every level, wherever its content says.

    Bilinear sampling and weighting are one weighted sum of rows (``embedding_bag``): each point is
    four rows of the values' table, and no sampled value is ever stored.
    """

    __constants__ = ["chunk"]
    chunk = 2048  #: queries at once: 64 MiB of rows and weights for 8 heads, 4 levels, 4 points

    def __init__(self, config: Config, points: int) -> None:
        super().__init__()
        self.heads = config.heads
        self.levels = config.levels
        self.points = points
        sampled = config.heads * config.levels * points
        self.sampling_offsets = nn.Linear(config.width, 2 * sampled)
        self.attention_weights = nn.Linear(config.width, sampled)
        self.value_proj = nn.Linear(config.width, config.width)
        self.output_proj = nn.Linear(config.width, config.width)

    def forward(
        self, query: Tensor, anchor: Tensor, memory: Tensor, shapes: List[List[int]]
    ) -> Tensor:
        """What the queries find.

        :param query: [B, Q, C], with positions added
        :param anchor: where a query's offsets start and what they are measured in, 0..1 of the
            image, in float32 or float64: points [B or 1, Q, 2] in cells of each level, or boxes
            [B, Q, 4] (centre and size) in halves of the box's size over the number of points
        :param memory: [B, S, C], the levels one after the other
        :param shapes: height and width of each level
        """
        queries = query.shape[1]
        values = self.value_proj(memory)
        parts: List[Tensor] = []
        for first in range(0, queries, self.chunk):
            last = min(queries, first + self.chunk)
            parts.append(self._sample(query[:, first:last], anchor[:, first:last], values, shapes))
        return self.output_proj(torch.cat(parts, 1))

    def _sample(
        self, query: Tensor, anchor: Tensor, values: Tensor, shapes: List[List[int]]
    ) -> Tensor:
        batch, queries, width = query.shape
        shape = [batch, queries, self.heads, self.levels, self.points]
        weights = self.attention_weights(query).view(batch, queries, self.heads, -1).softmax(-1)
        weights = weights.view(shape).to(anchor.dtype)
        offsets = self.sampling_offsets(query).to(anchor.dtype).view(shape + [2])
        sizes = torch.tensor(shapes, device=query.device)
        anchor = anchor[:, :, None, None, None, :]
        if anchor.shape[-1] == 2:
            offsets = offsets / sizes.flip(1)[:, None, :]
        else:
            offsets = offsets * anchor[..., 2:] * (0.5 / self.points)
        rows, weights = self._rows(anchor[..., :2] + offsets, weights, sizes)

        bags = batch * queries * self.heads
        starts = torch.arange(bags, device=rows.device) * (rows.numel() // bags)
        if values.dtype == torch.bfloat16:  # PyTorch 1.13 has no such table
            values = values.float()
        table = values.view(-1, width // self.heads)
        found = torch.embedding_bag(
            table, rows, starts, False, 0, False, weights.to(table.dtype), False
        )[0]
        return found.view(batch, queries, width).to(query.dtype)

    def _rows(self, places: Tensor, weights: Tensor, sizes: Tensor) -> Tuple[Tensor, Tensor]:
        """The table's rows under each point, and what each counts; outside of the level, nothing.

        ``places`` [B, Q, heads, levels, points, 2] are x, y in 0..1. The table has a row for each
        image of the batch, cell and head, in this order.
        """
        device, batch = places.device, places.shape[0]
        cells = sizes[:, 0] * sizes[:, 1]
        starts = (cells.cumsum(0) - cells)[:, None]
        height, width = sizes[:, 0, None], sizes[:, 1, None]
        x = places[..., 0] * width - 0.5
        y = places[..., 1] * height - 0.5
        left, top = x.floor(), y.floor()
        image = torch.arange(batch, device=device).view(-1, 1, 1, 1, 1) * cells.sum()
        head = torch.arange(self.heads, device=device).view(-1, 1, 1)

        rows: List[Tensor] = []
        shares: List[Tensor] = []
        for down in range(2):
            row = top.to(torch.int64) + down
            share = weights * (1 - (y - row).abs()) * ((row >= 0) & (row < height))
            line = starts + image + torch.minimum(row.clamp(min=0), height - 1) * width
            for right in range(2):
                column = left.to(torch.int64) + right
                inside = (column >= 0) & (column < width)
                cell = line + torch.minimum(column.clamp(min=0), width - 1)
                rows.append(cell * self.heads + head)
                shares.append(share * (1 - (x - column).abs()) * inside)
        return torch.stack(rows, -1).view(-1), torch.stack(shares, -1).view(-1)


class EncoderLayer(nn.Module):
    """Deformable self-attention of the image's cells."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(config, config.encoder_points)
        self.norm1 = nn.LayerNorm(config.width)
        self.linear1 = nn.Linear(config.width, config.encoder_mlp_width)
        self.linear2 = nn.Linear(config.encoder_mlp_width, config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(
        self, x: Tensor, position: Tensor, points: Tensor, shapes: List[List[int]]
    ) -> Tensor:
        x = self.norm1(x + self.self_attn(x + position, points, x, shapes))
        return self.norm2(x + self.linear2(self.linear1(x).relu_()))


class Encoder(nn.Module):
    """Image and text in turn: fused, the text by phrase, the image by place."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        depth = config.encoder_depth
        self.layers = nn.ModuleList([EncoderLayer(config) for _ in range(depth)])
        self.text_layers = nn.ModuleList([TextLayer(config) for _ in range(depth)])
        self.fusion_layers = nn.ModuleList([FusionLayer(config) for _ in range(depth)])

    def forward(
        self,
        image: Tensor,
        position: Tensor,
        points: Tensor,
        shapes: List[List[int]],
        text: Tensor,
        text_position: Tensor,
        text_mask: Tensor,
        token_mask: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        """image [1, S, C] and text [B, T, C] to [B, S, C] and [B, T, C]"""
        allowed = text_mask[:, None]
        layers = zip(self.fusion_layers, self.text_layers, self.layers)
        for fusion_layer, text_layer, layer in layers:
            image, text = fusion_layer(image, text, token_mask)
            text = text_layer(text, text_position, allowed)
            image = layer(image, position, points, shapes)
        return image, text


# ---- decoder -------------------------------------------------------------------------------------


class DecoderLayer(nn.Module):
    """Queries attend to each other, to the text and to the image around their boxes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.cross_attn = DeformableAttention(config, config.decoder_points)
        self.norm1 = nn.LayerNorm(config.width)
        self.ca_text = Attention(config.width, config.heads)
        self.catext_norm = nn.LayerNorm(config.width)
        self.self_attn = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width)
        self.linear1 = nn.Linear(config.width, config.decoder_mlp_width)
        self.linear2 = nn.Linear(config.decoder_mlp_width, config.width)
        self.norm3 = nn.LayerNorm(config.width)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        boxes: Tensor,
        memory: Tensor,
        shapes: List[List[int]],
        text: Tensor,
        allowed: Tensor,
    ) -> Tensor:
        placed = x + position
        x = self.norm2(x + self.self_attn(placed, placed, x, None))
        x = self.catext_norm(x + self.ca_text(x + position, text, text, allowed))
        x = self.norm1(x + self.cross_attn(x + position, boxes, memory, shapes))
        return self.norm3(x + self.linear2(self.linear1(x).relu_()))


class Decoder(nn.Module):
    """Queries and their boxes, refined by every layer; all layers share one head for boxes."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList([DecoderLayer(config) for _ in range(config.decoder_depth)])
        self.norm = nn.LayerNorm(width)
        self.ref_point_head = Mlp([2 * width, width, width])
        self.bbox_embed = Mlp([width, width, width, 4])

    def _position(self, boxes: Tensor, like: Tensor) -> Tensor:
        """[B, Q, C] of boxes [B, Q, 4]"""
        waves = sines(boxes, like.shape[2] // 2, 10000.0)
        parts = [waves[:, :, 1], waves[:, :, 0], waves[:, :, 2], waves[:, :, 3]]  # y before x
        return self.ref_point_head(torch.cat(parts, 2).to(like.dtype))

    def _refined(self, boxes: Tensor, x: Tensor) -> Tensor:
        return (logit(boxes.clamp(1e-5, 1 - 1e-5)) + self.bbox_embed(x)).sigmoid()

    def forward(
        self,
        x: Tensor,
        boxes: Tensor,
        memory: Tensor,
        shapes: List[List[int]],
        text: Tensor,
        token_mask: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        """Queries [B, Q, C], normalised, and their boxes [B, Q, 4], of queries and first boxes."""
        allowed = token_mask[:, None, None, :]
        before = boxes
        for layer in self.layers:
            x = layer(x, self._position(boxes, x), boxes, memory, shapes, text, allowed)
            before, boxes = boxes, self._refined(boxes, x)
        x = self.norm(x)
        return x, self._refined(before, x)  # the published heads read the normalised queries


# ---- the whole -----------------------------------------------------------------------------------


def similarity(
    x: Tensor, text: Tensor, token_mask: Tensor, padding: float = PADDING_LOGIT
) -> Tensor:
    """Logits [B, n, T] of x [B, n, C] for each token of text [B, T, C], in float32 at least."""
    logits = (x @ text.transpose(1, 2)).to(exact_type(x))
    return logits.masked_fill(~token_mask[:, None, :], padding)


class Transformer(nn.Module):
    """Encoder, the choice of the cells to start from, decoder."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.level_embed = nn.Parameter(torch.zeros(config.levels, width))
        self.tgt_embed = nn.Embedding(config.queries, width)
        self.enc_output = nn.Linear(width, width)
        self.enc_output_norm = nn.LayerNorm(width)
        self.enc_out_bbox_embed = Mlp([width, width, width, 4])

    def _proposals(self, points: Tensor, shapes: List[List[int]]) -> Tensor:
        """Boxes [1, S, 4] about each cell, on the first level a twentieth of the image wide."""
        sides: List[Tensor] = []
        for level, shape in enumerate(shapes):
            sides.append(torch.full([shape[0] * shape[1]], 0.05 * 2.0**level))
        side = torch.cat(sides).to(points)[None, :, None]
        return torch.cat([points, side.expand(1, -1, 2)], 2)

    def best(self, fit: Tensor) -> Tensor:
        """[B, Q]: which cells of [B, S] fit best, in descending order."""
        return fit.topk(min(self.tgt_embed.weight.shape[0], fit.shape[1]), 1)[1]

    def start(
        self,
        memory: Tensor,
        points: Tensor,
        shapes: List[List[int]],
        text: Tensor,
        token_mask: Tensor,
    ) -> Tensor:
        """Boxes [B, Q, 4] of the cells that fit a token best, in descending order.

        An image with fewer cells than there are queries gives as many as it has cells.
        """
        proposals = self._proposals(points, shapes)
        inside = ((proposals > 0.01) & (proposals < 0.99)).all(2, keepdim=True)
        cells = self.enc_output_norm(self.enc_output(memory.masked_fill(~inside, 0.0)))
        chosen = self.best(similarity(cells, text, token_mask).amax(2)).unsqueeze(2)
        cells = cells.gather(1, chosen.expand(-1, -1, cells.shape[2]))
        # a cell at the border has no box of its own: the whole image and more, sigmoid(inf)
        logits = logit(proposals).masked_fill(~inside, float("inf"))
        logits = logits.expand(chosen.shape[0], -1, -1).gather(1, chosen.expand(-1, -1, 4))
        return (logits + self.enc_out_bbox_embed(cells)).sigmoid()

    def forward(
        self,
        image: Tensor,
        position: Tensor,
        points: Tensor,
        shapes: List[List[int]],
        text: Tensor,
        text_position: Tensor,
        text_mask: Tensor,
        token_mask: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        """Logits [B, Q, T] and boxes [B, Q, 4]; see GroundingDino."""
        memory, text = self.encoder(
            image, position, points, shapes, text, text_position, text_mask, token_mask
        )
        boxes = self.start(memory, points, shapes, text, token_mask)
        queries = self.tgt_embed.weight[: boxes.shape[1]].expand(boxes.shape[0], -1, -1)
        x, boxes = self.decoder(queries, boxes, memory, shapes, text, token_mask)
        return similarity(x, text, token_mask), boxes


class GroundingDino(nn.Module):
    """The detector; see :meth:`forward`."""

    __constants__ = ["temperature"]
    temperature = 20.0  #: of the cells' positions

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.backbone = nn.ModuleList([Swin(config.swin)])
        self.bert = Bert(config.bert)
        self.feat_map = nn.Linear(config.bert.width, config.width)
        given = [config.swin.width << stage for stage in range(1, STAGES)]
        finer = [self._projection(channels, config.width, 1) for channels in given]
        given = given[-1:] + [config.width] * (config.levels - FEATURES - 1)
        coarser = [
            self._projection(channels, config.width, 3)
            for channels in given[: config.levels - FEATURES]
        ]
        self.input_proj = nn.ModuleList(finer + coarser)
        self.transformer = Transformer(config)

    @staticmethod
    def _projection(channels: int, width: int, kernel: int) -> nn.Sequential:
        """Keeps the resolution with kernel 1, halves it with kernel 3."""
        return nn.Sequential(
            nn.Conv2d(channels, width, kernel, stride=(kernel + 1) // 2, padding=kernel // 2),
            nn.GroupNorm(32, width),
        )

    def _levels(self, image: Tensor) -> List[Tensor]:
        """Feature maps [1, C, h, w], from fine to coarse."""
        features = self.backbone[0](image)
        last = features[-1]
        levels: List[Tensor] = []
        for index, projection in enumerate(self.input_proj):
            given = features[index] if index < len(features) else last
            level = projection(given)
            levels.append(level)
            if index >= len(features):
                last = level
        return levels

    def _points(self, h: int, w: int, like: Tensor) -> Tensor:
        """[1, h w, 2]: x and y of the cells' centres in 0..1"""
        y = ((torch.arange(h, device=like.device) + 0.5) / h).to(exact_type(like))
        x = ((torch.arange(w, device=like.device) + 0.5) / w).to(exact_type(like))
        return torch.stack([x[None].expand(h, w), y[:, None].expand(h, w)], 2).view(1, h * w, 2)

    def _waves(self, cells: int, like: Tensor) -> Tensor:
        """[cells, C / 2]: the waves of a row's or a column's far side, in float32."""
        far = torch.arange(1, cells + 1, dtype=torch.float32, device=like.device)
        return sines(far / (cells + 1e-6), like.shape[1] // 2, self.temperature)

    def _position(self, h: int, w: int, level: int) -> Tensor:
        """[1, h w, C]: waves of each cell's place, y before x, and the level's own vector."""
        embedding = self.transformer.level_embed
        down = self._waves(h, embedding)[:, None].expand(h, w, -1)
        across = self._waves(w, embedding)[None].expand(h, w, -1)
        waves = torch.cat([down, across], 2).flatten(0, 1).unsqueeze(0)
        return waves.to(embedding.dtype) + embedding[level]

    def forward(
        self,
        image: Tensor,
        token_ids: Tensor,
        text_mask: Tensor,
        position_ids: Tensor,
        token_mask: Tensor,
    ) -> Tuple[Tensor, Tensor]:
        """Boxes, and how well each fits each token, for B captions of T tokens about one image.

        :param image: [1, 3, H, W] RGB, resized (short side 800, long side at most 1333) and
            normalised with the ImageNet mean and standard deviation, in the network's type. Any
            height and width; both should be 32 times the backbone's window at least.
        :param token_ids: [B, T] int64, with [CLS] and [SEP], at most 256
        :param text_mask: [B, T, T] bool: which tokens see each other. A phrase is a block: its
            words and the full stop or question mark that ends it. Each token sees itself.
        :param position_ids: [B, T] int64: place of a token within its phrase; [CLS] and [SEP] 0
        :param token_mask: [B, T] bool: false for padding
        :returns: logits [B, Q, T] before the sigmoid, -10000 for padding, and boxes [B, Q, 4]:
            centre x, centre y, width, height as shares of the image; float32, unless the network
            is float64. Q is 900, or less for an image of fewer cells.
        """
        text = self.feat_map(self.bert(token_ids, position_ids, text_mask[:, None]))
        place = position_ids.to(exact_type(text))
        text_position = sines(place, text.shape[2], 10000.0).to(text.dtype)

        shapes: List[List[int]] = []
        cells: List[Tensor] = []
        positions: List[Tensor] = []
        points: List[Tensor] = []
        for index, level in enumerate(self._levels(image)):
            h, w = level.shape[2], level.shape[3]
            shapes.append([h, w])
            cells.append(level.flatten(2).transpose(1, 2))
            points.append(self._points(h, w, level))
            positions.append(self._position(h, w, index))
        return self.transformer(
            torch.cat(cells, 1),
            torch.cat(positions, 1),
            torch.cat(points, 1),
            shapes,
            text,
            text_position,
            text_mask,
            token_mask,
        )
