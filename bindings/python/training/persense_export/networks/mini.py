"""The small network: finds, judges and outlines the objects like one or more exemplars.

An image is resampled to levels whose scales are powers of two. On a level the network answers for
the objects whose equivalent diameter there lies in BAND, an octave wide: every object has one level
of its own, and a support object is described on the level where it lies in the band itself. So
objects of any two sizes are compared at about one size.

    network = Mini()
    features = network.trunk(level)  # once a level: knows no support
    prototype = network.pool(*network.trunk(patch), mask)  # of an exemplar; several: their mean
    maps = network.maps(*features, network.conditioning(prototype))
    grid = network.sample(*features, boxes)  # of candidate regions, (N, FEATURES, GRID, GRID)
    embedding = network.embed(crops, grid, shape)
    logits = network.decide(embedding, ...)  # same class as the exemplars, and quality
    outline = network.refine(windows, ...)  # at the level's own resolution

Images go through :func:`persense_training.worlds.stretch_table` first.
"""

from __future__ import annotations

from typing import List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense_export.networks.resize import resize_bilinear

BAND = (14.0, 28.0)  #: equivalent diameters that a level answers for, pixels of the level
UNIT = 12.0  #: of offsets, pixels of the level
#: Octaves by which bands overlap to either side: what a level is taught to find reaches so far.
OVERLAP = 0.2
PATCH = 64  #: height and width of an exemplar's patch, pixels of its level
MULTIPLE = 16  #: heights and widths of levels are multiples of it
PEAK = 1 / (2 * 3.141592653589793)  #: of a unit Gaussian as wide as a cell, what `peak` is in
MAPS = 6  #: channels of the maps, in this order:
TARGET, PEAKS, OFFSET_X, OFFSET_Y, OBJECT, CONTACT = range(MAPS)

LEVELS = (32, 64, 128)  #: channels at strides 2, 4, 8
FEATURES = sum(LEVELS)  #: channels of a sampled grid
PROTOTYPE = 2 * FEATURES  #: length of a prototype: means over object and ring, at three strides
GRID = 8  #: points along a side of a candidate's box
CROP = 32  #: pixels along a side of a candidate's crop
SHAPE = 6  #: numbers that describe a candidate's outline
EMBEDDING = 128
WINDOW = 48  #: pixels along a side of what an outline is refined in

BOTTOM = 192  #: channels at stride 16
COMPARISONS = 4  #: maps a stride
_CONDITION = 96  # length of what the prototype is summed up in
_QUERIES = 8  # learned ones, that sum up the candidates of an image
_PAIR = 96


def pointwise(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
    """A 1 x 1 convolution, the same to the last bit on any number of threads.

    The dilation changes nothing but how PyTorch computes it: without, on the CPU, by one library
    on one thread and by another on more.
    """
    return nn.Conv2d(inputs, outputs, 1, bias=bias, dilation=2)


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
        # in place where the old values are needed no more: memory is what large images wait for
        return self.second(F.relu(self.first(self.norm(x)), inplace=True)).add_(x)


def _mean(x: Tensor, weight: Tensor) -> Tensor:
    """Mean over the pixels of (B, C, H, W), weighted by (B, 1, H, W): (B, C)."""
    return (x * weight).sum(dim=[2, 3]) / (weight.sum(dim=[2, 3]) + 1e-4)


class Merge(nn.Module):
    """Joins a stride with what comes from below it, conditioned on the prototype (FiLM)."""

    def __init__(self, level: int, below: int) -> None:
        super().__init__()
        self.same = pointwise(level + COMPARISONS, level)
        self.below = pointwise(below, level, bias=False)
        self.steer = nn.Linear(_CONDITION, 2 * level)
        self.block = Block(level)
        with torch.no_grad():
            self.steer.weight.mul_(0.2)
            self.steer.bias.zero_()

    def forward(
        self, features: Tensor, compared: Tensor, below: Tensor, gain: Tensor, shift: Tensor
    ) -> Tensor:
        x = self.same(torch.cat([features, compared], dim=1))
        # narrowed first, then enlarged: the same sum for a quarter of the work
        x = x.add_(resize_bilinear(self.below(below), x.shape[2], x.shape[3], False))
        return self.block(torch.addcmul(shift, x, gain))


class Company(nn.Module):
    """A round in which learned queries attend to all candidates and the candidates to them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(_QUERIES, width) * 0.1)
        self.norm = nn.LayerNorm(width)
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.summary = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())
        self.ask = nn.Linear(width, width)
        self.tell_key, self.tell_value = nn.Linear(width, width), nn.Linear(width, width)
        self.after = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        with torch.no_grad():
            self.tell_value.weight.mul_(0.3)
            self.after[3].weight.mul_(0.3)

    def forward(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """(B, M, W) tokens of candidates, of which valid (B, M) says which there are."""
        root = float(tokens.shape[2]) ** -0.5
        x = self.norm(tokens)
        closeness = torch.matmul(self.key(x), self.queries.t()) * root  # (B, M, Q)
        closeness = closeness.float().masked_fill(~valid[:, :, None], -1e4)
        share = torch.softmax(closeness, dim=1).to(tokens.dtype)
        summed = torch.matmul(share.transpose(1, 2), self.value(x)) + self.queries
        summed = summed + self.summary(summed)  # (B, Q, W)
        heed = torch.matmul(self.ask(x), self.tell_key(summed).transpose(1, 2)) * root
        heed = torch.softmax(heed.float(), dim=2).to(tokens.dtype)
        tokens = tokens + torch.matmul(heed, self.tell_value(summed))
        return tokens + self.after(tokens)


class Mini(nn.Module):
    """Trunk, prototype, maps, candidate head and refinement, each a function of its arguments."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = LEVELS
        # what a script may not read of the module
        self._grid, self._crop, self._window, self._unit = GRID, CROP, WINDOW, UNIT
        self._target, self._peaks, self._object, self._contact = TARGET, PEAKS, OBJECT, CONTACT
        self._offset_x, self._offset_y, self._features = OFFSET_X, OFFSET_Y, FEATURES
        self.stem = nn.Conv2d(4, a, 5, stride=2, padding=2)
        self.level1 = Block(a)
        self.down2 = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.level2 = nn.Sequential(Block(b), Block(b))
        self.down3 = nn.Conv2d(b, c, 3, stride=2, padding=1)
        self.level3 = nn.Sequential(Block(c), Block(c), Block(c))
        self.norm1, self.norm2, self.norm3 = ChannelNorm(a), ChannelNorm(b), ChannelNorm(c)

        self.lengths: List[int] = [2 * channels for channels in LEVELS]
        self.steer = nn.Linear(PROTOTYPE, _CONDITION)
        self.bottom = nn.Conv2d(c + COMPARISONS, BOTTOM, 3, stride=2, padding=1)
        self.bottom_steer = nn.Linear(_CONDITION, 2 * BOTTOM)
        self.bottom_blocks = nn.Sequential(Block(BOTTOM), Block(BOTTOM))
        self.merge3 = Merge(c, BOTTOM)
        self.merge2 = Merge(b, c)
        self.merge1 = Merge(a, b)
        self.head = nn.Sequential(nn.Conv2d(a, a, 3, padding=1), nn.ReLU(), pointwise(a, MAPS))

        self.crop1 = nn.Conv2d(4, 32, 5, stride=2, padding=2)
        self.crop2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.join = pointwise(64 + FEATURES, 96)
        self.join_block = Block(96)
        self.join_down = nn.Conv2d(96, 128, 3, stride=2, padding=1)
        self.join_last = Block(128)
        self.embed1 = nn.Linear(2 * 128 + SHAPE + 3 * FEATURES, 192)
        self.embed2 = nn.Linear(192, EMBEDDING)
        self.embed_norm = nn.LayerNorm(EMBEDDING)
        self.pair = nn.Linear(2 * EMBEDDING + 2, _PAIR)
        self.attend = nn.Linear(_PAIR, 1)
        self.token = nn.Linear(EMBEDDING + 2 * _PAIR + MAPS, EMBEDDING)
        self.company1, self.company2 = Company(EMBEDDING), Company(EMBEDDING)
        self.verdict = nn.Linear(EMBEDDING, 2)

        self.guide = pointwise(a, 12)
        self.fine = nn.Conv2d(3 + 1 + 1 + MAPS - 2 + 12, 16, 3, padding=1)
        self.fine_down = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.fine_block = Block(32)
        self.coarse_down = nn.Conv2d(32, 48, 3, stride=2, padding=1)
        self.coarse_block = Block(48)
        self.coarse_up = pointwise(48, 32)
        self.fine_up = pointwise(32, 16)
        self.outline = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), pointwise(16, 1))
        with torch.no_grad():
            self.bottom_steer.weight.mul_(0.2)
            self.bottom_steer.bias.zero_()
            self.head[2].bias.copy_(torch.tensor([-1.0, -3.0, 0.0, 0.0, 0.0, -2.0]))

    @torch.jit.export
    def trunk(self, image: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Features at strides 2, 4 and 8 of (B, 3, H, W): 32, 64 and 128 channels."""
        dark = torch.sqrt(image.mean(dim=1, keepdim=True).clamp(min=1e-4))
        x1 = self.level1(self.stem(torch.cat([image, dark], dim=1) * 2 - 1))
        x2 = self.level2(self.down2(x1))
        x3 = self.level3(self.down3(x2))
        return self.norm1(x1), self.norm2(x2), self.norm3(x3)

    @torch.jit.export
    def pool(self, f1: Tensor, f2: Tensor, f3: Tensor, mask: Tensor) -> Tensor:
        """Prototypes (B, PROTOTYPE) of the objects that masks (B, 1, H, W) of 0 and 1 cover."""
        wide = F.max_pool2d(F.max_pool2d(mask, [21, 1], 1, [10, 0]), [1, 21], 1, [0, 10])
        ring = wide - F.max_pool2d(mask, 3, 1, 1)
        parts: List[Tensor] = []
        levels = [f1, f2, f3]
        for i in range(3):
            stride = 2 << i
            parts.append(_mean(levels[i], F.avg_pool2d(mask, stride)))
            parts.append(_mean(levels[i], F.avg_pool2d(ring, stride)))
        return torch.cat(parts, dim=1)

    def _comparison(self, own: Tensor, ring: Tensor) -> Tuple[Tensor, Tensor]:
        """Weights (B, C, 4) and shifts (B, 1, 4) of the maps that compare features of one stride
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
    def conditioning(self, prototype: Tensor) -> List[Tensor]:
        """All that :meth:`maps` makes of a prototype (B, PROTOTYPE) alone: weights and shifts of
        the comparison at strides 2, 4 and 8, then gains and shifts at strides 16, 8, 4 and 2.
        """
        out: List[Tensor] = []
        for level in prototype.split(self.lengths, dim=1):
            own, ring = level.chunk(2, dim=1)
            out.extend(self._comparison(own, ring))
        steer = F.relu(self.steer(prototype))
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
    def maps(self, f1: Tensor, f2: Tensor, f3: Tensor, conditioning: List[Tensor]) -> Tensor:
        """(B, MAPS, H / 2, W / 2): logit of being a target's, logit of the density in units of
        PEAK, offset x and y to the own object's centre in UNIT, logit of being any object's, logit
        of lying where two objects meet.
        """
        m1 = self._compared(f1, conditioning[0], conditioning[1])
        m2 = self._compared(f2, conditioning[2], conditioning[3])
        m3 = self._compared(f3, conditioning[4], conditioning[5])
        x = self.bottom(torch.cat([f3, m3], dim=1))
        x = self.bottom_blocks(torch.addcmul(conditioning[7], x, conditioning[6]))
        x = self.merge3(f3, m3, x, conditioning[8], conditioning[9])
        x = self.merge2(f2, m2, x, conditioning[10], conditioning[11])
        x = self.merge1(f1, m1, x, conditioning[12], conditioning[13])
        return self.head(x)

    def _lookup(self, x: Tensor, stride: float, owner: Tensor, points: Tensor) -> Tensor:
        """Bilinear values (N, P, C) of (B, C, h, w) at points (N, P, 2), pixels of the level."""
        b, c, h, w = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(b * h * w, c)
        at = (points + 0.5) / stride - 0.5
        column, row = at[:, :, 0].clamp(0, w - 1), at[:, :, 1].clamp(0, h - 1)
        left, top = column.floor().clamp(max=w - 2.0), row.floor().clamp(max=h - 2.0)
        right_part, lower_part = (column - left)[:, :, None], (row - top)[:, :, None]
        first = owner[:, None] * (h * w) + top.long() * w + left.long()
        shape = [points.shape[0], points.shape[1], c]
        found: List[Tensor] = []
        for step in [0, 1, w, w + 1]:
            found.append(flat.index_select(0, (first + step).reshape(-1)).reshape(shape))
        right_part, lower_part = right_part.to(x.dtype), lower_part.to(x.dtype)
        above = found[0] + right_part * (found[1] - found[0])
        below = found[2] + right_part * (found[3] - found[2])
        return above + lower_part * (below - above)

    def _points(self, boxes: Tensor) -> Tensor:
        """Points (N, GRID * GRID, 2) of boxes (N, 5): x, y of the middle, side, cosine, sine."""
        steps = (
            torch.arange(self._grid, device=boxes.device, dtype=boxes.dtype) + 0.5
        ) / self._grid - 0.5
        u = (
            (boxes[:, 2:3] * steps)[:, None, :]
            .expand(-1, self._grid, self._grid)
            .reshape(-1, self._grid * self._grid)
        )
        v = (
            (boxes[:, 2:3] * steps)[:, :, None]
            .expand(-1, self._grid, self._grid)
            .reshape(-1, self._grid * self._grid)
        )
        cosine, sine = boxes[:, 3:4], boxes[:, 4:5]
        x = boxes[:, 0:1] + cosine * u - sine * v
        y = boxes[:, 1:2] + sine * u + cosine * v
        return torch.stack([x, y], dim=2)

    @torch.jit.export
    def sample(self, f1: Tensor, f2: Tensor, f3: Tensor, owner: Tensor, boxes: Tensor) -> Tensor:
        """Features (N, FEATURES, GRID, GRID) in square boxes (N, 5) float32: x, y of the middle
        and side in pixels of the level (0, 0 is the middle of the first pixel), cosine and sine of
        the turn. owner: (N,) int64, the image of the batch.
        """
        points = self._points(boxes)
        parts: List[Tensor] = []
        levels = [f1, f2, f3]
        for i in range(3):
            parts.append(self._lookup(levels[i], float(2 << i), owner, points))
        grid = torch.cat(parts, dim=2)
        return grid.reshape(-1, self._grid, self._grid, self._features).permute(0, 3, 1, 2)

    @torch.jit.export
    def evidence(self, maps: Tensor, owner: Tensor, boxes: Tensor, masks: Tensor) -> Tensor:
        """Means (N, MAPS) of the maps inside of masks (N, 1, CROP, CROP) that lie in boxes."""
        values = self._lookup(maps, 2.0, owner, self._points(boxes))
        inside = (
            F.avg_pool2d(masks, self._crop // self._grid)
            .reshape(-1, self._grid * self._grid, 1)
            .to(values.dtype)
        )
        return (values * inside).sum(dim=1) / (inside.sum(dim=1) + 1e-3)

    @torch.jit.export
    def embed(self, crops: Tensor, grid: Tensor, shape: Tensor) -> Tensor:
        """Embeddings (N, EMBEDDING) of candidates: crops (N, 4, CROP, CROP), stretched RGB and
        mask; grid as sample() gives it, in the same boxes; shape (N, SHAPE).
        """
        # means and deviations inside the mask and means around it, beside what convolutions find
        cover = F.avg_pool2d(crops[:, 3:], self._crop // self._grid)
        inside, outside = _mean(grid, cover), _mean(grid, 1 - cover)
        apart = _mean((grid - inside[:, :, None, None]) ** 2, cover)
        means = torch.cat([inside, torch.sqrt(apart + 1e-4), outside], dim=1)
        x = F.relu(self.crop1(crops * 2 - 1))
        x = F.relu(self.crop2(x))
        x = self.join_block(F.relu(self.join(torch.cat([x, grid], dim=1))))
        x = self.join_last(F.relu(self.join_down(x)))
        summed = torch.cat([x.mean(dim=[2, 3]), x.amax(dim=[2, 3]), shape, means], dim=1)
        return self.embed_norm(self.embed2(F.relu(self.embed1(summed))))

    @torch.jit.export
    def decide(
        self,
        candidates: Tensor,
        sizes: Tensor,
        evidence: Tensor,
        valid: Tensor,
        exemplars: Tensor,
        exemplar_sizes: Tensor,
        exemplar_valid: Tensor,
    ) -> Tensor:
        """Logits (B, M, 2) of the candidates of an image: of being of the exemplars' class, and of
        the overlap (IoU) with a whole object.

        candidates: (B, M, EMBEDDING); sizes: (B, M), log2 of the diameter in pixels of the image;
        evidence: (B, M, MAPS); valid: (B, M) bool. exemplars: (B, K, EMBEDDING), exemplar_sizes,
        exemplar_valid: (B, K), with one valid one at least.
        """
        c, e = candidates[:, :, None, :], exemplars[:, None, :, :]
        ratio = (sizes[:, :, None] - exemplar_sizes[:, None, :])[:, :, :, None]
        ratio = (ratio * 0.5).clamp(-2, 2).to(candidates.dtype)
        both = torch.cat([(c - e).abs(), c * e, ratio, ratio.abs()], dim=3)
        pair = F.relu(self.pair(both))  # (B, M, K, P)
        there = exemplar_valid[:, None, :, None]
        heed = self.attend(pair).float().masked_fill(~there, -1e4)
        heed = torch.softmax(heed, dim=2).to(pair.dtype)
        even = there.to(pair.dtype)
        mean = (pair * even).sum(dim=2) / even.sum(dim=2)
        likeness = [(pair * heed).sum(dim=2), mean]
        tokens = F.relu(self.token(torch.cat([candidates, evidence] + likeness, dim=2)))
        tokens = self.company2(self.company1(tokens, valid), valid)
        return self.verdict(tokens)

    @torch.jit.export
    def refine(
        self, image: Tensor, coarse: Tensor, maps: Tensor, f1: Tensor, centre: Tensor
    ) -> Tensor:
        """Logits (N, 1, WINDOW, WINDOW) of belonging to the candidate in the window.

        image: (N, 3, WINDOW, WINDOW), the stretched level; coarse: (N, 1, WINDOW, WINDOW), the
        candidate's mask so far; maps, f1: (N, MAPS or 32, WINDOW / 2, WINDOW / 2), the same part of
        them; centre: (N, 2), x, y of the candidate's centre in the window.
        """
        half = self._window // 2
        cells = torch.arange(half, device=centre.device, dtype=torch.float32) * 2 + 0.5
        x = (
            cells[None, None, :]
            + self._unit * maps[:, self._offset_x].float()
            - centre[:, 0, None, None]
        )
        y = (
            cells[None, :, None]
            + self._unit * maps[:, self._offset_y].float()
            - centre[:, 1, None, None]
        )
        member = torch.exp((x * x + y * y) * (-1 / 32))[:, None].to(image.dtype)
        logits = torch.stack(
            [
                maps[:, self._target],
                maps[:, self._peaks],
                maps[:, self._object],
                maps[:, self._contact],
            ],
            dim=1,
        )
        low = torch.cat([member, logits.clamp(-8, 8) * 0.25, self.guide(f1)], dim=1)
        low = resize_bilinear(low, self._window, self._window, False)
        fine = F.relu(self.fine(torch.cat([image * 2 - 1, coarse, low], dim=1)))
        middle = self.fine_block(F.relu(self.fine_down(fine)))
        deep = self.coarse_block(F.relu(self.coarse_down(middle)))
        middle = middle + resize_bilinear(self.coarse_up(deep), half, half, False)
        fine = fine + resize_bilinear(
            self.fine_up(F.relu(middle)), self._window, self._window, False
        )
        return self.outline(fine) + (coarse * 2 - 1)

    def forward(self, query: Tensor, patch: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Maps of a query with one exemplar, and the exemplar's prototype."""
        p1, p2, p3 = self.trunk(patch)
        prototype = self.pool(p1, p2, p3, mask)
        f1, f2, f3 = self.trunk(query)
        return self.maps(f1, f2, f3, self.conditioning(prototype)), prototype
