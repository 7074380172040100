"""DSALVANet ("Few-Shot Object Counting with Dynamic Similarity-Aware in Latent Space"), scriptable.

Written from the published architecture; the parameter names are those of the authors' checkpoint,
so it loads by key. The network compares exactly three exemplars with the query image; another
number of them is brought to three as the authors do it.
"""

from __future__ import annotations

from typing import List

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from persense_export.networks.deform_conv import deform_conv2d
from persense_export.networks.resize import resize_bilinear
from persense_export.networks.resnet import ResNet50Features

IMAGE_SIZE = 512
STRIDE = 4  # of the fused backbone features
EXEMPLARS = 3
DIM = 256
POOL = 3  # an exemplar is POOL x POOL features
GROUPS = 2  # of the matching convolutions
BLOCKS = 4


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of [B, C, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2).contiguous()


class Backbone(nn.Module):
    """Three ResNet-50 stages, brought to stride 4 and concatenated: 1792 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet50Features()

    def forward(self, image: Tensor) -> Tensor:
        stride4, stride8, stride16 = self.resnet(image)
        height, width = stride4.shape[2], stride4.shape[3]
        stride8 = resize_bilinear(stride8, height, width, False)
        stride16 = resize_bilinear(stride16, height, width, False)
        return torch.cat([stride4, stride8, stride16], dim=1)


class DeformableMatch(nn.Module):
    """Slides the exemplars over the query as deformable kernels.

    The kernels' offsets and masks come from the query alone.
    """

    OFFSET_GROUPS = 8

    def __init__(self, dilation: int) -> None:
        super().__init__()
        planes = self.OFFSET_GROUPS * POOL * POOL
        self.dilation = dilation
        self.conv_offset = nn.Conv2d(DIM, 2 * planes, POOL, padding=POOL // 2)
        self.conv_mask = nn.Conv2d(DIM, planes, POOL, padding=POOL // 2)

    def forward(self, query: Tensor, kernel: Tensor) -> Tensor:
        offset = self.conv_offset(query)
        mask = torch.softmax(self.conv_mask(query), dim=1)
        return deform_conv2d(query, offset, kernel, mask, self.dilation, self.dilation)


class Similarity(nn.Module):
    """Similarity of each query cell to the exemplars at four scales, mixed to DIM channels."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = GROUPS
        self.kernels: List[int] = [EXEMPLARS * GROUPS, DIM // GROUPS, POOL, POOL]
        self.norm = ChannelNorm(DIM)
        self.in_conv = nn.Conv2d(DIM, DIM, 1)
        self.mdm_d1 = DeformableMatch(1)
        self.mdm_d2 = DeformableMatch(2)
        self.mdm_d4 = DeformableMatch(4)
        self.out_conv = nn.Conv2d(GROUPS * EXEMPLARS * 4, DIM, 1)

    def forward(self, query: Tensor, exemplars: Tensor) -> Tensor:
        query = self.norm(self.in_conv(query))
        exemplars = self.norm(self.in_conv(exemplars))
        # Each exemplar is cut into one kernel per group, in this order; the grouped convolutions
        # then give the first half of all kernels to the first half of the channels, which is not
        # the half that all of them were cut from. The weights were trained so.
        kernel = exemplars.reshape(self.kernels)
        peak = F.adaptive_max_pool2d(kernel, 1)
        maps = [
            F.conv2d(query, peak, groups=self.groups),
            self.mdm_d1(query, kernel),
            self.mdm_d2(query, kernel),
            self.mdm_d4(query, kernel),
        ]
        return self.out_conv(torch.cat(maps, dim=1))


class SimilarityBlock(nn.Module):
    """Adds the similarity to the features, then two convolutions, each sum normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.similarity_cal = Similarity()
        self.conv1 = nn.Conv2d(DIM, DIM, 3, padding=1)
        self.conv2 = nn.Conv2d(DIM, DIM, 3, padding=1)
        self.norm1 = ChannelNorm(DIM)
        self.norm2 = ChannelNorm(DIM)

    def forward(self, features: Tensor, exemplars: Tensor) -> Tensor:
        features = self.norm1(features + self.similarity_cal(features, exemplars))
        return self.norm2(features + self.conv2(F.leaky_relu(self.conv1(features))))


class SimilarityBlocks(nn.Module):
    """The stack of similarity blocks; the exemplars are cut anew from the features before each."""

    def __init__(self) -> None:
        super().__init__()
        self.stride = STRIDE
        self.exemplars = EXEMPLARS
        self.pool = POOL
        self.dsam_blocks = nn.ModuleList([SimilarityBlock() for _ in range(BLOCKS)])

    def windows(self, boxes: Tensor, height: int, width: int) -> List[List[int]]:
        """Feature windows (top, left, bottom, right; ends exclusive) of the three exemplars."""
        exact = boxes[0].to(torch.promote_types(boxes.dtype, torch.float32)) / self.stride
        start = torch.floor(exact[:, :2]).to(torch.int64).cpu()
        # The cell of the rounded-up corner belongs to the window: the exclusive end is one more.
        end = torch.ceil(exact[:, 2:]).to(torch.int64).cpu() + 1
        limit = torch.tensor([height, width])
        start = torch.minimum(start.clamp(min=0), limit - 1)
        end = torch.maximum(torch.minimum(end, limit), start + 1)
        rows: List[List[int]] = torch.cat([start, end], dim=1).tolist()
        return [rows[i % len(rows)] for i in range(self.exemplars)]

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        windows = self.windows(boxes, features.shape[2], features.shape[3])
        for block in self.dsam_blocks:
            crops = [features[0, :, w[0] : w[2], w[1] : w[3]] for w in windows]
            pooled = [F.adaptive_max_pool2d(crop, self.pool) for crop in crops]
            features = block(features, torch.stack(pooled))
        return features


class LatentStatistics(nn.Module):
    """Mean and log-variance of the latent features; the density is made from the mean alone.

    Training samples around it with the variance, which is defined here to complete the network.
    """

    WIDTH = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(DIM, self.WIDTH, 3, padding=1)
        self.ln1 = ChannelNorm(self.WIDTH)
        self.conv2 = nn.Conv2d(self.WIDTH, self.WIDTH, 3, padding=1)
        self.ln2 = ChannelNorm(self.WIDTH)
        self.mu = nn.Conv2d(self.WIDTH, DIM, 1)
        self.ln_mu = ChannelNorm(DIM)
        self.logvar = nn.Conv2d(self.WIDTH, DIM, 1)
        self.ln_logvar = ChannelNorm(DIM)

    def hidden(self, features: Tensor) -> Tensor:
        """What both statistics are read from."""
        x = F.leaky_relu(self.ln1(self.conv1(features)))
        return F.leaky_relu(self.ln2(self.conv2(x)))

    def mean(self, hidden: Tensor) -> Tensor:
        """mu of the latent features, [1, DIM, h, w]."""
        return F.leaky_relu(self.ln_mu(self.mu(hidden)))

    def log_variance(self, hidden: Tensor) -> Tensor:
        """log(sigma^2) of the latent features, [1, DIM, h, w]; needed in training only."""
        return F.leaky_relu(self.ln_logvar(self.logvar(hidden)))

    def forward(self, features: Tensor) -> Tensor:
        return self.mean(self.hidden(features))


class Double(nn.Module):
    """Doubles height and width, the corner pixels staying in the corners."""

    def forward(self, x: Tensor) -> Tensor:
        return resize_bilinear(x, 2 * x.shape[2], 2 * x.shape[3], True)


class Regressor(nn.Module):
    """Latent features to a density map of four times their size; never negative."""

    def __init__(self) -> None:
        super().__init__()
        self.regressor = nn.Sequential(
            nn.Conv2d(DIM, DIM // 2, 5, padding=2),
            nn.LeakyReLU(),
            Double(),
            nn.Conv2d(DIM // 2, DIM // 4, 3, padding=1),
            nn.LeakyReLU(),
            Double(),
            nn.Conv2d(DIM // 4, DIM // 8, 1),
            nn.LeakyReLU(),
            nn.Conv2d(DIM // 8, 1, 1),
            nn.ReLU(),
        )

    def forward(self, latent: Tensor) -> Tensor:
        return self.regressor(latent)


class Dsalvanet(nn.Module):
    """The density-map generator in evaluation mode.

    The latent features are their mean, without noise, so the same input gives the same map.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.in_conv = nn.Conv2d(256 + 512 + 1024, DIM, 1)
        self.dsam_blocks = SimilarityBlocks()
        self.lvam = LatentStatistics()
        self.count_regressor = Regressor()

    def forward(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Density of the exemplars' class.

        :param image: [1, 3, 512, 512] RGB, normalised with the ImageNet mean and standard deviation
        :param boxes: [1, K, 4] y0 x0 y1 x1 in pixels of that image, K >= 1, on any device. In
            float32, float64 or an integer type whatever the network's type: a half type does not
            hold these numbers exactly. The first three are used; with fewer, the list is repeated
            from its start until there are three.
        :returns: [1, 1, 512, 512], objects per pixel, >= 0
        """
        features = self.dsam_blocks(self.in_conv(self.backbone(image)), boxes)
        return self.count_regressor(self.lvam(features))
