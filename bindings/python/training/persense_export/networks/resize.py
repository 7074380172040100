"""Bilinear resizing that every LibTorch since 1.13 reads back, scriptable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def resize_bilinear(x: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    """[B, C, h, w] to [B, C, height, width], as ``F.interpolate`` without antialiasing.

    A script calls the operator directly: scripting ``F.interpolate`` would write every branch of it
    into the archive, among them operators that older versions do not know. A tracer does not see
    where the size of a direct call comes from. Half types pass through
    float32, because the operator of older versions computes positions in the type of its input.
    """
    exact = torch.promote_types(x.dtype, torch.float32)
    size = [height, width]
    if torch.jit.is_scripting():
        larger = torch.ops.aten.upsample_bilinear2d(x.to(exact), size, align_corners)
    else:
        larger = F.interpolate(x.to(exact), size, mode="bilinear", align_corners=align_corners)
    return larger.to(x.dtype)
