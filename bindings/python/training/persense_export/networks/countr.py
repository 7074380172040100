"""CounTR ("Transformer-based Generalised Visual Counting", BMVC 2022), scriptable.

Written from the published architecture; the parameter names are those of the authors' checkpoints,
so they load by key.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense_export.networks.resize import resize_bilinear

IMAGE_SIZE = 384
PATCH = 16
EXEMPLAR_SIZE = 64
DECODER_DIM = 512
DECODER_HEADS = 16
SCALE = 60  # of the density: its sum over SCALE is the number of objects
HEAD_DIM = 256  # channels of the density head
LAYER_NORM_EPS = 1e-6


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention of [B, N, C] over [B or 1, M, C]."""
    batch, count, dim = query.shape
    # Scaling the queries, not the products, keeps the latter within the range of float16.
    q = (query * (dim // heads) ** -0.5).reshape(batch, count, heads, dim // heads).transpose(1, 2)
    k = key.reshape(key.shape[0], key.shape[1], heads, dim // heads).permute(0, 2, 3, 1)
    v = value.reshape(value.shape[0], value.shape[1], heads, dim // heads).transpose(1, 2)
    out = torch.matmul(torch.softmax(torch.matmul(q, k), dim=-1), v)
    return out.transpose(1, 2).reshape(batch, count, dim)


class SelfAttention(nn.Module):
    """Multi-head attention of the tokens among themselves."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj(attend(q, k, v, self.heads))


class CrossAttention(nn.Module):
    """Multi-head attention of the image tokens over the exemplar tokens."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wq = nn.Linear(dim, dim)
        self.wk = nn.Linear(dim, dim)
        self.wv = nn.Linear(dim, dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, exemplars: Tensor) -> Tensor:
        return self.proj(attend(self.wq(x), self.wk(exemplars), self.wv(exemplars), self.heads))


class EncoderBlock(nn.Module):
    """The standard pre-norm transformer block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class DecoderBlock(nn.Module):
    """Pre-norm self-attention of the image tokens, cross-attention to the exemplars, and MLP."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm0 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.selfattn = SelfAttention(dim, heads)
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = CrossAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(dim)

    def forward(self, x: Tensor, exemplars: Tensor) -> Tensor:
        x = x + self.selfattn(self.norm0(x))
        x = x + self.attn(self.norm1(x), exemplars)
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """One token per PATCH x PATCH pixels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


def _exemplar_stage(inputs: int, outputs: int, pool: nn.Module) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1)
    return nn.Sequential(conv, nn.InstanceNorm2d(outputs), nn.ReLU(), pool)


def _head_stage(inputs: int, *last: nn.Module) -> nn.Sequential:
    conv = nn.Conv2d(inputs, HEAD_DIM, 3, padding=1)
    return nn.Sequential(conv, nn.GroupNorm(8, HEAD_DIM), nn.ReLU(), *last)


def _double(x: Tensor) -> Tensor:
    return resize_bilinear(x, 2 * x.shape[2], 2 * x.shape[3], False)


class Countr(nn.Module):
    """The density-map generator. Its map counts SCALE per object and can dip below 0."""

    def __init__(
        self, dim: int = 768, depth: int = 12, heads: int = 12, decoder_depth: int = 2
    ) -> None:
        super().__init__()
        self.grid = IMAGE_SIZE // PATCH
        tokens = self.grid**2
        self.patch_embed = PatchEmbedding(dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, dim))
        self.blocks = nn.ModuleList([EncoderBlock(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)

        self.decoder_embed = nn.Linear(dim, DECODER_DIM)
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, tokens, DECODER_DIM))
        self.shot_token = nn.Parameter(torch.zeros(DECODER_DIM))
        self.decoder_proj1 = _exemplar_stage(3, 64, nn.MaxPool2d(2))
        self.decoder_proj2 = _exemplar_stage(64, 128, nn.MaxPool2d(2))
        self.decoder_proj3 = _exemplar_stage(128, 256, nn.MaxPool2d(2))
        self.decoder_proj4 = _exemplar_stage(256, DECODER_DIM, nn.AdaptiveAvgPool2d(1))
        self.decoder_blocks = nn.ModuleList(
            [DecoderBlock(DECODER_DIM, DECODER_HEADS) for _ in range(decoder_depth)]
        )
        self.decoder_norm = nn.LayerNorm(DECODER_DIM, eps=LAYER_NORM_EPS)

        self.decode_head0 = _head_stage(DECODER_DIM)
        self.decode_head1 = _head_stage(HEAD_DIM)
        self.decode_head2 = _head_stage(HEAD_DIM)
        self.decode_head3 = _head_stage(HEAD_DIM, nn.Conv2d(HEAD_DIM, 1, 1))

    def encode(self, image: Tensor) -> Tensor:
        """Image tokens [B, 576, dim]."""
        x = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def exemplar_tokens(self, exemplars: Tensor) -> Tensor:
        """One token per exemplar crop, [1, K, 512]; the learned "no exemplar" token when K is 0."""
        if exemplars.shape[1] == 0:
            return self.shot_token.reshape(1, 1, -1)
        x = self.decoder_proj2(self.decoder_proj1(exemplars[0]))
        return self.decoder_proj4(self.decoder_proj3(x)).flatten(1).unsqueeze(0)

    def decode(self, tokens: Tensor, exemplars: Tensor) -> Tensor:
        """Image tokens matched with the exemplar tokens, [B, 576, 512]."""
        x = self.decoder_embed(tokens) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x, exemplars)
        return self.decoder_norm(x)

    def regress(self, tokens: Tensor) -> Tensor:
        """Matched tokens to the density map [B, 384, 384]."""
        x = tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], self.grid, self.grid)
        x = _double(self.decode_head0(x))
        x = _double(self.decode_head1(x))
        x = _double(self.decode_head2(x))
        return _double(self.decode_head3(x)).squeeze(1)

    def forward(self, image: Tensor, exemplars: Tensor) -> Tensor:
        """Raw density (SCALE per object) of the exemplars' class.

        :param image: [B, 3, 384, 384] RGB in 0 .. 1; B > 1 for several windows of one image
        :param exemplars: [1, K, 3, 64, 64] RGB crops in 0 .. 1, K >= 0, the same for every window
        :returns: [B, 384, 384]
        """
        return self.regress(self.decode(self.encode(image), self.exemplar_tokens(exemplars)))
