"""How much is done at each scale of a pyramid: the exact numbers of the paper, or fewer."""

from __future__ import annotations

import dataclasses

from gansaku.core.errors import UserError, nearest


@dataclasses.dataclass(frozen=True)
class Effort:
    """Numbers of a pyramid's training. A scale is small if it has at most `small` pixels.

    Small scales have three critic updates an iteration whatever the effort: they are cheap, and
    all that follows rests on them. The defaults are those of arXiv:1905.01164 and its code.
    """

    steps: int = 2000  # iterations of the coarsest scale
    fewer: float = 0.0  # power of the pixels by which iterations become fewer; 0: alike everywhere
    widest: int = 128  # channels
    small: int = 0  # pixels
    d_updates: int = 3  # of a large scale
    g_updates: int = 3  # gradients of the generator
    g_moves: int = 1  # optimiser steps on each
    g_more: int = 0  # reconstruction-only updates of a large scale's generator besides
    penalty_every: int = 1  # iterations of a large scale
    likeness: float = 10.0  # the reconstruction's weight above the coarsest scale
    bank: int = 0  # outputs of the frozen scales that a large one keeps; 0: each is made anew
    widen: bool = False  # a scale of twice the width starts from the last one too
    calm_after: float = (
        0.0  # share of a scale's iterations without improvement that ends it; 0: none
    )
    settle: bool = False  # batch statistics are taken anew when a scale is done

    def length(self, pixels: int, coarsest: int) -> int:
        """Iterations of a scale."""
        return max(1, round(self.steps * (coarsest / pixels) ** self.fewer))


_QUICK = Effort(widest=64, small=4000, d_updates=1, g_updates=1, g_moves=3, likeness=50.0)
_QUICK = dataclasses.replace(_QUICK, bank=16, widen=True, settle=True)
EFFORTS = {
    "paper": Effort(),
    "standard": dataclasses.replace(
        _QUICK, steps=2000, fewer=0.5, g_more=1, penalty_every=2, calm_after=0.4
    ),
    "fast": dataclasses.replace(_QUICK, steps=1000, fewer=0.6, penalty_every=3),
}


def effort(name: str, **given: float | bool | None) -> Effort:
    """The numbers of an effort, with those in their place that are given and not None."""
    if name not in EFFORTS:
        known = ", ".join(EFFORTS)
        raise UserError(f"no effort is called {name!r}{nearest(name, EFFORTS)} ({known})")
    return dataclasses.replace(EFFORTS[name], **{k: v for k, v in given.items() if v is not None})
