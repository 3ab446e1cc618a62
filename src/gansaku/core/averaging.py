"""Moving averages of networks, whose half-life is stated in images."""

from __future__ import annotations

import copy

import torch
from torch import nn

from gansaku.core.contract import Nets

WARMUP = 0.05  # the half-life is at most this share of the images seen so far


def decay(halflife: float, images: int, new: int) -> float:
    """How much of the old average is kept when `new` images arrive after `images` in all.

    The half-life warms up (arXiv:2006.06676, appendix C): early on the average must forget
    the initial weights, so it never looks back further than a share of the run.
    """
    span = min(halflife, WARMUP * images)
    return 0.5 ** (new / span) if span > 0 else 0.0


class Averages:
    """Slow copies of the members `names` of `nets`, which sampling uses in their place."""

    def __init__(self, nets: Nets, names: tuple[str, ...]) -> None:
        self.nets, self.names = nets, names
        self.copies = nn.ModuleDict({name: copy.deepcopy(getattr(nets, name)) for name in names})
        self.copies.requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, keep: float) -> None:
        """Parameters move by `1 - keep` towards the present ones; buffers are copied."""
        for name in self.names:
            slow, fast = self.copies[name], getattr(self.nets, name)
            parameters = list(slow.parameters())
            if parameters:
                torch._foreach_lerp_(parameters, list(fast.parameters()), 1 - keep)
            for held, present in zip(slow.buffers(), fast.buffers(), strict=True):
                held.copy_(present)

    def view(self) -> Nets:
        """`Nets` to sample from: in eval mode, averaged members in place of the originals.

        Members without an average are the live ones: nothing is copied.
        """
        view = copy.copy(self.nets)
        view._modules = {**self.nets._modules, **self.copies._modules}
        return view
