"""Dropout (arXiv:1207.0580), with masks of bits."""

from __future__ import annotations

import struct

import torch
from torch import Tensor, nn

STEPS = 2**16  # into which the share is rounded


class Dropout(nn.Dropout):
    """As `nn.Dropout`; on processors it draws 16 random bits a number.

    torch draws 64 and makes a double of them, one by one: that was a fifth of ALI's time. The
    share `p` is rounded to 1 / 65,536, and what is kept is scaled by the share that is.
    """

    def forward(self, x: Tensor) -> Tensor:
        quick = x.device.type == "cpu" and x.is_floating_point() and not self.inplace
        if not (quick and self.training and 0 < self.p < 1) or torch.compiler.is_compiling():
            return super().forward(x)
        return x * mask(x, self.p)


def mask(x: Tensor, p: float) -> Tensor:
    """0 with probability `p`, else what makes the mean 1, in the shape and type of `x`.

    Pictures are drawn pixel by pixel, however `x` lies in memory: the same run drops the same.
    """
    least = round(p * STEPS)  # of STEPS values those below are 0
    if least in (0, STEPS):
        return torch.full_like(x, float(least == 0))
    size = x.numel()
    drawn = torch.empty(-(-size // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None)
    bits, below = drawn.view(torch.int16)[:size], least - STEPS // 2 - 1
    kept = bits.clamp_(below, below + 1).sub_(below)  # 0 or 1
    scale = STEPS / (STEPS - least)
    if x.dtype.itemsize == 2:  # numbers of 16 bits need no conversion
        values = kept.mul_(_bits(scale, x.dtype)).view(x.dtype)
    else:
        values = kept.to(x.dtype).mul_(scale)
    if x.ndim != 4:
        return values.view(x.shape)
    return values.view(len(x), *x.shape[2:], x.shape[1]).permute(0, 3, 1, 2)


def _bits(value: float, dtype: torch.dtype) -> int:
    """The 16 bits of a positive number, as an integer; bfloat16 is the upper half of a float."""
    if dtype == torch.float16:
        return struct.unpack("<h", struct.pack("<e", value))[0]
    return (struct.unpack("<i", struct.pack("<f", value))[0] + 2**15) >> 16
