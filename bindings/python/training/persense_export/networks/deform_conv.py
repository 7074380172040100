"""Modulated deformable convolution (DCNv2) on stock PyTorch operators, scriptable.

The usual kernel samples every input channel at every kernel tap and multiplies afterwards, which
takes C * kh * kw planes of memory. Sampling is linear in the input, so the order can be turned
round: first project each offset group's channels onto the output channels (one grouped 1x1
convolution), then sample the projections. Where an offset group has more channels than it feeds
outputs (32 and 3 in DSALVANet) that is so much less work and memory, and no custom operator.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def deform_conv2d(
    input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, padding: int, dilation: int
) -> Tensor:
    """Deformable convolution with stride 1, equal in value to ``torchvision.ops.deform_conv2d``.

    :param input: [B, C, H, W]
    :param offset: [B, 2 * G * kh * kw, h, w]: (y, x) in input pixels per offset group and tap
    :param weight: [O, C / groups, kh, kw]; groups divides G, so that every offset group lies within
        one weight group
    :param mask: [B, G * kh * kw, h, w]
    :param padding: zero padding on all four sides
    :param dilation: distance between taps, both axes
    :returns: [B, O, h, w] in the type of ``input``. Positions and blending are computed in float32
        at least: a half type cannot hold a position in a large map to a fraction of a pixel.
    """
    batch, height, width = input.shape[0], input.shape[2], input.shape[3]
    # int: to a tracer, too, what kernels look like is constant
    channels, outputs = int(input.shape[1]), int(weight.shape[0])
    kh, kw = int(weight.shape[2]), int(weight.shape[3])
    taps = kh * kw
    groups = channels // int(weight.shape[1])
    offset_groups = int(mask.shape[1]) // taps
    out_h, out_w = mask.shape[2], mask.shape[3]
    assert offset_groups % groups == 0, "deform_conv2d: an offset group in two weight groups"
    assert offset.shape[1] == 2 * mask.shape[1], "deform_conv2d: offset and mask do not match"

    # Project: projected[b, g, tap, o] = sum over the channels c of offset group g of
    # weight[o, c, tap] * input[b, c], for the outputs o that g contributes to.
    per_group = outputs // groups
    depth, planes = channels // offset_groups, offset_groups * taps * per_group
    kernel = weight.reshape(groups, per_group, offset_groups // groups, depth, taps)
    kernel = kernel.permute(0, 2, 4, 1, 3).reshape(planes, depth, 1, 1)
    projected = F.conv2d(input, kernel, groups=offset_groups)
    projected = projected.reshape(-1, per_group, height, width)

    # Sampling positions in input pixels, then in grid_sample's frame (-1 .. 1 from edge to edge).
    exact = torch.promote_types(input.dtype, torch.float32)
    shift = offset.to(exact).reshape(batch, offset_groups, taps, 2, out_h, out_w)
    tap_y = (torch.arange(kh, device=input.device) * dilation - padding)[:, None].expand(kh, kw)
    tap_x = (torch.arange(kw, device=input.device) * dilation - padding)[None].expand(kh, kw)
    rows = torch.arange(out_h, device=input.device).reshape(1, out_h, 1)
    columns = torch.arange(out_w, device=input.device).reshape(1, 1, out_w)
    y = shift[:, :, :, 0] + (tap_y.reshape(taps, 1, 1) + rows)
    x = shift[:, :, :, 1] + (tap_x.reshape(taps, 1, 1) + columns)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    grid = grid.reshape(-1, out_h, out_w, 2)

    # Bilinear, padded as the deformable convolution pads: a corner outside the map counts as 0.
    sampled = torch.grid_sampler(projected.to(exact), grid, 0, 0, False)
    sampled = sampled.reshape(batch, groups, -1, per_group, out_h, out_w)
    strength = mask.to(exact).reshape(batch, groups, -1, 1, out_h, out_w)
    return (sampled * strength).sum(dim=2).reshape(batch, outputs, out_h, out_w).to(input.dtype)
