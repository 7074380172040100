"""TinyViT as the image encoder of MobileSAM.

After "TinyViT: Fast Pretraining Distillation for Small Vision Transformers" (Wu et al., 2022) and
"Faster Segment Anything" (Zhang et al., 2023); the classifier's head is left out. The encoder takes
any image whose sides are multiples of 16.
"""

from __future__ import annotations

import dataclasses
from typing import Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense_export.networks.sam import neck


@dataclasses.dataclass(frozen=True)
class TinyVitConfig:
    """Sizes, one entry a stage; those of MobileSAM (TinyViT-5M) unless given."""

    widths: Tuple[int, ...] = (64, 128, 160, 320)
    depths: Tuple[int, ...] = (2, 2, 6, 2)
    heads: Tuple[int, ...] = (0, 4, 5, 10)  #: the first stage is convolutional
    windows: Tuple[int, ...] = (0, 7, 14, 7)  #: cells along a side
    channels: int = 256  #: of an embedding


class ConvNorm(nn.Sequential):
    """Convolution without bias ("c") and batch norm ("bn")."""

    def __init__(self, a: int, b: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv2d(a, b, side, stride, side // 2, groups=groups, bias=False)
        self.add_module("c", convolution)
        self.add_module("bn", nn.BatchNorm2d(b))


class PatchEmbedding(nn.Module):
    """[n, 3, h, w] to [n, width, h / 4, w / 4]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            ConvNorm(3, width // 2, 3, 2), nn.GELU(), ConvNorm(width // 2, width, 3, 2)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.seq(image)


class InvertedBottleneck(nn.Module):
    """Widen, convolve each channel, narrow; with a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, 4 * width)
        self.conv2 = ConvNorm(4 * width, 4 * width, 3, groups=4 * width)
        self.conv3 = ConvNorm(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.gelu(self.conv2(F.gelu(self.conv1(x))))
        return F.gelu(x + self.conv3(inner))


class Merging(nn.Module):
    """Step to the next stage: another width and, with stride 2, half the resolution."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(width, out)
        self.conv2 = ConvNorm(out, out, 3, stride, groups=out)
        self.conv3 = ConvNorm(out, out)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))


class BiasedAttention(nn.Module):
    """Self-attention in a square window; a learned bias for every distance of two cells."""

    __constants__ = ["heads", "side"]

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.side = side
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, side * side))

    def forward(self, x: Tensor) -> Tensor:
        """[windows, side side, width] to the same."""
        m, t, width = x.shape
        # each head's query, key and value lie side by side
        qkv = self.qkv(self.norm(x)).view(m, t, self.heads, 3, -1).permute(3, 0, 2, 1, 4)
        weights = (qkv[0] @ qkv[1].transpose(2, 3)) * qkv.shape[4] ** -0.5
        weights = (weights + self._biases()).softmax(-1)
        return self.proj((weights @ qkv[2]).transpose(1, 2).reshape(m, t, width))

    def _biases(self) -> Tensor:
        """[heads, side side, side side]; the table is ordered by vertical, then horizontal."""
        cell = torch.arange(self.side * self.side, device=self.attention_biases.device)
        y = torch.div(cell, self.side, rounding_mode="floor")
        x = cell - y * self.side
        down, across = (y[:, None] - y[None]).abs(), (x[:, None] - x[None]).abs()
        return self.attention_biases[:, down * self.side + across]


class Mlp(nn.Module):
    """Norm and two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(self.norm(x))))


class WindowBlock(nn.Module):
    """Attention in windows, a convolution of each channel, and an MLP."""

    __constants__ = ["window"]

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.attn = BiasedAttention(width, heads, window)
        self.local_conv = ConvNorm(width, width, 3, groups=width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, h, w] to the same."""
        x = self.local_conv(x + self._in_windows(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return x + self.mlp(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def _in_windows(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        side = self.window
        x = F.pad(x, [0, 0, 0, -w % side, 0, -h % side])
        down, across = x.shape[1] // side, x.shape[2] // side
        x = x.view(n, down, side, across, side, c).transpose(2, 3)
        x = self.attn(x.reshape(n * down * across, side * side, c))
        x = x.view(n, down, across, side, side, c).transpose(2, 3)
        return x.reshape(n, down * side, across * side, c)[:, :h, :w]


class Stage(nn.Module):
    """Blocks of one width, and the step to the next stage."""

    def __init__(self, config: TinyVitConfig, index: int) -> None:
        super().__init__()
        width, heads, window = config.widths[index], config.heads[index], config.windows[index]
        last = len(config.widths) - 1
        self.blocks = nn.ModuleList(
            [
                WindowBlock(width, heads, window) if heads else InvertedBottleneck(width)
                for _ in range(config.depths[index])
            ]
        )
        self.downsample: nn.Module = nn.Identity()
        if index < last:  # the last step keeps the resolution: stride 16 as SAM's
            stride = 2 if index + 1 < last else 1
            self.downsample = Merging(width, config.widths[index + 1], stride)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.downsample(x)


class TinyVit(nn.Module):
    """Normalised image [n, 3, h, w] to embedding [n, channels, h / 16, w / 16]."""

    def __init__(self, config: TinyVitConfig = TinyVitConfig()) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(config.widths[0])
        self.layers = nn.ModuleList([Stage(config, i) for i in range(len(config.widths))])
        self.neck = neck(config.widths[-1], config.channels)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patch_embed(image)
        for stage in self.layers:
            x = stage(x)
        return self.neck(x)
