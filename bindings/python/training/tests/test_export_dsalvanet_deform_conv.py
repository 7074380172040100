"""The deformable convolution equals the usual operator's, without being one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from persense_export.networks.deform_conv import deform_conv2d

# batch, channels, height, width, outputs, weight groups, offset groups, kernel, dilation
SHAPES = {
    "DSALVANet's, smaller": (1, 64, 24, 20, 6, 2, 8, 3, 4),
    "one column, a batch": (2, 16, 7, 1, 4, 1, 2, 3, 2),
    "5x5 kernel": (1, 8, 9, 13, 6, 2, 2, 5, 1),
}


def random_case(shape, offset_scale: float):
    batch, channels, height, width, outputs, groups, offset_groups, kernel, dilation = shape
    random = torch.Generator().manual_seed(0)
    planes = offset_groups * kernel * kernel
    return (
        torch.randn(batch, channels, height, width, generator=random).double(),
        offset_scale * torch.randn(batch, 2 * planes, height, width, generator=random).double(),
        torch.randn(outputs, channels // groups, kernel, kernel, generator=random).double(),
        torch.rand(batch, planes, height, width, generator=random).double(),
        (kernel - 1) * dilation // 2,
        dilation,
    )


def torchvision_s(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, pad: int, dil: int):
    ops = pytest.importorskip("torchvision.ops", reason="compared with torchvision's operator")
    return ops.deform_conv2d(x, offset, weight, padding=pad, dilation=dil, mask=mask)


@pytest.mark.parametrize("offset_scale", [0.7, 8.0], ids=["near", "beyond the borders"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_deform_conv2d_equals_torchvision_s(shape, offset_scale):
    case = random_case(shape, offset_scale)
    ours, theirs = deform_conv2d(*case), torchvision_s(*case)
    # float64: only the order of the sums differs
    assert (ours - theirs).abs().max() < 1e-12 * theirs.std()


def test_deform_conv2d_on_whole_pixels_at_the_border_equals_torchvision_s():
    x, offset, weight, mask, pad, dil = random_case(SHAPES["DSALVANet's, smaller"], 4.0)
    case = (x, offset.round(), weight, mask, pad, dil)  # exactly on, one before, one past the edge
    ours, theirs = deform_conv2d(*case), torchvision_s(*case)
    assert (ours - theirs).abs().max() < 1e-12 * theirs.std()


def test_deform_conv2d_without_offsets_is_the_plain_convolution():
    x, offset, weight, mask, pad, dil = random_case(SHAPES["5x5 kernel"], 1.0)
    ours = deform_conv2d(x, 0 * offset, weight, torch.ones_like(mask), pad, dil)
    theirs = F.conv2d(x, weight, padding=pad, dilation=dil, groups=2)
    assert (ours - theirs).abs().max() < 1e-12 * theirs.std()


def test_deform_conv2d_of_half_types_samples_at_the_float32_positions():
    wide = (1, 64, 3, 250, 6, 2, 8, 3, 1)  # a half type's columns near 250 are a pixel apart
    x, offset, weight, mask, pad, dil = random_case(wide, 3.0)
    rounded = [t.bfloat16() for t in (x, offset, weight, mask)]
    ours = deform_conv2d(*rounded, pad, dil)
    theirs = deform_conv2d(*(t.float() for t in rounded), pad, dil)
    assert ours.dtype == torch.bfloat16
    # projections rounded to 8 bits, then summed exactly; with positions rounded so too, 0.4
    assert (ours.float() - theirs).pow(2).mean().sqrt() < 0.01 * theirs.std()
