"""How large a network is."""

from __future__ import annotations

from torch import nn


def parameters(net: nn.Module) -> int:
    """The number of trainable numbers in `net`."""
    return sum(p.numel() for p in net.parameters())
