"""persense's own small network: finds the objects like one support object, at one scale.

It looks at pictures in which the support object's equivalent diameter is CANONICAL pixels, so that
a small receptive field is enough; whoever runs it resamples them, runs it at further scales and
joins what they find. Pictures go through :func:`persense.train.episodes.stretch` first.

    network = Mini()
    features = network.trunk(query)  # once a query
    prototype = network.pool(*network.trunk(patch), mask)  # once a support object
    steering = network.steering(prototype)  # likewise
    maps = network.maps(*features[:3], steering)
"""

from __future__ import annotations

from typing import List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense.networks.resize import resize_bilinear

CANONICAL = 24  #: equivalent diameter of the support object, pixels
PATCH = 64  #: height and width of the support patch, pixels
MULTIPLE = 16  #: heights and widths of pictures are multiples of it
PEAK = 1 / (2 * 3.141592653589793)  #: of a unit Gaussian as wide as a cell, what `peak` is in
TARGET, PEAKS, OFFSET_X, OFFSET_Y, OBJECT = range(5)  #: channels of the maps

_LEVELS = (32, 64, 128)  # channels at strides 2, 4, 8
_BOTTOM = 192  # at stride 16
_COMPARISONS = 4  # maps a level
_STEER = 96  # length of what the prototype is summed up in
_LEARNED = 24  # channels of the look, beside three of colour
LOOK = 3 + _LEARNED
LOOKS = 2 * LOOK  #: length of an object's look: means, deviations
_MEANS = 2 * sum(_LEVELS)  # object and ring, at three levels
PROTOTYPE = _MEANS + LOOKS  #: length of a prototype


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of every pixel.

    Statistics over space would differ between a support patch and a query.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A residual block of two 3 x 3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.3)
            self.second.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(self.norm(x))))


def pointwise(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
    """A 1 x 1 convolution, the same to the last bit on any number of threads.

    The dilation changes nothing but how PyTorch computes it: without, on the CPU, by one library
    on one thread and by another on more.
    """
    return nn.Conv2d(inputs, outputs, 1, bias=bias, dilation=2)


class Merge(nn.Module):
    """Joins a level with what comes from below it, steered by the prototype."""

    def __init__(self, level: int, below: int) -> None:
        super().__init__()
        self.same = pointwise(level + _COMPARISONS, level)
        self.below = pointwise(below, level, bias=False)
        self.steer = nn.Linear(_STEER, 2 * level)
        self.block = Block(level)
        with torch.no_grad():
            self.steer.weight.mul_(0.2)
            self.steer.bias.zero_()

    def forward(
        self, features: Tensor, compared: Tensor, below: Tensor, gain: Tensor, shift: Tensor
    ) -> Tensor:
        x = self.same(torch.cat([features, compared], dim=1))
        # narrowed first, then enlarged: the same sum for a quarter of the work
        x = x + resize_bilinear(self.below(below), x.shape[2], x.shape[3], False)
        return self.block(x * gain + shift)


def _mean(x: Tensor, weight: Tensor) -> Tensor:
    """Mean over the pixels of (B, C, H, W), weighted by (B, 1, H, W): (B, C)."""
    return (x * weight).sum(dim=[2, 3]) / (weight.sum(dim=[2, 3]) + 1e-4)


class Mini(nn.Module):
    """Trunk, prototype, maps and comparison of looks. Everything is a function of its arguments.

    Shapes: B pictures of H x W; L = LOOK, P = PROTOTYPE.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c = _LEVELS
        self.stem = nn.Conv2d(4, a, 5, stride=2, padding=2)
        self.level1 = Block(a)
        self.down2 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.level2 = nn.Sequential(Block(b), Block(b))
        self.down3 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.level3 = nn.Sequential(Block(c), Block(c), Block(c))
        self.norm1, self.norm2, self.norm3 = ChannelNorm(a), ChannelNorm(b), ChannelNorm(c)
        self.look1 = pointwise(a, _LEARNED)
        self.look2 = pointwise(b, _LEARNED, bias=False)
        self.look3 = pointwise(c, _LEARNED, bias=False)

        self.lengths: List[int] = [2 * channels for channels in _LEVELS]  # of means
        self.steer = nn.Linear(_MEANS, _STEER)
        self.bottom = nn.Conv2d(c + _COMPARISONS, _BOTTOM, 3, stride=2, padding=1)
        self.bottom_steer = nn.Linear(_STEER, 2 * _BOTTOM)
        self.bottom_blocks = nn.Sequential(Block(_BOTTOM), Block(_BOTTOM))
        self.merge3 = Merge(c, _BOTTOM)
        self.merge2 = Merge(b, c)
        self.merge1 = Merge(a, b)
        self.head = nn.Sequential(nn.Conv2d(a, a, 3, padding=1), nn.ReLU(), pointwise(a, 5))
        self.compare1 = nn.Linear(2 * LOOKS, 192)
        self.compare2 = nn.Linear(192, 96)
        self.compare3 = nn.Linear(96, 1)
        with torch.no_grad():
            self.bottom_steer.weight.mul_(0.2)
            self.bottom_steer.bias.zero_()
            self.head[2].bias.copy_(torch.tensor([-1.0, -3.0, 0.0, 0.0, 0.0]))

    @torch.jit.export
    def trunk(self, image: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at strides 2, 4, 8 and the look (B, L, H / 2, W / 2) of (B, 3, H, W)."""
        dark = torch.sqrt(image.mean(dim=1, keepdim=True).clamp(min=1e-4))
        x1 = self.level1(self.stem(torch.cat([image, dark], dim=1) * 2 - 1))
        x2 = self.level2(self.down2(x1))
        x3 = self.level3(self.down3(x2))
        f1, f2, f3 = self.norm1(x1), self.norm2(x2), self.norm3(x3)
        look2 = self.look2(f2) + resize_bilinear(self.look3(f3), f2.shape[2], f2.shape[3], False)
        learned = self.look1(f1) + resize_bilinear(look2, f1.shape[2], f1.shape[3], False)
        look = torch.cat([F.avg_pool2d(image, 2), learned], dim=1)
        return f1, f2, f3, look

    @torch.jit.export
    def pool(self, f1: Tensor, f2: Tensor, f3: Tensor, look: Tensor, mask: Tensor) -> Tensor:
        """The prototype (B, P) of the objects that a mask (B, 1, H, W) of 0 and 1 covers."""
        wide = F.max_pool2d(F.max_pool2d(mask, [21, 1], 1, [10, 0]), [1, 21], 1, [0, 10])
        ring = wide - F.max_pool2d(mask, 3, 1, 1)
        parts: List[Tensor] = []
        levels = [f1, f2, f3]
        for i in range(3):
            stride = 2 << i
            parts.append(_mean(levels[i], F.avg_pool2d(mask, stride)))
            parts.append(_mean(levels[i], F.avg_pool2d(ring, stride)))
        inside = F.avg_pool2d(mask, 2)
        mean = _mean(look, inside)
        variance = _mean((look - mean[:, :, None, None]) ** 2, inside)
        parts.append(mean)
        parts.append(torch.sqrt(variance + 1e-4))
        return torch.cat(parts, dim=1)

    def _comparison(self, own: Tensor, ring: Tensor) -> Tuple[Tensor, Tensor]:
        """Weights (B, C, 4) and shifts (B, 1, 4) of the maps that compare features of one level
        with object and ring: cosines, as the features have one length, and the place on the way
        from one to the other.
        """
        own, ring = own.float(), ring.float()
        unit_own, unit_ring = F.normalize(own, dim=1), F.normalize(ring, dim=1)
        apart = own - ring
        far = torch.sqrt((apart * apart).sum(dim=1, keepdim=True) + 1e-2)
        across = apart / far
        root = float(own.shape[1]) ** 0.5
        weights = torch.stack(
            [unit_own / root, unit_ring / root, (unit_own - unit_ring) * (3 / root), across / far],
            dim=2,
        )
        middle = ((own + ring) * 0.5 * across).sum(dim=1, keepdim=True) / far
        shift = torch.cat([torch.zeros_like(middle).expand(middle.shape[0], 3), middle], dim=1)
        return weights, shift[:, None, :]

    @torch.jit.export
    def steering(self, prototype: Tensor) -> List[Tensor]:
        """All that :meth:`maps` makes of a prototype (B, P) alone: weights and shifts of the
        comparison at strides 2, 4 and 8, then gains and shifts at strides 16, 8, 4 and 2.
        """
        means = prototype[:, : self.steer.in_features]
        out: List[Tensor] = []
        for level in means.split(self.lengths, dim=1):
            own, ring = level.chunk(2, dim=1)
            out.extend(self._comparison(own, ring))
        steer = F.relu(self.steer(means))
        steers = [
            self.bottom_steer(steer),
            self.merge3.steer(steer),
            self.merge2.steer(steer),
            self.merge1.steer(steer),
        ]
        for both in steers:
            gain, shift = both[:, :, None, None].chunk(2, dim=1)
            out.extend([1 + gain, shift])
        return out

    def _compared(self, features: Tensor, weights: Tensor, shift: Tensor) -> Tensor:
        """Four maps, linear in the features."""
        b, c, h, w = features.shape
        flat = features.permute(0, 2, 3, 1).reshape(b, h * w, c)
        maps = torch.matmul(flat, weights.to(flat.dtype)) - shift.to(flat.dtype)
        return maps.reshape(b, h, w, weights.shape[2]).permute(0, 3, 1, 2)

    @torch.jit.export
    def maps(self, f1: Tensor, f2: Tensor, f3: Tensor, steering: List[Tensor]) -> Tensor:
        """(B, 5, H / 2, W / 2): logit of being a target's, logit of the density in units of PEAK,
        offset x and y to the own object's centre in CANONICAL / 2, logit of being any object's.
        """
        m1 = self._compared(f1, steering[0], steering[1])
        m2 = self._compared(f2, steering[2], steering[3])
        m3 = self._compared(f3, steering[4], steering[5])
        x = self.bottom(torch.cat([f3, m3], dim=1))
        x = self.bottom_blocks(x * steering[6] + steering[7])
        x = self.merge3(f3, m3, x, steering[8], steering[9])
        x = self.merge2(f2, m2, x, steering[10], steering[11])
        x = self.merge1(f1, m1, x, steering[12], steering[13])
        return self.head(x)

    @torch.jit.export
    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits (N,) that objects whose looks are (N, 2 L) and (N, 2 L) are of one class."""
        x = torch.cat([(a - b).abs(), (a + b) * 0.5], dim=1)
        x = F.relu(self.compare1(x))
        x = F.relu(self.compare2(x))
        return self.compare3(x)[:, 0]

    def forward(self, query: Tensor, patch: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Maps, the query's look and the prototype."""
        p1, p2, p3, patch_look = self.trunk(patch)
        prototype = self.pool(p1, p2, p3, patch_look, mask)
        f1, f2, f3, look = self.trunk(query)
        return self.maps(f1, f2, f3, self.steering(prototype)), look, prototype
