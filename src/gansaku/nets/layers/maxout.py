"""Maxout (arXiv:1302.4389)."""

from __future__ import annotations

from torch import Tensor, nn


class Maxout(nn.Module):
    """The largest of `pieces` linear maps, for each of `units` (section 2).

    `x [N, inputs] -> [N, units]`.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        # torch.max over a dim keeps indices, and its gradient is that of one piece: ties at the
        # start, when all weights are tiny, would be split by amax
        return self.linear(x).unflatten(1, (-1, self.pieces)).max(2).values
